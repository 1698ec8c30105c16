/** Scores of fleets → the numbers of a table: rates, quantiles of minutes, false pages a week with an exact Poisson interval. Pure. */
import type { FleetScore, ScoredIncident } from './score.ts'

export interface Summary {
  readonly incidents: number
  readonly detected: number
  readonly medianMinutes: number | undefined
  readonly p90Minutes: number | undefined
  readonly worstMinutes: number | undefined
  readonly falsePages: number
  readonly falseQuiet: number
  readonly falseEcho: number
  readonly falseOther: number
  readonly agentWeeks: number
  readonly falsePerWeek: number | undefined
  readonly falseInterval: readonly [number, number]
  /** Share of all pages that told of an incident. */
  readonly precision: number | undefined
  readonly pagesPerIncident: number | undefined
  readonly userVisible: number
  readonly beforeThirdComplaint: number
  readonly causes: Readonly<Record<'right' | 'among' | 'undecided' | 'wrong', number>>
}

export function summarize(
  scores: readonly FleetScore[],
  of: (row: { readonly agent: string; readonly peakRunsPerHour: number }) => boolean = () => true,
): Summary {
  const incidents = scores.flatMap((s) => s.incidents).filter(of)
  const falsePages = scores.flatMap((s) => s.falsePages).filter(of)
  const exposures = scores.flatMap((s) => s.exposures).filter(of)
  const weeks = exposures.reduce((sum, e) => sum + e.weeks, 0)
  const pages = exposures.reduce((sum, e) => sum + e.pages, 0)
  const count = (kind: string): number => falsePages.filter((f) => f.kind === kind).length
  const interval = poissonInterval(falsePages.length)
  return {
    ...detection(incidents),
    falsePages: falsePages.length,
    falseQuiet: count('quiet'),
    falseEcho: count('echo'),
    falseOther: count('other symptom'),
    agentWeeks: weeks,
    falsePerWeek: weeks > 0 ? falsePages.length / weeks : undefined,
    falseInterval: weeks > 0 ? [interval[0] / weeks, interval[1] / weeks] : interval,
    precision: pages > 0 ? 1 - falsePages.length / pages : undefined,
  }
}

export type Detection = Pick<
  Summary,
  | 'incidents'
  | 'detected'
  | 'medianMinutes'
  | 'p90Minutes'
  | 'worstMinutes'
  | 'pagesPerIncident'
  | 'userVisible'
  | 'beforeThirdComplaint'
  | 'causes'
>

/** What a set of incidents came to. */
export function detection(incidents: readonly ScoredIncident[]): Detection {
  const detected = incidents.filter((i) => i.first !== undefined)
  const minutes = detected.flatMap((i) => (i.minutes === undefined ? [] : [i.minutes]))
  const visible = incidents.filter((i) => i.isUserVisible)
  const named = (cause: string): number => detected.filter((i) => i.causeNamed === cause).length
  return {
    incidents: incidents.length,
    detected: detected.length,
    medianMinutes: quantile(minutes, 0.5),
    p90Minutes: quantile(minutes, 0.9),
    worstMinutes: quantile(minutes, 1),
    pagesPerIncident: detected.length > 0 ? detected.reduce((sum, i) => sum + i.pages, 0) / detected.length : undefined,
    userVisible: visible.length,
    beforeThirdComplaint: visible.filter((i) => i.isBeforeThirdComplaint).length,
    causes: { right: named('right'), among: named('among'), undecided: named('undecided'), wrong: named('wrong') },
  }
}

/** Nearest rank, halves up; undefined of nothing. */
export function quantile(values: readonly number[], p: number): number | undefined {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(p * (sorted.length - 1) + 0.5))]
}

/** Exact 95 % interval of the mean of a Poisson count (Garwood). */
export function poissonInterval(count: number): readonly [number, number] {
  const below = (mean: number, k: number): number => {
    let term = Math.exp(-mean)
    let sum = term
    for (let i = 1; i <= k; i++) sum += term *= mean / i
    return sum
  }
  const solve = (isAbove: (mean: number) => boolean): number => {
    let low = 0
    let high = 2 * count + 20
    for (let i = 0; i < 100; i++) {
      const middle = (low + high) / 2
      if (isAbove(middle)) high = middle
      else low = middle
    }
    return high
  }
  // Counts too large for the sum of terms are as good as normal.
  if (count > 300) return [count - 1.96 * Math.sqrt(count), count + 1.96 * Math.sqrt(count)]
  const lower = count === 0 ? 0 : solve((mean) => 1 - below(mean, count - 1) > 0.025)
  return [lower, solve((mean) => below(mean, count) < 0.025)]
}
