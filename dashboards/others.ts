/**
 * Series on our dashboards that are not ours: the Node process (prom-client writes them), the scrape, and Prometheus's own rules.
 * A name that is not here does not compile, as with the catalogue. `from` says who must be scraped for it.
 */
export interface OtherSeries {
  readonly labels: readonly string[]
  readonly from: 'agentopz' | 'prometheus'
}

export const OTHERS = {
  up: { labels: [], from: 'prometheus' },
  scrape_duration_seconds: { labels: [], from: 'prometheus' },
  scrape_samples_scraped: { labels: [], from: 'prometheus' },
  process_cpu_seconds_total: { labels: [], from: 'agentopz' },
  process_resident_memory_bytes: { labels: [], from: 'agentopz' },
  process_start_time_seconds: { labels: [], from: 'agentopz' },
  nodejs_heap_size_used_bytes: { labels: [], from: 'agentopz' },
  nodejs_eventloop_lag_p99_seconds: { labels: [], from: 'agentopz' },
  nodejs_eventloop_lag_max_seconds: { labels: [], from: 'agentopz' },
  prometheus_rule_group_last_duration_seconds: { labels: ['rule_group'], from: 'prometheus' },
  prometheus_rule_evaluation_failures_total: { labels: ['rule_group'], from: 'prometheus' },
} as const satisfies Record<string, OtherSeries>

export type OtherName = keyof typeof OTHERS
