/**
 * Mastra's OpenTelemetry bridge and exporter, told by `mastra.span.type`.
 * `model_generation` (op `chat`) spans a whole loop and has its summed usage; each provider call inside is a `model_inference` without
 * usage: both are model calls, so a run counts the inner ones and takes the tokens from the outer. Older versions have no inner spans and
 * the outer one is the call. A failed generation ends with status OK and finish reason `error`.
 * Whether Anthropic input holds the cache depends on the AI SDK below, so that is left to arithmetic.
 * Source: @mastra/otel-bridge 1.0 spans of Mastra 1.71; mastra-ai/mastra observability/otel-exporter/src/gen-ai-semantics.ts (28da725).
 */
import type { RawUsage, Reading, SpanRole } from '../../model/run.ts'
import { GEN_AI } from '../../model/semconv.ts'
import type { Attributes, Span } from '../../model/span.ts'
import type { Dialect } from './dialect.ts'
import { GEN_AI_KEYS, readGenAi, roleOf } from './gen-ai.ts'
import { anyCount, anyText, headOf, optional, ownOf, record } from './reading.ts'
import { accountingOf, agentNameOf, errorTypeOf, exceptionType, jsonOf, weigh, withCleanName } from './vendor.ts'

const TYPE = 'mastra.span.type'
const INFERENCE_OUTPUT = 'mastra.model_inference.output'
const CACHE = {
  oldRead: 'gen_ai.usage.cached_input_tokens',
  oldWrite: 'gen_ai.usage.cache_write_tokens',
  write1h: 'gen_ai.usage.cache_creation.1h_input_tokens',
} as const

const ROLE: Readonly<Record<string, SpanRole>> = {
  agent_run: 'agent',
  workflow_run: 'workflow',
  model_generation: 'model',
  model_inference: 'model',
  model_step: 'step',
  model_chunk: 'other',
  tool_call: 'tool',
  mcp_tool_call: 'tool',
  provider_tool_call: 'tool',
  client_tool_call: 'tool',
  processor_run: 'guardrail',
  scorer_run: 'evaluator',
  scorer_step: 'evaluator',
  generic: 'other',
}

function roleFor(span: Span, type: string): SpanRole {
  const known = ownOf(ROLE, type)
  if (known !== undefined) return known
  if (type.startsWith('workflow_')) return 'step'
  if (type.startsWith('rag_'))
    return type.includes('embed') ? 'embedding' : /ingest|upsert|delete/.test(type + span.name) ? 'other' : 'retrieval'
  // Saving to memory is no retrieval.
  if (type === 'memory_operation') return /recall|search|query|retriev/i.test(span.name) ? 'retrieval' : 'other'
  return roleOf(span.attributes)
}

function read(span: Span): Reading {
  const a = span.attributes
  const type = a.text(TYPE)?.toLowerCase() ?? ''
  const role = roleFor(span, type)
  const { errorType, ...base } = readGenAi(span, { role, cacheAccounting: accountingFor(a) })
  const failed = errorType !== undefined || span.status === 'error'
  const common: Reading = { ...base, ...(failed ? optional('errorType', errorTypeOf(errorType) ?? exceptionType(span)) : {}) }
  if (type === 'model_inference') {
    // Its own usage, should a version report it, is the same tokens as the generation's: the innermost counts.
    return { ...withCleanName(common), ...inferenceAnswer(a) }
  }
  if (role === 'model') return withCleanName({ ...common, ...optional('usage', withCache(a, base.usage)) })
  if (role === 'workflow') return { ...common, ...optional('agentName', agentNameOf(base.agentName) ?? workflowName(span.name)) }
  return withCleanName(common)
}

function accountingFor(a: Attributes): RawUsage['cacheAccounting'] {
  const model = anyText(a, GEN_AI.responseModel, GEN_AI.requestModel, GEN_AI.provider)
  return accountingOf(model) === 'excluded' ? 'unknown' : 'included'
}

function withCache(a: Attributes, usage: RawUsage | undefined): RawUsage | undefined {
  if (usage === undefined) return undefined
  return {
    ...usage,
    ...optional('cacheRead', usage.cacheRead ?? a.count(CACHE.oldRead)),
    ...optional('cacheWrite', usage.cacheWrite ?? anyCount(a, CACHE.oldWrite)),
    ...optional('cacheWrite1h', a.count(CACHE.write1h)),
  }
}

/** `{text, toolCalls}` of one provider call. */
function inferenceAnswer(a: Attributes): Partial<Reading> {
  const out = record(a.has(INFERENCE_OUTPUT) ? jsonOf(a, INFERENCE_OUTPUT) : undefined)
  if (out === undefined) return {}
  const text = typeof out['text'] === 'string' ? out['text'] : weigh([out['text']]).text
  const calls = Array.isArray(out['toolCalls']) ? out['toolCalls'].length : 0
  const other = ['object', 'files', 'reasoningFiles'].some(
    (k) => out[k] !== undefined && out[k] !== null && JSON.stringify(out[k]) !== '[]',
  )
  return {
    ...(calls > 0 ? { finish: 'tool_call' as const } : {}),
    outputEmpty: text.trim() === '' && calls === 0 && !other,
    outputText: headOf(text, 4096),
  }
}

/** `invoke_workflow weather-workflow`: the id of the definition, which a person wrote. */
function workflowName(name: string): string | undefined {
  return agentNameOf(/^(?:invoke_workflow|workflow_run|workflow run:)\s+'?([^']+)'?$/.exec(name)?.[1])
}

export const mastra: Dialect = {
  name: 'mastra',
  keys: [...GEN_AI_KEYS, ...Object.values(CACHE), TYPE, INFERENCE_OUTPUT],
  signs: [TYPE],
  recognises: ({ attributes: a }) => a.has(TYPE),
  read,
}
