/**
 * One request and its answer. Protocol files say what to answer; this says how it goes out: at once, slowly, as fast as the reader takes
 * it, or cut off, as the name of the model asks. Remembers how it ended: whether the client took everything or left before.
 */
import { Buffer } from 'node:buffer'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { object, text, type Json } from './json.ts'

export interface Call {
  /** The section it came in: the last `GET /__mark/NAME` before it. */
  readonly mark: string
  readonly atMs: number
  readonly method: string
  /** Path and query. */
  readonly path: string
  readonly model: string
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly body: string
  /** Bytes of stream events written so far: how much of a flood the client took. */
  sent: number
  /** `open`: not ended yet; `left`: the client closed before the end; `cut`: we did. */
  end: 'open' | 'answered' | 'left' | 'cut'
}

/** What a model's name makes the provider do; the table is in test/conformance/README.md. */
export type Special = 'malformed' | 'no-usage' | 'cut' | 'slow' | 'hang' | 'flood'
const SPECIALS: readonly (readonly [string, Special])[] = [
  ['malformed-json', 'malformed'],
  ['no-usage', 'no-usage'],
  ['cut-stream', 'cut'],
  ['slow', 'slow'],
  ['hang', 'hang'],
  ['flood', 'flood'],
]
const SLOW_MS = 100
/** Between events of a stream, so that they usually arrive one by one. */
const PACE_MS = 2
const CUT_AFTER_EVENTS = 4
export const FLOOD_PIECES: readonly string[] = Array.from({ length: 2048 }, () => 'x'.repeat(16 * 1024))

/** What the exchange needs of the provider. */
export interface Section {
  /** 1 for the first of its kind in this section, then 2, … */
  count(what: string): number
}

export class Exchange {
  readonly call: Call
  /** Empty where it was no JSON. */
  readonly body: Json
  readonly isMalformed: boolean
  readonly special: Special | undefined
  readonly #section: Section
  readonly #res: ServerResponse
  readonly #left = new AbortController()
  #events = 0

  constructor(call: Call, section: Section, req: IncomingMessage, res: ServerResponse) {
    this.call = call
    this.#section = section
    this.#res = res
    const body = parsed(call.body)
    this.isMalformed = body === undefined
    this.body = body ?? {}
    this.special = SPECIALS.find(([prefix]) => modelName(call.model).startsWith(prefix))?.[1]
    res.on('close', () => {
      // A client that hangs up on our last word has heard it.
      if (call.end === 'open') call.end = res.writableEnded ? 'answered' : 'left'
      this.#left.abort()
    })
    req.on('error', () => undefined)
  }

  get model(): string {
    return this.call.model
  }

  get gone(): boolean {
    return this.#left.signal.aborted
  }

  /** The status that the model's name asks for. */
  get failure(): number | undefined {
    const name = modelName(this.model)
    const always = /^fail-(\d{3})/.exec(name)?.[1]
    if (always !== undefined) return Number(always)
    return name.startsWith('once-500') && this.#section.count(`once ${name}`) === 1 ? 500 : undefined
  }

  /** An id that is unique over sections and the same in every run of the same program. */
  id(prefix: string): string {
    const where = `${this.call.mark}-${this.model}`.replaceAll(/[^\w-]/g, '_')
    return `${prefix}${where}-${this.#section.count(`${prefix} ${this.model}`)}`
  }

  /** Answers in one piece; as JSON unless it is text already. */
  async json(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Promise<void> {
    if (this.special === 'slow') await sleep(SLOW_MS)
    if (this.special === 'hang' && status === 200) return this.#hang()
    const whole = typeof value === 'string' ? value : JSON.stringify(value)
    const sent = this.special === 'malformed' && status === 200 ? whole.slice(0, whole.length / 2) : whole
    if (this.special === 'cut' && status === 200) {
      this.#res.writeHead(status, { 'content-type': 'application/json', 'content-length': String(whole.length), ...headers })
      this.#res.write(whole.slice(0, whole.length / 2))
      return this.#cut()
    }
    this.#res.writeHead(status, { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(sent)), ...headers })
    this.#res.end(sent)
  }

  /** Starts a stream. */
  async stream(contentType = 'text/event-stream', headers: Readonly<Record<string, string>> = {}): Promise<void> {
    if (this.special === 'hang') await this.#hang()
    this.#res.writeHead(200, { 'content-type': contentType, 'cache-control': 'no-cache', ...headers })
  }

  /** Sends one event of a stream, at the pace the model's name asks for. False: nobody listens any more. */
  async event(data: string | Uint8Array, broken = ''): Promise<boolean> {
    if (this.gone || this.#res.writableEnded || this.call.end === 'cut') return false
    this.#events++
    this.call.sent += data.length
    if (this.special === 'cut' && this.#events > CUT_AFTER_EVENTS) {
      await this.#cut()
      return false
    }
    if (this.special === 'malformed' && this.#events === 4 && broken !== '') {
      this.finish(broken)
      return false
    }
    const fits = this.#res.write(data)
    if (this.special === 'flood') await this.#room(fits)
    else await sleep(this.special === 'slow' ? SLOW_MS : PACE_MS)
    return !this.gone
  }

  /** One server-sent event. */
  async sse(value: unknown, name?: string): Promise<boolean> {
    const head = name === undefined ? '' : `event: ${name}\n`
    return this.event(`${head}data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`, `${head}data: {"id": bro\n\n`)
  }

  /** Ends a stream, with `last` as its last words. */
  finish(last = ''): void {
    if (!this.gone && !this.#res.writableEnded && this.call.end === 'open') this.#res.end(last)
  }

  async #room(fits: boolean): Promise<void> {
    if (fits || this.gone) return
    await new Promise<void>((resolve) => {
      this.#res.once('drain', resolve)
      this.#left.signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }

  async #hang(): Promise<never> {
    await new Promise((resolve) => this.#left.signal.addEventListener('abort', resolve, { once: true }))
    throw new Gone()
  }

  async #cut(): Promise<void> {
    // What was written must have been read: a reset would take it back.
    await sleep(SLOW_MS)
    this.call.end = 'cut'
    this.#res.destroy()
  }
}

/** The client left while we were not answering. */
export class Gone extends Error {}

/** Bedrock and Gemini put a vendor or a folder before the name. */
function modelName(model: string): string {
  return model.replace(/^.*[./](?=(fail-|once-|malformed|no-usage|cut-|slow|hang|flood))/, '')
}

function parsed(body: string): Json | undefined {
  try {
    return object(JSON.parse(body === '' ? '{}' : body))
  } catch {
    return undefined
  }
}

/** The model that a request names, in its body or its path. */
export function modelOf(path: string, body: string): string {
  const inPath = /\/models?\/([^/:?]+)/.exec(path)?.[1]
  return inPath === undefined ? text(parsed(body)?.['model']) : decodeURIComponent(inPath)
}
