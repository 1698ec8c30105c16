/**
 * Simulated runs → the catalogue's series of one agent, by the processor's own rules: all of a run counts in the minute in which it closes,
 * a cohort's usual outcomes and a tool's errors appear at 0 with the first use, first-seen times and everything else start anew with the
 * processor. Runs open between two minutes show in the open-run gauges.
 */
import type { Cohort } from './cohorts.ts'
import type { Normal } from './normal.ts'
import { type AgentParameters, EPOCH_SECONDS } from './parameters.ts'
import { INPUT_BUCKETS, type SimulatedRun } from './run-model.ts'
import type { PlannedIncident } from './schedule.ts'
import { type Add, type AgentSeries, aliveMinutes, type ExposedSeries } from './series.ts'

const FIXED = { agent_version: '1.0.0', tools_version: 'h:5f3a91c2' } as const
const PROVIDER = 'atlas'
const CHECKS = ['completed', 'not_truncated', 'not_refused', 'not_empty', 'no_loop'] as const
const FAILED_CHECK = { error: 'completed', refusal: 'not_refused', truncated: 'not_truncated' } as const
export const JUDGE = { evaluation: 'answer_quality', source: 'judge' } as const

interface CohortSeries {
  readonly runs: Record<'pass' | 'fail' | 'error', Add>
  readonly checks: Map<string, Record<'pass' | 'fail', Add>>
  readonly judge: Record<'pass' | 'fail', Add>
  readonly cost: Add
}

export class AgentRecorder {
  readonly #series: AgentSeries
  readonly #agent: AgentParameters
  readonly #minutes: number
  readonly #restarts: readonly number[]
  readonly #cohorts = new Map<string, CohortSeries>()
  readonly #seen = new Map<string, Uint8Array>()
  readonly #tools: readonly Record<'ok' | 'error' | 'empty', Add>[]
  readonly #inputs: readonly Add[]
  readonly #closed: Uint8Array
  readonly #verdicts: { readonly pass: Float64Array; readonly fail: Float64Array }
  readonly #open: Record<'runs' | 'cost' | 'steps' | 'age' | 'streak', Float64Array>
  readonly #sizes: Record<'cost' | 'steps' | 'calls' | 'duration', (minute: number, value: number) => void>

  constructor(series: AgentSeries, agent: AgentParameters, minutes: number, restarts: readonly number[]) {
    const perMinute = (): Float64Array => new Float64Array(minutes)
    this.#series = series
    this.#agent = agent
    this.#minutes = minutes
    this.#restarts = restarts
    this.#closed = new Uint8Array(minutes)
    this.#verdicts = { pass: perMinute(), fail: perMinute() }
    this.#open = { runs: perMinute(), cost: perMinute(), steps: perMinute(), age: perMinute(), streak: perMinute() }
    const call = (tool: string, outcome: string, group: string): Add =>
      series.counter(group, 'agentopz_tool_calls_total', { tool, outcome })
    this.#tools = agent.tools.map((tool) => ({
      ok: call(tool, 'ok', `tool/${tool}`),
      error: call(tool, 'error', `tool/${tool}`),
      empty: call(tool, 'empty', `empty/${tool}`),
    }))
    this.#inputs = INPUT_BUCKETS.map((bucket) =>
      series.counter(`input/${bucket}`, 'agentopz_input_feature_total', { feature: 'tokens', bucket }),
    )
    this.#sizes = {
      cost: series.histogram('agentopz_run_cost_usd'),
      steps: series.histogram('agentopz_run_steps'),
      calls: series.histogram('agentopz_run_tool_calls'),
      duration: series.histogram('agentopz_run_duration_seconds'),
    }
  }

  /** Counts a run; `verdictMinute` is when its judge speaks, undefined when none does. */
  run(run: SimulatedRun, cohort: Cohort, verdictMinute: number | undefined): void {
    const minute = Math.floor(run.end) + 1
    this.#openFrom(run, run.isLooping ? run.steps / 2 : 0)
    if (minute >= this.#minutes) return
    const c = this.#cohort(cohort)
    this.#ended(c, run, minute)
    c.cost(minute, run.costUsd)
    this.#close(minute, cohort, run)
    for (const [t, counts] of run.calls.entries()) this.#called(t, counts, minute)
    this.#inputs[run.inputBucket]?.(minute)
    if (verdictMinute === undefined || verdictMinute >= this.#minutes) return
    const verdict = run.passes ? 'pass' : 'fail'
    c.judge[verdict](verdictMinute)
    this.#verdicts[verdict][verdictMinute] = (this.#verdicts[verdict][verdictMinute] ?? 0) + 1
  }

  /** A run that only ends with its incident, having cost forty times what one run in a hundred costs. */
  runaway(incident: PlannedIncident, cohort: Cohort, normal: Normal): void {
    const costUsd = normal.costUsd.p99 * 40
    const steps = normal.steps.max * 6
    const span = { start: incident.start, end: incident.end, costUsd, steps }
    this.#openFrom(span, steps / 4)
    const minute = incident.end + 1
    if (minute >= this.#minutes) return
    const c = this.#cohort(cohort)
    c.runs.pass(minute)
    for (const verdict of c.checks.values()) verdict.pass(minute)
    c.cost(minute, costUsd)
    this.#close(minute, cohort, { ...span, durationSeconds: (span.end - span.start) * 60, calls: [] })
  }

  /** Verdicts of the judge before a minute. */
  verdictsBefore(minute: number): { readonly pass: number; readonly fail: number } {
    const sum = (values: Float64Array): number => values.subarray(0, minute).reduce((a, b) => a + b, 0)
    return { pass: sum(this.#verdicts.pass), fail: sum(this.#verdicts.fail) }
  }

  expose(): ExposedSeries[] {
    const s = this.#series
    const open = (values: Float64Array): Float64Array => values.map((v, m) => ((this.#open.runs[m] ?? 0) > 0 ? v : Number.NaN))
    s.gauge('agentopz_open_runs', {}, open(this.#open.runs))
    s.gauge('agentopz_open_run_max_cost_usd', {}, open(this.#open.cost))
    s.gauge('agentopz_open_run_max_steps', {}, open(this.#open.steps))
    s.gauge('agentopz_open_run_max_age_seconds', {}, open(this.#open.age))
    s.gauge('agentopz_open_run_max_streak', {}, open(this.#open.streak))
    s.gauge('agentopz_last_run_timestamp_seconds', {}, timestamps(this.#closed, this.#restarts, 'last'))
    for (const [key, used] of this.#seen) {
      const [dimension = '', value = ''] = key.split('\0')
      s.gauge('agentopz_cohort_first_seen_timestamp_seconds', { dimension, value }, timestamps(used, this.#restarts, 'first'))
    }
    const always = (value: number): Float64Array => new Float64Array(this.#minutes).fill(value)
    s.gauge('agentopz_objective', { objective: 'quality' }, always(0.95))
    s.gauge('agentopz_objective_info', { team: this.#agent.team, severity: '', runbook_url: '' }, always(1))
    return s.expose()
  }

  /** Outcome, quality and the verdicts of the built-in checks. A step limit is no check's business. */
  #ended(c: CohortSeries, run: SimulatedRun, minute: number): void {
    const failed = run.ending === 'ok' || run.ending === 'step_limit' ? undefined : FAILED_CHECK[run.ending]
    const isGood = failed === undefined && !run.isLoopSeen
    c.runs[run.ending === 'error' ? 'error' : isGood ? 'pass' : 'fail'](minute)
    for (const [check, verdict] of c.checks) verdict[check === failed || (check === 'no_loop' && run.isLoopSeen) ? 'fail' : 'pass'](minute)
  }

  #called(tool: number, [ok, error, empty]: readonly [number, number, number], minute: number): void {
    const calls = this.#tools[tool]
    if (ok > 0) calls?.ok(minute, ok)
    if (error > 0) calls?.error(minute, error)
    if (empty > 0) calls?.empty(minute, empty)
  }

  #close(
    minute: number,
    cohort: Cohort,
    run: {
      readonly costUsd: number
      readonly steps: number
      readonly durationSeconds: number
      readonly calls: readonly (readonly number[])[]
    },
  ): void {
    this.#closed[minute] = 1
    const dimensions = { ...madeOf(cohort), prompt_version: cohort.promptVersion, model: cohort.model }
    for (const [dimension, value] of Object.entries(dimensions)) {
      const key = `${dimension}\0${value}`
      const seen = this.#seen.get(key) ?? new Uint8Array(this.#minutes)
      this.#seen.set(key, seen)
      seen[minute] = 1
    }
    this.#sizes.cost(minute, run.costUsd)
    this.#sizes.steps(minute, run.steps)
    this.#sizes.calls(
      minute,
      run.calls.flat().reduce((a, b) => a + b, 0),
    )
    this.#sizes.duration(minute, run.durationSeconds)
  }

  /** Shows a run in the open-run gauges at every scrape it is open at; what it has done grows evenly. */
  #openFrom(run: { readonly start: number; readonly end: number; readonly costUsd: number; readonly steps: number }, streak: number): void {
    const raise = (values: Float64Array, m: number, value: number): void => {
      if (value > (values[m] ?? 0)) values[m] = value
    }
    for (let m = Math.floor(run.start) + 1; m <= Math.min(Math.floor(run.end), this.#minutes - 1); m++) {
      const done = (m - run.start) / (run.end - run.start)
      this.#open.runs[m] = (this.#open.runs[m] ?? 0) + 1
      raise(this.#open.age, m, Math.round((m - run.start) * 60))
      raise(this.#open.cost, m, Math.round(run.costUsd * done * 1e6) / 1e6)
      raise(this.#open.steps, m, Math.floor(run.steps * done))
      raise(this.#open.streak, m, Math.max(1, Math.floor(streak * done)))
    }
  }

  #cohort(cohort: Cohort): CohortSeries {
    const { promptVersion, model } = cohort
    const key = `${promptVersion}\0${model}`
    const made = madeOf(cohort)
    const whole = `${key}\0${made.tools_version}\0${made.agent_version}`
    const known = this.#cohorts.get(whole)
    if (known !== undefined) return known
    const s = this.#series
    const runs = (outcome: string, quality: string): Add =>
      s.counter(`cohort/${whole}`, 'agentopz_runs_total', { ...made, prompt_version: promptVersion, model, outcome, quality })
    const verdicts = (evaluation: string, source: string): Record<'pass' | 'fail', Add> => {
      const one = (verdict: string): Add =>
        s.counter(`${evaluation}/${key}`, 'agentopz_evaluations_total', {
          evaluation,
          source,
          verdict,
          prompt_version: promptVersion,
          model,
        })
      return { pass: one('pass'), fail: one('fail') }
    }
    const series: CohortSeries = {
      runs: { pass: runs('ok', 'pass'), fail: runs('ok', 'fail'), error: runs('error', 'fail') },
      checks: new Map(CHECKS.map((check) => [check, verdicts(check, 'builtin')])),
      judge: verdicts(JUDGE.evaluation, JUDGE.source),
      cost: s.counter(`cost/${model}`, 'agentopz_cost_usd_total', { model, provider: PROVIDER }),
    }
    this.#cohorts.set(whole, series)
    return series
  }
}

function madeOf({ toolsVersion, agentVersion }: Cohort): { readonly agent_version: string; readonly tools_version: string } {
  return { agent_version: agentVersion ?? FIXED.agent_version, tools_version: toolsVersion ?? FIXED.tools_version }
}

/** When something was first or last used since the processor started, in Unix seconds, while it is not idle. */
function timestamps(used: Uint8Array, restarts: readonly number[], which: 'first' | 'last'): Float64Array {
  const out = new Float64Array(used.length).fill(Number.NaN)
  let at = Number.NaN
  for (const [m, alive] of aliveMinutes(used, restarts).entries()) {
    if (alive === 0) continue
    if (alive === 2 || (which === 'last' && used[m] === 1)) at = EPOCH_SECONDS + m * 60
    out[m] = at
  }
  return out
}
