/**
 * Histories of agents with known causes: each class once busy and once quiet, a day before it begins and until triage is asked. The runs, their
 * noise and what the processor counts are those of bench/detection; model calls and tokens are added here. Runs as a process of its own
 * (`node simulate.ts REQUEST.json`); writes OpenMetrics files, prints the truth.
 */
import { mkdirSync, readFileSync } from 'node:fs'
import type { IncidentEffect } from '../detection/fleet/incident-classes.ts'
import type { Cohort } from '../detection/fleet/cohorts.ts'
import { writeOpenMetrics } from '../detection/fleet/openmetrics.ts'
import { type AgentParameters, DAY_MINUTES, DEFAULT_PARAMETERS, EPOCH_SECONDS, trafficAt } from '../detection/fleet/parameters.ts'
import { createRandom, noise, type Random } from '../detection/fleet/random.ts'
import { AgentRecorder } from '../detection/fleet/record-agent.ts'
import { drawRun, type SimulatedRun } from '../detection/fleet/run-model.ts'
import { AgentSeries, type ExposedSeries } from '../detection/fleet/series.ts'
import { type Change, TRIAGE_CLASSES, type TriageClass } from './classes.ts'

export interface Size {
  readonly name: 'busy' | 'quiet'
  readonly peakRunsPerHour: number
  readonly evaluationRate: number
  /** Minutes after the beginning at which triage is asked. */
  readonly askedAfter: number
}

export const SIZES: readonly Size[] = [
  { name: 'busy', peakRunsPerHour: 300, evaluationRate: 0.5, askedAfter: 60 },
  { name: 'quiet', peakRunsPerHour: 30, evaluationRate: 1, askedAfter: 180 },
]

export interface HistoryTruth {
  readonly agent: string
  readonly environment: string
  readonly className: string
  readonly size: Size['name']
  readonly beganMs: number
  readonly askedMs: number
  /** Runs before it began, and runs since that the changes reached. */
  readonly runsBefore: number
  readonly runsReached: number
}

/** What triage reads; the rest of the catalogue would only cost time. */
const READ = /^agentopz_(runs_total|evaluations_total|tool_calls_total|input_feature_total|model_calls_total|tokens_total|run_|cohort_)/
const MODEL = 'atlas-2'

export function simulateHistories(seed: number, dir: string): readonly HistoryTruth[] {
  mkdirSync(dir, { recursive: true })
  const series: ExposedSeries[] = []
  const truths: HistoryTruth[] = []
  for (const c of TRIAGE_CLASSES)
    for (const size of SIZES) {
      const { truth, exposed } = simulate(seed, c, size)
      truths.push(truth)
      series.push(...exposed.filter((s) => READ.test(s.head)))
    }
  const longest = Math.max(...series.map((s) => s.values.length))
  const padded = series.map(({ head, values }) => ({ head, values: values.length === longest ? values : pad(values, longest) }))
  writeOpenMetrics(dir, padded, new Uint8Array(longest).fill(1))
  return truths
}

/** An agent that nobody scrapes any more has no samples. */
function pad(values: Float64Array, length: number): Float64Array {
  const out = new Float64Array(length).fill(Number.NaN)
  out.set(values)
  return out
}

function simulate(seed: number, c: TriageClass, size: Size): { readonly truth: HistoryTruth; readonly exposed: readonly ExposedSeries[] } {
  const agent = `${c.name}-${size.name}`
  const environment = `fleet-${seed}`
  const random = createRandom(seed, `triage/${agent}`)
  const p = DEFAULT_PARAMETERS
  const a = agentOf(agent, size)
  const began = DAY_MINUTES + (c.minuteOfDay ?? random.whole(8 * 60, 15 * 60))
  const minutes = began + size.askedAfter
  const restarts = c.restartAt === undefined ? [] : [began + c.restartAt]
  const series = new AgentSeries(agent, environment, minutes, restarts)
  const recorder = new AgentRecorder(series, a, minutes, restarts)
  const spend = spender(series, createRandom(seed, `spend/${agent}`))
  const weather = {
    quality: noise(random, minutes, p.noise.quality, 240),
    cost: noise(random, minutes, p.noise.cost, 720),
    steps: noise(random, minutes, p.noise.steps, 720),
    volume: noise(random, minutes, p.noise.volume, 120),
    toolErrors: noise(random, minutes, p.noise.toolErrors, 180),
    duration: noise(random, minutes, p.noise.duration, 240),
  }
  let [runsBefore, runsReached] = [0, 0]
  for (let m = 0; m < minutes; m++) {
    const active = c.changes.filter((change) => m >= began + change.at)
    const factor = active.reduce((f, { effect }) => f * (effect?.volumeFactor ?? 1), 1)
    const rate = (a.peakRunsPerHour / 60) * trafficAt(a.profile, m) * Math.exp(weather.volume[m] ?? 0) * factor
    for (let k = random.poisson(rate); k > 0; k--) {
      const reached = active.filter(({ share }) => share === undefined || random.uniform() < share)
      const effect = merged(reached)
      const moment = {
        quality: weather.quality[m] ?? 0,
        cost: weather.cost[m] ?? 0,
        steps: weather.steps[m] ?? 0,
        toolErrors: weather.toolErrors[m] ?? 0,
        duration: weather.duration[m] ?? 0,
      }
      const run = drawRun(random, a, p, m, { ...moment, ...(effect === undefined ? {} : { effect }) })
      const verdictAt =
        random.uniform() < a.evaluationRate ? Math.floor(run.end + random.exponential(a.verdictDelayMinutes)) + 1 : undefined
      const cohort = cohortOf(reached)
      recorder.run(run, cohort, verdictAt)
      spend(
        run,
        cohort.model,
        reached.reduce((f, { tokens }) => f * (tokens ?? 1), 1),
      )
      if (m < began) runsBefore++
      else if (reached.some((r) => r.effect !== undefined)) runsReached++
    }
  }
  const ms = (minute: number): number => (EPOCH_SECONDS + minute * 60) * 1000
  const truth = {
    agent,
    environment,
    className: c.name,
    size: size.name,
    beganMs: ms(began),
    askedMs: ms(minutes),
    runsBefore,
    runsReached,
  }
  return { truth, exposed: recorder.expose() }
}

function agentOf(name: string, { peakRunsPerHour, evaluationRate }: Size): AgentParameters {
  const base = DEFAULT_PARAMETERS.agents.find((a) => a.name === 'rag-search')
  if (base === undefined) throw new Error('bench/detection has no agent rag-search')
  return { ...base, name, peakRunsPerHour, evaluationRate }
}

/** Effects of overlapping changes: losses add up, factors multiply, of rates the last counts. */
function merged(reached: readonly Change[]): IncidentEffect | undefined {
  const effects = reached.flatMap(({ effect }) => (effect === undefined ? [] : [effect]))
  if (effects.length === 0) return undefined
  return effects.reduce((all, e) => ({
    ...all,
    ...e,
    passAdd: (all.passAdd ?? 0) + (e.passAdd ?? 0),
    durationFactor: (all.durationFactor ?? 1) * (e.durationFactor ?? 1),
  }))
}

function cohortOf(reached: readonly Change[]): Cohort {
  const has = (what: 'prompt' | 'tools' | 'model' | 'agent'): boolean => reached.some((r) => r[what] === true)
  return {
    promptVersion: has('prompt') ? 'v2' : 'v1',
    model: has('model') ? 'atlas-3' : MODEL,
    toolsVersion: has('tools') ? 'h:c0ffee02' : 'h:5f3a91c2',
    agentVersion: has('agent') ? '1.1.0' : '1.0.0',
  }
}

const FINISH = { ok: 'stop', step_limit: 'tool_calls', refusal: 'refusal', truncated: 'length', error: '' } as const
const MEAN_TOKENS = { output: 180, reasoning: 90 } as const

/** Counts model calls and their tokens when the run closes: one call for each step that is no tool call, the last ends as the run does. */
function spender(series: AgentSeries, random: Random): (run: SimulatedRun, model: string, factor: number) => void {
  return (run, model, factor) => {
    const minute = Math.floor(run.end) + 1
    const provider = 'atlas'
    const calls = Math.max(1, run.steps - run.calls.flat().reduce((x, y) => x + y, 0))
    const count = (outcome: string, reason: string, n: number): void => {
      if (n > 0)
        series.counter(`call/${model}/${reason}`, 'agentopz_model_calls_total', { model, provider, outcome, finish_reason: reason })(
          minute,
          n,
        )
    }
    count('ok', 'tool_calls', calls - 1)
    count(run.ending === 'error' ? 'error' : 'ok', FINISH[run.ending], 1)
    for (const [kind, mean] of Object.entries(MEAN_TOKENS)) {
      const tokens = Math.round(calls * mean * factor * Math.exp(0.5 * random.normal() - 0.125))
      series.counter(`tokens/${model}/${kind}`, 'agentopz_tokens_total', { model, provider, class: kind })(minute, tokens)
    }
  }
}

if (import.meta.main) {
  const [file = ''] = process.argv.slice(2)
  const { seed, dir } = JSON.parse(readFileSync(file, 'utf8')) as { seed: number; dir: string }
  process.stdout.write(JSON.stringify(simulateHistories(seed, dir)))
}
