/**
 * When did it begin? The change point of a failing share from counts per interval: the split at which two rates explain the counts best
 * (maximum likelihood of two binomials, Hinkley 1970), if it explains them so much better than one rate that chance will not do, and the
 * intervals that explain them almost as well. Not the alert's time: an alert comes when the evidence is enough, which may be hours later.
 */
import { normalTail, residual } from '../model/statistics.ts'
import { type Counts, LEAST_DISPERSION, share } from './compare.ts'

export interface Interval extends Counts {
  readonly fromMs: number
  readonly toMs: number
}

export interface Onset {
  /** Start of the first interval of the new rate. */
  readonly atMs: number
  /** Onset lies between these, 95 times in 100. */
  readonly fromMs: number
  readonly toMs: number
  /** What came after this is too late to be the cause: ruling out takes more than 95 in 100. */
  readonly latestMs: number
  readonly before: Counts
  readonly after: Counts
}

/** Chance of a split at least as good without any change, for all splits looked at together. */
const LEVEL = 0.01
/** Half the 95 % point of chi-squared with one degree of freedom: how much likelihood a split may lack and still be plausible. */
const PLAUSIBLE = 1.92
/** … and still be possible: a hundred and fifty times less likely than the best. */
const POSSIBLE = 5

/** The onset of a rise of the share; undefined where none is sure. `dispersion` as in compare(). */
export function findOnset(intervals: readonly Interval[], dispersion = 1): Onset | undefined {
  const used = intervals.filter((i) => i.total > 0)
  if (used.length < 4) return undefined
  const all = sumOf(used)
  const whole = logLikelihood(all)
  const gains: number[] = []
  let [bad, total] = [0, 0]
  for (const interval of used.slice(0, -1)) {
    bad += interval.bad
    total += interval.total
    const before = { bad, total }
    const after = { bad: all.bad - bad, total: all.total - total }
    const rises = after.bad * before.total > before.bad * after.total
    gains.push(rises ? (logLikelihood(before) + logLikelihood(after) - whole) / Math.max(LEAST_DISPERSION, dispersion) : 0)
  }
  const best = gains.reduce((a, b) => Math.max(a, b), 0)
  const split = gains.indexOf(best)
  // The signed root of twice the gain is standard normal without a change; splits beside each other are nearly one look.
  const looks = 1 + Math.log2(gains.length) * 4
  if (best <= 0 || normalTail(Math.sqrt(2 * best)) * looks > LEVEL) return undefined
  const within = (lack: number): readonly number[] => gains.flatMap((g, i) => (g >= best - lack ? [i] : []))
  const plausible = within(PLAUSIBLE)
  const at = (i: number): Interval => used[Math.min(used.length - 1, Math.max(0, i))] as Interval
  return {
    atMs: at(split + 1).fromMs,
    fromMs: at(plausible[0] ?? split).fromMs,
    toMs: at((plausible.at(-1) ?? split) + 1).toMs,
    latestMs: at((within(POSSIBLE).at(-1) ?? split) + 1).toMs,
    before: sumOf(used.slice(0, split + 1)),
    after: sumOf(used.slice(split + 1)),
  }
}

const HOUR_MS = 3_600_000
/** Hours that are kept: the worst quarter may be the incident. */
const KEPT = 0.75
/** Mean of the lowest three quarters of a chi-squared variable with one degree of freedom: P(chi2(3) < 1.323) / 0.75. */
const KEPT_MEAN = 0.3686
const LEAST_HOURS = 6
/** A day says little about a variance: that of a share is held against so many hours of pure chance. A size has no such chance. */
const PRIOR_HOURS = 12

/**
 * Variance of the share from hour to hour in multiples of chance, without the worst quarter of the hours; undefined for few of them. The same
 * measure as agent_sli:dispersion1h:baseline, for where the recording rules have not measured it.
 */
export function dispersionOf(intervals: readonly Interval[], isSize = false, scale = 1): number | undefined {
  const hours = [...Map.groupBy(intervals, (i) => Math.floor(i.fromMs / (HOUR_MS / scale))).values()].map(sumOf).filter((h) => h.total > 0)
  if (hours.length < LEAST_HOURS) return undefined
  // Normal is what the calm hours have: an incident among them would make every other hour look unusual.
  const normal = share(sumOf(calmest(hours, share(sumOf(hours)))))
  const kept = calmest(hours, normal)
  const measured = kept.reduce((n, h) => n + residual(share(h), h.total, normal), 0) / kept.length / KEPT_MEAN
  return isSize ? measured : (measured * hours.length + PRIOR_HOURS) / (hours.length + PRIOR_HOURS)
}

/** Without the quarter that is farthest from normal. */
function calmest(hours: readonly Counts[], normal: number): readonly Counts[] {
  return hours
    .map((h) => ({ h, far: residual(share(h), h.total, normal) }))
    .sort((a, b) => a.far - b.far)
    .slice(0, Math.ceil(hours.length * KEPT))
    .map(({ h }) => h)
}

/** Counts of several put together. */
export function sumOf(counts: readonly Counts[]): Counts {
  let [bad, total] = [0, 0]
  for (const i of counts) {
    bad += i.bad
    total += i.total
  }
  return { bad, total }
}

/** Of a binomial at its own maximum; 0 · log 0 is 0. */
function logLikelihood({ bad, total }: Counts): number {
  const good = total - bad
  const term = (k: number): number => (k <= 0 ? 0 : k * Math.log(k / total))
  return total <= 0 ? 0 : term(bad) + term(good)
}
