import { mastra } from '../../../processor/dialects/mastra.ts'
import { dialectTable, HASH } from './table.ts'

const scope = '@mastra/otel-bridge'
const CHAT = {
  'mastra.span.type': 'model_generation',
  'gen_ai.operation.name': 'chat',
  'gen_ai.provider.name': 'openai.responses',
  'gen_ai.request.model': 'gpt-5-mini',
  'gen_ai.agent.id': 'weather-agent',
  'gen_ai.agent.name': 'Weather Agent',
}

dialectTable(mastra, [
  {
    name: 'a generation spans the loop and has its sum',
    span: {
      name: 'chat gpt-5-mini',
      scope,
      kind: 3,
      status: 'ok',
      attributes: {
        ...CHAT,
        'gen_ai.response.model': 'gpt-5-mini-2026-08-01',
        'gen_ai.response.id': 'resp_47',
        'gen_ai.response.finish_reasons': '["stop"]',
        'gen_ai.usage.input_tokens': 200,
        'gen_ai.usage.output_tokens': 40,
        'gen_ai.usage.reasoning_tokens': 16,
        'gen_ai.usage.cache_read.input_tokens': 80,
        'gen_ai.output.messages': '[{"role":"assistant","parts":[{"type":"text","content":"Sunny."}]}]',
      },
    },
    reads: {
      role: 'model',
      agentName: 'Weather Agent',
      provider: 'openai',
      requestModel: 'gpt-5-mini',
      responseModel: 'gpt-5-mini-2026-08-01',
      responseId: 'resp_47',
      usage: { input: 200, output: 40, cacheRead: 80, reasoning: 16, cacheAccounting: 'included' },
      finish: 'stop',
      outputEmpty: false,
      outputText: 'Sunny.',
    },
  },
  {
    name: 'an inference inside is a call without usage',
    span: {
      name: 'model_inference Weather Agent',
      scope,
      status: 'ok',
      attributes: {
        'mastra.span.type': 'model_inference',
        'gen_ai.operation.name': 'model_inference',
        'mastra.model_inference.output': '{"text":"","toolCalls":[{"toolCallId":"c","toolName":"get_weather"}]}',
      },
    },
    reads: { role: 'model', finish: 'tool_call', outputEmpty: false, outputText: '' },
  },
  {
    name: 'an inference that gave nothing',
    span: {
      name: 'model_inference',
      scope,
      attributes: { 'mastra.span.type': 'model_inference', 'mastra.model_inference.output': '{"text":"","toolCalls":[]}' },
    },
    reads: { role: 'model', outputEmpty: true, outputText: '' },
  },
  {
    name: 'a failed generation ends OK with finish reason error',
    span: { name: 'chat fail-500', scope, status: 'ok', attributes: { ...CHAT, 'gen_ai.response.finish_reasons': '["error"]' } },
    has: { role: 'model', finish: 'error' },
    lacks: ['usage', 'failed'],
  },
  {
    name: 'older cache names; Anthropic input is settled by arithmetic',
    span: {
      name: 'chat claude',
      scope,
      attributes: {
        ...CHAT,
        'gen_ai.provider.name': 'anthropic.messages',
        'gen_ai.request.model': 'claude-sonnet-5',
        'gen_ai.usage.input_tokens': 60,
        'gen_ai.usage.output_tokens': 20,
        'gen_ai.usage.cached_input_tokens': 30,
        'gen_ai.usage.cache_write_tokens': 10,
      },
    },
    has: { provider: 'anthropic', usage: { input: 60, output: 20, cacheRead: 30, cacheWrite: 10, cacheAccounting: 'unknown' } },
  },
  {
    name: 'an agent run and what it was made with',
    span: {
      name: 'invoke_agent Weather Agent',
      scope,
      attributes: {
        'mastra.span.type': 'agent_run',
        'gen_ai.operation.name': 'invoke_agent',
        'gen_ai.agent.name': 'Weather Agent',
        'gen_ai.tool.definitions': '["get_weather"]',
        'gen_ai.system_instructions': 'be brief',
      },
    },
    reads: { role: 'agent', agentName: 'Weather Agent', instructionsHash: HASH, toolsHash: HASH },
  },
  {
    name: 'a failed tool: "unknown" is no error type, the exception is',
    span: {
      name: 'execute_tool boom',
      scope,
      status: 'error',
      attributes: {
        'mastra.span.type': 'tool_call',
        'gen_ai.operation.name': 'execute_tool',
        'gen_ai.tool.name': 'boom',
        'gen_ai.tool.call.id': 'call_50',
        'gen_ai.tool.call.arguments': '{"city":"Paris"}',
        'error.type': 'unknown',
      },
      events: [{ name: 'exception', attributes: { 'exception.type': 'Error' } }],
    },
    reads: { role: 'tool', toolName: 'boom', toolCallId: 'call_50', argumentsHash: HASH, failed: true, errorType: 'Error' },
  },
  {
    name: 'MCP tools are tools',
    span: { name: 'x', scope, attributes: { 'mastra.span.type': 'mcp_tool_call', 'gen_ai.tool.name': 'fs' } },
    has: { role: 'tool', toolName: 'fs' },
  },
  {
    name: 'steps',
    span: { name: 'model_step', scope, attributes: { 'mastra.span.type': 'model_step', 'gen_ai.operation.name': 'model_step' } },
    reads: { role: 'step' },
  },
  { name: 'chunks', span: { name: 'model_chunk', scope, attributes: { 'mastra.span.type': 'model_chunk' } }, reads: { role: 'other' } },
  {
    name: 'a workflow by its id',
    span: {
      name: 'invoke_workflow weather-workflow',
      scope,
      attributes: { 'mastra.span.type': 'workflow_run', 'gen_ai.operation.name': 'invoke_workflow' },
    },
    reads: { role: 'workflow', agentName: 'weather-workflow' },
  },
  {
    name: 'steps of a workflow',
    span: { name: 'x', scope, attributes: { 'mastra.span.type': 'workflow_conditional_eval' } },
    reads: { role: 'step' },
  },
  { name: 'scorers', span: { name: 'x', scope, attributes: { 'mastra.span.type': 'scorer_run' } }, reads: { role: 'evaluator' } },
  { name: 'processors', span: { name: 'x', scope, attributes: { 'mastra.span.type': 'processor_run' } }, reads: { role: 'guardrail' } },
  {
    name: 'saving to memory is no retrieval',
    span: { name: 'memory: save', scope, attributes: { 'mastra.span.type': 'memory_operation' } },
    reads: { role: 'other' },
  },
  {
    name: 'recalling is',
    span: { name: 'memory: recall', scope, attributes: { 'mastra.span.type': 'memory_operation' } },
    reads: { role: 'retrieval' },
  },
  {
    name: 'vector queries are retrievals',
    span: { name: 'vector query', scope, attributes: { 'mastra.span.type': 'rag_vector_operation' } },
    reads: { role: 'retrieval' },
  },
  {
    name: 'vector writes are not',
    span: { name: 'vector upsert', scope, attributes: { 'mastra.span.type': 'rag_vector_operation' } },
    reads: { role: 'other' },
  },
  {
    name: 'embeddings',
    span: { name: 'x', scope, attributes: { 'mastra.span.type': 'rag_embedding', 'gen_ai.request.model': 'text-embedding-3-small' } },
    has: { role: 'embedding', requestModel: 'text-embedding-3-small' },
  },
])
