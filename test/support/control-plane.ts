/**
 * A control plane of a few lines for programs under guard: serves a flag set as the real one does (event stream, and polling with an ETag) on
 * 127.0.0.1, and sends it anew when a test changes it. The real one is in app/controls/; here nothing is stored and nothing is checked.
 */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Flag } from '../../model/control.ts'

export type Flags = Readonly<Record<string, Flag>>

export interface ControlPlane {
  readonly url: string
  /** Replaces the flags; every listener hears of it. */
  set(flags: Flags): void
  /** Processes that listen right now. */
  readonly listeners: number
  close(): Promise<void>
}

/** Starts one on a free port. */
export async function startControlPlane({ flags: first = {}, port = 0 }: { flags?: Flags; port?: number } = {}): Promise<ControlPlane> {
  let version = 0
  let text = ''
  const streams = new Set<ServerResponse>()
  const set = (flags: Flags): void => {
    text = JSON.stringify({ flags, metadata: { version: String(++version), lost_after_seconds: 60, when_lost: 'keep' } })
    for (const stream of streams) stream.write(`event: flags\ndata: ${text}\n\n`)
  }
  set(first)
  const server = createServer((request, response) => {
    const path = request.url?.replace(/\?.*$/, '')
    if (path === '/api/v1/control/stream') {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(`event: flags\ndata: ${text}\n\n`)
      streams.add(response)
      response.on('close', () => streams.delete(response))
    } else if (path === '/api/v1/control/flags') {
      const etag = `"${version}"`
      const isKnown = request.headers['if-none-match'] === etag
      response.writeHead(isKnown ? 304 : 200, { etag, 'content-type': 'application/json' })
      response.end(isKnown ? undefined : text)
    } else response.writeHead(404).end()
  })
  await new Promise<void>((done) => server.listen(port, '127.0.0.1', done))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    set,
    get listeners() {
      return streams.size
    },
    close: async () => {
      const closed = new Promise<void>((done) => server.close(() => done()))
      server.closeAllConnections()
      await closed
    },
  }
}

/** A limit, as the control plane's configuration sets it. */
export function limit(value: number | Readonly<Record<string, unknown>>): Flag {
  return { state: 'ENABLED', variants: { limit: value }, defaultVariant: 'limit' }
}

/** A switch that an operator turned off. */
export function off(reason: string): Flag {
  return { state: 'ENABLED', variants: { on: true, off: false }, defaultVariant: 'off', metadata: { reason, control_id: 'control-1' } }
}

/** What answers instead. */
export function fallback(text: string): Flag {
  return { state: 'ENABLED', variants: { 'control-1': text }, defaultVariant: 'control-1' }
}
