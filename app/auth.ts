/** Bearer tokens by role. Without any token configured everybody who can connect may do everything: bind to loopback, or set some. */
import { createHash, timingSafeEqual } from 'node:crypto'

export type Role = 'ingest' | 'read' | 'operate'

export interface Token {
  readonly name: string
  readonly role: Role
  readonly token: string
}

/** What a role may do besides its own: operators may read. */
const GRANTS: Readonly<Record<Role, readonly Role[]>> = { ingest: ['ingest'], read: ['read'], operate: ['operate', 'read'] }

/** What somebody may do, by the roles of all tokens. */
export function rolesOf(tokens: readonly Token[]): ReadonlySet<Role> {
  return new Set(tokens.flatMap((t) => GRANTS[t.role]))
}

/** Answers whether an Authorization header has a role. Comparison takes the same time whatever the token. */
export function createAuthorise(tokens: readonly Token[]): (role: Role, header: string | undefined) => boolean {
  const find = finder(tokens)
  return (role, header) => tokens.length === 0 || find(header).some((t) => GRANTS[t.role].includes(role))
}

/** Answers under which name a token is configured; undefined for no token or an unknown one. */
export function createIdentify(tokens: readonly Token[]): (header: string | undefined) => string | undefined {
  const find = finder(tokens)
  return (header) => find(header)[0]?.name
}

export interface Senders {
  /** Whether there is more than one to be fair between. */
  readonly areSeveral: boolean
  /** Under which name the token in a header is configured; undefined for none. */
  nameOf(header: string | undefined): string | undefined
}

/** Who sends, by ingest token. Those without one are nobody in particular: behind a proxy their addresses would be all the same. */
export function createSenders(tokens: readonly Token[]): Senders {
  const ingest = tokens.filter((t) => t.role === 'ingest')
  const names = new Set(ingest.map((t) => t.name))
  return { areSeveral: names.size > 1, nameOf: names.size === 0 ? () => undefined : createIdentify(ingest) }
}

/** The tokens that a header names: several when one is configured twice. */
function finder(tokens: readonly Token[]): (header: string | undefined) => readonly Token[] {
  const known = tokens.map((token) => ({ token, digest: digest(token.token) }))
  return (header) => {
    const given = /^Bearer\s+(\S+)$/i.exec(header ?? '')?.[1]
    if (given === undefined) return []
    const hash = digest(given)
    return known.filter((t) => timingSafeEqual(t.digest, hash)).map((t) => t.token)
  }
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
