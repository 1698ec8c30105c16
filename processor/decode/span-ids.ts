/**
 * The place of a span in its trace as numbers: ids as signed 32-bit halves and quarters, most significant first. One of these is filled again and
 * again, for nearly all spans of a busy system are no GenAI, and strings for their ids were most of what they cost (0015).
 * Valid only until it is filled the next time.
 */
import type { ParentLocation } from '../../model/span.ts'
import { parentLocationOf } from './enums.ts'
import { beginHex, hexOfFour, hexOfTwo, readTrace, wereHex, wordOf } from './hex.ts'

const ALL: readonly ParentLocation[] = ['unknown', 'local', 'remote']

/** A location as a number that `locationAt` reads back. */
export const numberOf = (location: ParentLocation): number => ALL.indexOf(location)
export const locationAt = (n: number): ParentLocation => ALL[n] ?? 'unknown'

/** Where a span stands in its trace. */
export interface SpanPlace {
  readonly traceId: string
  readonly spanId: string
  /** Empty where there is none. */
  readonly parentSpanId: string
  readonly parentLocation: ParentLocation
}

export class SpanIds implements SpanPlace {
  /** The trace id. */
  a = 0
  b = 0
  c = 0
  d = 0
  /** The span's own id. */
  high = 0
  low = 0
  /** The parent's id; both 0 where there is none. */
  parentHigh = 0
  parentLow = 0
  parentLocation: ParentLocation = 'unknown'

  get traceId(): string {
    return hexOfFour(this.a, this.b, this.c, this.d)
  }
  get spanId(): string {
    return hexOfTwo(this.high, this.low)
  }
  /** Empty where there is none. */
  get parentSpanId(): string {
    return this.parentHigh === 0 && this.parentLow === 0 ? '' : hexOfTwo(this.parentHigh, this.parentLow)
  }

  /** Takes over ids that are bytes of a body: 16 at `traceAt`, 8 at the others; a parent at 0 is none. `flags` are OTLP's. */
  read(view: DataView, traceAt: number, spanAt: number, parentAt: number, flags: number): void {
    this.a = view.getInt32(traceAt)
    this.b = view.getInt32(traceAt + 4)
    this.c = view.getInt32(traceAt + 8)
    this.d = view.getInt32(traceAt + 12)
    this.high = view.getInt32(spanAt)
    this.low = view.getInt32(spanAt + 4)
    this.parentHigh = parentAt === 0 ? 0 : view.getInt32(parentAt)
    this.parentLow = parentAt === 0 ? 0 : view.getInt32(parentAt + 4)
    this.parentLocation = parentLocationOf(flags)
  }

  /** Takes over ids that are texts; false when one is not lower-case hex of its length, and then this holds nothing of use. */
  take({ traceId, spanId, parentSpanId, parentLocation }: SpanPlace): boolean {
    if (spanId.length !== 16 || (parentSpanId.length !== 16 && parentSpanId !== '')) return false
    if (!readTrace(traceId, this)) return false
    beginHex()
    this.high = wordOf(spanId, 0)
    this.low = wordOf(spanId, 8)
    this.parentHigh = parentSpanId === '' ? 0 : wordOf(parentSpanId, 0)
    this.parentLow = parentSpanId === '' ? 0 : wordOf(parentSpanId, 8)
    this.parentLocation = parentLocation
    return wereHex()
  }
}
