/**
 * Attribute keys as bytes → their numbers (model/attribute-key.ts), without making a string: the hot step of reading a span.
 * Built once from the keys the dialects declare, and all others that have a number by then. A hash picks a short chain and a full compare decides, so a collision costs time, never
 * a wrong answer. The keys are ours, not the sender's: nobody can lengthen a chain from outside.
 */
import { type AttributeKey, keyNumber, numberedKeys } from '../../model/attribute-key.ts'

/** Keys below this are few and take a slower hash; from here on two reads of four bytes stay inside the key. */
const WORDS = 8
const NONE: readonly number[] = []
/** In `starts`. */
const PREFIXED = 256
/** Where the bits of keys begin in `bits`: below are flags of the decoder. */
export const BITS_AT = 3

/** See the fields of KeyTable. */
export interface KeyTableParts {
  readonly heads: Int16Array
  readonly next: Int16Array
  readonly lengths: Int32Array
  readonly offsets: Int32Array
  readonly bytes: Buffer
  readonly shift: number
  readonly prefixes: readonly Buffer[]
}

export class KeyTable {
  readonly size: number
  readonly #slots: ReadonlyMap<string, number>
  /** Per slot: 1 when the key has a GenAI prefix, and above that bit what `bits` gives it. */
  readonly bits: Int32Array
  /** Per hash: first slot + 1. Per slot: next slot of its chain + 1. */
  readonly #heads: Int16Array
  readonly #next: Int16Array
  readonly #shift: number
  /** All keys one after the other, and where each begins and how long it is. */
  readonly #bytes: Buffer
  readonly #words: DataView
  readonly #starts: Int32Array
  readonly #lengths: Int32Array
  /** By a key's first two bytes: bit n for known keys whose length is n modulo 8, PREFIXED for what a prefix may begin. */
  readonly starts = new Uint16Array(2 ** 16)
  /** Prefixes, and which of them may begin with three given bytes. */
  readonly #prefixes: readonly Buffer[]
  readonly #prefixesBy: (readonly number[])[] = Array.from({ length: 256 }, () => NONE)

  constructor(keys: readonly string[], prefixes: readonly string[], bits?: ReadonlyMap<string, number>) {
    for (const key of keys) keyNumber(key)
    const distinct = [...numberedKeys()]
    this.size = distinct.length
    this.#slots = new Map(distinct.map((key, slot) => [key, slot]))
    this.bits = Int32Array.from(distinct, (key) => Number(prefixes.some((p) => key.startsWith(p))) | ((bits?.get(key) ?? 0) << BITS_AT))
    this.#lengths = Int32Array.from(distinct, (key) => Buffer.byteLength(key))
    this.#starts = new Int32Array(distinct.length)
    for (let i = 1; i < distinct.length; i++) this.#starts[i] = (this.#starts[i - 1] as number) + (this.#lengths[i - 1] as number)
    this.#bytes = Buffer.from(distinct.join(''))
    this.#words = viewOf(this.#bytes)
    // Twelve times as many places as keys: an unknown key, the common case, then rarely meets a known one.
    const log = Math.max(6, Math.ceil(Math.log2(distinct.length * 12)))
    this.#shift = 32 - log
    this.#heads = new Int16Array(2 ** log)
    this.#next = new Int16Array(distinct.length)
    for (let slot = 0; slot < distinct.length; slot++) {
      const h = this.#hash(this.#bytes, this.#words, this.#starts[slot] as number, this.#lengths[slot] as number)
      this.#next[slot] = this.#heads[h] as number
      this.#heads[h] = slot + 1
    }
    for (const key of distinct) if (key.length >= 2) this.#mark(key, 1 << (Buffer.byteLength(key) & 7))
    this.#prefixes = prefixes.filter((p) => p.length >= 3).map((p) => Buffer.from(p))
    for (const [i, prefix] of this.#prefixes.entries()) {
      this.#mark(prefix, PREFIXED)
      const h = headHash(prefix, 0)
      this.#prefixesBy[h] = [...(this.#prefixesBy[h] ?? []), i]
    }
  }

  /** What the walk in WebAssembly finds keys by: the same tables. */
  get parts(): KeyTableParts {
    return {
      heads: this.#heads,
      next: this.#next,
      lengths: this.#lengths,
      offsets: this.#starts,
      bytes: this.#bytes,
      shift: this.#shift,
      prefixes: this.#prefixes,
    }
  }

  #mark(start: string | Buffer, bit: number): void {
    const at = Buffer.from(start).readUInt16LE()
    this.starts[at] = (this.starts[at] as number) | bit
  }

  /** Slot of a key, which is its number, or −1. */
  slot(key: AttributeKey): number {
    return typeof key === 'string' ? (this.#slots.get(key) ?? -1) : key < this.size ? key : -1
  }

  /** Slot of the key at `start`, or −1. `view` is over the same bytes. */
  // oxlint-disable-next-line max-params -- the hot step of decoding: an object for the range would be made for every attribute
  find(bytes: Uint8Array, start: number, length: number, view: DataView = viewOf(bytes)): number {
    let slot = ((this.#heads[this.#hash(bytes, view, start, length)] as number) - 1) | 0
    while (slot >= 0) {
      if (this.#lengths[slot] === length && this.#isEqual(slot, bytes, view, start, length)) return slot
      slot = ((this.#next[slot] as number) - 1) | 0
    }
    return -1
  }

  /** Whether the key at `start`, which no slot has, has a GenAI prefix. Three bytes rule out nearly all that have none. */
  isPrefixed(bytes: Uint8Array, start: number, length: number): boolean {
    if (length < 3) return false
    const candidates = this.#prefixesBy[headHash(bytes, start)] as readonly number[]
    if (candidates === NONE) return false
    for (const i of candidates) if (startsWith(bytes, start, length, this.#prefixes[i] as Buffer)) return true
    return false
  }

  /** Length, the four bytes in the middle and the last four: the ends alone collide, for many keys end alike. */
  #hash(bytes: Uint8Array, view: DataView, start: number, length: number): number {
    if (length >= WORDS) {
      const middle = view.getInt32((start + (length >> 1)) | 0, true)
      const last = view.getInt32((start + length - 4) | 0, true)
      return Math.imul(Math.imul(middle ^ length, 0x9e3779b1) ^ last, 0x85ebca6b) >>> this.#shift
    }
    let h = length
    for (let i = 0; i < length; i++) h = Math.imul(h ^ (bytes[start + i] as number), 0x9e3779b1)
    return h >>> this.#shift
  }

  // oxlint-disable-next-line max-params -- the hot loop of decoding: an object for the range would be made for every attribute
  #isEqual(slot: number, bytes: Uint8Array, view: DataView, start: number, length: number): boolean {
    const at = this.#starts[slot] as number
    if (length < 4) {
      for (let i = 0; i < length; i++) if (this.#bytes[at + i] !== bytes[start + i]) return false
      return true
    }
    if (length < WORDS) {
      const last = (length - 4) | 0
      return (
        this.#words.getInt32(at, true) === view.getInt32(start, true) &&
        this.#words.getInt32((at + last) | 0, true) === view.getInt32((start + last) | 0, true)
      )
    }
    // Eight bytes at a time as doubles: no eight bytes of UTF-8 are NaN or a negative zero, so equal doubles are equal bytes.
    const last = (length - 8) | 0
    for (let i = 0; i < last; i = (i + 8) | 0) {
      if (this.#words.getFloat64((at + i) | 0, true) !== view.getFloat64((start + i) | 0, true)) return false
    }
    return this.#words.getFloat64((at + last) | 0, true) === view.getFloat64((start + last) | 0, true)
  }
}

/** Of the first three bytes of a key or prefix. */
export function headHash(bytes: Uint8Array, start: number): number {
  return ((bytes[start] as number) * 31 + (bytes[start + 1] as number) * 7 + (bytes[start + 2] as number)) & 255
}

/** A view over the same bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Whether the `length` bytes at `start` begin with `prefix`. */
export function startsWith(bytes: Uint8Array, start: number, length: number, prefix: Uint8Array): boolean {
  if (length < prefix.length) return false
  for (let i = 0; i < prefix.length; i++) if (prefix[i] !== bytes[start + i]) return false
  return true
}
