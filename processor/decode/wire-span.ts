/**
 * The span at hand in a protobuf body: places, until somebody asks (span-places.ts). One view is reused for all spans of a request and
 * loading it allocates nothing. Attributes were located before they are read: their order does not matter, and of equal keys the last counts.
 */
import { type AttributeKey, keyName } from '../../model/attribute-key.ts'
import type { Attributes, Items, ParentLocation, Scope, Span, SpanEvent, StatusCode } from '../../model/span.ts'
import { KINDS, knownEnum, parentLocationOf, STATUS_CODES } from './enums.ts'
import { BITS_AT, type KeyTable } from './key-table.ts'
import { isKnown, millisBetween, millisOf, type Nanos, NO_TIME } from './nanos.ts'
import { SpanIds } from './span-ids.ts'
import { AT, HAS_EVENTS, HAS_LINKS, OF_INTEREST, type SpanPlaces } from './span-places.ts'
import { countOf, flagOf, jsonOf, listOf, NO_ATTRIBUTES, numberOf, type Plain, textOf, type Values } from './values.ts'
import { locatedValues, wireAttributes, type WireBody } from './wire-body.ts'

/**
 * Attributes of the span at hand by slot of the key table; keys outside the table are searched for, which is slow. They are taken over from
 * the places at the first question: spans that are links only, most of the traffic, are never asked.
 */
export class SpanAttributes implements Attributes {
  readonly #table: KeyTable
  readonly #places: SpanPlaces
  /** Per slot: the span it was noted for, and where its value is. */
  readonly #notedFor: Uint32Array
  readonly #start: Int32Array
  readonly #end: Int32Array
  readonly #body: WireBody
  #at = -1
  /** Counts the spans that were asked. */
  #span = 0
  #isLoaded = false
  #others: Values | undefined

  constructor(body: WireBody, places: SpanPlaces) {
    this.#body = body
    this.#places = places
    this.#table = places.table
    this.#notedFor = new Uint32Array(this.#table.size)
    this.#start = new Int32Array(this.#table.size)
    this.#end = new Int32Array(this.#table.size)
  }

  /** Turns to a span. */
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
    if (slot === UNNOTED) return false
    // A string is a value, be it empty; of anything else only reading tells.
    return (
      (slot >= 0 && this.#body.bytes[this.#start[slot] as number] === 0x0a && this.#start[slot] !== this.#end[slot]) ||
      this.#plain(key) !== undefined
    )
  }
  text(key: AttributeKey): string | undefined {
    const slot = this.#slot(key)
    if (slot === UNNOTED) return undefined
    return slot < 0 ? textOf(this.#searched().get(keyName(key))) : this.#body.textOf(this.#start[slot] as number, this.#end[slot] as number)
  }
  number(key: AttributeKey): number | undefined {
    return numberOf(this.#plain(key))
  }
  count(key: AttributeKey): number | undefined {
    const slot = this.#slot(key)
    if (slot === UNNOTED) return undefined
    if (slot < 0) return countOf(this.#searched().get(keyName(key)))
    const start = this.#start[slot] as number
    const end = this.#end[slot] as number
    const n = this.#body.small(start, end)
    return n >= 0 ? n : countOf(this.#body.plain(start, end))
  }
  flag(key: AttributeKey): boolean | undefined {
    return flagOf(this.#plain(key))
  }
  list(key: AttributeKey): readonly string[] | undefined {
    const slot = this.#slot(key)
    if (slot === UNNOTED) return undefined
    return slot < 0 ? listOf(this.#searched().get(keyName(key))) : this.#body.listOf(this.#start[slot] as number, this.#end[slot] as number)
  }
  json(key: AttributeKey): unknown {
    return jsonOf(this.#plain(key))
  }
  items(key: AttributeKey): Items | undefined {
    const slot = this.#slot(key)
    return slot < 0 ? undefined : this.#body.itemsOf(this.#start[slot] as number, this.#end[slot] as number)
  }
  hash(key: AttributeKey): string | undefined {
    const slot = this.#slot(key)
    return slot < 0 ? undefined : this.#body.hashOf(this.#start[slot] as number, this.#end[slot] as number)
  }
  keys(prefix: string, limit: number): readonly string[] {
    return this.#searched().keys(prefix, limit)
  }

  #plain(key: AttributeKey): Plain {
    const slot = this.#slot(key)
    if (slot === UNNOTED) return undefined
    return slot < 0 ? this.#searched().get(keyName(key)) : this.#body.plain(this.#start[slot] as number, this.#end[slot] as number)
  }

  /** Slot of a key that the span has, UNNOTED when it has it not, −1 when only a search can tell. */
  #slot(key: AttributeKey): number {
    if (!this.#isLoaded) this.#load()
    const slot = this.#table.slot(key)
    return slot >= 0 && this.#notedFor[slot] !== this.#span ? UNNOTED : slot
  }

  #load(): void {
    this.#isLoaded = true
    this.#span++
    const places = this.#places
    const { attributes } = places
    const to = places.of(this.#at, AT.attributesTo) * 3
    for (let i = places.of(this.#at, AT.attributesFrom) * 3; i < to; i += 3) {
      const slot = attributes[i] as number
      this.#notedFor[slot] = this.#span
      this.#start[slot] = attributes[i + 1] as number
      this.#end[slot] = attributes[i + 2] as number
    }
  }

  #searched(): Values {
    const body = this.#body
    const start = this.#places.of(this.#at, AT.start)
    const end = this.#places.of(this.#at, AT.end)
    return (this.#others ??= locatedValues(body, () => body.locate(start, end, 9)))
  }
}

const UNNOTED = -2
const NO_EVENTS: readonly SpanEvent[] = []

/** A reusable view; `load` points it at a span, the owner sets resource and scope. */
export class WireSpan implements Span {
  readonly #body: WireBody
  readonly #places: SpanPlaces
  readonly attributes: SpanAttributes
  resource: Attributes = NO_ATTRIBUTES
  scope: Scope = { name: '', version: '' }
  readonly #ids = new SpanIds()
  #span = 0

  constructor(body: WireBody, places: SpanPlaces) {
    this.#body = body
    this.#places = places
    this.attributes = new SpanAttributes(body, places)
  }

  /** Points the view at a span of the body; true when its attributes or events make it one of interest. */
  load(span: number): boolean {
    this.#span = span
    this.attributes.turn(span)
    return (this.#at(AT.bits) & OF_INTEREST) !== 0
  }

  #at(field: number): number {
    return this.#places.of(this.#span, field)
  }

  /** Why the span cannot be taken, if it cannot. A parent id of a wrong length names no span; taking its span for a root would open a wrong run. */
  refusal(): 'trace_id' | 'span_id' | undefined {
    if (this.#at(AT.traceId) <= 0) return 'trace_id'
    return this.#at(AT.spanId) <= 0 || this.#at(AT.parentId) < 0 ? 'span_id' : undefined
  }

  /** The place of a span that was not refused; good until the next one is asked for. */
  ids(): SpanIds {
    const { view } = this.#body
    const flags = this.#at(AT.flags)
    const ids = this.#ids
    ids.read(view, this.#at(AT.traceId), this.#at(AT.spanId), this.#at(AT.parentId), flags === 0 ? 0 : view.getUint32(flags, true))
    return ids
  }

  get traceId(): string {
    return this.#body.traceId(this.#at(AT.traceId))
  }
  get spanId(): string {
    return this.#body.spanId(this.#at(AT.spanId))
  }
  get parentSpanId(): string {
    const at = this.#at(AT.parentId)
    return at <= 0 ? '' : this.#body.spanId(at)
  }
  get parentLocation(): ParentLocation {
    const at = this.#at(AT.flags)
    return at === 0 ? 'unknown' : parentLocationOf(this.#body.view.getUint32(at, true))
  }
  get traceState(): string {
    return this.#body.text(this.#at(AT.stateStart), this.#at(AT.stateEnd))
  }
  get name(): string {
    return this.#body.text(this.#at(AT.nameStart), this.#at(AT.nameEnd))
  }
  get kind(): number {
    const at = this.#at(AT.kind)
    return at === 0 ? 0 : knownEnum(this.#body.int(at), KINDS)
  }
  get startMs(): number {
    const start = this.#time(AT.startTime)
    return millisOf(isKnown(start) ? start : this.#time(AT.endTime))
  }
  get durationMs(): number {
    return millisBetween(this.#time(AT.startTime), this.#time(AT.endTime))
  }
  #time(field: number): Nanos {
    const at = this.#at(field)
    return at === 0 ? NO_TIME : this.#body.nanos(at)
  }
  get status(): StatusCode {
    const body = this.#body
    let code = 0
    const end = this.#at(AT.statusEnd)
    for (let pos = this.#at(AT.statusStart); pos < end;) {
      pos = body.step(pos)
      if (body.number === 3) code = knownEnum(body.int(body.from), STATUS_CODES)
    }
    return STATUS_CODES[code] ?? 'unset'
  }
  get statusMessage(): string {
    const body = this.#body
    let message = ''
    const end = this.#at(AT.statusEnd)
    for (let pos = this.#at(AT.statusStart); pos < end;) {
      pos = body.step(pos)
      if (body.number === 2) message = body.text(body.from, pos)
    }
    return message
  }

  events(): readonly SpanEvent[] {
    return (this.#at(AT.bits) & HAS_EVENTS) !== 0 ? this.#each(11, (start, end) => this.#event(start, end)) : NO_EVENTS
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
    const links = (this.#at(AT.bits) & HAS_LINKS) !== 0 ? this.#each(13, (start, end) => this.#link(start, end)) : []
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
    const end = this.#at(AT.end)
    for (let pos = this.#at(AT.start); pos < end;) {
      pos = this.#body.step(pos)
      if (this.#body.number === number) found.push(read(this.#body.from, pos))
    }
    return found
  }
}
