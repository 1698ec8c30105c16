/**
 * Strings that come again are made once: operation, model, agent and tool names, status messages, ids of traces and parents.
 * Caches with one place per hash: what comes later takes the place, so they are bounded, cannot be filled up, and a collision that a
 * sender contrives costs a string, never a wrong answer. A hit takes 10 to 15 ns, the call into native code that makes a string 80 to 100,
 * and a string seen before has its hash ready when it is looked up in a Map.
 */
import { noteTrace, shortHexOf } from './hex.ts'
import { TextHashes } from './text-hashes.ts'

const PLACES = 2048
/** Longer texts rarely come twice, and comparing them costs what is to be saved. */
const LONGEST = 64
const TRACES = 2048
const SPANS = 4096

/** What `toString` calls once it has looked at its arguments, which takes as long again: not documented, so only where it is. */
interface Slices {
  hexSlice(start: number, end: number): string
  utf8Slice(start: number, end: number): string
}
const HAS_SLICES = 'hexSlice' in Buffer.prototype && 'utf8Slice' in Buffer.prototype

function hexOf(bytes: Buffer, start: number, end: number): string {
  return HAS_SLICES ? (bytes as Buffer & Slices).hexSlice(start, end) : bytes.toString('hex', start, end)
}

function textOf(bytes: Buffer, start: number, end: number): string {
  return HAS_SLICES ? (bytes as Buffer & Slices).utf8Slice(start, end) : bytes.toString('utf8', start, end)
}

export class Strings {
  readonly hashes = new TextHashes()
  readonly #texts: string[] = Array.from({ length: PLACES }, () => '')
  readonly #lengths = new Uint8Array(PLACES)
  readonly #bytes = new Uint8Array(PLACES * LONGEST)
  readonly #words = new DataView(this.#bytes.buffer)
  readonly #traces: string[] = Array.from({ length: TRACES }, () => '')
  readonly #traceWords = new Int32Array(TRACES * 4)
  readonly #spans: string[] = Array.from({ length: SPANS }, () => '')
  readonly #spanWords = new Int32Array(SPANS * 2)

  /** The UTF-8 text in [start, end). */
  text(bytes: Buffer, view: DataView, start: number, end: number): string {
    const length = (end - start) | 0
    if (length < 4 || length > LONGEST) return length === 0 ? '' : textOf(bytes, start, end)
    const last = view.getInt32((end - 4) | 0, true)
    const middle = view.getInt32((start + ((length - 4) >> 1)) | 0, true)
    const place =
      Math.imul(Math.imul(Math.imul(view.getInt32(start, true) ^ length, 0x9e3779b1) ^ middle, 0x85ebca6b) ^ last, 0x27d4eb2f) >>> 21
    const at = (place * LONGEST) | 0
    if (this.#lengths[place] === length && this.#isEqual(at, view, start, length)) return this.#texts[place] as string
    const text = textOf(bytes, start, end)
    this.#lengths[place] = length
    this.#texts[place] = text
    // By words, the last of which overlaps the one before.
    const words = this.#words
    const rest = (length - 4) | 0
    for (let i = 0; i < rest; i = (i + 4) | 0) words.setInt32((at + i) | 0, view.getInt32((start + i) | 0, true), true)
    words.setInt32((at + rest) | 0, last, true)
    return text
  }

  #isEqual(at: number, view: DataView, start: number, length: number): boolean {
    const words = this.#words
    if (length < 8) {
      const last = (length - 4) | 0
      return (
        words.getInt32(at, true) === view.getInt32(start, true) &&
        words.getInt32((at + last) | 0, true) === view.getInt32((start + last) | 0, true)
      )
    }
    // As in key-table.ts: both are UTF-8, so equal doubles are equal bytes.
    const last = (length - 8) | 0
    for (let i = 0; i < last; i = (i + 8) | 0) {
      if (words.getFloat64((at + i) | 0, true) !== view.getFloat64((start + i) | 0, true)) return false
    }
    return words.getFloat64((at + last) | 0, true) === view.getFloat64((start + last) | 0, true)
  }

  /** 16 bytes as 32 hex digits. */
  traceId(bytes: Buffer, view: DataView, start: number): string {
    const a = view.getInt32(start)
    const b = view.getInt32((start + 4) | 0)
    const c = view.getInt32((start + 8) | 0)
    const d = view.getInt32((start + 12) | 0)
    const place = Math.imul(a ^ b ^ c ^ d, 0x9e3779b1) >>> 21
    const at = (place * 4) | 0
    const words = this.#traceWords
    if (words[at] === a && words[at + 1] === b && words[at + 2] === c && words[at + 3] === d) {
      const known = this.#traces[place] as string
      if (known !== '') return noteTrace(known, a, b, c, d)
    }
    const id = hexOf(bytes, start, start + 16)
    words[at] = a
    words[at + 1] = b
    words[at + 2] = c
    words[at + 3] = d
    this.#traces[place] = id
    return noteTrace(id, a, b, c, d)
  }

  /** 8 bytes as 16 hex digits. */
  spanId(bytes: Buffer, view: DataView, start: number): string {
    const a = view.getInt32(start)
    const b = view.getInt32((start + 4) | 0)
    const place = Math.imul(a ^ b, 0x9e3779b1) >>> 20
    const at = (place * 2) | 0
    const words = this.#spanWords
    if (words[at] === a && words[at + 1] === b) {
      const known = this.#spans[place] as string
      if (known !== '') return known
    }
    const id = shortHexOf(bytes, start)
    words[at] = a
    words[at + 1] = b
    this.#spans[place] = id
    return id
  }
}
