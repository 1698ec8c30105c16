/** Comparisons as a review says them: both shares with their counts, the difference with its interval, how likely it is by chance. */
import type { Comparison } from '../model/incident.ts'
import { shareText } from './words.ts'

/** ` 2 of 100 (2.0 %) before, 30 of 100 (30 %) after …`; empty without one. */
export function comparisonText(c: Comparison | undefined): string {
  if (c === undefined) return ''
  const share = (at: 0 | 1): string =>
    `${Math.round(c.bad[at])} of ${Math.round(c.total[at])}${c.total[at] === 0 ? '' : ` (${shareText(c.bad[at] / c.total[at])})`}`
  const points = (x: number): string => `${x > 0 ? '+' : ''}${(100 * x).toFixed(1)}`
  const p = c.adjustedP ?? c.p
  const chance = p < 0.001 ? 'p < 0.001' : `p = ${p.toFixed(3)}`
  return ` ${share(0)} before, ${share(1)} after: ${points(c.difference)} percentage points (95 % interval ${points(c.interval[0])} to ${points(c.interval[1])}, ${chance}).`
}
