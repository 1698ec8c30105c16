/**
 * A whole protobuf body against its schema, strictly, before anything is read from it: after this, readers need no bounds checks.
 * Refused: lengths past the end of the message that holds them, cut or over-long varints, field number 0, groups and unknown wire types
 * (in unknown fields too), a wrong wire type of a known field, strings that are not UTF-8, values nested too deep, too many items.
 * An error's offset is the byte where the tag, length or value begins that is wrong. Source: protobuf encoding specification.
 */
import { isUtf8 } from 'node:buffer'
import { isAscii } from './ascii.ts'
import { DecodeError, type DecodeLimits } from './decode.ts'
import { viewOf } from './key-table.ts'
import { FIELD, MAX_FIELDS, type Schema, SPAN, WIRE_TYPE } from './schema.ts'
import type { SpanPlaces } from './span-places.ts'
import { SpanWalk } from './span-walk.ts'
import { badUtf8At } from './utf8.ts'
import type { WireBody } from './wire-body.ts'

/** One level of AnyValue takes three calls: whatever an operator allows, the stack must hold it. */
const DEEPEST = 500
/** Spans are field 2 of ScopeSpans. */
const SPAN_TAG = 0x12
/** Up to here a loop beats the call into native code, which takes 100 ns before it looks at a byte. */
const SHORT = 768

function bad(offset: number, what: string): DecodeError {
  return new DecodeError('protobuf', offset, what)
}

/** Checks a body and returns how many items (spans, records, data points) it holds. @throws DecodeError at the first thing that is wrong. */
export function checkBody(bytes: Uint8Array, schema: Schema, limits: DecodeLimits): number {
  const check = new WireCheck(bytes, limits, undefined)
  check.message(0, bytes.length, schema, 0)
  return check.items
}

/** Where spans are noted while they are checked. */
interface Noting {
  readonly body: WireBody
  readonly places: SpanPlaces
}

/** Checks a traces body and notes where everything is in its spans. @throws DecodeError */
export function checkSpans(schema: Schema, limits: DecodeLimits, noting: Noting): number {
  const { bytes } = noting.body
  const check = new WireCheck(bytes, limits, noting)
  check.message(0, bytes.length, schema, 0)
  return check.items
}

class WireCheck {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #noting: Noting | undefined
  readonly #walk: SpanWalk | undefined
  readonly #maxNesting: number
  readonly #maxItems: number
  /** Where the varint read last ends. */
  #after = 0
  items = 0

  constructor(bytes: Uint8Array, limits: DecodeLimits, noting: Noting | undefined) {
    this.#bytes = bytes
    this.#view = viewOf(bytes)
    this.#noting = noting
    this.#maxNesting = Math.min(limits.maxNesting, DEEPEST)
    this.#walk = noting === undefined ? undefined : new SpanWalk(noting.body, noting.places, this.#maxNesting)
    this.#maxItems = limits.maxItems
  }

  /** Every position below is held against `end` before its byte is used; a nested message's end never passes its parent's. */
  message(start: number, end: number, schema: Schema, values: number): void {
    let depth = values
    if (schema.isValue && ++depth > this.#maxNesting) throw bad(start, `a value is nested deeper than ${this.#maxNesting}`)
    if (schema.isItem && ++this.items > this.#maxItems) throw bad(start, `more than ${this.#maxItems} items in one request`)
    let pos = start
    while (pos < end) {
      if (this.#bytes[pos] === SPAN_TAG && schema.of[2] === SPAN) {
        pos = this.#walked(pos, end)
        if (pos === end) return
      }
      const tag = this.#tag(pos, end)
      const number = tag >>> 3
      const type = number < MAX_FIELDS ? (schema.types[number] as number) : 0
      if (type !== 0 && (tag & 7) !== WIRE_TYPE[type]) {
        throw bad(pos, `${schema.name}.${schema.names[number]} has wire type ${tag & 7}, not ${WIRE_TYPE[type]}`)
      }
      const at = this.#after
      if ((tag & 7) !== 2) {
        pos = this.#afterScalar(pos, at, end, tag & 7)
        continue
      }
      const length = this.#length(at, end)
      const from = this.#after
      pos = from + length
      if (type === FIELD.message) this.#nested(from, pos, schema.of[number] as Schema, depth)
      else if (type === FIELD.string) this.#string(from, pos, schema, number)
    }
  }

  /** Passes the spans of common form that stand from `pos` on, and returns where something else does. */
  #walked(pos: number, end: number): number {
    const noting = this.#noting
    const walk = this.#walk
    let at = pos
    while (noting !== undefined && walk !== undefined && at < end) {
      const before = noting.places.count
      const after = walk.take(at, end, this.#maxItems - this.items)
      if (after === at) break
      this.items += noting.places.count - before
      at = after
    }
    return at
  }

  #nested(start: number, end: number, schema: Schema, depth: number): void {
    this.message(start, end, schema, depth)
    if (schema === SPAN) this.#noting?.places.locate(this.#noting.body, start, end)
  }

  #tag(at: number, end: number): number {
    const first = this.#bytes[at] as number
    if (first >= 8 && first < 0x80) {
      this.#after = at + 1
      return first
    }
    const tag = this.#varint(at, end)
    if (tag < 8) throw bad(at, 'a field has number 0')
    if (tag > 0xffffffff) throw bad(at, 'a field number is above 2^29')
    return tag
  }

  /** Lengths are compared as numbers: 2^32 + n must not pass for n. */
  #length(at: number, end: number): number {
    const length = this.#varint(at, end)
    const left = end - this.#after
    if (length > left) throw bad(at, `a field says ${length} bytes, ${left} are left`)
    return length
  }

  #afterScalar(tagAt: number, at: number, end: number, wireType: number): number {
    if (wireType === 0) {
      this.#varint(at, end)
      return this.#after
    }
    if (wireType !== 1 && wireType !== 5) throw bad(tagAt, `wire type ${wireType} is not used by OTLP`)
    const size = wireType === 1 ? 8 : 4
    if (size > end - at) throw bad(at, `a fixed-size value needs ${size} bytes, ${end - at} are left`)
    return at + size
  }

  /** A varint of up to 64 bits as a double; where it exceeds 2^53 it is only compared. */
  #varint(at: number, end: number): number {
    const first = this.#bytes[at] as number
    if (at < end && first < 0x80) {
      this.#after = at + 1
      return first
    }
    let value = 0
    let scale = 1
    for (let i = 0; i < 10; i++, scale *= 128) {
      if (at + i >= end) throw bad(at, 'a varint is cut off')
      const c = this.#bytes[at + i] as number
      if (i === 9 && c > 1) break
      value += (c & 0x7f) * scale
      if (c < 0x80) {
        this.#after = at + i + 1
        return value
      }
    }
    throw bad(at, 'a varint has more than 64 bits')
  }

  #string(start: number, end: number, schema: Schema, number: number): void {
    if (end - start <= SHORT && isAscii(this.#bytes, this.#view, start, end)) return
    if (end - start > SHORT && isUtf8(this.#bytes.subarray(start, end))) return
    const offset = badUtf8At(this.#bytes, start, end)
    if (offset >= 0) throw bad(offset, `${schema.name}.${schema.names[number]} is not UTF-8`)
  }
}
