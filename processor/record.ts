/**
 * One closed run → the catalogue's metrics; late work → counters only. Nothing is kept here.
 * Counters grow by the run's weight, histograms observe that often. Unknown is left out or counted apart, never recorded as zero:
 * a run's cost is observed only when all of it is known, its duration only when its root ended.
 * Contract: design §4, rules R5, R6, R8, R12, R13.
 */
import {
  type Cost,
  type ModelCall,
  type Quality,
  type Run,
  type Spend,
  stepsOf,
  TOKEN_CLASSES,
  type RunOutcome,
  type ToolCall,
} from '../model/run.ts'
import type { LabelsOf } from '../model/metrics.ts'
import { safeLabel } from './cardinality.ts'
import type { CheckVerdict } from './evaluations/index.ts'
import { scriptOf, tokenBucket } from './input-features.ts'
import type { Metrics, Observation } from './metrics.ts'
import { recordStandard } from './record-standard.ts'
import type { LateWork } from './runs/runs.ts'
import { totalTokens } from './usage.ts'

export interface Objectives {
  readonly cost_usd?: number
  readonly steps?: number
  readonly duration_seconds?: number
}

export interface RecordContext {
  readonly price: (spend: Spend) => Cost
  /** Thresholds per run of an agent; absent ones are not judged. */
  readonly objectives: (agent: string) => Objectives
}

// Labels are written out field by field and not spread: some sixty samples a run, and a spread copies by a slow way each time.
interface Recorder {
  readonly metrics: Metrics
  readonly context: RecordContext
  readonly now: number
  readonly weight: number
  readonly traceId: string
  readonly labels: { readonly agent: string; readonly environment: string }
}

/** The cohort labels that metrics besides agentopz_runs_total carry. */
interface Made {
  readonly prompt_version: string
  readonly model: string
}

/** How runs commonly end; shown at 0 from a cohort's first run on. */
const EXPECTED = [
  { outcome: 'ok', quality: 'pass' },
  { outcome: 'ok', quality: 'fail' },
  { outcome: 'error', quality: 'fail' },
] as const

type RunHistogram =
  | 'agentopz_run_steps'
  | 'agentopz_run_model_calls'
  | 'agentopz_run_tool_calls'
  | 'agentopz_run_duration_seconds'
  | 'agentopz_run_cost_usd'

/** Records a run that closed. */
// oxlint-disable-next-line max-params -- run, what was judged of it, and where it goes: one call per run, read in that order
export function recordRun(
  run: Run,
  verdicts: readonly CheckVerdict[],
  quality: Quality,
  metrics: Metrics,
  context: RecordContext,
  now: number,
): void {
  const labels = { agent: run.agent, environment: run.environment }
  const r: Recorder = { metrics, context, now, weight: run.weight, traceId: run.traceId, labels }
  const cohort = {
    agent_version: safeLabel(run.cohort.agentVersion),
    prompt_version: safeLabel(run.cohort.promptVersion),
    model: safeLabel(run.cohort.model),
    tools_version: safeLabel(run.cohort.toolsVersion),
  }
  const made: Made = { prompt_version: cohort.prompt_version, model: cohort.model }
  // A cohort's first failure must be an increase, not a new series: Prometheus cannot tell a rate from one sample.
  const runLabels = (outcome: RunOutcome, of: Quality): LabelsOf<'agentopz_runs_total'> => ({
    agent: run.agent,
    environment: run.environment,
    agent_version: cohort.agent_version,
    prompt_version: cohort.prompt_version,
    model: cohort.model,
    tools_version: cohort.tools_version,
    outcome,
    quality: of,
  })
  for (const expected of EXPECTED) metrics.start('agentopz_runs_total', runLabels(expected.outcome, expected.quality), now)
  metrics.add('agentopz_runs_total', runLabels(run.outcome, quality), run.weight, now, run.traceId)
  metrics.set('agentopz_last_run_timestamp_seconds', labels, now / 1000, now)
  for (const [dimension, value] of Object.entries(cohort))
    if (value !== '') metrics.firstSeen({ agent: run.agent, environment: run.environment, dimension, value }, now)
  recordModelCalls(r, run.modelCalls)
  recordToolCalls(r, run.toolCalls)
  for (const call of run.toolCalls) {
    metrics.observe(
      'agentopz_tool_duration_seconds',
      { agent: run.agent, environment: run.environment, tool: call.tool },
      weighted(r, call.durationMs / 1000),
      now,
    )
  }
  recordSizes(r, run, made, recordSpend(r, run.spend))
  recordConflicts(r, run.conflicts)
  for (const { guard, cause } of run.interventions)
    r.metrics.add('agentopz_interventions_total', { ...r.labels, control: guard, reason: cause }, r.weight, r.now, r.traceId)
  recordVerdicts(r, verdicts, made)
  recordInput(r, run)
  recordStandard(run, metrics, now)
}

/**
 * Records work that came after its run closed or beside every run: counters, never histograms of runs or calls (R8).
 * A late evaluation is recorded whole, score included: it is told once, and late is when most of them come.
 */
// oxlint-disable-next-line max-params -- as recordRun
export function recordLate(work: LateWork, verdicts: readonly CheckVerdict[], metrics: Metrics, context: RecordContext, now: number): void {
  const labels = { agent: work.agent, environment: work.environment }
  const r: Recorder = { metrics, context, now, weight: 1, traceId: work.traceId, labels }
  metrics.add('agentopz_late_spans_total', labels, work.lateSpans, now)
  recordModelCalls(r, work.modelCalls)
  recordToolCalls(r, work.toolCalls)
  recordSpend(r, work.spend)
  recordConflicts(r, work.conflicts)
  recordVerdicts(r, verdicts, { prompt_version: safeLabel(work.promptVersion), model: safeLabel(work.model) })
}

function weighted(r: Recorder, value: number): Observation {
  return { value, weight: r.weight, traceId: r.traceId }
}

function recordModelCalls(r: Recorder, calls: readonly ModelCall[]): void {
  for (const c of calls) {
    const { agent, environment } = r.labels
    const model = safeLabel(c.model)
    const provider = safeLabel(c.provider)
    r.metrics.start('agentopz_model_calls_total', { agent, environment, model, provider, outcome: 'error', finish_reason: '' }, r.now)
    const by = { agent, environment, model, provider, outcome: c.outcome, finish_reason: c.finish ?? '' }
    r.metrics.add('agentopz_model_calls_total', by, r.weight, r.now, r.traceId)
    if (c.failedAttempts > 0)
      r.metrics.add('agentopz_model_attempts_failed_total', { agent, environment, model, provider }, r.weight * c.failedAttempts, r.now)
  }
}

function recordToolCalls(r: Recorder, calls: readonly ToolCall[]): void {
  for (const c of calls) {
    const { agent, environment } = r.labels
    r.metrics.start('agentopz_tool_calls_total', { agent, environment, tool: c.tool, outcome: 'ok' }, r.now)
    r.metrics.start('agentopz_tool_calls_total', { agent, environment, tool: c.tool, outcome: 'error' }, r.now)
    r.metrics.add('agentopz_tool_calls_total', { agent, environment, tool: c.tool, outcome: c.outcome }, r.weight, r.now, r.traceId)
  }
}

/** What a run's spend came to: the priced part, and whether that is all of it. */
interface Bill {
  readonly usd: number
  readonly isWhole: boolean
}

/** Tokens, cost, and tokens that could not be priced. */
function recordSpend(r: Recorder, spend: readonly Spend[]): Bill {
  let usd = 0
  let isWhole = true
  for (const s of spend) {
    const { agent, environment } = r.labels
    const model = safeLabel(s.model)
    const provider = safeLabel(s.provider)
    for (const c of TOKEN_CLASSES) {
      const tokens = s.usage[c] ?? 0
      if (tokens > 0) r.metrics.add('agentopz_tokens_total', { agent, environment, model, provider, class: c }, r.weight * tokens, r.now)
    }
    const by = { agent, environment, model, provider }
    const cost = r.context.price(s)
    if (!cost.known) {
      isWhole = false
      r.metrics.add('agentopz_unpriced_tokens_total', by, r.weight * (totalTokens(s.usage) ?? 0), r.now, r.traceId)
      continue
    }
    usd += cost.usd
    r.metrics.add('agentopz_cost_usd_total', by, r.weight * cost.usd, r.now, r.traceId)
    if (differs(s.givenCostUsd, cost.usd)) recordConflicts(r, ['given_cost'])
  }
  return { usd, isWhole }
}

/** More than 1 % apart; emitters round to a millionth of a dollar, so less than that is no difference. */
function differs(given: number | undefined, ours: number): boolean {
  if (given === undefined) return false
  const apart = Math.abs(given - ours)
  return apart > 1e-6 && apart > 0.01 * Math.max(given, ours)
}

/** The run's histograms, and which of its agent's thresholds it went over. */
function recordSizes(r: Recorder, run: Run, made: Made, bill: Bill): void {
  const observe = (name: RunHistogram, value: number): void => r.metrics.observe(name, r.labels, weighted(r, value), r.now)
  const seconds = run.durationMs / 1000
  observe('agentopz_run_steps', stepsOf(run))
  observe('agentopz_run_model_calls', run.modelCalls.length)
  observe('agentopz_run_tool_calls', run.toolCalls.length)
  if (run.rootEnded) observe('agentopz_run_duration_seconds', seconds)
  if (bill.isWhole && everyCallReported(run)) observe('agentopz_run_cost_usd', bill.usd)

  // What is known is a lower bound where something is not: a run over its threshold by the known part alone is over it.
  const limits = r.context.objectives(run.agent)
  const exceeded = (objective: string, value: number, limit: number | undefined): void => {
    if (limit === undefined) return
    const by = {
      agent: run.agent,
      environment: run.environment,
      objective,
      prompt_version: made.prompt_version,
      model: made.model,
    }
    r.metrics.start('agentopz_run_exceeded_total', by, r.now)
    if (value > limit) r.metrics.add('agentopz_run_exceeded_total', by, r.weight, r.now, r.traceId)
  }
  exceeded('cost', bill.usd, limits.cost_usd)
  exceeded('steps', stepsOf(run), limits.steps)
  exceeded('duration', seconds, limits.duration_seconds)
}

/**
 * Whether every model call's usage is in the spend: its own, or that of an envelope or agent span around it. A failed call without
 * usage costs nothing. A run without model calls reports all it has.
 */
function everyCallReported(run: Run): boolean {
  const reported = new Set(run.spend.map((s) => s.spanId))
  if (run.modelCalls.every((c) => reported.has(c.spanId) || c.outcome === 'error')) return true
  const calls = new Set(run.modelCalls.map((c) => c.spanId))
  // Spend that is no call's own is an embedding's or an envelope's; more of it than embeddings means an envelope reported.
  return run.spend.filter((s) => !calls.has(s.spanId)).length > run.embeddings
}

function recordConflicts(r: Recorder, kinds: readonly string[]): void {
  for (const kind of kinds) r.metrics.add('agentopz_usage_conflicts_total', { ...r.labels, kind }, r.weight, r.now, r.traceId)
}

function recordVerdicts(r: Recorder, verdicts: readonly CheckVerdict[], made: Made): void {
  for (const v of verdicts) {
    const { agent, environment } = r.labels
    const { evaluation, source, verdict } = v
    const { prompt_version, model } = made
    if (verdict === 'pass')
      r.metrics.start(
        'agentopz_evaluations_total',
        { agent, environment, evaluation, source, verdict: 'fail', prompt_version, model },
        r.now,
      )
    // An exemplar is there to be looked at: only failures have one.
    const traceId = v.verdict === 'fail' ? r.traceId : undefined
    const by = { agent, environment, evaluation, source, verdict, prompt_version, model }
    r.metrics.add('agentopz_evaluations_total', by, r.weight, r.now, traceId)
    if (v.score !== undefined)
      r.metrics.observe('agentopz_evaluation_score', { agent, environment, evaluation, source }, weighted(r, v.score), r.now)
  }
}

function recordInput(r: Recorder, run: Run): void {
  const count = (feature: string, bucket: string): void =>
    r.metrics.add('agentopz_input_feature_total', { agent: run.agent, environment: run.environment, feature, bucket }, r.weight, r.now)
  if (run.firstInputTokens !== undefined) count('tokens', tokenBucket(run.firstInputTokens))
  if (run.inputText !== undefined) count('script', scriptOf(run.inputText))
}
