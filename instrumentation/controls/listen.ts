/**
 * How a process hears of its controls: server-sent events, and polling with an ETag while there is no stream. Never keeps the process alive
 * (sockets and timers are unreferenced), never blocks a call, tries again for ever with growing pauses.
 */
import type { ClientRequest, IncomingMessage } from 'node:http'
import { setTimeout as timer } from 'node:timers'
import { http, https } from '../node-http.ts'

export interface ListenOptions {
  readonly url: string
  readonly token: string | undefined
  /** Certificates in PEM, for https: the authority, and what to show. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string } | undefined
  readonly query: Readonly<Record<string, string>>
  /** A flag set as text; false when it was refused. */
  heard(text: string): boolean
  /** The control plane answered, with or without news; `how` it did. */
  alive(how: 'stream' | 'poll'): void
  /** An attempt failed. */
  failed(reason: string): void
  /** Version last taken, for If-None-Match. */
  version(): string | undefined
}

const POLL_MS = 5000
const FIRST_RETRY_MS = 500
const MAX_RETRY_MS = 30_000
/** The control plane sends a comment every ten seconds. */
const SILENCE_MS = 30_000
const MAX_CHARS = 8_388_608

/** Starts listening; the function returned stops it. */
export function listen(options: ListenOptions): () => void {
  let stopped = false
  let stream: ClientRequest | undefined
  let isStreaming = false
  let pause = FIRST_RETRY_MS
  const later = (ms: number, work: () => void): void => {
    // Spread, so that a restarted control plane is not met by all agents at once.
    timer(() => !stopped && work(), ms * (0.75 + Math.random() / 2)).unref()
  }
  const connect = (): void => {
    stream = get(options, '/api/v1/control/stream', { accept: 'text/event-stream' }, (response) => {
      if (response.statusCode !== 200) {
        response.resume()
        options.failed(`HTTP ${response.statusCode}`)
        again()
        return
      }
      isStreaming = true
      pause = FIRST_RETRY_MS
      readEvents(response, options)
      response.once('close', again)
      // An abrupt end tells `error` and then `close`.
      response.on('error', () => undefined)
    })
    stream.on('error', (error: Error) => {
      options.failed(error.message)
      if (!isStreaming) again()
    })
    stream.setTimeout(SILENCE_MS, () => stream?.destroy(new Error('the stream went silent')))
  }
  const again = (): void => {
    isStreaming = false
    later(pause, connect)
    pause = Math.min(pause * 2, MAX_RETRY_MS)
  }
  const poll = (): void => {
    later(POLL_MS, poll)
    if (isStreaming) return
    const known = options.version()
    const asked = get(options, '/api/v1/control/flags', known === undefined ? {} : { 'if-none-match': `"${known}"` }, (response) => {
      if (response.statusCode === 304) options.alive('poll')
      if (response.statusCode !== 200) return void response.resume()
      readAll(response, (text) => options.heard(text) && options.alive('poll'))
    })
    asked.setTimeout(POLL_MS, () => asked.destroy())
    asked.on('error', (error: Error) => options.failed(error.message))
  }
  // After the application's own modules were evaluated: its start does not wait for ours.
  setImmediate(() => !stopped && connect())
  later(POLL_MS / 5, poll)
  return () => {
    stopped = true
    stream?.destroy()
  }
}

function get(
  { url, token, tls, query }: ListenOptions,
  path: string,
  headers: Readonly<Record<string, string>>,
  answered: (response: IncomingMessage) => void,
): ClientRequest {
  const target = new URL(url + path)
  for (const [key, value] of Object.entries(query)) if (value !== '') target.searchParams.set(key, value)
  const { request } = target.protocol === 'https:' ? https() : http()
  const sent = request(
    target,
    { agent: false, ...tls, headers: { ...headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) } },
    answered,
  )
  sent.on('socket', (socket) => socket.unref())
  sent.end()
  return sent
}

/** Server-sent events: `event: flags` carries a set, anything else only shows that the other side lives. */
function readEvents(response: IncomingMessage, options: ListenOptions): void {
  let rest = ''
  let event = ''
  let data: string[] = []
  response.setEncoding('utf8')
  response.on('data', (chunk: string) => {
    options.alive('stream')
    rest += chunk
    if (rest.length > MAX_CHARS) {
      response.destroy()
      return
    }
    const lines = rest.split(/\r?\n/)
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line === '') {
        if (event === 'flags' && data.length > 0) options.heard(data.join('\n'))
        event = ''
        data = []
      } else if (line.startsWith('event:')) event = line.slice(6).trim()
      else if (line.startsWith('data:')) data.push(line.slice(5).trimStart())
    }
  })
}

function readAll(response: IncomingMessage, done: (text: string) => void): void {
  let text = ''
  response.setEncoding('utf8')
  response.on('data', (chunk: string) => {
    text += chunk
    if (text.length > MAX_CHARS) response.destroy()
  })
  response.on('error', () => undefined)
  response.on('end', () => done(text))
}
