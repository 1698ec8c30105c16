/**
 * How a command of ours is typed where this process was started. In: a command and the options that said which `serve` is meant;
 * out: a line that works when it is pasted. A checkout has no `agentopz` on its PATH, and npx puts one there for itself only.
 * A token is never in it: it is read from AGENTOPZ_TOKEN, or typed again.
 */

export interface Asked {
  readonly url?: string
  readonly config?: string
  /** Where it was done; undone without it, it would be undone everywhere. */
  readonly environment?: string
}

/** Sources run unbuilt in a checkout only. */
const IS_CHECKOUT = import.meta.url.endsWith('.ts')

export function typed(command: string, { url, config, environment }: Asked = {}): string {
  const given = Object.entries({ environment, url, config }).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, quoted(value)],
  )
  return [program(IS_CHECKOUT, process.env), command, ...given].join(' ')
}

export function program(isCheckout: boolean, env: Readonly<Record<string, string | undefined>>): string {
  if (isCheckout) return 'npm run -s agentopz --'
  return env['npm_command'] === 'exec' ? 'npx agentopz' : 'agentopz'
}

/** As a shell takes it for one word; names of agents and tools come from spans and may hold anything. */
export function quoted(word: string): string {
  return /^[\w./:@%+,=-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}
