/** Asks Prometheus what incidents/volume.ts tells: the last run, the last hour against what is usual, and whether other agents are quiet as well. */
import type { VolumeFacts } from '../../incidents/volume.ts'
import { type Prometheus, type Sample, select, whole } from '../prometheus.ts'

export interface VolumeQuestion {
  readonly agent: string
  readonly environment: string
  readonly startedMs: number
  readonly nowMs: number
  /** Windows are so many times shorter: where the rules' time is compressed. */
  readonly scale: number
}

const HOUR_S = 3600
const QUIET_S = 900
/** Runs an hour from which a quarter of an hour without one is no chance (1 in 150). */
const OFTEN = 20

/** @throws PrometheusError when it does not answer, or not with all there is. */
export async function volumeFacts(prometheus: Prometheus, q: VolumeQuestion): Promise<VolumeFacts> {
  const { agent, environment, startedMs, nowMs, scale } = q
  const ask = async (query: string, atMs: number): Promise<readonly Sample[]> =>
    whole(await prometheus.instant(query, atMs / 1000), prometheus.url).filter((s) => Number.isFinite(s.value))
  const one = async (query: string): Promise<number | undefined> => (await ask(query, nowMs))[0]?.value
  const window = (seconds: number): string => `[${Math.max(1, Math.round(seconds / scale))}s]`
  const byAgent = async (seconds: number, atMs: number): Promise<ReadonlyMap<string, number>> => {
    const query = `sum by (agent) (increase(${select('agentopz_runs_total', { environment })}${window(seconds)}))`
    return new Map((await ask(query, atMs)).map((s) => [s.labels['agent'] ?? '', s.value]))
  }
  const last = await one(`max(${select('agentopz_last_run_timestamp_seconds', { agent, environment })})`)
  const usual = await one(`max(agent:runs:expected1h{agent=${JSON.stringify(agent)},environment=${JSON.stringify(environment)}})`)
  const before = await byAgent(HOUR_S, startedMs)
  const quarter = await byAgent(QUIET_S, nowMs)
  const runs = (await byAgent(HOUR_S, nowMs)).get(agent)
  const often = [...before].filter(([name, n]) => name !== agent && n >= OFTEN).map(([name]) => name)
  return {
    ...(last === undefined ? {} : { lastRunMs: last * 1000 }),
    ...(runs === undefined ? {} : { runs }),
    ...(usual === undefined ? {} : { expected: usual }),
    others: { running: often.length, quiet: often.filter((name) => (quarter.get(name) ?? 0) < 0.5).sort() },
  }
}
