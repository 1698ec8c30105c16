/**
 * The span at hand in a JSON body: places, until somebody asks (json-places.ts). One view is reused for all spans of a request and is
 * valid only during the callback. Short texts, digits and ids are read where they stand; whatever else is asked for is cut out of the
 * body and parsed, and then read like any parsed request (json-span.ts), so there is one meaning of a value.
 */
import { type AttributeKey, keyName } from '../../model/attribute-key.ts'
import type { Attributes, ParentLocation, Scope, Span, SpanEvent, StatusCode } from '../../model/span.ts'
import { enumOfJson, KINDS, parentLocationOf, STATUS_CODES, STATUSES } from './enums.ts'
import { AT, FORM, type JsonPlaces, NOTE, OF_INTEREST } from './json-places.ts'
import type { Fields } from './json-shape.ts'
import { eventsOf, jsonValues, linksOf, plainOf } from './json-span.ts'
import { BITS_AT, viewOf } from './key-table.ts'
import { isKnown, millisBetween, millisOf, type Nanos, nanosOfJson, NO_TIME } from './nanos.ts'
import type { Strings } from './strings.ts'
import { countOf, flagOf, jsonOf, listOf, NO_ATTRIBUTES, numberOf, type Plain, textOf, type Values } from './values.ts'

/** A checked body and how its tokens are read. */
export class JsonBody {
  readonly bytes: Buffer
  readonly #view: DataView
  readonly #strings: Strings

  constructor(bytes: Uint8Array, strings: Strings) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#view = viewOf(bytes)
    this.#strings = strings
  }

  /** The token in [start, end), parsed. */
  parsed(start: number, end: number): unknown {
    return JSON.parse(this.bytes.toString('utf8', start, end))
  }

  /** The text between quotes; `end` is negative when there are escapes in it. */
  text(start: number, end: number): string {
    return end < 0 ? String(this.parsed(start - 1, 1 - end)) : this.#strings.text(this.bytes, this.#view, start, end)
  }

  /** The id of so many digits at `start`; none at 0. Trace and parent ids come again. */
  id(start: number, digits: number): string {
    return start === 0 ? '' : this.#strings.text(this.bytes, this.#view, start, start + digits)
  }

  /** A number or a text with its quotes; undefined when absent. */
  token(start: number, end: number): unknown {
    if (start === 0) return undefined
    const first = this.bytes[start] as number
    return end - start === 1 || (first > 0x30 && first <= 0x39 && this.#areDigits(start, end))
      ? this.digits(start, end)
      : this.parsed(start, end)
  }

  #areDigits(start: number, end: number): boolean {
    if (end - start > 15) return false
    for (let i = start; i < end; i++) if (((this.bytes[i] as number) ^ 0x30) > 9) return false
    return true
  }

  /** Up to 15 digits. */
  digits(start: number, end: number): number {
    const bytes = this.bytes
    let n = 0
    for (let i = start; i < end; i++) n = n * 10 + ((bytes[i] as number) - 0x30)
    return n
  }

  /** A noted attribute value. */
  plain(form: number, start: number, end: number): Plain {
    switch (form) {
      case FORM.text:
        return this.text(start, end)
      case FORM.digits:
        return this.digits(start, end)
      case FORM.bool:
        return this.bytes[start] === 0x74
      case FORM.double:
        return Number(this.bytes.toString('latin1', start, end))
      default:
        return start === 0 ? undefined : plainOf(this.parsed(start, end))
    }
  }

  /** A time's digits: in quotes they are exact, a number is the double that JSON makes of it. */
  nanos(start: number, end: number): Nanos {
    if (start === 0) return NO_TIME
    if (this.bytes[start - 1] !== 0x22) return nanosOfJson(this.parsed(start, end))
    const split = Math.max(start, end - 6)
    return { ms: this.digits(start, split), rest: this.digits(split, end) }
  }
}

/** Attributes of the span at hand by slot of the key table; keys outside of the table are parsed for, which is slow. */
class SpanAttributes implements Attributes {
  readonly #body: JsonBody
  readonly #places: JsonPlaces
  /** Per slot: the span it was noted for, and where its note is. */
  readonly #notedFor: Uint32Array
  readonly #note: Int32Array
  #at = 0
  /** Counts the spans that were asked. */
  #span = 0
  #isLoaded = false
  #others: Values | undefined

  constructor(body: JsonBody, places: JsonPlaces) {
    this.#body = body
    this.#places = places
    this.#notedFor = new Uint32Array(places.table.size)
    this.#note = new Int32Array(places.table.size)
  }

  turn(span: number): void {
    this.#at = span
    this.#isLoaded = false
    this.#others = undefined
  }

  get marks(): number {
    return this.#places.of(this.#at, AT.bits) >>> BITS_AT
  }
  has(key: AttributeKey): boolean {
    const slot = this.#slot(key)
    return (
      slot !== UNNOTED &&
      ((slot >= 0 && this.#places.notes[(this.#note[slot] as number) + 1] !== FORM.any) || this.#plain(key) !== undefined)
    )
  }
  text(key: AttributeKey): string | undefined {
    return textOf(this.#plain(key))
  }
  number(key: AttributeKey): number | undefined {
    return numberOf(this.#plain(key))
  }
  count(key: AttributeKey): number | undefined {
    return countOf(this.#plain(key))
  }
  flag(key: AttributeKey): boolean | undefined {
    return flagOf(this.#plain(key))
  }
  list(key: AttributeKey): readonly string[] | undefined {
    return listOf(this.#plain(key))
  }
  json(key: AttributeKey): unknown {
    return jsonOf(this.#plain(key))
  }
  keys(prefix: string, limit: number): readonly string[] {
    return this.#parsed().keys(prefix, limit)
  }

  #plain(key: AttributeKey): Plain {
    const slot = this.#slot(key)
    if (slot === UNNOTED) return undefined
    if (slot < 0) return this.#parsed().get(keyName(key))
    const { notes } = this.#places
    const n = this.#note[slot] as number
    return this.#body.plain(notes[n + 1] as number, notes[n + 2] as number, notes[n + 3] as number)
  }

  /** Slot of a key that the span has, UNNOTED when it has it not, −1 when only parsing can tell. */
  #slot(key: AttributeKey): number {
    if (!this.#isLoaded) this.#load()
    const slot = this.#places.table.slot(key)
    return slot >= 0 && this.#notedFor[slot] !== this.#span ? UNNOTED : slot
  }

  #load(): void {
    this.#isLoaded = true
    this.#span++
    const places = this.#places
    const to = places.of(this.#at, AT.noted + 1)
    for (let i = places.of(this.#at, AT.noted); i < to; i++) {
      const slot = places.notes[i * NOTE] as number
      this.#notedFor[slot] = this.#span
      this.#note[slot] = i * NOTE
    }
  }

  #parsed(): Values {
    const start = this.#places.of(this.#at, AT.attributes)
    return (this.#others ??= jsonValues(
      start === 0 ? {} : { attributes: this.#body.parsed(start, this.#places.of(this.#at, AT.attributes + 1)) },
    ))
  }
}

const UNNOTED = -2

/** A reusable view; `load` points it at a span, the owner sets resource and scope. */
export class JsonSpanView implements Span {
  readonly #body: JsonBody
  readonly #places: JsonPlaces
  readonly attributes: SpanAttributes
  resource: Attributes = NO_ATTRIBUTES
  scope: Scope = { name: '', version: '' }
  #span = 0

  constructor(body: JsonBody, places: JsonPlaces) {
    this.#body = body
    this.#places = places
    this.attributes = new SpanAttributes(body, places)
  }

  /** Points the view at a span of the body; true when its attributes or events make it one of interest. */
  load(span: number): boolean {
    this.#span = span
    this.attributes.turn(span)
    return (this.#places.of(span, AT.bits) & OF_INTEREST) !== 0
  }

  /** Why the span cannot be taken, if it cannot. */
  refusal(): 'trace_id' | 'span_id' | undefined {
    return this.#at(AT.traceId) === 0 ? 'trace_id' : this.#at(AT.spanId) === 0 ? 'span_id' : undefined
  }

  #at(field: number): number {
    return this.#places.of(this.#span, field)
  }

  get traceId(): string {
    return this.#body.id(this.#at(AT.traceId), 32)
  }
  get spanId(): string {
    return this.#body.id(this.#at(AT.spanId), 16)
  }
  get parentSpanId(): string {
    return this.#body.id(this.#at(AT.parentId), 16)
  }
  get parentLocation(): ParentLocation {
    return parentLocationOf(Number(this.#token(AT.flags) ?? 0))
  }
  get traceState(): string {
    return this.#text(AT.state)
  }
  get name(): string {
    return this.#text(AT.name)
  }
  get kind(): number {
    return enumOfJson(this.#token(AT.kind), KINDS)
  }
  get startMs(): number {
    const start = this.#time(AT.startTime)
    return millisOf(isKnown(start) ? start : this.#time(AT.endTime))
  }
  get durationMs(): number {
    return millisBetween(this.#time(AT.startTime), this.#time(AT.endTime))
  }
  get status(): StatusCode {
    return STATUS_CODES[enumOfJson(this.#token(AT.code), STATUSES)] ?? 'unset'
  }
  get statusMessage(): string {
    return this.#text(AT.message)
  }
  links(): readonly { readonly traceId: string; readonly spanId: string }[] {
    return linksOf(this.#list(AT.links))
  }
  events(): readonly SpanEvent[] {
    return eventsOf(this.#list(AT.events))
  }

  #text(at: number): string {
    return this.#body.text(this.#at(at), this.#at(at + 1))
  }
  #time(at: number): Nanos {
    return this.#body.nanos(this.#at(at), this.#at(at + 1))
  }
  /** An enum or flags: nearly always a few digits. */
  #token(at: number): unknown {
    return this.#body.token(this.#at(at), this.#at(at + 1))
  }
  #list(at: number): readonly Fields[] {
    const start = this.#at(at)
    const end = this.#at(at + 1)
    // `[]`, as the SDK for JavaScript writes it.
    return end - start <= 2 ? NO_FIELDS : (this.#body.parsed(start, end) as readonly Fields[])
  }
}

const NO_FIELDS: readonly Fields[] = []
