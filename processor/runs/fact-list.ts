/**
 * The facts of one open trace, in the order they came, each span id once. Few are gone through; a Map is made when there are more, for to fill one for
 * each trace that is unpacked cost more than all that was looked up in it (docs/decisions/0021).
 */
import type { HeldFact } from './trace.ts'

/** Up to so many are gone through. */
const FEW = 16

/** What is read of facts, as a Map has it too. */
export interface Facts<T> {
  readonly size: number
  get(spanId: string): T | undefined
  values(): Iterable<T>
}

export class FactList implements Facts<HeldFact> {
  readonly #facts: HeldFact[] = []
  #byId: Map<string, HeldFact> | undefined

  get size(): number {
    return this.#facts.length
  }

  get(spanId: string): HeldFact | undefined {
    if (this.#byId !== undefined) return this.#byId.get(spanId)
    const last = lastOf(spanId)
    for (const fact of this.#facts) {
      const id = fact.spanId
      // Ids are random: one digit tells nearly all apart, where comparing texts is a call.
      if (lastOf(id) === last && id === spanId) return fact
    }
    return undefined
  }

  has(spanId: string): boolean {
    return this.get(spanId) !== undefined
  }

  /** Adds a fact whose span id is not here. */
  add(fact: HeldFact): void {
    this.#facts.push(fact)
    if (this.#byId !== undefined) this.#byId.set(fact.spanId, fact)
    else if (this.#facts.length > FEW) this.#byId = new Map(this.#facts.map((f) => [f.spanId, f]))
  }

  /** Only ever grows at its end. */
  values(): readonly HeldFact[] {
    return this.#facts
  }
}

/** Code of the last character, 0 for none. */
function lastOf(text: string): number {
  return text.charCodeAt(text.length - 1) | 0
}
