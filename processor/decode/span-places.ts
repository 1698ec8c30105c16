/**
 * Where everything is in every span of a protobuf request, as integers in flat arrays: noted in the walk that checks the request, so that
 * nothing is walked twice. Spans of the common form are noted by span-walk.ts, all others by `locate`.
 * The arrays are used again for the next request: a span allocates nothing.
 */
import { EVENT_PREFIX } from './interest.ts'
import { type KeyTable, startsWith } from './key-table.ts'
import type { WireBody } from './wire-body.ts'

/** Numbers per span. Positions are of the field's value; 0 when the field is absent, for no value can begin there. */
export const STRIDE = 18
export const AT = {
  start: 0,
  end: 1,
  /** −1 when its length is wrong or all of it is zero. */
  traceId: 2,
  spanId: 3,
  /** −1 when its length is wrong; all zeros are no parent. */
  parentId: 4,
  stateStart: 5,
  stateEnd: 6,
  nameStart: 7,
  nameEnd: 8,
  kind: 9,
  startTime: 10,
  endTime: 11,
  statusStart: 12,
  statusEnd: 13,
  flags: 14,
  bits: 15,
  /** Of the attributes with a known key: the first, and one past the last. */
  attributesFrom: 16,
  attributesTo: 17,
} as const
/** Flags in `AT.bits`; from BITS_AT on are those of the keys (key-table.ts). */
export const OF_INTEREST = 1
export const HAS_EVENTS = 2
export const HAS_LINKS = 4

const GEN_AI_EVENT = Buffer.from(EVENT_PREFIX)
/** Arrays that one request made larger than this are not kept for the next. */
const KEPT = 1 << 20

export class SpanPlaces {
  readonly table: KeyTable
  count = 0
  places = new Int32Array(STRIDE * 512)
  /** Slot, start and end of the value, three numbers for each attribute with a known key. */
  attributes = new Int32Array(3 * 512 * 16)
  attributeCount = 0

  constructor(table: KeyTable) {
    this.table = table
  }

  /** Forgets the spans of the request before. */
  clear(): void {
    this.count = this.attributeCount = 0
    if (this.places.length > KEPT) this.places = new Int32Array(STRIDE * 512)
    if (this.attributes.length > KEPT) this.attributes = new Int32Array(3 * 512 * 16)
  }

  of(span: number, field: number): number {
    return this.places[span * STRIDE + field] as number
  }

  /** Locates a span of any form that the exact check has passed. Of a field that is repeated the last one counts. */
  locate(body: WireBody, start: number, end: number): void {
    this.reserve(((end - start) >> 1) + 1)
    const o = this.next(start, end)
    const places = this.places
    places.fill(0, o + 2, o + STRIDE)
    places[o + AT.attributesFrom] = this.attributeCount
    let bits = 0
    for (let pos = start; pos < end;) {
      pos = body.step(pos)
      const from = body.from
      switch (body.number) {
        case 1:
          places[o + AT.traceId] = pos - from === 16 && !body.isZero(from, pos) ? from : -1
          break
        case 2:
          places[o + AT.spanId] = pos - from === 8 && !body.isZero(from, pos) ? from : -1
          break
        case 4:
          places[o + AT.parentId] = pos === from ? 0 : pos - from !== 8 ? -1 : body.isZero(from, pos) ? 0 : from
          break
        case 9:
          bits |= this.#note(body, from, pos)
          break
        case 11:
          bits |= isGenAiEvent(body, from, pos) ? HAS_EVENTS | OF_INTEREST : HAS_EVENTS
          break
        case 13:
          bits |= HAS_LINKS
          break
        default:
          this.#place(o, body.number, from, pos)
      }
    }
    places[o + AT.bits] = bits
    places[o + AT.attributesTo] = this.attributeCount
  }

  #place(o: number, number: number, from: number, end: number): void {
    const range = number < RANGES.length ? (RANGES[number] as number) : 0
    if (range === 0) return
    this.places[o + range] = from
    if (number === 3 || number === 5 || number === 15) this.places[o + range + 1] = end
  }

  /** Notes the KeyValue in [start, end) and returns the bits of its key. */
  #note(body: WireBody, start: number, end: number): number {
    body.keyValue(start, end)
    const length = body.keyEnd - body.keyStart
    const slot = this.table.find(body.bytes, body.keyStart, length, body.view)
    if (slot < 0) return this.table.isPrefixed(body.bytes, body.keyStart, length) ? OF_INTEREST : 0
    const n = this.attributeCount++ * 3
    this.attributes[n] = slot
    this.attributes[n + 1] = body.valueStart
    this.attributes[n + 2] = body.valueEnd
    return this.table.bits[slot] as number
  }

  /** Takes over spans that were noted elsewhere, and their attributes, which are numbered as from here on. */
  add(spans: Int32Array, attributes: Int32Array): void {
    const at = this.count * STRIDE
    if (at + spans.length > this.places.length) this.places = grown(this.places, Math.max(at + spans.length, this.places.length * 2))
    this.places.set(spans, at)
    this.count += spans.length / STRIDE
    this.reserve(attributes.length / 3)
    this.attributes.set(attributes, this.attributeCount * 3)
    this.attributeCount += attributes.length / 3
  }

  /** Begins the next span and returns where its numbers are. */
  next(start: number, end: number): number {
    if ((this.count + 1) * STRIDE > this.places.length) this.places = grown(this.places, this.places.length * 2)
    const o = this.count++ * STRIDE
    this.places[o] = start
    this.places[o + 1] = end
    return o
  }

  /** Makes room for so many attributes more. */
  reserve(attributes: number): void {
    const needed = (this.attributeCount + attributes) * 3
    if (needed > this.attributes.length) this.attributes = grown(this.attributes, Math.max(needed, this.attributes.length * 2))
  }
}

/** By field number: where its place is noted; 0 for fields that are not, or not so. */
const RANGES: readonly number[] = (() => {
  const ranges = Array.from({ length: 17 }, () => 0)
  ranges[3] = AT.stateStart
  ranges[5] = AT.nameStart
  ranges[6] = AT.kind
  ranges[7] = AT.startTime
  ranges[8] = AT.endTime
  ranges[15] = AT.statusStart
  ranges[16] = AT.flags
  return ranges
})()

function grown(array: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(length)
  larger.set(array)
  return larger
}

/** Whether the event in [start, end) has a name that only GenAI spans carry. */
function isGenAiEvent(body: WireBody, start: number, end: number): boolean {
  let isGenAi = false
  for (let pos = start; pos < end;) {
    pos = body.step(pos)
    if (body.number === 2) isGenAi = startsWith(body.bytes, body.from, pos - body.from, GEN_AI_EVENT)
  }
  return isGenAi
}
