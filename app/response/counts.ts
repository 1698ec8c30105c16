/** Actions of incidents as a metric: one count whenever an action comes into a state. Drills count nowhere. */
import { isMachine } from '../../model/actor.ts'
import type { Incident } from '../../model/incident.ts'
import type { Metrics } from '../../processor/metrics.ts'

/** Counts what is in another state than before. Begun is not counted: it is done, or refused, at once. */
export function countActions(metrics: Metrics, after: Incident, before: Incident | undefined, now: number): void {
  if (after.drill || after.actions === before?.actions) return
  const { agent, environment } = after
  const former = new Map(before?.actions.map((a) => [a.id, a.state]))
  for (const { id, kind, state, actor } of after.actions) {
    if (state === 'started' || former.get(id) === state) continue
    const by = isMachine(actor) ? 'playbook' : 'person'
    metrics.add('agentopz_incident_actions_total', { agent, environment, action: kind, by, state }, 1, now)
  }
}
