/**
 * Incidents of the past, from the series ALERTS that Prometheus keeps: each stretch in which an alert fired is told to the lifecycle of incidents
 * as Alertmanager would have, in order. What was drilled is left out. The same merging and reopening as live, by the same code.
 */
import { createHash } from 'node:crypto'
import { compareText, type ToldAlert } from '../../incidents/alert.ts'
import { applyAlerts, applyTime } from '../../incidents/lifecycle.ts'
import { type LifecycleSettings, NO_INCIDENTS } from '../../incidents/state.ts'
import type { Incident } from '../../model/incident.ts'
import { type Labels, type Prometheus, quoted, type Series, whole } from '../prometheus.ts'

export interface PastQuestion {
  readonly fromMs: number
  readonly toMs: number
  readonly agent?: string
  readonly settings: Pick<LifecycleSettings, 'mergeWindowMs' | 'resolveAfterMs' | 'reopenWithinMs'>
}

/** Alerts are looked at this often: a shorter one is missed. */
export const STEP_SECONDS = 60

/** Oldest first. @throws PrometheusError when it does not answer, or not with all there is. */
export async function pastIncidents(prometheus: Prometheus, q: PastQuestion): Promise<readonly Incident[]> {
  const agent = q.agent === undefined ? 'agent!=""' : `agent=${quoted(q.agent)}`
  const drilled = 'agentopz_control{control="drill"}'
  const query = `ALERTS{alertstate="firing",${agent}} unless on (agent, environment) ${drilled}`
  const range = { startSeconds: Math.ceil(q.fromMs / 1000), endSeconds: Math.floor(q.toMs / 1000), stepSeconds: STEP_SECONDS }
  const series = whole(await prometheus.range(query, range), prometheus.url)
  return incidentsOf(
    series.flatMap((s) => stretches(s, q.toMs)),
    q.settings,
    q.toMs,
  )
}

/** Each stretch in which it fired. The last one has no end where it still fires. */
export function stretches({ labels, points }: Series, nowMs: number): readonly ToldAlert[] {
  const told: ToldAlert[] = []
  let [start, last] = [0, Number.NEGATIVE_INFINITY]
  const close = (): void => {
    if (last < start) return
    const endsMs = (last + STEP_SECONDS) * 1000
    told.push(alertOf(labels, start * 1000, endsMs >= nowMs ? undefined : endsMs))
  }
  for (const [at] of points) {
    if (at - last > 2 * STEP_SECONDS) {
      close()
      start = at
    }
    last = at
  }
  close()
  return told
}

function alertOf(series: Labels, startsMs: number, endsMs: number | undefined): ToldAlert {
  const labels = Object.fromEntries(Object.entries(series).filter(([name]) => name !== '__name__' && name !== 'alertstate'))
  const fingerprint = createHash('sha256')
    .update(JSON.stringify(Object.entries(labels).toSorted(([a], [b]) => compareText(a, b))))
    .digest('hex')
    .slice(0, 16)
  const about = { fingerprint, labels, summary: labels['alertname'] ?? '', startsMs }
  return endsMs === undefined ? { ...about, status: 'firing' } : { ...about, status: 'resolved', endsMs }
}

function incidentsOf(alerts: readonly ToldAlert[], settings: PastQuestion['settings'], nowMs: number): readonly Incident[] {
  let ids = 0
  const lifecycle: LifecycleSettings = {
    ...settings,
    maxIncidents: Number.MAX_SAFE_INTEGER,
    maxAlerts: Number.MAX_SAFE_INTEGER,
    maxTimeline: Number.MAX_SAFE_INTEGER,
    newId: () => `past_${++ids}`,
    isDrill: () => false,
    lastDisabledMs: () => undefined,
  }
  const steps = alerts.flatMap((told) => [
    { atMs: told.startsMs, told: { ...told, status: 'firing' as const } },
    ...(told.endsMs === undefined ? [] : [{ atMs: told.endsMs, told }]),
  ])
  let state = NO_INCIDENTS
  for (const { atMs, told } of steps.toSorted((a, b) => a.atMs - b.atMs)) {
    state = applyTime(state, atMs, lifecycle).state
    state = applyAlerts(state, [told], atMs, lifecycle).state
  }
  state = applyTime(state, nowMs, lifecycle).state
  return [...state.incidents.values()].filter((i) => i.agent !== '' && !i.drill).toSorted((a, b) => a.startedMs - b.startedMs)
}

/** The incident as it was known at a time; what came later is not in it. */
export function asOf(incident: Incident, atMs: number): Incident {
  const { acknowledgedMs: _, mitigatedMs: __, resolvedMs: ___, ...rest } = incident
  const alerts = incident.alerts
    .filter((a) => a.startsMs <= atMs)
    .map((a) => {
      const { endsMs, ...alert } = a
      return endsMs === undefined || endsMs > atMs ? alert : a
    })
  return { ...rest, state: 'open', alerts, timeline: incident.timeline.filter((e) => e.atMs <= atMs) }
}
