/**
 * Controls: state + action + time → new state and its audit entry, or a refusal with its reason. Pure; nothing fires in the background:
 * what has lapsed is left out whenever somebody asks, and forgotten with the next action.
 * There is at most one control per kind, agent, target and environment: the next one about the same replaces it.
 */
import { CONTROL_KINDS, type Control, type ControlKind } from '../model/control.ts'
import { type Asked, type AuditEntry, isMachine } from './audit.ts'

export interface ControlState {
  /** By id, in the order they were set; may hold some that have lapsed. */
  readonly controls: ReadonlyMap<string, Control>
}

export const NO_CONTROLS: ControlState = { controls: new Map() }

/** What a control is asked to be; who and why come beside it. */
export interface ControlRequest {
  readonly control: string
  readonly agent: string
  readonly target: string
  readonly environment: string
  readonly fallback?: string
  /** When it lapses, or how long it lasts from now; neither for never. */
  readonly expiresMs?: number
  readonly lastsMs?: number
}

export type ControlAction =
  | { readonly action: 'set'; readonly id: string; readonly request: ControlRequest }
  | { readonly action: 'undo'; readonly id: string }

export interface ControlLimits {
  readonly maxControls: number
  /** Whether the agent has an active release, and this version among those published. */
  readonly isRelease: (agent: string, version: string) => boolean
}

export const CONTROL_REFUSALS = [
  'unknown_control',
  'no_agent',
  'no_target',
  'target_not_allowed',
  'fallback_not_allowed',
  'no_reason',
  'already_expired',
  'unknown_release',
  'id_taken',
  'held_by_person',
  'too_many',
  'not_in_force',
] as const
export type ControlRefusal = (typeof CONTROL_REFUSALS)[number]

export interface Refused<R extends string> {
  readonly ok: false
  readonly because: R
  /** A sentence: what is wrong and what to write. */
  readonly detail: string
}

export type ControlOutcome = { readonly ok: true; readonly state: ControlState; readonly entry: AuditEntry } | Refused<ControlRefusal>

/** Applies an action. The state given stays as it is. */
export function applyControl(state: ControlState, action: ControlAction, asked: Asked, limits: ControlLimits): ControlOutcome {
  if (asked.reason.trim() === '') return refused('no_reason', 'say why: every control and its undo has a reason')
  return action.action === 'set' ? set(state, action, asked, limits) : undo(state, action.id, asked)
}

/** Controls in force, oldest first. */
export function inForce(state: ControlState, now: number): readonly Control[] {
  return [...state.controls.values()].filter((c) => !hasLapsed(c, now)).sort(byAge)
}

/** Oldest first; those of one millisecond in an order that is the same wherever they are read. */
export function byAge(a: Control, b: Control): number {
  return a.createdMs - b.createdMs || (a.id < b.id ? -1 : 1)
}

/** When the next control lapses by itself. */
export function nextLapseMs(state: ControlState, now: number): number | undefined {
  let next: number | undefined
  for (const { expiresMs } of inForce(state, now)) if (expiresMs !== undefined && (next === undefined || expiresMs < next)) next = expiresMs
  return next
}

/** The state that audit entries, oldest first, lead to. */
export function replayControls(entries: Iterable<AuditEntry>): ControlState {
  const controls = new Map<string, Control>()
  for (const entry of entries) {
    for (const id of entry.removed ?? []) controls.delete(id)
    if (entry.put !== undefined) controls.set(entry.put.id, entry.put)
  }
  return { controls }
}

function set(
  state: ControlState,
  { id, request: given }: Extract<ControlAction, { action: 'set' }>,
  asked: Asked,
  limits: ControlLimits,
): ControlOutcome {
  const request = given.lastsMs === undefined ? given : { ...given, expiresMs: asked.now + given.lastsMs }
  const { control: kind } = request
  if (!isKind(kind)) return refused('unknown_control', `there is no control "${kind}"; write agent, tool, run, release or drill`)
  const wrong = misfit(kind, request, asked.now, limits)
  if (wrong !== undefined) return wrong
  if (state.controls.has(id)) return refused('id_taken', `there is a control ${id} already`)
  const former = inForce(state, asked.now).filter((c) => isSame(c, kind, request))
  const held = former.find((c) => isMachine(asked.actor) && !isMachine(c.actor))
  if (held !== undefined)
    return refused('held_by_person', `${held.actor} set ${held.id} by hand; ${asked.actor} does not replace what a person decided`)
  if (former.length === 0 && inForce(state, asked.now).length >= limits.maxControls)
    return refused(
      'too_many',
      `${limits.maxControls} controls are in force, as many as controls.max_controls allows; undo some or raise it`,
    )
  const control: Control = {
    id,
    control: kind,
    agent: request.agent,
    target: request.target,
    environment: request.environment,
    reason: asked.reason,
    actor: asked.actor,
    createdMs: asked.now,
    ...(request.expiresMs === undefined ? {} : { expiresMs: request.expiresMs }),
    ...(request.fallback === undefined ? {} : { fallback: request.fallback }),
  }
  const removed = [...lapsed(state, asked.now), ...former.map((c) => c.id)]
  return {
    ok: true,
    state: without(state, removed, control),
    entry: {
      ...entryOf(former.length === 0 ? 'set' : 'replace', control, asked),
      put: control,
      ...(removed.length === 0 ? {} : { removed }),
    },
  }
}

function undo(state: ControlState, id: string, asked: Asked): ControlOutcome {
  const control = state.controls.get(id)
  if (control === undefined || hasLapsed(control, asked.now))
    return refused('not_in_force', `no control ${id} is in force; it may have lapsed or been undone, see agentopz control list --all`)
  if (isMachine(asked.actor) && !isMachine(control.actor))
    return refused('held_by_person', `${control.actor} set ${id} by hand; ${asked.actor} does not undo what a person decided`)
  const removed = [...lapsed(state, asked.now), id]
  return { ok: true, state: without(state, removed), entry: { ...entryOf('undo', control, asked), removed } }
}

/** What about the request does not fit its kind. */
function misfit(kind: ControlKind, r: ControlRequest, now: number, limits: ControlLimits): Refused<ControlRefusal> | undefined {
  const isAboutOneAgent = kind === 'agent' || kind === 'release' || kind === 'drill' || (kind === 'run' && r.target === '*')
  if (isAboutOneAgent && r.agent === '') return refused('no_agent', `a control of kind ${kind} names its agent`)
  if (kind === 'agent' && r.target !== '') return refused('target_not_allowed', 'a control of kind agent has no target beside the agent')
  if (kind !== 'agent' && r.target === '')
    return refused(
      'no_target',
      `name the ${kind === 'release' ? 'version' : kind} in target${kind === 'run' ? ', or * for every run of the agent' : ''}`,
    )
  if (r.fallback !== undefined && kind !== 'agent' && kind !== 'tool')
    return refused('fallback_not_allowed', `nothing answers instead of a ${kind}; leave fallback out`)
  if (r.expiresMs !== undefined && r.expiresMs <= now)
    return refused('already_expired', `it would have lapsed at ${new Date(r.expiresMs).toISOString()}; write a time to come, or never`)
  if (kind === 'release' && !limits.isRelease(r.agent, r.target))
    return refused('unknown_release', `${r.agent} has no active release, or none called ${r.target}; publish and activate first`)
  return undefined
}

/** A release held for an agent takes the place of another one, whatever version it was; so does a drill, of which there is one at a time. */
function isSame(c: Control, kind: ControlKind, r: ControlRequest): boolean {
  return (
    c.control === kind &&
    c.agent === r.agent &&
    c.environment === r.environment &&
    (kind === 'release' || kind === 'drill' || c.target === r.target)
  )
}

function entryOf(action: 'set' | 'replace' | 'undo', c: Control, asked: Asked): AuditEntry {
  return {
    atMs: asked.now,
    action,
    control: c.control,
    id: c.id,
    agent: c.agent,
    target: c.target,
    environment: c.environment,
    reason: asked.reason,
    actor: asked.actor,
    via: asked.via,
  }
}

function without(state: ControlState, removed: readonly string[], put?: Control): ControlState {
  const controls = new Map(state.controls)
  for (const id of removed) controls.delete(id)
  if (put !== undefined) controls.set(put.id, put)
  return { controls }
}

function lapsed(state: ControlState, now: number): readonly string[] {
  return [...state.controls.values()].filter((c) => hasLapsed(c, now)).map((c) => c.id)
}

function hasLapsed(c: Control, now: number): boolean {
  return c.expiresMs !== undefined && c.expiresMs <= now
}

function isKind(kind: string): kind is ControlKind {
  return (CONTROL_KINDS as readonly string[]).includes(kind)
}

function refused(because: ControlRefusal, detail: string): Refused<ControlRefusal> {
  return { ok: false, because, detail }
}
