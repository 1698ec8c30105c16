/**
 * One walk over a span that checks it and notes where everything is: the hot loop of decoding, docs/decisions/0015-wire-path.md.
 * It knows the form that emitters write (lengths without padding, key before value, ids of the right size) and answers false for anything
 * else, be it rare or wrong; the exact check (wire-check.ts) then decides. So it may be as narrow as it likes, but must never accept what
 * the exact check refuses. Every position has `| 0`: one double among them makes the compiler carry all of them as doubles.
 */
import { isAscii } from './ascii.ts'
import { type KeyTable, PREFIXED } from './key-table.ts'
import { ANY_VALUE, EVENT, LINK, type Schema, STATUS } from './schema.ts'
import { AT, HAS_EVENTS, HAS_LINKS, isGenAiEvent, OF_INTEREST, type SpanPlaces } from './span-places.ts'
import type { WireBody } from './wire-body.ts'

/** What the exact check offers. @throws DecodeError */
export interface ExactCheck {
  /** How deep values may be nested. */
  readonly maxNesting: number
  message(start: number, end: number, schema: Schema, values: number): void
  string(start: number, end: number, schema: Schema, number: number): void
}

/** Longer strings go to Node's own check, whose 100 ns a call are then less than what it saves. */
const LONG = 768

/** What stands for a key too short to be looked up by its start. */
const EVERY = 0xffff

export class SpanWalk {
  readonly #body: WireBody
  readonly #bytes: Buffer
  readonly #view: DataView
  readonly #places: SpanPlaces
  readonly #table: KeyTable
  readonly #exact: ExactCheck
  /** Of the span at hand. */
  #noted = 0
  #bits = 0

  constructor(body: WireBody, places: SpanPlaces, exact: ExactCheck) {
    this.#body = body
    this.#bytes = body.bytes
    this.#view = body.view
    this.#places = places
    this.#table = places.table
    this.#exact = exact
  }

  /** Checks and notes the span in [start, end); false when it has not the common form, and then nothing was noted. @throws DecodeError */
  // oxlint-disable-next-line complexity -- one case per field of the message
  take(start: number, to: number): boolean {
    const bytes = this.#bytes
    const places = this.#places
    const end = to | 0
    // An attribute takes 6 bytes at the least.
    places.reserve(((end - start) >> 2) + 1)
    this.#noted = places.attributeCount
    this.#bits = 0
    const o = places.next(start, end)
    const at = places.places
    for (let i = o + AT.traceId; i < o + AT.attributesFrom; i++) at[i] = 0
    let p = start | 0
    while (p < end) {
      const length = bytes[p + 1] as number
      switch (bytes[p]) {
        case 0x4a:
          p = this.#attributes(p, end) | 0
          break
        case 0x0a:
          at[o + AT.traceId] = p + 2
          p = length === 16 ? (p + 18) | 0 : -1
          break
        case 0x12:
          at[o + AT.spanId] = p + 2
          p = length === 8 ? (p + 10) | 0 : -1
          break
        case 0x22:
          at[o + AT.parentId] = length === 0 ? 0 : p + 2
          p = length === 8 || length === 0 ? (p + 2 + length) | 0 : -1
          break
        case 0x39:
          at[o + AT.startTime] = p + 1
          p = (p + 9) | 0
          break
        case 0x41:
          at[o + AT.endTime] = p + 1
          p = (p + 9) | 0
          break
        case 0x2a:
          at[o + AT.nameStart] = p + 2
          p = this.#shortText(p, length, end) | 0
          at[o + AT.nameEnd] = p
          break
        case 0x1a:
          at[o + AT.stateStart] = p + 2
          p = this.#shortText(p, length, end) | 0
          at[o + AT.stateEnd] = p
          break
        case 0x30:
          at[o + AT.kind] = p + 1
          p = length < 0x80 ? (p + 2) | 0 : -1
          break
        // Counts of what was dropped.
        case 0x50:
        case 0x60:
        case 0x70:
          p = length < 0x80 ? (p + 2) | 0 : -1
          break
        case 0x85:
          at[o + AT.flags] = p + 2
          p = length === 1 ? (p + 6) | 0 : -1
          break
        case 0x7a:
          at[o + AT.statusStart] = p + 2
          // Nothing but a code is the common form.
          if (length === 2 && bytes[p + 2] === 0x18 && (bytes[p + 3] as number) < 0x80) p = (p + 4) | 0
          else p = this.#nested(p, STATUS, length, end) | 0
          at[o + AT.statusEnd] = p
          break
        case 0x5a:
        case 0x6a:
          p = this.#eventOrLink(p, end) | 0
          break
        default:
          p = -1
      }
      if (p < 0) break
    }
    if (p !== end) {
      places.count--
      return false
    }
    at[o + AT.bits] = this.#bits
    at[o + AT.attributesFrom] = places.attributeCount
    at[o + AT.attributesTo] = places.attributeCount = this.#noted
    return true
  }

  /**
   * The attributes that begin at `start` and stand side by side: KeyValue { key = 1, value = 2 }. Returns where they end, −1 when one is of
   * another form. What the loop needs is in locals and lengths of one byte are read in place: fields read through `this` for every
   * attribute, and a call for every length, took a quarter longer.
   */
  // oxlint-disable-next-line complexity -- one loop, for the reason above
  #attributes(start: number, end: number): number {
    const bytes = this.#bytes
    const view = this.#view
    const table = this.#table
    const { attributes } = this.#places
    const keyBits = table.bits
    const keyStarts = table.starts
    let noted = this.#noted | 0
    let bits = this.#bits | 0
    let p = start | 0
    while (p < end && bytes[p] === 0x4a) {
      let size = bytes[p + 1] as number
      if (size >= 0x80) size = lengthAt(bytes, (p + 1) | 0)
      const from = (p + 1 + widthOf(size)) | 0
      const next = (from + size) | 0
      const keyLength = bytes[from + 1] as number
      const key = (from + 2) | 0
      const afterKey = (key + keyLength) | 0
      if (size < 0 || next > end || bytes[from] !== 0x0a || keyLength >= 0x80 || afterKey >= next || bytes[afterKey] !== 0x12) return -1
      let valueSize = bytes[afterKey + 1] as number
      if (valueSize >= 0x80) valueSize = lengthAt(bytes, (afterKey + 1) | 0)
      const value = (afterKey + 1 + widthOf(valueSize)) | 0
      if (valueSize < 0 || ((value + valueSize) | 0) !== next) return -1
      const text = (value + 2) | 0
      const isShortText = valueSize > 1 && valueSize < 0x80 && bytes[value] === 0x0a && ((text + (bytes[value + 1] as number)) | 0) === next
      // Two bytes and the length rule out nearly every key that nobody asked for: 10 ns less for each of those.
      const starts = keyLength < 2 ? EVERY : (keyStarts[view.getUint16(key, true)] as number)
      const slot = ((starts >> (keyLength & 7)) & 1) === 0 ? -1 : table.find(bytes, key, keyLength, view)
      if (slot >= 0) {
        bits |= keyBits[slot] as number
        const n = (noted * 3) | 0
        attributes[n] = slot
        attributes[n + 1] = value
        attributes[n + 2] = next
        noted = (noted + 1) | 0
        if (isShortText ? !isAscii(bytes, view, text, next) : valueSize > 0) this.#value(value, next)
      } else {
        if ((starts & PREFIXED) !== 0 && (bits & OF_INTEREST) === 0 && table.isPrefixed(bytes, key, keyLength)) bits |= OF_INTEREST
        // Key, short text and the lengths and tags between them are looked at together.
        const isPlain = isShortText && isAscii(bytes, view, key, next)
        if (!isPlain && !isAscii(bytes, view, key, afterKey)) return -1
        if (!isPlain && valueSize > 0) this.#value(value, next)
      }
      p = next
    }
    this.#noted = noted
    this.#bits = bits
    return p
  }

  /** AnyValue: a string, a short integer, a boolean or a double is looked at here. */
  #value(start: number, end: number): void {
    const bytes = this.#bytes
    const type = bytes[start]
    if (type === 0x0a) {
      const length = lengthAt(bytes, (start + 1) | 0)
      const text = (start + 1 + widthOf(length)) | 0
      if (length >= 0 && ((text + length) | 0) === end) {
        if (length >= LONG || !isAscii(bytes, this.#view, text, end)) this.#exact.string(text, end, ANY_VALUE, 1)
        return
      }
    } else if (type === 0x10 || type === 0x18) {
      let i = (start + 1) | 0
      while (i < end && (bytes[i] as number) >= 0x80) i = (i + 1) | 0
      // A tenth byte is for negative numbers and for too large ones: the exact check tells them apart.
      if (((i + 1) | 0) === end && i < ((start + 10) | 0)) return
    } else if (type === 0x21 && ((end - start) | 0) === 9) return
    else if (type === 0x2a && this.#exact.maxNesting > 1 && this.#isShortTexts((start + 1) | 0, end)) return
    this.#exact.message(start, end, ANY_VALUE, 0)
  }

  /** ArrayValue of short strings, as finish reasons are; its length is at `at`. */
  #isShortTexts(at: number, end: number): boolean {
    const bytes = this.#bytes
    const length = bytes[at] as number
    let p = (at + 1) | 0
    if (length >= 0x80 || ((p + length) | 0) !== end) return false
    while (p < end) {
      const text = (p + 4) | 0
      const size = bytes[p + 3] as number
      const next = (text + size) | 0
      if (bytes[p] !== 0x0a || bytes[p + 1] !== size + 2 || size > 0x7d || bytes[p + 2] !== 0x0a || next > end) return false
      if (!isAscii(bytes, this.#view, text, next)) return false
      p = next
    }
    return true
  }

  #shortText(tagAt: number, length: number, end: number): number {
    const from = (tagAt + 2) | 0
    const to = (from + length) | 0
    return length < 0x80 && to <= end && isAscii(this.#bytes, this.#view, from, to) ? to : -1
  }

  #nested(tagAt: number, schema: Schema, length: number, end: number): number {
    const from = (tagAt + 2) | 0
    const to = (from + length) | 0
    if (length >= 0x80 || to > end) return -1
    if (length > 0) this.#exact.message(from, to, schema, 0)
    return to
  }

  #eventOrLink(tagAt: number, end: number): number {
    const length = lengthAt(this.#bytes, (tagAt + 1) | 0)
    const from = (tagAt + 1 + widthOf(length)) | 0
    const to = (from + length) | 0
    if (length < 0 || to > end) return -1
    if (this.#bytes[tagAt] === 0x6a) {
      this.#exact.message(from, to, LINK, 0)
      this.#bits |= HAS_LINKS
    } else {
      this.#exact.message(from, to, EVENT, 0)
      this.#bits |= isGenAiEvent(this.#body, from, to) ? HAS_EVENTS | OF_INTEREST : HAS_EVENTS
    }
    return to
  }
}

/** A length of up to three bytes without padding; −1 for any other. */
function lengthAt(bytes: Uint8Array, at: number): number {
  const first = bytes[at] as number
  if (first < 0x80) return first
  const second = bytes[at + 1] as number
  const two = (first & 0x7f) | ((second & 0x7f) << 7)
  if (second < 0x80) return two < 0x80 ? -1 : two
  const third = bytes[at + 2] as number
  return third < 0x80 && third > 0 ? two | (third << 14) : -1
}

function widthOf(length: number): number {
  return length < 0x80 ? 1 : length < 0x4000 ? 2 : 3
}
