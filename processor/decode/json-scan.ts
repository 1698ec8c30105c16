/**
 * JSON tokens over bytes, strictly by RFC 8259 and without making anything: every method is given where a token begins and returns where
 * it ends, or −1 when it is not one, or nested deeper than allowed. A caller that gets −1 leaves the body to the exact way (json-text.ts),
 * which words the error. The bytes must be known to be UTF-8. Behind the last byte reads give `undefined`, which is no token.
 */
import { viewOf } from './key-table.ts'

export const QUOTE = 0x22
const BACKSLASH = 0x5c
export const COMMA = 0x2c
export const COLON = 0x3a
export const OPEN_MAP = 0x7b
export const CLOSE_MAP = 0x7d
export const OPEN_LIST = 0x5b
export const CLOSE_LIST = 0x5d
/** Room that reads of four bytes may run into. */
const MARGIN = 64

/** By byte: 1 ends a run of ordinary characters in a string. */
const SPECIAL = Uint8Array.from({ length: 256 }, (_, c) => Number(c < 0x20 || c === QUOTE || c === BACKSLASH))
/** By byte: 1 may stand behind a backslash. */
const ESCAPED = new Uint8Array(256)
for (const c of Buffer.from('"\\/bfnrt')) ESCAPED[c] = 1

export class JsonScan {
  readonly bytes: Buffer
  readonly view: DataView
  /** Up to here sixteen reads of four bytes stay inside the body. */
  readonly safe: number
  readonly #maxNesting: number
  /** After `string` and `key`: whether it had an escape, so that its bytes are not its text. */
  escaped = false
  /** After `key`: the key between its quotes. */
  keyStart = 0
  keyEnd = 0
  /** After `next` found the end of a map or list: where that is. */
  after = 0

  constructor(bytes: Uint8Array, maxNesting: number) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.view = viewOf(bytes)
    this.safe = (bytes.length - MARGIN) | 0
    this.#maxNesting = maxNesting
  }

  /** Whether brackets may be nested so deep. */
  allows(depth: number): boolean {
    return depth <= this.#maxNesting
  }

  /** The first byte at or after `p` that is no white space. */
  space(p: number): number {
    return (this.bytes[p] as number) > 0x20 ? p : this.#space(p)
  }

  #space(start: number): number {
    const bytes = this.bytes
    let p = start | 0
    while (bytes[p] === 0x20 || bytes[p] === 0x0a || bytes[p] === 0x0d || bytes[p] === 0x09) p = (p + 1) | 0
    return p
  }

  /**
   * From behind the opening quote to the closing one. Four bytes at a time: with bit 0x02 turned over, quotes (0x22) and control
   * characters are what is below 0x21, and `(w − 0x21…) & ~w` has the high bit of a byte set where the byte is; a backslash is 0 in `slash`.
   * The lowest such bit is the first such byte, for what is borrowed in a subtraction only reaches the bytes behind.
   */
  string(start: number): number {
    const bytes = this.bytes
    const view = this.view
    const safe = this.safe | 0
    let p = start | 0
    this.escaped = false
    for (;;) {
      while (p < safe) {
        const word = view.getInt32(p, true)
        const low = word ^ 0x02020202
        const slash = word ^ 0x5c5c5c5c
        const found = (((low - 0x21212121) & ~low) | ((slash - 0x01010101) & ~slash)) & 0x80808080
        if (found !== 0) {
          p = (p + ((31 - Math.clz32(found & -found)) >>> 3)) | 0
          break
        }
        p = (p + 4) | 0
      }
      while (SPECIAL[bytes[p] as number] === 0) p = (p + 1) | 0
      if (bytes[p] === QUOTE) return p
      if (bytes[p] !== BACKSLASH) return -1
      p = this.#escape((p + 1) | 0) | 0
      if (p < 0) return -1
      this.escaped = true
    }
  }

  #escape(at: number): number {
    const c = this.bytes[at] as number
    if (c !== 0x75) return ESCAPED[c] === 1 ? at + 1 : -1
    for (let i = at + 1; i < at + 5; i++) if (!isHex(this.bytes[i] as number)) return -1
    return at + 5
  }

  /** A number, from its first byte. */
  number(start: number): number {
    const bytes = this.bytes
    let p = (bytes[start] === 0x2d ? start + 1 : start) | 0
    const whole = p
    p = this.digits(p) | 0
    if (p === whole || (bytes[whole] === 0x30 && p > whole + 1)) return -1
    if (bytes[p] === 0x2e) {
      const fraction = (p + 1) | 0
      p = this.digits(fraction) | 0
      if (p === fraction) return -1
    }
    if (((bytes[p] as number) | 0x20) === 0x65) {
      const sign = bytes[p + 1]
      const exponent = (sign === 0x2b || sign === 0x2d ? p + 2 : p + 1) | 0
      p = this.digits(exponent) | 0
      if (p === exponent) return -1
    }
    return p
  }

  /** Past the decimal digits at `p`, which may be none. */
  digits(start: number): number {
    const bytes = this.bytes
    let p = start | 0
    while ((bytes[p] as number) >= 0x30 && (bytes[p] as number) <= 0x39) p = (p + 1) | 0
    return p
  }

  /** true, false or null. */
  word(p: number): number {
    const w = p + 4 <= this.bytes.length ? this.view.getInt32(p) : 0
    if (w === 0x74727565 || w === 0x6e756c6c) return p + 4
    return w === 0x66616c73 && this.bytes[p + 4] === 0x65 ? p + 5 : -1
  }

  /** null. */
  nothing(p: number): number {
    return this.bytes[p] === 0x6e ? this.word(p) : -1
  }

  /** Any value; `depth` brackets are open around it. */
  value(p: number, depth: number): number {
    switch (this.bytes[p]) {
      case QUOTE: {
        const end = this.string(p + 1)
        return end < 0 ? -1 : end + 1
      }
      case OPEN_MAP:
        return this.#map(p, depth + 1)
      case OPEN_LIST:
        return this.#list(p, depth + 1)
      case 0x74:
      case 0x66:
      case 0x6e:
        return this.word(p)
      default:
        return this.number(p)
    }
  }

  #map(start: number, depth: number): number {
    if (!this.allows(depth)) return -1
    let p = this.first(start, CLOSE_MAP)
    while (p > 0) {
      p = this.key(p)
      if (p > 0) p = this.value(p, depth)
      if (p > 0) p = this.next(p, CLOSE_MAP)
    }
    return p < 0 ? -1 : this.after
  }

  #list(start: number, depth: number): number {
    if (!this.allows(depth)) return -1
    let p = this.first(start, CLOSE_LIST)
    while (p > 0) {
      p = this.value(p, depth)
      if (p > 0) p = this.next(p, CLOSE_LIST)
    }
    return p < 0 ? -1 : this.after
  }

  /** From the opening bracket to the first item; 0 when there is none, and then `after` is where the map or list ends. */
  first(start: number, close: number): number {
    const p = this.space(start + 1)
    if (this.bytes[p] !== close) return p
    this.after = p + 1
    return 0
  }

  /** From behind an item to the next one; 0 when there is none, and then `after` is where the map or list ends; −1 for anything else. */
  next(end: number, close: number): number {
    const bytes = this.bytes
    const p = bytes[end] === COMMA ? end : this.space(end)
    if (bytes[p] === COMMA) return this.space(p + 1)
    if (bytes[p] !== close) return -1
    this.after = p + 1
    return 0
  }

  /** From a key to its value. */
  key(p: number): number {
    if (this.bytes[p] !== QUOTE) return -1
    this.keyStart = p + 1
    this.keyEnd = this.string(p + 1)
    if (this.keyEnd < 0) return -1
    const colon = this.space(this.keyEnd + 1)
    return this.bytes[colon] === COLON ? this.space(colon + 1) : -1
  }
}

function isHex(c: number): boolean {
  return (c >= 0x30 && c <= 0x39) || ((c | 0x20) >= 0x61 && (c | 0x20) <= 0x66)
}
