/**
 * Is a distribution another than before? Surely (G-test of homogeneity with Williams's correction, 1976) and by enough (Jensen–Shannon
 * divergence in bits, less what sampling alone makes of two samples of this size).
 */
import { normalTail } from '../model/statistics.ts'
import type { Distribution } from './facts.ts'

export interface Divergence {
  readonly isMoved: boolean
  /** Bits, 0 to 1, less what chance makes. */
  readonly size: number
  readonly p: number
  /** The buckets that moved most, in words. */
  readonly text: string
}

const LEAST_SIZE = 0.05
const LEVEL = 0.001
const LEAST_EVENTS = 20

/** Compares the two sides of a distribution. */
export function divergence({ buckets }: Distribution, dispersion = 1): Divergence {
  const before = buckets.reduce((n, b) => n + b.before, 0)
  const after = buckets.reduce((n, b) => n + b.after, 0)
  if (before < LEAST_EVENTS || after < LEAST_EVENTS) return { isMoved: false, size: 0, p: 1, text: 'too few to tell' }
  let js = 0
  let used = 0
  for (const b of buckets) {
    const [p, q] = [b.before / before, b.after / after]
    const m = (p + q) / 2
    if (m === 0) continue
    used++
    js += (p === 0 ? 0 : (p * Math.log2(p / m)) / 2) + (q === 0 ? 0 : (q * Math.log2(q / m)) / 2)
  }
  const degrees = Math.max(1, used - 1)
  // Two samples of one distribution diverge by about degrees / (8 n ln 2) bits each.
  const chance = (degrees * (1 / before + 1 / after)) / (8 * Math.LN2)
  const size = Math.max(0, js - chance)
  const n = before + after
  // G = 2 n1 KL(p || pooled) + 2 n2 KL(q || pooled), with the pooled shares weighted by the sizes of the samples.
  let g = 0
  let columns = 0
  for (const b of buckets) {
    const all = b.before + b.after
    if (all === 0) continue
    columns += 1 / all
    for (const [k, of] of [
      [b.before, before],
      [b.after, after],
    ] as const)
      if (k > 0) g += 2 * k * Math.log((k * n) / (all * of))
  }
  const williams = 1 + ((n / before + n / after - 1) * (n * columns - 1)) / (6 * n * degrees)
  const p = chiSquaredTail(g / williams / Math.max(1, dispersion), degrees)
  const moved = buckets
    .map((b) => ({ bucket: b.bucket, was: b.before / before, is: b.after / after }))
    .sort((x, y) => moveOf(y) - moveOf(x))
    .slice(0, 2)
    .map((b) => `${b.bucket} ${Math.round(b.was * 100)} % → ${Math.round(b.is * 100)} %`)
  return { isMoved: size > LEAST_SIZE && p < LEVEL, size, p, text: moved.join(', ') }
}

/** In whole hundred-thousandths, so that of two buckets that moved alike the first stays first. */
function moveOf({ was, is }: { readonly was: number; readonly is: number }): number {
  return Math.round(Math.abs(is - was) * 1e5)
}

/** Upper tail of chi-squared (Wilson and Hilferty 1931). */
function chiSquaredTail(x: number, degrees: number): number {
  const z = (Math.cbrt(x / degrees) - (1 - 2 / (9 * degrees))) / Math.sqrt(2 / (9 * degrees))
  return normalTail(z)
}
