/**
 * Actions of incidents ↔ the control plane. An action has an id of its own in the audit, the same after a crash: what was begun is looked for
 * there first, so that it is done once however often it is tried. Nothing here writes the incident.
 */
import type { AuditEntry } from '../../control/audit.ts'
import { auditIdOf } from '../../incidents/acting.ts'
import { ACTIONS } from '../../incidents/actions/index.ts'
import type { Action, Incident } from '../../model/incident.ts'
import type { ControlPlane, Who } from '../controls/plane.ts'

export interface Performer {
  readonly plane: ControlPlane
  readonly clock: () => number
}

/** `unavailable`: it could not be stored, or nobody can tell whether it was; it can be tried again. */
export type Performed =
  | { readonly ok: true; readonly entry: AuditEntry }
  | { readonly ok: false; readonly because: 'refused' | 'unavailable'; readonly detail: string }

const AUDIT_LIMIT = 2000

/** Does it, or finds that it was done: before, or by another replica at the same time, which is why it is refused here then. */
export async function perform(performer: Performer, incident: Incident, action: Action): Promise<Performed> {
  const id = auditIdOf(incident, action)
  const done = await recorded(performer.plane, id)
  if (done !== undefined) return done
  const performed = await performNow(performer, incident, action, id)
  return performed.ok || performed.because === 'unavailable' ? performed : ((await recorded(performer.plane, id)) ?? performed)
}

async function performNow({ plane, clock }: Performer, incident: Incident, action: Action, id: string): Promise<Performed> {
  const who: Who = { actor: action.actor, reason: reasonOf(incident, action), via: action.via ?? viaOf(incident, action), id }
  const command = ACTIONS[action.kind].command(action)
  if (command.do === 'control') {
    const { control, target, fallback } = command
    const request = {
      control,
      agent: incident.agent,
      target,
      environment: incident.environment,
      ...(fallback === undefined ? {} : { fallback }),
      ...(action.expiresMs === undefined ? {} : { expiresMs: action.expiresMs }),
    }
    return outcomeOf(await plane.set(request, who, clock, id))
  }
  if (command.do === 'rollback' && action.from !== undefined)
    return outcomeOf(await plane.rollback(incident.agent, who, clock, { from: action.from, version: command.version }))
  return outcomeOf(await plane.activate(incident.agent, command.version, who, clock))
}

/** Undoes it, or finds that it is no longer in force. */
export async function revert({ plane, clock }: Performer, incident: Incident, action: Action): Promise<Performed | 'over'> {
  const { undo, ref } = action
  if (undo === undefined || ref === undefined) return { ok: false, because: 'refused', detail: `${action.id} was not done` }
  const id = auditIdOf(incident, action, true)
  const done = await recorded(plane, id)
  if (done !== undefined) return done
  const who: Who = { actor: undo.actor, reason: undo.reason, via: undo.via ?? viaOf(incident, action), id }
  if (ACTIONS[action.kind].command(action).do === 'control') {
    const outcome = await plane.undo(ref, who, clock)
    return !outcome.ok && outcome.because === 'not_in_force' ? 'over' : outcomeOf(outcome)
  }
  if (plane.notLoaded !== undefined) return { ok: false, because: 'unavailable', detail: plane.notLoaded }
  if (plane.releases(incident.agent)?.activations.at(-1) !== action.target) return 'over'
  if (action.from === undefined)
    return {
      ok: false,
      because: 'refused',
      detail: `no release of ${incident.agent} was active before ${action.target}; activate one by its version`,
    }
  return outcomeOf(await plane.activate(incident.agent, action.from, who, clock))
}

/** Whether what an action did still stands. */
export function stands({ plane, clock }: Performer, incident: Incident, action: Action): boolean {
  if (plane.notLoaded !== undefined) return true
  if (ACTIONS[action.kind].command(action).do === 'control') return plane.controls(clock()).some((c) => c.id === action.ref)
  return plane.releases(incident.agent)?.activations.at(-1) === action.target
}

/** The entry of the audit that took an action out of force; undefined where it lapsed by itself, or nobody knows. */
export async function whoEnded(plane: ControlPlane, incident: Incident, action: Action): Promise<AuditEntry | undefined> {
  const audit = await plane.audit(AUDIT_LIMIT)
  const isControl = ACTIONS[action.kind].command(action).do === 'control'
  if (isControl)
    return audit.find(
      (e) =>
        e.id !== '' &&
        ((e.action === 'undo' && e.id === action.ref) || (e.action === 'replace' && e.removed?.includes(action.ref ?? '') === true)),
    )
  return audit.find(
    (e) =>
      e.agent === incident.agent &&
      (e.action === 'activate' || e.action === 'rollback') &&
      e.atMs >= action.atMs &&
      e.target !== action.target,
  )
}

async function recorded(plane: ControlPlane, id: string): Promise<Performed | undefined> {
  try {
    const entry = (await plane.audit(AUDIT_LIMIT)).find((e) => e.id === id && e.action !== 'undo')
    return entry === undefined ? undefined : { ok: true, entry }
  } catch (error) {
    return { ok: false, because: 'unavailable', detail: error instanceof Error ? error.message : String(error) }
  }
}

/** A label of metrics: of few kinds, and without ids. A person's own words stand. */
function reasonOf(incident: Incident, { playbook, cause, reason }: Action): string {
  if (playbook === undefined) return reason
  return cause === undefined ? incident.title : `cause: ${cause}`
}

/** How a playbook's action came in: by which action of which incident. */
function viaOf(incident: Incident, { id }: Action): string {
  return `${incident.id} ${id}`
}

type Outcome = { readonly ok: true; readonly entry: AuditEntry } | { readonly ok: false; readonly because: string; readonly detail: string }

function outcomeOf(outcome: Outcome): Performed {
  if (outcome.ok) return { ok: true, entry: outcome.entry }
  const { because, detail } = outcome
  const isUnavailable = because === 'not_loaded' || because === 'not_stored' || because === 'not_known'
  return { ok: false, because: isUnavailable ? 'unavailable' : 'refused', detail }
}
