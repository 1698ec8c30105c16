/**
 * OpenLLMetry (Traceloop), Python and JS, told by `traceloop.*`, `llm.request.type`, indexed prompts, or a Traceloop JS scope. The Python
 * scopes (`opentelemetry.instrumentation.*`) are shared with the official packages and tell nothing.
 * Agent usage is never read: CrewAI's counters run over the object's life. The JS LangChain package writes a "workflow" for every
 * runnable: those are steps. Sources: traceloop/openllmetry 93429cfb (2026-06), npm @traceloop/* 0.27; captures.
 */
import type { RawUsage, Reading, SpanRole } from '../../model/run.ts'
import { GEN_AI } from '../../model/semconv.ts'
import type { Span } from '../../model/span.ts'
import type { Dialect } from './dialect.ts'
import { GEN_AI_KEYS, readGenAi, roleOf } from './gen-ai.ts'
import { anyText, first, foldFinish, headOf, isEmptyResult, optional, ownOf, shortHash } from './reading.ts'
import { agentNameOf, exceptionType } from './vendor.ts'

const KIND = 'traceloop.span.kind'
const REQUEST = 'llm.request.type'
const ENTITY = 'traceloop.entity.name'
const KIND_ROLE: Readonly<Record<string, SpanRole>> = { workflow: 'workflow', agent: 'agent', tool: 'tool', task: 'step' }
const REQUEST_ROLE: Readonly<Record<string, SpanRole>> = { chat: 'model', completion: 'model', embedding: 'embedding', rerank: 'retrieval' }
const FINISH = [
  'gen_ai.response.finish_reason',
  'gen_ai.response.stop_reason',
  'llm.response.finish_reason',
  'llm.response.stop_reason',
  'gen_ai.completion.0.finish_reason',
] as const

function role(span: Span): SpanRole {
  const a = span.attributes
  const kind = ownOf(KIND_ROLE, a.text(KIND)?.toLowerCase())
  if (kind === 'workflow' && span.scope.name === '@traceloop/instrumentation-langchain') return 'step'
  const byOperation = a.has(GEN_AI.operation) ? roleOf(a) : undefined
  // "task" is said of everything that is not more special; an operation name knows better.
  if (kind === 'step' && byOperation !== undefined && byOperation !== 'other') return byOperation
  return first(kind, byOperation, ownOf(REQUEST_ROLE, a.text(REQUEST))) ?? roleOf(a)
}

/** What the input number means: the provider's own, except where the package adds cached tokens up (Python anthropic and openai). */
function accounting(span: Span): RawUsage['cacheAccounting'] {
  const { name } = span.scope
  if (name === '@traceloop/instrumentation-anthropic' || name.includes('bedrock')) return 'excluded'
  return 'included'
}

const SIGNS = [KIND, REQUEST, 'traceloop.workflow.name', 'gen_ai.prompt.0.role', 'gen_ai.completion.0.content']

export const openllmetry: Dialect = {
  name: 'openllmetry',
  keys: [
    ...GEN_AI_KEYS,
    KIND,
    REQUEST,
    ENTITY,
    'traceloop.entity.input',
    'traceloop.entity.output',
    'traceloop.entity.version',
    'traceloop.workflow.name',
    'traceloop.prompt.key',
    'traceloop.prompt.version',
    'llm.usage.total_tokens',
    'gen_ai.prompt.0.role',
    'gen_ai.prompt.0.content',
    'gen_ai.completion.0.content',
    'gen_ai.completion.0.role',
    ...FINISH,
  ],
  scopes: ['@traceloop/*'],
  signs: SIGNS,
  comesFrom: (scope) => scope.name.startsWith('@traceloop/'),
  recognises: ({ attributes: a, scope }) => SIGNS.some((key) => a.has(key)) || scope.name.startsWith('@traceloop/'),
  read: (span) => {
    const a = span.attributes
    const r = role(span)
    const { agentName, ...base } = readGenAi(span, { role: r, cacheAccounting: accounting(span), agentUsage: false })
    const isTool = r === 'tool' || r === 'retrieval'
    const entity = a.text(ENTITY)
    const args = a.text('traceloop.entity.input')
    const finish = FINISH.map((key) => foldFinish(a.text(key))).find((f) => f !== undefined)
    const system = a.text('gen_ai.prompt.0.role') === 'system' ? a.text('gen_ai.prompt.0.content') : undefined
    const answer = r === 'model' ? a.text('gen_ai.completion.0.content') : undefined
    const reading: Reading = {
      ...base,
      ...optional('agentName', agentNameOf(first(agentName, r === 'agent' || r === 'workflow' ? entity : undefined), base.requestModel)),
      ...optional(
        'agentVersion',
        first(base.agentVersion, r === 'agent' || r === 'workflow' ? anyText(a, 'traceloop.entity.version') : undefined),
      ),
      ...optional('promptName', first(base.promptName, anyText(a, 'traceloop.prompt.key'))),
      ...optional('promptVersion', first(base.promptVersion, anyText(a, 'traceloop.prompt.version'))),
      ...optional('finish', first(base.finish, finish)),
      ...optional('errorType', first(base.errorType, span.status === 'error' ? exceptionType(span) : undefined)),
      ...optional('instructionsHash', first(base.instructionsHash, system === undefined || system === '' ? undefined : shortHash(system))),
      ...(answer === undefined
        ? {}
        : {
            outputText: headOf(answer, 4096),
            outputEmpty: answer.trim() === '' && finish !== 'tool_call' && base.finish !== 'tool_call',
          }),
    }
    if (!isTool) return reading
    return {
      ...reading,
      ...optional('toolName', first(base.toolName, entity)),
      ...optional('argumentsHash', first(base.argumentsHash, args === undefined ? undefined : shortHash(args))),
      ...optional('resultEmpty', first(base.resultEmpty, isEmptyResult(a.text('traceloop.entity.output')))),
    }
  },
}
