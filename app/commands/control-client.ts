/**
 * What commands about a running `serve` have in common: a request, its answer, or what went wrong in words that say what to type.
 * Where it listens comes from --url, else from the configuration. Results go to standard output, the rest to standard error.
 */
import { userInfo, hostname } from 'node:os'
import { loadConfig } from '../config.ts'
import { fetchWith, type Send, type TlsClientOptions, tlsTrouble } from './https.ts'
import { print, printError, say } from './output.ts'
import { typed } from './typed.ts'

export interface ClientOptions extends TlsClientOptions {
  readonly config?: string
  readonly url?: string
  readonly token?: string
  readonly actor?: string
  readonly json?: boolean
}

/** The thing asked failed (1), or was not asked rightly (2). */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure'
  readonly exitCode: 1 | 2
  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message)
    this.exitCode = exitCode
  }
}

export interface Client {
  readonly actor: string
  /** @throws CommandFailure with what the server said, or that it cannot be reached. */
  ask(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<unknown>
  /** A document that is not JSON. @throws CommandFailure likewise. */
  read(path: string): Promise<string>
}

const TIMEOUT_MS = 10_000
type Answer = Awaited<ReturnType<Send>>

export function createClient(options: ClientOptions): Client {
  const base = baseUrl(options)
  const token = options.token ?? process.env['AGENTOPZ_TOKEN']
  const headers = {
    'content-type': 'application/json',
    ...(token === undefined || token === '' ? {} : { authorization: `Bearer ${token}` }),
  }
  const fetched = fetcher(options)
  const send = async (method: string, path: string, body?: object): Promise<Answer> => {
    try {
      const signal = AbortSignal.timeout(TIMEOUT_MS)
      return await fetched(`${base}${path}`, { method, headers, signal, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
    } catch (error) {
      throw new CommandFailure(unreachable(base, error))
    }
  }
  return {
    actor: options.actor ?? whoami(),
    ask: async (method, path, body) => {
      const response = await send(method, path, body)
      const answer = await jsonOf(response)
      if (response.ok) return answer
      throw new CommandFailure(refusalOf(response.status, answer, base))
    },
    read: async (path) => {
      const response = await send('GET', path)
      if (response.ok) return response.text()
      throw new CommandFailure(refusalOf(response.status, await jsonOf(response), base))
    },
  }
}

/** Runs a command: its result printed, or as JSON; the exit code. */
export async function runCommand<T>(
  options: ClientOptions,
  work: (client: Client) => Promise<T>,
  show: (result: T) => void,
): Promise<number> {
  try {
    const result = await work(createClient(options))
    if (options.json === true) print(`${JSON.stringify(result, null, 2)}\n`)
    else show(result)
    return 0
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error
    printError(`agentopz: ${error.message}\n`)
    return error.exitCode
  }
}

/** Rows under a heading, columns as wide as they need to be. */
export function sayTable(heading: readonly string[], rows: readonly (readonly string[])[]): void {
  const all = [heading, ...rows]
  const widths = heading.map((_, at) => Math.max(...all.map((row) => (row[at] ?? '').length)))
  for (const row of all)
    say(
      row
        .map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
}

function baseUrl({ url, config }: ClientOptions): string {
  if (url !== undefined) {
    if (/^https?:\/\//.test(url) && URL.canParse(url)) return url.replace(/\/+$/, '')
    throw new CommandFailure(`--url ${url} is no URL; write something like http://127.0.0.1:9464`, 2)
  }
  const loaded = loadConfig(config, process.env)
  if (!loaded.ok)
    throw new CommandFailure(
      `${loaded.problems.join('\n')}\nsay where agentopz listens with --url http://HOST:PORT, or correct the above`,
      2,
    )
  const { listen, tls } = loaded.config
  if (listen === undefined) throw new CommandFailure('listen is off in the configuration; say where to ask with --url http://HOST:PORT', 2)
  const host = listen.host === '0.0.0.0' ? '127.0.0.1' : listen.host === '::' ? '::1' : listen.host
  return `${tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${listen.port}`
}

function fetcher(options: ClientOptions): Send {
  try {
    return fetchWith(options)
  } catch (error) {
    throw new CommandFailure(error instanceof Error ? error.message : String(error), 2)
  }
}

function unreachable(base: string, error: unknown): string {
  const cause = (error instanceof Error ? (error.cause ?? error) : error) as { readonly code?: string; readonly message?: string }
  const trouble = tlsTrouble(cause.code)
  if (trouble !== undefined) return `cannot ask ${base}: ${trouble}`
  if (/socket hang up|other side closed/.test(cause.message ?? '') && base.startsWith('http:'))
    return `${base} closed the connection; if it speaks TLS, ask with --url https://HOST:PORT`
  if (base.startsWith('https:') && /^(UND_ERR_SOCKET|ECONNRESET|EPIPE)$/.test(cause.code ?? ''))
    return `${base} closed the connection; if it asks for a certificate (tls.client_ca_file), give --cert-file FILE --key-file FILE`
  return `no answer from ${base} (${cause.code ?? cause.message ?? String(error)}); start it with: ${typed('serve')}, or say where it listens: --url http://HOST:PORT`
}

function refusalOf(status: number, answer: unknown, base: string): string {
  const detail = (answer as { detail?: string } | undefined)?.detail
  if (status === 401) return `${detail ?? 'unauthorized'}; give one with --token or AGENTOPZ_TOKEN`
  if (detail !== undefined) return detail
  return `${base} answered ${status} and does not say why; is it agentopz?`
}

async function jsonOf(response: Answer): Promise<unknown> {
  try {
    return (await response.json()) as unknown
  } catch {
    return undefined
  }
}

function whoami(): string {
  const user = process.env['USER'] ?? userOrNothing()
  return `${user === '' ? 'unknown' : user}@${hostname()}`
}

function userOrNothing(): string {
  try {
    return userInfo().username
  } catch {
    return ''
  }
}
