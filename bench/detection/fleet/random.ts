/**
 * Seeded randomness of the fleet simulator: the same seed gives the same fleet on every machine.
 * One generator (mulberry32) per stream, so that drawing more in one place does not move what another place draws.
 */

export interface Random {
  /** Uniform in [0, 1). */
  uniform(): number
  /** Standard normal. */
  normal(): number
  poisson(mean: number): number
  exponential(mean: number): number
  /** Index drawn by weight. */
  pick(weights: readonly number[]): number
  /** Whole number between both ends, included. */
  whole(low: number, high: number): number
}

/** A generator for a named stream of a seed. */
export function createRandom(seed: number, stream: string): Random {
  let state = hash(`${seed}/${stream}`)
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
  let spare: number | undefined
  const normal = (): number => {
    if (spare !== undefined) {
      const kept = spare
      spare = undefined
      return kept
    }
    let u = 0
    let v = 0
    let s = 0
    do {
      u = 2 * uniform() - 1
      v = 2 * uniform() - 1
      s = u * u + v * v
    } while (s >= 1 || s === 0)
    const scale = Math.sqrt((-2 * Math.log(s)) / s)
    spare = v * scale
    return u * scale
  }
  return {
    uniform,
    normal,
    poisson: (mean) => poisson(mean, uniform, normal),
    exponential: (mean) => -mean * Math.log(1 - uniform()),
    pick: (weights) => {
      let left = uniform() * weights.reduce((a, b) => a + b, 0)
      for (const [i, w] of weights.entries()) {
        left -= w
        if (left < 0) return i
      }
      return weights.length - 1
    },
    whole: (low, high) => low + Math.floor(uniform() * (high - low + 1)),
  }
}

function poisson(mean: number, uniform: () => number, normal: () => number): number {
  if (mean <= 0) return 0
  if (mean > 40) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal()))
  const limit = Math.exp(-mean)
  let count = 0
  let product = uniform()
  while (product > limit) {
    count++
    product *= uniform()
  }
  return count
}

/** Noise with memory, one value a minute: AR(1) of a standard deviation and a time constant in minutes. */
export function noise(random: Random, minutes: number, sd: number, memoryMinutes: number): Float64Array {
  const keep = Math.exp(-1 / memoryMinutes)
  const fresh = sd * Math.sqrt(1 - keep * keep)
  const out = new Float64Array(minutes)
  let value = sd * random.normal()
  for (let m = 0; m < minutes; m++) {
    value = keep * value + fresh * random.normal()
    out[m] = value
  }
  return out
}

/** FNV-1a with a final mix: neighbouring seeds give unlike states. */
function hash(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
