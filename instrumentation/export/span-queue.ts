/**
 * Finished spans → OTLP requests, batch by batch, one request at a time. Bounded in spans and in bytes of a request; what does not fit is counted
 * and said once. Nothing here keeps the process alive or throws: at the end of the process `drain` or `take` hand over what was not sent.
 * Why not the SDK's batch processor: its timers and its exporter's retries hold a process whose endpoint is down for ten seconds.
 */
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace'
import { bug, contained, sayOnce } from '../log.ts'
import { requestJson, spanJson } from './otlp-json.ts'
import { send, type Sending, type Sent } from './send.ts'
import type { OtlpTarget } from './target.ts'

export interface QueueOptions {
  readonly target: OtlpTarget
  readonly maxSpans: number
  readonly batchSpans: number
  readonly delayMs: number
  /** Runs the sending of a request where nobody makes a span of it. */
  readonly untraced: <T>(work: () => T) => T
}

/** A request is closed once it is so long, so that no batch of long messages holds up the event loop. */
const BATCH_CHARS = 131_072
const ATTEMPTS = 5
const FIRST_RETRY_MS = 1000
/** Of a Retry-After, no more than this is waited for: the queue is bounded. */
const MAX_RETRY_MS = 30_000
const SAMPLED = 1

interface Encoded {
  readonly span: ReadableSpan
  readonly json: string
}

export class SpanQueue implements SpanProcessor {
  readonly #options: QueueOptions
  #spans: ReadableSpan[] = []
  /** The batch under way: sent, or waiting to be sent again. */
  #batch: readonly Encoded[] = []
  #sending: Sending | undefined
  #running: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  /** Ends the pause before a request is sent again. */
  #retry: (() => void) | undefined
  #isEnding = false
  /** Spans that were not sent: no room, or given up. */
  dropped = 0

  constructor(options: QueueOptions) {
    this.#options = options
  }

  onStart(): void {
    // Only what is finished is sent.
  }

  onEnd(span: ReadableSpan): void {
    if ((span.spanContext().traceFlags & SAMPLED) === 0) return
    if (this.#spans.length + this.#batch.length >= this.#options.maxSpans) {
      this.#drop(1, `more than ${this.#options.maxSpans} are waiting (OTEL_BSP_MAX_QUEUE_SIZE)`)
      return
    }
    this.#spans.push(span)
    if (this.#spans.length >= this.#options.batchSpans) this.#run()
    else this.#timer ??= setTimeout(() => this.#run(), this.#options.delayMs).unref()
  }

  /** Sends everything that is there now; resolves when it was sent or given up. */
  async forceFlush(): Promise<void> {
    this.#run()
    await this.#running
  }

  async shutdown(): Promise<void> {
    await this.forceFlush()
  }

  /** The end of the process: sends what is there, without trying again, and holds the process for it, at most `limitMs`. */
  async drain(limitMs: number): Promise<void> {
    if (this.#spans.length === 0 && this.#batch.length === 0) return
    this.#isEnding = true
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<'late'>((done) => (timer = setTimeout(() => done('late'), limitMs)))
    this.#retry?.()
    this.#run()
    const end = await Promise.race([this.#running, late])
    clearTimeout(timer)
    this.#isEnding = false
    if (end === 'late') this.#giveUp(`nothing was answered within ${limitMs} ms`)
  }

  /** Takes out what was not handed over, as the body of one request; undefined where there is nothing. */
  take(): string | undefined {
    const batch = this.#sending?.isHandedOver() === true ? [] : this.#batch
    const spans = this.#spans.splice(0)
    this.#batch = []
    const all = [...batch, ...encoded(spans)]
    return all.length === 0 ? undefined : requestJson(all)
  }

  #run(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#running ??= this.#send()
      .catch((error: unknown) => {
        bug('export', error)
        this.#batch = []
      })
      .finally(() => {
        this.#running = undefined
        // What came meanwhile waits for its own delay.
        if (this.#spans.length > 0) this.#timer ??= setTimeout(() => this.#run(), this.#options.delayMs).unref()
      })
  }

  /** Sends batch after batch, while there are full ones, and the rest once. */
  async #send(): Promise<void> {
    // As many spans as there are now: an agent that makes spans faster than they are sent is bounded by the queue, not by this loop.
    let left = this.#spans.length
    while (left > 0 && this.#spans.length > 0) {
      const before = this.#spans.length
      this.#batch = this.#next()
      left -= before - this.#spans.length
      if (this.#batch.length === 0) continue
      const result = await this.#sendBatch()
      if (!result.ok && this.#isEnding) this.#giveUp(result.reason)
      else if (!result.ok) this.#drop(this.#batch.length, result.reason)
      this.#batch = []
    }
  }

  /** Nobody is there, and the process wants to end. */
  #giveUp(reason: string): void {
    this.#drop(this.#batch.length + this.#spans.length, reason)
    this.#batch = []
    this.#spans = []
  }

  /** The next batch, bounded in spans and in bytes. */
  #next(): readonly Encoded[] {
    const batch: Encoded[] = []
    let chars = 0
    while (batch.length < this.#options.batchSpans && chars < BATCH_CHARS) {
      const span = this.#spans.shift()
      if (span === undefined) break
      const [one] = encoded([span])
      if (one === undefined) continue
      batch.push(one)
      chars += one.json.length
    }
    return batch
  }

  async #sendBatch(): Promise<Sent> {
    const { target, untraced } = this.#options
    const body = requestJson(this.#batch)
    let pauseMs = FIRST_RETRY_MS
    for (let attempt = 1; ; attempt++) {
      const sending = untraced(() => send(target, body, target.timeoutMs))
      this.#sending = sending
      const result = await sending.done
      this.#sending = undefined
      if (result.ok || !result.again || attempt === ATTEMPTS || this.#isEnding) return result
      await this.#pause(Math.min(result.afterMs ?? pauseMs * (0.8 + Math.random() * 0.4), MAX_RETRY_MS))
      pauseMs *= 1.5
    }
  }

  /** Waits before a request is sent again; cut short at the end of the process. */
  #pause(ms: number): Promise<void> {
    return new Promise((done) => {
      const end = (): void => {
        clearTimeout(timer)
        this.#retry = undefined
        done()
      }
      const timer = setTimeout(end, ms).unref()
      this.#retry = end
    })
  }

  #drop(count: number, reason: string): void {
    if (count === 0) return
    this.dropped += count
    sayOnce('export', 'warn', `${count} spans could not be sent to ${this.#options.target.url}: ${reason}`)
  }
}

/** Spans that can be written; one that cannot is a bug of ours and left out. */
function encoded(spans: readonly ReadableSpan[]): readonly Encoded[] {
  return spans.flatMap((span) => {
    const json = contained('encode span', () => spanJson(span))
    return json === undefined ? [] : [{ span, json }]
  })
}
