/**
 * The span at hand in a protobuf body: offsets, until somebody asks. One view is reused for all spans of a request and loading it
 * allocates nothing, so a span that no dialect wants costs a walk over its fields and its ids.
 * Attributes are located first and read later: their order does not matter, and of equal keys the last counts.
 */
import type { Attributes, ParentLocation, Scope, Span, SpanEvent, StatusCode } from '../../model/span.ts'
import { EVENT_PREFIX } from './interest.ts'
import { KINDS, knownEnum, parentLocationOf, STATUS_CODES } from './enums.ts'
import { type KeyTable, startsWith } from './key-table.ts'
import { millisBetween, millisOf, NO_TIME } from './nanos.ts'
import { attributesOver, NO_ATTRIBUTES, type Plain, type Values } from './values.ts'
import { locatedValues, wireAttributes, type WireBody } from './wire-body.ts'

const GEN_AI_EVENT = Buffer.from(EVENT_PREFIX)

/** Attributes of the span at hand by slot of the key table; keys outside the table are searched for, which is slow. */
class SpanValues implements Values {
  readonly #body: WireBody
  readonly #table: KeyTable
  /** Per slot: the span it was noted for, and where its value is. */
  readonly #notedFor: Uint32Array
  readonly #start: Int32Array
  readonly #end: Int32Array
  #span = 0
  #spanStart = 0
  #spanEnd = 0
  #others: Values | undefined

  constructor(body: WireBody, table: KeyTable) {
    this.#body = body
    this.#table = table
    this.#notedFor = new Uint32Array(table.size)
    this.#start = new Int32Array(table.size)
    this.#end = new Int32Array(table.size)
  }

  next(start: number, end: number): void {
    this.#span++
    this.#spanStart = start
    this.#spanEnd = end
    this.#others = undefined
  }

  /** Notes the KeyValue in [start, end); true when its key makes the span one of interest. */
  note(start: number, end: number): boolean {
    const body = this.#body
    body.keyValue(start, end)
    const length = body.keyEnd - body.keyStart
    const slot = this.#table.find(body.bytes, body.keyStart, length)
    if (slot >= 0) {
      this.#notedFor[slot] = this.#span
      this.#start[slot] = body.valueStart
      this.#end[slot] = body.valueEnd
    }
    return this.#table.isPrefixed(body.bytes, body.keyStart, length, slot)
  }

  get(key: string): Plain {
    const slot = this.#table.slot(key)
    if (slot < 0) return this.#searched().get(key)
    return this.#notedFor[slot] === this.#span ? this.#body.plain(this.#start[slot] as number, this.#end[slot] as number) : undefined
  }

  keys(prefix: string, limit: number): readonly string[] {
    return this.#searched().keys(prefix, limit)
  }

  #searched(): Values {
    const start = this.#spanStart
    const end = this.#spanEnd
    return (this.#others ??= locatedValues(this.#body, () => this.#body.locate(start, end, 9)))
  }
}

/** A reusable view; `load` points it at a span, the owner sets resource and scope. */
export class WireSpan implements Span {
  readonly #body: WireBody
  readonly #values: SpanValues
  readonly attributes: Attributes
  resource: Attributes = NO_ATTRIBUTES
  scope: Scope = { name: '', version: '' }
  #spanStart = 0
  #spanEnd = 0
  // Start and end of fields; equal when absent.
  #traceStart = 0
  #traceEnd = 0
  #idStart = 0
  #idEnd = 0
  #parentStart = 0
  #parentEnd = 0
  #stateStart = 0
  #stateEnd = 0
  #nameStart = 0
  #nameEnd = 0
  #statusStart = 0
  #statusEnd = 0
  // Offsets; −1 when absent.
  #kindAt = -1
  #startAt = -1
  #endAt = -1
  #flagsAt = -1
  #hasEvents = false
  #hasLinks = false
  #id = ''
  /** Spans of one trace come together: its id is written out once. */
  #lastTrace = ''
  #lastTraceAt = -1

  constructor(body: WireBody, table: KeyTable) {
    this.#body = body
    this.#values = new SpanValues(body, table)
    this.attributes = attributesOver(this.#values)
  }

  /** Points the view at the span in [start, end); true when its attributes or events make it one of interest. */
  load(start: number, end: number): boolean {
    this.#reset(start, end)
    const body = this.#body
    let isOfInterest = false
    for (let pos = start; pos < end;) {
      pos = body.step(pos)
      const from = body.from
      if (body.number === 9) isOfInterest = this.#values.note(from, pos) || isOfInterest
      else if (body.number === 11) {
        this.#hasEvents = true
        isOfInterest ||= this.#isGenAiEvent(from, pos)
      } else this.#place(body.number, from, pos)
    }
    return isOfInterest
  }

  #reset(start: number, end: number): void {
    this.#values.next(start, end)
    this.#spanStart = start
    this.#spanEnd = end
    this.#traceStart = this.#traceEnd = this.#idStart = this.#idEnd = this.#parentStart = this.#parentEnd = 0
    this.#stateStart = this.#stateEnd = this.#nameStart = this.#nameEnd = this.#statusStart = this.#statusEnd = 0
    this.#kindAt = this.#startAt = this.#endAt = this.#flagsAt = -1
    this.#hasEvents = this.#hasLinks = false
    this.#id = ''
  }

  // eslint-disable-next-line complexity -- one line per field of the message
  #place(number: number, from: number, end: number): void {
    switch (number) {
      case 1:
        this.#traceStart = from
        this.#traceEnd = end
        break
      case 2:
        this.#idStart = from
        this.#idEnd = end
        break
      case 3:
        this.#stateStart = from
        this.#stateEnd = end
        break
      case 4:
        this.#parentStart = from
        this.#parentEnd = end
        break
      case 5:
        this.#nameStart = from
        this.#nameEnd = end
        break
      case 6:
        this.#kindAt = from
        break
      case 7:
        this.#startAt = from
        break
      case 8:
        this.#endAt = from
        break
      case 13:
        this.#hasLinks = true
        break
      case 15:
        this.#statusStart = from
        this.#statusEnd = end
        break
      case 16:
        this.#flagsAt = from
        break
      default:
    }
  }

  /** Why the span cannot be taken, if it cannot. A parent id of a wrong length names no span; taking its span for a root would open a wrong run. */
  refusal(): 'trace_id' | 'span_id' | undefined {
    if (this.#traceEnd - this.#traceStart !== 16 || this.#body.isZero(this.#traceStart, this.#traceEnd)) return 'trace_id'
    if (this.#idEnd - this.#idStart !== 8 || this.#body.isZero(this.#idStart, this.#idEnd)) return 'span_id'
    const parent = this.#parentEnd - this.#parentStart
    return parent === 0 || parent === 8 ? undefined : 'span_id'
  }

  get traceId(): string {
    const bytes = this.#body.bytes
    const at = this.#traceStart
    if (this.#lastTraceAt >= 0 && bytes.compare(bytes, this.#lastTraceAt, this.#lastTraceAt + 16, at, at + 16) === 0) return this.#lastTrace
    this.#lastTraceAt = at
    this.#lastTrace = this.#body.hex(at, at + 16)
    return this.#lastTrace
  }
  get spanId(): string {
    if (this.#id === '') this.#id = this.#body.hex(this.#idStart, this.#idEnd)
    return this.#id
  }
  get parentSpanId(): string {
    return this.#body.id(this.#parentStart, this.#parentEnd, 8)
  }
  get parentLocation(): ParentLocation {
    return this.#flagsAt < 0 ? 'unknown' : parentLocationOf(this.#body.view.getUint32(this.#flagsAt, true))
  }
  get traceState(): string {
    return this.#body.text(this.#stateStart, this.#stateEnd)
  }
  get name(): string {
    return this.#body.text(this.#nameStart, this.#nameEnd)
  }
  get kind(): number {
    return this.#kindAt < 0 ? 0 : knownEnum(this.#body.int(this.#kindAt), KINDS)
  }
  get startMs(): number {
    return this.#startAt < 0 ? 0 : millisOf(this.#body.nanos(this.#startAt))
  }
  get durationMs(): number {
    const start = this.#startAt < 0 ? NO_TIME : this.#body.nanos(this.#startAt)
    const end = this.#endAt < 0 ? NO_TIME : this.#body.nanos(this.#endAt)
    return millisBetween(start, end)
  }
  get status(): StatusCode {
    const body = this.#body
    let code = 0
    for (let pos = this.#statusStart; pos < this.#statusEnd;) {
      pos = body.step(pos)
      if (body.number === 3) code = knownEnum(body.int(body.from), STATUS_CODES)
    }
    return STATUS_CODES[code] ?? 'unset'
  }
  get statusMessage(): string {
    const body = this.#body
    let message = ''
    for (let pos = this.#statusStart; pos < this.#statusEnd;) {
      pos = body.step(pos)
      if (body.number === 2) message = body.text(body.from, pos)
    }
    return message
  }

  #isGenAiEvent(start: number, end: number): boolean {
    const body = this.#body
    let isGenAi = false
    for (let pos = start; pos < end;) {
      pos = body.step(pos)
      if (body.number === 2) isGenAi = startsWith(body.bytes, body.from, pos - body.from, GEN_AI_EVENT)
    }
    return isGenAi
  }

  events(): readonly SpanEvent[] {
    return this.#hasEvents ? this.#each(11, (start, end) => this.#event(start, end)) : []
  }

  #event(start: number, end: number): SpanEvent {
    const body = this.#body
    let name = ''
    let timeMs = 0
    for (let pos = start; pos < end;) {
      pos = body.step(pos)
      if (body.number === 1) timeMs = millisOf(body.nanos(body.from))
      else if (body.number === 2) name = body.text(body.from, pos)
    }
    return { name, timeMs, attributes: wireAttributes(body, start, end, 3) }
  }

  links(): readonly { readonly traceId: string; readonly spanId: string }[] {
    const links = this.#hasLinks ? this.#each(13, (start, end) => this.#link(start, end)) : []
    return links.filter((l) => l.traceId !== '' && l.spanId !== '')
  }

  #link(start: number, end: number): { readonly traceId: string; readonly spanId: string } {
    const body = this.#body
    let traceId = ''
    let spanId = ''
    for (let pos = start; pos < end;) {
      pos = body.step(pos)
      if (body.number === 1) traceId = body.id(body.from, pos, 16)
      else if (body.number === 2) spanId = body.id(body.from, pos, 8)
    }
    return { traceId, spanId }
  }

  #each<T>(number: number, read: (start: number, end: number) => T): readonly T[] {
    const found: T[] = []
    for (let pos = this.#spanStart; pos < this.#spanEnd;) {
      pos = this.#body.step(pos)
      if (this.#body.number === number) found.push(read(this.#body.from, pos))
    }
    return found
  }
}
