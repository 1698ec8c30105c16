/**
 * What the gauges show of each open trace's runs, in columns: a scrape must neither unpack nor assemble what has not changed.
 * Nearly every trace has one run; of the others the views are kept as objects. Agents are counted, not named, per trace.
 */
import type { OpenRunView } from '../words.ts'
import { grown } from './slots.ts'

const [UNKNOWN, SEVERAL] = [-1, -2]

interface Group {
  readonly agent: string
  readonly environment: string
  uses: number
}

export class Views {
  #group: Int32Array
  /** Steps and streak. */
  #counts: Int32Array
  /** When opened, and cost: NaN where unknown. */
  #amounts: Float64Array
  readonly #groups: (Group | undefined)[] = []
  readonly #byName = new Map<string, number>()
  readonly #freeGroups: number[] = []
  readonly #several = new Map<number, readonly OpenRunView[]>()

  constructor(capacity: number) {
    this.#group = new Int32Array(capacity).fill(UNKNOWN)
    this.#counts = new Int32Array(capacity * 2)
    this.#amounts = new Float64Array(capacity * 2)
  }

  grow(capacity: number): void {
    this.#group = grown(this.#group, new Int32Array(capacity).fill(UNKNOWN))
    this.#counts = grown(this.#counts, new Int32Array(capacity * 2))
    this.#amounts = grown(this.#amounts, new Float64Array(capacity * 2))
  }

  /** The views of a trace; undefined when they are not known. */
  of(slot: number): readonly OpenRunView[] | undefined {
    const group = this.#group[slot] ?? UNKNOWN
    if (group === UNKNOWN) return undefined
    if (group === SEVERAL) return this.#several.get(slot)
    const { agent = '', environment = '' } = this.#groups[group] ?? {}
    const costUsd = this.#amounts[slot * 2 + 1] ?? Number.NaN
    return [
      {
        agent,
        environment,
        openedMs: this.#amounts[slot * 2] ?? 0,
        steps: this.#counts[slot * 2] ?? 0,
        streak: this.#counts[slot * 2 + 1] ?? 0,
        costUsd: Number.isNaN(costUsd) ? undefined : costUsd,
      },
    ]
  }

  set(slot: number, views: readonly OpenRunView[]): void {
    this.forget(slot)
    const [view] = views
    if (view === undefined || views.length > 1) {
      this.#group[slot] = SEVERAL
      this.#several.set(slot, views)
      return
    }
    this.#group[slot] = this.#join(view)
    this.#amounts[slot * 2] = view.openedMs
    this.#amounts[slot * 2 + 1] = view.costUsd ?? Number.NaN
    this.#counts[slot * 2] = view.steps
    this.#counts[slot * 2 + 1] = view.streak
  }

  forget(slot: number): void {
    const group = this.#group[slot] ?? UNKNOWN
    this.#group[slot] = UNKNOWN
    if (group === SEVERAL) this.#several.delete(slot)
    else if (group !== UNKNOWN) this.#leave(group)
  }

  /** Of all traces: what they were computed with has changed. */
  forgetAll(): void {
    for (let slot = 0; slot < this.#group.length; slot++) if (this.#group[slot] !== UNKNOWN) this.forget(slot)
  }

  #join({ agent, environment }: OpenRunView): number {
    const name = `${agent}\0${environment}`
    const known = this.#byName.get(name)
    const number = known ?? this.#freeGroups.pop() ?? this.#groups.length
    if (known === undefined) {
      this.#byName.set(name, number)
      this.#groups[number] = { agent, environment, uses: 0 }
    }
    const group = this.#groups[number]
    if (group !== undefined) group.uses++
    return number
  }

  #leave(number: number): void {
    const group = this.#groups[number]
    if (group === undefined || --group.uses > 0) return
    this.#byName.delete(`${group.agent}\0${group.environment}`)
    this.#groups[number] = undefined
    this.#freeGroups.push(number)
  }
}
