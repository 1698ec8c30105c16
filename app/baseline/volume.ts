/**
 * Runs over time → volume by hour of the week (UTC), and the longest silence that is normal. Cells that nobody watched (agentopz or
 * Prometheus away) are neither busy nor silent: they are left out.
 * An agent with hours that are far quieter than others has no fixed gap: its silence is judged by the hour of the week.
 */
import { SILENCE_NATS } from '../../model/thresholds.ts'
import { CELL, type Grid, type Interval, usualPerHour } from './counts.ts'
import { median } from '../../model/statistics.ts'

export interface Volume {
  readonly runs: number
  /** Mean runs per hour, for each hour of the week from Monday 00:00 UTC; undefined where nothing was watched. */
  readonly byHourOfWeek: readonly (number | undefined)[]
  /** Runs an hour when the middle one of all runs happened. */
  readonly medianPerHour: number
  readonly longestGaps: readonly Interval[]
  /** Seconds, or `baseline` for an agent with quiet hours; undefined with under a week, as rests are not known yet. */
  readonly expectEvery: number | 'baseline' | undefined
  /** How long a silence lasts until it is seen, at the median of traffic; undefined where no gap is proposed. */
  readonly seenAfterSeconds: number | undefined
  /** Silences by chance alone, were runs independent of each other. */
  readonly falsePagesPerWeek: number
  /** Silences over `expectEvery`, or beyond chance by the hour of the week. */
  readonly pastSilences: readonly Interval[]
}

const CELLS_PER_HOUR = 3600 / CELL
const WEEK_HOURS = 168
/** 1970-01-01 was a Thursday. */
const MONDAY = 3 * 24
/** Quiet hours have under a fifth of the mean. */
const QUIET = 0.2
const NICE = [900, 1200, 1800, 2700, 3600, 5400, 7200, 10_800, 14_400, 21_600, 28_800, 43_200, 86_400] as const

/** `watched` says of each cell whether samples were taken in it. */
export function volumeOf(runs: Float64Array, watched: readonly boolean[], grid: Grid): Volume {
  const hours = hoursOf(runs, watched, grid)
  const byHourOfWeek = profileOf(hours)
  const gaps = gapsOf(runs, watched, grid)
  const expectEvery = everyOf(byHourOfWeek, gaps, grid)
  const over = typeof expectEvery === 'number' ? expectEvery : Infinity
  const medianPerHour = usualPerHour(runs)
  // What the rules take for silence at a rate: beyond chance, and never under their shortest look.
  const byEvidence = (perHour: number): number => Math.max(CELL, (SILENCE_NATS / perHour) * 3600)
  const seconds = (g: Interval): number => g.toSeconds - g.fromSeconds
  const gapAt = (perHour: number): number => (typeof expectEvery === 'number' ? expectEvery : byEvidence(perHour))
  return {
    runs: runs.reduce((s, v) => s + v, 0),
    byHourOfWeek,
    medianPerHour,
    seenAfterSeconds: expectEvery === undefined || medianPerHour === 0 ? undefined : gapAt(medianPerHour),
    falsePagesPerWeek: byHourOfWeek
      .flatMap((_, i) => smooth(byHourOfWeek, i) ?? [])
      .reduce((s, perHour) => s + (perHour === 0 ? 0 : perHour * Math.exp((-perHour * gapAt(perHour)) / 3600)), 0),
    longestGaps: [...gaps].sort((a, b) => seconds(b) - seconds(a)).slice(0, 5),
    expectEvery,
    pastSilences: gaps.filter((g) => (expectEvery === 'baseline' ? expectedIn(g, byHourOfWeek) > SILENCE_NATS : seconds(g) > over)),
  }
}

interface Hour {
  readonly ofWeek: number
  readonly runs: number
}

function hoursOf(runs: Float64Array, watched: readonly boolean[], grid: Grid): readonly Hour[] {
  const out: Hour[] = []
  for (let cell = 0; cell + CELLS_PER_HOUR <= grid.cells; cell += CELLS_PER_HOUR) {
    if (!watched.slice(cell, cell + CELLS_PER_HOUR).every(Boolean)) continue
    out.push({
      ofWeek: hourOfWeek(grid.startSeconds + cell * CELL),
      runs: runs.slice(cell, cell + CELLS_PER_HOUR).reduce((s, v) => s + v, 0),
    })
  }
  return out
}

function profileOf(hours: readonly Hour[]): readonly (number | undefined)[] {
  const sums = Array.from({ length: WEEK_HOURS }, () => ({ runs: 0, hours: 0 }))
  for (const { ofWeek, runs } of hours) {
    const s = sums[ofWeek]
    if (s === undefined) continue
    s.runs += runs
    s.hours++
  }
  return sums.map((s) => (s.hours === 0 ? undefined : s.runs / s.hours))
}

/** Watched stretches without a run. */
function gapsOf(runs: Float64Array, watched: readonly boolean[], grid: Grid): readonly Interval[] {
  const out: Interval[] = []
  let from = -1
  for (let cell = 0; cell <= grid.cells; cell++) {
    const isSilent = cell < grid.cells && watched[cell] === true && (runs[cell] ?? 0) <= 0
    if (isSilent && from < 0) from = cell
    if (isSilent || from < 0) continue
    out.push({ fromSeconds: grid.startSeconds + from * CELL, toSeconds: grid.startSeconds + cell * CELL })
    from = -1
  }
  return out
}

/**
 * As long as it takes until silence is beyond chance (e^-10) in the quietest hours, and half as long again as the usual longest gap of a
 * day: traffic that comes in bursts has longer gaps than chance gives.
 */
function everyOf(profile: readonly (number | undefined)[], gaps: readonly Interval[], grid: Grid): Volume['expectEvery'] {
  const known = profile.filter((v) => v !== undefined)
  if (known.length < WEEK_HOURS) return undefined
  const mean = known.reduce((s, v) => s + v, 0) / known.length
  const lowest = Math.min(...known.flatMap((_, i) => smooth(profile, i) ?? []))
  if (mean <= 0 || lowest < QUIET * mean) return 'baseline'
  const wanted = Math.max((SILENCE_NATS / lowest) * 3600, 1.5 * usualLongest(gaps, grid))
  return NICE.find((n) => n >= wanted) ?? 'baseline'
}

/** Mean of an hour of the week and those around it: two weeks hold only two of each. */
function smooth(profile: readonly (number | undefined)[], i: number): number | undefined {
  if (profile[i] === undefined) return undefined
  const near = [i - 1, i, i + 1].flatMap((k) => profile[(k + WEEK_HOURS) % WEEK_HOURS] ?? [])
  return near.reduce((s, v) => s + v, 0) / near.length
}

/** Runs to expect in a gap: of each hour of the week the least of it and its neighbours, as the rules take it. */
function expectedIn(gap: Interval, profile: readonly (number | undefined)[]): number {
  let sum = 0
  for (let at = gap.fromSeconds; at < gap.toSeconds; at += CELL) {
    const hour = hourOfWeek(at)
    const near = [hour - 1, hour, hour + 1].flatMap((k) => profile[(k + WEEK_HOURS) % WEEK_HOURS] ?? [])
    sum += near.length === 0 ? 0 : Math.min(...near) / CELLS_PER_HOUR
  }
  return sum
}

function hourOfWeek(seconds: number): number {
  return (Math.floor(seconds / 3600) + MONDAY) % WEEK_HOURS
}

/** Middle of the days' longest gaps, in seconds: one outage does not move it. */
function usualLongest(gaps: readonly Interval[], grid: Grid): number {
  const days = Math.ceil((grid.cells * CELL) / 86_400)
  const longest = Array.from({ length: days }, () => 0)
  for (const g of gaps) {
    const day = Math.floor((g.fromSeconds - grid.startSeconds) / 86_400)
    longest[day] = Math.max(longest[day] ?? 0, g.toSeconds - g.fromSeconds)
  }
  return median(longest) ?? 0
}
