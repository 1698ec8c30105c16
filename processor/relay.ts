/**
 * Forwards requests untouched (the same bytes, the same encoding) to OTLP/HTTP endpoints. Each endpoint has its own bounded queue and
 * its own pace: a dead one delays neither the others nor ingestion. Every loss is counted by reason.
 * A full queue refuses the newest request: what waits longest was acknowledged first, and dropping it would only make room to drop again.
 * Source: OTLP specification 1.9 "OTLP/HTTP Response" (429, 502, 503, 504 are retryable) and "Throttling" (Retry-After).
 */
import { Agent, type Dispatcher, errors } from 'undici'
import type { Signal } from './receive.ts'

export interface RelayEndpoint {
  /** Label value of the relay metrics. */
  readonly name: string
  /** Base URL; the signal's path is appended unless it ends in /v1/…. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly signals: readonly Signal[]
  readonly maxQueueBytes: number
  readonly maxQueueRequests: number
  /** A request that could not be delivered for so long is given up. */
  readonly maxAgeSeconds: number
  readonly timeoutSeconds: number
  readonly concurrency: number
  readonly initialBackoffMs: number
  readonly maxBackoffMs: number
}

export const DEFAULT_RELAY: Omit<RelayEndpoint, 'name' | 'url'> = {
  headers: {},
  signals: ['traces', 'logs'],
  maxQueueBytes: 64 * 2 ** 20,
  maxQueueRequests: 10_000,
  maxAgeSeconds: 300,
  timeoutSeconds: 10,
  concurrency: 10,
  initialBackoffMs: 1000,
  maxBackoffMs: 30_000,
}

export type RelayLoss = 'queue_full' | 'expired' | 'rejected' | 'shutdown'

export interface RelayEvents {
  delivered(endpoint: string, signal: Signal): void
  retried(endpoint: string, signal: Signal): void
  dropped(endpoint: string, signal: Signal, reason: RelayLoss, detail: string): void
  /** The first failure after success, and the first success after failure. */
  down(endpoint: string, why: string): void
  up(endpoint: string): void
  /** Requests that were not delivered before the end: lost, or kept by tickets for after the next start. */
  left?(endpoint: string, requests: { readonly lost: number; readonly kept: number }): void
  /** Nothing more will come of a request that had a ticket: it was delivered, or dropped and counted. */
  settled?(endpoint: string, ticket: number): void
}

export interface Relay {
  /**
   * Queues a request for every endpoint that wants the signal. Never blocks and never throws; the bytes must not be changed afterwards.
   * One with a ticket is kept elsewhere: what is left of it at the end is not lost.
   */
  offer(signal: Signal, body: Uint8Array, contentType: string, contentEncoding: string, ticket?: number): void
  /** Queues a request from before a restart for some endpoints, whatever the bounds of their queues: it had its place there before. */
  offerAgain(request: Kept, endpoints: readonly string[]): void
  queues(): readonly { readonly endpoint: string; readonly bytes: number; readonly requests: number }[]
  /** Delivers what waits for at most `graceMs`; what is left is counted as lost. */
  close(graceMs: number): Promise<void>
}

export interface Kept {
  readonly signal: Signal
  readonly body: Uint8Array
  readonly contentType: string
  readonly contentEncoding: string
  /** Where it is kept; 0 when it is not. */
  readonly ticket: number
}

interface Waiting extends Kept {
  readonly sinceMs: number
  sentMs: number
  /** It failed on a connection that was used before, and went again at once. */
  wentAgain: boolean
}

const RETRYABLE = new Set([408, 429, 502, 503, 504])
/** Node takes a longer timer for one of a millisecond. */
const LONGEST_TIMER_MS = 2 ** 31 - 1
const SHORTEST_WAIT_MS = 10

/** Starts relaying to the endpoints. */
export function createRelay(endpoints: readonly RelayEndpoint[], events: RelayEvents): Relay {
  const lanes = endpoints.map((e) => new Lane(e, events))
  return {
    // oxlint-disable-next-line max-params -- one call per request, in the order a receiver has its parts
    offer: (signal, body, contentType, contentEncoding, ticket = 0) => {
      for (const lane of lanes)
        lane.offer({ signal, body, contentType, contentEncoding, ticket, sinceMs: Date.now(), sentMs: 0, wentAgain: false })
    },
    offerAgain: (request, names) => {
      for (const lane of lanes)
        if (names.includes(lane.endpoint.name)) lane.queue({ ...request, sinceMs: Date.now(), sentMs: 0, wentAgain: false })
    },
    queues: () => lanes.map((l) => ({ endpoint: l.endpoint.name, bytes: l.bytes, requests: l.requests })),
    close: async (graceMs) => {
      await Promise.all(lanes.map((l) => l.close(graceMs)))
    },
  }
}

/** One endpoint's queue and the workers that empty it. */
class Lane {
  readonly endpoint: RelayEndpoint
  readonly #events: RelayEvents
  readonly #agent: Agent
  readonly #timeoutMs: number
  readonly #queue: Waiting[] = []
  readonly #drained: (() => void)[] = []
  bytes = 0
  #active = 0
  #isDown = false
  #isClosed = false
  /** Nobody sends before this: a Retry-After or backoff holds the whole endpoint, not one request. */
  #notBeforeMs = 0
  #failures = 0
  /** When the last failure was counted: what was sent before it, and fails as well, tells nothing new. */
  #failedMs = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined
  /** At the end. */
  #lost = 0
  #kept = 0

  constructor(endpoint: RelayEndpoint, events: RelayEvents) {
    this.endpoint = endpoint
    this.#events = events
    this.#timeoutMs = Math.min(endpoint.timeoutSeconds * 1000, LONGEST_TIMER_MS)
    // An attempt is bounded as a whole, see #post: undici's own timeouts begin again with every piece of an answer, or end with a 1xx.
    const { concurrency: connections } = endpoint
    this.#agent = new Agent({ connections, pipelining: 1, headersTimeout: 0, bodyTimeout: 0, connect: { timeout: this.#timeoutMs } })
  }

  get requests(): number {
    return this.#queue.length + this.#active
  }

  offer(w: Waiting): void {
    const e = this.endpoint
    if (this.#isClosed || !e.signals.includes(w.signal)) return
    if (this.requests >= e.maxQueueRequests || (this.bytes > 0 && this.bytes + w.body.length > e.maxQueueBytes)) {
      this.#events.dropped(e.name, w.signal, 'queue_full', 'the queue is full')
      this.#settle(w)
      return
    }
    this.queue(w)
  }

  queue(w: Waiting): void {
    this.bytes += w.body.length
    this.#queue.push(w)
    this.#pump()
  }

  #pump(): void {
    const waitMs = this.#notBeforeMs - Date.now()
    if (waitMs > 0) {
      const again = (): void => {
        this.#timer = undefined
        this.#expire()
        this.#pump()
        this.#noteEmpty()
      }
      this.#timer ??= setTimeout(again, Math.min(waitMs, LONGEST_TIMER_MS)).unref()
      return
    }
    // While it is down one request at a time finds out whether it came back.
    const width = this.#isDown ? 1 : this.endpoint.concurrency
    while (this.#active < width) {
      const next = this.#queue.shift()
      if (next === undefined) break
      this.#active++
      void this.#send(next).finally(() => {
        this.#active--
        this.#pump()
        this.#noteEmpty()
      })
    }
  }

  #noteEmpty(): void {
    if (this.requests === 0) for (const done of this.#drained.splice(0)) done()
  }

  async #send(w: Waiting): Promise<void> {
    if (this.#isTooOld(w)) return this.#loseOld(w)
    w.sentMs = performance.now()
    let failure: string
    let retryAfterMs: number | undefined
    try {
      const answer = await this.#post(w)
      if (answer.statusCode >= 200 && answer.statusCode < 300) return this.#delivered(w)
      failure = `it answered ${answer.statusCode}`
      if (!RETRYABLE.has(answer.statusCode)) return this.#lose(w, 'rejected', failure)
      retryAfterMs = retryAfterOf(answer.headers['retry-after'])
    } catch (error) {
      if (this.#goesAgain(w, error)) return
      failure = error instanceof Error ? error.message : String(error)
    }
    this.#failed(w, failure, retryAfterMs)
  }

  async #post(w: Waiting): Promise<Dispatcher.ResponseData> {
    const encoding = w.contentEncoding === 'identity' ? {} : { 'content-encoding': w.contentEncoding }
    const { origin, path } = targetOf(this.endpoint.url, w.signal)
    // Not AbortSignal.timeout: its timers stay until they are due, some 20,000 of them at 2000 requests a second.
    const attempt = new AbortController()
    const late = (): void => attempt.abort(new Error(`it did not answer within ${this.endpoint.timeoutSeconds} s`))
    const timer = setTimeout(late, this.#timeoutMs)
    try {
      const answer = await this.#agent.request({
        origin,
        path,
        method: 'POST',
        body: w.body,
        headers: { 'content-type': w.contentType, ...encoding, ...this.endpoint.headers },
        signal: attempt.signal,
      })
      await answer.body.dump({ limit: 1024 * 1024 })
      return answer
    } finally {
      clearTimeout(timer)
    }
  }

  #delivered(w: Waiting): void {
    this.bytes -= w.body.length
    this.#failures = 0
    this.#events.delivered(this.endpoint.name, w.signal)
    this.#settle(w)
    if (this.#isDown) {
      this.#isDown = false
      this.#events.up(this.endpoint.name)
    }
  }

  #failed(w: Waiting, why: string, retryAfterMs: number | undefined): void {
    const e = this.endpoint
    if (this.#isClosed) return this.#lose(w, 'shutdown', why)
    const isNews = w.sentMs >= this.#failedMs
    if (isNews && !this.#isDown) {
      this.#isDown = true
      this.#events.down(e.name, why)
    }
    this.#events.retried(e.name, w.signal)
    if (isNews) {
      this.#failures++
      this.#failedMs = performance.now()
    }
    const ceiling = Math.min(e.maxBackoffMs, e.initialBackoffMs * 2 ** Math.min(this.#failures - 1, 20))
    // Full jitter, so that many relays do not come back together. A server's own word makes it longer, never shorter: 0, or a date that has
    // passed by its clock, would be thousands of attempts a second. It is capped, it may be wrong.
    const backoffMs = isNews ? Math.max(SHORTEST_WAIT_MS, Math.random() * ceiling) : 0
    const waitMs = Math.max(backoffMs, Math.min(retryAfterMs ?? 0, e.maxBackoffMs * 4))
    this.#notBeforeMs = Math.max(this.#notBeforeMs, Date.now() + waitMs)
    // Behind the others: it may be this one request that the endpoint does not take, and while it is down only one is tried at a time.
    this.#queue.push(w)
  }

  /** An endpoint may close a connection that is idle while a request is on its way: that says nothing about it. Once for each request. */
  #goesAgain(w: Waiting, error: unknown): boolean {
    if (w.wentAgain || this.#isClosed || !(error instanceof errors.SocketError) || !(error.socket?.bytesRead ?? 0)) return false
    w.wentAgain = true
    this.#events.retried(this.endpoint.name, w.signal)
    this.#queue.unshift(w)
    return true
  }

  #isTooOld(w: Waiting): boolean {
    return Date.now() - w.sinceMs > this.endpoint.maxAgeSeconds * 1000
  }

  /** Makes room where requests that were tried and wait again stand behind younger ones. */
  #expire(): void {
    if (!this.#queue.some((w) => this.#isTooOld(w))) return
    for (const w of this.#queue.splice(0)) {
      if (this.#isTooOld(w)) this.#loseOld(w)
      else this.#queue.push(w)
    }
  }

  #loseOld(w: Waiting): void {
    this.#lose(w, 'expired', `not delivered within ${this.endpoint.maxAgeSeconds} s`)
  }

  #lose(w: Waiting, reason: RelayLoss, detail: string): void {
    this.bytes -= w.body.length
    // It is delivered after the next start.
    if (reason === 'shutdown' && w.ticket > 0) return void this.#kept++
    if (reason === 'shutdown') this.#lost++
    this.#events.dropped(this.endpoint.name, w.signal, reason, detail)
    this.#settle(w)
  }

  #settle({ ticket }: Waiting): void {
    if (ticket > 0) this.#events.settled?.(this.endpoint.name, ticket)
  }

  async close(graceMs: number): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#notBeforeMs = 0
    this.#pump()
    if (this.requests > 0 && graceMs > 0) {
      let timer: NodeJS.Timeout | undefined
      await Promise.race([
        new Promise<void>((done) => this.#drained.push(done)),
        new Promise((done) => (timer = setTimeout(done, graceMs))),
      ])
      clearTimeout(timer)
    }
    this.#isClosed = true
    clearTimeout(this.#timer)
    for (const w of this.#queue.splice(0)) this.#lose(w, 'shutdown', 'not delivered before the end')
    await this.#agent.destroy()
    // Those under way have failed by that, and are told in a moment.
    if (this.#active > 0) await new Promise<void>((done) => this.#drained.push(done))
    if (this.#lost + this.#kept > 0) this.#events.left?.(this.endpoint.name, { lost: this.#lost, kept: this.#kept })
  }
}

function targetOf(url: string, signal: Signal): { origin: string; path: string } {
  const base = new URL(url)
  const path = base.pathname.replace(/\/+$/, '')
  return {
    origin: base.origin,
    path: `${/\/v1\/(traces|logs|metrics)$/.test(path) ? path.replace(/[^/]+$/, signal) : `${path}/v1/${signal}`}${base.search}`,
  }
}

/** Retry-After in seconds or as a date, in milliseconds from now. */
function retryAfterOf(header: string | string[] | undefined): number | undefined {
  const text = Array.isArray(header) ? header[0] : header
  if (text === undefined) return undefined
  const seconds = Number(text)
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(text) - Date.now()
  return Number.isNaN(ms) ? undefined : Math.max(0, ms)
}
