/** What the life of incidents is told in: their state, its bounds and times, what a step over them comes to and why. Data only. */
import type { Incident, IncidentAlert } from '../model/incident.ts'
import type { Ignored, ToldAlert } from './alert.ts'

export interface IncidentState {
  /** By id, in the order they were opened. */
  readonly incidents: ReadonlyMap<string, Incident>
}

export const NO_INCIDENTS: IncidentState = { incidents: new Map() }

export interface LifecycleSettings {
  /** How far an alert may be from an incident that is not resolved to belong to it. */
  readonly mergeWindowMs: number
  /** How long every alert must have ended. */
  readonly resolveAfterMs: number
  /** How long after it was resolved an incident is opened again rather than a new one. */
  readonly reopenWithinMs: number
  readonly maxIncidents: number
  readonly maxAlerts: number
  readonly maxTimeline: number
  readonly newId: () => string
  /** Whether an agent is being drilled, beyond what its alerts say. */
  readonly isDrill: (agent: string, environment: string) => boolean
  /** When the agent was last seen switched off; undefined where it was not. */
  readonly lastDisabledMs: (agent: string, environment: string, now: number) => number | undefined
}

/** The most telling of what happened to an incident at once, in this order. */
export const WHYS = [
  'opened',
  'reopened',
  'resolved',
  'mitigated',
  'acknowledged',
  'alert_fired',
  'alert_resolved',
  'noted',
  'updated',
  /** Only numbers and changes that were looked up; nothing was decided. */
  'refreshed',
] as const
export type Why = (typeof WHYS)[number]

export interface Changed {
  readonly incident: Incident
  readonly why: Why
}

export interface Outcome {
  readonly state: IncidentState
  readonly changed: readonly Changed[]
  /** Ids of resolved incidents that had to make room. */
  readonly forgotten: readonly string[]
  /** What bounds have dropped of incidents. */
  readonly lost: { readonly alerts: number; readonly entries: number }
}

/** What became of one alert that was told. `doubted`: told to fire although its end is known; said late, or the end was none. */
export interface Disposition {
  readonly told: ToldAlert
  readonly outcome: 'taken' | 'repeated' | 'doubted' | Ignored
  readonly incident?: string
}

export type AlertIdentity = Pick<IncidentAlert, 'fingerprint' | 'startsMs'>

/** An alert of which Prometheus was asked, because nobody told. */
export type Observed = { readonly alert: AlertIdentity } & ({ readonly fires: true } | { readonly fires: false; readonly lastMs: number })

/** Whether two are the same alert. */
export function isSame(a: AlertIdentity, b: AlertIdentity): boolean {
  return a.startsMs === b.startsMs && a.fingerprint === b.fingerprint
}

/** When the last of its alerts ended; undefined while one fires. */
export function allEndedMs(incident: Incident): number | undefined {
  let last: number | undefined
  for (const { endsMs } of incident.alerts) {
    if (endsMs === undefined) return undefined
    last = Math.max(last ?? endsMs, endsMs)
  }
  return last
}
