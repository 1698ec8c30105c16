/**
 * The blast radius of an incident, asked of Prometheus: runs, failed runs and dollars of its agent since it began, until it was mitigated. Differences of counters, and
 * where a counter began anew in between, the estimate that `increase()` gives. What Prometheus has no series of is unknown and left out, never 0; users are not in the telemetry at all.
 */
import type { BlastRadius } from '../../model/incident.ts'
import { type Prometheus, select, whole } from '../prometheus.ts'

export interface BlastQuestion {
  readonly agent: string
  readonly environment: string
  readonly sinceMs: number
  readonly nowMs: number
  /** Where it ended before now. */
  readonly untilMs?: number | undefined
}

/** The shortest time that is asked about: an increase needs two scrapes. */
const LEAST_SECONDS = 60

/** @throws PrometheusError when it does not answer, or not with all there is. */
export async function blastRadius(
  prometheus: Prometheus,
  { agent, environment, sinceMs, nowMs, untilMs }: BlastQuestion,
): Promise<BlastRadius> {
  const atMs = untilMs ?? nowMs
  const seconds = `${Math.max(LEAST_SECONDS, Math.round((atMs - sinceMs) / 1000))}s`
  const about = { agent, environment }
  // increase() alone extrapolates to the edges of the window: 41 where 30 runs were, on a minute of samples.
  const since = (x: string): string =>
    `((${x} - (${x} offset ${seconds} or ${x} * 0)) and resets(${x}[${seconds}]) == 0 or increase(${x}[${seconds}]))`
  const runs = (more: object): string => since(select('agentopz_runs_total', { ...about, ...more }))
  const value = async (query: string): Promise<number | undefined> =>
    whole(await prometheus.instant(query, atMs / 1000), prometheus.url)[0]?.value
  const [all, failed, cost] = [
    await value(`sum(${runs({})})`),
    // A run that ended in an error may be unrated; one that is both counts once, for `or` takes a series from one side only.
    await value(`sum(${runs({ quality: 'fail' })} or ${runs({ outcome: 'error' })})`),
    await value(`sum(${since(select('agentopz_cost_usd_total', about))})`),
  ]
  return {
    sinceMs,
    ...(untilMs === undefined ? {} : { untilMs }),
    ...(all === undefined ? {} : { runs: Math.round(all) }),
    ...(failed === undefined ? {} : { failedRuns: Math.round(failed) }),
    ...(cost === undefined ? {} : { costUsd: Number(cost.toPrecision(6)) }),
    users: 'unknown',
  }
}

/** Whether two tell the same. */
export function isSameBlast(a: BlastRadius | undefined, b: BlastRadius): boolean {
  return (
    a?.sinceMs === b.sinceMs && a.untilMs === b.untilMs && a.runs === b.runs && a.failedRuns === b.failedRuns && a.costUsd === b.costUsd
  )
}
