/**
 * What the gauges show of each open trace's runs, in columns: a scrape must neither unpack nor assemble what has not changed. What has changed is
 * shown as it was until it is found anew. Nearly every trace has one run; of the others the views are kept as objects. Agents are counted, not
 * named, per trace.
 */
import type { OpenRunView } from '../words.ts'
import { grown } from './slots.ts'

const [UNKNOWN, SEVERAL] = [-1, -2]

interface Group {
  readonly agent: string
  readonly environment: string
  uses: number
}

/** The runs of one agent that are open: how many, and the highest of each amount. */
export interface OpenMaxima {
  readonly agent: string
  readonly environment: string
  runs: number
  /** The earliest. */
  openedMs: number
  steps: number
  streak: number
  /** Undefined when it is known of none. */
  costUsd: number | undefined
}

export class Views {
  #group: Int32Array
  /** 1 where the views are no longer those of the trace. */
  #outdated: Uint8Array
  /** Where to look for outdated views next. */
  #next = 0
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
    this.#outdated = new Uint8Array(capacity)
    this.#counts = new Int32Array(capacity * 2)
    this.#amounts = new Float64Array(capacity * 2)
  }

  grow(capacity: number): void {
    this.#group = grown(this.#group, new Int32Array(capacity).fill(UNKNOWN))
    this.#outdated = grown(this.#outdated, new Uint8Array(capacity))
    this.#counts = grown(this.#counts, new Int32Array(capacity * 2))
    this.#amounts = grown(this.#amounts, new Float64Array(capacity * 2))
  }

  /** The views of a trace; undefined when they are not known, or were of what it was before. */
  of(slot: number): readonly OpenRunView[] | undefined {
    const group = this.#group[slot] ?? UNKNOWN
    if (group === UNKNOWN || this.#outdated[slot] === 1) return undefined
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

  /** Says that a trace is no longer what its views show. */
  outdate(slot: number): void {
    this.#outdated[slot] = 1
  }

  /** The slots that are, each once: from where the last one who asked stopped, so that none waits for ever. What comes meanwhile may be among them. */
  *outdated(): Iterable<number> {
    const { length } = this.#outdated
    for (let left = length; left > 0; left--) {
      if (this.#next >= length) this.#next = 0
      const slot = this.#next++
      if (this.#outdated[slot] === 1) yield slot
    }
  }

  /** Of all traces: what they were computed with has changed. */
  outdateAll(): void {
    for (let slot = 0; slot < this.#group.length; slot++) if (this.#group[slot] !== UNKNOWN) this.outdate(slot)
  }

  /** By agent and environment, as far as views were found: a pass over numbers, a few milliseconds for a million traces. */
  maxima(): Iterable<OpenMaxima> {
    const found = new Map<string, OpenMaxima>()
    const byGroup: (OpenMaxima | undefined)[] = []
    for (let slot = 0; slot < this.#group.length; slot++) {
      const number = this.#group[slot] ?? UNKNOWN
      if (number < 0) continue
      const of = (byGroup[number] ??= maximaIn(found, this.#groups[number]))
      const [openedMs, costUsd] = [this.#amounts[slot * 2] ?? 0, this.#amounts[slot * 2 + 1] ?? Number.NaN]
      raise(of, openedMs, this.#counts[slot * 2] ?? 0, this.#counts[slot * 2 + 1] ?? 0, costUsd)
    }
    for (const views of this.#several.values())
      for (const view of views) raise(maximaIn(found, view), view.openedMs, view.steps, view.streak, view.costUsd ?? Number.NaN)
    return found.values()
  }

  forget(slot: number): void {
    const group = this.#group[slot] ?? UNKNOWN
    this.#group[slot] = UNKNOWN
    this.#outdated[slot] = 0
    if (group === SEVERAL) this.#several.delete(slot)
    else if (group !== UNKNOWN) this.#leave(group)
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

function maximaIn(
  found: Map<string, OpenMaxima>,
  { agent, environment }: Pick<OpenRunView, 'agent' | 'environment'> = { agent: '', environment: '' },
): OpenMaxima {
  const name = `${agent}\0${environment}`
  let of = found.get(name)
  if (of === undefined)
    found.set(name, (of = { agent, environment, runs: 0, openedMs: Number.POSITIVE_INFINITY, steps: 0, streak: 0, costUsd: undefined }))
  return of
}

/** Counts a run in; a cost that is not known is NaN. */
function raise(of: OpenMaxima, openedMs: number, steps: number, streak: number, costUsd: number): void {
  of.runs++
  if (openedMs < of.openedMs) of.openedMs = openedMs
  if (steps > of.steps) of.steps = steps
  if (streak > of.streak) of.streak = streak
  if (!Number.isNaN(costUsd) && (of.costUsd === undefined || costUsd > of.costUsd)) of.costUsd = costUsd
}
