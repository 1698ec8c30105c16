/**
 * Which metrics continue over a restart, and their series as plain data.
 * Only what follows from spans and evaluations continues, for that is what a journal can give again exactly. Everything else (requests,
 * relays, controls) begins at 0 as it would without a journal: a counter that is put back to an older value than was scraped looks to
 * Prometheus like a reset, and its whole value like an increase.
 */
import type { MetricDefinition } from '../model/metrics.ts'
import type { Family } from './series.ts'

/** A series: metric, label values with NUL between them, value, when it was last touched, observations per bucket. */
export type SeriesState = readonly [name: string, key: string, value: number, lastMs: number, counts: readonly number[]]

const GROUPS: ReadonlySet<MetricDefinition['group']> = new Set([
  'runs',
  'steps',
  'money',
  'quality',
  'cohorts and objectives',
  'completeness',
] as const)
const BY_NAME: ReadonlySet<string> = new Set([
  'agentopz_spans_received_total',
  'agentopz_spans_rejected_total',
  'agentopz_link_spans_dropped_total',
  'agentopz_interventions_total',
])
/** Counts what others than the pipeline do too. */
const NOT: ReadonlySet<string> = new Set(['agentopz_series_overflow_total'])

/** Whether a metric continues over a restart. */
export function continues(name: string, { group }: MetricDefinition): boolean {
  return !NOT.has(name) && (GROUPS.has(group) || BY_NAME.has(name) || !name.startsWith('agentopz_'))
}

/** A gauge that is computed when it is asked for needs no keeping. */
function kept(family: Family): boolean {
  return family.rows === undefined && continues(family.name, family.definition)
}

export function captureSeries(families: Iterable<Family>): readonly SeriesState[] {
  const all: SeriesState[] = []
  for (const family of families)
    if (kept(family)) for (const s of family.series.values()) all.push([family.name, s.key, s.value, s.lastMs, s.counts.slice()])
  return all
}

export function restoreSeries(families: ReadonlyMap<string, Family>, series: readonly SeriesState[]): void {
  for (const [name, key, value, lastMs, counts] of series) {
    const family = families.get(name)
    if (family !== undefined && kept(family)) family.restore(key, value, lastMs, counts)
  }
}

/** Counters and histograms begin again; times of first sightings are facts and stay. */
export function dropCounts(families: Iterable<Family>): void {
  for (const family of families) if (kept(family) && family.definition.type !== 'gauge') family.clear()
}
