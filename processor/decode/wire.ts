/**
 * Protobuf wire format: reading primitives and checking a whole message against a schema, strictly.
 * Every length is held against the end of the message that contains it before a byte is touched; positions stay small integers.
 * Refused: truncation, varints over 64 bits, field number 0, groups, wrong wire types, bad UTF-8, values nested too deep.
 * Source: protobuf encoding specification; the list of traps is from fuzzing, see test/unit/decode.
 */
import { isUtf8 } from 'node:buffer'
import { DecodeError } from './decode.ts'

export const VARINT = 0
export const FIXED64 = 1
export const LENGTH = 2
export const FIXED32 = 5

export type FieldType = 'varint' | 'fixed64' | 'fixed32' | 'string' | 'bytes' | 'message'

export interface Field {
  readonly name: string
  readonly type: FieldType
  /** Schema of a message field; a function because AnyValue contains itself. */
  readonly of?: () => Schema
}

export interface Schema {
  readonly name: string
  readonly fields: readonly (Field | undefined)[]
  /** Counts against the nesting limit. */
  readonly nests?: boolean
}

const WIRE_TYPE: Readonly<Record<FieldType, number>> = { varint: VARINT, fixed64: FIXED64, fixed32: FIXED32, string: LENGTH, bytes: LENGTH, message: LENGTH }

function bad(offset: number, what: string): DecodeError {
  return new DecodeError('protobuf', offset, what)
}

/** A cursor over bytes. `pos` moves; nothing is allocated. */
export class Cursor {
  readonly bytes: Uint8Array
  pos = 0
  /** Halves of the last varint of more than one byte. */
  #high = 0
  #low = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  /** Reads a varint of up to 64 bits; values above 2^53 lose precision, which no length or count of ours reaches. */
  varint(end: number): number {
    const start = this.pos
    const first = this.bytes[this.pos] ?? 0
    if (this.pos < end && first < 0x80) {
      this.pos++
      return first
    }
    let low = 0
    let high = 0
    for (let i = 0; ; i++) {
      if (this.pos >= end) throw bad(start, 'a varint is cut off')
      const c = this.bytes[this.pos++] ?? 0
      if (i < 4) low |= (c & 0x7f) << (7 * i)
      else if (i === 4) {
        low |= (c & 0x7f) << 28
        high |= (c & 0x7f) >>> 4
      } else if (i < 9) high |= (c & 0x7f) << (7 * i - 32)
      else if (c > 1) throw bad(start, 'a varint has more than 64 bits')
      else high |= c << 31
      if (c < 0x80) break
    }
    this.#high = high
    this.#low = low
    return (high >>> 0) * 2 ** 32 + (low >>> 0)
  }

  /** Reads a signed 64-bit integer (two's complement in a varint). */
  int64(end: number): number {
    const v = this.varint(end)
    // A negative number is a varint of ten bytes, whose unsigned value a double cannot hold: put it together from its halves.
    return v < 2 ** 53 ? v : (this.#high | 0) * 2 ** 32 + (this.#low >>> 0)
  }

  /** Reads a length and holds it against `end`. */
  length(end: number): number {
    const at = this.pos
    const n = this.varint(end)
    if (n > end - this.pos) throw bad(at, `a field says ${n} bytes, ${end - this.pos} are left`)
    return n
  }

  /** Reads a tag: field number × 8 + wire type. */
  tag(end: number): number {
    const at = this.pos
    const tag = this.varint(end)
    if (tag > 0xffffffff) throw bad(at, 'a field number is too large')
    if (tag < 8) throw bad(at, 'a field has number 0')
    return tag
  }

  /** Moves past a value of the given wire type. */
  skip(wireType: number, end: number): void {
    const at = this.pos
    if (wireType === VARINT) this.varint(end)
    else if (wireType === LENGTH) {
      const n = this.length(end)
      this.pos += n
    } else if (wireType === FIXED64 || wireType === FIXED32) {
      const n = wireType === FIXED64 ? 8 : 4
      if (n > end - this.pos) throw bad(at, `a fixed-size value needs ${n} bytes, ${end - this.pos} are left`)
      this.pos += n
    } else throw bad(at, `wire type ${wireType} is not used by OTLP`)
  }
}

/**
 * Checks the message between `cursor.pos` and `end`. `depth` counts nested AnyValues.
 * @throws DecodeError with the offset of the first thing that is wrong.
 */
export function check(cursor: Cursor, end: number, schema: Schema, maxNesting: number, depth = 0): void {
  if (schema.nests === true && depth > maxNesting) throw bad(cursor.pos, `a value is nested deeper than ${maxNesting}`)
  while (cursor.pos < end) {
    const at = cursor.pos
    const tag = cursor.tag(end)
    const wireType = tag & 7
    const field = schema.fields[tag >>> 3]
    if (field === undefined) {
      cursor.skip(wireType, end)
      continue
    }
    if (wireType !== WIRE_TYPE[field.type]) throw bad(at, `${schema.name}.${field.name} has wire type ${wireType}, not ${WIRE_TYPE[field.type]}`)
    if (field.type === 'message' && field.of !== undefined) {
      const length = cursor.length(end)
      check(cursor, cursor.pos + length, field.of(), maxNesting, schema.nests === true ? depth + 1 : depth)
    } else if (field.type === 'string') {
      const length = cursor.length(end)
      checkUtf8(cursor.bytes, cursor.pos, length, schema, field)
      cursor.pos += length
    } else cursor.skip(wireType, end)
  }
}

/** Most strings are short and ASCII: a loop beats a call into native code up to about 32 bytes. */
function checkUtf8(bytes: Uint8Array, start: number, length: number, schema: Schema, field: Field): void {
  if (length <= 32) {
    let all = 0
    for (let i = start; i < start + length; i++) all |= bytes[i] ?? 0
    if (all < 0x80) return
  }
  if (!isUtf8(bytes.subarray(start, start + length))) throw bad(start, `${schema.name}.${field.name} is not UTF-8`)
}
