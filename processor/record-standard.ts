/**
 * One closed run → the conventions' own histograms (`metrics.standard_names: true`), for dashboards that know only those.
 * Where a run does not say what a convention wants, the label is empty, which Prometheus takes as absent.
 * Source: model/metrics-standard.ts.
 */
import type { Run } from '../model/run.ts'
import { safeLabel } from './cardinality.ts'
import type { Metrics } from './metrics.ts'

/** Observes a run, its tool calls and its model calls; does nothing unless standard names are exported. */
export function recordStandard(run: Run, metrics: Metrics, now: number): void {
  const { weight, traceId } = run
  const agent = { gen_ai_agent_name: run.agent }
  const inferenceCalls = metrics.standard('gen_ai_invoke_agent_inference_calls', agent)
  if (inferenceCalls === undefined) return
  if (run.rootEnded) {
    const labels = { ...agent, error_type: run.outcome === 'error' ? (run.modelCalls.at(-1)?.errorType ?? '_OTHER') : '' }
    metrics.standard('gen_ai_invoke_agent_duration_seconds', labels)?.observe(run.durationMs / 1000, weight, now, traceId)
  }
  inferenceCalls.observe(run.modelCalls.filter((c) => c.own).length, weight, now, traceId)
  metrics.standard('gen_ai_invoke_agent_tool_calls', agent)?.observe(run.toolCalls.length, weight, now, traceId)
  for (const t of run.toolCalls) {
    const labels = { ...agent, gen_ai_tool_name: t.tool, error_type: errorTypeOf(t) }
    metrics.standard('gen_ai_execute_tool_duration_seconds', labels)?.observe(t.durationMs / 1000, weight, now, traceId)
  }
  for (const c of run.modelCalls) {
    const labels = {
      ...agent,
      gen_ai_operation_name: 'chat',
      gen_ai_provider_name: safeLabel(c.provider),
      gen_ai_request_model: safeLabel(c.requestModel ?? ''),
      gen_ai_response_model: safeLabel(c.model),
      error_type: errorTypeOf(c),
    }
    metrics.standard('gen_ai_client_inference_duration_seconds', labels)?.observe(c.durationMs / 1000, weight, now, traceId)
  }
}

/** `_OTHER` is the conventions' word for an error of no known type. */
function errorTypeOf(call: { readonly outcome: string; readonly errorType?: string }): string {
  return call.errorType ?? (call.outcome === 'error' ? '_OTHER' : '')
}
