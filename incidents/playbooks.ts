/**
 * Incident + what triage found + what stands + what was done before + time → what a playbook says: that it is not about this, that it waits
 * and for what, what it proposes, or that it acts. Pure, and every answer has its reason. The steps of a playbook are a ladder: the next one
 * when the one before does not fit or did not help. What a person undid in this incident is never done again.
 */
import { isMachine } from '../model/actor.ts'
import type { Action, ActionKind, Confidence, Finding, Incident, IncidentAlert, TriageCause } from '../model/incident.ts'
import type { Condition, Cue, Standing } from './actions/action.ts'
import { ACTIONS } from './actions/index.ts'
import { clockText, countText, durationText } from './words.ts'

export interface PlaybookStep {
  readonly kind: ActionKind
  readonly target?: string
  readonly fallback?: string
}

export interface Playbook {
  readonly name: string
  readonly when: {
    /** Absent for every alert about an agent. */
    readonly alerts?: readonly string[]
    /** Absent: the alert is enough. */
    readonly cause?: TriageCause
    readonly agents?: readonly string[]
    /** The least. */
    readonly confidence: Exclude<Confidence, 'low'>
  }
  readonly do: readonly PlaybookStep[]
  readonly mode: 'suggest' | 'auto'
  readonly if: {
    /** Runs since the onset that the evidence rests on. */
    readonly minRuns: number
    readonly maxBlastRuns?: number
    readonly oneAtATime: boolean
    readonly coolDownMs: number
  }
  readonly expiresMs: number
  readonly verify: {
    /** Runs after the action in which it must have helped. */
    readonly runs: number
    /** How long they are waited for. */
    readonly withinMs: number
    /** What then, where it has not. */
    readonly otherwise: 'undo' | 'escalate'
  }
}

/** All that a playbook looks at. */
export interface Situation {
  readonly incident: Incident
  /** Whether Prometheus says that one of its alerts fires now; undefined where it could not be asked. */
  readonly fires: boolean | undefined
  readonly standing: Standing
  /** Actions of every incident of this agent in this environment, this one's too. */
  readonly past: readonly { readonly incident: string; readonly action: Action }[]
}

export type Decision =
  | { readonly playbook: string; readonly verdict: 'does_not_apply' | 'waits'; readonly text: string }
  | {
      readonly playbook: string
      readonly verdict: 'proposes' | 'acts'
      readonly text: string
      readonly step: PlaybookStep
      readonly target: string
      readonly reason: string
      readonly cause?: TriageCause
      /** Everything that must hold before it acts by itself, and how it stands. */
      readonly conditions: readonly Condition[]
    }

/** What one playbook says. */
export function decide(playbook: Playbook, s: Situation, now: number): Decision {
  const say = (verdict: 'does_not_apply' | 'waits', text: string): Decision => ({ playbook: playbook.name, verdict, text })
  const elsewhere = notAbout(playbook, s.incident)
  if (elsewhere !== undefined) return say('does_not_apply', elsewhere)
  if (s.incident.state === 'resolved' || s.incident.state === 'mitigated') return say('waits', `the incident is ${s.incident.state}`)
  const alert = alertOf(playbook, s.incident)
  const named = causeOf(playbook, s.incident)
  if (!named.ok) return say(named.verdict, named.text)
  const rung = nextStep(playbook, s, { alert, findings: named.findings })
  if (!rung.ok) return say('waits', rung.text)
  const { step, target, title, cue } = rung
  const conditions = conditionsOf(playbook, s, cue, step, now)
  const failing = conditions.filter((c) => !c.holds)
  const verdict = failing.length === 0 ? 'acts' : 'proposes'
  const { finding } = cue
  return {
    playbook: playbook.name,
    verdict,
    step,
    target,
    conditions,
    reason: finding === undefined ? (alert === undefined ? title : `${alert.name} fires: ${alert.summary}`) : finding.text,
    ...(finding === undefined ? {} : { cause: finding.cause }),
    text: verdict === 'acts' ? title : `${title}; not done by itself: ${failing.map((c) => c.text).join('; ')}`,
  }
}

/** What every playbook says, those about other alerts and agents left out; those that act or propose first, by the rank of their cause. */
export function decideAll(playbooks: readonly Playbook[], s: Situation, now: number): readonly Decision[] {
  const order = (d: Decision): number => (d.verdict === 'acts' ? 0 : d.verdict === 'proposes' ? 1 : 2)
  const rank = (d: Decision): number => {
    const at = 'cause' in d ? (s.incident.triage?.findings.findIndex((f) => f.verdict === 'cause' && f.cause === d.cause) ?? -1) : -1
    return at < 0 ? Number.POSITIVE_INFINITY : at
  }
  return playbooks
    .filter((p) => notAbout(p, s.incident) === undefined)
    .map((p, at) => ({ d: decide(p, s, now), at }))
    .sort((a, b) => order(a.d) - order(b.d) || compareNumbers(rank(a.d), rank(b.d)) || a.at - b.at)
    .map(({ d }) => d)
}

function notAbout({ when, name }: Playbook, incident: Incident): string | undefined {
  if (incident.agent === '') return 'the incident is about the watching itself'
  if (when.agents !== undefined && !when.agents.includes(incident.agent)) return `${name} is not for ${incident.agent}`
  if (when.alerts !== undefined && !incident.alerts.some((a) => when.alerts?.includes(a.name)))
    return `none of its alerts is one of ${when.alerts.join(', ')}`
  return undefined
}

/** The alert that the playbook is about: one that fires, rather than one that has ended. */
function alertOf({ when }: Playbook, { alerts }: Incident): IncidentAlert | undefined {
  const about = alerts.filter((a) => when.alerts === undefined || when.alerts.includes(a.name))
  return about.find((a) => a.endsMs === undefined) ?? about[0]
}

type Named =
  | { readonly ok: true; readonly findings: readonly (Finding | undefined)[] }
  | { readonly ok: false; readonly verdict: 'does_not_apply' | 'waits'; readonly text: string }

const SURENESS: Readonly<Record<Confidence, number>> = { low: 0, medium: 1, high: 2 }

function causeOf({ when }: Playbook, { triage }: Incident): Named {
  if (when.cause === undefined) return { ok: true, findings: [undefined] }
  const no = (verdict: 'does_not_apply' | 'waits', text: string): Named => ({ ok: false, verdict, text })
  if (triage === undefined) return no('waits', 'there is no triage yet')
  const causes = triage.findings.filter((f) => f.verdict === 'cause')
  const own = causes.filter((f) => f.cause === when.cause)
  const sure = own.filter((f) => SURENESS[f.confidence] >= SURENESS[when.confidence])
  if (sure.length > 0) return { ok: true, findings: sure }
  const [best] = own
  if (best !== undefined)
    return no('waits', `${best.cause} is named with ${best.confidence} confidence, and ${when.confidence} is asked for`)
  const [other] = causes
  if (other !== undefined) return no('does_not_apply', `the cause is ${other.cause} (${other.confidence} confidence), not ${when.cause}`)
  return no('waits', triage.summary)
}

type Rung =
  | { readonly ok: true; readonly step: PlaybookStep; readonly target: string; readonly title: string; readonly cue: Cue }
  | { readonly ok: false; readonly text: string }

/** The first step that fits and was not tried; what stands in the way where there is none. */
function nextStep(
  playbook: Playbook,
  { incident, standing, past }: Situation,
  about: { readonly alert: IncidentAlert | undefined; readonly findings: readonly (Finding | undefined)[] },
): Rung {
  const whys: string[] = []
  for (const step of playbook.do)
    for (const finding of about.findings) {
      const cue: Cue = {
        incident,
        ...(finding === undefined ? {} : { finding }),
        ...(about.alert === undefined ? {} : { alert: about.alert }),
        ...(step.target === undefined ? {} : { target: step.target }),
      }
      const tried = past.filter((p) => p.incident === incident.id).map((p) => p.action)
      const current = tried.find((a) => a.kind === step.kind && (a.state === 'started' || a.state === 'in_force') && isAbout(a, cue))
      if (current !== undefined)
        return {
          ok: false,
          text: `${current.id} (${current.kind} ${current.target}) is in force: ${current.verification?.text ?? 'not verified yet'}`,
        }
      const fit = ACTIONS[step.kind].fits(cue, standing)
      if (!fit.fits) {
        whys.push(`${step.kind}: ${fit.because}`)
        continue
      }
      const former = tried.findLast((a) => a.kind === step.kind && a.target === fit.target && OVER.has(a.state))
      if (former === undefined) return { ok: true, step, target: fit.target, title: fit.title, cue }
      const by = former.undo?.actor
      if (former.state === 'undone' && by !== undefined && !isMachine(by))
        return { ok: false, text: `${by} undid ${former.id} (${former.kind} ${former.target}) in this incident: not done again` }
      whys.push(`${step.kind}: ${former.id} ${TRIED[former.state] ?? 'was tried'} in this incident`)
    }
  return { ok: false, text: whys.length === 0 ? 'nothing to do' : whys.join('; ') }
}

/** A rollback has no target before it is found: one at a time. */
function isAbout(action: Action, { finding, target }: Cue): boolean {
  if (action.kind !== 'open_tool') return true
  return action.target === (target ?? finding?.subject.replace(/^tool /, '') ?? action.target)
}

const OVER: ReadonlySet<Action['state']> = new Set(['failed', 'undone', 'lapsed', 'refused', 'verified'])
const TRIED: Readonly<Partial<Record<Action['state'], string>>> = {
  failed: 'did not help',
  undone: 'was undone',
  lapsed: 'lapsed',
  refused: 'was refused',
  verified: 'was done',
}

function conditionsOf(playbook: Playbook, s: Situation, cue: Cue, step: PlaybookStep, now: number): readonly Condition[] {
  return [
    { holds: playbook.mode === 'auto', text: `the mode of ${playbook.name} is ${playbook.mode}` },
    firing(s.fires),
    ...enoughRuns(playbook, s.incident, cue.finding),
    ...smallEnough(playbook, s.incident),
    ...alone(playbook, s),
    rested(playbook, s, now),
    ...(ACTIONS[step.kind].alone?.(cue, s.standing) ?? []),
  ]
}

function firing(fires: boolean | undefined): Condition {
  if (fires === undefined) return { holds: false, text: 'whether its alerts fire now cannot be asked' }
  return { holds: fires, text: fires ? 'an alert of it fires now' : 'none of its alerts fires now' }
}

function enoughRuns({ if: { minRuns } }: Playbook, { blast }: Incident, finding: Finding | undefined): readonly Condition[] {
  if (minRuns === 0) return []
  const runs = finding?.comparison?.total[1] ?? (finding === undefined ? blast?.runs : undefined)
  if (runs === undefined) return [{ holds: false, text: `how many runs the evidence rests on is not known; ${minRuns} are needed` }]
  return [{ holds: runs >= minRuns, text: `the evidence rests on ${countText(runs, 'run')}, and ${minRuns} are needed` }]
}

function smallEnough({ if: { maxBlastRuns } }: Playbook, { blast }: Incident): readonly Condition[] {
  if (maxBlastRuns === undefined) return []
  const runs = blast?.runs
  if (runs === undefined) return [{ holds: false, text: 'how many runs it has met is not known' }]
  return [{ holds: runs <= maxBlastRuns, text: `${countText(runs, 'run')} since it began, and at most ${maxBlastRuns} are allowed` }]
}

/** One change at a time: two at once could not be told apart by what follows. */
function alone({ if: { oneAtATime } }: Playbook, { past }: Situation): readonly Condition[] {
  if (!oneAtATime) return []
  const other = past.find(({ action }) => action.state === 'started' || action.state === 'in_force')
  if (other === undefined) return [{ holds: true, text: 'no other action is in force and unverified' }]
  const { id, kind, target } = other.action
  return [{ holds: false, text: `${id} of ${other.incident} (${kind} ${target}) is not verified yet: one change at a time` }]
}

function rested({ if: { coolDownMs } }: Playbook, { past }: Situation, now: number): Condition {
  const done = past.map((p) => p.action).filter((a) => isMachine(a.actor) && !UNDONE.has(a.state) && a.atMs > now - coolDownMs)
  const last = done.toSorted((a, b) => a.atMs - b.atMs).at(-1)
  if (last === undefined) return { holds: true, text: `no playbook acted on the agent in the last ${durationText(coolDownMs)}` }
  return {
    holds: false,
    text: `${last.actor} acted on the agent at ${clockText(last.atMs)} UTC, and the cool-down is ${durationText(coolDownMs)}`,
  }
}

/** States of what was not done. */
const UNDONE: ReadonlySet<Action['state']> = new Set(['proposed', 'withdrawn', 'refused'])

function compareNumbers(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1
}
