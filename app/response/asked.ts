/**
 * What people and playbooks ask of actions, and the answers: what was done, or why not, with whose mistake it was. Words only; nothing is
 * decided here that the record does not say.
 */
import type { Fit } from '../../incidents/actions/action.ts'
import type { Action, ActionKind, Incident } from '../../model/incident.ts'
import type { Updated } from '../incidents/incidents.ts'

export interface UndoneBy {
  readonly actor: string
  readonly reason: string
  /** Absent for playbooks. */
  readonly via?: string
}

/** `expiresMs` is a time; absent for never. */
export type Asked = { readonly actor: string; readonly via: string; readonly expiresMs?: number } & (
  | { readonly proposal: string; readonly reason?: string }
  | { readonly action: ActionKind; readonly target?: string; readonly fallback?: string; readonly reason: string; readonly force?: boolean }
)

export const ACTION_REFUSALS = [
  'unknown_action',
  'unknown_name',
  'not_proposed',
  'does_not_fit',
  'conflict',
  'refused',
  'not_in_force',
  'incident_resolved',
] as const
export type ActionRefusal = (typeof ACTION_REFUSALS)[number]

export interface ActionRefused {
  readonly ok: false
  readonly because: ActionRefusal
  readonly detail: string
  /** Names that would have been known. */
  readonly known?: readonly string[]
}
export type Acted =
  | { readonly ok: true; readonly incident: Incident; readonly action: Action }
  | ActionRefused
  | Extract<Updated, { ok: false }>

/** States in which what was done stands, helpful or not. */
export const IN_FORCE: ReadonlySet<Action['state']> = new Set(['in_force', 'verified', 'failed'])

export function notProposed({ actions }: Incident, asked: string, action: Action | undefined): ActionRefused | undefined {
  const proposed = actions.filter((a) => a.state === 'proposed').map((a) => a.id)
  if (action === undefined) return { ...refused('unknown_action', `there is no proposal ${asked}`), known: actions.map((a) => a.id) }
  if (action.state === 'proposed') return undefined
  const instead = proposed.length === 0 ? 'nothing is proposed now' : `proposed now: ${proposed.join(', ')}`
  return refused(
    'not_proposed',
    `${action.id} is ${action.state.replace('_', ' ')}${action.because === undefined ? '' : ` (${action.because})`}; ${instead}`,
  )
}

export function notUndoable({ actions }: Incident, asked: string, action: Action | undefined): ActionRefused | undefined {
  if (action === undefined) return { ...refused('unknown_action', `there is no action ${asked}`), known: actions.map((a) => a.id) }
  if (IN_FORCE.has(action.state)) return undefined
  return refused('not_in_force', `${action.id} is ${action.state.replace('_', ' ')}: there is nothing to undo`)
}

export function unfit({ because, unknown }: Extract<Fit, { fits: false }>): ActionRefused {
  return unknown === undefined ? refused('does_not_fit', because) : { ...refused('unknown_name', because), known: unknown }
}

export function refused(because: ActionRefusal, detail: string): ActionRefused {
  return { ok: false, because, detail }
}

/** Decided and stored, and not yet known to be done: neither "it is done" nor "nothing changed" would be true. */
export function unavailable(detail: string): Extract<Updated, { ok: false }> {
  return { ok: false, because: 'not_known', detail: `${detail}; it is begun, and done as soon as that works again: see the incident` }
}
