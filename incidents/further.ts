/**
 * Looking again after something was done: what was found stands, and causes that what was done does not explain are added. The runs between
 * the onset and the action are left out, for what was found explains them: those before are compared with those since. What came with the
 * action itself may be its doing, and what is concluded by elimination cannot be told from it: neither is named. Pure.
 */
import type { Control } from '../model/control.ts'
import type { Action, Confidence, Finding, Incident, Triage } from '../model/incident.ts'
import { enabledAgainMs } from './acting.ts'
import { valueOf } from './actions/action.ts'
import type { TriageFacts } from './facts.ts'
import { namedText } from './named.ts'

const SURENESS: Readonly<Record<Confidence, number>> = { low: 0, medium: 1, high: 2 }
const STANDS: ReadonlySet<Action['state']> = new Set(['started', 'in_force', 'failed'])

/** What was done and stands, since the incident last began anew: the runs after it are not those of before. */
export function standingActions({ actions, timeline }: Pick<Incident, 'actions' | 'timeline'>): readonly Action[] {
  const sinceMs = timeline.findLast((e) => e.kind === 'reopened')?.atMs ?? Number.NEGATIVE_INFINITY
  return actions.filter((a) => STANDS.has(a.state) && a.atMs >= sinceMs)
}

/** The time that is explained: from the onset until the last of what was done, and the runs that had begun by then, are over. */
export function explainedSpan(incident: Incident, done: readonly Action[], pauseMs: number): NonNullable<TriageFacts['explained']> {
  const { onset, findings = [] } = incident.triage ?? {}
  // The runs that an earlier cause has spoilt already are not what is normal.
  const changed = findings.flatMap((f) => (f.verdict === 'cause' && f.changedMs !== undefined ? [f.changedMs] : []))
  const fromMs = Math.min(incident.startedMs, onset?.fromMs ?? incident.startedMs, ...changed)
  const toMs = Math.max(enabledAgainMs(incident) ?? 0, ...done.map((a) => a.atMs)) + pauseMs
  return { fromMs: Math.min(fromMs, toMs), toMs }
}

/** What was found, and what was found since beside it. The triage given where that is nothing. */
export function withFurther(former: Triage, found: Triage, done: readonly Action[] = [], pauseMs = 0): Triage {
  const isNamed = (f: Finding): boolean => f.verdict === 'cause'
  const news = found.findings.filter((f) => isNamed(f) && isFurther(f, done, pauseMs))
  const better = (f: Finding): Finding => {
    const again = news.find((n) => n.subject === f.subject && n.cause === f.cause)
    return again !== undefined && rank(again) > rank(f) ? again : f
  }
  const known = former.findings.filter(isNamed)
  const causes = known.map(better)
  const added = news.filter((n) => !known.some((f) => f.cause === n.cause && f.subject === n.subject))
  if (added.length === 0 && causes.every((f, at) => f === known[at])) return former
  const all = [...causes, ...added]
  const rest = former.findings.filter((f) => !isNamed(f) && !all.some((a) => a.cause === f.cause))
  return {
    ...former,
    atMs: found.atMs,
    findings: [...all, ...rest],
    summary: namedText(all, former.onset?.atMs, found.atMs) ?? former.summary,
  }
}

/** Surer first, and then what rests on more. */
function rank({ confidence, comparison }: Finding): number {
  const runs = comparison?.total[1] ?? 0
  return SURENESS[confidence] + runs / (runs + 1)
}

function isFurther({ confidence, subject, cause, changedMs }: Finding, done: readonly Action[], pauseMs: number): boolean {
  if (confidence === 'low') return false
  const value = valueOf({ subject })
  if (value === undefined && cause !== 'input') return false
  // Only a release brings other versions with it.
  const isOwn = (a: Action): boolean =>
    a.target === value || (changedMs !== undefined && changedMs >= a.atMs && changedMs <= a.atMs + pauseMs)
  return !done.filter((a) => a.kind === 'rollback_release' || a.kind === 'activate_release').some(isOwn)
}

/** Tools that are open, by a control that stands or by an action of this incident. */
export function openedTools({ actions }: Incident, controls: readonly Control[]): NonNullable<TriageFacts['opened']> {
  const standing = controls.filter((c) => c.control === 'tool').map((c) => ({ tool: c.target, atMs: c.createdMs, by: c.actor }))
  const done = actions.filter((a) => a.kind === 'open_tool' && a.ref !== undefined && a.state !== 'refused')
  return [...standing, ...done.map((a) => ({ tool: a.target, atMs: a.atMs, by: a.actor }))]
}
