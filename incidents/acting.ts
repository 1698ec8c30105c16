/**
 * What becomes of the actions in an incident's record: proposed, begun, done, undone, verified. Incident in, incident out, each step with its
 * entry in the timeline; pure. Ids count within the incident, so the same record gives the same id, whoever writes it and however often.
 */
import { createHash } from 'node:crypto'
import type { Action, Incident, TimelineEntry, Triage, Verification } from '../model/incident.ts'
import { noted } from './commands.ts'
import type { Decision } from './playbooks.ts'
import { isMachine, playbookActor } from '../model/actor.ts'

/** What an action is about to be; id and state come with it. */
export type Draft = Omit<Action, 'id' | 'state' | 'atMs'>

/** With one more action. */
export function withAction(incident: Incident, draft: Draft, state: Action['state'], now: number): readonly [Incident, Action] {
  const action: Action = { ...draft, id: `act_${incident.actions.length + 1}`, state, atMs: now }
  return [{ ...incident, actions: [...incident.actions, action] }, action]
}

/** With an action changed. The same incident where there is none such. */
export function withChange(incident: Incident, id: string, change: (action: Action) => Action): Incident {
  const actions = incident.actions.map((a) => (a.id === id ? change(a) : a))
  return actions.some((a, at) => a !== incident.actions[at]) ? { ...incident, actions } : incident
}

export function actionOf(incident: Incident, id: string): Action | undefined {
  return incident.actions.find((a) => a.id === id)
}

/** Control id, or the id in the audit, of an action: the same after a crash, so that what was begun is recognised and not done twice. */
export function auditIdOf(incident: Pick<Incident, 'id'>, action: Pick<Action, 'id' | 'kind'>, isUndo = false): string {
  const digest = createHash('sha256')
    .update(`${incident.id}/${action.id}${isUndo ? '/undo' : ''}`)
    .digest('hex')
    .slice(0, 10)
  const isRelease = action.kind === 'rollback_release' || action.kind === 'activate_release'
  return `${isRelease ? (isUndo ? 'und' : 'rel') : 'ctl'}_${digest}`
}

/** With what the playbooks say: new proposals in, those that nobody calls for any more withdrawn. */
export function withDecisions(incident: Incident, decisions: readonly Decision[], now: number): Incident {
  const playbooks = decisions.map(({ playbook, verdict, text }) => ({ playbook, verdict, text }))
  let next: Incident = sameText(incident.playbooks, playbooks) ? incident : { ...incident, playbooks }
  for (const d of decisions) if (d.verdict === 'proposes' || d.verdict === 'acts') next = withProposal(next, d, now)
  for (const action of next.actions)
    if (action.state === 'proposed' && action.playbook !== undefined && !decisions.some((d) => isOf(action, d))) {
      const said = decisions.find((d) => d.playbook === action.playbook)
      const because = said?.text ?? `${action.playbook} is not configured any more, or no longer about this incident`
      next = withChange(next, action.id, (a) => ({ ...a, state: 'withdrawn', because }))
    }
  return next
}

/** The proposal that stands for a decision. */
export function proposalOf(incident: Incident, d: Decision): Action | undefined {
  return incident.actions.find((a) => a.state === 'proposed' && isOf(a, d))
}

function isOf(action: Action, d: Decision): boolean {
  return 'step' in d && action.playbook === d.playbook && action.kind === d.step.kind && action.target === d.target
}

function withProposal(incident: Incident, d: Extract<Decision, { readonly step: unknown }>, now: number): Incident {
  const because = d.conditions
    .filter((c) => !c.holds)
    .map((c) => c.text)
    .join('; ')
  // One that was withdrawn meanwhile keeps its id: confidence comes and goes with single runs.
  const known = incident.actions.find((a) => (a.state === 'proposed' || a.state === 'withdrawn') && isOf(a, d))
  if (known !== undefined)
    return known.state === 'proposed' && known.because === because && known.reason === d.reason
      ? incident
      : withChange(incident, known.id, (a) => ({ ...a, state: 'proposed', because, reason: d.reason }))
  const draft: Draft = {
    kind: d.step.kind,
    target: d.target,
    reason: d.reason,
    actor: playbookActor(d.playbook),
    playbook: d.playbook,
    because,
    ...(d.cause === undefined ? {} : { cause: d.cause }),
    ...(d.step.fallback === undefined ? {} : { fallback: d.step.fallback }),
  }
  const [next, action] = withAction(incident, draft, 'proposed', now)
  return noted(next, entry('proposed', `${action.id}: ${d.text}`, { atMs: now, actor: action.actor, ref: action.id }))
}

/** What is known once it is decided that an action is done. */
export interface Begun {
  readonly actor: string
  readonly ref: string
  readonly reason?: string
  readonly from?: string
  readonly expiresMs?: number
  readonly via?: string
  readonly indicator?: Action['indicator']
}

/** Decided, and stored before it is done. */
export function begun(
  incident: Incident,
  id: string,
  { actor, ref, reason, from, expiresMs, via, indicator }: Begun,
  now: number,
): Incident {
  return withChange(incident, id, (action) => {
    const { because: _, ...rest } = action
    return {
      ...rest,
      state: 'started',
      actor,
      ref,
      atMs: now,
      ...(reason === undefined ? {} : { reason }),
      ...(from === undefined ? {} : { from }),
      ...(expiresMs === undefined ? {} : { expiresMs }),
      ...(via === undefined ? {} : { via }),
      ...(indicator === undefined ? {} : { indicator }),
    }
  })
}

/** Done. `said` is the entry that the audit makes of it. */
export function inForce(incident: Incident, id: string, said: TimelineEntry, atMs: number): Incident {
  return noted(
    withChange(incident, id, (a) => ({ ...a, state: 'in_force', atMs })),
    said,
  )
}

export function refusedAction(incident: Incident, id: string, because: string, now: number): Incident {
  const action = actionOf(incident, id)
  if (action === undefined) return incident
  return noted(
    withChange(incident, id, (a) => ({ ...a, state: 'refused', because })),
    entry('note', `${id} (${action.kind} ${action.target}) was refused: ${because}`, { atMs: now, actor: action.actor, ref: id }),
  )
}

/** Asked to be undone; stored before it is. */
export function undoing(incident: Incident, id: string, undo: NonNullable<Action['undo']>): Incident {
  return withChange(incident, id, (a) => ({ ...a, undo }))
}

/** No longer in force: undone by somebody, or lapsed. */
export function ended(incident: Incident, id: string, state: 'undone' | 'lapsed', because: string, said?: TimelineEntry): Incident {
  const next = withChange(incident, id, (a) => ({ ...a, state, because }))
  return said === undefined ? next : noted(next, said)
}

/** With the verdict on the runs after an action. Says so in the timeline when it is decided, and when it turns out that it cannot be told. */
export function verified(incident: Incident, id: string, v: Verification): Incident {
  const action = actionOf(incident, id)
  if (action === undefined || sameVerification(action.verification, v)) return incident
  const state = v.verdict === 'recovered' ? 'verified' : v.verdict === 'not_recovered' ? 'failed' : action.state
  const next = withChange(incident, id, (a) => ({ ...a, verification: v, state }))
  const kind = KIND_OF[v.verdict]
  if (kind === undefined || action.verification?.verdict === v.verdict) return next
  return noted(next, entry(kind, `${id}: ${v.text}`, { atMs: v.atMs, ref: id }))
}

const KIND_OF: Readonly<Record<Verification['verdict'], TimelineEntry['kind'] | undefined>> = {
  waiting: undefined,
  recovered: 'verified',
  contained: 'verified',
  not_recovered: 'not_recovered',
  unknown: 'note',
}

/** With a triage. The timeline says what changed: another answer, not other numbers. */
export function triaged(incident: Incident, triage: Triage): Incident {
  const next = { ...incident, triage }
  if (answerOf(incident.triage) === answerOf(triage)) return next
  return noted(next, entry('triaged', triage.summary, { atMs: triage.atMs }))
}

/** Which causes are named, and whether one of them surely; or that it cannot be told. Confidence comes and goes with single runs. */
function answerOf(triage: Triage | undefined): string {
  if (triage === undefined) return ''
  const causes = triage.findings.filter((f) => f.verdict === 'cause')
  if (causes.length === 0) return triage.summary.replaceAll(/\d+/g, '#')
  const isSure = causes.some((f) => f.confidence === 'high')
  return [`${isSure}`, ...new Set(causes.map((f) => `${f.cause} ${f.subject}`).sort())].join('\n')
}

/** What could not be told in its time is not waited for any longer: the action stays, and people are told. */
export function gaveUp(incident: Incident, id: string, v: Verification): Incident {
  const next = withChange(incident, id, (a) => ({ ...a, verification: v, escalated: true }))
  return noted(next, entry('note', `${id} needs a person: ${v.text}`, { atMs: v.atMs, ref: id }))
}

/** Told to people that it did not help and that nothing more is done by itself. */
export function escalated(incident: Incident, id: string, text: string, now: number): Incident {
  return noted(
    withChange(incident, id, (a) => ({ ...a, escalated: true })),
    entry('not_recovered', text, { atMs: now, ref: id }),
  )
}

/** Mitigated, and not well after all: open again, and whoever had it has it no longer. */
export function relapsed(incident: Incident, text: string, now: number): Incident {
  if (incident.state !== 'mitigated') return incident
  const { acknowledgedMs: _, acknowledgedBy: __, mitigatedMs: ___, ...rest } = incident
  return noted({ ...rest, state: 'open' }, entry('reopened', text, { atMs: now }))
}

/** When the agent was switched on again by undoing an action of this incident; undefined where it was not. */
export function enabledAgainMs({ actions }: Incident): number | undefined {
  const times = actions.flatMap((a) => (a.kind === 'disable_agent' && a.state === 'undone' && a.undo !== undefined ? [a.undo.atMs] : []))
  return times.length === 0 ? undefined : Math.max(...times)
}

/** Whether it is done, or about to be, and its effect is still waited for. */
export function isAwaited({ state, escalated: isGivenUp }: Action): boolean {
  return state === 'started' || (state === 'in_force' && isGivenUp !== true)
}

/** Whether something done is still to be verified, or to be undone. */
export function isUnsettled(action: Action): boolean {
  const { state, undo } = action
  return isAwaited(action) || (undo !== undefined && state !== 'undone' && state !== 'lapsed')
}

/** What a second action like the first one would collide with. */
export function conflictOf(incident: Incident, asked: Pick<Action, 'kind' | 'target'>): Action | undefined {
  const isRelease = (kind: Action['kind']): boolean => kind === 'rollback_release' || kind === 'activate_release'
  return incident.actions.find(
    (a) =>
      isUnsettled(a) &&
      (isRelease(a.kind) ? isRelease(asked.kind) : a.kind === asked.kind && (a.kind !== 'open_tool' || a.target === asked.target)),
  )
}

/** Whether nobody but a machine decided on it. */
export function isOwn(action: Action): boolean {
  return isMachine(action.actor)
}

function entry(kind: TimelineEntry['kind'], text: string, more: Pick<TimelineEntry, 'atMs' | 'actor' | 'ref'>): TimelineEntry {
  return { kind, text, ...more }
}

function sameText(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

function sameVerification(a: Verification | undefined, b: Verification): boolean {
  return a !== undefined && a.verdict === b.verdict && a.text === b.text && a.runsNeeded === b.runsNeeded
}
