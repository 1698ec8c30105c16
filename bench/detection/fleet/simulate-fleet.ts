/**
 * One fleet from a seed: plan, agents, processor, samples. Writes OpenMetrics files and truth.json into a directory. Runs as a process of
 * its own (`node simulate-fleet.ts REQUEST.json`), so that fleets are simulated at once; the request holds seed, parameters and directory.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeOpenMetrics } from './openmetrics.ts'
import type { Parameters } from './parameters.ts'
import { createRandom } from './random.ts'
import { type Plan, planFleet } from './schedule.ts'
import type { ExposedSeries } from './series.ts'
import { simulateAgent } from './simulate-agent.ts'
import { secondsOf, type Truth, type TruthAgent, type TruthIncident, truthOf } from './truth.ts'

export interface FleetRequest {
  readonly seed: number
  readonly parameters: Parameters
  readonly dir: string
}

/** A fleet is an environment: rules that keep environments apart keep fleets apart. */
export function environmentOf(seed: number): string {
  return `fleet-${seed}`
}

export function simulateFleet({ seed, parameters: p, dir }: FleetRequest): Truth {
  mkdirSync(dir, { recursive: true })
  const plan = planFleet(seed, p)
  const environment = environmentOf(seed)
  const series: ExposedSeries[] = []
  const agents: TruthAgent[] = []
  const incidents: TruthIncident[] = []
  const spans = new Float64Array(plan.minutes)
  for (const a of p.agents) {
    const simulated = simulateAgent(seed, a, p, plan, environment)
    series.push(...simulated.series)
    agents.push({ name: a.name, peakRunsPerHour: a.peakRunsPerHour, runs: simulated.runs, normal: simulated.normal })
    const random = createRandom(seed, `complaints/${a.name}`)
    incidents.push(...simulated.incidents.map((i) => truthOf(i, simulated.normal, p.complaints, random)))
    for (let m = 0; m < plan.minutes; m++) spans[m] = (spans[m] ?? 0) + (simulated.spans[m] ?? 0)
  }
  series.push(...processorSeries(plan, spans))
  const { samples } = writeOpenMetrics(dir, series, scrapedMinutes(plan))
  const truth: Truth = {
    seed,
    environment,
    testStart: secondsOf(plan.historyMinutes),
    testEnd: secondsOf(plan.minutes - 1),
    agents,
    incidents,
    healthy: plan.healthy.map((h) => ({ ...h, start: secondsOf(h.start) })),
    unplaced: plan.unplaced,
    samples,
  }
  writeFileSync(join(dir, 'truth.json'), JSON.stringify(truth))
  return truth
}

/** A restart costs the scrapes of two minutes, a gap those of its length. */
function scrapedMinutes(plan: Plan): Uint8Array {
  const out = new Uint8Array(plan.minutes).fill(1)
  for (const h of plan.healthy) {
    if (h.kind === 'processor_restart') out.fill(0, h.start - 1, h.start + 1)
    if (h.kind === 'scrape_gap') out.fill(0, h.start, h.start + h.minutes)
  }
  return out
}

function processorSeries(plan: Plan, spans: Float64Array): ExposedSeries[] {
  const restarts = new Set(plan.healthy.filter((h) => h.kind === 'processor_restart').map((h) => h.start))
  let sum = 0
  const received = spans.map((n, m) => {
    sum = restarts.has(m) ? n : sum + n
    return sum
  })
  return [
    { head: 'agentopz_spans_received_total{dialect="gen_ai",signal="traces"} ', values: received },
    { head: 'agentopz_build_info{version="0.0.0",node_version="v24"} ', values: new Float64Array(plan.minutes).fill(1) },
  ]
}

if (import.meta.main) {
  const [file = ''] = process.argv.slice(2)
  const truth = simulateFleet(JSON.parse(readFileSync(file, 'utf8')) as FleetRequest)
  process.stdout.write(JSON.stringify({ samples: truth.samples, incidents: truth.incidents.length }))
}
