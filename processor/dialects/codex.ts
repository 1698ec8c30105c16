/**
 * OpenAI Codex CLI: one `session_task.*` span a turn with the turn's exact token sum, thousands of internal spans, and log records
 * `codex.sse_event`, `codex.api_request`, `codex.tool_result`.
 * A span with `gen_ai.usage.*` is a model call (`handle_responses`; several spans a request, only the one that saw the end has usage, and
 * its name is replaced by the last event's). Its tokens are taken only when it names its model; else the turn's sum, which does, counts.
 * `response.completed` is logged twice, one copy has the counts: only that is the call. Input includes the cache, output the reasoning.
 * Source: openai/codex codex-rs/otel/src/events/session_telemetry.rs (a2a5acb), codex-rs/core/src/tasks/mod.rs, published captures of 2026-06.
 */
import type { RawUsage, Reading } from '../../model/run.ts'
import { AGENTOPZ, GEN_AI, GENERAL } from '../../model/semconv.ts'
import type { Attributes, LogRecord, Scope, Span } from '../../model/span.ts'
import type { Dialect, LogReading } from './dialect.ts'
import { anyCount, anyText, first, isEmptyResult, optional } from './reading.ts'
import { errorTypeOf, hashOf, known } from './vendor.ts'

const TURN = 'codex.turn.token_usage.'
const KEY = {
  turnId: 'turn.id',
  effort: 'codex.turn.reasoning_effort',
  model: 'model',
  reasoning: 'codex.usage.reasoning_output_tokens',
  cached: 'codex.usage.cached_input_tokens',
  total: 'codex.usage.total_tokens',
  toolName: 'tool_name',
  callId: 'call_id',
  aborted: 'aborted',
  success: 'success',
  arguments: 'arguments',
  output: 'output',
  eventKind: 'event.kind',
  timestamp: 'event.timestamp',
  duration: 'duration_ms',
  conversation: 'conversation.id',
  inputCount: 'input_token_count',
  outputCount: 'output_token_count',
  cachedCount: 'cached_token_count',
  writeCount: 'cache_write_token_count',
  reasoningCount: 'reasoning_token_count',
  httpStatus: 'http.response.status_code',
  message: 'error.message',
  endpoint: 'endpoint',
} as const
const TURN_KEYS = [
  'input_tokens',
  'output_tokens',
  'cached_input_tokens',
  'cache_write_input_tokens',
  'reasoning_output_tokens',
  'total_tokens',
]
const EMITTER = /^codex([-_]|$)/

function usage(values: Omit<RawUsage, 'cacheAccounting'>): RawUsage | undefined {
  return values.input === undefined && values.output === undefined ? undefined : { ...values, cacheAccounting: 'included' }
}

function model(a: Attributes): Partial<Reading> {
  const name = known(anyText(a, GEN_AI.requestModel, KEY.model))
  return { ...optional('requestModel', name), ...(name !== undefined && /^(gpt|o\d|codex)/.test(name) ? { provider: 'openai' } : {}) }
}

function read(span: Span): Reading | undefined {
  const a = span.attributes
  const stopped = optional('stoppedBy', known(a.text(AGENTOPZ.stoppedBy)))
  if (a.has(KEY.toolName) && a.has(KEY.callId)) return { role: 'tool', ...toolCall(a), ...toolOutcome(span), ...stopped }
  if (a.has(GEN_AI.inputTokens) || a.has(GEN_AI.outputTokens)) {
    const asked = model(a)
    return {
      role: 'model',
      ...asked,
      ...optional('responseModel', anyText(a, GEN_AI.responseModel)),
      ...optional('responseId', anyText(a, GEN_AI.responseId)),
      ...(asked.requestModel === undefined ? {} : optional('usage', callUsage(a))),
      ...(span.status === 'error' ? optional('errorType', errorTypeOf(a.text(GENERAL.errorType))) : {}),
    }
  }
  const isTurn = span.name.startsWith('session_task.') && (a.has(KEY.turnId) || a.has(KEY.effort))
  if (!isTurn && !a.has(`${TURN}input_tokens`)) return undefined
  return { role: 'agent', ...model(a), ...optional('usage', turnUsage(a)), ...stopped }
}

function callUsage(a: Attributes): RawUsage | undefined {
  return usage({
    ...optional('input', a.count(GEN_AI.inputTokens)),
    ...optional('output', a.count(GEN_AI.outputTokens)),
    ...optional('cacheRead', anyCount(a, GEN_AI.cacheRead, KEY.cached)),
    ...optional('cacheWrite', anyCount(a, GEN_AI.cacheWrite, GEN_AI.cacheCreation)),
    ...optional('reasoning', anyCount(a, KEY.reasoning, GEN_AI.reasoningTokens)),
    ...optional('total', a.count(KEY.total)),
  })
}

function turnUsage(a: Attributes): RawUsage | undefined {
  return usage({
    ...optional('input', a.count(`${TURN}input_tokens`)),
    ...optional('output', a.count(`${TURN}output_tokens`)),
    ...optional('cacheRead', a.count(`${TURN}cached_input_tokens`)),
    ...optional('cacheWrite', a.count(`${TURN}cache_write_input_tokens`)),
    ...optional('reasoning', a.count(`${TURN}reasoning_output_tokens`)),
    ...optional('total', a.count(`${TURN}total_tokens`)),
  })
}

function toolCall(a: Attributes): Partial<Reading> {
  return {
    ...optional('toolName', known(a.text(KEY.toolName))),
    ...optional('toolCallId', known(a.text(KEY.callId))),
    ...optional('argumentsHash', first(a.text(AGENTOPZ.argumentsHash), hashOf(a.text(KEY.arguments)))),
  }
}

/** Every span ends Unset: an aborted flag or the span event twin of `codex.tool_result` tells the failure. */
function toolOutcome(span: Span): Partial<Reading> {
  if (span.attributes.flag(KEY.aborted) === true) return { failed: true, errorType: 'aborted' }
  const event = span.events().find((e) => e.attributes.text(GENERAL.eventName) === 'codex.tool_result')
  return event?.attributes.flag(KEY.success) === false || span.status === 'error' ? { failed: true } : {}
}

/** Logs have no turn: a conversation is a run, which the idle time cuts into turns. */
function readLog(log: LogRecord): LogReading | undefined {
  const name = log.eventName === '' ? (log.attributes.text(GENERAL.eventName) ?? '') : log.eventName
  if (!name.startsWith('codex.')) return undefined
  const a = log.attributes
  const conversation = anyText(a, KEY.conversation)
  const reading = conversation === undefined ? undefined : readingOf(name, a)
  if (conversation === undefined || reading === undefined) return undefined
  const turn = anyText(a, KEY.turnId)
  const at = a.text(KEY.timestamp) ?? String(log.timeMs)
  const counts = `${a.text(KEY.inputCount) ?? ''}:${a.text(KEY.outputCount) ?? ''}`
  return {
    fact: {
      runKey: turn === undefined ? conversation : `${conversation}/${turn}`,
      id: `${conversation}/${name}/${reading.toolCallId ?? `${at}/${counts}`}`,
      durationMs: a.number(KEY.duration) ?? 0,
      reading,
    },
  }
}

function readingOf(name: string, a: Attributes): Reading | undefined {
  const kind = a.text(KEY.eventKind)
  const call = { role: 'model', perAttempt: true, ...model(a) } as const
  const status = a.count(KEY.httpStatus)
  const failure = { ...call, failed: true, ...optional('errorType', status === undefined ? undefined : String(status)) }
  switch (name) {
    case 'codex.sse_event':
    case 'codex.websocket_event': {
      if (a.has(KEY.message) && (kind === 'response.completed' || kind === 'response.failed')) return failure
      const found = kind === 'response.completed' ? logUsage(a) : undefined
      return found === undefined ? undefined : { ...call, usage: found }
    }
    case 'codex.api_request': {
      // Successful requests are told by response.completed; other endpoints (models, login) are no model calls.
      const endpoint = a.text(KEY.endpoint)
      const isCall = endpoint === undefined || endpoint === 'unknown' || /responses|completions/.test(endpoint)
      const failed = a.has(KEY.message) || (status !== undefined && status >= 400)
      return isCall && failed ? failure : undefined
    }
    case 'codex.tool_result':
      return {
        role: 'tool',
        ...toolCall(a),
        ...(a.flag(KEY.success) === false ? { failed: true } : optional('resultEmpty', isEmptyResult(a.text(KEY.output)))),
      }
    default:
      return undefined
  }
}

function logUsage(a: Attributes): RawUsage | undefined {
  return usage({
    ...optional('input', a.count(KEY.inputCount)),
    ...optional('output', a.count(KEY.outputCount)),
    ...optional('cacheRead', a.count(KEY.cachedCount)),
    ...optional('cacheWrite', a.count(KEY.writeCount)),
    ...optional('reasoning', a.count(KEY.reasoningCount)),
  })
}

function comesFrom(scope: Scope, resource: Attributes): boolean {
  return EMITTER.test(scope.name) || EMITTER.test(resource.text(GENERAL.serviceName) ?? '')
}

export const codex: Dialect = {
  name: 'codex',
  keys: [
    ...Object.values(KEY),
    ...TURN_KEYS.map((k) => TURN + k),
    GEN_AI.requestModel,
    GEN_AI.responseModel,
    GEN_AI.responseId,
    GEN_AI.inputTokens,
    GEN_AI.outputTokens,
    GEN_AI.cacheRead,
    GEN_AI.cacheWrite,
    GEN_AI.cacheCreation,
    GEN_AI.reasoningTokens,
    GENERAL.serviceName,
    GENERAL.errorType,
    GENERAL.eventName,
    AGENTOPZ.stoppedBy,
    AGENTOPZ.argumentsHash,
  ],
  scopes: ['codex_*', 'codex-*'],
  services: ['codex_*', 'codex-*', 'codex'],
  signs: [`${TURN}input_tokens`, KEY.effort],
  comesFrom,
  recognises: ({ attributes: a, resource, scope }) => a.has(`${TURN}input_tokens`) || a.has(KEY.effort) || comesFrom(scope, resource),
  read,
  readLog,
}
