/**
 * Ends of alerts that nobody told. Alertmanager does not tell the end of an alert that another one silences by then (alertmanager#226), so
 * Prometheus is asked which of ours it still fires, and when it last fired the others. An alert that Prometheus never knew stays as it is:
 * it may be another Prometheus's.
 */
import type { Observed } from '../../incidents/state.ts'
import type { Incident, IncidentAlert } from '../../model/incident.ts'
import { type Labels, type Prometheus, quoted, whole } from '../prometheus.ts'

/** How far back it is looked for when an alert last fired; a day at most, for the answer gets long. */
const MAX_BACK_MS = 86_400_000
const BEFORE_MS = 600_000

/** What Prometheus says of the alerts. Those not seen for `unseenMs` have ended. @throws PrometheusError when it does not answer. */
export async function observeAlerts(
  prometheus: Prometheus,
  alerts: readonly IncidentAlert[],
  nowMs: number,
  unseenMs: number,
): Promise<readonly Observed[]> {
  if (alerts.length === 0) return []
  const names = [...new Set(alerts.map((a) => a.name))].sort().map((n) => n.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  const series = `ALERTS{alertstate="firing",alertname=~${quoted(names.join('|'))}}`
  const ask = async (query: string): Promise<ReturnType<typeof whole<{ readonly labels: Labels; readonly value: number }>>> =>
    whole(await prometheus.instant(query, nowMs / 1000), prometheus.url)
  const now = await ask(series)
  const isFiring = (alert: IncidentAlert): boolean => now.some((s) => isOf(s.labels, alert))
  const unseen = alerts.filter((a) => a.endsMs === undefined && !isFiring(a))
  const observed: Observed[] = alerts.filter((a) => a.endsMs !== undefined && isFiring(a)).map((alert) => ({ alert, fires: true }))
  if (unseen.length === 0) return observed
  const backMs = Math.min(MAX_BACK_MS, nowMs - Math.min(...unseen.map((a) => Math.min(a.startsMs, a.receivedMs))) + BEFORE_MS)
  const stepSeconds = Math.max(1, Math.ceil(backMs / 1000 / 2000))
  const last = await ask(`max_over_time(timestamp(${series})[${Math.ceil(backMs / 1000)}s:${stepSeconds}s])`)
  for (const alert of unseen) {
    const seen = last.filter((s) => isOf(s.labels, alert)).map((s) => s.value * 1000)
    const lastMs = Math.max(...seen)
    if (seen.length > 0 && nowMs - lastMs >= unseenMs) observed.push({ alert, fires: false, lastMs })
  }
  return observed
}

/** Which alerts of incidents are worth asking about: those that fire, and those whose end was only asked for. */
export function uncertainAlerts(incidents: readonly Incident[]): readonly IncidentAlert[] {
  return incidents.flatMap((i) => i.alerts.filter((a) => a.endsMs === undefined || a.endFrom === 'prometheus'))
}

/** A series has no labels that Alertmanager was not told; Alertmanager was told external labels too. */
function isOf(series: Labels, alert: IncidentAlert): boolean {
  return Object.entries(series).every(([name, value]) => name === '__name__' || name === 'alertstate' || alert.labels[name] === value)
}
