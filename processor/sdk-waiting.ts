/**
 * Spans that have ended and wait to be taken in: `onEnd` puts one down, which is all that the application waits for, and they are worked off together,
 * once there are some and the event loop turns, at the next sweep, before anything is read, and at once where there are too many.
 * None is dropped, all are taken in the order they ended, and nothing of one is held afterwards. What is put down while others are worked off waits.
 */
import type { ReadableSpanLike } from './sdk-span.ts'

/** So many are worked off in the next turn of the event loop: fewer wait for the sweep, for asking for a turn costs as much as taking a span in. */
const SOON = 32
/** So many are worked off at once: a few tenths of a millisecond. */
export const MOST_WAITING = 128

export class Waiting {
  readonly #spans: (ReadableSpanLike | undefined)[] = Array.from({ length: MOST_WAITING }, () => undefined)
  readonly #take: (span: ReadableSpanLike, now: number) => void
  readonly #soon: () => void
  #count = 0
  #isWorking = false

  /** `take` takes one in and does not throw; `soon` is to see to it that `workOff` is called before long. */
  constructor(take: (span: ReadableSpanLike, now: number) => void, soon: () => void) {
    this.#take = take
    this.#soon = soon
  }

  get size(): number {
    return this.#count
  }

  /** Puts a span down; true when it is time to work off. */
  add(span: ReadableSpanLike): boolean {
    this.#spans[this.#count++] = span
    if (this.#count < SOON) return false
    if (this.#count === SOON) this.#soon()
    return this.#count >= MOST_WAITING
  }

  /** Takes in what waits now; false when that is under way already, and who asks is called by it. */
  workOff(now: number): boolean {
    if (this.#isWorking) return false
    this.#isWorking = true
    const spans = this.#spans
    const count = this.#count
    try {
      for (let i = 0; i < count; i++) this.#take(spans[i] as ReadableSpanLike, now)
    } finally {
      const end = this.#count
      spans.copyWithin(0, count, end)
      this.#count = end - count
      spans.fill(undefined, this.#count, end)
      this.#isWorking = false
    }
    return true
  }
}
