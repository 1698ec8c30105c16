/**
 * When an alert fires, from when its condition held: Prometheus's own state machine (rules/alerting.go of 2.42 and later), one label set.
 * Held against `promtool test rules` on random series in test/unit/bench-detection.test.ts.
 */

export interface Firing {
  /** First evaluation at which it fires. */
  readonly start: number
  /** First evaluation at which it no longer does; the end of the period when it still did. */
  readonly end: number
}

export interface AlertTiming {
  readonly start: number
  readonly end: number
  readonly step: number
  readonly forSeconds: number
  readonly keepFiringSeconds: number
}

/** Firings of one label set; `holds` are the evaluations at which the expression gave a result. */
export function firings(holds: ReadonlySet<number>, t: AlertTiming): Firing[] {
  const out: Firing[] = []
  let activeSince: number | undefined
  let firesSince: number | undefined
  let missingSince: number | undefined
  for (let now = t.start; now <= t.end; now += t.step) {
    if (holds.has(now)) {
      missingSince = undefined
      activeSince ??= now
      if (firesSince === undefined && now - activeSince >= t.forSeconds) firesSince = now
      continue
    }
    if (firesSince !== undefined && t.keepFiringSeconds > 0) {
      missingSince ??= now
      if (now - missingSince < t.keepFiringSeconds) continue
    }
    if (firesSince !== undefined) out.push({ start: firesSince, end: now })
    activeSince = firesSince = missingSince = undefined
  }
  if (firesSince !== undefined) out.push({ start: firesSince, end: t.end })
  return out
}
