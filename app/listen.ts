/** What listens and what runs: each started on its address with words for what goes wrong, and all of it stopped from any state. */
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type ServerType, serve } from '@hono/node-server'
import type { Receiver, Tls } from '../processor/receive.ts'
import type { Relay } from '../processor/relay.ts'

export interface TlsListener {
  readonly options: object
  failed(error: Error): void
}

/** What is running, so that it can be stopped from any state. */
export class Running {
  isReady = false
  relay: Relay | undefined
  http: Receiver | undefined
  grpc: Receiver | undefined
  server: ServerType | undefined
  timers: readonly NodeJS.Timeout[] = []

  get listenPort(): number {
    const address = this.server?.address() as AddressInfo | null | undefined
    return address?.port ?? 0
  }

  /** Serves another certificate to connections from now on. */
  secure(tls: Tls, options: object): void {
    this.http?.secure?.(tls)
    this.grpc?.secure?.(tls)
    if (this.server !== undefined && 'setSecureContext' in this.server) this.server.setSecureContext(options)
  }

  /** Receivers first, then what they fed: nothing that was acknowledged is thrown away before the grace ends. */
  async stop(graceMs: number): Promise<void> {
    this.isReady = false
    for (const timer of this.timers) clearInterval(timer)
    const { http, grpc, relay, server } = this
    this.http = this.grpc = this.relay = this.server = undefined
    await Promise.all([http?.close(graceMs), grpc?.close(graceMs)])
    await relay?.close(graceMs)
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
