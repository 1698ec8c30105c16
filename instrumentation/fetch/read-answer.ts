/**
 * Bytes of a provider's answer → an `Answer`, in whatever form it comes: one JSON body, server-sent events, a JSON object per line, AWS frames.
 * Tolerant and bounded: what cannot be read is unknown and counted, what is longer than the bound is not kept.
 */
import { contained } from '../log.ts'
import { FrameReader } from './aws-frames.ts'
import { Answer, object, type Protocol } from './protocol.ts'
import type { BodySink } from './observe.ts'

/** How an answer ended. */
export type Ending = 'complete' | 'incomplete' | 'cancelled' | { readonly error: unknown }
type Form = 'json' | 'events' | 'lines' | 'frames'

/** The form of an answer by its content type. */
export function formOf(contentType: string): Form {
  if (contentType.includes('event-stream')) return 'events'
  if (contentType.includes('vnd.amazon.eventstream')) return 'frames'
  return contentType.includes('ndjson') || contentType.includes('jsonl') ? 'lines' : 'json'
}

/** Collects an answer; `done` is called once. */
export class AnswerReader implements BodySink {
  readonly answer = new Answer()
  /** True when something could not be read: the facts are then incomplete. */
  malformed = false
  /** Called when the body is over, which may be later than its answer, and whether it was read to its end. */
  closed: ((isWhole: boolean) => void) | undefined
  readonly #protocol: Protocol
  readonly #form: Form
  readonly #maxChars: number
  readonly #done: (ending: Ending) => void
  // Most answers are one text, and need neither.
  #decoder: InstanceType<typeof TextDecoder> | undefined
  #frames: FrameReader | undefined
  #rest = ''
  #isOver = false
  #isDone = false

  constructor(protocol: Protocol, form: Form, maxChars: number, done: (ending: Ending) => void) {
    this.#protocol = protocol
    this.#form = form
    this.#maxChars = maxChars
    this.#done = done
  }

  text(whole: string): void {
    contained('answer', () => this.#whole(whole))
    this.end()
  }

  json(value: unknown): void {
    const body = bodyOf(value)
    if (this.#form !== 'json' || body === undefined) this.malformed = true
    else contained('answer', () => this.#protocol.answer(body, this.answer))
    this.end()
  }

  chunk(bytes: Uint8Array): void {
    contained('answer', () => {
      if (this.#form === 'frames') this.#framed(bytes)
      else this.#feed((this.#decoder ??= new TextDecoder()).decode(bytes, { stream: true }))
    })
  }

  end(): void {
    this.closed?.(true)
    contained('answer', () => {
      if (this.#form === 'json') this.#json(this.#rest)
      else if (this.#rest !== '') this.#line(this.#rest)
      this.#rest = ''
    })
    this.#finish(this.answer.isComplete || this.answer.isError || this.#form === 'json' ? 'complete' : 'incomplete')
  }

  cancelled(): void {
    this.closed?.(false)
    this.#finish(this.answer.isComplete ? 'complete' : 'cancelled')
  }

  failed(error: unknown): void {
    this.closed?.(false)
    this.#finish({ error })
  }

  #finish(ending: Ending): void {
    if (this.#isDone) return
    this.#isDone = true
    this.#done(ending)
  }

  #whole(text: string): void {
    if (this.#form === 'json') this.#rest = text
    else if (this.#form === 'frames') this.malformed = true
    else this.#feed(text.endsWith('\n') ? text : `${text}\n`)
  }

  #feed(text: string): void {
    if (this.#form === 'json') {
      this.#keep(text)
      return
    }
    let from = 0
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      this.#keep(text.slice(from, end))
      if (!this.#isOver) this.#line(this.#rest)
      this.#rest = ''
      this.#isOver = false
      from = end + 1
    }
    this.#keep(text.slice(from))
  }

  /** Keeps what a body or line has so far; of one that is over the bound nothing, wherever it was cut. */
  #keep(part: string): void {
    if (this.#isOver) return
    if (this.#rest.length + part.length <= this.#maxChars) {
      this.#rest += part
      return
    }
    this.#rest = ''
    this.#isOver = true
    this.malformed = true
  }

  #framed(bytes: Uint8Array): void {
    const frames = (this.#frames ??= new FrameReader(this.#maxChars))
    for (const event of frames.push(bytes)) this.#protocol.event(event, this.answer)
    if (frames.isBroken) this.malformed = true
    if (this.answer.isLast) this.#finish('complete')
  }

  #line(raw: string): void {
    const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw
    const data = this.#form === 'lines' ? line : line.startsWith('data:') ? line.slice(5).trimStart() : ''
    if (data === '' || data === '[DONE]') {
      if (data === '[DONE]') this.answer.isComplete = this.answer.isLast = true
    } else {
      const event = parse(data)
      if (event === undefined) this.malformed = true
      else this.#protocol.event(event, this.answer)
    }
    if (this.answer.isLast) this.#finish('complete')
  }

  #json(text: string): void {
    if (text === '') return
    const body = parse(text)
    if (body === undefined) this.malformed = true
    else this.#protocol.answer(body, this.answer)
  }
}

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return bodyOf(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** Gemini without `alt=sse` and batch answers are lists; the last element says most. */
function bodyOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return Array.isArray(value) ? object(value.at(-1)) : object(value)
}
