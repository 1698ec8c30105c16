/** A reader of server-sent events for tests: what a guard would hear, and when. */
import { get, type IncomingMessage } from 'node:http'

export interface HeardEvent {
  readonly event: string
  readonly id: string
  readonly data: string
  readonly atMs: number
}
export interface EventStream {
  readonly status: number
  readonly events: readonly HeardEvent[]
  readonly comments: readonly string[]
  /** Takes no more bytes, as a stuck process does. */
  pause(): void
  resume(): void
  readonly closed: boolean
  close(): void
}

/** Connects; resolves with the answer's head. */
export function listen(url: string, headers: Readonly<Record<string, string>> = {}): Promise<EventStream> {
  return new Promise((done, fail) => {
    const request = get(url, { headers, agent: false }, (response) => done(read(response, () => request.destroy())))
    request.on('error', (error) => fail(error))
  })
}

function read(response: IncomingMessage, close: () => void): EventStream {
  const events: HeardEvent[] = []
  const comments: string[] = []
  let rest = ''
  let isClosed = false
  response.setEncoding('utf8')
  response.on('data', (chunk: string) => {
    const blocks = (rest + chunk).split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) {
      if (block.startsWith(':')) comments.push(block)
      else {
        const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? ''
        events.push({ event: field('event'), id: field('id'), data: field('data'), atMs: performance.now() })
      }
    }
  })
  response.on('error', () => undefined)
  response.on('close', () => (isClosed = true))
  return {
    status: response.statusCode ?? 0,
    events,
    comments,
    pause: () => response.pause(),
    resume: () => response.resume(),
    get closed() {
      return isClosed
    },
    close,
  }
}
