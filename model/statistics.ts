/**
 * The few statistics everything here rests on, as the shipped rules compute them: the distance of a share from its normal, and the chance
 * of so many bad events. Numbers in, numbers out. Why these and not Wilson's or Wald's, which lie where failures are rare and events few:
 * docs/detection.md.
 */

export interface Reference {
  readonly share: number
  /** Events it rests on; Infinity for a share that is taken for exact. */
  readonly events: number
}

/**
 * Standard errors between a share of `n` events and a normal share: the signed root of the likelihood ratio. Above 0 is worse. The same
 * expression as agent_sli:bad_ratio:zscore*, which a test compares.
 */
export function distance(share: number, n: number, normal: Reference, dispersion: number): number {
  const r = inside(share)
  const q = inside(normal.share)
  const apart = r * Math.log(r / q) + (1 - r) * Math.log((1 - r) / (1 - q))
  return Math.sign(r - q) * Math.sqrt((2 * Math.max(0, apart)) / (dispersion * (1 / n + 1 / normal.events)))
}

/** Squared distance in variances of chance, on the arcsine scale, where one unusual hour of few events weighs least: for dispersion. */
export function residual(share: number, n: number, normalShare: number): number {
  return 4 * n * (Math.asin(Math.sqrt(clamp(share))) - Math.asin(Math.sqrt(clamp(normalShare)))) ** 2
}

/**
 * Chance of at least `k` bad of `n` when each is bad with chance `p`. With dispersion over 1 the events come in clusters of that size,
 * so that there are fewer independent ones.
 */
export function chanceOfAtLeast(k: number, n: number, p: number, dispersion: number): number {
  if (k <= 0) return 1
  if (k > n || p <= 0) return 0
  if (p >= 1) return 1
  const d = Math.max(1, dispersion)
  return incompleteBeta(p, k / d, (n - k) / d + 1)
}

/** Chance that a standard normal is above `z`. */
export function normalTail(z: number): number {
  if (z < 0) return 1 - normalTail(-z)
  // Abramowitz and Stegun 7.1.26 is too coarse out here; this continued fraction (26.2.14) is exact to 1e-9 from 2 up.
  if (z > 2) return density(z) / continued(z, 60)
  return 0.5 - density(z) * seriesAround0(z)
}

/** Lowest share that the counts allow, 95 times in 100 (Wilson, one-sided), with dispersion. */
export function lowestLikely(good: number, n: number, dispersion: number): number {
  const z = 1.645
  const size = n / Math.max(1, dispersion)
  const p = clamp(good / n)
  const middle = p + (z * z) / (2 * size)
  const spread = z * Math.sqrt((p * (1 - p)) / size + (z * z) / (4 * size * size))
  return clamp((middle - spread) / (1 + (z * z) / size))
}

/** Middle value; undefined of nothing. */
export function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  const upper = sorted[half]
  const lower = sorted[sorted.length % 2 === 0 ? half - 1 : half]
  return upper === undefined || lower === undefined ? undefined : (upper + lower) / 2
}

export function clamp(share: number): number {
  return Math.min(1, Math.max(0, share))
}

/** Away from 0 and 1, whose logarithms are none. */
function inside(share: number): number {
  return Math.min(1 - 1e-9, Math.max(1e-9, share))
}

function density(z: number): number {
  return Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)
}

function continued(z: number, depth: number): number {
  let at = z
  for (let i = depth; i > 0; i--) at = z + i / at
  return at
}

function seriesAround0(z: number): number {
  let term = z
  let sum = z
  for (let i = 3; i < 60; i += 2) {
    term *= (z * z) / i
    sum += term
  }
  return sum
}

/** Regularised incomplete beta function I_x(a, b), by Lentz's continued fraction. */
export function incompleteBeta(x: number, a: number, b: number): number {
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x))
  return x < (a + 1) / (a + b + 2) ? (front * betaFraction(x, a, b)) / a : 1 - (front * betaFraction(1 - x, b, a)) / b
}

function betaFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300
  const safe = (v: number): number => (Math.abs(v) < tiny ? tiny : v)
  let c = 1
  let d = 1 / safe(1 - ((a + b) * x) / (a + 1))
  let out = d
  for (let m = 1; m < 1000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
    d = 1 / safe(1 + even * d)
    c = safe(1 + even / c)
    out *= d * c
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    d = 1 / safe(1 + odd * d)
    c = safe(1 + odd / c)
    const step = d * c
    out *= step
    if (Math.abs(step - 1) < 1e-12) break
  }
  return out
}

const LANCZOS = [
  76.18009172947146, -86.50532032941678, 24.01409824083091, -1.231739572450155, 0.1208650973866179e-2, -0.5395239384953e-5,
] as const

/** Logarithm of the gamma function, for x over 0 (Lanczos). */
export function logGamma(x: number): number {
  const t = x + 5.5
  let sum = 1.000000000190015
  for (const [i, c] of LANCZOS.entries()) sum += c / (x + 1 + i)
  return (x + 0.5) * Math.log(t) - t + Math.log((2.506628274631 * sum) / x)
}
