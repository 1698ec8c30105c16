/** Small numbers of drills: percentiles, and seconds as a reader is told them. */

/** The value that a share of them stays under (0 is the least, 1 the largest); undefined of none. */
export function percentile(values: readonly number[], share: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))]
}

/** Seconds between two times, one decimal; undefined where one is. */
export function secondsBetween(fromMs: number | undefined, toMs: number | undefined): number | undefined {
  return fromMs === undefined || toMs === undefined ? undefined : Math.round((toMs - fromMs) / 100) / 10
}
