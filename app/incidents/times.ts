/**
 * Incidents as metrics: how many are not resolved, and how long each step of the first response took. A step counts once, when it is
 * first reached; drills count nowhere.
 */
import type { Why } from '../../incidents/state.ts'
import type { Incident, TimelineEntry } from '../../model/incident.ts'
import type { LabelsOf, NameOfType } from '../../model/metrics.ts'
import type { Metrics } from '../../processor/metrics.ts'

/** Rows of agentopz_incidents. */
export function openRows(incidents: readonly Incident[]): readonly (readonly [LabelsOf<'agentopz_incidents'>, number])[] {
  const counts = new Map<string, readonly [LabelsOf<'agentopz_incidents'>, number]>()
  for (const { agent, environment, state, severity, drill } of incidents) {
    if (state === 'resolved' || drill) continue
    const labels = { agent, environment, state, severity }
    const key = JSON.stringify(labels)
    counts.set(key, [labels, (counts.get(key)?.[1] ?? 0) + 1])
  }
  return [...counts.values()]
}

type Step = Extract<NameOfType<'histogram'>, `agentopz_incident_time_to_${string}_seconds`>

const reachedBefore = (i: Incident, kind: TimelineEntry['kind']): boolean => i.timeline.some((e) => e.kind === kind)

/** When a step was reached, from the first alert received; and whether an incident has been there, be it before a relapse. */
const STEPS: Readonly<Record<Step, { readonly ms: (i: Incident) => number | undefined; readonly isBehind: (i: Incident) => boolean }>> = {
  agentopz_incident_time_to_detect_seconds: {
    // The onset may be estimated after the first alert: then it was detected at once.
    ms: (i) => (i.triage?.onset === undefined ? undefined : Math.max(0, i.openedMs - i.triage.onset.atMs)),
    isBehind: (i) => i.triage?.onset !== undefined,
  },
  agentopz_incident_time_to_cause_seconds: { ms: since('namedMs'), isBehind: (i) => i.namedMs !== undefined },
  agentopz_incident_time_to_acknowledge_seconds: { ms: since('acknowledgedMs'), isBehind: (i) => reachedBefore(i, 'acknowledged') },
  agentopz_incident_time_to_mitigate_seconds: { ms: since('mitigatedMs'), isBehind: (i) => reachedBefore(i, 'mitigated') },
  agentopz_incident_time_to_resolve_seconds: { ms: since('resolvedMs'), isBehind: (i) => reachedBefore(i, 'resolved') },
}

function since(key: 'namedMs' | 'acknowledgedMs' | 'mitigatedMs' | 'resolvedMs'): (i: Incident) => number | undefined {
  return (i) => {
    const atMs = i[key]
    return atMs === undefined ? undefined : atMs - i.openedMs
  }
}

/** Counts what has just been reached. */
export function observeTimes(metrics: Metrics, after: Incident, why: Why, before: Incident | undefined, now: number): void {
  if (after.drill) return
  const { agent, environment, severity } = after
  if (why === 'opened') metrics.add('agentopz_incidents_opened_total', { agent, environment, severity }, 1, now)
  for (const [name, { ms, isBehind }] of Object.entries(STEPS) as [Step, (typeof STEPS)[Step]][]) {
    const took = ms(after)
    if (took === undefined || (before !== undefined && isBehind(before))) continue
    metrics.observe(name, { agent, environment }, { value: took / 1000, weight: 1 }, now)
  }
}
