import { describe, expect, test } from 'vitest'
import { claudeCode } from '../../../processor/dialects/claude-code.ts'
import { dialectTable } from './table.ts'
import { log } from './view.ts'

const scope = 'com.anthropic.claude_code.tracing'
const COMMON = { 'session.id': 's1', 'gen_ai.provider.name': 'anthropic', 'gen_ai.system': 'anthropic' }
const TOKENS = { input_tokens: 60, output_tokens: 20, cache_read_tokens: 30, cache_creation_tokens: 10 }
const REQUEST = { ...COMMON, model: 'claude-sonnet-5', 'gen_ai.request.model': 'claude-sonnet-5', 'span.type': 'llm_request' }
const EVENTS = 'com.anthropic.claude_code.events'
const LOG = { 'session.id': 's1', 'prompt.id': 'p1', 'event.sequence': 2, model: 'claude-sonnet-5' }
const USAGE = { input: 60, output: 20, cacheRead: 30, cacheWrite: 10, cacheAccounting: 'excluded' } as const

dialectTable(
  claudeCode,
  [
    {
      name: 'a model request: tokens without prefix, cache outside the input',
      span: {
        name: 'claude_code.llm_request',
        scope,
        attributes: {
          ...REQUEST,
          ...TOKENS,
          success: true,
          attempt: 1,
          stop_reason: 'tool_use',
          'gen_ai.response.finish_reasons': ['tool_use'],
        },
      },
      reads: { role: 'model', provider: 'anthropic', requestModel: 'claude-sonnet-5', usage: USAGE, finish: 'tool_call' },
    },
    {
      name: 'a failed request',
      span: {
        name: 'claude_code.llm_request',
        scope,
        attributes: { ...REQUEST, success: 'false', status_code: 529, error: 'Overloaded, please try again' },
      },
      reads: { role: 'model', provider: 'anthropic', requestModel: 'claude-sonnet-5', failed: true, errorType: '529' },
    },
    {
      name: 'an interaction is an unnamed agent',
      span: {
        name: 'claude_code.interaction',
        scope,
        attributes: { ...COMMON, 'gen_ai.operation.name': 'invoke_agent', 'interaction.sequence': 1 },
      },
      reads: { role: 'agent', provider: 'anthropic' },
    },
    {
      name: 'a tool call',
      span: { name: 'claude_code.tool', scope, attributes: { tool_name: 'Bash', tool_use_id: 'toolu_1' } },
      reads: { role: 'tool', toolName: 'Bash', toolCallId: 'toolu_1' },
    },
    {
      name: 'a failed execution is the same tool call, and brings the failure to it',
      span: {
        name: 'claude_code.tool.execution',
        scope,
        status: 'error',
        attributes: { tool_use_id: 'toolu_1', success: false, error: 'exit code 1: no such file', error_class: 'ShellError' },
      },
      reads: { role: 'tool', toolCallId: 'toolu_1', failed: true, errorType: 'ShellError' },
    },
    {
      name: 'a successful execution only shapes the tree',
      span: { name: 'claude_code.tool.execution', scope, attributes: { tool_use_id: 'toolu_1', success: true } },
      reads: { role: 'step' },
    },
    { name: 'waiting for a person', span: { name: 'claude_code.tool.blocked_on_user', scope }, reads: { role: 'guardrail' } },
    { name: 'hooks', span: { name: 'claude_code.hook', scope }, reads: { role: 'other' } },
  ],
  [
    {
      name: 'a request log: numbers as strings, one run per prompt, a stable id',
      log: {
        scope: EVENTS,
        body: 'claude_code.api_request',
        attributes: {
          ...LOG,
          'event.name': 'api_request',
          ...Object.fromEntries(Object.entries(TOKENS).map(([k, v]) => [k, String(v)])),
          cache_creation_1h_tokens: '0',
          cost_usd: '0.000351',
          duration_ms: '211',
        },
      },
      reads: {
        fact: {
          runKey: 'p1',
          id: 's1/2/api_request/',
          durationMs: 211,
          reading: {
            role: 'model',
            provider: 'anthropic',
            perAttempt: true,
            requestModel: 'claude-sonnet-5',
            usage: { ...USAGE, cacheWrite1h: 0 },
            givenCostUsd: 0.000351,
          },
        },
      },
    },
    {
      name: 'a failed attempt',
      log: { event: 'claude_code.api_error', attributes: { ...LOG, status_code: '429', error: 'rate limited', attempt: 2 } },
      reads: {
        fact: {
          runKey: 'p1',
          id: 's1/2/api_error/',
          durationMs: 0,
          reading: {
            role: 'model',
            provider: 'anthropic',
            perAttempt: true,
            requestModel: 'claude-sonnet-5',
            failed: true,
            errorType: '429',
          },
        },
      },
    },
    {
      name: 'a failed tool, its success a string; without a prompt the session is the run',
      log: {
        event: 'claude_code.tool_result',
        attributes: {
          'session.id': 's1',
          'event.timestamp': '2026-11-22T07:47:35Z',
          tool_name: 'Bash',
          tool_use_id: 't1',
          success: 'false',
          error_type: 'ShellError',
          duration_ms: 9,
          tool_result_size_bytes: 0,
        },
      },
      reads: {
        fact: {
          runKey: 's1',
          id: 's1/2026-11-22T07:47:35Z/tool_result/t1',
          durationMs: 9,
          reading: { role: 'tool', toolName: 'Bash', toolCallId: 't1', resultEmpty: true, failed: true, errorType: 'ShellError' },
        },
      },
    },
    { name: 'other events are not read', log: { scope: EVENTS, event: 'claude_code.user_prompt', attributes: LOG }, reads: undefined },
    { name: 'nor events of the same name from elsewhere', log: { scope: 'x', event: 'api_request', attributes: LOG }, reads: undefined },
    {
      name: 'nor records that belong to nothing',
      log: { scope: EVENTS, event: 'claude_code.api_request', attributes: TOKENS },
      reads: undefined,
    },
  ],
)

describe('ids', () => {
  test('the same record sent twice has one id, two records have two', () => {
    const id = (sequence: number): unknown =>
      claudeCode.readLog?.(
        log(claudeCode, { event: 'claude_code.api_request', attributes: { ...LOG, ...TOKENS, 'event.sequence': sequence } }),
      )?.fact?.id
    expect(id(2)).toBe(id(2))
    expect(id(2)).not.toBe(id(4))
  })
})
