/**
 * The columns of the table of traces: one slot per trace held, numbers only. Gives out slots, finds them by trace id, and keeps every slot in one
 * list by what it waits for and, while it has GenAI spans, in one by age. Lists are in order of joining; a slot leaves and joins in constant time.
 * No object per trace: what the garbage collector does not see costs it nothing.
 */
import { idOfKey, type Key, newKey, placeOf, readKey } from './trace-key.ts'

/** Lists. `hot` and `plainHot` hold what was touched a moment ago, and alone can be objects. */
export const LIST = { none: 0, hot: 1, settling: 2, orphans: 3, waiting: 4, plainHot: 5, plain: 6, age: 7 } as const
export type List = (typeof LIST)[keyof typeof LIST]

/** Four ints of key, then links of both lists. */
const WIDTH = 8
const [PREV, NEXT, AGE_PREV, AGE_NEXT] = [4, 5, 6, 7]
const NONE = -1

export class Slots {
  #rows: Int32Array
  firstMs: Float64Array
  lastMs: Float64Array
  list: Uint8Array
  /** Where the bytes of a packed trace are, -1 for a trace that is objects. */
  ref: Int32Array
  /** Spans and links held. */
  spans: Int32Array
  #index: Int32Array
  readonly #seed: number
  readonly #heads = new Int32Array(8).fill(NONE)
  readonly #tails = new Int32Array(8).fill(NONE)
  readonly #sizes = new Int32Array(8)
  /** Ids that cannot be told from their keys. */
  readonly #names = new Map<number, string>()
  readonly #free: number[] = []
  #fresh = 0
  readonly #grown: (() => void)[] = []
  readonly #key = newKey()

  constructor(capacity: number, seed: number) {
    this.#seed = seed | 0
    this.#rows = new Int32Array(capacity * WIDTH)
    this.firstMs = new Float64Array(capacity)
    this.lastMs = new Float64Array(capacity)
    this.list = new Uint8Array(capacity)
    this.ref = new Int32Array(capacity)
    this.spans = new Int32Array(capacity)
    this.#index = newIndex(capacity)
  }

  get capacity(): number {
    return this.list.length
  }
  /** Slots in a list. */
  sizeOf(list: List): number {
    return this.#sizes[list] ?? 0
  }
  /** Called whenever there are more slots than before. */
  onGrow(grown: () => void): void {
    this.#grown.push(grown)
  }

  /** The slot of a trace, -1 for none. */
  find(traceId: string): number {
    return this.findKey(readKey(traceId, this.#seed, this.#key))
  }

  /** The slot of the trace with a key. */
  findKey({ a, b, c, d }: Key): number {
    const mask = this.#index.length - 1
    for (let i = placeOf(a, b, c, d, this.#seed) & mask; ; i = (i + 1) & mask) {
      const slot = this.#index[i] ?? NONE
      if (slot === NONE) return NONE
      const at = slot * WIDTH
      if (this.#rows[at] === a && this.#rows[at + 1] === b && this.#rows[at + 2] === c && this.#rows[at + 3] === d) return slot
    }
  }

  /** A slot for a trace that has none; in no list yet. */
  add(traceId: string, now: number): number {
    const key = readKey(traceId, this.#seed, this.#key)
    const slot = this.addKey(key, now)
    if (key.isNamed) this.#names.set(slot, traceId)
    return slot
  }

  /** A slot for a trace that has none and whose id can be told from its key. */
  addKey({ a, b, c, d }: Key, now: number): number {
    if (this.#free.length === 0 && this.#fresh === this.capacity) this.#grow()
    const slot = this.#free.pop() ?? this.#fresh++
    const at = slot * WIDTH
    const rows = this.#rows
    rows[at] = a
    rows[at + 1] = b
    rows[at + 2] = c
    rows[at + 3] = d
    rows.fill(NONE, at + 4, at + WIDTH)
    this.firstMs[slot] = now
    this.lastMs[slot] = now
    this.list[slot] = LIST.none
    this.ref[slot] = NONE
    this.spans[slot] = 0
    this.#enter(slot)
    return slot
  }

  /** Gives the slot back. */
  remove(slot: number): void {
    this.move(slot, LIST.none)
    this.leaveAge(slot)
    this.#leave(slot)
    this.#names.delete(slot)
    this.#free.push(slot)
  }

  idOf(slot: number): string {
    const at = slot * WIDTH
    const rows = this.#rows
    return this.#names.get(slot) ?? idOfKey(rows[at] ?? 0, rows[at + 1] ?? 0, rows[at + 2] ?? 0, rows[at + 3] ?? 0)
  }

  /** To the end of a list, out of the one it is in. */
  move(slot: number, list: List): void {
    const from = this.list[slot] as List
    if (from !== LIST.none) this.#unlink(slot, from, PREV)
    this.list[slot] = list
    if (list !== LIST.none) this.#link(slot, list, PREV)
  }

  joinAge(slot: number): void {
    this.#link(slot, LIST.age, AGE_PREV)
  }

  leaveAge(slot: number): void {
    const at = slot * WIDTH
    const isIn = this.#heads[LIST.age] === slot || this.#rows[at + AGE_PREV] !== NONE
    if (isIn) this.#unlink(slot, LIST.age, AGE_PREV)
  }

  /** The slots of a list, first to join first. The one that was given may leave or move meanwhile, others may join. */
  *of(list: List): Iterable<number> {
    const next = list === LIST.age ? AGE_NEXT : NEXT
    for (let slot = this.#heads[list] ?? NONE; slot !== NONE;) {
      const after = this.#rows[slot * WIDTH + next] ?? NONE
      yield slot
      slot = after
    }
  }

  first(list: List): number {
    return this.#heads[list] ?? NONE
  }

  #link(slot: number, list: List, prev: number): void {
    const tail = this.#tails[list] ?? NONE
    this.#rows[slot * WIDTH + prev] = tail
    this.#rows[slot * WIDTH + prev + 1] = NONE
    if (tail === NONE) this.#heads[list] = slot
    else this.#rows[tail * WIDTH + prev + 1] = slot
    this.#tails[list] = slot
    this.#sizes[list] = (this.#sizes[list] ?? 0) + 1
  }

  #unlink(slot: number, list: List, prev: number): void {
    const at = slot * WIDTH + prev
    const before = this.#rows[at] ?? NONE
    const after = this.#rows[at + 1] ?? NONE
    if (before === NONE) this.#heads[list] = after
    else this.#rows[before * WIDTH + prev + 1] = after
    if (after === NONE) this.#tails[list] = before
    else this.#rows[after * WIDTH + prev] = before
    this.#rows[at] = NONE
    this.#rows[at + 1] = NONE
    this.#sizes[list] = (this.#sizes[list] ?? 0) - 1
  }

  #homeOf(slot: number): number {
    const at = slot * WIDTH
    const rows = this.#rows
    return placeOf(rows[at] ?? 0, rows[at + 1] ?? 0, rows[at + 2] ?? 0, rows[at + 3] ?? 0, this.#seed) & (this.#index.length - 1)
  }

  #enter(slot: number): void {
    const mask = this.#index.length - 1
    let i = this.#homeOf(slot)
    while (this.#index[i] !== NONE) i = (i + 1) & mask
    this.#index[i] = slot
  }

  /** Takes a slot out of the index and closes the gap, so that no search ends early at it. */
  #leave(slot: number): void {
    const mask = this.#index.length - 1
    let gap = this.#homeOf(slot)
    while (this.#index[gap] !== slot) gap = (gap + 1) & mask
    for (let i = (gap + 1) & mask; this.#index[i] !== NONE; i = (i + 1) & mask) {
      const home = this.#homeOf(this.#index[i] ?? 0)
      if (((i - home) & mask) < ((i - gap) & mask)) continue
      this.#index[gap] = this.#index[i] ?? NONE
      gap = i
    }
    this.#index[gap] = NONE
  }

  #grow(): void {
    const capacity = this.capacity * 2
    this.#rows = grown(this.#rows, new Int32Array(capacity * WIDTH))
    this.firstMs = grown(this.firstMs, new Float64Array(capacity))
    this.lastMs = grown(this.lastMs, new Float64Array(capacity))
    this.list = grown(this.list, new Uint8Array(capacity))
    this.ref = grown(this.ref, new Int32Array(capacity))
    this.spans = grown(this.spans, new Int32Array(capacity))
    this.#index = newIndex(capacity)
    for (let slot = 0; slot < this.#fresh; slot++) this.#enter(slot)
    for (const tell of this.#grown) tell()
  }
}

/** Copies a column into a longer one. */
export function grown<T extends Int32Array | Float64Array | Uint8Array>(from: T, to: T): T {
  to.set(from)
  return to
}

/** At most half full. */
function newIndex(capacity: number): Int32Array {
  let size = 1024
  while (size < capacity * 2) size *= 2
  return new Int32Array(size).fill(NONE)
}
