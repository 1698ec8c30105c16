/**
 * One alert as Alertmanager tells it → whom it is about, or why it makes no incident, and the alert as an incident keeps it.
 * Told any number of times, in any order, it is kept the same: its fingerprint and start say which alert it is, its first words stand,
 * its end is the latest one told. Two clocks meet here: `mergeAlert` says case by case which one counts.
 */
import { ALERTS, type AlertDefinition, type Severity } from '../model/alerts.ts'
import { DRILL_LABEL, type IncidentAlert } from '../model/incident.ts'

export interface ToldAlert {
  readonly fingerprint: string
  readonly status: 'firing' | 'resolved'
  readonly labels: Readonly<Record<string, string>>
  readonly summary: string
  readonly startsMs: number
  /** Absent where none was told. */
  readonly endsMs?: number
}

/** Whom an alert is about: alerts of one subject share an incident. */
export interface Subject {
  readonly agent: string
  readonly environment: string
  readonly team: string
  readonly drill: boolean
}

/** Why an alert makes no incident; the label `outcome` of agentopz_webhook_alerts_total. */
export type Ignored = 'no_agent' | 'not_urgent' | 'too_many_incidents' | 'too_many_alerts'

/** Whom an alert is about. A watcher's alert has no agent: all of them are about the one fleet, whose agent is empty. */
export function subjectOf(told: ToldAlert, isDrill: (agent: string, environment: string) => boolean): Subject | Ignored {
  const { labels } = told
  const severity = severityOf(labels)
  if (severity === 'none' || severity === 'info') return 'not_urgent'
  const team = labels['team'] ?? ''
  const isMarked = labels[DRILL_LABEL] === 'true'
  if (definitionOf(nameOf(labels))?.watcher === true) return { agent: '', environment: '', team, drill: isMarked }
  const { agent = '', environment = '' } = labels
  if (agent === '') return 'no_agent'
  return { agent, environment, team, drill: isMarked || isDrill(agent, environment) }
}

/** Which alert it is: the same condition that holds again later has another start. */
export function keyOf(alert: Pick<IncidentAlert, 'fingerprint' | 'startsMs'>): string {
  return `${alert.fingerprint}@${alert.startsMs}`
}

/**
 * The alert as it is kept. `startsMs` and `endsMs` are of Prometheus's clock, `receivedMs` of ours.
 * Returns `known` itself where nothing new was told.
 */
export function mergeAlert(known: IncidentAlert | undefined, told: ToldAlert, now: number): IncidentAlert {
  const alert = known ?? firstTold(told, now)
  // Firing: an end that is told beside it is until when Prometheus vouches for it, not an end. Where an end is known already, this was
  // said before it: the same alert does not fire twice from one start.
  if (told.status === 'firing') return alert
  const endsMs = endOf(told, alert, now)
  // The latest end told stands; one that was only asked for gives way to one that was told.
  if (alert.endFrom === undefined && alert.endsMs !== undefined && alert.endsMs >= endsMs) return alert
  const { endFrom: _, ...rest } = alert
  return { ...rest, endsMs }
}

function endOf(told: ToldAlert, alert: IncidentAlert, now: number): number {
  // Resolved without an end: it had ended when we heard of it, or by the end that is known already.
  if (told.endsMs === undefined) return alert.endsMs ?? Math.max(now, alert.startsMs)
  // An end before the start is a clock that was set back: it lasted no time at all.
  if (told.endsMs < alert.startsMs) return alert.startsMs
  // An end that is still to come by our clock: theirs is ahead. It had ended when we first heard that it had.
  if (told.endsMs > now) return alert.endsMs ?? Math.max(now, alert.startsMs)
  return told.endsMs
}

function firstTold({ fingerprint, labels, summary, startsMs }: ToldAlert, now: number): IncidentAlert {
  const name = nameOf(labels)
  return {
    fingerprint,
    name,
    severity: severityOf(labels),
    family: definitionOf(name)?.family,
    labels,
    summary,
    startsMs,
    receivedMs: now,
  }
}

/**
 * Alerts in the order they began. The same labels do not fire twice at once: one whose end nobody told had ended when the next of its
 * fingerprint began. Alertmanager tells only the newer of two that are close together.
 */
export function succeeded(alerts: readonly IncidentAlert[]): readonly IncidentAlert[] {
  const inOrder = alerts.toSorted((a, b) => a.startsMs - b.startsMs || compareText(keyOf(a), keyOf(b)))
  return inOrder.map((alert, at) => {
    if (alert.endsMs !== undefined && alert.endFrom !== 'successor') return alert
    const next = inOrder.slice(at + 1).find((a) => a.fingerprint === alert.fingerprint)
    return next === undefined || next.startsMs === alert.endsMs ? alert : { ...alert, endsMs: next.startsMs, endFrom: 'successor' }
  })
}

/** When it happened on one scale: what we have heard of had happened by then, whatever Prometheus's clock says. */
export function happenedMs(alert: IncidentAlert): number {
  return Math.min(alert.startsMs, alert.receivedMs)
}

const URGENCY: readonly Severity[] = ['critical', 'warning', 'info', 'none']

/** The more urgent of two. */
export function moreUrgent(a: Severity, b: Severity): Severity {
  return URGENCY.indexOf(a) <= URGENCY.indexOf(b) ? a : b
}

/** A severity that an owner made up is as urgent as a page: Alertmanager pages for it too. */
function severityOf(labels: Readonly<Record<string, string>>): Severity {
  return URGENCY.find((s) => s === labels['severity']) ?? 'critical'
}

/** What an incident is called: by the most urgent of its alerts that none of the others explains, the earliest of those. */
export function titleOf(subject: Pick<Subject, 'agent' | 'environment'>, alerts: readonly IncidentAlert[]): string {
  const explained = new Set(alerts.flatMap((a) => definitionOf(a.name)?.inhibits ?? []))
  const inOrder = byUrgency(alerts)
  const first = inOrder.find((a) => !explained.has(a.name)) ?? inOrder[0]
  const where = subject.environment === '' ? '' : ` in ${subject.environment}`
  const what = first === undefined ? 'alerts' : (definitionOf(first.name)?.title ?? first.name)
  return `${subject.agent === '' ? 'agentopz' : subject.agent}${where}: ${what}`
}

/** Whose incident it is: of the first alert, in the same order, that names somebody. */
export function teamOf(alerts: readonly IncidentAlert[]): string | undefined {
  return byUrgency(alerts).find((a) => (a.labels['team'] ?? '') !== '')?.labels['team']
}

function byUrgency(alerts: readonly IncidentAlert[]): readonly IncidentAlert[] {
  return alerts.toSorted(
    (a, b) => URGENCY.indexOf(a.severity) - URGENCY.indexOf(b.severity) || a.startsMs - b.startsMs || compareText(keyOf(a), keyOf(b)),
  )
}

/** By code unit: the same on every machine. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function nameOf(labels: Readonly<Record<string, string>>): string {
  return labels['alertname'] ?? ''
}

function definitionOf(name: string): AlertDefinition | undefined {
  return Object.hasOwn(ALERTS, name) ? ALERTS[name as keyof typeof ALERTS] : undefined
}
