/**
 * Claude Code and the Claude Agent SDK's child process: spans by name (`claude_code.interaction` is the agent, `.llm_request` a model call,
 * `.tool` a tool call) and log records `api_request`, `api_error`, `tool_result` for installations without traces.
 * Input tokens exclude the cache. Log numbers and booleans may be strings; `event.name` comes with and without the `claude_code.` prefix.
 * A failed tool fails only on its child `claude_code.tool.execution`, which names no tool: when failed, that child reads as the same tool
 * call (same `tool_use_id`), so the failure reaches it; when not, it is a step, so that the tools of a sub-agent inside it stay apart.
 * Source: spans and logs of Claude Code 2.1.330; semconv of 2.1.138 and 2.1.289.
 */
import type { RawUsage, Reading } from '../../model/run.ts'
import { AGENTOPZ, GEN_AI, GENERAL } from '../../model/semconv.ts'
import type { Attributes, LogRecord, Span } from '../../model/span.ts'
import type { Dialect, LogReading } from './dialect.ts'
import { anyText, first, foldFinish, foldFinishList, foldProvider, optional } from './reading.ts'
import { agentNameOf, errorTypeOf, hashOf, known } from './vendor.ts'

const PREFIX = 'claude_code.'
const SCOPES = ['com.anthropic.claude_code.tracing', 'com.anthropic.claude_code.traces']
const KEY = {
  input: 'input_tokens',
  output: 'output_tokens',
  cacheRead: 'cache_read_tokens',
  cacheWrite: 'cache_creation_tokens',
  cacheWrite1h: 'cache_creation_1h_tokens',
  model: 'model',
  success: 'success',
  stop: 'stop_reason',
  error: 'error',
  errorClass: 'error_class',
  oldErrorType: 'error_type',
  httpStatus: 'status_code',
  toolName: 'tool_name',
  toolUseId: 'tool_use_id',
  toolInput: 'tool_input',
  toolParameters: 'tool_parameters',
  resultSize: 'tool_result_size_bytes',
  cost: 'cost_usd',
  duration: 'duration_ms',
  session: 'session.id',
  prompt: 'prompt.id',
  sequence: 'event.sequence',
  timestamp: 'event.timestamp',
} as const

/** Input excludes what was read from or written to the cache. */
function usageOf(a: Attributes): RawUsage | undefined {
  const input = a.count(KEY.input)
  const output = a.count(KEY.output)
  if (input === undefined && output === undefined) return undefined
  return {
    ...optional('input', input),
    ...optional('output', output),
    ...optional('cacheRead', a.count(KEY.cacheRead)),
    ...optional('cacheWrite', a.count(KEY.cacheWrite)),
    ...optional('cacheWrite1h', a.count(KEY.cacheWrite1h)),
    cacheAccounting: 'excluded',
  }
}

function errorType(a: Attributes): string | undefined {
  return errorTypeOf(anyText(a, GENERAL.errorType, KEY.errorClass, KEY.oldErrorType, KEY.httpStatus, KEY.error))
}

function outcome(a: Attributes, status: Span['status']): Partial<Reading> {
  const failed = a.flag(KEY.success) === false || status === 'error'
  if (failed) return { failed: true, ...optional('errorType', errorType(a)) }
  return {}
}

function read(span: Span): Reading | undefined {
  const a = span.attributes
  const stopped = optional('stoppedBy', known(a.text(AGENTOPZ.stoppedBy)))
  switch (span.name.slice(PREFIX.length)) {
    case 'interaction':
      return {
        role: 'agent',
        ...optional('agentName', agentNameOf(a.text(GEN_AI.agentName))),
        ...optional('provider', foldProvider(anyText(a, GEN_AI.provider, GEN_AI.system))),
        ...outcome(a, span.status),
        ...stopped,
      }
    case 'llm_request':
      return {
        role: 'model',
        provider: foldProvider(anyText(a, GEN_AI.provider, GEN_AI.system)) ?? 'anthropic',
        ...optional('requestModel', anyText(a, GEN_AI.requestModel, KEY.model)),
        ...optional('responseModel', anyText(a, GEN_AI.responseModel)),
        ...optional('responseId', anyText(a, GEN_AI.responseId)),
        ...optional('usage', usageOf(a)),
        ...optional('finish', foldFinish(a.text(KEY.stop)) ?? foldFinishList(a.list(GEN_AI.finishReasons))),
        ...outcome(a, span.status),
        ...stopped,
      }
    case 'tool':
      return { role: 'tool', ...toolCall(a), ...outcome(a, span.status), ...stopped }
    case 'tool.execution': {
      const failure = outcome(a, span.status)
      return failure.failed === true ? { role: 'tool', ...toolCall(a), ...failure } : { role: 'step' }
    }
    case 'tool.blocked_on_user':
      return { role: 'guardrail' } // the time a person takes to allow a tool
    default:
      return { role: 'other' }
  }
}

function toolCall(a: Attributes): Partial<Reading> {
  const size = a.count(KEY.resultSize)
  return {
    ...optional('toolName', anyText(a, KEY.toolName, GEN_AI.toolName)),
    ...optional('toolCallId', anyText(a, KEY.toolUseId, GEN_AI.toolCallId)),
    ...optional('argumentsHash', first(a.text(AGENTOPZ.argumentsHash), hashOf(anyText(a, KEY.toolInput, KEY.toolParameters)))),
    ...(size === undefined ? {} : { resultEmpty: size === 0 }),
  }
}

/** One prompt is one run; records without a prompt belong to their session. */
function readLog(log: LogRecord): LogReading | undefined {
  const name = eventOf(log)
  if (name !== 'api_request' && name !== 'api_error' && name !== 'tool_result') return undefined
  const a = log.attributes
  const session = a.text(KEY.session)
  const runKey = anyText(a, KEY.prompt) ?? session
  if (runKey === undefined) return undefined
  const at = a.text(KEY.sequence) ?? a.text(KEY.timestamp) ?? String(log.timeMs)
  const id = `${session ?? runKey}/${at}/${name}/${a.text(KEY.toolUseId) ?? ''}`
  const reading = name === 'tool_result' ? { role: 'tool' as const, ...toolCall(a), ...outcome(a, 'unset') } : modelLog(name, a)
  return { fact: { runKey, id, durationMs: a.number(KEY.duration) ?? 0, reading } }
}

function modelLog(name: 'api_request' | 'api_error', a: Attributes): Reading {
  const common = { role: 'model', provider: 'anthropic', perAttempt: true, ...optional('requestModel', a.text(KEY.model)) } as const
  if (name === 'api_error') return { ...common, failed: true, ...optional('errorType', errorType(a)) }
  return {
    ...common,
    ...optional('usage', usageOf(a)),
    ...optional('givenCostUsd', a.number(KEY.cost)),
    ...optional('finish', foldFinish(a.text(KEY.stop))),
    ...outcome(a, 'unset'),
  }
}

/** Event name without prefix, of a record that is Claude Code's. */
function eventOf(log: LogRecord): string | undefined {
  const named = [log.eventName, log.body.text('') ?? ''].find((n) => n.startsWith(PREFIX))
  if (named !== undefined) return named.slice(PREFIX.length)
  return log.scope.name === 'com.anthropic.claude_code.events' ? log.eventName : undefined
}

export const claudeCode: Dialect = {
  name: 'claude_code',
  keys: [
    ...Object.values(KEY),
    GEN_AI.agentName,
    GEN_AI.provider,
    GEN_AI.system,
    GEN_AI.operation,
    GEN_AI.requestModel,
    GEN_AI.responseModel,
    GEN_AI.responseId,
    GEN_AI.finishReasons,
    GEN_AI.toolName,
    GEN_AI.toolCallId,
    GENERAL.errorType,
    GENERAL.eventName,
    AGENTOPZ.stoppedBy,
    AGENTOPZ.argumentsHash,
  ],
  scopes: SCOPES,
  services: ['claude-code'],
  recognises: ({ name }) => name.startsWith(PREFIX),
  read,
  readLog,
}
