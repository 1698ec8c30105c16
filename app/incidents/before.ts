/**
 * What stood when an incident began: the baseline and the objectives, asked of Prometheus for that moment; fallback and releases, as they
 * are now, which is only then while it has just begun. Looked up once; what could not be asked is left out.
 */
import type { Incident, Preparedness } from '../../model/incident.ts'
import { type Sli, SLIS, type SliName } from '../../model/slis.ts'
import { type Prometheus, quoted, select, whole } from '../prometheus.ts'
import { isAddress, reach } from '../ready/reach.ts'

export interface Standing {
  readonly fallback: string | undefined
  /** Versions in the order they were activated; undefined where that is not known. */
  readonly activations: readonly string[] | undefined
}

/** Older than this, what stands now says nothing about what stood then. */
export const FRESH_MS = 900_000
const ANSWER_MS = 3000

/** Asks for all of it. @throws PrometheusError */
export async function preparedness(prometheus: Prometheus, incident: Incident, standing: Standing, nowMs: number): Promise<Preparedness> {
  return {
    atMs: nowMs,
    ...(await baselineOf(prometheus, incident)),
    ...(await objectivesOf(prometheus, incident)),
    ...(nowMs - incident.openedMs > FRESH_MS ? {} : { ...releasesOf(standing), ...(await fallbackOf(standing)) }),
  }
}

async function baselineOf(prometheus: Prometheus, incident: Incident): Promise<Pick<Preparedness, 'baseline' | 'noBaseline'>> {
  const alert = incident.alerts.find((a) => isSli(a.labels['sli']))
  const sli = alert?.labels['sli'] ?? 'quality'
  const labels = { agent: incident.agent, environment: incident.environment, sli, ...splitOf(sli, alert?.labels ?? {}) }
  const matchers = Object.entries(labels).map(([name, value]) => `${name}=${quoted(value)}`)
  const value = async (series: string): Promise<number | undefined> => {
    const answer = await prometheus.instant(`${series}{${matchers.join(',')}}`, incident.startedMs / 1000)
    return whole(answer, prometheus.url)[0]?.value
  }
  const [badRatio, total] = [await value('agent_sli:bad_ratio:baseline'), await value('agent_sli:total:baseline')]
  if (badRatio === undefined || total === undefined) return { noBaseline: true }
  return Number.isFinite(badRatio) && Number.isFinite(total) ? { baseline: { sli, badRatio, total } } : { noBaseline: true }
}

function isSli(name: string | undefined): name is SliName {
  return name !== undefined && Object.hasOwn(SLIS, name)
}

/** The label that splits the SLI, where one does. */
function splitOf(sli: string, labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const definition: Sli | undefined = isSli(sli) ? SLIS[sli] : undefined
  const by = definition?.by
  const value = by === undefined ? undefined : labels[by]
  return by === undefined || value === undefined ? {} : { [by]: value }
}

async function objectivesOf(
  prometheus: Prometheus,
  { agent, environment, startedMs }: Incident,
): Promise<Pick<Preparedness, 'objectives'>> {
  const query = `max by (objective) (${select('agentopz_objective', { agent, environment })})`
  const answer = whole(await prometheus.instant(query, startedMs / 1000), prometheus.url)
  // Every agent has objectives, be it those of `defaults`: none at all means that nobody was asked for them then.
  if (answer.length === 0) return {}
  const rows = answer.map((s) => [s.labels['objective'] ?? '', s.value] as const)
  return { objectives: Object.fromEntries(rows.toSorted(([a], [b]) => (a < b ? -1 : 1))) }
}

function releasesOf({ activations }: Standing): Pick<Preparedness, 'activeRelease' | 'formerRelease'> {
  if (activations === undefined) return {}
  return { activeRelease: activations.at(-1) ?? null, formerRelease: activations.at(-2) ?? null }
}

async function fallbackOf({ fallback }: Standing): Promise<Pick<Preparedness, 'fallback' | 'fallbackReachable'>> {
  if (fallback === undefined) return { fallback: 'none' }
  if (!isAddress(fallback)) return { fallback: 'message' }
  return { fallback: 'url', fallbackReachable: (await reach(fallback, ANSWER_MS)).isReached }
}
