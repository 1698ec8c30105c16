/**
 * Asks Prometheus for the runs before the onset, from the onset to a change, and after it: the counts that incidents/verify.ts judges. Runs
 * that had begun before the change may close after it; they are kept out by a pause as long as nearly every run of the agent takes.
 */
import type { Counts } from '../../incidents/compare.ts'
import type { Indicator } from '../../incidents/indicator.ts'
import { type Prometheus, select, whole } from '../prometheus.ts'
import { sliCounts } from '../triage/queries.ts'

export interface AroundQuestion {
  readonly agent: string
  readonly environment: string
  readonly indicator: Indicator
  readonly onsetMs: number
  /** Since when the runs before the change are its measure: the onset, or an earlier change. */
  readonly badFromMs: number
  /** When it was changed. */
  readonly changedMs: number
  /** From when on runs are taken to have begun after it. */
  readonly fromMs: number
  readonly nowMs: number
  /** Days and windows are so many times shorter: where the rules' time is compressed. */
  readonly scale: number
}

const DAY_MS = 86_400_000
/** Shortest window that two scrapes surely lie in. */
const LEAST_MS = 60_000
/** Beyond this a run is not waited for. */
const LONGEST_MS = 3_600_000
/** Two scrapes of a quarter of a minute. */
const SCRAPES_MS = 30_000

/** @throws PrometheusError when it does not answer, or not with all there is. */
export async function countsAround(
  prometheus: Prometheus,
  q: AroundQuestion,
): Promise<{ readonly baseline: Counts; readonly bad: Counts; readonly after: Counts }> {
  const counts = async (fromMs: number, toMs: number): Promise<Counts> => {
    // A window that two scrapes need not lie in says nothing, and a longer one would say it of other runs.
    if (toMs - fromMs < LEAST_MS / q.scale) return { bad: 0, total: 0 }
    const seconds = Math.max(1, Math.round((toMs - fromMs) / 1000))
    const { bad, total } = sliCounts({ agent: q.agent, environment: q.environment, ...q.indicator }, { seconds })
    const value = async (query: string): Promise<number> => {
      const [sample] = whole(await prometheus.instant(query, toMs / 1000), prometheus.url)
      return sample === undefined || !Number.isFinite(sample.value) ? 0 : Math.max(0, sample.value)
    }
    const all = await value(total)
    return { total: all, bad: Math.min(all, all === 0 ? 0 : await value(bad)) }
  }
  return {
    baseline: await counts(q.onsetMs - DAY_MS / q.scale, q.onsetMs),
    bad: await counts(q.badFromMs, q.changedMs),
    after: await counts(q.fromMs, q.nowMs),
  }
}

/** How long after a change runs may close that had begun before it. @throws PrometheusError */
export async function pauseMs(
  prometheus: Prometheus,
  about: {
    readonly agent: string
    readonly environment: string
    readonly changedMs: number
    readonly settleMs: number
    readonly scale: number
  },
): Promise<number> {
  const { agent, environment, changedMs, settleMs, scale } = about
  const buckets = select('agentopz_run_duration_seconds', { agent, environment }, { part: '_bucket' })
  const seconds = Math.max(1, Math.round(DAY_MS / scale / 1000))
  const query = `histogram_quantile(0.99, sum by (le) (increase(${buckets}[${seconds}s])))`
  const [sample] = whole(await prometheus.instant(query, changedMs / 1000), prometheus.url)
  const longest = sample === undefined || !Number.isFinite(sample.value) ? 0 : sample.value * 1000
  return Math.min(LONGEST_MS, longest) + settleMs + SCRAPES_MS / scale
}

/** Runs that failed of themselves in a window: those that a control stopped did not. Undefined where there are no samples. @throws PrometheusError */
export async function failedRuns(
  prometheus: Prometheus,
  about: { readonly agent: string; readonly environment: string; readonly fromMs: number; readonly nowMs: number },
): Promise<number | undefined> {
  const { agent, environment, fromMs, nowMs } = about
  const seconds = Math.max(1, Math.round((nowMs - fromMs) / 1000))
  const runs = (also: string): string => `increase(${select('agentopz_runs_total', { agent, environment }, { also })}[${seconds}s])`
  const [all] = whole(
    await prometheus.instant(`count(${select('agentopz_runs_total', { agent, environment })})`, nowMs / 1000),
    prometheus.url,
  )
  if (all === undefined) return undefined
  const query = `sum(${runs('quality="fail",outcome!~"stopped|error"')} or ${runs('outcome="error"')})`
  const [sample] = whole(await prometheus.instant(query, nowMs / 1000), prometheus.url)
  return Math.round(sample?.value ?? 0)
}

/** Whether one of these alerts fires now. @throws PrometheusError */
export async function firesNow(
  prometheus: Prometheus,
  about: { readonly agent: string; readonly environment: string; readonly alerts: readonly string[]; readonly nowMs: number },
): Promise<boolean> {
  const { agent, alerts, nowMs } = about
  if (alerts.length === 0) return false
  const names = [...new Set(alerts)].sort().map((n) => n.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  const matchers = `alertstate="firing",alertname=~${JSON.stringify(names.join('|'))},agent=${JSON.stringify(agent)}`
  return whole(await prometheus.instant(`ALERTS{${matchers}}`, nowMs / 1000), prometheus.url).some(
    (s) => (s.labels['environment'] ?? '') === about.environment,
  )
}
