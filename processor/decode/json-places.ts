/**
 * Where everything is in every span of a JSON request that json-walk.ts knows: integers in flat arrays, used again for the next request.
 * Positions are of bytes in the body and 0 for what is absent, for no value can begin there.
 */
import type { KeyTable } from './key-table.ts'

/** Numbers per span, each the first of its pair but where one is enough: an id has a fixed length. */
const STRIDE = 28
export const AT = {
  traceId: 0,
  spanId: 1,
  parentId: 2,
  bits: 3,
  /** Of the attributes with a known key: the first, and one past the last. */
  noted: 4,
  /** Texts: their bytes between the quotes; the end is negative where there are escapes in them. */
  name: 6,
  state: 8,
  message: 10,
  /** Times: their digits, in quotes or not. */
  startTime: 12,
  endTime: 14,
  /** Whole tokens. */
  kind: 16,
  flags: 18,
  code: 20,
  events: 22,
  links: 24,
  attributes: 26,
} as const

export const OF_INTEREST = 1

/** How a noted attribute value stands there: a text without escapes, digits, true or false, or an AnyValue to be parsed. */
export const FORM = { text: 0, digits: 1, bool: 2, double: 3, any: 4 } as const
/** Slot, form, start and end. */
export const NOTE = 4

/** A scope with its spans or a resource with its scopes, from the first to before the last. `start` and `end` are of the scope or resource itself. */
export interface Group {
  readonly start: number
  readonly end: number
  readonly from: number
  readonly to: number
}

/** Arrays that one request made larger than this are not kept for the next. */
const KEPT = 1 << 20
const SPANS = STRIDE * 512
const NOTES = NOTE * 512 * 16

export class JsonPlaces {
  readonly table: KeyTable
  count = 0
  noted = 0
  places = new Int32Array(SPANS)
  notes = new Int32Array(NOTES)
  resources: Group[] = []
  scopes: Group[] = []

  constructor(table: KeyTable) {
    this.table = table
  }

  /** Forgets the request before. */
  clear(): void {
    this.count = this.noted = 0
    this.resources = []
    this.scopes = []
    if (this.places.length > KEPT) this.places = new Int32Array(SPANS)
    if (this.notes.length > KEPT) this.notes = new Int32Array(NOTES)
  }

  of(span: number, field: number): number {
    return this.places[span * STRIDE + field] as number
  }

  /** Begins the next span and returns where its numbers are, all 0. */
  next(): number {
    const o = this.count++ * STRIDE
    if (o + STRIDE > this.places.length) this.places = doubled(this.places)
    const { places } = this
    for (let i = o; i < o + STRIDE; i++) places[i] = 0
    return o
  }

  note(slot: number, form: number, start: number, end: number): void {
    const n = this.noted++ * NOTE
    if (n + NOTE > this.notes.length) this.notes = doubled(this.notes)
    const { notes } = this
    notes[n] = slot
    notes[n + 1] = form
    notes[n + 2] = start
    notes[n + 3] = end
  }
}

function doubled(array: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2)
  larger.set(array)
  return larger
}
