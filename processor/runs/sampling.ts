/**
 * Sampling weights (R12). A consistent-probability sampler writes its rejection threshold into the root span's tracestate as `ot=th:`.
 * Source: OpenTelemetry specification, "TraceState: Probability Sampling"; stochastic rounding as the span metrics connector does it.
 */

/** Adjusted count of a span from its tracestate: 2^56 / (2^56 − T); 1 when there is no valid threshold. */
export function weightOf(traceState: string): number {
  const at = traceState.indexOf('ot=')
  if (at < 0 || (at > 0 && traceState[at - 1] !== ',' && traceState[at - 1] !== ' ')) return 1
  const entry = traceState.slice(at + 3).split(',', 1)[0] ?? ''
  for (const field of entry.split(';')) {
    if (!field.startsWith('th:')) continue
    const hex = field.slice(3).trim()
    if (!/^[0-9a-f]{1,14}$/i.test(hex)) return 1
    // 56 bits do not fit a double exactly, but the weight needs no more than its 53 bits.
    const threshold = Number.parseInt(hex.padEnd(14, '0'), 16)
    return 2 ** 56 / (2 ** 56 - threshold)
  }
  return 1
}

/**
 * Integer weight by stochastic rounding. The draw comes from the trace id, not from a random source, so that the same run always
 * weighs the same; trace ids are random in their last 7 bytes (W3C Trace Context level 2).
 */
export function integerWeight(weight: number, traceId: string): number {
  const whole = Math.floor(weight)
  const fraction = weight - whole
  if (fraction === 0) return whole
  // Other digits than the sampler's own (the last 14), which are not random among the spans it kept.
  const draw = mix(mix(Number.parseInt(traceId.slice(0, 8), 16)) ^ Number.parseInt(traceId.slice(8, 16), 16)) / 2 ** 32
  return draw < fraction ? whole + 1 : whole
}

function mix(x: number): number {
  let h = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
