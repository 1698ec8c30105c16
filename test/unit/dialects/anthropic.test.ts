import { anthropic } from '../../../processor/dialects/anthropic.ts'
import { dialectTable } from './table.ts'

const scope = 'com.anthropic.sdk.typescript'
const CALL = { 'gen_ai.provider.name': 'anthropic', 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'claude-sonnet-5' }
dialectTable(anthropic, [
  {
    name: 'a call: cached tokens inside, one-hour writes apart, the stop reason in its own attribute',
    span: {
      name: 'anthropic.messages.create',
      scope,
      kind: 3,
      status: 'ok',
      attributes: {
        ...CALL,
        'gen_ai.response.model': 'claude-sonnet-5',
        'gen_ai.response.id': 'msg_1',
        'gen_ai.usage.input_tokens': 100,
        'gen_ai.usage.output_tokens': 20,
        'gen_ai.usage.cache_read.input_tokens': 30,
        'gen_ai.usage.cache_write.input_tokens': 10,
        'anthropic.usage.cache_creation.ephemeral_1h_input_tokens': 4,
        'anthropic.message.stop_reason': 'tool_use',
        'anthropic.response.service_tier': 'standard',
      },
    },
    reads: {
      role: 'model',
      provider: 'anthropic',
      requestModel: 'claude-sonnet-5',
      responseModel: 'claude-sonnet-5',
      responseId: 'msg_1',
      finish: 'tool_call',
      usage: { input: 100, output: 20, cacheRead: 30, cacheWrite: 10, cacheWrite1h: 4, cacheAccounting: 'included' },
    },
  },
  { name: 'a refusal', span: { scope, attributes: { ...CALL, 'anthropic.message.stop_reason': 'refusal' } }, has: { finish: 'refusal' } },
  {
    name: 'a batch call',
    span: { scope, attributes: { ...CALL, 'anthropic.response.service_tier': 'batch' } },
    has: { serviceTier: 'batch' },
  },
  {
    name: 'an API error',
    span: { scope, status: 'error', attributes: { ...CALL, 'error.type': 'rate_limit_error' } },
    has: { failed: true, errorType: 'rate_limit_error' },
  },
  {
    name: 'the platform side of a call',
    span: { scope: 'com.anthropic.claude-platform', kind: 2, attributes: { ...CALL, 'gen_ai.usage.input_tokens': 100 } },
    has: { role: 'model', serverSide: true },
  },
  {
    name: 'counting tokens is no inference',
    span: { name: 'anthropic.messages.count_tokens', scope, attributes: { 'anthropic.message.count_tokens.input_tokens': 55 } },
    reads: { role: 'other' },
  },
  {
    name: 'the tool runner is an agent',
    span: { name: 'anthropic.messages.tool_runner', scope, attributes: { 'gen_ai.operation.name': 'invoke_agent' } },
    has: { role: 'agent' },
  },
  {
    name: 'a tool that answered nothing',
    span: {
      name: 'anthropic.tool_use w',
      scope,
      attributes: { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'w', 'anthropic.tool_result.content': '[]' },
    },
    reads: { role: 'tool', toolName: 'w', resultEmpty: true },
  },
])
