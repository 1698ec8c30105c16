/**
 * One step over the incidents: alerts find the incident they belong to, or open one; what is put is collected with its most telling reason.
 * The state it starts from stays as it is.
 */
import type { Incident, IncidentAlert, TimelineEntry } from '../model/incident.ts'
import { happenedMs, keyOf, mergeAlert, moreUrgent, type Subject, subjectOf, succeeded, teamOf, titleOf, type ToldAlert } from './alert.ts'
import {
  type AlertIdentity,
  allEndedMs,
  type Disposition,
  type IncidentState,
  isSame,
  type LifecycleSettings,
  type Observed,
  type Outcome,
  type Why,
  WHYS,
} from './state.ts'
import { bounded, withEntries } from './timeline.ts'

/** One step over the incidents: what is put is collected with its most telling reason. */
export class Work {
  readonly #incidents: Map<string, Incident>
  readonly #settings: LifecycleSettings
  readonly #now: number
  readonly #whys = new Map<string, Why>()
  readonly #forgotten: string[] = []
  readonly #lost = { alerts: 0, entries: 0 }

  constructor(state: IncidentState, settings: LifecycleSettings, now: number) {
    this.#incidents = new Map(state.incidents)
    this.#settings = settings
    this.#now = now
  }

  put(incident: Incident, why: Why, entries: readonly TimelineEntry[]): void {
    const { timeline, dropped } = bounded(withEntries(incident.timeline, entries), this.#settings.maxTimeline)
    this.#lost.entries += dropped
    this.#incidents.set(incident.id, { ...incident, timeline })
    const former = this.#whys.get(incident.id)
    if (former === undefined || WHYS.indexOf(why) < WHYS.indexOf(former)) this.#whys.set(incident.id, why)
  }

  outcome(): Outcome {
    const changed = [...this.#whys].flatMap(([id, why]) => {
      const incident = this.#incidents.get(id)
      return incident === undefined ? [] : [{ incident, why }]
    })
    return { state: { incidents: this.#incidents }, changed, forgotten: this.#forgotten, lost: this.#lost }
  }

  take(told: ToldAlert): Disposition {
    const subject = subjectOf(told, this.#settings.isDrill)
    if (typeof subject === 'string') return { told, outcome: subject }
    const holder = this.#holderOf(told)
    if (holder !== undefined) {
      const known = holder.alerts.find((a) => isSame(a, told))
      const alert = mergeAlert(known, told, this.#now)
      if (alert === known) {
        const isDoubted = told.status === 'firing' && alert.endsMs !== undefined
        return { told, outcome: isDoubted ? 'doubted' : 'repeated', incident: holder.id }
      }
      this.#ended(holder, alert)
      return { told, outcome: 'taken', incident: holder.id }
    }
    const alert = mergeAlert(undefined, told, this.#now)
    const home = this.#homeOf(subject, alert) ?? this.#open(subject, alert)
    if (home === undefined) return { told, outcome: 'too_many_incidents' }
    const alerts = this.#withRoom(home.alerts, alert)
    if (alerts === undefined) return { told, outcome: 'too_many_alerts', incident: home.id }
    this.#add(home, alert, alerts)
    return { told, outcome: 'taken', incident: home.id }
  }

  observe(o: Observed): void {
    const holder = this.#holderOf(o.alert)
    const known = holder?.alerts.find((a) => isSame(a, o.alert))
    if (holder === undefined || known === undefined) return
    if (!o.fires && known.endsMs === undefined)
      this.#ended(holder, { ...known, endsMs: Math.max(o.lastMs, known.startsMs), endFrom: 'prometheus' })
    // That these labels fire says it of the newest alert with them.
    const isNewest = !holder.alerts.some((a) => a.fingerprint === known.fingerprint && a.startsMs > known.startsMs)
    if (!o.fires || known.endsMs === undefined || !isNewest) return
    const { endsMs: _, endFrom: __, ...firing } = known
    // Told at first and at last: one whose ends are none again and again would fill the record.
    const ref = keyOf(known)
    const notes = holder.timeline.filter((e) => e.kind === 'note' && e.ref?.startsWith(`${known.fingerprint}@`) === true)
    const text = `${known.name} still fires, Prometheus says; ${notes.length === 0 ? 'its end was not one' : 'again its end was not one'}`
    const timeline = holder.timeline.filter((e) => !notes.slice(1).includes(e))
    const reopened = reopenedBy(holder, firing, this.#now)
    const alerts = holder.alerts.map((a) => (a === known ? firing : a))
    this.put({ ...(reopened ?? holder), alerts, timeline }, reopened === undefined ? 'alert_fired' : 'reopened', [
      reopened === undefined ? { atMs: this.#now, kind: 'note', text, ref } : { atMs: this.#now, kind: 'reopened', text },
    ])
  }

  #holderOf(alert: AlertIdentity): Incident | undefined {
    for (const incident of this.#incidents.values()) if (incident.alerts.some((a) => isSame(a, alert))) return incident
    return undefined
  }

  /** The newest incident of the subject that the alert is near enough to. */
  #homeOf(subject: Subject, alert: IncidentAlert): Incident | undefined {
    return [...this.#incidents.values()]
      .filter((i) => i.agent === subject.agent && i.environment === subject.environment && i.drill === subject.drill)
      .findLast((i) => isNear(i, alert, this.#now, this.#settings))
  }

  #open(subject: Subject, alert: IncidentAlert): Incident | undefined {
    if (this.#incidents.size >= this.#settings.maxIncidents) {
      // One that is not resolved is never forgotten; what comes beyond the bound is counted, and Alertmanager has told people of it.
      const oldest = [...this.#incidents.values()].find((i) => i.state === 'resolved')
      if (oldest === undefined) return undefined
      this.#incidents.delete(oldest.id)
      this.#whys.delete(oldest.id)
      this.#forgotten.push(oldest.id)
    }
    const { agent, environment, team, drill } = subject
    const incident: Incident = {
      id: this.#settings.newId(),
      agent,
      environment,
      team,
      state: 'open',
      severity: alert.severity,
      title: titleOf(subject, [alert]),
      drill,
      startedMs: alert.startsMs,
      openedMs: this.#now,
      alerts: [],
      timeline: [],
      actions: [],
    }
    this.put(incident, 'opened', [])
    return incident
  }

  /** The alerts with room for one more: the oldest that has ended goes. Undefined where there is none to go. */
  #withRoom(alerts: readonly IncidentAlert[], alert: IncidentAlert): readonly IncidentAlert[] | undefined {
    if (alerts.length < this.#settings.maxAlerts) return alerts
    this.#lost.alerts++
    const oldest = alerts.find((a) => a.endsMs !== undefined)
    return oldest === undefined || alert.endsMs !== undefined ? undefined : alerts.filter((a) => a !== oldest)
  }

  #add(home: Incident, alert: IncidentAlert, former: readonly IncidentAlert[]): void {
    const alerts = succeeded([...former, alert])
    const fires = alerts.some((a) => isSame(a, alert) && a.endsMs === undefined)
    const reopened = fires ? reopenedBy(home, alert, this.#now) : undefined
    const entries = alerts.filter((a) => !former.includes(a)).flatMap(entriesOf)
    if (reopened !== undefined)
      entries.push({ atMs: this.#now, kind: 'reopened', text: `${alert.name} fires after it was ${home.state}`, ref: keyOf(alert) })
    const incident: Incident = {
      ...(reopened ?? home),
      alerts,
      team: teamOf(alerts) ?? home.team,
      severity: moreUrgent(home.severity, alert.severity),
      startedMs: Math.min(home.startedMs, alert.startsMs),
      title: titleOf(home, alerts),
    }
    this.put(incident, reopened === undefined ? 'alert_fired' : 'reopened', entries)
  }

  #ended(holder: Incident, alert: IncidentAlert): void {
    const alerts = holder.alerts.map((a) => (isSame(a, alert) ? alert : a))
    this.put({ ...holder, alerts }, 'alert_resolved', entriesOf(alert))
  }
}

/** Whether an alert's time is near enough to that of an incident: from its first alert to its last, which lasts while one fires. */
function isNear(incident: Incident, alert: IncidentAlert, now: number, s: LifecycleSettings): boolean {
  const from = incident.startedMs - s.mergeWindowMs
  const lastMs = allEndedMs(incident) ?? Number.POSITIVE_INFINITY
  const to = incident.resolvedMs === undefined ? lastMs + s.mergeWindowMs : incident.resolvedMs + s.reopenWithinMs
  return (alert.endsMs ?? Math.max(now, alert.startsMs)) >= from && alert.startsMs <= to
}

/** An incident that was over, and is not: it is open, and nobody has it. Undefined where the alert does not say so. */
function reopenedBy(incident: Incident, alert: IncidentAlert, now: number): Incident | undefined {
  const { state, mitigatedMs } = incident
  // Heard late, of a time before it was mitigated: no relapse.
  const isRelapse = state === 'resolved' || (state === 'mitigated' && Math.min(alert.startsMs, now) > (mitigatedMs ?? 0))
  if (!isRelapse) return undefined
  const { acknowledgedMs: _, acknowledgedBy: __, mitigatedMs: ___, resolvedMs: ____, ...rest } = incident
  return { ...rest, state: 'open' }
}

function entriesOf(alert: IncidentAlert): readonly TimelineEntry[] {
  const ref = keyOf(alert)
  const said = alert.summary === '' ? '' : `: ${alert.summary}`
  const fired: TimelineEntry = { atMs: happenedMs(alert), kind: 'alert_fired', text: `${alert.name} (${alert.severity}) fires${said}`, ref }
  if (alert.endsMs === undefined) return [fired]
  const how = alert.endFrom === undefined ? '' : `; nobody told, ${HOW[alert.endFrom]}`
  return [fired, { atMs: alert.endsMs, kind: 'alert_resolved', text: `${alert.name} has ended${how}`, ref }]
}

const HOW = { prometheus: 'Prometheus was asked', successor: 'it began anew then' } as const
