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
  readonly #max: number
  readonly #dropped: (reason: 'expired' | 'queue_full', count: number) => void
  #size = 0

  constructor(max: number, dropped: (reason: 'expired' | 'queue_full', count: number) => void) {
    this.#max = max
    this.#dropped = dropped
  }

  get size(): number {
    return this.#size
  }

  /** Keeps an evaluation of a trace, or of a response when it names no trace. One that names neither can never be joined. */
  add(evaluation: ExternalEvaluation, traceId: string, spanId: string, now: number): void {
    const key = traceId === '' ? `r:${evaluation.responseId ?? ''}` : `t:${traceId}`
    if (this.#size >= this.#max || key === 'r:') {
      this.#dropped('queue_full', 1)
      return
    }
    const list = this.#byKey.get(key)
    if (list === undefined) this.#byKey.set(key, [{ key, spanId, evaluation, sinceMs: now }])
    else list.push({ key, spanId, evaluation, sinceMs: now })
    this.#size++
  }

  /** Takes out what waits for this trace or response. */
  take(traceId: string, responseId: string | undefined): readonly { readonly evaluation: ExternalEvaluation; readonly spanId: string }[] {
    if (this.#size === 0) return []
    const found = [...this.#remove(`t:${traceId}`), ...(responseId === undefined ? [] : this.#remove(`r:${responseId}`))]
    return found
  }

  /** Drops what has waited longer than `maxAgeMs`. */
  expire(now: number, maxAgeMs: number): void {
    for (const [key, list] of this.#byKey) {
      const [oldest] = list
      if (oldest === undefined || now - oldest.sinceMs < maxAgeMs) break
      this.#dropped('expired', this.#remove(key).length)
    }
  }

  /** All that wait, oldest key first. */
  capture(): readonly Pending[] {
    return [...this.#byKey.values()].flat()
  }

  restore(waiting: readonly Pending[]): void {
    for (const p of waiting) {
      const list = this.#byKey.get(p.key)
      if (list === undefined) this.#byKey.set(p.key, [p])
      else list.push(p)
    }
    this.#size += waiting.length
  }

  #remove(key: string): readonly Pending[] {
    const list = this.#byKey.get(key)
    if (list === undefined) return []
    this.#byKey.delete(key)
    this.#size -= list.length
    return list
  }
}
