/**
 * The history of an agent → what is normal of it: per indicator the share, how sure it is, which past windows would have paged, how many
 * false pages to expect and the smallest change that would be seen; for sizes also quantiles; and volume.
 * An indicator with fewer events than a baseline needs is named among the thin ones and measured no further.
 */
import type { AlertName } from '../../model/alerts.ts'
import type { SliName } from '../../model/slis.ts'
import { BASELINE_EVENTS, EFFECTS } from '../../model/thresholds.ts'
import { CELL, type Counts, type Grid, type Interval, merged, total, usualPerHour } from './counts.ts'
import { type Detectable, smallestFactor, smallestRise } from './detectable.ts'
import type { AgentHistory, SizeHistory, SizeName } from './history.ts'
import { type Normal, normalOf } from './normal.ts'
import { falsePagesPerWeek, type Indicator, type PastPage, pastPages } from './paging.ts'
import { type Histogram, histogramOf, type Quantile, quantileOf, scaleShare } from './sizes.ts'
import { type Volume, volumeOf } from './volume.ts'

/** One indicator of an agent; `of` names the tool or evaluation it is about. */
export interface Measured {
  readonly sli: SliName
  readonly of?: string
  readonly alert: AlertName
  /** Normal share of bad events, and the events it rests on; for sizes the share is a place on the buckets' scale. */
  readonly share: number
  readonly bad: number
  readonly events: number
  readonly dispersion: number
  /** When the middle one of all events happened. */
  readonly eventsPerHour: number
  /** At most, by chance alone. */
  readonly falsePagesPerWeek: number
  readonly pastPages: readonly PastPage[]
  readonly leftOut: readonly Interval[]
  /** Rises of the share; for sizes factors on the mean. */
  readonly detectable: Detectable
}

export interface MeasuredSize extends Measured {
  readonly mean: number
  readonly p50: Quantile | undefined
  readonly p90: Quantile | undefined
  readonly p99: Quantile | undefined
  readonly histogram: Histogram
}

export interface Measurement {
  readonly agent: string
  readonly environment: string
  readonly fromSeconds: number
  readonly toSeconds: number
  /** Days of it in which samples were taken. */
  readonly days: number
  readonly volume: Volume
  readonly quality: Measured | undefined
  readonly sizes: ReadonlyMap<SizeName, MeasuredSize>
  /** All other indicators that page. */
  readonly others: readonly Measured[]
  /** Shares of the days, for the objective: bad and total of each. */
  readonly qualityDays: readonly { readonly bad: number; readonly total: number }[]
  /** Indicators with too few events to say anything. */
  readonly thin: readonly { readonly sli: SliName; readonly of?: string; readonly events: number }[]
}

const ALERT_OF: Readonly<Record<SliName, AlertName>> = {
  quality: 'AgentQualityDrop',
  evaluation: 'AgentQualityDrop',
  run_error: 'AgentRunErrors',
  refusal: 'AgentRefusalSpike',
  filtered: 'AgentRefusalSpike',
  truncation: 'AgentTruncationSpike',
  empty: 'AgentEmptyAnswers',
  loop: 'AgentLooping',
  tool_error: 'AgentToolFailing',
  tool_empty: 'AgentToolEmpty',
  no_tool: 'AgentBehaviourChanged',
  cost: 'AgentCostShift',
  steps: 'AgentStepsShift',
  duration: 'AgentDurationShift',
}

const CELLS_PER_HOUR = 3600 / CELL

/** Everything that would page, in the order of the report. */
export function indicatorsOf(m: Measurement): readonly Measured[] {
  return [...(m.quality === undefined ? [] : [m.quality]), ...m.others, ...m.sizes.values()]
}

/** When the agent would have paged: what several of its indicators bring at one time is one page, for alerts are grouped by agent. */
export function pagesOf(m: Measurement): readonly Interval[] {
  return merged([...indicatorsOf(m).flatMap((i) => i.pastPages), ...m.volume.pastSilences], 1800)
}

/** Measures one agent. */
export function measure(h: AgentHistory): Measurement {
  const thin: Measurement['thin'][number][] = []
  const share = (sli: SliName, counts: Counts, of?: string): readonly Measured[] => {
    const events = total(counts.total)
    const named = of === undefined ? { sli } : { sli, of }
    const found = events < BASELINE_EVENTS ? undefined : measureShare(named, counts, h.grid)
    // A check that never spoke is not thin, it is not there.
    if (found === undefined && events >= 0.5) thin.push({ ...named, events })
    return found === undefined ? [] : [found]
  }
  const named = (sli: SliName, map: ReadonlyMap<string, Counts>): readonly Measured[] =>
    [...map].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([of, counts]) => share(sli, counts, of))
  const sizes = new Map<SizeName, MeasuredSize>()
  for (const [size, history] of h.sizes) {
    const found = measureSize(size, history, h.grid)
    if (found !== undefined) sizes.set(size, found)
    else if (total(history.counts.total) >= 0.5) thin.push({ sli: size, events: total(history.counts.total) })
  }
  return {
    agent: h.agent,
    environment: h.environment,
    fromSeconds: h.grid.startSeconds,
    toSeconds: h.grid.startSeconds + h.grid.cells * CELL,
    days: (h.watched.filter(Boolean).length * CELL) / 86_400,
    volume: volumeOf(h.runs, h.watched, h.grid),
    quality: share('quality', h.quality)[0],
    qualityDays: daysOf(h.quality),
    sizes,
    others: [
      ...named('evaluation', h.evaluations),
      ...share('run_error', h.errors),
      ...[...h.checks].flatMap(([sli, counts]) => share(sli, counts)),
      ...named('tool_error', h.toolErrors),
      ...named('tool_empty', h.toolEmpties),
    ],
    thin,
  }
}

function measureShare(named: { readonly sli: SliName; readonly of?: string }, counts: Counts, grid: Grid): Measured | undefined {
  const normal = normalOf(counts, grid, 'ratio')
  if (normal === undefined) return undefined
  const effect = EFFECTS[named.sli]
  const perHour = usualPerHour(counts.total)
  return describe(named, { kind: 'ratio', counts, normal, effect }, grid, smallestRise(perHour, normal, effect))
}

function measureSize(sli: SizeName, history: SizeHistory, grid: Grid): MeasuredSize | undefined {
  const { counts, sums } = history
  if (total(counts.total) < BASELINE_EVENTS) return undefined
  const normal = normalOf(counts, grid, 'level')
  const histogram = normal === undefined ? undefined : usualHistogram(history, normal)
  if (normal === undefined || histogram === undefined) return undefined
  const mean = keptSum(sums, normal.kept) / keptSum(counts.total, normal.kept)
  const effect = EFFECTS[sli]
  const detectable = smallestFactor(usualPerHour(counts.total), normal, effect, (factor) => scaleShare(histogram, factor))
  const variance = varianceOf(sums, counts.total, normal, mean)
  const indicator: Indicator = {
    kind: 'level',
    counts,
    sizes: sums,
    normal,
    normalMean: mean,
    effect,
    ...(variance === undefined ? {} : { variance }),
  }
  return {
    ...describe({ sli }, indicator, grid, detectable),
    mean,
    p50: quantileOf(histogram, 0.5),
    p90: quantileOf(histogram, 0.9),
    p99: quantileOf(histogram, 0.99),
    histogram,
  }
}

function describe(
  named: { readonly sli: SliName; readonly of?: string },
  indicator: Indicator,
  grid: Grid,
  detectable: Detectable,
): Measured {
  const { normal, counts } = indicator
  return {
    ...named,
    alert: ALERT_OF[named.sli],
    share: normal.bad / normal.events,
    bad: normal.bad,
    events: normal.events,
    dispersion: normal.dispersion1h,
    eventsPerHour: usualPerHour(counts.total),
    falsePagesPerWeek: falsePagesPerWeek(indicator, grid),
    pastPages: pastPages(indicator, grid),
    leftOut: normal.leftOut,
    detectable,
  }
}

/** Buckets of the hours that are usual. */
function usualHistogram({ hours }: SizeHistory, normal: Normal): Histogram | undefined {
  const sums = new Map<number, number>()
  for (const [bound, byHour] of hours) {
    const usual = byHour.filter((_, hour) => normal.kept[hour * CELLS_PER_HOUR] === true)
    sums.set(
      bound,
      usual.reduce((s, v) => s + v, 0),
    )
  }
  return histogramOf(sums)
}

/** Variance of one run's size, from how far the means of usual hours lie apart. */
function varianceOf(sums: Float64Array, runs: Float64Array, normal: Normal, mean: number): number | undefined {
  const sizes = blocks(sums, CELLS_PER_HOUR)
  const squares = blocks(runs, CELLS_PER_HOUR).flatMap((n, hour) =>
    n >= 1 && normal.kept[hour * CELLS_PER_HOUR] === true ? [n * ((sizes[hour] ?? 0) / n - mean) ** 2] : [],
  )
  return squares.length < 24 ? undefined : squares.reduce((s, v) => s + v, 0) / squares.length
}

function keptSum(cells: Float64Array, kept: readonly boolean[]): number {
  return cells.reduce((s, v, i) => (kept[i] === true ? s + v : s), 0)
}

function daysOf(counts: Counts): Measurement['qualityDays'] {
  const bad = blocks(counts.bad, 24 * CELLS_PER_HOUR)
  return blocks(counts.total, 24 * CELLS_PER_HOUR).map((n, i) => ({ bad: bad[i] ?? 0, total: n }))
}

function blocks(cells: Float64Array, size: number): readonly number[] {
  const out: number[] = []
  for (let from = 0; from < cells.length; from += size) out.push(cells.slice(from, from + size).reduce((s, v) => s + v, 0))
  return out
}
