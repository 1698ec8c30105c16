/** Alerts and settings for tests of incidents, with the times that matter said in minutes. */
import { createHash } from 'node:crypto'
import type { ToldAlert } from '../../../incidents/alert.ts'
import type { LifecycleSettings } from '../../../incidents/state.ts'
import type { Incident, TimelineEntry } from '../../../model/incident.ts'

export const MINUTE = 60_000
/** 2026-12-01T08:00:00Z */
export const T0 = Date.UTC(2026, 11, 1, 8)
export const at = (minutes: number): number => T0 + minutes * MINUTE

export function settings(more: Partial<LifecycleSettings> = {}): LifecycleSettings {
  let n = 0
  return {
    mergeWindowMs: 30 * MINUTE,
    resolveAfterMs: 10 * MINUTE,
    reopenWithinMs: 60 * MINUTE,
    maxIncidents: 100,
    maxAlerts: 50,
    maxTimeline: 200,
    newId: () => `inc_${++n}`,
    isDrill: () => false,
    lastDisabledMs: () => undefined,
    ...more,
  }
}

/** An alert about `support` in prod, by name; fingerprint made of name and labels. */
export function told(name: string, startMinute: number, more: Partial<ToldAlert> & { readonly endMinute?: number } = {}): ToldAlert {
  const { labels = {}, endMinute, ...rest } = more
  const all = { alertname: name, severity: 'critical', agent: 'support', environment: 'prod', team: 'blue', ...labels }
  const kept = Object.fromEntries(Object.entries(all).filter(([, v]) => v !== ''))
  return {
    fingerprint: createHash('sha256').update(JSON.stringify(kept)).digest('hex').slice(0, 16),
    status: endMinute === undefined ? 'firing' : 'resolved',
    labels: kept,
    summary: `${name} of ${kept['agent'] ?? 'nobody'}`,
    startsMs: at(startMinute),
    ...(endMinute === undefined ? {} : { endsMs: at(endMinute) }),
    ...rest,
  }
}

/** Timeline as `minute kind: text`. */
export function lines(incident: Incident | undefined): readonly string[] {
  return (incident?.timeline ?? []).map((e: TimelineEntry) => `${(e.atMs - T0) / MINUTE} ${e.kind}: ${e.text}`)
}
