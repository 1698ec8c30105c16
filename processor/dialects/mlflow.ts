/**
 * MLflow tracing over OTLP, told by `mlflow.spanType`. Attribute values are JSON, so strings arrive encoded twice (`"\"LLM\""`).
 * Usage is JSON in `mlflow.chat.tokenUsage`, in the provider's own arithmetic; names of tools and agents are span names.
 * With MLFLOW_ENABLE_OTEL_GENAI_SEMCONV both families are on one span; only MLflow's is read, `gen_ai.*` fills what it lacks.
 * Source: mlflow/mlflow mlflow/tracing/constant.py (ff4bbb4).
 */
import type { RawUsage, Reading, SpanRole } from '../../model/run.ts'
import { GEN_AI } from '../../model/semconv.ts'
import type { Attributes, Span } from '../../model/span.ts'
import type { Dialect } from './dialect.ts'
import { GEN_AI_KEYS, readGenAi } from './gen-ai.ts'
import { countOf, foldProvider, listed, optional, ownOf, parseJson, record } from './reading.ts'
import {
  accountingOf,
  agentNameOf,
  emptyAnswer,
  exceptionType,
  hashOf,
  jsonOf,
  providerAnswer,
  splitModel,
  systemHash,
  withCleanName,
} from './vendor.ts'

const KEY = {
  type: 'mlflow.spanType',
  requestId: 'mlflow.traceRequestId',
  usage: 'mlflow.chat.tokenUsage',
  tools: 'mlflow.chat.tools',
  model: 'mlflow.llm.model',
  provider: 'mlflow.llm.provider',
  cost: 'mlflow.llm.cost',
  inputs: 'mlflow.spanInputs',
  outputs: 'mlflow.spanOutputs',
} as const

const ROLE: Readonly<Record<string, SpanRole>> = {
  LLM: 'model',
  CHAT_MODEL: 'model',
  EMBEDDING: 'embedding',
  TOOL: 'tool',
  AGENT: 'agent',
  WORKFLOW: 'workflow',
  CHAIN: 'step',
  TASK: 'step',
  RETRIEVER: 'retrieval',
  RERANKER: 'retrieval',
  GUARDRAIL: 'guardrail',
  EVALUATOR: 'evaluator',
}

/** A string that may itself be a JSON string. */
function word(a: Attributes, key: string): string | undefined {
  const text = a.text(key)
  if (text === undefined || !text.startsWith('"')) return text === '' ? undefined : text
  const inner = parseJson(text)
  return typeof inner === 'string' && inner !== '' ? inner : undefined
}

function read(span: Span): Reading | undefined {
  const a = span.attributes
  const type = word(a, KEY.type)?.toUpperCase()
  const named = ownOf(ROLE, type) ?? 'other'
  // The outermost chain is the run where no agent is; chains below it are steps.
  const role = named === 'step' && span.parentSpanId === '' ? 'workflow' : named
  const base = readGenAi(span, { role })
  const common: Reading = { ...base, ...(span.status === 'error' ? optional('errorType', base.errorType ?? exceptionType(span)) : {}) }
  if (role === 'tool' || role === 'retrieval') return { ...common, ...tool(span, role) }
  if (role === 'workflow') return withCleanName(common)
  if (role === 'agent')
    return withCleanName({ ...common, ...optional('agentName', base.agentName ?? agentName(span.name)), ...usageField(a) })
  return role === 'model' || role === 'embedding' ? withCleanName({ ...common, ...call(a, base) }) : common
}

function call(a: Attributes, base: Reading): Partial<Reading> {
  const answer = providerAnswer(jsonOf(a, KEY.outputs))
  const request = record(jsonOf(a, KEY.inputs))
  const { provider, model } = splitModel(word(a, KEY.model) ?? base.requestModel)
  return {
    ...optional('provider', foldProvider(word(a, KEY.provider)) ?? provider ?? base.provider),
    ...optional('requestModel', model),
    ...optional('responseModel', base.responseModel ?? answer.model),
    ...optional('responseId', base.responseId ?? answer.id),
    ...usageField(a, model ?? answer.model, answer.usage),
    ...optional('finish', base.finish ?? answer.finish),
    ...optional('outputEmpty', base.outputEmpty ?? answer.outputEmpty),
    ...optional('outputText', base.outputText ?? answer.outputText),
    ...optional('instructionsHash', base.instructionsHash ?? systemHash(listed(request?.['messages'])) ?? hashOf(request?.['system'])),
    ...optional('toolsHash', base.toolsHash ?? hashOf(jsonOf(a, KEY.tools) ?? request?.['tools'])),
    ...optional('givenCostUsd', costOf(a)),
  }
}

function usageField(a: Attributes, model?: string, answered?: RawUsage): Partial<Reading> {
  const u = record(jsonOf(a, KEY.usage))
  const usage: RawUsage = {
    ...optional('input', countOf(u?.['input_tokens'])),
    ...optional('output', countOf(u?.['output_tokens'])),
    ...optional('cacheRead', countOf(u?.['cache_read_input_tokens']) ?? answered?.cacheRead),
    ...optional('cacheWrite', countOf(u?.['cache_creation_input_tokens']) ?? answered?.cacheWrite),
    ...optional('reasoning', answered?.reasoning),
    ...optional('total', countOf(u?.['total_tokens'])),
    cacheAccounting: accountingOf(model),
    ...(answered?.reasoningOutsideOutput === true ? { reasoningOutsideOutput: true } : {}),
  }
  if (usage.input !== undefined || usage.output !== undefined) return { usage }
  return answered === undefined ? {} : { usage: answered }
}

function costOf(a: Attributes): number | undefined {
  const total = record(jsonOf(a, KEY.cost))?.['total_cost']
  return typeof total === 'number' && Number.isFinite(total) ? total : undefined
}

function tool(span: Span, role: SpanRole): Partial<Reading> {
  const a = span.attributes
  return {
    ...(role === 'tool' && !a.has(GEN_AI.toolName) ? { toolName: span.name } : {}),
    ...optional('argumentsHash', hashOf(a.text(KEY.inputs))),
    ...optional('resultEmpty', emptyAnswer(jsonOf(a, KEY.outputs))),
  }
}

/** An agent span is named after the agent, or after the method that ran it, which names nothing. */
function agentName(name: string): string | undefined {
  return /^(Agent|AgentExecutor|Crew|Runner)([._]\w+)*$/.test(name) ? undefined : agentNameOf(name)
}

export const mlflow: Dialect = {
  name: 'mlflow',
  keys: [...GEN_AI_KEYS, ...Object.values(KEY)],
  signs: [KEY.type, KEY.requestId],
  recognises: ({ attributes: a }) => a.has(KEY.type) || a.has(KEY.requestId),
  read,
}
