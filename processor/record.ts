// TEAM NOTE (remove later): done and used by pipeline.ts; keep its API, add tests.
/**
 * One closed run → the catalogue's metrics; late work → counters only. Nothing is kept here.
 * A run's cost is observed only when every call of it could be priced: unknown is counted apart, never as zero.
 */
import type { Cost, ModelCall, Quality, Run, Spend, ToolCall } from '../model/run.ts'
import { stepsOf, TOKEN_CLASSES } from '../model/run.ts'
import { safeLabel } from './cardinality.ts'
import type { CheckVerdict } from './evaluations/index.ts'
import { scriptOf, tokenBucket } from './input-features.ts'
import type { Metrics } from './metrics.ts'
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

interface Recorder {
  readonly metrics: Metrics
  readonly context: RecordContext
  readonly now: number
  readonly weight: number
  readonly traceId: string
  readonly labels: { readonly agent: string; readonly environment: string }
}

/** Records a run that closed. */
export function recordRun(run: Run, verdicts: readonly CheckVerdict[], quality: Quality, metrics: Metrics, context: RecordContext, now: number): void {
  const labels = { agent: run.agent, environment: run.environment }
  const r: Recorder = { metrics, context, now, weight: run.weight, traceId: run.traceId, labels }
  const cohort = {
    agent_version: safeLabel(run.cohort.agentVersion), prompt_version: safeLabel(run.cohort.promptVersion),
    model: safeLabel(run.cohort.model), tools_version: safeLabel(run.cohort.toolsVersion),
  }
  metrics.add('agentopz_runs_total', { ...labels, ...cohort, outcome: run.outcome, quality }, run.weight, now, run.traceId)
  metrics.set('agentopz_last_run_timestamp_seconds', labels, now / 1000, now)
  for (const [dimension, value] of Object.entries(cohort)) if (value !== '') metrics.firstSeen({ ...labels, dimension, value }, now)

  const observe = (name: 'agentopz_run_steps' | 'agentopz_run_model_calls' | 'agentopz_run_tool_calls' | 'agentopz_run_duration_seconds' | 'agentopz_run_cost_usd', value: number): void =>
    metrics.observe(name, labels, { value, weight: run.weight, traceId: run.traceId }, now)
  observe('agentopz_run_steps', stepsOf(run))
  observe('agentopz_run_model_calls', run.modelCalls.length)
  observe('agentopz_run_tool_calls', run.toolCalls.length)
  observe('agentopz_run_duration_seconds', run.durationMs / 1000)
  recordModelCalls(r, run.modelCalls)
  recordToolCalls(r, run.toolCalls)
  const costUsd = recordSpend(r, run.spend)
  const isPriced = costUsd !== undefined && (run.spend.length > 0 || run.modelCalls.length === 0)
  if (isPriced && everyCallReported(run)) observe('agentopz_run_cost_usd', costUsd)

  const limits = context.objectives(run.agent)
  const exceeded = (objective: string, value: number | undefined, limit: number | undefined): void => {
    if (limit === undefined || value === undefined || value <= limit) return
    metrics.add('agentopz_run_exceeded_total', { ...labels, objective, prompt_version: cohort.prompt_version, model: cohort.model }, run.weight, now, run.traceId)
  }
  exceeded('cost', costUsd, limits.cost_usd)
  exceeded('steps', stepsOf(run), limits.steps)
  exceeded('duration', run.durationMs / 1000, limits.duration_seconds)
  for (const kind of run.conflicts) metrics.add('agentopz_usage_conflicts_total', { ...labels, kind }, run.weight, now, run.traceId)
  recordVerdicts(r, verdicts, cohort)
  if (run.firstInputTokens !== undefined) metrics.add('agentopz_input_feature_total', { ...labels, feature: 'tokens', bucket: tokenBucket(run.firstInputTokens) }, run.weight, now)
  if (run.inputText !== undefined) metrics.add('agentopz_input_feature_total', { ...labels, feature: 'script', bucket: scriptOf(run.inputText) }, run.weight, now)
  recordStandard(run, metrics, now)
}

/** Records work that came after its run closed or beside every run: counters, never histograms or runs (R8). */
export function recordLate(work: LateWork, verdicts: readonly CheckVerdict[], metrics: Metrics, context: RecordContext, now: number): void {
  const labels = { agent: work.agent, environment: work.environment }
  const r: Recorder = { metrics, context, now, weight: 1, traceId: work.traceId, labels }
  metrics.add('agentopz_late_spans_total', labels, work.lateSpans, now)
  recordModelCalls(r, work.modelCalls)
  for (const call of work.toolCalls) metrics.add('agentopz_tool_calls_total', { ...labels, tool: call.tool, outcome: call.outcome }, 1, now)
  recordSpend(r, work.spend)
  for (const kind of work.conflicts) metrics.add('agentopz_usage_conflicts_total', { ...labels, kind }, 1, now)
  recordVerdicts(r, verdicts, { prompt_version: safeLabel(work.promptVersion), model: safeLabel(work.model) })
}

function recordModelCalls(r: Recorder, calls: readonly ModelCall[]): void {
  for (const c of calls) {
    const by = { ...r.labels, model: c.model, provider: c.provider }
    r.metrics.add('agentopz_model_calls_total', { ...by, outcome: c.outcome, finish_reason: c.finish ?? '' }, r.weight, r.now, r.traceId)
    r.metrics.add('agentopz_model_attempts_failed_total', by, r.weight * c.failedAttempts, r.now)
  }
}

function recordToolCalls(r: Recorder, calls: readonly ToolCall[]): void {
  for (const c of calls) {
    r.metrics.add('agentopz_tool_calls_total', { ...r.labels, tool: c.tool, outcome: c.outcome }, r.weight, r.now, r.traceId)
    r.metrics.observe('agentopz_tool_duration_seconds', { ...r.labels, tool: c.tool }, { value: c.durationMs / 1000, weight: r.weight, traceId: r.traceId }, r.now)
  }
}

/** Tokens, cost and what could not be priced; returns the sum when all of it was priced. */
function recordSpend(r: Recorder, spend: readonly Spend[]): number | undefined {
  let sum: number | undefined = 0
  for (const s of spend) {
    const by = { ...r.labels, model: s.model, provider: s.provider }
    for (const c of TOKEN_CLASSES) r.metrics.add('agentopz_tokens_total', { ...by, class: c }, r.weight * (s.usage[c] ?? 0), r.now)
    const cost = r.context.price(s)
    if (!cost.known) {
      sum = undefined
      r.metrics.add('agentopz_unpriced_tokens_total', by, r.weight * (totalTokens(s.usage) ?? 0), r.now)
      continue
    }
    if (sum !== undefined) sum += cost.usd
    r.metrics.add('agentopz_cost_usd_total', by, r.weight * cost.usd, r.now, r.traceId)
    const given = s.givenCostUsd
    if (given !== undefined && Math.abs(given - cost.usd) > 0.01 * Math.max(given, cost.usd)) r.metrics.add('agentopz_usage_conflicts_total', { ...r.labels, kind: 'given_cost' }, r.weight, r.now)
  }
  return sum
}

/** Whether every model call's usage is in the spend: its own, or that of an envelope around several calls. */
function everyCallReported(run: Run): boolean {
  const reported = new Set(run.spend.map((s) => s.spanId))
  const unreported = run.modelCalls.filter((c) => !reported.has(c.spanId) && c.outcome !== 'error').length
  const envelopes = run.spend.filter((s) => !run.modelCalls.some((c) => c.spanId === s.spanId)).length
  return unreported === 0 || envelopes > run.embeddings
}

function recordVerdicts(r: Recorder, verdicts: readonly CheckVerdict[], cohort: { readonly prompt_version: string; readonly model: string }): void {
  for (const v of verdicts) {
    const by = { ...r.labels, evaluation: v.evaluation, source: v.source }
    r.metrics.add('agentopz_evaluations_total', { ...by, verdict: v.verdict, prompt_version: cohort.prompt_version, model: cohort.model }, r.weight, r.now, v.verdict === 'fail' ? r.traceId : undefined)
    if (v.score !== undefined) r.metrics.observe('agentopz_evaluation_score', by, { value: v.score, weight: r.weight, traceId: r.traceId }, r.now)
  }
}

function recordStandard(run: Run, metrics: Metrics, now: number): void {
  const weighted = (value: number): { value: number; weight: number; traceId: string } => ({ value, weight: run.weight, traceId: run.traceId })
  const name = { gen_ai_agent_name: run.agent }
  metrics.observeStandard('gen_ai_invoke_agent_duration_seconds', { ...name, error_type: run.outcome === 'error' ? '_OTHER' : '' }, weighted(run.durationMs / 1000), now)
  metrics.observeStandard('gen_ai_invoke_agent_inference_calls', name, weighted(run.modelCalls.filter((c) => c.own).length), now)
  metrics.observeStandard('gen_ai_invoke_agent_tool_calls', name, weighted(run.toolCalls.length), now)
  for (const t of run.toolCalls) {
    metrics.observeStandard('gen_ai_execute_tool_duration_seconds', { gen_ai_tool_name: t.tool, ...name, error_type: t.errorType ?? (t.outcome === 'error' ? '_OTHER' : '') }, weighted(t.durationMs / 1000), now)
  }
  for (const c of run.modelCalls) {
    const labels = { ...name, gen_ai_operation_name: 'chat', gen_ai_provider_name: c.provider, gen_ai_request_model: c.requestModel ?? '', gen_ai_response_model: c.model, error_type: c.errorType ?? (c.outcome === 'error' ? '_OTHER' : '') }
    metrics.observeStandard('gen_ai_client_inference_duration_seconds', labels, weighted(c.durationMs / 1000), now)
  }
}
