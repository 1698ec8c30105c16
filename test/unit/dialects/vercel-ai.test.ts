import { vercelAi } from '../../../processor/dialects/vercel-ai.ts'
import { dialectTable, HASH } from './table.ts'

const id = (operation: string, more: object = {}): Record<string, unknown> => ({ 'ai.operationId': operation, ...more })
const SIX = {
  'ai.usage.inputTokens': 100,
  'ai.usage.inputTokenDetails.noCacheTokens': 60,
  'ai.usage.inputTokenDetails.cacheReadTokens': 40,
  'ai.usage.outputTokens': 20,
  'ai.usage.outputTokenDetails.reasoningTokens': 8,
  'ai.usage.totalTokens': 120,
}
const SIX_USAGE = { input: 100, output: 20, cacheRead: 40, reasoning: 8, total: 120, cacheAccounting: 'included' } as const

dialectTable(vercelAi, [
  {
    name: '6: one attempt of a call',
    span: {
      scope: 'ai',
      attributes: id('ai.generateText.doGenerate', {
        ...SIX,
        'ai.telemetry.functionId': 'fn',
        'ai.model.provider': 'openai.responses',
        'ai.model.id': 'gpt-5-mini',
        'gen_ai.system': 'openai.responses',
        'gen_ai.request.model': 'gpt-5-mini',
        'gen_ai.response.model': 'gpt-5-mini-2026-08-01',
        'gen_ai.response.id': 'resp_1',
        'ai.response.finishReason': 'tool-calls',
        'ai.response.toolCalls': '[{}]',
        'ai.prompt.messages': '[{"role":"system","content":"be brief"},{"role":"user","content":[{"type":"text","text":"weather"}]}]',
        'ai.prompt.tools': ['{"name":"w"}'],
      }),
    },
    reads: {
      role: 'model',
      perAttempt: true,
      agentName: 'fn',
      provider: 'openai',
      requestModel: 'gpt-5-mini',
      responseModel: 'gpt-5-mini-2026-08-01',
      responseId: 'resp_1',
      usage: SIX_USAGE,
      finish: 'tool_call',
      outputEmpty: false,
      inputText: 'weather',
      instructionsHash: HASH,
      toolsHash: HASH,
    },
  },
  {
    name: 'instructions and question of a conversation that has become long',
    span: {
      scope: 'ai',
      attributes: id('ai.generateText.doGenerate', {
        'ai.prompt.messages': JSON.stringify([
          { role: 'system', content: 'be brief' },
          ...Array.from({ length: 300 }, () => ({ role: 'assistant', content: 'x'.repeat(1000) })),
          { role: 'user', content: 'and now?' },
        ]),
      }),
    },
    has: { inputText: 'and now?', instructionsHash: HASH },
  },
  {
    name: '6: the outer span is the agent, with a true sum',
    span: {
      scope: 'ai',
      attributes: id('ai.generateText', {
        ...SIX,
        'ai.telemetry.functionId': 'fn',
        'ai.model.provider': 'openai.responses',
        'ai.model.id': 'gpt-5-mini',
      }),
    },
    reads: { role: 'agent', agentName: 'fn', provider: 'openai', requestModel: 'gpt-5-mini', usage: SIX_USAGE },
  },
  {
    name: '4 and 5: the outer span has the last step only, so no usage is read',
    span: { scope: 'ai', attributes: id('ai.generateText', { 'ai.usage.promptTokens': 100, 'ai.usage.completionTokens': 20 }) },
    reads: { role: 'agent' },
  },
  {
    name: '5: Anthropic leaves cached tokens out and keeps them in its metadata',
    span: {
      scope: 'ai',
      attributes: id('ai.generateText.doGenerate', {
        'ai.model.provider': 'anthropic.messages',
        'ai.usage.promptTokens': 60,
        'ai.usage.completionTokens': 20,
        'ai.response.providerMetadata': '{"anthropic":{"usage":{"cache_read_input_tokens":30,"cache_creation_input_tokens":10}}}',
      }),
    },
    has: { provider: 'anthropic', usage: { input: 60, output: 20, cacheRead: 30, cacheWrite: 10, cacheAccounting: 'excluded' } },
  },
  {
    name: '6: Anthropic adds them up',
    span: { scope: 'ai', attributes: id('ai.streamText.doStream', { ...SIX, 'ai.model.provider': 'anthropic.messages' }) },
    has: { usage: SIX_USAGE },
  },
  {
    name: '4: NaN is unknown',
    span: { scope: 'ai', attributes: id('ai.generateText.doGenerate', { 'gen_ai.usage.input_tokens': Number.NaN }) },
    lacks: ['usage'],
  },
  {
    name: 'an empty answer',
    span: { scope: 'ai', attributes: id('ai.generateText.doGenerate', { 'ai.response.text': '', 'ai.response.finishReason': 'stop' }) },
    has: { outputEmpty: true, finish: 'stop', outputText: '' },
  },
  {
    name: 'an Anthropic refusal arrives as a filter',
    span: { scope: 'ai', attributes: id('ai.generateText.doGenerate', { 'ai.response.finishReason': 'content-filter' }) },
    has: { finish: 'content_filter' },
  },
  {
    name: 'a tool call',
    span: {
      scope: 'ai',
      name: 'ai.toolCall',
      attributes: id('ai.toolCall', {
        'ai.toolCall.name': 'get_weather',
        'ai.toolCall.id': 'c1',
        'ai.toolCall.args': '{"city":"Paris"}',
        'ai.toolCall.result': '{"items":[]}',
      }),
    },
    reads: { role: 'tool', toolName: 'get_weather', toolCallId: 'c1', argumentsHash: HASH, resultEmpty: true },
  },
  {
    name: 'an output that could not be parsed',
    span: {
      scope: 'ai',
      status: 'error',
      attributes: id('ai.generateObject'),
      events: [{ name: 'exception', attributes: { 'exception.type': 'AI_NoObjectGeneratedError' } }],
    },
    reads: { role: 'agent', outputInvalid: true, errorType: 'AI_NoObjectGeneratedError' },
  },
  {
    name: 'the outer span of embeddings only wraps',
    span: { scope: 'ai', attributes: id('ai.embed', { 'ai.usage.tokens': 10 }) },
    reads: { role: 'other' },
  },
  {
    name: 'the inner one is the call',
    span: {
      scope: 'ai',
      attributes: id('ai.embed.doEmbed', {
        'ai.usage.tokens': 10,
        'ai.model.id': 'text-embedding-3-small',
        'ai.model.provider': 'openai.embedding',
      }),
    },
    has: {
      role: 'embedding',
      requestModel: 'text-embedding-3-small',
      provider: 'openai',
      usage: { input: 10, cacheAccounting: 'included' },
    },
  },
  {
    name: '7: a call by the conventions, with reasoning tokens of its own name',
    span: {
      scope: 'gen_ai',
      kind: 3,
      attributes: {
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'openai',
        'gen_ai.request.model': 'gpt-5-mini',
        'gen_ai.usage.input_tokens': 100,
        'gen_ai.usage.output_tokens': 20,
        'gen_ai.usage.cache_read.input_tokens': 40,
        'ai.usage.outputTokenDetails.reasoningTokens': 8,
        'gen_ai.response.finish_reasons': ['stop'],
      },
    },
    reads: {
      role: 'model',
      provider: 'openai',
      requestModel: 'gpt-5-mini',
      finish: 'stop',
      usage: { input: 100, output: 20, cacheRead: 40, reasoning: 8, cacheAccounting: 'included' },
    },
  },
  {
    name: '7: the agent by its function id, never by the model',
    span: {
      scope: 'gen_ai',
      name: 'invoke_agent gpt-5-mini',
      attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.request.model': 'gpt-5-mini', 'gen_ai.agent.name': 'fn-weather' },
    },
    has: { role: 'agent', agentName: 'fn-weather' },
  },
  {
    name: '7: a step only shapes the tree',
    span: { scope: 'gen_ai', attributes: { 'gen_ai.operation.name': 'agent_step' } },
    has: { role: 'step' },
  },
])
