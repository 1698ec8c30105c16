/**
 * The series of several processes as those of one. In: what each process shows, again and again, and when one ended and another took its
 * place. Out: metrics as one process would show them: counters and histograms added, gauges by what they mean, within the same bounds.
 * A total never goes back while this process lives: what a process takes with it (its end without a journal, a series that it alone found
 * idle) is carried on here.
 */
import { METRICS, type MetricDefinition } from '../../model/metrics.ts'
import { STANDARD_METRICS } from '../../model/metrics-standard.ts'
import { Cardinality, foldAll, type LabelPlan, planLabels } from '../../processor/cardinality.ts'
import { labelText } from '../../processor/exposition.ts'
import type { Shown } from '../../processor/metrics.ts'
import { continues, type SeriesState } from '../../processor/metrics-state.ts'
import type { Exemplar, FamilyLimits, Series } from '../../processor/series.ts'
import type { FamilySeries, SeriesRow } from './messages.ts'
import { joinOf } from './merge-rules.ts'

export interface MergeSettings extends FamilyLimits {
  readonly sources: number
  readonly seriesIdleSeconds: number
  readonly standardNames: boolean
  /** A sample that was folded, for a bound holds over all processes together. */
  readonly folded: (metric: string, agent: string, environment: string) => void
}

/** What is shown under one set of labels: by one set of a process's labels, or by all that a bound folds into it. */
interface Target {
  readonly series: Series
  readonly values: readonly string[]
  users: number
}

interface Total {
  value: number
  counts: number[]
  lastMs: number
}

/** One set of labels as processes show it. */
interface Entry {
  readonly target: Target
  readonly isFolded: boolean
  /** By process. */
  readonly last: (SeriesRow | undefined)[]
  /** What no process has any more. */
  carried: Total | undefined
  /** The round in which each process told it last. */
  readonly told: number[]
}

interface Merging extends Shown {
  readonly plan: LabelPlan
  readonly series: Map<string, Series>
  readonly targets: Map<string, Target>
  readonly entries: Map<string, Entry>
  readonly isCounted: boolean
  readonly continues: boolean
}

export class Merged {
  readonly #settings: MergeSettings
  readonly #cardinality: Cardinality
  readonly #families = new Map<string, Merging>()
  /** Rounds that a process has told its series. */
  readonly #rounds: number[]
  #isCarriedNew = false

  constructor(settings: MergeSettings) {
    this.#settings = settings
    this.#cardinality = new Cardinality(settings)
    this.#rounds = Array.from({ length: settings.sources }, () => 0)
    const catalogue: Readonly<Record<string, MetricDefinition>> = settings.standardNames ? { ...METRICS, ...STANDARD_METRICS } : METRICS
    for (const [name, definition] of Object.entries(catalogue))
      this.#families.set(name, {
        name,
        definition,
        bounds: definition.buckets ?? [],
        plan: planLabels(definition.labels, settings),
        series: new Map(),
        targets: new Map(),
        entries: new Map(),
        isCounted: definition.type !== 'gauge',
        continues: continues(name, definition),
      })
  }

  /** A process begins to tell all its series. */
  begin(source: number): void {
    this.#rounds[source] = (this.#rounds[source] ?? 0) + 1
  }

  add(source: number, families: readonly FamilySeries[]): void {
    for (const [name, rows] of families) {
      const family = this.#families.get(name)
      if (family !== undefined) for (const row of rows) this.#put(family, source, row)
    }
  }

  /** A process has told all: series that it does not have any more are looked for. */
  end(source: number, now: number): void {
    const round = this.#rounds[source]
    for (const family of this.#families.values())
      for (const [key, entry] of family.entries) {
        if (entry.last[source] !== undefined && entry.told[source] !== round) this.#lose(family, entry, source)
        if (entry.last.every((row) => row === undefined)) this.#prune(family, key, entry, now)
      }
  }

  /** A process has ended: what it told of the moment is not so any more. */
  left(source: number): void {
    for (const family of this.#families.values())
      if (!family.isCounted && !family.continues) for (const entry of family.entries.values()) entry.last[source] = undefined
  }

  /** Another process takes its place; with its counters, or from 0. */
  replaced(source: number, isContinued: boolean): void {
    for (const family of this.#families.values()) {
      if (family.continues && isContinued) continue
      for (const entry of family.entries.values()) this.#lose(family, entry, source)
    }
  }

  /** Every metric with its totals worked out. */
  *shown(): Iterable<Shown> {
    for (const family of this.#families.values()) {
      workOut(family)
      yield family
    }
  }

  /** Values that a label has now. */
  valuesOf(name: string, label: string): ReadonlySet<string> {
    const family = this.#families.get(name)
    const at = family?.definition.labels.indexOf(label) ?? -1
    return new Set(at < 0 ? [] : [...(family?.series.keys() ?? [])].map((key) => key.split('\0')[at] ?? ''))
  }

  /** What is carried of the metrics that continue over a restart, if it has changed since it was asked last. */
  takeCarried(): readonly SeriesState[] | undefined {
    if (!this.#isCarriedNew) return undefined
    this.#isCarriedNew = false
    const all: SeriesState[] = []
    for (const family of [...this.#families.values()].filter((f) => f.continues))
      for (const [key, { carried }] of family.entries)
        if (carried !== undefined) all.push([family.name, key, carried.value, carried.lastMs, carried.counts])
    return all
  }

  restoreCarried(series: readonly SeriesState[]): void {
    for (const [name, key, value, lastMs, counts] of series) {
      const family = this.#families.get(name)
      if (family !== undefined && family.continues && fits(family, key, counts))
        this.#carry(this.#entry(family, key), { value, lastMs, counts: [...counts] })
    }
    this.#isCarriedNew = false
  }

  #put(family: Merging, source: number, row: SeriesRow): void {
    if (!fits(family, row[0], row[3])) return
    const entry = this.#entry(family, row[0])
    const before = entry.last[source]
    entry.last[source] = row
    entry.told[source] = this.#rounds[source] ?? 0
    const { series } = entry.target
    series.lastMs = Math.max(series.lastMs, row[2])
    if (entry.isFolded && family.isCounted && row[1] !== before?.[1])
      this.#settings.folded(
        family.name,
        entry.target.values[family.plan.agentAt] ?? '',
        entry.target.values[family.plan.environmentAt] ?? '',
      )
  }

  #entry(family: Merging, key: string): Entry {
    const known = family.entries.get(key)
    if (known !== undefined) return known
    const raw = family.definition.labels.length === 0 ? [] : key.split('\0')
    const fit = this.#cardinality.fit(family.plan, raw)
    let { values, folded: isFolded } = fit
    if (!family.targets.has(values.join('\0')) && family.targets.size >= this.#settings.maxSeriesPerMetric) {
      values = foldAll(family.plan, values)
      isFolded = true
    }
    const target = this.#target(family, values)
    target.users++
    const entry: Entry = { target, isFolded, last: [], carried: undefined, told: [] }
    family.entries.set(key, entry)
    return entry
  }

  #target(family: Merging, values: readonly string[]): Target {
    const key = values.join('\0')
    const known = family.targets.get(key)
    if (known !== undefined) return known
    const text = labelText(family.definition.labels, values)
    const counts = family.definition.type === 'histogram' ? Array.from({ length: family.bounds.length + 1 }, () => 0) : []
    const series: Series = { key, text, lastMs: 0, value: 0, counts, exemplars: [] }
    const target: Target = { series, values, users: 0 }
    this.#cardinality.hold(family.plan, values)
    family.targets.set(key, target)
    family.series.set(key, series)
    return target
  }

  #lose(family: Merging, entry: Entry, source: number): void {
    const row = entry.last[source]
    entry.last[source] = undefined
    if (row !== undefined && family.isCounted) this.#carry(entry, { value: row[1], lastMs: row[2], counts: [...row[3]] })
  }

  #carry(entry: Entry, total: Total): void {
    this.#isCarriedNew = true
    const { carried } = entry
    if (carried === undefined) {
      entry.carried = total
      return
    }
    carried.value += total.value
    carried.lastMs = Math.max(carried.lastMs, total.lastMs)
    for (const [i, n] of total.counts.entries()) carried.counts[i] = (carried.counts[i] ?? 0) + n
  }

  /** A series that no process has is kept until it is idle; what of it was folded stays in what it was folded into. */
  #prune(family: Merging, key: string, entry: Entry, now: number): void {
    const { carried, target } = entry
    const isFolded = target.series.key !== key
    const lastMs = isFolded ? carried?.lastMs : target.series.lastMs
    const isIdle = family.plan.agentAt >= 0 && (lastMs ?? 0) < now - this.#settings.seriesIdleSeconds * 1000
    if (carried !== undefined && !isIdle) return
    if (carried !== undefined) this.#isCarriedNew = true
    family.entries.delete(key)
    if (carried !== undefined && isFolded) this.#carry(this.#entry(family, target.series.key), carried)
    if (--target.users > 0) return
    family.targets.delete(target.series.key)
    family.series.delete(target.series.key)
    this.#cardinality.release(family.plan, target.values)
  }
}

function fits({ definition, bounds }: Merging, key: string, counts: readonly number[]): boolean {
  const labels = key === '' && definition.labels.length === 0 ? 0 : key.split('\0').length
  return labels === definition.labels.length && counts.length === (definition.type === 'histogram' ? bounds.length + 1 : 0)
}

function workOut(family: Merging): void {
  const join = joinOf(family.name, family.definition.type)
  const filled = new Set<Series>()
  for (const entry of family.entries.values()) {
    const { series } = entry.target
    if (!filled.has(series)) {
      series.counts.fill(0)
      series.exemplars.length = 0
    }
    const put = (value: number, counts: readonly number[]): void => {
      series.value = filled.has(series) ? join(series.value, value) : value
      filled.add(series)
      for (let i = 0; i < counts.length; i++) series.counts[i] = (series.counts[i] ?? 0) + (counts[i] ?? 0)
    }
    if (entry.carried !== undefined) put(entry.carried.value, entry.carried.counts)
    for (const row of entry.last) {
      if (row === undefined) continue
      put(row[1], row[3])
      newest(series.exemplars, row[4])
    }
  }
  if (family.isCounted) return
  // Whoever told of it has ended, and nobody tells it yet.
  for (const [key, { series }] of family.targets)
    if (filled.has(series)) family.series.set(key, series)
    else family.series.delete(key)
}

function newest(into: (Exemplar | undefined)[], from: readonly (Exemplar | undefined)[]): void {
  for (let i = 0; i < from.length; i++) {
    const e = from[i]
    if (e !== undefined && e.atMs >= (into[i]?.atMs ?? 0)) into[i] = e
  }
}
