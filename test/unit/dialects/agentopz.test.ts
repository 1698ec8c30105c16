import { describe, expect, test } from 'vitest'
import { agentopz } from '../../../processor/dialects/agentopz.ts'
import { googleAdk } from '../../../processor/dialects/google-adk.ts'
import { readSpan } from '../../../processor/read-span.ts'
import { dialectTable } from './table.ts'
import { span } from './view.ts'

const scope = 'agentopz'
const CALL = {
  'gen_ai.operation.name': 'chat',
  'gen_ai.provider.name': 'openai',
  'gen_ai.request.model': 'gpt-5-mini',
  'server.address': 'api.openai.com',
}
dialectTable(agentopz, [
  {
    name: 'a call seen at the fetch layer: one span per attempt, hashes instead of content',
    span: {
      name: 'chat gpt-5-mini',
      scope,
      kind: 3,
      attributes: {
        ...CALL,
        'gen_ai.response.id': 'chatcmpl-1',
        'gen_ai.response.finish_reasons': ['stop'],
        'gen_ai.usage.input_tokens': 100,
        'gen_ai.usage.output_tokens': 20,
        'gen_ai.usage.cache_read.input_tokens': 40,
        'gen_ai.usage.reasoning.output_tokens': 8,
        'agentopz.system_instructions_hash': 'aabbccdd',
        'agentopz.tool.definitions_hash': '11223344',
      },
    },
    reads: {
      role: 'model',
      perAttempt: true,
      provider: 'openai',
      requestModel: 'gpt-5-mini',
      responseId: 'chatcmpl-1',
      finish: 'stop',
      instructionsHash: 'aabbccdd',
      toolsHash: '11223344',
      usage: { input: 100, output: 20, cacheRead: 40, reasoning: 8, cacheAccounting: 'included' },
    },
  },
  {
    name: 'an attempt that is tried again',
    span: {
      scope,
      kind: 3,
      status: 'error',
      attributes: { ...CALL, 'http.response.status_code': 429, 'error.type': 'rate_limit_exceeded' },
    },
    has: { perAttempt: true, failed: true, errorType: 'rate_limit_exceeded' },
  },
  {
    name: 'a call that is given up on',
    span: { scope, kind: 3, status: 'error', attributes: { ...CALL, 'http.response.status_code': 400, 'error.type': 'bad_request' } },
    has: { failed: true },
    lacks: ['perAttempt'],
  },
  {
    name: 'a call that a framework reported: no attempts',
    span: { scope, kind: 3, attributes: { 'gen_ai.operation.name': 'chat', 'gen_ai.provider.name': 'openai' } },
    lacks: ['perAttempt'],
  },
  {
    name: 'a run that a guard ended',
    span: {
      scope,
      attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'shop', 'agentopz.run.stopped_by': 'cost_guard' },
    },
    has: { role: 'agent', agentName: 'shop', stoppedBy: 'cost_guard' },
  },
])

describe('what our instrumentation writes on spans of any dialect', () => {
  const adk = { scope: 'gcp.vertex.agent', name: 'execute_tool search' }
  test('a blocked tool, its guard and hashes', () => {
    const fact = readSpan(
      span(googleAdk, {
        ...adk,
        attributes: {
          'gen_ai.operation.name': 'execute_tool',
          'gen_ai.tool.name': 'search',
          'agentopz.tool.blocked': true,
          'agentopz.guard': 'tool_breaker',
          'agentopz.guard.cause': 'operator',
          'agentopz.tool.call.arguments_hash': 'aabbccdd',
        },
      }),
    ).fact
    expect(fact?.reading).toMatchObject({
      role: 'tool',
      blocked: true,
      argumentsHash: 'aabbccdd',
      intervention: { guard: 'tool_breaker', cause: 'operator' },
    })
  })
  test('a guard nobody knows is no label', () => {
    const fact = readSpan(
      span(googleAdk, {
        ...adk,
        attributes: { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'search', 'agentopz.guard': 'x'.repeat(50) },
      }),
    ).fact
    expect(fact).toBeDefined()
    expect(fact?.reading.intervention).toBeUndefined()
  })
  test('emptiness without content', () => {
    const attributes = { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'search', 'agentopz.tool.result_empty': true }
    expect(readSpan(span(agentopz, { scope, attributes })).fact?.reading).toMatchObject({ resultEmpty: true })
  })
})
