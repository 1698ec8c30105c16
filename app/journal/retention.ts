/**
 * What is kept of segments that a snapshot has made unnecessary, for requests that wait for a relay endpoint: for so long, and of so many
 * bytes. What is given up is counted; it stays in the relay's queue, but not over a kill.
 */
import type { Outbox } from './outbox.ts'
import type { SegmentFile, Segments } from './segments.ts'

export interface RetentionParts {
  readonly maxBytes: number
  readonly maxAgeMs: number
  readonly outbox: Outbox
  readonly segments: Segments
  readonly hooks: { released(reason: 'age' | 'bytes', requests: number): void }
}

export class Retention {
  readonly #parts: RetentionParts
  /** Since when a segment is known. */
  #since = new Map<string, number>()

  constructor(parts: RetentionParts) {
    this.#parts = parts
  }

  /** Removes what the snapshot after `seq` and the outbox do not need; `next` gives the first sequence that is not written yet. */
  async prune(seq: number, next: () => number): Promise<void> {
    const { outbox, segments, maxBytes } = this.#parts
    const remove = (): Promise<void> => segments.removeBefore(Math.min(seq + 1, outbox.oldest() ?? Number.POSITIVE_INFINITY), next())
    await remove()
    // Requests that wait for a relay endpoint are not worth more than taking new ones.
    for (let [oldest] = segments.closed; segments.bytes > maxBytes / 2 && oldest !== undefined; [oldest] = segments.closed) {
      const after = this.#after(1, seq + 1)
      if (after > seq + 1) return
      this.#release('bytes', after)
      const files = segments.closed.length
      await remove()
      if (segments.closed.length === files) return
    }
  }

  /** Gives up what is kept for too long; true when that was something. `next` is the first sequence that is not written yet. */
  releaseOld(now: number, next: number): boolean {
    const { segments, maxAgeMs } = this.#parts
    const known = new Map<string, number>()
    // Not later than now, where the clock was set back.
    for (const { path } of segments.files) known.set(path, Math.min(this.#since.get(path) ?? now, now))
    this.#since = known
    const old = segments.closed.filter(({ path }) => now - (known.get(path) ?? now) >= maxAgeMs).length
    if (old === 0) return false
    this.#release('age', this.#after(old, next))
    return true
  }

  /** The first sequence after so many of the oldest segments, which are all there are in a process that little is sent to. */
  #after(count: number, next: number): number {
    const following: SegmentFile | undefined = this.#parts.segments.files[count]
    return following?.first ?? next
  }

  #release(reason: 'age' | 'bytes', before: number): void {
    const released = this.#parts.outbox.release(before)
    if (released > 0) this.#parts.hooks.released(reason, released)
  }
}
