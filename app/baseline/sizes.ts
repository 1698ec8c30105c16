/**
 * Classic histogram buckets → what can be said of cost, steps and duration: shares under a bound exactly, quantiles by Prometheus's linear
 * interpolation together with the bounds they lie between, and where runs would lie if each were so many times its size.
 * What lies above the last bound has no known size: a quantile up there is undefined.
 */

export interface Histogram {
  /** Upper bounds in order, without +Inf. */
  readonly bounds: readonly number[]
  /** Runs at or under each bound. */
  readonly under: readonly number[]
  readonly count: number
}

export interface Quantile {
  readonly value: number
  /** The bucket it lies in: all that is really known. */
  readonly between: readonly [number, number]
}

/** Histogram from `le` → count; counts are made to grow, as Prometheus does, because each bucket is extrapolated by itself. */
export function histogramOf(byBound: ReadonlyMap<number, number>): Histogram | undefined {
  const rows = [...byBound].sort(([a], [b]) => a - b)
  let highest = 0
  const grown = rows.map(([bound, n]) => [bound, (highest = Math.max(highest, n))] as const)
  const finite = grown.filter(([bound]) => Number.isFinite(bound))
  if (highest <= 0 || finite.length === 0) return undefined
  return { bounds: finite.map(([b]) => b), under: finite.map(([, n]) => n), count: highest }
}

/** Quantile by linear interpolation in its bucket; undefined above the last bound. */
export function quantileOf(h: Histogram, q: number): Quantile | undefined {
  const rank = q * h.count
  const i = h.under.findIndex((n) => n >= rank)
  const upper = h.bounds[i]
  const n = h.under[i]
  if (upper === undefined || n === undefined) return undefined
  // A first bound of 0 or less is all there is in its bucket.
  if (i === 0 && upper <= 0) return { value: upper, between: [upper, upper] }
  const lower = i === 0 ? 0 : (h.bounds[i - 1] ?? 0)
  const before = i === 0 ? 0 : (h.under[i - 1] ?? 0)
  const value = n === before ? upper : lower + ((upper - lower) * (rank - before)) / (n - before)
  return { value, between: [lower, upper] }
}

/** Mean over the bounds of the share of runs above them, if each run were `factor` times its size: what the rules compare. */
export function scaleShare(h: Histogram, factor: number): number {
  const above = h.bounds.map((bound) => 1 - underValue(h, bound / factor) / h.count)
  return above.reduce((s, v) => s + v, 0) / h.bounds.length
}

/** Runs at or under any value, by interpolation between the bounds. */
function underValue(h: Histogram, value: number): number {
  const i = h.bounds.findIndex((b) => b >= value)
  // Above the last bound nothing is known; all of it counts as far away.
  if (i === -1) return h.under.at(-1) ?? 0
  const upper = h.bounds[i] ?? 0
  const n = h.under[i] ?? 0
  if (upper === value) return n
  const lower = i === 0 ? 0 : (h.bounds[i - 1] ?? 0)
  const before = i === 0 ? 0 : (h.under[i - 1] ?? 0)
  return value <= lower ? before : before + ((n - before) * (value - lower)) / (upper - lower)
}
