/**
 * Alerts → incidents. State + what was told + time → new state, which incidents changed and why. Pure; nothing fires in the background:
 * `applyTime` says what has become of them by now.
 * Alerts about one subject within `mergeWindowMs` of an incident join it; told in any order, any number of times, they make the same one.
 */
import { compareText, keyOf, type ToldAlert } from './alert.ts'
import { allEndedMs, type Disposition, type IncidentState, type LifecycleSettings, type Observed, type Outcome } from './state.ts'
import { durationText, timeText } from './words.ts'
import { Work } from './work.ts'

/** Applies alerts that were told at once. The state given stays as it is. */
export function applyAlerts(
  state: IncidentState,
  alerts: readonly ToldAlert[],
  now: number,
  settings: LifecycleSettings,
): Outcome & { readonly dispositions: readonly Disposition[] } {
  const work = new Work(state, settings, now)
  // In the order in which they began, whatever order they were told in.
  const inOrder = alerts.toSorted((a, b) => a.startsMs - b.startsMs || compareText(keyOf(a), keyOf(b)))
  const dispositions = inOrder.map((told) => work.take(told))
  return { ...work.outcome(), dispositions }
}

/** What became of the incidents by now: those whose alerts have all ended for long enough are resolved. */
export function applyTime(state: IncidentState, now: number, settings: LifecycleSettings): Outcome {
  const work = new Work(state, settings, now)
  for (const incident of state.incidents.values()) {
    if (incident.state === 'resolved') continue
    const endedMs = allEndedMs(incident)
    if (endedMs === undefined) continue
    // An agent that is switched off has no runs, and so no alerts: that does not say that it is well.
    const quietSinceMs = Math.max(endedMs, settings.lastDisabledMs(incident.agent, incident.environment, now) ?? endedMs)
    // When it became so, not when somebody looked: agentopz may have been down meanwhile.
    const atMs = quietSinceMs + settings.resolveAfterMs
    if (atMs > now) continue
    const text = `every alert has ended, the last at ${timeText(endedMs)}, and none came in the ${durationText(settings.resolveAfterMs)} after`
    work.put({ ...incident, state: 'resolved', resolvedMs: atMs }, 'resolved', [{ atMs, kind: 'resolved', text }])
  }
  return work.outcome()
}

/** Applies what Prometheus says of alerts: ends that nobody told, and ends that are not so. */
export function applyObserved(state: IncidentState, observed: readonly Observed[], now: number, settings: LifecycleSettings): Outcome {
  const work = new Work(state, settings, now)
  for (const o of observed) work.observe(o)
  return work.outcome()
}
