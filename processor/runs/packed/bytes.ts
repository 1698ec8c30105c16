/**
 * Values ↔ bytes for records that live in memory only: written by `Writer`, read back by `Reader` in the same order, exactly.
 * A word is a number, of all records' dictionary or, where that has none for it, of its record, where it is written once.
 * Ids of 16 hex digits take 8 bytes, whole numbers as few as they need, moments their distance from the last one.
 */
import { Buffer } from 'node:buffer'
import { shortHexOf } from '../../decode/hex.ts'
import { Dictionary } from './dictionary.ts'

/** Never stored anywhere else, so it may be changed freely. Those that it begins with are a byte each. */
const dictionary = new Dictionary(
  (
    ' model tool agent workflow retrieval embedding step handoff guardrail evaluator other unset ok error local remote unknown included excluded ' +
    'stop length content_filter refusal tool_call cancelled gen_ai openai anthropic gcp.gemini aws.bedrock production staging'
  ).split(' '),
)
/** A millisecond timestamp of these decades is a whole number of 2^-12 ms, which is all the precision that it has. */
const TICKS = 4096
/** Four groups of seven bits, which is what is left of 32 with room for a sign. */
const HALF = 2 ** 28
const [FIRST_MS, LAST_MS] = [2 ** 40, 2 ** 41]
const HEX = '0123456789abcdef'
const DIGITS = Uint8Array.from({ length: 103 }, (_, code) =>
  HEX.includes(String.fromCharCode(code)) ? HEX.indexOf(String.fromCharCode(code)) : 255,
)
/** Words that get a number of their record's own; later ones are written out. Looking through these is faster than a Map that is filled anew. */
const MOST_OWN = 64
/** Strings of more characters are copied by native code. */
const SHORT = 16

/** What `toString` calls once it has looked at its arguments: not documented, so only where it is (10 of 67 ns). */
interface Slices {
  latin1Slice(start: number, end: number): string
}
const HAS_SLICES = 'latin1Slice' in Buffer.prototype

function latin1Of(bytes: Buffer, start: number, end: number): string {
  return HAS_SLICES ? (bytes as Buffer & Slices).latin1Slice(start, end) : bytes.toString('latin1', start, end)
}

export class Writer {
  #bytes = Buffer.alloc(4096)
  #at = 0
  readonly #own: string[] = []
  #lastMs = 0

  /** Begins a record; the bytes of the one before are no longer good. */
  begin(): void {
    this.#at = 0
    this.#own.length = 0
    this.#lastMs = 0
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#at)
  }

  byte(value: number): void {
    this.#room(1)
    this.#bytes[this.#at++] = value
  }

  /** A whole number of at least 0. In two halves where it is large: a remainder of doubles is a call. */
  whole(value: number): void {
    this.#room(10)
    let at = this.#at
    let rest = value
    if (rest >= HALF) {
      rest = Math.floor(value / HALF)
      const low = value - rest * HALF
      this.#bytes[at++] = low | 0x80
      this.#bytes[at++] = (low >>> 7) | 0x80
      this.#bytes[at++] = (low >>> 14) | 0x80
      this.#bytes[at++] = (low >>> 21) | 0x80
    }
    for (; rest >= 0x80; rest >>>= 7) this.#bytes[at++] = rest | 0x80
    this.#bytes[at++] = rest
    this.#at = at
  }

  /** Any number. Whole ones and whole nanoseconds of milliseconds are short. */
  number(value: number): void {
    if (Number.isSafeInteger(value) && value >= 0 && value < 2 ** 50 && !Object.is(value, -0)) return this.whole(value * 4)
    const nanos = Math.round(value * 1e6)
    if (nanos > 0 && nanos < 2 ** 50 && nanos / 1e6 === value) return this.whole(nanos * 4 + 1)
    this.byte(2)
    this.#double(value)
  }

  /** A moment, after the one before it in the record. */
  moment(ms: number): void {
    const distance = (ms - this.#lastMs) * TICKS
    const isClose = ms >= FIRST_MS && ms < LAST_MS && this.#lastMs !== 0 && Math.abs(distance) < 2 ** 48
    if (isClose) this.whole(distance >= 0 ? distance * 4 : -distance * 4 + 1)
    else {
      this.byte(2)
      this.#double(ms)
    }
    if (ms >= FIRST_MS && ms < LAST_MS) this.#lastMs = ms
  }

  #double(value: number): void {
    this.#room(8)
    this.#bytes.writeDoubleLE(value, this.#at)
    this.#at += 8
  }

  /** A word: a string that comes again, in this record or in others. */
  text(value: string): void {
    const known = dictionary.numberOf(value)
    if (known >= 0) this.whole(known * 2 + 1)
    else this.own(value)
  }

  /** A word that is mostly one record's, as a hash of a prompt with today's date in it is: the dictionary's numbers are not for these. Read as any word. */
  own(value: string): void {
    const own = this.#own.indexOf(value)
    if (own >= 0) return this.whole(own * 2 + 2)
    if (this.#own.length < MOST_OWN) this.#own.push(value)
    this.byte(0)
    this.once(value)
  }

  /** A string that hardly comes twice. */
  once(value: string): void {
    const { length } = value
    this.#room(length * 3 + 10)
    const start = this.#at
    this.whole(length * 2)
    // As many bytes of UTF-8 as characters: all of it is ASCII. One by one is faster up to here, and half as fast at 38, an id of OpenAI's.
    if (length > SHORT && this.#bytes.write(value, this.#at) === length) {
      this.#at += length
      return
    }
    let at = this.#at
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i)
      if (code > 0xff) {
        this.#at = start
        this.whole(length * 2 + 1)
        this.#at += this.#bytes.write(value, this.#at, 'utf16le')
        return
      }
      this.#bytes[at++] = code
    }
    this.#at = at
  }

  /** Writes 16 hex digits as 8 bytes; false, and nothing is written, where they are none. */
  hex(id: string): boolean {
    if (id.length !== 16) return false
    this.#room(8)
    const bytes = this.#bytes
    let at = this.#at
    let bad = 0
    for (let i = 0; i < 16; i += 2) {
      const high = DIGITS[id.charCodeAt(i)] ?? 255
      const low = DIGITS[id.charCodeAt(i + 1)] ?? 255
      bad |= high | low
      bytes[at++] = (high << 4) | low
    }
    if (bad > 15) return false
    this.#at = at
    return true
  }

  /** An id: 9 bytes where it is 16 hex digits. */
  id(id: string): void {
    const at = this.reserve()
    if (this.hex(id)) this.set(at, 1)
    else this.text(id)
  }

  /** Leaves a byte to be set once what it tells is known. */
  reserve(): number {
    this.byte(0)
    return this.#at - 1
  }

  set(at: number, value: number): void {
    this.#bytes[at] = value
  }

  flag(value: boolean): void {
    this.byte(value ? 1 : 0)
  }

  int32(value: number): void {
    this.#room(4)
    const at = this.#at
    this.#bytes[at] = value
    this.#bytes[at + 1] = value >>> 8
    this.#bytes[at + 2] = value >>> 16
    this.#bytes[at + 3] = value >>> 24
    this.#at = at + 4
  }

  /** Leaves two bytes to be set. */
  reserve16(): number {
    this.#room(2)
    this.#at += 2
    return this.#at - 2
  }

  set16(at: number, value: number): void {
    this.#bytes[at] = value
    this.#bytes[at + 1] = value >>> 8
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return
    const larger = Buffer.alloc(Math.max(this.#bytes.length * 2, this.#at + bytes))
    larger.set(this.#bytes)
    this.#bytes = larger
  }
}

export class Reader {
  readonly #bytes: Buffer
  #at: number
  readonly #own: string[] = []
  #lastMs = 0

  constructor(bytes: Buffer, from: number) {
    this.#bytes = bytes
    this.#at = from
  }

  byte(): number {
    return this.#bytes[this.#at++] ?? 0
  }

  whole(): number {
    const bytes = this.#bytes
    let at = this.#at
    let value = 0
    let high = 0
    for (let shift = 0; shift < 56; shift += 7) {
      const byte = bytes[at++] ?? 0
      if (shift < 28) value |= (byte & 0x7f) << shift
      else high |= (byte & 0x7f) << (shift - 28)
      if (byte < 0x80) break
    }
    this.#at = at
    return high === 0 ? value : high * HALF + value
  }

  flag(): boolean {
    return this.byte() === 1
  }

  int32(): number {
    const bytes = this.#bytes
    const at = this.#at
    this.#at = at + 4
    return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)
  }

  /** Of 16 bits, without a sign. */
  int16(): number {
    const at = this.#at
    this.#at = at + 2
    return (this.#bytes[at] ?? 0) | ((this.#bytes[at + 1] ?? 0) << 8)
  }

  number(): number {
    const tagged = this.whole()
    const kind = tagged < HALF ? tagged & 3 : tagged - Math.floor(tagged / 4) * 4
    if (kind === 2) return this.#double()
    return kind === 0 ? tagged / 4 : (tagged - 1) / 4 / 1e6
  }

  moment(): number {
    const tagged = this.whole()
    const kind = tagged < HALF ? tagged & 3 : tagged - Math.floor(tagged / 4) * 4
    const ms = kind === 2 ? this.#double() : this.#lastMs + (kind === 0 ? tagged / 4 : -(tagged - 1) / 4) / TICKS
    if (ms >= FIRST_MS && ms < LAST_MS) this.#lastMs = ms
    return ms
  }

  #double(): number {
    const value = this.#bytes.readDoubleLE(this.#at)
    this.#at += 8
    return value
  }

  text(): string {
    const number = this.whole()
    if (number > 0) return number & 1 ? dictionary.at(number >>> 1) : (this.#own[(number >>> 1) - 1] ?? '')
    const value = this.once()
    if (this.#own.length < MOST_OWN) this.#own.push(value)
    return value
  }

  once(): string {
    const tagged = this.whole()
    const length = tagged >>> 1
    const isWide = (tagged & 1) === 1
    const start = this.#at
    this.#at += isWide ? length * 2 : length
    return isWide ? this.#bytes.toString('utf16le', start, this.#at) : latin1Of(this.#bytes, start, this.#at)
  }

  id(): string {
    return this.byte() === 1 ? this.hex() : this.text()
  }

  hex(): string {
    this.#at += 8
    return shortHexOf(this.#bytes, this.#at - 8)
  }
}
