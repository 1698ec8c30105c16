/**
 * One request body → one body per owner of its traces. In: a traces or logs body that a decoder has checked. Out: bodies that hold every
 * span or record exactly once, byte for byte and in its order, each under a copy of its resource and scope; nothing is decoded or written
 * anew. A body that is all of one owner stays as it is. JSON: split-json.ts.
 */
import type { Encoding } from './decode/decode.ts'
import { Strings } from './decode/strings.ts'
import { WireBody } from './decode/wire-body.ts'
import { splitJson } from './split-json.ts'
import { ownerAt, type Owners, WITHOUT_TRACE } from './split-owner.ts'

/** By owner; undefined for whom there is nothing. */
export type Parts = readonly (Uint8Array | undefined)[]

/** Field of the trace id in a span, and in a log record. */
const TRACE_ID = { traces: 1, logs: 9 } as const
/** Resources and items are repeated fields of these numbers at every level, in both signals. */
const [RESOURCES, SCOPES, ITEMS] = [1, 2, 2]

/** Splits a body. One without spans or records stays whole with `self`. */
export function splitBody(signal: 'traces' | 'logs', body: Uint8Array, encoding: Encoding, owners: Owners): Parts {
  return encoding === 'json' ? splitJson(signal, body, owners) : new WireSplit(signal, body, owners).parts()
}

/** A stretch of the body: where it begins, where it ends. */
type Stretch = [start: number, end: number]

interface ScopeOf {
  readonly head: Stretch[]
  /** By owner: neighbours are one stretch. */
  readonly items: (Stretch[] | undefined)[]
}

interface ResourceOf {
  readonly head: Stretch[]
  readonly scopes: ScopeOf[]
}

const NO_TEXT = new Strings()

class WireSplit {
  readonly #bytes: Uint8Array
  readonly #body: WireBody
  readonly #owners: Owners
  readonly #signal: 'traces' | 'logs'
  readonly #seen = new Set<number>()

  constructor(signal: 'traces' | 'logs', bytes: Uint8Array, owners: Owners) {
    this.#signal = signal
    this.#bytes = bytes
    this.#body = new WireBody(bytes, NO_TEXT)
    this.#owners = owners
  }

  parts(): Parts {
    const resources = this.#resources()
    const { count, self } = this.#owners
    const parts: (Uint8Array | undefined)[] = Array.from({ length: count }, () => undefined)
    const [only = self] = this.#seen
    if (this.#seen.size <= 1) parts[only] = this.#bytes
    else for (const owner of this.#seen) parts[owner] = this.#write(resources, owner)
    return parts
  }

  #resources(): readonly ResourceOf[] {
    const body = this.#body
    const resources: ResourceOf[] = []
    for (let pos = 0; pos < this.#bytes.length;) {
      pos = body.step(pos)
      if (body.number === RESOURCES) resources.push(this.#resource(body.from, pos))
    }
    return resources
  }

  #resource(start: number, end: number): ResourceOf {
    const body = this.#body
    const resource: ResourceOf = { head: [], scopes: [] }
    for (let pos = start; pos < end;) {
      const at = pos
      pos = body.step(pos)
      if (body.number === SCOPES) resource.scopes.push(this.#scope(body.from, pos))
      else extend(resource.head, at, pos)
    }
    return resource
  }

  #scope(start: number, end: number): ScopeOf {
    const body = this.#body
    const scope: ScopeOf = { head: [], items: [] }
    for (let pos = start; pos < end;) {
      const at = pos
      pos = body.step(pos)
      if (body.number !== ITEMS) {
        extend(scope.head, at, pos)
        continue
      }
      const owner = this.#ownerOf(body.from, pos)
      this.#seen.add(owner)
      extend((scope.items[owner] ??= []), at, pos)
    }
    return scope
  }

  #ownerOf(start: number, end: number): number {
    const body = this.#body
    const { count, self } = this.#owners
    const field = TRACE_ID[this.#signal]
    let owner = this.#signal === 'logs' ? WITHOUT_TRACE : self
    for (let pos = start; pos < end;) {
      pos = body.step(pos)
      if (body.number !== field) continue
      const { from } = body
      const isId = pos - from === 16 && !body.isZero(from, pos)
      // Of a span the decoder reads the first, of a log record the last, whether it is an id or not.
      if (this.#signal === 'traces') return isId ? ownerAt(this.#bytes, from, count) : owner
      owner = isId ? ownerAt(this.#bytes, from, count) : WITHOUT_TRACE
    }
    return owner
  }

  #write(resources: readonly ResourceOf[], owner: number): Uint8Array {
    const out = new Pieces(this.#bytes)
    for (const resource of resources) {
      const scopes = resource.scopes.filter((s) => s.items[owner] !== undefined)
      if (scopes.length === 0) continue
      const lengths = scopes.map((s) => lengthOf(s.head) + lengthOf(s.items[owner] ?? []))
      out.head(RESOURCES, lengthOf(resource.head) + lengths.reduce((sum, n) => sum + headBytes(n) + n, 0))
      out.copy(resource.head)
      for (const [i, scope] of scopes.entries()) {
        out.head(SCOPES, lengths[i] ?? 0)
        out.copy(scope.head)
        out.copy(scope.items[owner] ?? [])
      }
    }
    return out.joined()
  }
}

/** Adds a stretch, to the last one where it goes on from there. */
function extend(stretches: Stretch[], start: number, end: number): void {
  const last = stretches.at(-1)
  if (last?.[1] === start) last[1] = end
  else stretches.push([start, end])
}

function lengthOf(stretches: readonly Stretch[]): number {
  let n = 0
  for (const [start, end] of stretches) n += end - start
  return n
}

/** Bytes of the tag and length before a message of `length` bytes. */
function headBytes(length: number): number {
  let n = 2
  for (let left = length; left > 0x7f; left = Math.floor(left / 128)) n++
  return n
}

class Pieces {
  readonly #from: Uint8Array
  readonly #pieces: Uint8Array[] = []

  constructor(from: Uint8Array) {
    this.#from = from
  }

  head(field: number, length: number): void {
    const head = [(field << 3) | 2]
    let left = length
    for (; left > 0x7f; left = Math.floor(left / 128)) head.push((left % 128) | 0x80)
    head.push(left)
    this.#pieces.push(Uint8Array.from(head))
  }

  copy(stretches: readonly Stretch[]): void {
    for (const [start, end] of stretches) this.#pieces.push(this.#from.subarray(start, end))
  }

  joined(): Uint8Array {
    return Buffer.concat(this.#pieces)
  }
}
