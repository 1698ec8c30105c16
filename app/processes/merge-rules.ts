/**
 * What several processes' values of one metric are together. Counters and histograms are added; of a gauge it depends on what it tells,
 * and a test fails for one that is in none of the lists. Of the Node process's own metrics sizes and times are added, delays are the worst.
 */
import type { MetricName, MetricType } from '../../model/metrics.ts'
import type { ProcessMetric } from '../../processor/metrics.ts'

/** Amounts, of which every process has some. */
export const ADDED: ReadonlySet<string> = new Set([
  'agentopz_open_runs',
  'agentopz_open_spans',
  'agentopz_pending_link_spans',
  'agentopz_remembered_traces',
  'agentopz_inflight_bytes',
  'agentopz_memory_limit_bytes',
  'agentopz_memory_used_bytes',
  'agentopz_relay_queue_bytes',
  'agentopz_relay_queue_requests',
  'agentopz_journal_bytes',
  'agentopz_journal_snapshot_bytes',
  'agentopz_control_streams',
  'agentopz_incidents',
] satisfies MetricName[])
/** Whether all is well, and since when: as good as the worst, as old as the oldest. */
export const LEAST: ReadonlySet<string> = new Set([
  'agentopz_journal_up',
  'agentopz_journal_snapshot_timestamp_seconds',
  'agentopz_cohort_first_seen_timestamp_seconds',
  'agentopz_config_reload_successful',
  'agentopz_tls_certificate_expiry_timestamp_seconds',
] satisfies MetricName[])
/** Maxima, newest times, and what all tell alike or only the first process tells. */
export const MOST: ReadonlySet<string> = new Set([
  'agentopz_memory_refusing',
  'agentopz_open_run_max_cost_usd',
  'agentopz_open_run_max_steps',
  'agentopz_open_run_max_age_seconds',
  'agentopz_open_run_max_streak',
  'agentopz_last_run_timestamp_seconds',
  'agentopz_objective',
  'agentopz_objective_info',
  'agentopz_control',
  'agentopz_storage_up',
  'agentopz_storage_leader',
  'agentopz_readiness',
  'agentopz_readiness_score',
  'agentopz_webhook_received_timestamp_seconds',
  'agentopz_build_info',
  'agentopz_price_table_info',
  'agentopz_config_reload_timestamp_seconds',
  'agentopz_processes',
] satisfies MetricName[])

const add = (a: number, b: number): number => a + b

/** How two values become one. */
export function joinOf(name: string, type: MetricType): (a: number, b: number) => number {
  if (type !== 'gauge' || ADDED.has(name)) return add
  return LEAST.has(name) ? Math.min : Math.max
}

/** The same for the metrics of the Node process. The first process's start is that of all. */
export function joinProcessMetrics(all: readonly (readonly ProcessMetric[])[]): readonly ProcessMetric[] {
  const joined = new Map<string, ProcessMetric & { readonly samples: Map<string, ProcessMetric['values'][number]> }>()
  for (const metric of all.flat()) {
    const { name, help, type, values } = metric
    let together = joined.get(name)
    if (together === undefined) joined.set(name, (together = { name, help, type, values: [], samples: new Map() }))
    const join = name === 'process_start_time_seconds' ? Math.min : /lag|_info$|max_fds/.test(name) ? Math.max : add
    for (const sample of values) {
      const key = JSON.stringify([sample.metricName, sample.labels])
      const before = together.samples.get(key)
      together.samples.set(key, before === undefined ? sample : { ...sample, value: join(before.value, sample.value) })
    }
  }
  return [...joined.values()].map(({ name, help, type, samples }) => ({ name, help, type, values: [...samples.values()] }))
}
