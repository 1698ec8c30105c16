/**
 * A control plane of a few lines for programs under guard: serves a flag set as the real one does (event stream, and polling with an ETag) on
 * 127.0.0.1, sends it anew when a test changes it, and misbehaves as it is told. The real one is in app/controls/; here nothing is stored and
 * nothing is checked.
 */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Flag, FlagSet } from '../../model/control.ts'

export type Flags = Readonly<Record<string, Flag>>

/** `error`: HTTP 500. `garbage`: what is no flag set. `slow`: every answer two seconds late. `silent`: no answer at all. `no-stream`: only polling. */
export type Mode = 'well' | 'error' | 'garbage' | 'slow' | 'silent' | 'no-stream'

export interface Asked {
  readonly path: string
  readonly query: URLSearchParams
  readonly authorization: string | undefined
  readonly ifNoneMatch: string | undefined
  readonly status: number
}

export interface ControlPlane {
  readonly url: string
  /** Replaces the flags; every listener hears of it. */
  set(flags: Flags, metadata?: Partial<FlagSet['metadata']>): void
  /** From now on it answers like this; streams that are open are cut. */
  behave(mode: Mode): void
  /** Cuts every stream. */
  drop(): void
  /** Processes that listen right now. */
  readonly listeners: number
  readonly asked: readonly Asked[]
  close(): Promise<void>
}

export interface ControlPlaneOptions {
  readonly flags?: Flags
  readonly metadata?: Partial<FlagSet['metadata']>
  readonly port?: number
  readonly mode?: Mode
}

const SLOW_MS = 2000
const GARBAGE = '{"flags": 5, "metadata": {'

/** Starts one on a free port. */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  let version = 0
  let text = ''
  let mode = options.mode ?? 'well'
  let metadata = options.metadata ?? {}
  const streams = new Set<ServerResponse>()
  const asked: Asked[] = []
  const set = (flags: Flags, more: Partial<FlagSet['metadata']> = metadata): void => {
    metadata = more
    text = JSON.stringify({ flags, metadata: { lost_after_seconds: 60, when_lost: 'keep', ...metadata, version: String(++version) } })
    for (const stream of streams) stream.write(event(text))
  }
  set(options.flags ?? {})
  const drop = (): void => {
    for (const stream of streams) stream.destroy()
  }
  const open = (response: ServerResponse): void => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(event(mode === 'garbage' ? GARBAGE : text))
    streams.add(response)
    response.on('close', () => streams.delete(response))
  }
  const poll = (response: ServerResponse, known: string | undefined): number => {
    if (mode === 'garbage') {
      response.end(GARBAGE)
      return 200
    }
    const etag = `"${version}"`
    const status = known === etag ? 304 : 200
    response.writeHead(status, { etag, 'content-type': 'application/json' })
    response.end(status === 304 ? undefined : text)
    return status
  }
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://x')
    const known = request.headers['if-none-match']
    const note = (status: number): void =>
      void asked.push({ path: pathname, query: searchParams, authorization: request.headers.authorization, ifNoneMatch: known, status })
    const isStream = pathname === '/api/v1/control/stream'
    const answer = (): void => {
      if (mode === 'error' || (mode === 'no-stream' && isStream)) {
        response.writeHead(500).end('oops')
        note(500)
      } else if (isStream) {
        open(response)
        note(200)
      } else if (pathname === '/api/v1/control/flags') note(poll(response, known))
      else response.writeHead(404).end()
    }
    if (mode === 'silent') note(0)
    else if (mode === 'slow') setTimeout(answer, SLOW_MS).unref()
    else answer()
  })
  await new Promise<void>((done) => server.listen(options.port ?? 0, '127.0.0.1', done))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    set,
    behave: (to) => {
      mode = to
      drop()
    },
    drop,
    get listeners() {
      return streams.size
    },
    asked,
    close: async () => {
      const closed = new Promise<void>((done) => server.close(() => done()))
      server.closeAllConnections()
      await closed
    },
  }
}

const event = (text: string): string => `event: flags\ndata: ${text}\n\n`

/** A limit, as the control plane's configuration sets it. */
export function limit(value: number | Readonly<Record<string, unknown>>): Flag {
  return { state: 'ENABLED', variants: { limit: value }, defaultVariant: 'limit' }
}

/** A switch that an operator turned off. */
export function off(reason: string, metadata: Flag['metadata'] = {}): Flag {
  return {
    state: 'ENABLED',
    variants: { on: true, off: false },
    defaultVariant: 'off',
    metadata: { reason, control_id: 'control-1', ...metadata },
  }
}

/** What answers instead. */
export function fallback(text: string): Flag {
  return { state: 'ENABLED', variants: { 'control-1': text }, defaultVariant: 'control-1' }
}

/** The active release of an agent. */
export function release(document: Readonly<Record<string, unknown>>): Flag {
  return { state: 'ENABLED', variants: { active: document }, defaultVariant: 'active' }
}
