/**
 * What happened to incidents, told from two looks at them: for a replica that reads what another one has written. The same words as a
 * change has where it is made, the most telling one for each incident.
 */
import type { Incident } from '../model/incident.ts'
import type { Changed, IncidentState, Why } from './state.ts'

/** Incidents that differ between two states, in the order in which they were opened. */
export function changesBetween(before: IncidentState, after: IncidentState): readonly Changed[] {
  return [...after.incidents.values()].flatMap((incident) => {
    const former = before.incidents.get(incident.id)
    const why = former === undefined ? 'opened' : whyOf(former, incident)
    return why === undefined ? [] : [{ incident, why }]
  })
}

const WHY_OF: Readonly<Record<Incident['state'], Why>> = {
  open: 'reopened',
  acknowledged: 'acknowledged',
  mitigated: 'mitigated',
  resolved: 'resolved',
}

function whyOf(before: Incident, after: Incident): Why | undefined {
  if (before === after || isSame(before, after)) return undefined
  if (before.state !== after.state) return WHY_OF[after.state]
  const firing = (i: Incident): number => i.alerts.filter((a) => a.endsMs === undefined).length
  if (after.alerts.length > before.alerts.length || firing(after) > firing(before)) return 'alert_fired'
  if (firing(after) < firing(before)) return 'alert_resolved'
  // What is looked up adds numbers, what stood before, and changes to the timeline; whatever else was decided by somebody.
  return isSame(decided(before), decided(after)) ? 'refreshed' : 'updated'
}

function decided(i: Incident): object {
  const timeline = i.timeline.filter((e) => e.kind !== 'change' && e.kind !== 'action' && e.kind !== 'undone')
  return { ...i, blast: undefined, before: undefined, timeline }
}

function isSame(a: object, b: object): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
