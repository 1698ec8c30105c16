/**
 * Recorded series of each agent as compact JSON, for tuning without a Prometheus: one file an agent, values at every evaluation of the test
 * period by series, null where there is none. Names are those of model/recorded.ts.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { RECORDED } from '../../model/recorded.ts'
import type { FleetData } from './fleet-data.ts'
import type { Prometheus, Series } from './prometheus.ts'

const STEP = 60

export const DUMPED: readonly string[] = Object.keys(RECORDED)

export async function dumpRecorded(prometheus: Prometheus, data: FleetData, dir: string): Promise<void> {
  mkdirSync(dir, { recursive: true })
  const { start, end } = data.period
  const count = Math.floor((end - start) / STEP) + 1
  const agents = new Map<string, { name: string; labels: Record<string, string>; values: (number | null)[] }[]>()
  for (const name of DUMPED) {
    for (const series of await prometheus.range(`${name}{environment="${data.truth.environment}"}`, start, end, STEP)) {
      const { agent = '', environment: _, __name__: __, ...labels } = series.labels
      const list = agents.get(agent) ?? []
      agents.set(agent, list)
      list.push({ name, labels, values: valuesOf(series, start, count) })
    }
  }
  for (const [agent, series] of agents) {
    const incidents = data.truth.incidents.filter((i) => i.agent === agent)
    writeFileSync(
      join(dir, `${data.truth.environment}-${agent}.json`),
      JSON.stringify({ agent, environment: data.truth.environment, start, stepSeconds: STEP, incidents, series }),
    )
  }
}

function valuesOf(series: Series, start: number, count: number): (number | null)[] {
  const out = Array.from({ length: count }, (): number | null => null)
  // Five significant digits tell anything a threshold could.
  for (const [time, value] of series.points)
    out[Math.round((time - start) / STEP)] = Number.isFinite(value) ? Number(value.toPrecision(5)) : null
  return out
}
