/**
 * One metric's series: label values in, the series to add to out. Knows bounds and age, nothing of text or of other metrics.
 * A sample is never lost: over a bound it goes to a folded series, and the caller learns of the fold.
 * A known series costs one lookup per label; bounds are worked out only for new ones.
 */
import type { MetricDefinition } from '../model/metrics.ts'
import { type Cardinality, type CardinalityLimits, foldAll, type LabelPlan, planLabels } from './cardinality.ts'
import { labelText } from './exposition.ts'
import { SeriesIndex } from './series-index.ts'

export interface Exemplar {
  traceId: string
  value: number
  atMs: number
}

export interface Series {
  /** Label values, NUL between them; values hold no control characters. */
  readonly key: string
  /** `agent="a",environment=""` */
  readonly text: string
  lastMs: number
  /** Total of a counter, value of a gauge, sum of a histogram. */
  value: number
  /** Histogram: observations per bucket, not cumulated, `+Inf` last. Empty for the others. */
  readonly counts: number[]
  /** The newest exemplar: one for a counter, one per bucket for a histogram. */
  readonly exemplars: (Exemplar | undefined)[]
}

export interface FamilyLimits extends CardinalityLimits {
  readonly maxSeriesPerMetric: number
}

/** Called for every sample that a bound folded, with the agent and environment it was folded to. */
export type OnFold = (metric: string, agent: string, environment: string, now: number) => void

export class Family {
  readonly name: string
  readonly definition: MetricDefinition
  readonly series = new Map<string, Series>()
  readonly bounds: readonly number[]
  /** How many series were dropped so far: a series once found is still its labels' own while this stands still. */
  removals = 0
  /** Makes the rows of a gauge that is computed at scrape. */
  rows: (() => Iterable<readonly [Readonly<Record<string, string>>, number]>) | undefined
  readonly #index: SeriesIndex<Series>
  readonly #plan: LabelPlan
  readonly #cardinality: Cardinality
  readonly #maxSeries: number
  readonly #onFold: OnFold

  constructor(
    name: string,
    definition: MetricDefinition,
    limits: FamilyLimits,
    shared: { readonly cardinality: Cardinality; readonly onFold: OnFold },
  ) {
    this.name = name
    this.definition = definition
    this.bounds = definition.buckets ?? []
    this.#index = new SeriesIndex(definition.labels)
    this.#plan = planLabels(definition.labels, limits)
    this.#maxSeries = limits.maxSeriesPerMetric
    this.#cardinality = shared.cardinality
    this.#onFold = shared.onFold
  }

  /** The series that is these labels' own, neither made nor touched. */
  known(labels: Readonly<Record<string, string>>): Series | undefined {
    return this.#index.get(labels)
  }

  /** The series of these labels, made if it is new; the folded one where a bound is hit. */
  find(labels: Readonly<Record<string, string>>, now: number): Series {
    const known = this.#index.get(labels)
    if (known === undefined) return this.#fitted(this.#valuesOf(labels), now)
    known.lastMs = now
    return known
  }

  /** Makes the series at its first value, 0, or keeps it alive; does nothing where a bound would fold it. */
  start(labels: Readonly<Record<string, string>>, now: number): void {
    const known = this.#index.get(labels)
    if (known !== undefined) {
      // Its values are fitted already.
      known.lastMs = now
      return
    }
    const { values, folded } = this.#cardinality.fit(this.#plan, this.#valuesOf(labels))
    let series = this.series.get(values.join('\0'))
    if (series === undefined && (folded || this.series.size >= this.#maxSeries)) return
    series ??= this.#add(values)
    series.lastMs = now
  }

  #valuesOf(labels: Readonly<Record<string, string>>): readonly string[] {
    return this.definition.labels.map((name) => labels[name] ?? '')
  }

  #fitted(raw: readonly string[], now: number): Series {
    const fit = this.#cardinality.fit(this.#plan, raw)
    let { values } = fit
    let series = this.series.get(values.join('\0'))
    let folded = fit.folded
    if (series === undefined && this.series.size >= this.#maxSeries) {
      values = foldAll(this.#plan, values)
      series = this.series.get(values.join('\0'))
      folded = true
    }
    series ??= this.#add(values)
    series.lastMs = now
    if (folded) this.#onFold(this.name, values[this.#plan.agentAt] ?? '', values[this.#plan.environmentAt] ?? '', now)
    return series
  }

  #add(values: readonly string[]): Series {
    const buckets = this.definition.type === 'histogram' ? this.bounds.length + 1 : 0
    const series: Series = {
      key: values.join('\0'),
      text: labelText(this.definition.labels, values),
      lastMs: 0,
      value: 0,
      counts: Array.from({ length: buckets }, () => 0),
      exemplars: [],
    }
    this.#cardinality.hold(this.#plan, values)
    this.series.set(series.key, series)
    this.#index.add(values, series)
    return series
  }

  /** Puts a series back as it was; false when the metric has other labels or buckets by now. */
  restore(key: string, value: number, lastMs: number, counts: readonly number[]): boolean {
    const values = key.split('\0')
    const buckets = this.definition.type === 'histogram' ? this.bounds.length + 1 : 0
    if (values.length !== this.definition.labels.length && !(values.length === 1 && key === '' && this.definition.labels.length === 0))
      return false
    if (counts.length !== buckets) return false
    const labels = this.definition.labels.length === 0 ? [] : values
    const series = this.series.get(labels.join('\0')) ?? this.#add(labels)
    series.value = value
    series.lastMs = lastMs
    for (const [at, count] of counts.entries()) series.counts[at] = count
    return true
  }

  /** Drops every series. */
  clear(): void {
    for (const series of this.series.values()) this.#remove(series)
  }

  #remove(series: Series): void {
    const values = series.key.split('\0')
    this.removals++
    this.series.delete(series.key)
    this.#index.remove(values)
    this.#cardinality.release(this.#plan, values)
  }

  /** Takes over the rows of a computed gauge; former series that have no row are dropped. Rows folded into one are `join`ed. */
  refill(now: number, join: (a: number, b: number) => number): void {
    const filled = new Set<Series>()
    for (const [labels, value] of this.rows?.() ?? []) {
      const series = this.find(labels, now)
      series.value = filled.has(series) ? join(series.value, value) : value
      filled.add(series)
    }
    for (const series of this.series.values()) if (!filled.has(series)) this.#remove(series)
  }

  /**
   * Drops series last touched before `beforeMs` and returns how many. What the processor tells of itself stays: it is set once
   * (a reload, a price table) or is few, and a counter of losses that vanishes would look like one that never counted.
   */
  expire(beforeMs: number): number {
    if (this.#plan.agentAt < 0) return 0
    let dropped = 0
    for (const series of this.series.values()) {
      if (series.lastMs >= beforeMs) continue
      this.#remove(series)
      dropped++
    }
    return dropped
  }
}

/** Index of the first bound that is not below `value`; `bounds.length` is `+Inf`. */
export function bucketOf(bounds: readonly number[], value: number): number {
  let low = 0
  let high = bounds.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (value <= (bounds[middle] ?? 0)) high = middle
    else low = middle + 1
  }
  return low
}
