/** What listens and what runs: each started on its address with words for what goes wrong, and all of it stopped from any state. */
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type ServerType, serve } from '@hono/node-server'
import type { Metrics } from '../processor/metrics.ts'
import type { Tls } from '../processor/receive.ts'
import type { Logger } from './log.ts'

export interface TlsListener {
  readonly options: object
  failed(error: Error): void
}

/** What takes spans in. */
interface Data {
  secure(tls: Tls): void
  drain(graceMs: number): Promise<void>
}

/** What is running, so that it can be stopped from any state. */
export class Running {
  isReady = false
  server: ServerType | undefined
  timers: readonly NodeJS.Timeout[] = []
  readonly #data: Data

  constructor(data: Data) {
    this.#data = data
  }

  get listenPort(): number {
    const address = this.server?.address() as AddressInfo | null | undefined
    return address?.port ?? 0
  }

  /** Serves another certificate to connections from now on. */
  secure(tls: Tls, options: object): void {
    this.#data.secure(tls)
    if (this.server !== undefined && 'setSecureContext' in this.server) this.server.setSecureContext(options)
  }

  /** What takes spans in first. */
  async stop(graceMs: number): Promise<void> {
    this.isReady = false
    for (const timer of this.timers) clearInterval(timer)
    const { server } = this
    this.server = undefined
    await this.#data.drain(graceMs)
    if (server === undefined) return
    await new Promise<void>((done) => {
      server.close(() => done())
      if ('closeAllConnections' in server) server.closeAllConnections()
    })
  }
}

type Address = { readonly host: string; readonly port: number }

/** Serves HTTP, or HTTPS where there is a certificate. */
export function listen(
  fetch: (request: Request) => Response | Promise<Response>,
  address: Address,
  tls: TlsListener | undefined,
): Promise<ServerType> {
  return new Promise((done, fail) => {
    const secure = tls === undefined ? {} : { createServer: createSecureServer, serverOptions: tls.options }
    const server = serve({ fetch, hostname: address.host, port: address.port, ...secure }, () => done(server))
    server.once('error', fail)
    if (tls !== undefined) server.on('tlsClientError', (error: Error) => tls.failed(error))
  })
}

/** Starts something that listens; a taken port is told with the key that changes it. */
export async function listening<T>(key: string, address: Address, begin: (address: Address) => Promise<T>): Promise<T> {
  try {
    return await begin(address)
  } catch (error) {
    const code = (error as { code?: string }).code
    if (code === 'EADDRINUSE')
      throw new Error(`${address.host}:${address.port} is taken; stop what listens there, or set ${key} to another address`)
    if (code === 'EACCES' || code === 'EADDRNOTAVAIL')
      throw new Error(`cannot listen on ${address.host}:${address.port} (${code}); set ${key} to another address`)
    throw error
  }
}

/** Work of a timer: a bug in it is counted, and the timer goes on. */
export function guarded(stage: string, work: () => unknown, metrics: Metrics, log: Logger): void {
  try {
    work()
  } catch (error) {
    failed(stage, error, metrics, log)
  }
}

/** Counts and tells of a bug. */
export function failed(stage: string, error: unknown, metrics: Metrics, log: Logger): void {
  log.error({ err: error }, `${stage} failed`)
  metrics.add('agentopz_internal_errors_total', { stage }, 1, Date.now())
}
