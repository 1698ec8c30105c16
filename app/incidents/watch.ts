/**
 * Keeps the records of incidents that are not resolved current: asks Prometheus for the ends of alerts that nobody told, what the incident
 * has cost so far, and what changed around it; and takes actions on controls from the audit. One round at a time, one incident after the
 * other, so a slow Prometheus is asked little. What cannot be asked stays as it was, and is asked again.
 */
import type { AuditEntry } from '../../control/audit.ts'
import { noted } from '../../incidents/commands.ts'
import { keyOf } from '../../incidents/alert.ts'
import type { Incident } from '../../model/incident.ts'
import type { Prometheus } from '../prometheus.ts'
import { observeAlerts, uncertainAlerts } from './alert-ends.ts'
import { preparedness, type Standing } from './before.ts'
import { blastRadius, isSameBlast } from './blast.ts'
import { cohortChanges, controlEntries } from './changes.ts'
import type { Incidents } from './incidents.ts'

export interface WatchSettings {
  readonly checkEveryMs: number
  readonly changesBeforeMs: number
  readonly maxTimeline: number
}

export interface WatchParts {
  readonly incidents: Incidents
  readonly prometheus: () => Prometheus
  readonly settings: () => WatchSettings
  readonly clock: () => number
  /** Whether this replica is the one that looks; the others only ask about what they were told themselves. */
  readonly leads: () => boolean
  /** The newest actions on controls and releases, newest first. */
  readonly audit: () => Promise<readonly AuditEntry[]>
  readonly standing: (agent: string) => Standing
  readonly events: {
    /** One incident was looked up, or could not be. */
    looked(outcome: 'ok' | 'failed'): void
    /** Prometheus or the audit failed where it had not, and the other way round. */
    failing(error: unknown): void
    recovered(): void
  }
}

/** Of one round: the others wait for the next. */
const MAX_PER_ROUND = 50
/** So many checks in a row must not see an alert before it is taken for ended: Prometheus may just have been restarted. */
const UNSEEN_CHECKS = 3

export class IncidentWatch {
  readonly #parts: WatchParts
  #round: Promise<void> | undefined
  #nextMs = 0
  #isFailing = false
  #isClosed = false
  /** When each was looked up last: the longest ago comes first. */
  readonly #lookedMs = new Map<string, number>()
  /** Alerts that were told to fire although they had ended: perhaps a message that came late, perhaps so. */
  readonly #doubted = new Set<string>()

  constructor(parts: WatchParts) {
    this.#parts = parts
  }

  /** Called every second. */
  tick(now: number): void {
    if (now < this.#nextMs || this.#round !== undefined || this.#isClosed) return
    this.#nextMs = now + this.#parts.settings().checkEveryMs
    void this.look()
  }

  /** Looks at the next tick rather than when it is due: something has happened. */
  soon(): void {
    this.#nextMs = 0
  }

  /** Told of an alert that Alertmanager says fires although its end is known. */
  doubt(key: string): void {
    this.#doubted.add(key)
    this.soon()
  }

  /** One round, or the one under way. Never throws. */
  look(): Promise<void> {
    this.#round ??= this.#lookAll().finally(() => {
      this.#round = undefined
    })
    return this.#round
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#round
  }

  async #lookAll(): Promise<void> {
    const { incidents, events } = this.#parts
    const current = this.#parts.leads() ? incidents.list().filter((i) => i.state !== 'resolved') : []
    const known = new Set(current.map((i) => i.id))
    for (const id of this.#lookedMs.keys()) if (!known.has(id)) this.#lookedMs.delete(id)
    const due = current.toSorted((a, b) => (this.#lookedMs.get(a.id) ?? 0) - (this.#lookedMs.get(b.id) ?? 0)).slice(0, MAX_PER_ROUND)
    let failure: unknown
    await this.#ends(current).catch((error: unknown) => (failure = error))
    const audit = due.length === 0 ? [] : await this.#parts.audit().catch((error: unknown) => ((failure ??= error), []))
    for (const incident of due) {
      if (this.#isClosed) return
      const error = await this.#lookAt(incident, audit)
      this.#lookedMs.set(incident.id, this.#parts.clock())
      events.looked(error === undefined ? 'ok' : 'failed')
      failure ??= error
    }
    if (failure !== undefined && !this.#isFailing) events.failing(failure)
    if (failure === undefined && this.#isFailing && due.length > 0) events.recovered()
    if (failure !== undefined || due.length > 0) this.#isFailing = failure !== undefined
  }

  async #ends(current: readonly Incident[]): Promise<void> {
    const { incidents, prometheus, settings, clock } = this.#parts
    const doubted = incidents.list().flatMap((i) => i.alerts.filter((a) => this.#doubted.has(keyOf(a))))
    const alerts = [...new Set([...uncertainAlerts(current), ...doubted])]
    const observed = await observeAlerts(prometheus(), alerts, clock(), UNSEEN_CHECKS * settings().checkEveryMs)
    this.#doubted.clear()
    if (observed.length > 0) await incidents.observe(observed)
  }

  /** Each part by itself: that one cannot be asked does not hide the others. Returns the first failure. */
  async #lookAt(incident: Incident, audit: readonly AuditEntry[]): Promise<unknown> {
    // The watching itself is of no agent: there is nothing to ask about.
    if (incident.agent === '') return undefined
    let failure: unknown
    const parts = [
      () => this.#note(incident, controlEntries(audit, this.#span(incident))),
      () => this.#changes(incident),
      () => this.#before(incident),
      () => this.#blast(incident),
    ]
    for (const part of parts) await part().catch((error: unknown) => (failure ??= error))
    return failure
  }

  async #blast(incident: Incident): Promise<void> {
    const { incidents, prometheus, clock } = this.#parts
    const { id, agent, environment, mitigatedMs: untilMs } = incident
    const sinceMs = incident.triage?.onset?.atMs ?? incident.startedMs
    const blast = await blastRadius(prometheus(), { agent, environment, sinceMs, untilMs, nowMs: clock() })
    await incidents.refresh(id, (i) => (isSameBlast(i.blast, blast) ? i : { ...i, blast }))
  }

  async #before({ id, agent, before }: Incident): Promise<void> {
    const { incidents, prometheus, standing, clock } = this.#parts
    const incident = incidents.get(id)
    if (before !== undefined || incident === undefined) return
    const found = await preparedness(prometheus(), incident, standing(agent), clock())
    await incidents.refresh(id, (i) => ({ ...i, before: found }))
  }

  async #changes(incident: Incident): Promise<void> {
    const { prometheus, clock } = this.#parts
    await this.#note(incident, await cohortChanges(prometheus(), this.#span(incident), clock()))
  }

  /** What came late into a timeline that is full would push out what is there already. */
  async #note({ id }: Incident, entries: Incident['timeline']): Promise<void> {
    const { incidents, settings } = this.#parts
    if (entries.length === 0) return
    await incidents.refresh(id, (i) => {
      const next = noted(i, ...entries)
      return next.timeline === i.timeline || next.timeline.length > settings().maxTimeline ? i : next
    })
  }

  #span({ agent, environment, startedMs }: Incident): { agent: string; environment: string; fromMs: number; toMs: number } {
    return { agent, environment, fromMs: startedMs - this.#parts.settings().changesBeforeMs, toMs: this.#parts.clock() }
  }
}
