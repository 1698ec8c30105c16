/**
 * When one indicator would have paged, by the shipped rules' own thresholds (model/thresholds.ts): which windows of the history, and how
 * often by chance alone. The history is compared with its own normal, so an incident in it shows as a page.
 * By chance: how often a sliding window of so many events crosses the bar, added up over windows, which overlap: a bound on false pages.
 */
import type { Window } from '../../model/slis.ts'
import { WINDOWS } from '../../model/slis.ts'
import { type Effect, OVER, PAGE, type PageWindow } from '../../model/thresholds.ts'
import { between, CELL, type Counts, type Grid, type Interval, runningSums } from './counts.ts'
import type { Kind, Normal } from './normal.ts'
import { chanceOfAtLeast, distance, normalTail } from '../../model/statistics.ts'

export const PAGE_WINDOWS = Object.keys(PAGE) as readonly PageWindow[]

/** An indicator: what is counted, what is normal, what it takes to page. */
export interface Indicator {
  readonly kind: Kind
  readonly counts: Counts
  /** Sum of the sizes themselves (dollars, steps, seconds) per cell, for the mean. */
  readonly sizes?: Float64Array
  readonly normal: Normal
  readonly normalMean?: number
  /** Variance of a single size, measured between hours. */
  readonly variance?: number
  readonly effect: Effect
}

/** A stretch of the history in which the page would have been up. */
export interface PastPage extends Interval {
  /** The window that was furthest off. */
  readonly window: PageWindow
  readonly distance: number
  readonly share: number
  readonly events: number
  readonly mean?: number
}

/** Rise that a window needs. */
export function riseOf(window: PageWindow, effect: Effect): number {
  return window === '10m' ? effect.page10m : effect.page
}

export function dispersionOf(window: Window, normal: Normal): number {
  return window === '3h' || window === '6h' || window === '1d' ? normal.dispersion6h : normal.dispersion1h
}

/** The pages of a history, in order of time. */
export function pastPages(indicator: Indicator, grid: Grid): readonly PastPage[] {
  const sums = sumsOf(indicator)
  const out: PastPage[] = []
  for (let end = 1; end <= grid.cells; end++) {
    const worst = worstWindow(indicator, sums, end)
    if (worst === undefined) continue
    const at = grid.startSeconds + end * CELL
    const open = out.at(-1)
    if (open === undefined || at - open.toSeconds > KEEP * CELL) out.push({ fromSeconds: at, toSeconds: at + CELL, ...worst })
    else out[out.length - 1] = { ...open, ...(worst.distance > open.distance ? worst : undefined), toSeconds: at + CELL }
  }
  return out
}

/** Cells that a page outlives its condition: what flaps within half an hour is one page. */
const KEEP = 2
/** Seconds between evaluations of the rules. */
const EVERY = 60
interface Sums {
  readonly bad: Float64Array
  readonly total: Float64Array
  readonly size: Float64Array | undefined
}

function sumsOf({ counts, sizes }: Indicator): Sums {
  return {
    bad: runningSums(counts.bad),
    total: runningSums(counts.total),
    size: sizes === undefined ? undefined : runningSums(sizes),
  }
}

type Detail = Omit<PastPage, 'fromSeconds' | 'toSeconds'>

/** The window that is furthest off among those that page at the end of cell `end`. */
function worstWindow(indicator: Indicator, sums: Sums, end: number): Detail | undefined {
  let worst: Detail | undefined
  const seen = new Map<PageWindow, Detail | undefined>(PAGE_WINDOWS.map((w) => [w, windowAt(indicator, sums, end, w)]))
  for (const window of PAGE_WINDOWS) {
    const at = seen.get(window)
    if (at === undefined || !pages(indicator, at)) continue
    const isOver = OVER[window].some((o) => {
      const shorter = seen.get(o.window)
      if (shorter === undefined) return false
      const rise = shorter.share - indicator.normal.share
      return (shorter.distance < o.z && shorter.events >= o.n) || rise < (o.part ?? -1) * (at.share - indicator.normal.share)
    })
    if (!isOver && (worst === undefined || at.distance > worst.distance)) worst = at
  }
  return worst
}

function windowAt({ normal, sizes }: Indicator, sums: Sums, end: number, window: PageWindow): Detail | undefined {
  const from = end - WINDOWS[window] / CELL
  const events = between(sums.total, from, end)
  // Running sums leave dust of 1e-12 where nothing happened.
  if (events < 0.5) return undefined
  // increase() extrapolates: a few events can come out as more than all.
  const share = Math.min(1, Math.max(0, between(sums.bad, from, end) / events))
  const mean = sizes === undefined || sums.size === undefined ? undefined : between(sums.size, from, end) / events
  const d = distance(share, events, normal, dispersionOf(window, normal))
  return { window, distance: d, share, events, ...(mean === undefined ? {} : { mean }) }
}

function pages({ normal, normalMean, effect }: Indicator, seen: Detail): boolean {
  const { z, n } = PAGE[seen.window]
  if (seen.distance <= z + effect.surer || seen.events < n) return false
  if (seen.share - normal.share < riseOf(seen.window, effect)) return false
  if (effect.mean === undefined || normalMean === undefined || seen.mean === undefined) return true
  return seen.mean > effect.mean * normalMean
}

/** Fewest bad of `n` that page in a window; more than `n` when none do. */
export function fewestThatPage(n: number, window: PageWindow, normal: Normal, effect: Effect): number {
  const { z, n: fewest } = PAGE[window]
  if (n < fewest) return n + 1
  const dispersion = dispersionOf(window, normal)
  let low = 0
  let high = n + 1
  while (low < high) {
    const k = (low + high) >> 1
    const isPage = k / n - normal.share >= riseOf(window, effect) && distance(k / n, n, normal, dispersion) > z + effect.surer
    if (isPage) high = k
    else low = k + 1
  }
  return low
}

/** False pages a week that chance alone would bring at the traffic of the history; at most that many, see the head of this file. */
export function falsePagesPerWeek(indicator: Indicator, grid: Grid): number {
  const sums = runningSums(indicator.counts.total)
  const known = new Map<string, number>()
  let pagesInHistory = 0
  for (const window of PAGE_WINDOWS) {
    const cells = WINDOWS[window] / CELL
    for (let end = 1; end <= grid.cells; end++) {
      const n = Math.round(between(sums, end - cells, end))
      if (n < PAGE[window].n) continue
      const key = `${window} ${n}`
      const perWindow =
        known.get(key) ?? (indicator.kind === 'level' ? sizeCrossings(indicator, window, n) : shareCrossings(indicator, window, n))
      known.set(key, perWindow)
      pagesInHistory += perWindow / cells
    }
  }
  return pagesInHistory / ((grid.cells * CELL) / 604_800)
}

/**
 * How often, per length of the window, a sliding window comes to hold enough bad events to page: each time one more arrives while it holds
 * one too few. With dispersion over 1 they come in clusters.
 */
function shareCrossings({ normal, effect }: Indicator, window: PageWindow, n: number): number {
  const dispersion = dispersionOf(window, normal)
  const k = fewestThatPage(n, window, normal, effect)
  if (k > n) return 0
  const oneTooFew = chanceOfAtLeast(k - 1, n, normal.share, dispersion) - chanceOfAtLeast(k, n, normal.share, dispersion)
  return ((n * normal.share) / dispersion) * oneTooFew
}

/** The same for a size: a sliding mean crosses a high bar about z squared times as often as a single window is over it. */
function sizeCrossings({ normalMean, variance, effect }: Indicator, window: PageWindow, n: number): number {
  const z = PAGE[window].z + effect.surer
  const byShare = normalTail(z)
  const isKnown = normalMean !== undefined && variance !== undefined && effect.mean !== undefined
  // Both must happen, so it is no likelier than the rarer.
  const chance = isKnown ? Math.min(byShare, normalTail((normalMean * (effect.mean - 1)) / Math.sqrt(variance / n))) : byShare
  return chance * Math.min(z ** 2, WINDOWS[window] / EVERY)
}
