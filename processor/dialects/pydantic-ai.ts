/**
 * PydanticAI, scope `pydantic-ai`, both formats: 2026 (`gen_ai.operation.name`, `gen_ai.aggregated_usage.*` on the agent span) and 2025
 * (agent span `agent run` or `{name} run` without an operation, tool span `running tool`, the sum under `gen_ai.usage.*`).
 * Input tokens include the cache. The agent's sum is that run's own, so it is kept for comparison; the run counts model calls.
 * A failed validation of a tool's arguments is a failure; a deferred tool is not, whatever the status says.
 * Source: pydantic/pydantic-ai models/instrumented.py (0021d09) and _instrumentation.py, spans of 0.2.15 and 2.9.1.
 */
import type { RawUsage, Reading, SpanRole } from '../../model/run.ts'
import { EVENT, GEN_AI } from '../../model/semconv.ts'
import type { Attributes, LogRecord, Span } from '../../model/span.ts'
import type { Dialect, LogReading } from './dialect.ts'
import { GEN_AI_KEYS, readEvaluationLog, readGenAi, readGenAiUsage, roleOf } from './gen-ai.ts'
import { anyCount, anyText, itemsOf, newestUserText, optional, record } from './reading.ts'
import { emptyAnswer, exceptionType, hashOf, jsonOf, providerAnswer, systemHash, withCleanName } from './vendor.ts'

const SCOPE = 'pydantic-ai'
const SUM = 'gen_ai.aggregated_usage.'
const DETAILS = 'gen_ai.usage.details.'
const KEY = {
  agentName: 'agent_name',
  model: 'model_name',
  cost: 'operation.cost',
  parameters: 'model_request_parameters',
  events: 'events',
  toolArguments: 'tool_arguments',
  toolResponse: 'tool_response',
  failureStage: 'pydantic_ai.tool.failure_stage',
  deferral: 'pydantic_ai.tool.deferral.name',
  callId: 'gen_ai.agent.call.id',
  spanType: 'logfire.span_type',
  openInference: 'openinference.span.kind',
} as const

function role(span: Span): SpanRole {
  const a = span.attributes
  if (span.name.startsWith('running output function')) return 'step' // the final answer's own function, no tool of the agent
  if (a.has(GEN_AI.operation)) return roleOf(a)
  if (a.has(KEY.agentName) || span.name === 'agent run') return 'agent'
  if (span.name.startsWith('running tool') && a.has(GEN_AI.toolName)) return 'tool'
  return 'step'
}

function read(span: Span): Reading | undefined {
  const a = span.attributes
  // Logfire sends a placeholder when a span starts; the span itself follows with the real numbers.
  if (a.text(KEY.spanType) === 'pending_span') return undefined
  const r = role(span)
  const base = readGenAi(span, { role: r })
  if (r === 'tool') return { ...base, ...tool(span) }
  if (r !== 'agent' && r !== 'model' && r !== 'embedding') return base
  const model = anyText(a, GEN_AI.requestModel, KEY.model)
  const usage = (r === 'agent' ? sumOf(a) : undefined) ?? withDetails(a, base.usage)
  return withCleanName({
    ...base,
    ...optional('requestModel', model),
    ...(r === 'agent' ? optional('agentName', base.agentName ?? a.text(KEY.agentName)) : cohort(a, base)),
    ...optional('usage', usage),
    ...optional('givenCostUsd', a.number(KEY.cost)),
    ...(span.status === 'error' ? optional('errorType', base.errorType ?? exceptionType(span)) : {}),
    ...(base.outputEmpty === undefined && a.has(KEY.events) ? oldContent(a) : {}),
  })
}

/** Cache and reasoning counts under their names before the conventions had any. */
function withDetails(a: Attributes, usage: RawUsage | undefined): RawUsage | undefined {
  if (usage === undefined) return undefined
  return {
    ...usage,
    ...optional(
      'cacheRead',
      usage.cacheRead ?? anyCount(a, `${DETAILS}cache_read_tokens`, `${DETAILS}cache_read_input_tokens`, `${DETAILS}cached_tokens`),
    ),
    ...optional('cacheWrite', usage.cacheWrite ?? anyCount(a, `${DETAILS}cache_write_tokens`, `${DETAILS}cache_creation_input_tokens`)),
    ...optional('reasoning', usage.reasoning ?? a.count(`${DETAILS}reasoning_tokens`)),
  }
}

function sumOf(a: Attributes): RawUsage | undefined {
  const input = a.count(`${SUM}input_tokens`)
  const output = a.count(`${SUM}output_tokens`)
  if (input === undefined && output === undefined) return readGenAiUsage(a, 'included')
  return {
    ...optional('input', input),
    ...optional('output', output),
    ...optional('cacheRead', anyCount(a, `${SUM}cache_read.input_tokens`, `${SUM}details.cache_read_tokens`)),
    ...optional('cacheWrite', anyCount(a, `${SUM}cache_creation.input_tokens`, `${SUM}details.cache_write_tokens`)),
    ...optional('reasoning', a.count(`${SUM}details.reasoning_tokens`)),
    cacheAccounting: 'included',
  }
}

/** Instructions are the first message and tools a request parameter where the standard attributes are absent. */
function cohort(a: Attributes, base: Reading): Partial<Reading> {
  const tools = base.toolsHash === undefined ? record(jsonOf(a, KEY.parameters))?.['function_tools'] : undefined
  return {
    ...optional('instructionsHash', base.instructionsHash ?? systemHash(itemsOf(a, GEN_AI.inputMessages))),
    ...optional('toolsHash', base.toolsHash ?? (Array.isArray(tools) && tools.length > 0 ? hashOf(tools) : undefined)),
  }
}

/** Messages of the 2025 format: one JSON list of events, the answer under `gen_ai.choice`. */
function oldContent(a: Attributes): Partial<Reading> {
  const events = jsonOf(a, KEY.events)
  if (!Array.isArray(events)) return {}
  const choice = record(events.findLast((e) => record(e)?.['event.name'] === EVENT.choice))
  const { outputEmpty, outputText } = providerAnswer({ message: choice?.['message'] })
  return {
    ...(choice === undefined ? {} : { ...optional('outputEmpty', outputEmpty), ...optional('outputText', outputText) }),
    ...optional('instructionsHash', systemHash(events)),
    ...optional('inputText', newestUserText(events)),
  }
}

function tool(span: Span): Partial<Reading> {
  const a = span.attributes
  const stage = a.text(KEY.failureStage)
  const deferred = a.has(KEY.deferral)
  return {
    ...(a.has(GEN_AI.toolArguments) ? {} : optional('argumentsHash', hashOf(a.text(KEY.toolArguments)))),
    ...(a.has(GEN_AI.toolResult) ? {} : optional('resultEmpty', emptyAnswer(a.text(KEY.toolResponse)))),
    ...(stage === undefined ? {} : { failed: true, errorType: stage }),
    ...(span.status === 'error' && stage === undefined && !deferred ? optional('errorType', exceptionType(span)) : {}),
    ...(deferred ? { failed: false } : {}),
  }
}

/** pydantic_evals; a failed evaluator has `error.type` and no score. */
function readLog(log: LogRecord): LogReading | undefined {
  return /^pydantic[-_](evals|ai)/.test(log.scope.name) ? readEvaluationLog(log) : undefined
}

export const pydanticAi: Dialect = {
  name: 'pydantic_ai',
  keys: [
    ...GEN_AI_KEYS,
    ...Object.values(KEY),
    ...[
      'cache_read_tokens',
      'cache_read_input_tokens',
      'cached_tokens',
      'cache_write_tokens',
      'cache_creation_input_tokens',
      'reasoning_tokens',
    ].map((k) => DETAILS + k),
    ...['input_tokens', 'output_tokens', 'cache_read.input_tokens', 'cache_creation.input_tokens'].map((k) => SUM + k),
    ...['details.cache_read_tokens', 'details.cache_write_tokens', 'details.reasoning_tokens'].map((k) => SUM + k),
  ],
  scopes: [SCOPE],
  signs: [KEY.callId],
  comesFrom: (scope) => scope.name === SCOPE,
  recognises: ({ attributes: a, scope }) => (scope.name === SCOPE || a.has(KEY.callId)) && !a.has(KEY.openInference),
  read,
  readLog,
}
