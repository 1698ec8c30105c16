/**
 * Google Agent Development Kit, scope `gcp.vertex.agent`: Python 1.x and 2.x, JavaScript, Java, Kotlin.
 * `call_llm` is the model call and has no operation name; newer versions put a `generate_content` span with the same usage inside it:
 * both read as model calls and the run counts the inner one. `invocation` carries no attribute at all.
 * Gemini counts thoughts apart from candidates. JavaScript 2.0 and Python 1.x write candidates alone as output; Python 2.3+ writes the
 * sum and `gen_ai.usage.reasoning.output_tokens`. Where the response is on the span, its own counts are used.
 * Source: google/adk-python src/google/adk/telemetry/tracing.py (0798a74), spans of adk-python 2.5.0 and adk-js 2.0.0.
 */
import type { RawUsage, Reading, SpanRole } from '../../model/run.ts'
import { GEN_AI } from '../../model/semconv.ts'
import type { Attributes, Span } from '../../model/span.ts'
import type { Dialect } from './dialect.ts'
import { GEN_AI_KEYS, readGenAi, roleOf } from './gen-ai.ts'
import { optional, record } from './reading.ts'
import {
  agentNameOf,
  emptyAnswer,
  exceptionType,
  field,
  hashOf,
  jsonOf,
  known,
  newestBlockText,
  providerAnswer,
  splitModel,
  withCleanName,
} from './vendor.ts'

const SCOPE = 'gcp.vertex.agent'
const KEY = {
  request: 'gcp.vertex.agent.llm_request',
  response: 'gcp.vertex.agent.llm_response',
  args: 'gcp.vertex.agent.tool_call_args',
  result: 'gcp.vertex.agent.tool_response',
  invocation: 'gcp.vertex.agent.invocation_id',
  event: 'gcp.vertex.agent.event_id',
  /** Thoughts apart from output tokens, before 2.3. */
  oldReasoning: 'gen_ai.usage.experimental.reasoning_tokens',
  openInference: 'openinference.span.kind',
} as const

function role(span: Span): SpanRole {
  if (span.name === 'invocation' || span.name.startsWith('invoke_workflow')) return 'workflow'
  if (span.name === 'call_llm') return 'model'
  if (span.name.startsWith('agent_run ')) return 'agent' // Python before 1.14, no attributes
  const tool = span.attributes.text(GEN_AI.toolName)
  if (tool === '(merged tools)') return 'other' // the answers of parallel calls, shown once more
  return tool === 'transfer_to_agent' ? 'handoff' : roleOf(span.attributes)
}

function read(span: Span): Reading {
  const a = span.attributes
  const r = role(span)
  const base = readGenAi(span, { role: r })
  if (r === 'tool') {
    const { toolCallId, ...rest } = base
    return { ...rest, ...optional('toolCallId', known(toolCallId)), ...tool(span) }
  }
  if (r === 'agent') return withCleanName({ ...base, ...optional('agentName', base.agentName ?? nameInBrackets(span.name)) })
  if (r !== 'model') return base
  const { provider: system, requestModel: _, usage: __, ...rest } = base
  const { provider, model } = splitModel(a.text(GEN_AI.requestModel))
  const answer = providerAnswer(jsonOf(a, KEY.response))
  // The system is ADK's own name whatever model it calls: only a Gemini model proves it.
  const google = model === undefined || /gemini|gemma/i.test(model) ? system : undefined
  return withCleanName({
    ...rest,
    ...cohort(a),
    ...optional('provider', provider ?? google),
    ...optional('requestModel', model),
    ...optional('responseModel', rest.responseModel ?? answer.model),
    ...optional('usage', usageOf(a, answer.usage)),
    ...optional('finish', answer.finish === 'tool_call' ? answer.finish : (rest.finish ?? answer.finish)),
    ...optional('outputEmpty', answer.outputEmpty),
    ...optional('outputText', answer.outputText),
    ...(span.status === 'error' ? optional('errorType', rest.errorType ?? exceptionType(span)) : {}),
  })
}

function usageOf(a: Attributes, exact: RawUsage | undefined): RawUsage | undefined {
  if (exact !== undefined) return exact
  const apart = a.count(KEY.oldReasoning)
  const inside = a.count(GEN_AI.reasoningTokens)
  const usage: RawUsage = {
    ...optional('input', a.count(GEN_AI.inputTokens)),
    ...optional('output', a.count(GEN_AI.outputTokens)),
    ...optional('cacheRead', a.count(GEN_AI.cacheRead)),
    ...optional('reasoning', inside ?? apart),
    cacheAccounting: 'included',
    ...(inside === undefined ? { reasoningOutsideOutput: true } : {}),
  }
  return usage.input === undefined && usage.output === undefined ? undefined : usage
}

function cohort(a: Attributes): Partial<Reading> {
  const request = record(jsonOf(a, KEY.request))
  const config = record(request?.['config'])
  return {
    ...optional('instructionsHash', hashOf(field(config, 'systemInstruction', 'system_instruction'))),
    ...optional('toolsHash', hashOf(config?.['tools'])),
    ...optional('inputText', newestBlockText(request?.['contents'])),
  }
}

/** `{}` is what ADK writes when content capture is off: no arguments and no answer can be told from it. */
function tool(span: Span): Partial<Reading> {
  const a = span.attributes
  const args = a.text(KEY.args)
  const result = a.text(KEY.result)
  return {
    ...optional('argumentsHash', args === undefined || args === '{}' || args === 'N/A' ? undefined : hashOf(args)),
    ...optional(
      'resultEmpty',
      result === undefined || result === '{}' || result.includes('<not specified>') ? undefined : emptyAnswer(jsonOf(a, KEY.result)),
    ),
    ...(span.status === 'error' ? optional('errorType', exceptionType(span)) : {}),
  }
}

function nameInBrackets(name: string): string | undefined {
  return agentNameOf(/^agent_run \[(.+)\]$/.exec(name)?.[1])
}

export const googleAdk: Dialect = {
  name: 'google_adk',
  keys: [...GEN_AI_KEYS, ...Object.values(KEY)],
  scopes: [SCOPE],
  signs: [KEY.invocation, KEY.event],
  comesFrom: (scope) => scope.name === SCOPE,
  recognises: ({ attributes: a, scope }) =>
    (scope.name === SCOPE || a.has(KEY.invocation) || a.has(KEY.event)) && !a.has(KEY.openInference),
  read,
}
