/**
 * Strands Agents (Python `strands.telemetry.tracer`; TypeScript, whose scope is the service name) and the evaluations of AgentCore.
 * Standard operation names, but messages, finish reasons and tool payloads are span events, the provider is the framework (or, in
 * TypeScript, the service), and an agent span's usage is the agent object's sum over its life, so it is never taken.
 * Source: strands-agents/sdk-python src/strands/telemetry/tracer.py (006ad58), spans of 2026-04, sdk-typescript 1.15.
 */
import type { RawUsage, Reading, SpanRole } from '../../model/run.ts'
import { EVENT, GEN_AI } from '../../model/semconv.ts'
import type { LogRecord, Span } from '../../model/span.ts'
import type { Dialect, LogReading } from './dialect.ts'
import { GEN_AI_KEYS, readCohort, readEvaluation, readGenAi, roleOf } from './gen-ai.ts'
import { anyText, foldFinish, itemsOf, newestUserText, optional, parseJson, readMessages, record } from './reading.ts'
import {
  accountingOf,
  agentNameOf,
  answerFields,
  emptyAnswer,
  exceptionType,
  hashOf,
  jsonOf,
  knownProvider,
  newestBlockText,
  splitModel,
  weigh,
  withCleanName,
} from './vendor.ts'

const KEY = {
  startTime: 'gen_ai.event.start_time',
  cycle: 'event_loop.cycle_id',
  tools: 'gen_ai.agent.tools',
  prompt: 'gen_ai.agent.system_prompt',
  oldPrompt: 'system_prompt',
  toolStatus: 'gen_ai.tool.status',
  openInference: 'openinference.span.kind',
  level: 'aws.bedrock_agentcore.evaluation_level',
} as const

const SCOPE = 'strands.telemetry.tracer'

/** Model ids of the Bedrock catalogue, with or without an inference profile's region, and ARNs. */
const BEDROCK =
  /^(?:(?:us|us-gov|eu|apac|jp|au|ca|global)\.)?(?:anthropic|amazon|meta|mistral|cohere|ai21|deepseek|openai|qwen|writer)\.|^arn:aws/

function role(span: Span): SpanRole {
  if (/^invoke_(swarm|graph)\b/.test(span.name)) return 'workflow'
  if (/^execute_(event|agent)_loop_cycle/.test(span.name)) return 'step'
  return span.name.startsWith('evaluator ') ? 'evaluator' : roleOf(span.attributes)
}

function read(span: Span): Reading {
  const a = span.attributes
  const r = role(span)
  const { usage, provider: _, ...base } = readGenAi(span, { role: r, agentUsage: false })
  if (r === 'tool') return { ...base, ...readToolEvents(span), ...toolOutcome(span) }
  // A swarm or graph is named after its class ("swarm"), not after what it does.
  if (r === 'workflow') {
    const { agentName, ...rest } = base
    return { ...rest, ...optional('agentName', /^(swarm|graph)$/i.test(agentName ?? '') ? undefined : agentNameOf(agentName)) }
  }
  const { model } = splitModel(a.text(GEN_AI.requestModel))
  const provider = model !== undefined && BEDROCK.test(model) ? 'aws.bedrock' : knownProvider(anyText(a, GEN_AI.provider, GEN_AI.system))
  const accounting: RawUsage['cacheAccounting'] = provider === 'aws.bedrock' ? 'excluded' : accountingOf(model)
  return withCleanName({
    ...base,
    ...(r === 'agent' || r === 'model' ? { ...cohort(span), ...readMessageEvents(span) } : {}),
    ...(r === 'agent' || r === 'model' ? optional('provider', provider) : {}),
    ...(usage === undefined ? {} : { usage: { ...usage, cacheAccounting: accounting } }),
    ...(span.status === 'error' ? optional('errorType', base.errorType ?? exceptionType(span)) : {}),
  })
}

function cohort(span: Span): Partial<Reading> {
  const a = span.attributes
  return {
    ...optional('instructionsHash', hashOf(anyText(a, KEY.prompt, KEY.oldPrompt))),
    ...optional('toolsHash', hashOf(jsonOf(a, KEY.tools) ?? a.list(KEY.tools))),
    ...readCohort(a),
  }
}

/** Finish reason and answer from `gen_ai.choice`, or from the details event of the opt-in. */
function readMessageEvents(span: Span): Partial<Reading> {
  let found: Partial<Reading> = {}
  let input: string | undefined
  for (const event of span.events()) {
    const e = event.attributes
    if (event.name === 'gen_ai.user.message') input = newestBlockText([{ role: 'user', content: jsonOf(e, 'content') }])
    else if (event.name === EVENT.choice) {
      const seen = blocks(e.text('message'))
      found = { ...found, ...optional('finish', foldFinish(e.text('finish_reason'))), ...seen }
    } else if (event.name === EVENT.inferenceDetails) {
      const messages = e.json(GEN_AI.outputMessages)
      const answer = readMessages(messages)
      const last = record(Array.isArray(messages) ? messages.at(-1) : undefined)
      if (answer !== undefined) found = { ...found, outputEmpty: answer.empty, outputText: answer.text }
      found = {
        ...found,
        ...optional('finish', foldFinish(typeof last?.['finish_reason'] === 'string' ? last['finish_reason'] : undefined)),
      }
      input = newestUserText(itemsOf(e, GEN_AI.inputMessages)) ?? input
    }
  }
  return { ...found, ...optional('inputText', input) }
}

/** An answer given as Bedrock content blocks in JSON, or, on agent spans, as plain text. */
function blocks(message: string | undefined): Partial<Reading> {
  if (message === undefined) return {}
  const parts = message.startsWith('[') ? parseJson(message) : undefined
  if (message.startsWith('[') && !Array.isArray(parts)) return {} // cut off by a length limit
  const seen = Array.isArray(parts) ? weigh(parts) : { text: message, tool: false, other: false }
  return answerFields(seen)
}

function readToolEvents(span: Span): Partial<Reading> {
  let found: Partial<Reading> = {}
  for (const event of span.events()) {
    const e = event.attributes
    if (event.name === 'gen_ai.tool.message') found = { ...found, ...optional('argumentsHash', hashOf(e.text('content'))) }
    else if (event.name === EVENT.choice)
      found = { ...found, ...optional('resultEmpty', emptyAnswer(jsonOf(e, 'message') ?? e.text('message'))) }
    else if (event.name === EVENT.inferenceDetails) {
      found = {
        ...found,
        ...optional('argumentsHash', hashOf(firstPart(e.json(GEN_AI.inputMessages))?.['arguments'])),
        ...optional('resultEmpty', emptyAnswer(firstPart(e.json(GEN_AI.outputMessages))?.['response'])),
      }
    }
  }
  return found
}

function firstPart(messages: unknown): Readonly<Record<string, unknown>> | undefined {
  const parts = record(Array.isArray(messages) ? messages[0] : undefined)?.['parts']
  return record(Array.isArray(parts) ? parts[0] : undefined)
}

/** A tool that answers with an error result ends with status OK: `gen_ai.tool.status` knows better. */
function toolOutcome(span: Span): Partial<Reading> {
  const failed = span.attributes.text(KEY.toolStatus)?.toLowerCase() === 'error' || span.status === 'error'
  return failed ? { failed: true, ...optional('errorType', exceptionType(span)) } : {}
}

/** AgentCore's online evaluations: the score may be a string, and `gen_ai.response.id` is the trace they judge. */
function readLog(log: LogRecord): LogReading | undefined {
  if (log.eventName !== EVENT.evaluation) return undefined
  const evaluation = readEvaluation(log.attributes)
  const judged = evaluation?.responseId
  const isTrace = judged !== undefined && /^[0-9a-f]{32}$/i.test(judged)
  if (evaluation === undefined || !(isTrace || log.attributes.has(KEY.level))) return undefined
  if (!isTrace) return { evaluations: [evaluation] }
  const { responseId: _, ...rest } = evaluation
  const traceId = judged.toLowerCase()
  const spanId = log.traceId === traceId && log.spanId !== '' ? log.spanId : undefined
  return { evaluations: [{ ...rest, target: { traceId, ...optional('spanId', spanId) } }] }
}

export const strands: Dialect = {
  name: 'strands',
  keys: [...GEN_AI_KEYS, ...Object.values(KEY), 'finish_reason', 'message', 'content'],
  scopes: [SCOPE],
  signs: [KEY.startTime, KEY.cycle],
  texts: [
    [GEN_AI.system, 'strands-agents'],
    [GEN_AI.provider, 'strands-agents'],
    [GEN_AI.operation, 'execute_event_loop_cycle'],
    [GEN_AI.operation, 'execute_agent_loop_cycle'],
  ],
  comesFrom: (scope) => scope.name === SCOPE,
  recognises: ({ attributes: a, scope }) =>
    (scope.name === SCOPE ||
      a.has(KEY.startTime) ||
      a.has(KEY.cycle) ||
      a.text(GEN_AI.system) === 'strands-agents' ||
      a.text(GEN_AI.provider) === 'strands-agents' ||
      /^execute_(event|agent)_loop_cycle$/.test(a.text(GEN_AI.operation) ?? '')) &&
    !a.has(KEY.openInference),
  read,
  readLog,
}
