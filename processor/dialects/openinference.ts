/**
 * OpenInference (Arize), Python and JS packages, told by `openinference.span.kind`. The outermost AGENT is the root, else the outermost
 * CHAIN: chains are workflow candidates without a name of their own, so that the outermost named agent below gives it.
 * Cached tokens: inside the input in most packages, beside it in those listed. `…prompt_details.cache_input` is never read: the LiteLLM
 * package stores text tokens there. Sources: openinference spec llm_spans.md, annotations.md (1fe497f1, 2026-08); captures of 4.1 and 4.2.
 */
import type { ExternalEvaluation, RawUsage, Reading, SpanRole } from '../../model/run.ts'
import { GENERAL } from '../../model/semconv.ts'
import type { Attributes, Span } from '../../model/span.ts'
import type { Dialect } from './dialect.ts'
import { anyText, first, foldFinish, foldProvider, headOf, isEmptyResult, optional, ownOf, record, shortHash } from './reading.ts'
import { agentNameOf, exceptionType, jsonOf, textOf } from './vendor.ts'

const KIND = 'openinference.span.kind'
const METADATA = 'metadata'
const TOKENS = {
  input: 'llm.token_count.prompt',
  output: 'llm.token_count.completion',
  total: 'llm.token_count.total',
  cacheRead: 'llm.token_count.prompt_details.cache_read',
  cacheWrite: 'llm.token_count.prompt_details.cache_write',
  reasoning: 'llm.token_count.completion_details.reasoning',
} as const

const ROLE: Readonly<Record<string, SpanRole>> = {
  AGENT: 'agent',
  CHAIN: 'workflow',
  LLM: 'model',
  TOOL: 'tool',
  RETRIEVER: 'retrieval',
  RERANKER: 'retrieval',
  EMBEDDING: 'embedding',
  GUARDRAIL: 'guardrail',
  EVALUATOR: 'evaluator',
  PROMPT: 'step',
}

/** Packages whose input number leaves cached tokens out. */
const EXCLUDED = /claude.agent.sdk|@arizeai\/openinference-instrumentation-anthropic/
/** Bedrock Converse leaves them out, InvokeModel does not, and the span does not say which it was: arithmetic decides. */
const MIXED = /bedrock/

function usageOf(span: Span): RawUsage | undefined {
  const a = span.attributes
  const input = a.count(TOKENS.input)
  const output = a.count(TOKENS.output)
  if (input === undefined && output === undefined) return undefined
  return {
    ...optional('input', input),
    ...optional('output', output),
    ...optional('total', a.count(TOKENS.total)),
    ...optional('cacheRead', a.count(TOKENS.cacheRead)),
    ...optional('cacheWrite', a.count(TOKENS.cacheWrite)),
    ...optional('reasoning', a.count(TOKENS.reasoning)),
    cacheAccounting: EXCLUDED.test(span.scope.name) ? 'excluded' : MIXED.test(span.scope.name) ? 'unknown' : 'included',
  }
}

/** Name of an agent span, or of the LangChain agent in its metadata. Class names (`CodeAgent.run`) and trace names are none. */
function nameOf(a: Attributes, role: SpanRole): string | undefined {
  const metadata = a.has(METADATA) ? record(jsonOf(a, METADATA)) : undefined
  const langchain = textOf(metadata?.['lc_agent_name'])
  const own = role === 'agent' ? anyText(a, 'agent.name', 'graph.node.id', 'graph.node.name') : undefined
  return agentNameOf(langchain ?? own)
}

/** LangChain's own word for the provider, which its spans carry nowhere else. */
function langchainProvider(a: Attributes): string | undefined {
  return a.has(METADATA) ? textOf(record(jsonOf(a, METADATA))?.['ls_provider']) : undefined
}

const OUTPUT = 'llm.output_messages.'
const INPUT = 'llm.input_messages.'
const TOOLS = 'llm.tools.'
const TOOL_CALL = /^llm\.output_messages\.\d+\.message\.tool_calls\./
const CONTENT = /^llm\.output_messages\.\d+\.message\.(content|contents\.\d+\.message_content\.text)$/

/** What indexed messages and tools say, where they are recorded. */
function contentOf(a: Attributes): Partial<Reading> {
  const out = a.keys(OUTPUT, 64)
  const text = out
    .filter((k) => CONTENT.test(k))
    .map((k) => a.text(k) ?? '')
    .join('')
  const empty = out.length === 0 ? undefined : text.trim() === '' && !out.some((k) => TOOL_CALL.test(k))
  const isSystem = a.text(`${INPUT}0.message.role`) === 'system'
  const instructions = isSystem ? anyText(a, `${INPUT}0.message.content`, `${INPUT}0.message.contents.0.message_content.text`) : undefined
  const tools = a
    .keys(TOOLS, 256)
    .map((k) => a.text(k) ?? '')
    .join('\n')
  return {
    ...optional('outputEmpty', empty),
    ...(out.length === 0 ? {} : { outputText: headOf(text, 4096) }),
    ...optional('instructionsHash', instructions === undefined ? undefined : shortHash(instructions)),
    ...optional('toolsHash', tools === '' ? undefined : shortHash(tools)),
    ...optional('inputText', newestUser(a)),
  }
}

/** As many attributes as its SDKs allow a span: of a long conversation the first keys are of the oldest messages. */
const MOST_KEYS = 10_000

function newestUser(a: Attributes): string | undefined {
  for (const key of a.keys(INPUT, MOST_KEYS).toReversed()) {
    if (!key.endsWith('.message.role') || a.text(key) !== 'user') continue
    const at = key.slice(0, -'role'.length)
    const text = anyText(a, `${at}content`, `${at}contents.0.message_content.text`)
    return text === undefined ? undefined : headOf(text, 512)
  }
  return undefined
}

/** `annotations.N.annotation.*` and the older `evaluations.N.evaluation.*` of the span itself; trace and session ones would repeat. */
function evaluationsOf(span: Span): readonly ExternalEvaluation[] | undefined {
  const a = span.attributes
  const [link] = span.links()
  const found: ExternalEvaluation[] = []
  for (const [prefix, kind] of [
    ['annotations.', 'annotation'],
    ['evaluations.', 'evaluation'],
  ] as const) {
    for (const key of a.keys(prefix, 256)) {
      if (!key.endsWith(`.${kind}.name`)) continue
      const at = key.slice(0, -'name'.length)
      const name = a.text(key)
      if (name === undefined) continue
      found.push({
        name,
        source: a.text(`${at}annotator_kind`)?.toUpperCase() === 'HUMAN' ? 'feedback' : 'external',
        ...optional('score', a.number(`${at}score`)),
        ...optional('label', a.text(`${at}label`)),
        ...optional('idempotencyKey', a.text(`${at}identifier`)),
        // A post-hoc evaluator is a span of its own with one link to what it judges.
        ...(link !== undefined && a.text(KIND) === 'EVALUATOR' ? { target: { traceId: link.traceId, spanId: link.spanId } } : {}),
      })
    }
  }
  return found.length === 0 ? undefined : found
}

export const openinference: Dialect = {
  name: 'openinference',
  keys: [
    KIND,
    METADATA,
    ...Object.values(TOKENS),
    'agent.name',
    'graph.node.id',
    'graph.node.name',
    'llm.provider',
    'llm.system',
    'llm.model_name',
    'llm.request.model_name',
    'llm.response.model_name',
    'embedding.model_name',
    'reranker.model_name',
    'llm.finish_reason',
    'llm.cost.total',
    'llm.prompt_template.version',
    'prompt.id',
    'tool.name',
    'tool.id',
    'tool_call.id',
    'tool.parameters',
    'input.value',
    'output.value',
    GENERAL.errorType,
    GENERAL.exceptionType,
  ],
  prefixes: [OUTPUT, INPUT, TOOLS, 'annotations.', 'evaluations.', 'retrieval.documents.'],
  signs: [KIND],
  recognises: ({ attributes }) => attributes.has(KIND),
  read: (span) => {
    const a = span.attributes
    const role =
      a.text('tool.name') === undefined && /^handoff /i.test(span.name) ? 'handoff' : (ownOf(ROLE, a.text(KIND)?.toUpperCase()) ?? 'other')
    const common: Reading = {
      role,
      ...optional('agentName', nameOf(a, role)),
      ...optional('evaluations', evaluationsOf(span)),
      ...optional('errorType', span.status === 'error' ? exceptionType(span) : undefined),
    }
    switch (role) {
      case 'model':
      case 'embedding':
      case 'agent':
        return {
          ...common,
          ...optional('provider', foldProvider(anyText(a, 'llm.provider', 'llm.system') ?? langchainProvider(a))),
          ...optional('requestModel', anyText(a, 'llm.request.model_name')),
          ...optional('responseModel', anyText(a, 'llm.response.model_name', 'llm.model_name', 'embedding.model_name')),
          ...optional('usage', usageOf(span)),
          ...optional('givenCostUsd', positive(a.number('llm.cost.total'))),
          ...optional('finish', foldFinish(a.text('llm.finish_reason'))),
          ...optional('promptName', anyText(a, 'prompt.id')),
          ...optional('promptVersion', anyText(a, 'llm.prompt_template.version')),
          ...(role === 'model' ? contentOf(a) : {}),
        }
      case 'tool': {
        const args = anyText(a, 'tool.parameters', 'input.value')
        return {
          ...common,
          toolName: anyText(a, 'tool.name') ?? span.name,
          ...optional('toolCallId', anyText(a, 'tool_call.id', 'tool.id')),
          ...optional('argumentsHash', args === undefined ? undefined : shortHash(args)),
          ...optional('resultEmpty', isEmptyResult(a.text('output.value'))),
        }
      }
      case 'retrieval': {
        // No documents is an empty answer only where the span recorded an answer at all.
        const found = a.keys('retrieval.documents.', 1).length > 0 ? false : undefined
        return { ...common, toolName: span.name, ...optional('resultEmpty', first(found, isEmptyResult(a.text('output.value')))) }
      }
      default:
        return common
    }
  },
}

/** A cost of 0 is what packages write for a model they have no price for. */
function positive(n: number | undefined): number | undefined {
  return n !== undefined && n > 0 ? n : undefined
}
