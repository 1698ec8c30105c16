/**
 * A metric with its labels filled in: what is recorded for every run looks its series up once. In: samples. Out: the same series, bounds
 * and text as by name and labels.
 * Invariant: a series is kept only if it is the labels' own, and only until the metric drops any series; a sample that a bound folds
 * asks anew each time, so that room is found as soon as there is some.
 */
import { bucketOf, type Family, type Series } from './series.ts'

/** Writes exemplars, if any are wanted. */
export class Exemplars {
  readonly #isOn: boolean
  // A run adds some sixty samples with the same id.
  #checked = ''
  #isId = false

  constructor(isOn: boolean) {
    this.#isOn = isOn
  }

  // oxlint-disable-next-line max-params -- once per sample on the hot path
  put(series: Series, at: number, traceId: string, value: number, atMs: number): void {
    if (!this.#isOn) return
    if (traceId !== this.#checked) {
      this.#checked = traceId
      this.#isId = isTraceId(traceId)
    }
    if (!this.#isId) return
    const kept = series.exemplars[at]
    if (kept === undefined) series.exemplars[at] = { traceId, value, atMs }
    else {
      // Written over and not made anew: nobody else holds it.
      kept.traceId = traceId
      kept.value = value
      kept.atMs = atMs
    }
  }
}

/** Runs read from logs have a made-up key instead of a trace id. */
function isTraceId(id: string): boolean {
  return /^[0-9a-f]{32}$/.test(id)
}

/** Above 0 and finite: what a counter may grow by. */
export function isAmount(value: number): boolean {
  return value > 0 && value < Number.POSITIVE_INFINITY
}

/** What can be done with a counter, a histogram and a gauge whose labels are filled in. */
export type Counter = Pick<Handle, 'add' | 'start'>
export type Histogram = Pick<Handle, 'observe'>
export type Gauge = Pick<Handle, 'set' | 'setOnce'>

export class Handle {
  readonly #family: Family
  readonly #labels: Readonly<Record<string, string>>
  readonly #exemplars: Exemplars
  #series: Series | undefined
  #removals = 0

  constructor(family: Family, labels: Readonly<Record<string, string>>, exemplars: Exemplars) {
    this.#family = family
    this.#labels = labels
    this.#exemplars = exemplars
  }

  /** Adds to a counter; nothing when `value` is not above 0. `traceId` becomes its exemplar. */
  add(value: number, now: number, traceId?: string): void {
    if (!isAmount(value)) return
    const series = this.#find(now)
    series.value += value
    if (traceId !== undefined) this.#exemplars.put(series, 0, traceId, value, now)
  }

  /** Shows a counter at 0 before it first counts, or keeps it alive; does nothing where a bound would fold it. Whether it had a series. */
  start(now: number): boolean {
    const series = this.#own()
    if (series === undefined) this.#family.start(this.#labels, now)
    else series.lastMs = now
    return series !== undefined
  }

  /** Observes `value` as often as `weight` says. */
  observe(value: number, weight: number, now: number, traceId?: string): void {
    if (!Number.isFinite(value) || !isAmount(weight)) return
    const series = this.#find(now)
    const bucket = bucketOf(this.#family.bounds, value)
    series.value += value * weight
    series.counts[bucket] = (series.counts[bucket] ?? 0) + weight
    if (traceId !== undefined) this.#exemplars.put(series, bucket, traceId, value, now)
  }

  /** Whether the series is its labels' own: what a bound folds must be told every time. */
  set(value: number, now: number): boolean {
    const series = this.#find(now)
    series.value = value
    return series === this.#series
  }

  /** Sets a gauge that was never set; keeps one that was alive as it is. Returns as `set` does. */
  setOnce(value: number, now: number): boolean {
    const series = this.#find(now)
    if (series.value === 0) series.value = value
    return series === this.#series
  }

  #find(now: number): Series {
    const series = this.#own()
    if (series === undefined) return this.#family.find(this.#labels, now)
    series.lastMs = now
    return series
  }

  #own(): Series | undefined {
    if (this.#series === undefined || this.#removals !== this.#family.removals) {
      this.#series = this.#family.known(this.#labels)
      this.#removals = this.#family.removals
    }
    return this.#series
  }
}
