/**
 * Langfuse SDK observations, told by scope `langfuse-sdk`, or by `langfuse.observation.type` on a span of no other dialect: Langfuse adds
 * that attribute to everyone's spans. Usage is JSON whose keys the application writes; Langfuse adds them up, so cached tokens are
 * outside the input unless `total` proves otherwise. Scores travel over its REST API and never come here.
 * Source: langfuse 62751446 OtelIngestionProcessor.ts; npm @langfuse/core 5.11; published trace langgraph-python.
 */
import type { RawUsage, SpanRole } from '../../model/run.ts'
import { GENERAL } from '../../model/semconv.ts'
import type { Span } from '../../model/span.ts'
import type { Dialect } from './dialect.ts'
import { anyText, countOf, first, foldProvider, isEmptyResult, optional, ownOf, record, shortHash } from './reading.ts'
import { agentNameOf, exceptionType, jsonOf } from './vendor.ts'

const O = 'langfuse.observation.'
const TYPE = `${O}type`
const ROLE: Readonly<Record<string, SpanRole>> = {
  generation: 'model',
  tool: 'tool',
  agent: 'agent',
  retriever: 'retrieval',
  embedding: 'embedding',
  guardrail: 'guardrail',
  evaluator: 'evaluator',
  chain: 'step',
  span: 'step',
  event: 'other',
}

function roleOf(span: Span): SpanRole {
  const a = span.attributes
  const role = ownOf(ROLE, a.text(TYPE)?.toLowerCase()) ?? 'step'
  if (role !== 'step') return role
  // LangGraph's callback writes tools as plain spans; what tells them is an answer that names the call it answers.
  if (/"tool_call_id"/.test(a.text(`${O}output`)?.slice(0, 4096) ?? '') && record(jsonOf(a, `${O}output`))?.['tool_call_id'] !== undefined)
    return 'tool'
  const isRoot =
    span.parentSpanId === '' || a.flag('langfuse.internal.as_root') === true || a.flag('langfuse.internal.is_app_root') === true
  return isRoot ? 'workflow' : 'step'
}

function usageOf(span: Span): RawUsage | undefined {
  const u = record(jsonOf(span.attributes, `${O}usage_details`))
  if (u === undefined) return undefined
  const pick = (...names: readonly string[]): number | undefined => names.map((n) => countOf(u[n])).find((n) => n !== undefined)
  const input = pick('input', 'input_tokens', 'prompt_tokens', 'promptTokens')
  const output = pick('output', 'output_tokens', 'completion_tokens', 'completionTokens')
  const total = pick('total', 'total_tokens', 'totalTokens')
  if (input === undefined && output === undefined) return undefined
  const isSum = total !== undefined && total === (input ?? 0) + (output ?? 0)
  return {
    ...optional('input', input),
    ...optional('output', output),
    ...optional('total', total),
    ...optional('cacheRead', pick('cache_read_input_tokens', 'input_cache_read', 'input_cached_tokens')),
    ...optional('cacheWrite', pick('cache_creation_input_tokens', 'input_cache_creation', 'cache_write_input_tokens')),
    ...optional('reasoning', pick('output_reasoning', 'output_reasoning_tokens', 'reasoning_tokens')),
    cacheAccounting: isSum ? 'included' : 'excluded',
    ...(isSum ? {} : { reasoningOutsideOutput: true }),
  }
}

export const langfuse: Dialect = {
  name: 'langfuse',
  keys: [
    ...[
      'type',
      'level',
      'status_message',
      'usage_details',
      'cost_details',
      'model.name',
      'prompt.name',
      'prompt.version',
      'input',
      'output',
      'metadata.ls_provider',
    ].map((k) => O + k),
    'langfuse.prompt.name',
    'langfuse.trace.name',
    'langfuse.version',
    'langfuse.release',
    'langfuse.internal.as_root',
    'langfuse.internal.is_app_root',
    'langfuse.metadata.ls_provider',
    GENERAL.exceptionType,
  ],
  scopes: ['langfuse-sdk'],
  signs: [TYPE],
  comesFrom: (scope) => scope.name === 'langfuse-sdk',
  recognises: ({ scope, attributes }) => scope.name === 'langfuse-sdk' || attributes.has(TYPE),
  read: (span) => {
    const a = span.attributes
    const role = roleOf(span)
    const failed = a.text(`${O}level`) === 'ERROR' || undefined
    const cost = record(jsonOf(a, `${O}cost_details`))?.['total']
    const args = a.text(`${O}input`)
    const isTool = role === 'tool' || role === 'retrieval'
    return {
      role,
      ...optional('failed', failed),
      ...optional('errorType', span.status === 'error' ? exceptionType(span) : undefined),
      ...optional(
        'agentName',
        agentNameOf(role === 'agent' ? span.name : role === 'workflow' ? anyText(a, 'langfuse.trace.name') : undefined),
      ),
      ...optional('agentVersion', first(anyText(a, 'langfuse.version'), anyText(a, 'langfuse.release'))),
      ...(role === 'model' || role === 'embedding'
        ? {
            ...optional('responseModel', anyText(a, `${O}model.name`)),
            ...optional('provider', foldProvider(anyText(a, `${O}metadata.ls_provider`, 'langfuse.metadata.ls_provider'))),
            ...optional('usage', usageOf(span)),
            ...optional('givenCostUsd', typeof cost === 'number' && cost > 0 ? cost : undefined),
            ...optional('promptName', anyText(a, `${O}prompt.name`, 'langfuse.prompt.name')),
            ...optional('promptVersion', anyText(a, `${O}prompt.version`)),
          }
        : {}),
      ...(isTool
        ? {
            toolName: span.name,
            ...optional('argumentsHash', args === undefined ? undefined : shortHash(args)),
            ...optional('resultEmpty', isEmptyResult(a.text(`${O}output`))),
          }
        : {}),
    }
  },
}
