/**
 * What is normal → objectives to propose: values that the agent meets today with room for chance, each with the evidence it rests on.
 * Under 200 runs or 2 days nothing is proposed and it is said why; three runs are no objective. Thresholds per run are bucket bounds,
 * because only there is the share of runs under them known and not interpolated.
 */
import { HORIZON_NAMES, HORIZONS } from './detectable.ts'
import type { SizeName } from './history.ts'
import type { Measured, MeasuredSize, Measurement } from './measure.ts'
import { lowestLikely } from '../../model/statistics.ts'
import { count, factor, minute, per, percent, points, silence, size, span } from './words.ts'

export type Section = 'quality' | 'cost_usd' | 'steps' | 'duration_seconds' | 'expect_runs'

export interface Proposal {
  readonly section: Section
  readonly values: Readonly<Record<string, number | string>>
  /** Lines of the comment above the section. */
  readonly because: readonly string[]
}

export interface Proposals {
  readonly proposals: readonly Proposal[]
  /** Why something is not proposed, in sentences. */
  readonly notes: readonly string[]
}

export const FEWEST_RUNS = 200
export const FEWEST_DAYS = 2

const SECTION: Readonly<Record<SizeName, Section>> = { cost: 'cost_usd', steps: 'steps', duration: 'duration_seconds' }
/** Shares of runs that a threshold may promise; the first that the sample can prove. */
const TARGETS = [0.99, 0.95] as const

/** Proposals for one agent. `fallback` is the quality target that holds without one of its own. */
export function propose(m: Measurement, fallback: number | undefined): Proposals {
  const { runs } = m.volume
  if (runs < FEWEST_RUNS || m.days < FEWEST_DAYS) {
    const least = `${FEWEST_RUNS} runs and ${FEWEST_DAYS} days`
    return {
      proposals: [],
      notes: [
        `too little history for objectives: ${per(runs, 'run')} in ${span(m.days * 86_400)}, and it takes ${least}. ${safe(fallback)}`,
      ],
    }
  }
  const found = [
    proposeQuality(m, fallback),
    ...(['cost', 'steps', 'duration'] as const).map((s) => proposeSize(s, m.sizes.get(s))),
    proposeSilence(m),
  ]
  const period = `${span(m.toSeconds - m.fromSeconds)} to ${minute(m.toSeconds)} UTC`
  return {
    proposals: found.flatMap((f) =>
      typeof f === 'string' ? [] : [{ ...f, because: [`${period}: ${f.because[0] ?? ''}`, ...f.because.slice(1)] }],
    ),
    notes: found.flatMap((f) => (typeof f === 'string' ? [f] : [])),
  }
}

function safe(fallback: number | undefined): string {
  const target = fallback === undefined ? 'No quality target applies' : `The default quality target of ${fallback} applies`
  return `${target}, no limits per run; the shipped rules compare it with its own past as soon as there are 30 events. Run this again later.`
}

function proposeQuality({ quality, qualityDays }: Measurement, fallback: number | undefined): Proposal | string {
  if (quality === undefined || quality.events < FEWEST_RUNS)
    return `quality: only ${per(quality?.events ?? 0, 'usual rated run')}, and it takes ${FEWEST_RUNS}. ${fallback === undefined ? 'No target applies.' : `The default target of ${fallback} applies.`}`
  const passed = quality.events - quality.bad
  const likely = lowestLikely(passed, quality.events, quality.dispersion)
  // Where failures are rare a whole percent is too coarse: from 99 % up in thousandths.
  const step = likely >= 0.99 ? 1000 : 100
  const target = Math.floor(likely * step + 1e-9) / step
  if (target <= 0) return 'quality: hardly any rated run passes, so there is no share to aim at; are its checks the right ones?'
  const under = qualityDays.filter((d) => d.total >= 5 && 1 - d.bad / d.total < target).length
  return {
    section: 'quality',
    values: { target },
    because: [
      `${percent(passed / quality.events)} of ${count(quality.events)} rated runs passed; under ${percent(target)} on ${under} of ${per(qualityDays.length, 'day')}`,
      ...evidence(quality, 'fall', points),
    ],
  }
}

function proposeSize(name: SizeName, m: MeasuredSize | undefined): Proposal | string {
  const section = SECTION[name]
  if (m === undefined || m.events < FEWEST_RUNS)
    return `${section}: ${name} is known of only ${per(m?.events ?? 0, 'usual run')}, and it takes ${FEWEST_RUNS}; no limit is proposed.`
  for (const target of TARGETS) {
    const at = m.histogram.under.findIndex((n) => lowestLikely(Math.min(n, m.histogram.count), m.histogram.count, 1) >= target)
    const bound = m.histogram.bounds[at]
    if (bound === undefined || bound <= 0) continue
    const under = (m.histogram.under[at] ?? 0) / m.histogram.count
    const quantile =
      m.p99 === undefined ? 'p99 is over all buckets' : `p99 between ${size(name, m.p99.between[0])} and ${size(name, m.p99.between[1])}`
    return {
      section,
      values: { per_run: bound, target },
      because: [
        `${percent(under)} of ${count(m.events)} runs are at or under ${size(name, bound)}; mean ${size(name, m.mean)}, ${quantile}`,
        ...evidence(m, 'rise', factor),
      ],
    }
  }
  return `${section}: too many runs are over the largest bucket to say how far; no limit is proposed.`
}

function proposeSilence(m: Measurement): Proposal | string {
  const { expectEvery, longestGaps, pastSilences, medianPerHour, seenAfterSeconds } = m.volume
  if (expectEvery === undefined)
    return `expect_runs: ${span(m.days * 86_400)} do not show a whole week; silence is judged against yesterday until they do.`
  const [longest] = longestGaps
  const gap =
    longest === undefined
      ? 'no gap of 10m'
      : `longest gap ${span(longest.toSeconds - longest.fromSeconds)}, at ${minute(longest.fromSeconds)}`
  const within = HORIZON_NAMES.filter((h) => (seenAfterSeconds ?? Infinity) <= HORIZONS[h])
  const seen =
    within.length === 0
      ? `not within ${HORIZON_NAMES.join(', ')}`
      : `within ${within.join(', ')}${within.length < HORIZON_NAMES.length ? ', not sooner' : ''}`
  const isFixed = typeof expectEvery === 'number'
  return {
    section: 'expect_runs',
    values: { every: isFixed ? silence(expectEvery) : expectEvery },
    because: [
      `${count(m.volume.runs)} runs, ${count(medianPerHour)} an hour; ${gap}`,
      `${isFixed ? 'silence pages' : 'hours differ too much for a fixed gap; silence pages by the hour of the week, here'} after ${span(seenAfterSeconds ?? 0)}: ${seen}`,
      `false pages by chance: at most ${falsePages(m.volume.falsePagesPerWeek)} a week; would have paged: ${list(pastSilences.map((g) => `${minute(g.fromSeconds)} to ${minute(g.toSeconds)}`))}`,
    ],
  }
}

/** False pages, smallest change, past pages: two lines that every objective has. */
function evidence(m: Measured, way: 'fall' | 'rise', change: (value: number | undefined) => string): readonly string[] {
  const found = HORIZON_NAMES.map((h) => `${change(m.detectable[h].nineInTen)} in ${h}`).join(', ')
  const pages = m.pastPages.map((p) => `${minute(p.fromSeconds)} to ${minute(p.toSeconds)}`)
  return [
    `smallest ${way} that pages 9 times in 10 at ${count(m.eventsPerHour)} runs/h: ${found}`,
    `false pages by chance: at most ${falsePages(m.falsePagesPerWeek)} a week; would have paged: ${list(pages)}`,
  ]
}

export function falsePages(perWeek: number): string {
  return perWeek < 0.001 ? '0.001' : perWeek.toPrecision(1)
}

const SHOWN = 3

function list(items: readonly string[]): string {
  if (items.length === 0) return 'never'
  const shown = items.slice(0, SHOWN).join(', ')
  return `${shown}${items.length > SHOWN ? ` and ${items.length - SHOWN} more` : ''} UTC`
}
