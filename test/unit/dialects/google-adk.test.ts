import { expect, test } from 'vitest'
import { googleAdk } from '../../../processor/dialects/google-adk.ts'
import { dialectTable, HASH } from './table.ts'
import { span } from './view.ts'

const scope = 'gcp.vertex.agent'
const MODEL = { 'gen_ai.system': 'gcp.vertex.agent', 'gen_ai.request.model': 'gemini-3-flash' }
const JS_USAGE = { 'gen_ai.usage.input_tokens': 100, 'gen_ai.usage.output_tokens': 12 }
const tool = (more: Record<string, unknown>): Record<string, unknown> => ({
  'gen_ai.operation.name': 'execute_tool',
  'gen_ai.tool.type': 'FunctionTool',
  'gcp.vertex.agent.llm_request': '{}',
  'gcp.vertex.agent.llm_response': '{}',
  ...more,
})

dialectTable(googleAdk, [
  {
    name: 'instructions, tools and question of a conversation that has become long',
    span: {
      scope,
      attributes: {
        'gen_ai.operation.name': 'generate_content',
        'gcp.vertex.agent.llm_request': JSON.stringify({
          contents: Array.from({ length: 400 }, (_, n) => ({
            role: n % 2 ? 'model' : 'user',
            parts: [{ text: `${n} ${'x'.repeat(1000)}` }],
          })),
          config: { systemInstruction: 'be brief', tools: [{ functionDeclarations: [{ name: 'get_weather' }] }] },
        }),
      },
    },
    has: { instructionsHash: HASH, toolsHash: HASH, inputText: `398 ${'x'.repeat(508)}` },
  },
  {
    name: 'JavaScript 2.0: output leaves thoughts out, the response on the span has the exact counts',
    span: {
      name: 'call_llm',
      scope,
      attributes: {
        ...MODEL,
        ...JS_USAGE,
        'gen_ai.agent.name': 'weather_agent',
        'gen_ai.response.finish_reasons': ['stop'],
        'gcp.vertex.agent.llm_request':
          '{"model":"gemini-3-flash","contents":[{"role":"user","parts":[{"text":"weather?"}]}],"config":{"systemInstruction":"be brief","tools":[{"functionDeclarations":[{"name":"get_weather"}]}]}}',
        'gcp.vertex.agent.llm_response':
          '{"content":{"role":"model","parts":[{"functionCall":{"name":"get_weather","args":{}}}]},"usageMetadata":{"promptTokenCount":100,"candidatesTokenCount":12,"thoughtsTokenCount":8,"cachedContentTokenCount":40,"totalTokenCount":120},"finishReason":"STOP"}',
      },
    },
    reads: {
      role: 'model',
      agentName: 'weather_agent',
      provider: 'gcp.gen_ai',
      requestModel: 'gemini-3-flash',
      usage: { input: 100, output: 12, cacheRead: 40, reasoning: 8, total: 120, cacheAccounting: 'included', reasoningOutsideOutput: true },
      finish: 'tool_call',
      outputEmpty: false,
      outputText: '',
      inputText: 'weather?',
      instructionsHash: HASH,
      toolsHash: HASH,
    },
  },
  {
    name: 'without content only the attributes are left: thoughts are unknown, not 0',
    span: { name: 'call_llm', scope, attributes: { ...MODEL, ...JS_USAGE, 'gcp.vertex.agent.llm_response': '{}' } },
    has: { usage: { input: 100, output: 12, cacheAccounting: 'included', reasoningOutsideOutput: true } },
    lacks: ['outputEmpty', 'finish'],
  },
  {
    name: 'Python 2.5: the inner generate_content has thoughts inside the output',
    span: {
      name: 'generate_content gemini-3.5-flash',
      scope,
      attributes: {
        'gen_ai.system': 'gemini',
        'gen_ai.operation.name': 'generate_content',
        'gen_ai.request.model': 'gemini-3.5-flash',
        'gen_ai.usage.input_tokens': 157,
        'gen_ai.usage.output_tokens': 51,
        'gen_ai.usage.reasoning.output_tokens': 32,
      },
    },
    has: { role: 'model', provider: 'gcp.gemini', usage: { input: 157, output: 51, reasoning: 32, cacheAccounting: 'included' } },
  },
  {
    name: 'Python 2.5: snake_case response on the outer call_llm, 19 candidates + 32 thoughts = 51',
    span: {
      name: 'call_llm',
      scope,
      attributes: {
        ...MODEL,
        'gen_ai.usage.output_tokens': 51,
        'gcp.vertex.agent.llm_response':
          '{"model_version":"gemini-3.5-flash","content":{"parts":[{"text":"555"}],"role":"model"},"finish_reason":"MAX_TOKENS","usage_metadata":{"candidates_token_count":19,"prompt_token_count":157,"thoughts_token_count":32,"total_token_count":208}}',
      },
    },
    has: {
      responseModel: 'gemini-3.5-flash',
      finish: 'length',
      outputText: '555',
      usage: { input: 157, output: 19, reasoning: 32, total: 208, cacheAccounting: 'included', reasoningOutsideOutput: true },
    },
  },
  {
    name: 'a model through LiteLLM is not Google’s',
    span: { name: 'call_llm', scope, attributes: { ...MODEL, 'gen_ai.request.model': 'anthropic/claude-sonnet-5', ...JS_USAGE } },
    has: { provider: 'anthropic', requestModel: 'claude-sonnet-5' },
  },
  {
    name: 'an unknown host of a model stays unknown',
    span: { name: 'call_llm', scope, attributes: { ...MODEL, 'gen_ai.request.model': 'my-model' } },
    lacks: ['provider', 'usage'],
  },
  { name: 'invocation has no attributes and is an unnamed workflow', span: { name: 'invocation', scope }, reads: { role: 'workflow' } },
  {
    name: 'the agent span',
    span: {
      name: 'invoke_agent weather_agent',
      scope,
      attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'weather_agent' },
    },
    reads: { role: 'agent', agentName: 'weather_agent' },
  },
  {
    name: 'old Python names the agent only in the span name',
    span: { name: 'agent_run [root_agent]', scope },
    reads: { role: 'agent', agentName: 'root_agent' },
  },
  {
    name: 'a tool call',
    span: {
      name: 'execute_tool get_weather',
      scope,
      attributes: tool({
        'gen_ai.tool.name': 'get_weather',
        'gen_ai.tool.call.id': 'adk-1',
        'gcp.vertex.agent.tool_call_args': '{"city":"Paris"}',
        'gcp.vertex.agent.tool_response': '{"result": ""}',
      }),
    },
    reads: { role: 'tool', toolName: 'get_weather', toolCallId: 'adk-1', argumentsHash: HASH, resultEmpty: true },
  },
  {
    name: 'content capture off writes {} and placeholders: no arguments, no verdict on the result',
    span: {
      name: 'execute_tool get_weather',
      scope,
      status: 'error',
      attributes: tool({
        'gen_ai.tool.name': 'get_weather',
        'gen_ai.tool.call.id': '<not specified>',
        'gcp.vertex.agent.tool_call_args': '{}',
        'gcp.vertex.agent.tool_response': '{}',
      }),
      events: [{ name: 'exception', attributes: { 'exception.type': 'KeyError' } }],
    },
    reads: { role: 'tool', toolName: 'get_weather', errorType: 'KeyError' },
  },
  {
    name: 'merged tools repeat calls already counted',
    span: { name: 'execute_tool (merged tools)', scope, attributes: tool({ 'gen_ai.tool.name': '(merged tools)' }) },
    has: { role: 'other' },
  },
  {
    name: 'transfer_to_agent is a hand-off',
    span: { name: 'execute_tool transfer_to_agent', scope, attributes: tool({ 'gen_ai.tool.name': 'transfer_to_agent' }) },
    has: { role: 'handoff' },
  },
])

test('before 2.3 thoughts come under their own name, outside the output', () => {
  const old = span(googleAdk, {
    name: 'call_llm',
    scope,
    attributes: { ...MODEL, ...JS_USAGE, 'gen_ai.usage.experimental.reasoning_tokens': 8 },
  })
  expect(googleAdk.read(old)?.usage).toEqual({
    input: 100,
    output: 12,
    reasoning: 8,
    cacheAccounting: 'included',
    reasoningOutsideOutput: true,
  })
})
