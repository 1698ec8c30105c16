/**
 * Which acknowledged requests relay endpoints have not taken yet, by their place in the journal: they are forwarded again after a
 * restart. Deliveries are noted in the journal in batches, so a few that were taken just before a kill are sent twice: at least once.
 */
import type { Signal } from '../../processor/receive.ts'

/** Endpoint → sequences of requests not taken, ascending. */
export type OutboxState = Readonly<Record<string, readonly number[]>>

export interface OutboxEndpoint {
  readonly name: string
  readonly signals: readonly Signal[]
}

export class Outbox {
  readonly #endpoints: readonly OutboxEndpoint[]
  readonly #waiting = new Map<string, Set<number>>()
  /** Taken, and not yet noted in the journal. */
  #taken = new Map<string, number[]>()

  constructor(endpoints: readonly OutboxEndpoint[]) {
    this.#endpoints = endpoints
    for (const { name } of endpoints) this.#waiting.set(name, new Set())
  }

  /** A request is to be taken by every endpoint that wants its signal. */
  add(seq: number, signal: Signal): void {
    for (const { name, signals } of this.#endpoints) if (signals.includes(signal)) this.#waiting.get(name)?.add(seq)
  }

  /** A request was refused after all. */
  remove(seq: number): void {
    for (const seqs of this.#waiting.values()) seqs.delete(seq)
  }

  /** An endpoint has taken a request, or it was given up and counted. */
  settle(endpoint: string, seq: number): void {
    if (this.#waiting.get(endpoint)?.delete(seq) !== true) return
    const taken = this.#taken.get(endpoint)
    if (taken === undefined) this.#taken.set(endpoint, [seq])
    else taken.push(seq)
  }

  /** What was taken since the last call, to be noted in the journal; undefined when nothing was. */
  takeNotes(): OutboxState | undefined {
    if (this.#taken.size === 0) return undefined
    const notes = Object.fromEntries(this.#taken)
    this.#taken = new Map()
    return notes
  }

  /** Notes found in the journal. */
  replay(notes: OutboxState): void {
    for (const [endpoint, seqs] of Object.entries(notes)) for (const seq of seqs) this.#waiting.get(endpoint)?.delete(seq)
  }

  capture(): OutboxState {
    return Object.fromEntries(Array.from(this.#waiting, ([name, seqs]) => [name, [...seqs]]))
  }

  /** Takes over captured state; what endpoints want that are no longer configured is left out, and how much that was is told. */
  restore(state: OutboxState): number {
    let without = 0
    for (const [name, seqs] of Object.entries(state)) {
      const waiting = this.#waiting.get(name)
      if (waiting === undefined) without += seqs.length
      else for (const seq of seqs) waiting.add(seq)
    }
    return without
  }

  /** All requests that somebody waits for. */
  waiting(): Set<number> {
    return new Set([...this.#waiting.values()].flatMap((seqs) => [...seqs]))
  }

  /** Gives up requests that are not to be found any more; for how many endpoints that was. */
  lose(requests: Iterable<number>): number {
    let lost = 0
    for (const seq of requests)
      for (const name of this.endpointsOf(seq)) {
        this.settle(name, seq)
        lost++
      }
    return lost
  }

  /** Endpoints that wait for a request. */
  endpointsOf(seq: number): readonly string[] {
    return [...this.#waiting].filter(([, seqs]) => seqs.has(seq)).map(([name]) => name)
  }

  /** The oldest request that somebody waits for. */
  oldest(): number | undefined {
    let oldest: number | undefined
    // Requests are taken out of order, but hardly: a set keeps the order they came in.
    for (const seqs of this.#waiting.values())
      for (const seq of seqs) {
        oldest = Math.min(oldest ?? seq, seq)
        break
      }
    return oldest
  }

  /** Gives up keeping what comes before `seq`; how many requests that were. They stay in the relay's queue, but not over a kill. */
  release(seq: number): number {
    let released = 0
    for (const seqs of this.#waiting.values()) for (const s of seqs) if (s < seq && seqs.delete(s)) released++
    return released
  }
}
