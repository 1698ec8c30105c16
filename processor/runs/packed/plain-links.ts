/**
 * The places of plain spans (no GenAI) in traces that have nothing else yet: one row of six numbers each, in a list per trace, newest first.
 * Most traces of a busy system never get a GenAI span, so nothing is made for them: no string, no object, nothing to pack later.
 * A trace keeps up to MOST rows; finding out whether a span was seen walks them.
 */
import type { ParentLocation } from '../../../model/span.ts'
import { hexOfTwo } from '../../decode/hex.ts'
import { locationAt, numberOf, type SpanIds } from '../../decode/span-ids.ts'
import type { Link } from '../tree.ts'
import { grown } from './slots.ts'

/** A trace with more is a map of objects: the walk would cost more than those. */
export const MOST_ROWS = 64

/** Span id, parent id, where the parent is, the row before in the same trace (or the next free one). */
const WIDTH = 6
const [SPAN, PARENT, LOCATION, OLDER] = [0, 2, 4, 5]
const NONE = -1
const FIRST_ROWS = 4096

export class PlainLinks {
  #rows = new Int32Array(FIRST_ROWS * WIDTH)
  /** The newest row of each slot's trace. */
  #heads: Int32Array
  #free = NONE
  #fresh = 0

  constructor(slots: number) {
    this.#heads = new Int32Array(slots).fill(NONE)
  }

  /** Makes room for so many traces. */
  grow(slots: number): void {
    const before = this.#heads.length
    this.#heads = grown(this.#heads, new Int32Array(slots))
    this.#heads.fill(NONE, before)
  }

  has(slot: number): boolean {
    return this.#heads[slot] !== NONE
  }

  /** Adds a span to a slot's trace; false when it is there already. */
  add(slot: number, ids: SpanIds): boolean {
    const { high, low } = ids
    const head = this.#heads[slot] as number
    let rows = this.#rows
    for (let row = head; row !== NONE;) {
      const at = (row * WIDTH) | 0
      if (rows[at + 1] === low && rows[at] === high) return false
      row = rows[at + OLDER] as number
    }
    const row = this.#take()
    rows = this.#rows
    const at = (row * WIDTH) | 0
    rows[at] = high
    rows[at + 1] = low
    rows[at + PARENT] = ids.parentHigh
    rows[at + PARENT + 1] = ids.parentLow
    rows[at + LOCATION] = numberOf(ids.parentLocation)
    rows[at + OLDER] = head
    this.#heads[slot] = row
    return true
  }

  /** Forgets a slot's trace. */
  drop(slot: number): void {
    const head = this.#heads[slot] ?? NONE
    if (head === NONE) return
    const rows = this.#rows
    let last = head
    for (let next = rows[last * WIDTH + OLDER] as number; next !== NONE; next = rows[last * WIDTH + OLDER] as number) last = next
    rows[last * WIDTH + OLDER] = this.#free
    this.#free = head
    this.#heads[slot] = NONE
  }

  /** Adds a slot's spans to a map, in the order they came. */
  read(slot: number, into: LinkSink): void {
    readRows(this.#rows, this.#heads[slot] ?? NONE, into)
  }

  /** All rows as they are now, to be read later by `reader(newest)`. */
  capture(): PlainCapture {
    const rows = this.#rows.slice(0, this.#fresh * WIDTH)
    return { newest: (slot) => this.#heads[slot] ?? NONE, read: (newest, into) => readRows(rows, newest, into) }
  }

  #take(): number {
    const row = this.#free
    if (row !== NONE) {
      this.#free = this.#rows[row * WIDTH + OLDER] as number
      return row
    }
    if ((this.#fresh + 1) * WIDTH > this.#rows.length) this.#rows = grown(this.#rows, new Int32Array(this.#rows.length * 2))
    return this.#fresh++
  }
}

/** Rows as they were at one moment. */
export interface PlainCapture {
  /** The newest row of a slot's trace, to be asked at that moment; −1 for none. */
  newest(slot: number): number
  read(newest: number, into: LinkSink): void
}

/** Takes links as they are read. */
export interface LinkSink {
  setLink(spanId: string, link: Link): void
}

function readRows(rows: Int32Array, newest: number, into: LinkSink): void {
  const places: number[] = []
  for (let row = newest; row !== NONE; row = rows[row * WIDTH + OLDER] as number) places.push(row * WIDTH)
  for (const at of places.toReversed()) {
    const [high = 0, low = 0] = [rows[at + PARENT], rows[at + PARENT + 1]]
    const parentLocation: ParentLocation = locationAt(rows[at + LOCATION] ?? 0)
    into.setLink(hexOfTwo(rows[at + SPAN] ?? 0, rows[at + SPAN + 1] ?? 0), {
      parentSpanId: high === 0 && low === 0 ? '' : hexOfTwo(high, low),
      parentLocation,
    })
  }
}
