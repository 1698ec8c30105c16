/**
 * URLs of storages as they are configured: `sqlite:PATH` or `postgres://USER@HOST/DATABASE`. In: what was written. Out: what is wrong with it,
 * and how messages show it. What may be a password is repeated by neither.
 */

/** What is wrong with a `storage` of the configuration; undefined when it can be used. What may be a password is not repeated. */
export function storageProblem(url: string): string | undefined {
  if (/^sqlite:./.test(url)) return undefined
  if (isPostgresUrl(url)) {
    const problem = postgresUrlProblem(url)
    return problem === undefined ? undefined : `${maskedUrl(url)} ${problem}`
  }
  const shown = url.includes('@') ? 'this' : `"${url}"`
  return `${shown} is no storage; write sqlite:./agentopz.db, or postgres://USER@HOST:5432/DATABASE`
}

export function isPostgresUrl(url: string): boolean {
  return /^postgres(ql)?:/.test(url)
}

/** What is wrong with a URL; undefined when it can be used. Never repeats what may be a password. */
export function postgresUrlProblem(url: string): string | undefined {
  const example = 'write postgres://USER@HOST:5432/DATABASE'
  if (!URL.canParse(url)) return `is no URL; ${example}, with special characters of a password as %XX`
  const { pathname, hash } = new URL(url)
  if (hash !== '') return `holds a #; ${example}, with special characters of a password as %XX`
  return pathname.length > 1 ? undefined : `names no database; ${example}`
}

/** A URL as messages show it: without its password, and without parameters, which may hold one. */
export function maskedUrl(url: string): string {
  if (!URL.canParse(url)) return 'postgres:…'
  const { username, host, pathname } = new URL(url)
  return `postgres://${username === '' ? '' : `${username}@`}${host}${pathname}`
}
