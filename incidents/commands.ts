/**
 * What people and playbooks do to an incident: take it, note something, say that it is mitigated or resolved. State + command + time →
 * new state, or a refusal with its reason. The steps on one incident are exported for `Incidents.update`.
 */
import type { Incident, TimelineEntry } from '../model/incident.ts'
import type { IncidentState, LifecycleSettings, Outcome, Why } from './state.ts'
import { Work } from './work.ts'
import { ordered, withEntries } from './timeline.ts'
import { clockText } from './words.ts'

export type IncidentCommand = { readonly id: string; readonly actor: string } & (
  | { readonly command: 'acknowledge' }
  | { readonly command: 'resolve'; readonly text: string }
  /** `reported`: somebody noticed the trouble then, by themselves. */
  | { readonly command: 'note' | 'report'; readonly text: string; readonly atMs?: number }
)

export const INCIDENT_REFUSALS = ['unknown_incident', 'already_acknowledged', 'already_resolved', 'still_to_come'] as const
export type IncidentRefusal = (typeof INCIDENT_REFUSALS)[number]

export interface IncidentRefused {
  readonly ok: false
  readonly because: IncidentRefusal
  /** A sentence: what is wrong and what to write. */
  readonly detail: string
}

export type CommandOutcome = (Outcome & { readonly ok: true; readonly incident: Incident }) | IncidentRefused

/** Applies a command. The state given stays as it is. */
export function applyCommand(state: IncidentState, command: IncidentCommand, now: number, settings: LifecycleSettings): CommandOutcome {
  const incident = state.incidents.get(command.id)
  if (incident === undefined) return unknownIncident(command.id)
  const wrong = misfit(incident, command, now)
  if (wrong !== undefined) return wrong
  const work = new Work(state, settings, now)
  const [next, why] = done(incident, command, now)
  work.put(next, why, [])
  const outcome = work.outcome()
  return { ...outcome, ok: true, incident: outcome.state.incidents.get(command.id) ?? next }
}

function done(incident: Incident, c: IncidentCommand, now: number): readonly [Incident, Why] {
  switch (c.command) {
    case 'acknowledge':
      return [acknowledged(incident, c.actor, now), 'acknowledged']
    case 'resolve':
      return [resolved(incident, c.actor, c.text, now), 'resolved']
    case 'note':
    case 'report':
      return [
        noted(incident, { atMs: c.atMs ?? now, kind: c.command === 'note' ? 'note' : 'reported', text: c.text, actor: c.actor }),
        'noted',
      ]
  }
}

function misfit(incident: Incident, c: IncidentCommand, now: number): IncidentRefused | undefined {
  const { id, acknowledgedBy, acknowledgedMs, resolvedMs } = incident
  if ((c.command === 'acknowledge' || c.command === 'resolve') && resolvedMs !== undefined)
    return refused('already_resolved', `${id} is resolved since ${clockText(resolvedMs)} UTC; a note can still be added`)
  if (c.command === 'acknowledge' && acknowledgedMs !== undefined)
    return refused('already_acknowledged', `${acknowledgedBy ?? 'somebody'} has had ${id} since ${clockText(acknowledgedMs)} UTC`)
  if ((c.command === 'note' || c.command === 'report') && c.atMs !== undefined && c.atMs > now)
    return refused('still_to_come', `${new Date(c.atMs).toISOString()} is still to come; write when it happened`)
  return undefined
}

/** Somebody has it. One that is mitigated stays so. */
export function acknowledged(incident: Incident, actor: string, now: number): Incident {
  const state = incident.state === 'open' ? 'acknowledged' : incident.state
  const entry: TimelineEntry = { atMs: now, kind: 'acknowledged', text: `${actor} has it`, actor }
  return noted({ ...incident, state, acknowledgedMs: now, acknowledgedBy: actor }, entry)
}

/** Evidence says that the runs are well again; `text` says which. */
export function mitigated(incident: Incident, actor: string, text: string, now: number): Incident {
  if (incident.state === 'mitigated' || incident.state === 'resolved') return incident
  return noted({ ...incident, state: 'mitigated', mitigatedMs: now }, { atMs: now, kind: 'mitigated', text, actor })
}

/** Over, whatever its alerts say: those that still fire do not open it again, new ones do. */
export function resolved(incident: Incident, actor: string, text: string, now: number): Incident {
  return noted({ ...incident, state: 'resolved', resolvedMs: now }, { atMs: now, kind: 'resolved', text, actor })
}

/** With an entry in the timeline. */
export function noted(incident: Incident, ...entries: readonly TimelineEntry[]): Incident {
  return { ...incident, timeline: withEntries(incident.timeline, entries) }
}

function refused(because: IncidentRefusal, detail: string): IncidentRefused {
  return { ok: false, because, detail }
}

/** What happened to an incident that was changed step by step: told from its states. `asked` where nothing was decided. */
export function applyUpdate(
  state: IncidentState,
  id: string,
  change: (incident: Incident) => Incident,
  asked: { readonly now: number; readonly settings: LifecycleSettings; readonly isRefresh?: boolean },
): CommandOutcome {
  const { now, settings, isRefresh = false } = asked
  const before = state.incidents.get(id)
  if (before === undefined) return unknownIncident(id)
  const after = change(before)
  const work = new Work(state, settings, now)
  if (after === before) return { ...work.outcome(), ok: true, incident: before }
  const isNamed = before.namedMs === undefined && after.triage?.findings[0]?.verdict === 'cause'
  const timeline = ordered(after.timeline)
  // Who it is about and when it was opened are not for changing; a caller that mixes up two incidents is a bug.
  const { openedMs, agent, environment } = before
  const incident = { ...after, id, agent, environment, openedMs, timeline, ...(isNamed ? { namedMs: now } : {}) }
  work.put(incident, before.state === after.state ? (isRefresh ? 'refreshed' : 'updated') : WHY_OF[after.state], [])
  const outcome = work.outcome()
  return { ...outcome, ok: true, incident: outcome.state.incidents.get(id) ?? incident }
}

const WHY_OF = {
  open: 'reopened',
  acknowledged: 'acknowledged',
  mitigated: 'mitigated',
  resolved: 'resolved',
} as const satisfies Record<Incident['state'], Why>

function unknownIncident(id: string): IncidentRefused {
  return refused('unknown_incident', `there is no incident ${id}; see: agentopz incident list`)
}
