/**
 * Two shares with their counts, compared: how far apart, how sure, and how many runs it would take to tell. Pure; published methods only:
 * the interval is Newcombe's hybrid score interval (Statistics in Medicine 1998, method 10), the test Fisher's exact test with mid-P for few
 * events and the arcsine test for many (Lancaster 1961; Cohen 1988), several comparisons are corrected by Holm (1979).
 */
import type { Comparison } from '../model/incident.ts'
import { clamp, logGamma, normalTail } from '../model/statistics.ts'

export interface Counts {
  readonly bad: number
  readonly total: number
}

const Z95 = 1.959964
/** Above so many events of the rarer kind the exact sum is long and the approximation good to three digits. */
const EXACT_EVENTS = 2000
/** No signal says more than fifty yes or noes. */
export const LEAST_DISPERSION = 0.02

/**
 * Compares two shares. `dispersion` over 1 says that events come in clusters: there are then fewer independent ones. Under 1 it says that an
 * event tells more than a yes or no, as sizes do (`level` in model/slis.ts).
 */
export function compare(before: Counts, after: Counts, dispersion = 1): Comparison {
  const [b, a] = [thinned(before, dispersion), thinned(after, dispersion)]
  const [low1, high1] = wilson(b)
  const [low2, high2] = wilson(a)
  const [p1, p2] = [share(b), share(a)]
  const difference = p2 - p1
  return {
    bad: [before.bad, after.bad],
    total: [before.total, after.total],
    difference,
    interval: [Math.max(-1, difference - Math.hypot(p2 - low2, high1 - p1)), Math.min(1, difference + Math.hypot(high2 - p2, p1 - low1))],
    p: before.total === 0 || after.total === 0 ? 1 : rarer(b, a) > EXACT_EVENTS ? arcsineP(b, a) : exactP(b, a),
  }
}

/** Adjusts the p of comparisons made together (Holm); the order is kept. */
export function corrected<T extends { readonly p: number }>(comparisons: readonly T[]): readonly (T & { readonly adjustedP: number })[] {
  const order = comparisons.map((c, i) => ({ i, p: c.p })).sort((x, y) => x.p - y.p)
  const adjusted: number[] = []
  let highest = 0
  for (const [rank, { i, p }] of order.entries()) {
    highest = Math.max(highest, Math.min(1, p * (comparisons.length - rank)))
    adjusted[i] = highest
  }
  return comparisons.map((c, i) => ({ ...c, adjustedP: adjusted[i] ?? 1 }))
}

/**
 * Runs needed after the onset to tell a rise from `normal` to `feared` from chance, with a false alarm in a hundred and nine in ten found;
 * the arcsine formula (Cohen 1988). Infinity for a rise of nothing.
 */
export function runsNeeded(normal: number, feared: number, baselineRuns: number, dispersion = 1): number {
  const h = 2 * Math.asin(Math.sqrt(clamp(feared))) - 2 * Math.asin(Math.sqrt(clamp(normal)))
  if (Math.abs(h) < 1e-9) return Infinity
  const variance = (h / (2.576 + 1.2816)) ** 2 - dispersion / Math.max(1, baselineRuns)
  return variance <= 0 ? Infinity : Math.ceil(dispersion / variance)
}

/** The share; 0 of nothing, for arithmetic: whoever prints it looks at the total. */
export function share({ bad, total }: Counts): number {
  return total === 0 ? 0 : clamp(bad / total)
}

/** Events of the kind that there are fewer of: the approximation rests on them, however many of the other kind there are. */
function rarer(b: Counts, a: Counts): number {
  const bad = b.bad + a.bad
  return Math.min(bad, b.total + a.total - bad)
}

function thinned({ bad, total }: Counts, dispersion: number): Counts {
  const d = Math.max(LEAST_DISPERSION, dispersion)
  return { bad: Math.max(0, bad) / d, total: Math.max(bad, total, 0) / d }
}

function wilson(c: Counts): readonly [number, number] {
  if (c.total === 0) return [0, 1]
  const [p, n] = [share(c), c.total]
  const middle = p + (Z95 * Z95) / (2 * n)
  const spread = Z95 * Math.sqrt((p * (1 - p)) / n + (Z95 * Z95) / (4 * n * n))
  const scale = 1 + (Z95 * Z95) / n
  return [clamp((middle - spread) / scale), clamp((middle + spread) / scale)]
}

function arcsineP(b: Counts, a: Counts): number {
  const h = 2 * Math.asin(Math.sqrt(share(a))) - 2 * Math.asin(Math.sqrt(share(b)))
  return Math.min(1, 2 * normalTail(Math.abs(h) / Math.sqrt(1 / b.total + 1 / a.total)))
}

/** Two-sided mid-P of Fisher's exact test: tables as likely or less, those as likely at half. Counts are rounded to whole events. */
function exactP(b: Counts, a: Counts): number {
  const [n1, n2] = [Math.round(b.total), Math.round(a.total)]
  const [k1, k2] = [Math.min(n1, Math.round(b.bad)), Math.min(n2, Math.round(a.bad))]
  const k = k1 + k2
  if (n1 === 0 || n2 === 0 || k === 0 || k === n1 + n2) return 1
  const log = (x: number): number => choose(n1, x) + choose(n2, k - x) - choose(n1 + n2, k)
  const seen = log(k1)
  let p = 0
  for (let x = Math.max(0, k - n2); x <= Math.min(n1, k); x++) {
    const l = log(x)
    if (l < seen - 1e-7) p += Math.exp(l)
    else if (l <= seen + 1e-7) p += Math.exp(l) / 2
  }
  return Math.min(1, p)
}

const choose = (n: number, k: number): number => logGamma(n + 1) - logGamma(k + 1) - logGamma(n - k + 1)
