/**
 * Unix nanoseconds without BigInt. A double cannot hold today's date in nanoseconds, so a time is two exact numbers: whole milliseconds
 * and the nanoseconds beyond them. Both encodings end here, so the same span has the same times to the last bit.
 */

export interface Nanos {
  readonly ms: number
  /** 0 to 999999. */
  readonly rest: number
}

export const NO_TIME: Nanos = { ms: 0, rest: 0 }

/** OTLP has no other word for an unknown time. */
export const isKnown = (t: Nanos): boolean => t.ms !== 0 || t.rest !== 0

/** From the two halves of a 64-bit number: 2^32 ns are 4294 ms and 967296 ns; every product stays below 2^53. */
export function nanosOfHalves(high: number, low: number): Nanos {
  const rest = high * 967_296 + low
  // Not by `%`, which on doubles is a call: all three numbers are exact.
  const ms = Math.floor(rest / 1e6)
  return { ms: high * 4294 + ms, rest: rest - ms * 1e6 }
}

/** From a checked decimal string or whole number; anything else is no time. */
export function nanosOfJson(v: unknown): Nanos {
  const text = typeof v === 'string' ? v : typeof v === 'number' ? BigInt(v).toString() : ''
  return { ms: Number(text.slice(0, -6)), rest: Number(text.slice(-6)) }
}

/** Milliseconds, fractional. */
export function millisOf(t: Nanos): number {
  return t.ms + t.rest / 1e6
}

/**
 * End − start in milliseconds, clamped at 0 (clocks step back): the nearest double to the true difference up to 104 days. Unknown (NaN) where
 * either is: a span that does not say when it began did not begin in 1970.
 */
export function millisBetween(start: Nanos, end: Nanos): number {
  if (!isKnown(start) || !isKnown(end)) return Number.NaN
  return Math.max(0, ((end.ms - start.ms) * 1e6 + (end.rest - start.rest)) / 1e6)
}
