/**
 * Vercel AI SDK. 4 to 6 write `ai.*` under scope `ai`: the outer span (`ai.generateText`) is the agent, `.doGenerate`/`.doStream` one span
 * per attempt. 7 (`@ai-sdk/otel`) writes the GenAI conventions under scope `gen_ai`, with steps and reasoning tokens of its own.
 * An outer span's usage is the last step's in 4 and 5 and the sum in 6: it is read only where 6's token details prove it.
 * Sources: npm ai 4.3.19, 5.0.277, 6.0.322, 7.0.173, @ai-sdk/otel 1.0.173; captures of 6.0.326 and 7.0.173.
 */
import type { RawUsage, Reading, SpanRole } from '../../model/run.ts'
import { GEN_AI } from '../../model/semconv.ts'
import type { Attributes, Span } from '../../model/span.ts'
import type { Dialect } from './dialect.ts'
import { GEN_AI_KEYS, readGenAi } from './gen-ai.ts'
import {
  anyCount,
  anyText,
  first,
  foldFinish,
  foldFinishList,
  foldProvider,
  headOf,
  isEmptyResult,
  itemsOf,
  newestUserText,
  optional,
  record,
  shortHash,
} from './reading.ts'
import { agentNameOf, exceptionType, jsonOf } from './vendor.ts'

const ID = 'ai.operationId'
const U = 'ai.usage.'
const REASONING = `${U}outputTokenDetails.reasoningTokens`

/** Role by operation id; outer spans of embeddings and rerank only wrap the call inside. */
function roleOf(id: string): SpanRole {
  if (/\.do(Generate|Stream)$/.test(id)) return 'model'
  if (id.endsWith('.doEmbed')) return 'embedding'
  if (id.endsWith('.doRerank')) return 'retrieval'
  if (id === 'ai.toolCall') return 'tool'
  return /^ai\.(generateText|streamText|generateObject|streamObject)$/.test(id) ? 'agent' : 'other'
}

/** Cached tokens that AI SDK 4 and 5 left in the provider's own metadata. */
function metadataOf(a: Attributes): { readonly cacheRead?: number; readonly cacheWrite?: number } {
  const metadata = record(jsonOf(a, 'ai.response.providerMetadata'))
  const anthropic = record(metadata?.['anthropic'])
  const usage = record(anthropic?.['usage'])
  const openai = record(metadata?.['openai'])
  const count = (v: unknown): number | undefined => (typeof v === 'number' && Number.isInteger(v) && v >= 0 ? v : undefined)
  return {
    ...optional(
      'cacheRead',
      first(count(usage?.['cache_read_input_tokens']), count(anthropic?.['cacheReadInputTokens']), count(openai?.['cachedPromptTokens'])),
    ),
    ...optional('cacheWrite', first(count(usage?.['cache_creation_input_tokens']), count(anthropic?.['cacheCreationInputTokens']))),
  }
}

function usageOf(a: Attributes): RawUsage | undefined {
  const input = anyCount(a, `${U}inputTokens`, `${U}promptTokens`, GEN_AI.inputTokens, GEN_AI.promptTokens, `${U}tokens`)
  const output = anyCount(a, `${U}outputTokens`, `${U}completionTokens`, GEN_AI.outputTokens, GEN_AI.completionTokens)
  if (input === undefined && output === undefined) return undefined
  const old = metadataOf(a)
  const cacheRead = first(a.count(`${U}inputTokenDetails.cacheReadTokens`), a.count(`${U}cachedInputTokens`), old.cacheRead)
  const cacheWrite = first(a.count(`${U}inputTokenDetails.cacheWriteTokens`), old.cacheWrite)
  // @ai-sdk/anthropic 3 (AI SDK 6) adds cached tokens up, 1 and 2 do not; only 6 writes the details.
  const isSix = a.has(`${U}inputTokenDetails.noCacheTokens`) || a.has(`${U}inputTokenDetails.cacheReadTokens`)
  const isAnthropic = /anthropic/.test(anyText(a, 'ai.model.provider', GEN_AI.system) ?? '')
  return {
    ...optional('input', input),
    ...optional('output', output),
    ...optional('cacheRead', cacheRead),
    ...optional('cacheWrite', cacheWrite),
    ...optional('reasoning', anyCount(a, REASONING, `${U}reasoningTokens`)),
    ...optional('total', a.count(`${U}totalTokens`)),
    cacheAccounting: isAnthropic && !isSix ? 'excluded' : 'included',
  }
}

function readOuter(span: Span): Reading {
  const a = span.attributes
  const invalid = /^AI_No(Object|Output)GeneratedError$/.test(exceptionType(span) ?? '')
  const isSum = a.has(`${U}inputTokenDetails.noCacheTokens`)
  return {
    role: 'agent',
    ...optional('agentName', agentNameOf(anyText(a, 'ai.telemetry.functionId', 'resource.name'))),
    ...optional('provider', foldProvider(anyText(a, 'ai.model.provider'))),
    ...optional('requestModel', anyText(a, 'ai.model.id')),
    ...optional('usage', isSum ? usageOf(a) : undefined),
    ...(invalid ? { outputInvalid: true } : {}),
    ...optional('errorType', span.status === 'error' ? exceptionType(span) : undefined),
    ...optional('stoppedBy', anyText(a, 'agentopz.run.stopped_by')),
  }
}

function readCall(span: Span, role: SpanRole): Reading {
  const a = span.attributes
  const text = first(a.text('ai.response.text'), a.text('ai.response.object'))
  const answered = a.has('ai.response.finishReason') || text !== undefined
  const prompt = itemsOf(a, 'ai.prompt.messages')
  const system = record(prompt?.at(0))
  const tools = a.list('ai.prompt.tools')?.join('\n')
  return {
    role,
    perAttempt: role === 'model',
    ...optional('agentName', agentNameOf(anyText(a, 'ai.telemetry.functionId'))),
    ...optional('provider', foldProvider(anyText(a, 'ai.model.provider', GEN_AI.system))),
    ...optional('requestModel', anyText(a, GEN_AI.requestModel, 'ai.model.id')),
    ...optional('responseModel', anyText(a, GEN_AI.responseModel, 'ai.response.model')),
    ...optional('responseId', role === 'model' ? anyText(a, GEN_AI.responseId, 'ai.response.id') : undefined),
    ...optional('usage', usageOf(a)),
    ...optional('finish', first(foldFinish(a.text('ai.response.finishReason')), foldFinishList(a.list(GEN_AI.finishReasons)))),
    ...(text === undefined ? {} : { outputText: headOf(text, 4096) }),
    ...(answered && (text !== undefined || a.has('ai.response.toolCalls'))
      ? { outputEmpty: (text ?? '').trim() === '' && !a.has('ai.response.toolCalls') }
      : {}),
    ...optional('inputText', newestUserText(prompt)),
    ...(system?.['role'] === 'system' && typeof system['content'] === 'string' ? { instructionsHash: shortHash(system['content']) } : {}),
    ...optional('toolsHash', tools === undefined || tools === '' ? undefined : shortHash(tools)),
    ...optional('errorType', span.status === 'error' ? exceptionType(span) : undefined),
  }
}

function readTool(span: Span): Reading {
  const a = span.attributes
  const args = a.text('ai.toolCall.args')
  return {
    role: 'tool',
    ...optional('toolName', anyText(a, 'ai.toolCall.name')),
    ...optional('toolCallId', anyText(a, 'ai.toolCall.id')),
    ...optional('argumentsHash', args === undefined ? undefined : shortHash(args)),
    ...optional('resultEmpty', isEmptyResult(a.text('ai.toolCall.result'))),
    ...optional('errorType', span.status === 'error' ? exceptionType(span) : undefined),
  }
}

/** AI SDK 7: the conventions, plus reasoning tokens that it only writes under its own name. */
function readSeven(span: Span): Reading {
  const reading = readGenAi(span)
  const reasoning = span.attributes.count(REASONING)
  return {
    ...reading,
    ...optional('agentName', agentNameOf(reading.agentName, reading.requestModel)),
    ...(reading.usage === undefined ? {} : { usage: { ...reading.usage, ...optional('reasoning', reading.usage.reasoning ?? reasoning) } }),
    ...optional('errorType', reading.errorType ?? (span.status === 'error' ? exceptionType(span) : undefined)),
  }
}

export const vercelAi: Dialect = {
  name: 'vercel_ai',
  keys: [
    ...GEN_AI_KEYS,
    ID,
    'operation.name',
    'resource.name',
    'ai.telemetry.functionId',
    'ai.model.provider',
    'ai.model.id',
    'ai.response.providerMetadata',
    'ai.response.finishReason',
    'ai.response.text',
    'ai.response.object',
    'ai.response.toolCalls',
    'ai.response.id',
    'ai.response.model',
    'ai.prompt.messages',
    'ai.prompt.tools',
    'ai.toolCall.name',
    'ai.toolCall.id',
    'ai.toolCall.args',
    'ai.toolCall.result',
    REASONING,
    ...[
      'inputTokens',
      'promptTokens',
      'tokens',
      'outputTokens',
      'completionTokens',
      'inputTokenDetails.cacheReadTokens',
      'cachedInputTokens',
      'inputTokenDetails.cacheWriteTokens',
      'inputTokenDetails.noCacheTokens',
      'reasoningTokens',
      'totalTokens',
    ].map((k) => U + k),
  ],
  scopes: ['ai'],
  signs: [ID],
  comesFrom: (scope) => scope.name === 'gen_ai',
  recognises: ({ attributes: a, scope }) => a.has(ID) || (scope.name === 'gen_ai' && a.has(GEN_AI.operation)),
  read: (span) => {
    const id = span.attributes.text(ID)
    if (id === undefined) return readSeven(span)
    const role = roleOf(id)
    if (role === 'agent') return readOuter(span)
    if (role === 'tool') return readTool(span)
    return role === 'model' || role === 'embedding' || role === 'retrieval' ? readCall(span, role) : { role }
  },
}
