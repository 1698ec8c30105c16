import { expect, test } from 'vitest'
import { codex } from '../../../processor/dialects/codex.ts'
import { dialectTable, HASH } from './table.ts'
import { log, span } from './view.ts'

const scope = 'codex_exec'
const TURN = {
  'turn.id': '019e89df',
  model: 'gpt-5.4-mini',
  'codex.turn.reasoning_effort': 'low',
  'codex.turn.token_usage.input_tokens': 17455,
  'codex.turn.token_usage.cached_input_tokens': 1536,
  'codex.turn.token_usage.non_cached_input_tokens': 15919,
  'codex.turn.token_usage.output_tokens': 61,
  'codex.turn.token_usage.reasoning_output_tokens': 40,
  'codex.turn.token_usage.total_tokens': 17516,
}
const LOG = { 'conversation.id': 'c1', 'event.timestamp': '2026-06-03T21:44:12.1Z', model: 'gpt-5.4-mini' }
const COMPLETED = { ...LOG, 'event.name': 'codex.sse_event', 'event.kind': 'response.completed' }
const MODEL = { role: 'model', perAttempt: true, requestModel: 'gpt-5.4-mini', provider: 'openai' } as const

dialectTable(
  codex,
  [
    {
      name: 'a turn is the run, with its exact sum',
      span: { name: 'session_task.turn', scope, attributes: TURN },
      reads: {
        role: 'agent',
        requestModel: 'gpt-5.4-mini',
        provider: 'openai',
        usage: { input: 17455, output: 61, cacheRead: 1536, reasoning: 40, total: 17516, cacheAccounting: 'included' },
      },
    },
    {
      name: 'a response that names its model has its own tokens',
      span: {
        name: 'completed',
        scope,
        attributes: {
          model: 'gpt-5.4-mini',
          'gen_ai.usage.input_tokens': 100,
          'gen_ai.usage.output_tokens': 20,
          'gen_ai.usage.cache_read.input_tokens': 40,
          'codex.usage.reasoning_output_tokens': 8,
          'codex.usage.total_tokens': 120,
        },
      },
      reads: {
        role: 'model',
        requestModel: 'gpt-5.4-mini',
        provider: 'openai',
        usage: { input: 100, output: 20, cacheRead: 40, reasoning: 8, total: 120, cacheAccounting: 'included' },
      },
    },
    {
      name: 'one that does not is a call whose tokens the turn has, with the model to price them',
      span: { name: 'handle_responses', scope, attributes: { 'gen_ai.usage.input_tokens': 100, 'gen_ai.usage.output_tokens': 20 } },
      reads: { role: 'model' },
    },
    {
      name: 'responses that saw no end are no calls',
      span: { name: 'function_call', scope, attributes: { from: 'output_item_done', tool_name: 'shell' } },
      nothing: true,
    },
    {
      name: 'an aborted tool',
      span: { name: 'shell', scope, attributes: { tool_name: 'shell', call_id: 'c', aborted: true } },
      reads: { role: 'tool', toolName: 'shell', toolCallId: 'c', failed: true, errorType: 'aborted' },
    },
    {
      name: 'a failed tool is told by a span event, the span is Unset',
      span: {
        name: 'shell',
        scope,
        attributes: { tool_name: 'shell', call_id: 'c', aborted: false },
        events: [{ name: 'event', attributes: { 'event.name': 'codex.tool_result', success: 'false' } }],
      },
      reads: { role: 'tool', toolName: 'shell', toolCallId: 'c', failed: true },
    },
    { name: 'internal spans only shape the tree', span: { name: 'run_sampling_request', scope }, nothing: true },
  ],
  [
    {
      name: 'a completed response with its counts as strings',
      log: {
        attributes: {
          ...COMPLETED,
          input_token_count: '100',
          output_token_count: '20',
          cached_token_count: 40,
          reasoning_token_count: 8,
          tool_token_count: '120',
        },
      },
      reads: {
        fact: {
          runKey: 'c1',
          id: 'c1/codex.sse_event/2026-06-03T21:44:12.1Z/100:20',
          durationMs: 0,
          reading: { ...MODEL, usage: { input: 100, output: 20, cacheRead: 40, reasoning: 8, cacheAccounting: 'included' } },
        },
      },
    },
    { name: 'its twin without counts is not a second call', log: { attributes: { ...COMPLETED, duration_ms: '12' } }, reads: undefined },
    {
      name: 'other stream events are not read',
      log: { attributes: { ...COMPLETED, 'event.kind': 'response.output_item.done' } },
      reads: undefined,
    },
    {
      name: 'a failed response',
      log: { attributes: { ...COMPLETED, 'event.kind': 'response.failed', 'error.message': 'x' } },
      reads: {
        fact: { runKey: 'c1', id: 'c1/codex.sse_event/2026-06-03T21:44:12.1Z/:', durationMs: 0, reading: { ...MODEL, failed: true } },
      },
    },
    {
      name: 'a refused request is a failed attempt',
      log: {
        attributes: {
          ...LOG,
          'event.name': 'codex.api_request',
          'http.response.status_code': 429,
          duration_ms: '50',
          attempt: 1,
          endpoint: '/responses',
        },
      },
      reads: {
        fact: {
          runKey: 'c1',
          id: 'c1/codex.api_request/2026-06-03T21:44:12.1Z/:',
          durationMs: 50,
          reading: { ...MODEL, failed: true, errorType: '429' },
        },
      },
    },
    {
      name: 'an accepted one is told by its completion',
      log: { attributes: { ...LOG, 'event.name': 'codex.api_request', 'http.response.status_code': 200 } },
      reads: undefined,
    },
    {
      name: 'other endpoints are no model',
      log: { attributes: { ...LOG, 'event.name': 'codex.api_request', 'http.response.status_code': 500, endpoint: '/models' } },
      reads: undefined,
    },
    {
      name: 'a tool result; a turn, where it is given, is the run',
      log: {
        attributes: {
          ...LOG,
          'turn.id': 't7',
          'event.name': 'codex.tool_result',
          tool_name: 'shell',
          call_id: 'k',
          arguments: '{"cmd":"ls"}',
          duration_ms: '9',
          success: 'true',
          output: '',
        },
      },
      reads: {
        fact: {
          runKey: 'c1/t7',
          id: 'c1/codex.tool_result/k',
          durationMs: 9,
          reading: { role: 'tool', toolName: 'shell', toolCallId: 'k', argumentsHash: HASH, resultEmpty: true },
        },
      },
    },
    {
      name: 'a record without a conversation belongs to no run',
      log: { attributes: { 'event.name': 'codex.tool_result', tool_name: 'shell' } },
      reads: undefined,
    },
  ],
)

test('told by the service name too', () => {
  expect(codex.recognises(span(codex, { scope: 'x', resource: { 'service.name': 'codex_cli_rs' } }))).toBe(true)
  expect(codex.recognises(span(codex, { scope: 'x', resource: { 'service.name': 'codexpert' } }))).toBe(false)
})

test('records of others are not read', () => expect(codex.readLog?.(log(codex, { event: 'claude_code.api_request' }))).toBeUndefined())
