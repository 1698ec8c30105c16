/**
 * Firebase Genkit, scope `genkit-tracer`: no `gen_ai.*` at all. Kinds are `genkit:type` and `genkit:metadata:subtype`, usage and finish
 * reason are inside the JSON of `genkit:output`, and where a plugin keeps the provider's answer under `raw`, its cached and reasoning
 * counts, response id and model are read from there. A flow is the run and its name; nested `generate` spans only shape the tree.
 * Source: spans of Genkit 1.42 with the OpenAI plugin; genkit/js/ai/src/model.ts (GenerationUsage).
 */
import type { FinishReason, RawUsage, Reading, SpanRole } from '../../model/run.ts'
import { AGENTOPZ, GENERAL } from '../../model/semconv.ts'
import type { Attributes, Span } from '../../model/span.ts'
import type { Dialect } from './dialect.ts'
import { countOf, foldFinish, foldProvider, listed, optional, ownOf, record } from './reading.ts'
import {
  agentNameOf,
  answerFields,
  emptyAnswer,
  exceptionType,
  hashOf,
  jsonOf,
  known,
  newestBlockText,
  providerAnswer,
  splitModel,
  systemHash,
  weigh,
} from './vendor.ts'

const KEY = {
  type: 'genkit:type',
  subtype: 'genkit:metadata:subtype',
  name: 'genkit:name',
  input: 'genkit:input',
  output: 'genkit:output',
  state: 'genkit:state',
  path: 'genkit:path',
  isRoot: 'genkit:isRoot',
} as const

const SUBTYPE_ROLE: Readonly<Record<string, SpanRole>> = {
  flow: 'workflow',
  agent: 'agent',
  model: 'model',
  'background-model': 'model',
  tool: 'tool',
  'tool.v2': 'tool',
  retriever: 'retrieval',
  reranker: 'retrieval',
  embedder: 'embedding',
  evaluator: 'evaluator',
}

/** Plugin prefixes of model names that are not spelled like the provider. */
const PLUGIN: Readonly<Record<string, string>> = {
  googleai: 'gcp.gemini',
  vertexai: 'gcp.vertex_ai',
  'vertex-model-garden': 'gcp.vertex_ai',
  'azure-openai': 'azure.ai.openai',
  'aws-bedrock': 'aws.bedrock',
}

const EXCLUDES_CACHE = new Set(['anthropic', 'aws.bedrock'])
const COUNTS_THOUGHTS_APART = new Set(['gcp.gemini', 'gcp.vertex_ai'])

function read(span: Span): Reading {
  const a = span.attributes
  const role = ownOf(SUBTYPE_ROLE, a.text(KEY.subtype)) ?? (a.flag(KEY.isRoot) === true ? 'workflow' : a.has(KEY.type) ? 'step' : 'other')
  const failed = a.text(KEY.state) === 'error' || span.status === 'error'
  const common: Reading = {
    role,
    ...(failed ? { failed: true, ...optional('errorType', exceptionType(span)) } : {}),
    ...optional('stoppedBy', known(a.text(AGENTOPZ.stoppedBy))),
  }
  const name = a.text(KEY.name)
  // A bare `generate` call is a run without a name.
  if (role === 'workflow' || role === 'agent')
    return { ...common, ...optional('agentName', a.has(KEY.subtype) ? agentNameOf(name) : undefined) }
  if (role === 'tool' || role === 'retrieval') {
    return {
      ...common,
      ...(role === 'tool' ? optional('toolName', known(name)) : {}),
      ...optional('argumentsHash', hashOf(a.text(KEY.input))),
      ...optional('resultEmpty', a.has(KEY.output) ? emptyAnswer(jsonOf(a, KEY.output) ?? a.text(KEY.output)) : undefined),
    }
  }
  return role === 'model' || role === 'embedding' ? { ...common, ...call(a, name) } : common
}

function call(a: Attributes, name: string | undefined): Partial<Reading> {
  const plugin = name?.split('/', 1)[0] ?? ''
  const fromPlugin = ownOf(PLUGIN, plugin)
  const split = fromPlugin === undefined ? splitModel(name) : { provider: fromPlugin, model: name?.slice(plugin.length + 1) }
  const out = record(jsonOf(a, KEY.output))
  const raw = providerAnswer(out?.['raw'] ?? out?.['custom'])
  const parts = record(out?.['message'])?.['content']
  const seen = Array.isArray(parts) ? weigh(parts) : undefined
  return {
    ...optional('provider', foldProvider(split.provider)),
    ...optional('requestModel', split.model),
    ...optional('responseModel', raw.model),
    ...optional('responseId', raw.id),
    ...optional('usage', usageOf(record(out?.['usage']), raw.usage, split.provider)),
    ...optional('finish', finishOf(out?.['finishReason'], seen?.tool === true)),
    ...(seen === undefined ? {} : answerFields(seen)),
    ...cohort(a),
  }
}

/** Genkit says `stop` for an answer that asks for tools, and `blocked` for a filtered one. */
function finishOf(value: unknown, asksForTool: boolean): FinishReason | undefined {
  if (typeof value !== 'string' || value === 'unknown') return undefined
  if (value === 'blocked') return 'content_filter'
  const finish = foldFinish(value)
  return finish === 'stop' && asksForTool ? 'tool_call' : finish
}

function usageOf(
  u: Readonly<Record<string, unknown>> | undefined,
  raw: RawUsage | undefined,
  provider: string | undefined,
): RawUsage | undefined {
  const input = countOf(u?.['inputTokens']) ?? raw?.input
  const output = countOf(u?.['outputTokens']) ?? raw?.output
  if (input === undefined && output === undefined) return undefined
  const thoughts = countOf(u?.['thoughtsTokens'])
  const total = countOf(u?.['totalTokens'])
  const cacheRead = raw?.cacheRead ?? countOf(u?.['cachedContentTokens'])
  return {
    ...optional('input', input),
    ...optional('output', output),
    ...optional('cacheRead', cacheRead),
    ...optional('cacheWrite', raw?.cacheWrite),
    ...optional('cacheWrite1h', raw?.cacheWrite1h),
    ...optional('reasoning', thoughts ?? raw?.reasoning),
    ...optional('total', total),
    cacheAccounting: raw?.cacheAccounting ?? (EXCLUDES_CACHE.has(provider ?? '') ? 'excluded' : 'included'),
    ...(COUNTS_THOUGHTS_APART.has(provider ?? '') || isSum(total, input, output, thoughts) ? { reasoningOutsideOutput: true } : {}),
  }
}

/** Whether the total says that thoughts come on top of the output, as Gemini counts them. */
function isSum(total?: number, input = 0, output = 0, thoughts = 0): boolean {
  return thoughts > 0 && total === input + output + thoughts
}

function cohort(a: Attributes): Partial<Reading> {
  const input = record(jsonOf(a, KEY.input))
  const tools = Array.isArray(input?.['tools']) && input['tools'].length > 0 ? input['tools'] : undefined
  return {
    ...optional('instructionsHash', systemHash(listed(input?.['messages']))),
    ...optional('toolsHash', hashOf(tools)),
    ...optional('inputText', newestBlockText(input?.['messages'])),
  }
}

export const genkit: Dialect = {
  name: 'genkit',
  keys: [...Object.values(KEY), AGENTOPZ.stoppedBy, GENERAL.exceptionType],
  scopes: ['genkit-tracer'],
  signs: [KEY.type, KEY.path],
  recognises: ({ attributes: a }) => a.has(KEY.type) || a.has(KEY.path),
  read,
}
