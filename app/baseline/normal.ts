/**
 * Counts of a history → what is normal: the share of bad events, how many it rests on, and how much more than chance it varies.
 * Unusual stretches (hours, six hours, more than 3 standard errors off) are left out and listed, so that an incident in the history does
 * not become the norm. Starts from the median of days, which one bad day cannot move. Half an event is added, no share is taken for
 * under 0.2 %, and small counts get Anscombe's 3/8, as in the shipped rules: nothing bad in so few says little.
 */
import { between, CELL, type Counts, type Grid, type Interval, intervalsOf, runningSums, total } from './counts.ts'
import { median, residual } from '../../model/statistics.ts'

export interface Normal {
  /** What windows are compared with. */
  readonly share: number
  /** Bad events among `events`. */
  readonly bad: number
  /** Events it rests on, those left out not counted. */
  readonly events: number
  /** Variance of shares of 1 and 6 hours over what chance would give. */
  readonly dispersion1h: number
  readonly dispersion6h: number
  /** Which cells it rests on. */
  readonly kept: readonly boolean[]
  readonly leftOut: readonly Interval[]
}

const HOUR = 3600 / CELL
const SIX = 6 * HOUR
const DAY = 24 * HOUR
const UNUSUAL = 3
/** Fewer events than this say nothing about an hour. */
const FEWEST = 3
const LEAST_SHARE = 0.002
/** Median of a squared standard normal: turns a median into a variance that outliers cannot move. */
const MEDIAN_CHI2 = 0.4549

/** A yes or no per event, or a size: where each run lies on the buckets' scale, which says more and so is less dispersed. */
export type Kind = 'ratio' | 'level'
/** Least dispersion. */
const FLOOR: Readonly<Record<Kind, number>> = { ratio: 1, level: 0.005 }

/** Undefined where there are no events. */
export function normalOf(counts: Counts, grid: Grid, kind: Kind): Normal | undefined {
  const bad = runningSums(counts.bad)
  const all = runningSums(counts.total)
  const events = total(counts.total)
  if (events <= 0) return undefined
  const blocks = (size: number): readonly Block[] => blocksOf(bad, all, grid.cells, size)
  const hours = blocks(HOUR)
  const sixes = blocks(SIX)
  let share = startingShare(blocks(DAY), smoothed(total(counts.bad), events))
  let kept: readonly boolean[] = []
  let sums = { bad: 0, total: events }
  for (let round = 0; round < 4; round++) {
    const out: boolean[] = Array.from({ length: grid.cells }, () => false)
    const spread = mark(out, hours, share, kind, FLOOR[kind])
    // Few days hold few stretches of six hours, and their middle alone would call the rest unusual.
    mark(out, sixes, share, kind, spread)
    kept = out.map((isOut) => !isOut)
    sums = sumsOf(counts, kept)
    if (sums.total <= 0) return undefined
    share = smoothed(sums.bad, sums.total)
  }
  const isKept = (b: Block): boolean => kept.slice(b.from, b.to).every(Boolean)
  const dispersion1h = dispersionOf(hours.filter(isKept), share, kind)
  return {
    share,
    bad: sums.bad,
    events: sums.total,
    dispersion1h,
    // Shares of six hours are never less dispersed by anything but chance.
    dispersion6h: Math.max(dispersion1h, dispersionOf(sixes.filter(isKept), share, kind)),
    kept,
    leftOut: intervalsOf(
      kept.map((k) => !k),
      grid,
    ),
  }
}

interface Block {
  readonly from: number
  readonly to: number
  readonly bad: number
  readonly total: number
}

function blocksOf(bad: Float64Array, all: Float64Array, cells: number, size: number): readonly Block[] {
  const out: Block[] = []
  for (let from = 0; from < cells; from += size) {
    const to = Math.min(cells, from + size)
    const n = between(all, from, to)
    if (n >= FEWEST) out.push({ from, to, bad: between(bad, from, to), total: n })
  }
  return out
}

/** Median of the days' shares; where that is 0, as for rare events, the mean of all but the worst fifth of days. */
function startingShare(days: readonly Block[], pooled: number): number {
  if (days.length < 3) return pooled
  const middle = median(days.map((d) => d.bad / d.total)) ?? pooled
  if (middle > 0) return middle
  const usual = [...days].sort((a, b) => a.bad / a.total - b.bad / b.total).slice(0, Math.ceil(days.length * 0.8))
  return usual.reduce((s, d) => s + d.bad, 0) / usual.reduce((s, d) => s + d.total, 0)
}

function smoothed(bad: number, n: number): number {
  return Math.min(1, Math.max(LEAST_SHARE, (bad + 0.5) / (n + 1)))
}

/** Squared distances from the share, in variances of chance. */
function residuals(blocks: readonly Block[], share: number, kind: Kind): readonly number[] {
  const shareOf = (b: Block): number => (kind === 'ratio' ? (b.bad + 0.375) / (b.total + 0.75) : b.bad / b.total)
  return blocks.map((b) => residual(shareOf(b), b.total, share))
}

/** Marks the cells of unusual blocks; returns the dispersion that was taken for usual, at least `least`. */
function mark(out: boolean[], blocks: readonly Block[], share: number, kind: Kind, least: number): number {
  const squares = residuals(blocks, share, kind)
  const dispersion = Math.max(least, (median(squares) ?? 0) / MEDIAN_CHI2)
  for (const [i, b] of blocks.entries()) if ((squares[i] ?? 0) > UNUSUAL * UNUSUAL * dispersion) out.fill(true, b.from, b.to)
  return dispersion
}

/** Mean square, held to 1 (sizes: 0.1) while there are few blocks. */
function dispersionOf(blocks: readonly Block[], share: number, kind: Kind): number {
  const prior = kind === 'ratio' ? { value: 1, weight: 5 } : { value: 0.1, weight: 3 }
  const sum = residuals(blocks, share, kind).reduce((s, v) => s + v, 0)
  return Math.max(FLOOR[kind], (sum + prior.value * prior.weight) / (blocks.length + prior.weight))
}

function sumsOf(counts: Counts, kept: readonly boolean[]): { readonly bad: number; readonly total: number } {
  let bad = 0
  let all = 0
  for (const [i, isKept] of kept.entries()) {
    if (!isKept) continue
    bad += counts.bad[i] ?? 0
    all += counts.total[i] ?? 0
  }
  return { bad, total: all }
}
