/**
 * Server-sent events to guards: the whole flag document, at once when a guard connects and whenever it changes, and a comment now and then
 * so that a guard knows it is still heard. A connection holds one document at most: one that is still sending the last gets the newest
 * when it is done, what lay between is left out, and one that does not take anything for too long is cut.
 */
import type { ServerResponse } from 'node:http'

export interface StreamEvents {
  /** `slow`: took nothing for too long. `full`: came over the bound and was sent away. */
  dropped(reason: 'slow' | 'full'): void
}

export interface StreamOptions {
  readonly max: number
  /** A connection that takes nothing for so long is cut. */
  readonly slowMs: number
}

interface Stream {
  readonly response: ServerResponse
  readonly service: string
  /** Since when what was written waits for the reader. */
  blockedSinceMs: number | undefined
  /** A newer document came meanwhile. */
  isBehind: boolean
}

const HEARTBEAT = Buffer.from(': still here\n\n')

export class Streams {
  readonly #streams = new Set<Stream>()
  readonly #events: StreamEvents
  #options: StreamOptions
  #latest: Buffer | undefined

  constructor(options: StreamOptions, events: StreamEvents) {
    this.#options = options
    this.#events = events
  }

  apply(options: StreamOptions): void {
    this.#options = options
  }

  /** Takes over a response and sends the newest document; false when there is no room. */
  open(response: ServerResponse, service: string, now: () => number): boolean {
    if (this.#streams.size >= this.#options.max) {
      this.#events.dropped('full')
      return false
    }
    const stream: Stream = { response, service, blockedSinceMs: undefined, isBehind: false }
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      // Proxies that buffer would hold a kill switch back.
      'x-accel-buffering': 'no',
    })
    response.on('close', () => this.#streams.delete(stream))
    response.on('error', () => this.#streams.delete(stream))
    response.on('drain', () => {
      stream.blockedSinceMs = undefined
      if (!stream.isBehind || this.#latest === undefined) return
      stream.isBehind = false
      write(stream, this.#latest, now())
    })
    this.#streams.add(stream)
    write(stream, this.#latest ?? HEARTBEAT, now())
    return true
  }

  /** Sends a document to everybody. */
  send(version: string, json: string, now: number): void {
    this.#latest = Buffer.from(`event: flags\nid: ${version}\ndata: ${json}\n\n`)
    for (const stream of this.#streams) {
      if (stream.blockedSinceMs === undefined) write(stream, this.#latest, now)
      else stream.isBehind = true
    }
  }

  heartbeat(now: number): void {
    for (const stream of this.#streams) {
      if (stream.blockedSinceMs === undefined) write(stream, HEARTBEAT, now)
      else if (now - stream.blockedSinceMs >= this.#options.slowMs) {
        this.#events.dropped('slow')
        this.#streams.delete(stream)
        stream.response.destroy()
      }
    }
  }

  /** Connected guards by the service they named. */
  byService(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>()
    for (const { service } of this.#streams) counts.set(service, (counts.get(service) ?? 0) + 1)
    return counts
  }

  close(): void {
    for (const { response } of this.#streams) response.end()
    this.#streams.clear()
  }
}

function write(stream: Stream, bytes: Buffer, now: number): void {
  if (stream.response.destroyed || stream.response.writableEnded) return
  if (!stream.response.write(bytes)) stream.blockedSinceMs ??= now
}
