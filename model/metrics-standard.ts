/**
 * The GenAI conventions' own metrics under their Prometheus names, exported on request (`metrics.standard_names: true`).
 * They differ from ours in what they count and in their buckets, and carry no environment; ours are what rules and dashboards read.
 * Source: open-telemetry/semantic-conventions-genai docs/gen-ai/gen-ai-metrics.md and client-inference.md (main, 2026-11).
 */
import type { MetricDefinition } from './metrics.ts'

const AGENT_SECONDS = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6] as const
const CALL_SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92] as const
const CALLS = [1, 2, 4, 8, 16, 32, 64, 128] as const

export const STANDARD_METRICS = {
  gen_ai_invoke_agent_duration_seconds: {
    type: 'histogram',
    group: 'runs',
    labels: ['gen_ai_agent_name', 'error_type'],
    buckets: AGENT_SECONDS,
    help: 'gen_ai.invoke_agent.duration of the root agent of closed runs, in seconds.',
  },
  gen_ai_invoke_agent_inference_calls: {
    type: 'histogram',
    group: 'runs',
    labels: ['gen_ai_agent_name'],
    buckets: CALLS,
    help: "gen_ai.invoke_agent.inference_calls: the root agent's own model calls, failed ones included.",
  },
  gen_ai_invoke_agent_tool_calls: {
    type: 'histogram',
    group: 'runs',
    labels: ['gen_ai_agent_name'],
    buckets: CALLS,
    help: 'gen_ai.invoke_agent.tool_calls of closed runs; other than in the conventions, calls of sub-agents are included.',
  },
  gen_ai_execute_tool_duration_seconds: {
    type: 'histogram',
    group: 'steps',
    labels: ['gen_ai_agent_name', 'gen_ai_tool_name', 'error_type'],
    buckets: CALL_SECONDS,
    help: 'gen_ai.execute_tool.duration of tool calls and retrievals, in seconds.',
  },
  gen_ai_client_inference_duration_seconds: {
    type: 'histogram',
    group: 'steps',
    labels: [
      'gen_ai_agent_name',
      'gen_ai_operation_name',
      'gen_ai_provider_name',
      'gen_ai_request_model',
      'gen_ai_response_model',
      'error_type',
    ],
    buckets: CALL_SECONDS,
    help: 'gen_ai.client.inference.duration of model calls, in seconds; the operation is chat for all of them.',
  },
} as const satisfies Record<string, MetricDefinition>
