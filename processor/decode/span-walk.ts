/**
 * The walk over spans that checks them and notes where everything is, in WebAssembly (assembly/span-walk.ts): what it needs is put into its
 * memory, and what it noted is taken over. Bodies go through a window of that memory piece by piece, so that its size is fixed and what
 * it reads is in the processor's cache. Its memory holds nothing that is needed after a walk: there is one for all decoders of a process.
 * Where there is no WebAssembly, or none with SIMD, it takes nothing, and the exact check does it all, in five to seven times as long.
 */
import { headHash, type KeyTable } from './key-table.ts'
import { SPAN_WALK_WASM } from './span-walk-wasm.ts'
import { type SpanPlaces, STRIDE } from './span-places.ts'
import type { WireBody } from './wire-body.ts'

/** What Node has of WebAssembly, as far as it is used here: its types come with those of browsers. */
interface Host {
  readonly WebAssembly: {
    readonly Module: new (bytes: Uint8Array) => object
    readonly Instance: new (module: object) => { readonly exports: unknown }
  }
}
type Exports = Readonly<Record<Address | Count, { value: number }>> & {
  readonly memory: { readonly buffer: ArrayBuffer }
  walk(from: number, to: number, max: number, shift: number, first: number): number
}
type Address = 'starts' | 'heads' | 'chains' | 'keys' | 'keyLengths' | 'keyBits' | 'prefixesBy' | 'prefixes' | Noted
type Noted = 'places' | 'attributes' | 'attributesEnd'
type Count = 'hashShift' | 'maxNesting' | 'spanCount' | 'attributeCount' | 'reaches'

/** What is copied at once: fits a second-level cache with what is noted of it. A larger span takes up to the whole window. */
const PIECE = 1 << 17
const WINDOW = 1 << 20
/** The walk looks so far past what it was given. */
const PAST = 64
/** Numbers per attribute, as span-places.ts has them. */
const PER_ATTRIBUTE = 3
/** Spans and attributes that one call may note. */
const SPANS = 512
const ATTRIBUTES = 1 << 14

class Engine {
  readonly #exports: Exports
  readonly #memory: Buffer
  readonly #numbers: Int32Array
  #next = 0
  #table: KeyTable | undefined
  /** What the window holds: these bytes of this body. */
  #body: Buffer | undefined
  #from = 0
  #to = 0
  #window = 0

  constructor(exports: Exports) {
    this.#exports = exports
    this.#memory = Buffer.from(exports.memory.buffer)
    this.#numbers = new Int32Array(exports.memory.buffer)
  }

  /** Begins with a body, which may lie where the one before did. */
  begin(table: KeyTable, maxNesting: number): void {
    if (this.#table !== table) this.#load(table)
    this.#exports.maxNesting.value = maxNesting
    this.#body = undefined
  }

  /** Notes spans that stand side by side from `pos` on; returns where it stopped. */
  take(body: Buffer, places: SpanPlaces, pos: number, end: number, max: number): number {
    let at = pos
    let left = Math.min(max, SPANS)
    while (at < end && left > 0) {
      if (this.#body !== body || at < this.#from || at >= this.#to) this.#show(body, at, PIECE)
      const shift = (this.#from - this.#window) | 0
      const to = Math.min(end, this.#to)
      const stopped = (this.#exports.walk(at - shift, to - shift, left, shift, places.attributeCount) + shift) | 0
      const taken = this.#exports.spanCount.value
      if (taken > 0) this.#takeOver(places, taken)
      left -= taken
      const wanted = this.#exports.reaches.value === 0 ? 0 : this.#exports.reaches.value + shift - stopped
      at = stopped
      if (wanted > 0 && wanted <= WINDOW && to < end) this.#show(body, at, Math.max(PIECE, wanted))
      else if (taken === 0) break
    }
    return at
  }

  /** Copies `size` bytes of the body from `from` on into the window. */
  #show(body: Buffer, from: number, size: number): void {
    this.#body = body
    this.#from = from
    this.#to = from + body.copy(this.#memory, this.#window, from, Math.min(from + size, body.length))
  }

  #takeOver(places: SpanPlaces, spans: number): void {
    const { places: at, attributes, attributeCount } = this.#exports
    const fromSpan = at.value >> 2
    const fromAttribute = attributes.value >> 2
    places.add(
      this.#numbers.subarray(fromSpan, fromSpan + spans * STRIDE),
      this.#numbers.subarray(fromAttribute, fromAttribute + attributeCount.value * PER_ATTRIBUTE),
    )
  }

  /** Lays out the memory for a table of keys. @throws RangeError where the dialects have more of them than it was made for. */
  #load(table: KeyTable): void {
    this.#table = undefined
    const { heads, next, lengths, offsets, bytes, shift, prefixes } = table.parts
    const words = this.#numbers
    this.#next = 1024
    this.#put('starts', table.starts)
    this.#put('heads', heads)
    this.#put('chains', next)
    this.#put('keyLengths', lengths)
    this.#put('keyBits', table.bits)
    const keys = this.#room(bytes.length)
    this.#memory.set(bytes, keys)
    this.#put(
      'keys',
      offsets.map((offset) => keys + offset),
    )
    this.#exports.hashShift.value = shift
    const by = this.#put('prefixesBy', new Int32Array(256)) >> 2
    const list = this.#put('prefixes', new Int32Array(2 * prefixes.length)) >> 2
    for (const [i, prefix] of prefixes.entries()) {
      const at = this.#room(prefix.length)
      this.#memory.set(prefix, at)
      words.set([at, prefix.length], list + 2 * i)
      const hash = by + headHash(prefix, 0)
      words[hash] = (words[hash] as number) | (1 << i)
    }
    this.#exports.places.value = this.#room(4 * STRIDE * SPANS)
    this.#exports.attributes.value = this.#room(4 * PER_ATTRIBUTE * ATTRIBUTES)
    this.#exports.attributesEnd.value = this.#next
    this.#window = this.#room(WINDOW + PAST)
    if (this.#next > this.#memory.length || prefixes.length > 32)
      throw new RangeError(`${table.size} keys with ${prefixes.length} prefixes do not fit the memory of the walk`)
    this.#table = table
  }

  #put(name: Address, numbers: Uint16Array | Int16Array | Int32Array): number {
    const at = this.#room(numbers.byteLength)
    this.#memory.set(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength), at)
    return (this.#exports[name].value = at)
  }

  #room(size: number): number {
    const at = this.#next
    this.#next = (at + size + 63) & ~63
    return at
  }
}

let engine: Engine | undefined | 'none'

function theEngine(): Engine | undefined {
  if (engine === undefined) {
    try {
      const { Instance, Module } = (globalThis as unknown as Host).WebAssembly
      engine = new Engine(new Instance(new Module(Buffer.from(SPAN_WALK_WASM, 'base64'))).exports as Exports)
    } catch {
      // `node --jitless`, an old processor, or no room for its addresses: docs/decisions/0015-wire-path.md.
      engine = 'none'
    }
  }
  return engine === 'none' ? undefined : engine
}

/** Of one body. */
export class SpanWalk {
  readonly #engine = theEngine()
  readonly #bytes: Buffer
  readonly #places: SpanPlaces

  constructor(body: WireBody, places: SpanPlaces, maxNesting: number) {
    this.#bytes = body.bytes
    this.#places = places
    this.#engine?.begin(places.table, maxNesting)
  }

  /**
   * Checks and notes the spans of common form that stand side by side from the tag at `pos` on, `max` at the most, and returns where it
   * stopped: `pos` when there is none. Fewer than there are may be taken at once.
   */
  take(pos: number, end: number, max: number): number {
    return this.#engine?.take(this.#bytes, this.#places, pos, end, max) ?? pos
  }
}
