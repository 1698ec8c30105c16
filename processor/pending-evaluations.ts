/**
 * Evaluations that came before the run they judge: kept until a span of that trace or response comes, or until they expire.
 * Bounded; what is dropped is counted by reason.
 */
import type { ExternalEvaluation } from '../model/run.ts'

export interface Pending {
  readonly key: string
  readonly spanId: string
  readonly evaluation: ExternalEvaluation
  readonly sinceMs: number
}

export class PendingEvaluations {
  readonly #byKey = new Map<string, Pending[]>()
  /** All of them, oldest first: those of one key came at different times. */
  readonly #waiting = new Set<Pending>()
  readonly #max: number
  readonly #dropped: (reason: 'expired' | 'queue_full', count: number) => void
  #expiredMs = Number.NEGATIVE_INFINITY

  constructor(max: number, dropped: (reason: 'expired' | 'queue_full', count: number) => void) {
    this.#max = max
    this.#dropped = dropped
  }

  get size(): number {
    return this.#waiting.size
  }

  /** Keeps an evaluation of a trace, or of a response when it names no trace. One that names neither can never be joined. */
  add(evaluation: ExternalEvaluation, traceId: string, spanId: string, now: number): void {
    const key = traceId === '' ? `r:${evaluation.responseId ?? ''}` : `t:${traceId}`
    if (this.size >= this.#max || key === 'r:') {
      this.#dropped('queue_full', 1)
      return
    }
    this.#put({ key, spanId, evaluation, sinceMs: now })
  }

  /** Takes out what waits for this trace or response. */
  take(traceId: string, responseId: string | undefined): readonly { readonly evaluation: ExternalEvaluation; readonly spanId: string }[] {
    if (this.size === 0) return []
    const found = [...this.#remove(`t:${traceId}`), ...(responseId === undefined ? [] : this.#remove(`r:${responseId}`))]
    return found
  }

  /** Drops what has waited longer than `maxAgeMs`. */
  expire(now: number, maxAgeMs: number): void {
    // The clock was set back: what came in its future would hold up all behind it until that comes.
    if (now < this.#expiredMs) this.resume(now)
    this.#expiredMs = now
    const gone = new Map<string, number>()
    for (const p of this.#waiting) {
      if (now - p.sinceMs < maxAgeMs) break
      this.#waiting.delete(p)
      gone.set(p.key, (gone.get(p.key) ?? 0) + 1)
    }
    for (const [key, count] of gone) {
      // In a key's list too the oldest come first.
      const left = this.#byKey.get(key)?.slice(count) ?? []
      if (left.length === 0) this.#byKey.delete(key)
      else this.#byKey.set(key, left)
      this.#dropped('expired', count)
    }
  }

  /** Has what is from the future by this clock wait from now on. */
  resume(now: number): void {
    const waiting = this.capture()
    if (waiting.every((p) => p.sinceMs <= now)) return
    this.#byKey.clear()
    this.#waiting.clear()
    this.restore(waiting.map((p) => (p.sinceMs <= now ? p : { ...p, sinceMs: now })))
  }

  /** All that wait, oldest first. */
  capture(): readonly Pending[] {
    return [...this.#waiting]
  }

  restore(waiting: readonly Pending[]): void {
    for (const p of waiting) this.#put(p)
  }

  #put(p: Pending): void {
    const list = this.#byKey.get(p.key)
    if (list === undefined) this.#byKey.set(p.key, [p])
    else list.push(p)
    this.#waiting.add(p)
  }

  #remove(key: string): readonly Pending[] {
    const list = this.#byKey.get(key)
    if (list === undefined) return []
    this.#byKey.delete(key)
    for (const p of list) this.#waiting.delete(p)
    return list
  }
}
