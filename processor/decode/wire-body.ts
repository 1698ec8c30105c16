/**
 * Reading from a protobuf body that wire-check.ts has passed: fields by position, and values as plain data when somebody asks.
 * Nothing here checks bounds again, and walking fields allocates nothing. Of a singular field that is repeated the last one counts.
 */
import type { Attributes, Items } from '../../model/span.ts'
import { itemsIn } from './json-items.ts'
import { viewOf } from './key-table.ts'
import { type Nanos, nanosOfHalves } from './nanos.ts'
import type { Strings } from './strings.ts'
import { attributesOver, firstWith, listOf, type Plain, textOf, type Values } from './values.ts'

/** Bytes of a list of which some are parsed rather than all: of shorter ones JSON.parse takes no longer than finding the items. */
const LONG_LIST = 8192

interface Range {
  readonly start: number
  readonly end: number
}

/** One request body with what all its views share. Walk a message: `for (let p = start; p < end; ) { p = body.step(p); … }`. */
export class WireBody {
  readonly bytes: Buffer
  readonly view: DataView
  readonly #strings: Strings
  /** After `step`: number of the field, and where its value begins; it ends where `step` said. Read both before the next call. */
  number = 0
  from = 0
  /** After `keyValue`. */
  keyStart = 0
  keyEnd = 0
  valueStart = 0
  valueEnd = 0
  #after = 0

  constructor(bytes: Uint8Array, strings: Strings) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.view = viewOf(bytes)
    this.#strings = strings
  }

  /** Reads the field at `pos` and returns where it ends. */
  step(pos: number): number {
    const tag = this.#small(pos)
    const at = this.#after
    this.number = tag >>> 3
    this.from = at
    switch (tag & 7) {
      case 2: {
        const length = this.#small(at)
        this.from = this.#after
        return this.#after + length
      }
      case 1:
        return at + 8
      case 5:
        return at + 4
      default:
        return this.#afterVarint(at)
    }
  }

  /** A checked varint that fits 32 bits: a tag or a length. */
  #small(at: number): number {
    const bytes = this.bytes
    let c = bytes[at] as number
    if (c < 0x80) {
      this.#after = at + 1
      return c
    }
    let pos = at + 1
    let value = c & 0x7f
    for (let shift = 7; c >= 0x80; shift += 7) {
      c = bytes[pos++] as number
      // A varint may be padded up to ten bytes; the check saw that those hold only zeros here.
      value |= (c & 0x7f) << shift
    }
    this.#after = pos
    return value >>> 0
  }

  #afterVarint(at: number): number {
    let pos = at
    while ((this.bytes[pos] as number) >= 0x80) pos++
    return pos + 1
  }

  /** A varint as a signed 64-bit number (two's complement); beyond 2^53 the nearest double. */
  int(at: number): number {
    let low = 0
    let high = 0
    for (let i = 0, shift = 0; ; i++, shift += 7) {
      const c = this.bytes[at + i] as number
      if (shift < 28) low |= (c & 0x7f) << shift
      else if (shift === 28) {
        low |= c << 28
        high = (c & 0x7f) >>> 4
      } else high |= (c & 0x7f) << (shift - 32)
      if (c < 0x80) return (high | 0) * 2 ** 32 + (low >>> 0)
    }
  }

  text(start: number, end: number): string {
    return this.#strings.text(this.bytes, this.view, start, end)
  }

  /** The 16 bytes at `start` in hex. */
  traceId(start: number): string {
    return this.#strings.traceId(this.bytes, this.view, start)
  }

  /** The 8 bytes at `start` in hex. */
  spanId(start: number): string {
    return this.#strings.spanId(this.bytes, this.view, start)
  }

  /** A well-formed id; anything else, all zeros included, is empty. */
  id(start: number, end: number, size: 8 | 16): string {
    if (end - start !== size || this.isZero(start, end)) return ''
    return size === 16 ? this.traceId(start) : this.spanId(start)
  }

  isZero(start: number, end: number): boolean {
    for (let i = start; i < end; i++) if (this.bytes[i] !== 0) return false
    return true
  }

  /** A fixed64 time. */
  nanos(at: number): Nanos {
    return nanosOfHalves(this.view.getUint32(at + 4, true), this.view.getUint32(at, true))
  }

  /** Finds key and value of a KeyValue message. */
  keyValue(start: number, end: number): void {
    this.keyStart = this.keyEnd = this.valueStart = this.valueEnd = start
    for (let pos = start; pos < end;) {
      pos = this.step(pos)
      if (this.number === 1) {
        this.keyStart = this.from
        this.keyEnd = pos
      } else if (this.number === 2) {
        this.valueStart = this.from
        this.valueEnd = pos
      }
    }
  }

  /** An AnyValue message as text, as `textOf` of values.ts has it. */
  textOf(start: number, end: number): string | undefined {
    const length = (end - start - 2) | 0
    if (length > 0 && length < 0x80 && this.bytes[start] === 0x0a && this.bytes[start + 1] === length)
      return this.#strings.text(this.bytes, this.view, start + 2, end)
    return textOf(this.plain(start, end))
  }

  /** Where the text begins that an AnyValue message is, and nothing else; it ends where that does. −1 for any other. */
  textStart(start: number, end: number): number {
    return this.bytes[start] === 0x0a && this.step(start) === end ? this.from : -1
  }

  /** The items of a long JSON list that an AnyValue message is the text of, see json-items.ts; undefined for anything else. */
  itemsOf(start: number, end: number): Items | undefined {
    const from = end - start < LONG_LIST ? -1 : this.textStart(start, end)
    return from < 0 ? undefined : itemsIn(this.bytes, from, end)
  }

  /** `shortHash` of the text that an AnyValue message is; undefined for an empty one and any other. */
  hashOf(start: number, end: number): string | undefined {
    const from = this.textStart(start, end)
    return from < 0 || from === end ? undefined : this.#strings.hashes.of(this.bytes, from, end)
  }

  /** An AnyValue message as a list of texts, as `listOf` of values.ts has it. */
  listOf(start: number, end: number): readonly string[] | undefined {
    const isShort = this.bytes[start] === 0x2a && (this.bytes[start + 1] as number) === end - start - 2 && end - start < 0x82
    return (isShort ? this.#shortTexts(start + 2, end) : undefined) ?? listOf(this.plain(start, end))
  }

  /** The short texts that fill [start, end), as finish reasons do; undefined when anything else is among them. */
  #shortTexts(start: number, end: number): readonly string[] | undefined {
    const { bytes } = this
    const texts: string[] = []
    for (let p = start; p < end;) {
      const size = bytes[p + 3] as number
      const next = p + 4 + size
      if (bytes[p] !== 0x0a || bytes[p + 1] !== size + 2 || bytes[p + 2] !== 0x0a || next > end) return undefined
      texts.push(this.text(p + 4, next))
      p = next
    }
    return texts
  }

  /** The whole number below 2^28 that an AnyValue message is, and nothing else; −1 for any other. */
  small(start: number, end: number): number {
    return this.bytes[start] === 0x18 && end - start <= 5 ? this.#short(start + 1, end) : -1
  }

  /** An AnyValue message as plain data. Its nesting was limited by the check. */
  plain(start: number, end: number): Plain {
    // A string and nothing else, the common form: 0x0a, a length below 128, the bytes.
    if (this.bytes[start] === 0x0a && (this.bytes[start + 1] as number) === end - start - 2 && end - start < 0x82)
      return this.text(start + 2, end)
    const n = this.small(start, end)
    if (n >= 0) return n
    let value: Plain
    for (let pos = start; pos < end;) {
      pos = this.step(pos)
      if (this.number >= 1 && this.number <= 7) value = this.#alternative(this.number, this.from, pos)
    }
    return value
  }

  /** The varint that fills up to four bytes in [start, end); −1 when it ends before. */
  #short(start: number, end: number): number {
    let value = 0
    for (let i = start, shift = 0; i < end; i++, shift += 7) {
      const c = this.bytes[i] as number
      value |= (c & 0x7f) << shift
      if (c < 0x80) return i === end - 1 ? value : -1
    }
    return -1
  }

  #alternative(number: number, from: number, end: number): Plain {
    switch (number) {
      case 1:
        return this.text(from, end)
      case 2:
        return this.int(from) !== 0
      case 3:
        return this.int(from)
      case 4:
        return this.view.getFloat64(from, true)
      case 5:
        return this.#list(from, end)
      case 6:
        return this.#map(from, end)
      default:
        return this.bytes.toString('base64', from, end)
    }
  }

  #list(start: number, end: number): Plain {
    const values: Plain[] = []
    for (let pos = start; pos < end;) {
      pos = this.step(pos)
      if (this.number === 1) values.push(this.plain(this.from, pos) ?? null)
    }
    return values
  }

  #map(start: number, end: number): Plain {
    const entries: [string, Plain][] = []
    for (let pos = start; pos < end;) {
      pos = this.step(pos)
      if (this.number !== 1) continue
      this.keyValue(this.from, pos)
      const key = this.text(this.keyStart, this.keyEnd)
      entries.push([key, this.plain(this.valueStart, this.valueEnd) ?? null])
    }
    return Object.fromEntries(entries)
  }

  /** Where the value of every key is, for the attributes in field `number` of the message in [start, end). */
  locate(start: number, end: number, number: number): ReadonlyMap<string, Range> {
    const found = new Map<string, Range>()
    for (let pos = start; pos < end;) {
      pos = this.step(pos)
      if (this.number !== number) continue
      this.keyValue(this.from, pos)
      found.set(this.text(this.keyStart, this.keyEnd), { start: this.valueStart, end: this.valueEnd })
    }
    return found
  }
}

/** Attributes of a resource, event or log record: few and rarely asked for, so located together at the first question. */
export function wireAttributes(body: WireBody, start: number, end: number, number: number): Attributes {
  return attributesOver(locatedValues(body, () => body.locate(start, end, number)))
}

/** Values found through a map of keys that is made at the first question. */
export function locatedValues(body: WireBody, locate: () => ReadonlyMap<string, Range>): Values {
  let found: ReadonlyMap<string, Range> | undefined
  const all = (): ReadonlyMap<string, Range> => (found ??= locate())
  return {
    get: (key) => {
      const range = all().get(key)
      return range === undefined ? undefined : body.plain(range.start, range.end)
    },
    keys: (prefix, limit) => firstWith(all().keys(), prefix, limit),
  }
}
