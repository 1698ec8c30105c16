/**
 * LangSmith's OpenTelemetry export, told by scope `langsmith` or `langsmith.span.kind`. Its `gen_ai.operation.name` is wrong for prompts
 * and retrievers, so the kind decides. Finish reasons are one comma-joined string, cached tokens JSON in an attribute.
 * Source: langchain-ai/langsmith-sdk bc8dd672 python/langsmith/_internal/otel; npm langsmith 0.12.
 */
import type { RawUsage, SpanRole } from '../../model/run.ts'
import { GEN_AI } from '../../model/semconv.ts'
import type { Span } from '../../model/span.ts'
import type { Dialect } from './dialect.ts'
import { GEN_AI_KEYS, readGenAi, roleOf } from './gen-ai.ts'
import { anyText, countOf, first, isEmptyResult, optional, ownOf, record, shortHash } from './reading.ts'
import { agentNameOf, exceptionType, jsonOf } from './vendor.ts'

const KIND = 'langsmith.span.kind'
const IN_DETAILS = 'gen_ai.usage.input_token_details'
const OUT_DETAILS = 'gen_ai.usage.output_token_details'
const ROLE: Readonly<Record<string, SpanRole>> = {
  llm: 'model',
  tool: 'tool',
  chain: 'step',
  parser: 'step',
  prompt: 'step',
  retriever: 'retrieval',
  embedding: 'embedding',
}

function usageOf(span: Span): RawUsage | undefined {
  const a = span.attributes
  const input = a.count(GEN_AI.inputTokens)
  const output = a.count(GEN_AI.outputTokens)
  if (input === undefined && output === undefined) return undefined
  const details = record(jsonOf(a, IN_DETAILS))
  return {
    ...optional('input', input),
    ...optional('output', output),
    ...optional('total', a.count(GEN_AI.totalTokens)),
    ...optional('cacheRead', countOf(details?.['cache_read'])),
    ...optional('cacheWrite', countOf(details?.['cache_creation'])),
    ...optional('reasoning', countOf(record(jsonOf(a, OUT_DETAILS))?.['reasoning'])),
    // LangChain's usage_metadata adds cached tokens up in its current partner packages.
    cacheAccounting: 'included',
  }
}

export const langsmith: Dialect = {
  name: 'langsmith',
  keys: [
    ...GEN_AI_KEYS,
    KIND,
    IN_DETAILS,
    OUT_DETAILS,
    'langsmith.trace.name',
    'langsmith.metadata.revision_id',
    'gen_ai.prompt',
    'gen_ai.completion',
  ],
  scopes: ['langsmith'],
  signs: [KIND],
  comesFrom: (scope) => scope.name === 'langsmith',
  recognises: ({ scope, attributes }) => scope.name === 'langsmith' || attributes.has(KIND),
  read: (span) => {
    const a = span.attributes
    const kind = a.text(KIND)?.toLowerCase()
    const isRoot = span.parentSpanId === ''
    const byKind = kind === undefined ? roleOf(a) : (ownOf(ROLE, kind) ?? 'step')
    const role = isRoot && byKind === 'step' ? 'workflow' : byKind
    const { agentName, usage: _, ...reading } = readGenAi(span, { role })
    const args = a.text('gen_ai.prompt')
    return {
      ...reading,
      ...optional('agentName', agentNameOf(first(agentName, isRoot ? anyText(a, 'langsmith.trace.name') : undefined))),
      ...optional('agentVersion', first(reading.agentVersion, anyText(a, 'langsmith.metadata.revision_id'))),
      ...optional('usage', role === 'model' || role === 'embedding' ? usageOf(span) : undefined),
      ...optional('errorType', first(reading.errorType, span.status === 'error' ? exceptionType(span) : undefined)),
      ...(role === 'tool' || role === 'retrieval'
        ? {
            toolName: reading.toolName ?? span.name,
            ...optional('argumentsHash', args === undefined ? undefined : shortHash(args)),
            ...optional('resultEmpty', isEmptyResult(a.text('gen_ai.completion'))),
          }
        : {}),
    }
  },
}
