/**
 * Pydantic Logfire's own instrumentations: scopes `logfire.openai`, `logfire.anthropic`, `logfire.openai_agents`,
 * `logfire.claude_agent_sdk`, `logfire.mcp`, and `logfire` spans that carry GenAI attributes.
 * Spans are named by message templates ("Agent run: {name!r}") and roles are read off those. Anthropic input is summed by Logfire, so the
 * cache is included; cached and reasoning counts are inside raw JSON. A streamed call is two spans: the request, which ends at once and
 * knows nothing, and "streaming response from …", which is the call. Claude Agent SDK: only the root's usage is true, children write
 * `gen_ai.usage.partial.*`, which is ignored.
 * Source: pydantic/logfire _internal/integrations: openai_agents.py (4ab7e05), claude_agent_sdk.py (973ff05), llm_provider.py (0501cc0).
 */
import type { RawUsage, Reading, SpanRole } from '../../model/run.ts'
import { GEN_AI } from '../../model/semconv.ts'
import type { Attributes, Span } from '../../model/span.ts'
import type { Dialect } from './dialect.ts'
import { GEN_AI_KEYS, readGenAi, readGenAiUsage, roleOf } from './gen-ai.ts'
import { anyText, headOf, optional, record } from './reading.ts'
import {
  agentNameOf,
  emptyAnswer,
  errorTypeOf,
  exceptionType,
  hashOf,
  jsonOf,
  type ProviderAnswer,
  providerAnswer,
  providerUsage,
  withCleanName,
} from './vendor.ts'

const KEY = {
  spanType: 'logfire.span_type',
  level: 'logfire.level_num',
  request: 'request_data',
  answer: 'response_data',
  response: 'response',
  raw: 'gen_ai.usage.raw',
  cost: 'operation.cost',
  oldCost: 'total_cost_usd',
  name: 'name',
  input: 'input',
  output: 'output',
  error: 'error',
  rpcMethod: 'rpc.method',
  oldInput: 'usage.input_tokens',
  oldOutput: 'usage.output_tokens',
  oldCacheRead: 'usage.input_token_details.cache_read',
  oldCacheWrite: 'usage.input_token_details.cache_creation',
  toolInput: 'tool_input',
  toolResponse: 'tool_response',
  model: 'model',
  openInference: 'openinference.span.kind',
} as const

/** Logfire's level for an error; warnings are 13. */
const ERROR_LEVEL = 17
const SCOPES = [
  'logfire.openai',
  'logfire.anthropic',
  'logfire.openai_agents',
  'logfire.claude_agent_sdk',
  'logfire.mcp',
  'logfire.azureopenai',
]

const TEMPLATES: readonly (readonly [RegExp, SpanRole])[] = [
  [/^OpenAI Agents trace/, 'workflow'],
  [/^Agent run/, 'agent'],
  [/^claude\.conversation/, 'agent'],
  [/^Function: /, 'tool'],
  [/^Handoff: /, 'handoff'],
  [/^Guardrail /, 'guardrail'],
  [/^(Task|Turn)\b/, 'step'],
  [/^(Responses API|Chat completion with|claude\.assistant\.turn|streaming response from|Completion with|Message with)/i, 'model'],
  [/^Embedding/, 'embedding'],
]

function role(span: Span): SpanRole {
  const a = span.attributes
  if (span.scope.name === 'logfire.mcp') return a.text(KEY.rpcMethod) === 'tools/call' || /: tools\/call/.test(span.name) ? 'tool' : 'other'
  const byName = TEMPLATES.find(([pattern]) => pattern.test(span.name))?.[1]
  // Every span of the OpenAI Agents scope carries a system, and responses an operation: the template says more.
  const found = byName ?? (a.has(GEN_AI.operation) ? roleOf(a) : a.has(KEY.toolInput) ? 'tool' : 'other')
  const streams = found === 'model' && span.status !== 'error' && !span.name.startsWith('streaming') && a.has(KEY.request)
  return streams && record(jsonOf(a, KEY.request))?.['stream'] === true ? 'step' : found
}

function read(span: Span): Reading | undefined {
  const a = span.attributes
  if (a.text(KEY.spanType) === 'pending_span') return undefined // a placeholder; the span itself follows
  const r = role(span)
  const { errorType, ...base } = readGenAi(span, { role: r })
  const common: Reading = { ...base, ...outcome(span, errorType) }
  if (r === 'tool') return { ...common, ...tool(span) }
  if (r === 'workflow' || (r === 'agent' && span.scope.name === 'logfire.openai_agents')) {
    const name = a.text(KEY.name)
    const { usage: _, ...rest } = common
    return { ...rest, ...optional('agentName', agentNameOf(name === 'Agent workflow' ? undefined : name)) }
  }
  if (r !== 'agent' && r !== 'model' && r !== 'embedding') return common
  const answer = r === 'agent' ? {} : answerOf(a)
  return withCleanName({
    ...common,
    ...optional('requestModel', base.requestModel ?? anyText(a, KEY.model)),
    ...optional('responseModel', base.responseModel ?? answer.model),
    ...optional('responseId', base.responseId ?? (r === 'agent' ? undefined : answer.id)),
    ...optional('usage', usageOf(a, r, answer)),
    ...optional('finish', base.finish ?? answer.finish),
    ...(base.outputEmpty === undefined ? optional('outputEmpty', answer.outputEmpty) : {}),
    ...(base.outputText === undefined ? optional('outputText', answer.outputText) : {}),
    ...optional('givenCostUsd', a.number(KEY.cost) ?? a.number(KEY.oldCost)),
  })
}

/** `error.type` of tools is the whole error text, and `error` of the OpenAI Agents scope is `{message, data}`: both are bounded. */
function outcome(span: Span, errorType: string | undefined): Partial<Reading> {
  const a = span.attributes
  const level = a.number(KEY.level)
  const failed = errorType !== undefined || a.has(KEY.error) || (level !== undefined && level >= ERROR_LEVEL) || span.status === 'error'
  if (!failed) return {}
  return {
    failed: true,
    ...optional('errorType', errorTypeOf(errorType) ?? exceptionType(span) ?? (a.has(KEY.error) ? '_OTHER' : undefined)),
  }
}

function answerOf(a: Attributes): ProviderAnswer {
  const whole = a.has(KEY.response) ? jsonOf(a, KEY.response) : undefined
  if (record(whole) !== undefined) return providerAnswer(whole)
  // `{message, usage}` of OpenAI, `{message: {content}, usage}` of Anthropic, `{combined_chunk_content, chunk_count}` of streams.
  const data = record(a.has(KEY.answer) ? jsonOf(a, KEY.answer) : undefined)
  if (data === undefined) return {}
  const text = data['combined_chunk_content']
  return typeof text === 'string' ? { outputEmpty: text.trim() === '', outputText: headOf(text, 4096) } : providerAnswer(data)
}

function usageOf(a: Attributes, role: SpanRole, answer: ProviderAnswer): RawUsage | undefined {
  const usage = readGenAiUsage(a, 'included')
  if (role === 'agent') return usage ?? oldUsage(a)
  const raw = providerUsage(jsonOf(a, KEY.raw)) ?? answer.usage
  if (usage === undefined) return raw
  return {
    ...usage,
    ...optional('cacheRead', usage.cacheRead ?? raw?.cacheRead),
    ...optional('cacheWrite', usage.cacheWrite ?? raw?.cacheWrite),
    ...optional('cacheWrite1h', raw?.cacheWrite1h),
    ...optional('reasoning', usage.reasoning ?? raw?.reasoning),
  }
}

/** Claude Agent SDK before the standard names: input already holds the cache. */
function oldUsage(a: Attributes): RawUsage | undefined {
  const input = a.count(KEY.oldInput)
  const output = a.count(KEY.oldOutput)
  if (input === undefined && output === undefined) return undefined
  return {
    ...optional('input', input),
    ...optional('output', output),
    ...optional('cacheRead', a.count(KEY.oldCacheRead)),
    ...optional('cacheWrite', a.count(KEY.oldCacheWrite)),
    cacheAccounting: 'included',
  }
}

function tool(span: Span): Partial<Reading> {
  const a = span.attributes
  if (a.has(GEN_AI.toolName)) return {}
  if (span.scope.name === 'logfire.mcp') {
    const params = record(record(jsonOf(a, 'request'))?.['params'])
    return {
      ...optional(
        'toolName',
        (typeof params?.['name'] === 'string' ? params['name'] : undefined) ?? /tools\/call (\S+)/.exec(span.name)?.[1],
      ),
      ...optional('argumentsHash', hashOf(params?.['arguments'])),
      ...(span.name.startsWith('MCP server') ? { serverSide: true } : {}),
    }
  }
  const agents = span.scope.name === 'logfire.openai_agents'
  return {
    ...optional('toolName', agents ? a.text(KEY.name) : span.name),
    ...optional('argumentsHash', hashOf(anyText(a, agents ? KEY.input : KEY.toolInput))),
    ...optional('resultEmpty', emptyAnswer(a.text(agents ? KEY.output : KEY.toolResponse))),
  }
}

export const logfire: Dialect = {
  name: 'logfire',
  keys: [...GEN_AI_KEYS, ...Object.values(KEY), 'request'],
  scopes: SCOPES,
  signs: [],
  comesFrom: (scope) => SCOPES.includes(scope.name) || /^logfire(\.|$)/.test(scope.name),
  recognises: ({ attributes: a, scope }) =>
    (SCOPES.includes(scope.name) ||
      (/^logfire(\.|$)/.test(scope.name) && (a.has(GEN_AI.operation) || a.has(GEN_AI.system) || a.has(GEN_AI.provider)))) &&
    !a.has(KEY.openInference),
  read,
}
