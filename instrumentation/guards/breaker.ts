/**
 * A tool's breaker as data and two functions, time handed in (after sony/gobreaker, without timers): `breakerAt` says what it has become,
 * `afterCall` what an outcome makes of it. Half-open lets one probe through; a probe that never answers is given up after `seconds`.
 */
export interface BreakerLimits {
  /** Failures in a row that open it. */
  readonly failures: number
  /** How long it stays open before one call may try. */
  readonly seconds: number
}

export type Breaker =
  | { readonly state: 'closed'; readonly failures: number }
  | { readonly state: 'open'; readonly untilMs: number }
  | { readonly state: 'half-open'; readonly probeSinceMs: number | undefined }

export const CLOSED: Breaker = { state: 'closed', failures: 0 }

/** What the breaker has become by `now`. */
export function breakerAt(b: Breaker, limits: BreakerLimits, now: number): Breaker {
  if (b.state === 'open' && now >= b.untilMs) return { state: 'half-open', probeSinceMs: undefined }
  if (b.state === 'half-open' && b.probeSinceMs !== undefined && now >= b.probeSinceMs + limits.seconds * 1000)
    return { state: 'half-open', probeSinceMs: undefined }
  return b
}

/** Whether a call may go ahead, and the breaker after that was decided: in half-open the call becomes the probe. */
export function enter(b: Breaker, limits: BreakerLimits, now: number): { readonly admit: boolean; readonly next: Breaker } {
  const current = breakerAt(b, limits, now)
  if (current.state === 'closed') return { admit: true, next: current }
  if (current.state === 'open' || current.probeSinceMs !== undefined) return { admit: false, next: current }
  return { admit: true, next: { state: 'half-open', probeSinceMs: now } }
}

/** The breaker after an admitted call ended. An answer to a call that was let in before it opened changes nothing. */
export function afterCall(b: Breaker, outcome: 'success' | 'failure', limits: BreakerLimits, now: number): Breaker {
  const current = breakerAt(b, limits, now)
  if (current.state === 'open') return current
  if (outcome === 'success') return CLOSED
  const failures = current.state === 'closed' ? current.failures + 1 : limits.failures
  return failures >= limits.failures ? { state: 'open', untilMs: now + limits.seconds * 1000 } : { state: 'closed', failures }
}
