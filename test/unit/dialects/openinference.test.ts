import { openinference } from '../../../processor/dialects/openinference.ts'
import { dialectTable, HASH } from './table.ts'

const kind = (k: string, more: object = {}): Record<string, unknown> => ({ 'openinference.span.kind': k, ...more })
const TOKENS = {
  'llm.token_count.prompt': 100,
  'llm.token_count.completion': 20,
  'llm.token_count.total': 120,
  'llm.token_count.prompt_details.cache_read': 40,
  'llm.token_count.completion_details.reasoning': 8,
}

dialectTable(openinference, [
  {
    name: 'a model call with cached and reasoning tokens inside',
    span: {
      scope: 'openinference.instrumentation.openai',
      attributes: kind('LLM', { ...TOKENS, 'llm.model_name': 'gpt-5-mini', 'llm.provider': 'openai', 'llm.finish_reason': 'tool_calls' }),
    },
    reads: {
      role: 'model',
      provider: 'openai',
      responseModel: 'gpt-5-mini',
      finish: 'tool_call',
      usage: { input: 100, output: 20, total: 120, cacheRead: 40, reasoning: 8, cacheAccounting: 'included' },
    },
  },
  {
    name: 'the Anthropic JS package leaves cached tokens out',
    span: { scope: '@arizeai/openinference-instrumentation-anthropic', attributes: kind('LLM', TOKENS) },
    has: { usage: { input: 100, output: 20, total: 120, cacheRead: 40, reasoning: 8, cacheAccounting: 'excluded' } },
  },
  {
    name: 'Bedrock is mixed: arithmetic decides',
    span: {
      scope: 'openinference.instrumentation.bedrock',
      attributes: kind('LLM', { 'llm.token_count.prompt': 1, 'llm.token_count.completion': 2 }),
    },
    has: { usage: { input: 1, output: 2, cacheAccounting: 'unknown' } },
  },
  {
    name: 'new names of asked and answering model',
    span: {
      attributes: kind('LLM', {
        'llm.request.model_name': 'gpt-5-mini',
        'llm.response.model_name': 'gpt-5-mini-2026-08-01',
        'llm.model_name': 'old',
      }),
    },
    has: { requestModel: 'gpt-5-mini', responseModel: 'gpt-5-mini-2026-08-01' },
  },
  {
    name: 'the host is the provider, not the family',
    span: { attributes: kind('LLM', { 'llm.provider': 'azure', 'llm.system': 'openai' }) },
    has: { provider: 'azure.ai.openai' },
  },
  {
    name: "LangChain's provider is in its metadata",
    span: { attributes: kind('LLM', { metadata: '{"ls_provider":"openai","lc_agent_name":"weather_agent"}' }) },
    has: { provider: 'openai', agentName: 'weather_agent' },
  },
  {
    name: 'content: the answer, the instructions, the tools, the newest question',
    span: {
      attributes: kind('LLM', {
        'llm.input_messages.0.message.role': 'system',
        'llm.input_messages.0.message.content': 'be brief',
        'llm.input_messages.1.message.role': 'user',
        'llm.input_messages.1.message.content': 'weather?',
        'llm.output_messages.0.message.role': 'assistant',
        'llm.output_messages.0.message.content': 'Sunny.',
        'llm.tools.0.tool.json_schema': '{"name":"w"}',
      }),
    },
    reads: { role: 'model', outputEmpty: false, outputText: 'Sunny.', instructionsHash: HASH, toolsHash: HASH, inputText: 'weather?' },
  },
  {
    name: 'the newest question of a long conversation',
    span: {
      attributes: kind(
        'LLM',
        Object.fromEntries(
          Array.from({ length: 600 }, (_, n): [string, string] => {
            const message = `llm.input_messages.${n >> 1}.message`
            return n % 2 === 0 ? [`${message}.role`, n % 4 === 0 ? 'user' : 'assistant'] : [`${message}.content`, `says ${n >> 1}`]
          }),
        ),
      ),
    },
    has: { inputText: 'says 298' },
  },
  {
    name: 'an empty answer',
    span: { attributes: kind('LLM', { 'llm.output_messages.0.message.role': 'assistant', 'llm.output_messages.0.message.content': '' }) },
    has: { outputEmpty: true },
  },
  {
    name: 'an answer that is a tool call is not empty',
    span: {
      attributes: kind('LLM', {
        'llm.output_messages.0.message.content': '',
        'llm.output_messages.0.message.tool_calls.0.tool_call.function.name': 'w',
      }),
    },
    has: { outputEmpty: false },
  },
  {
    name: 'an agent by name',
    span: { attributes: kind('AGENT', { 'agent.name': 'coordinator' }) },
    reads: { role: 'agent', agentName: 'coordinator' },
  },
  {
    name: 'an agent by graph node',
    span: { attributes: kind('AGENT', { 'graph.node.id': 'math_specialist' }) },
    reads: { role: 'agent', agentName: 'math_specialist' },
  },
  {
    name: 'an agent whose node is a UUID has no name',
    span: { attributes: kind('AGENT', { 'graph.node.id': '0f8fad5b-d9cb-469f-a165-70867728950e' }) },
    reads: { role: 'agent' },
  },
  {
    name: 'an agent span that carries the sum',
    span: {
      scope: 'openinference.instrumentation.claude_agent_sdk',
      attributes: kind('AGENT', { 'llm.token_count.prompt': 132, 'llm.token_count.completion': 850, 'llm.system': 'anthropic' }),
    },
    reads: { role: 'agent', provider: 'anthropic', usage: { input: 132, output: 850, cacheAccounting: 'excluded' } },
  },
  {
    name: 'a chain is a workflow, with the LangChain agent in its metadata',
    span: { attributes: kind('CHAIN', { metadata: '{"lc_agent_name":"weather_agent"}' }) },
    reads: { role: 'workflow', agentName: 'weather_agent' },
  },
  {
    name: 'a tool',
    span: {
      name: 'get_weather',
      attributes: kind('TOOL', {
        'tool.name': 'get_weather',
        'tool_call.id': 'c1',
        'tool.parameters': '{"city":"Paris"}',
        'output.value': '[]',
      }),
    },
    reads: { role: 'tool', toolName: 'get_weather', toolCallId: 'c1', argumentsHash: HASH, resultEmpty: true },
  },
  {
    name: 'a tool without a name takes the span name',
    span: { name: 'search', attributes: kind('TOOL', { 'input.value': 'q', 'output.value': 'found' }) },
    has: { toolName: 'search', resultEmpty: false },
  },
  { name: 'a hand-off is no tool', span: { name: 'handoff to billing', attributes: kind('TOOL') }, reads: { role: 'handoff' } },
  {
    name: 'a retriever that found something',
    span: { name: 'retrieve', attributes: kind('RETRIEVER', { 'retrieval.documents.0.document.content': 'x' }) },
    has: { role: 'retrieval', resultEmpty: false },
  },
  {
    name: 'a retriever that says nothing of documents',
    span: { name: 'retrieve', attributes: kind('RETRIEVER') },
    has: { role: 'retrieval' },
    lacks: ['resultEmpty'],
  },
  {
    name: 'an embedding',
    span: { attributes: kind('EMBEDDING', { 'embedding.model_name': 'text-embedding-3-small', 'llm.token_count.prompt': 9 }) },
    reads: { role: 'embedding', responseModel: 'text-embedding-3-small', usage: { input: 9, cacheAccounting: 'included' } },
  },
  {
    name: 'annotations on the span, human ones are feedback',
    span: {
      attributes: kind('LLM', {
        'annotations.0.annotation.name': 'thumbs',
        'annotations.0.annotation.label': 'thumbs_up',
        'annotations.0.annotation.annotator_kind': 'HUMAN',
        'evaluations.0.evaluation.name': 'grounded',
        'evaluations.0.evaluation.score': 0.4,
      }),
    },
    has: {
      evaluations: [
        { name: 'thumbs', source: 'feedback', label: 'thumbs_up' },
        { name: 'grounded', source: 'external', score: 0.4 },
      ],
    },
  },
  {
    name: 'the error class comes from the exception event',
    span: { status: 'error', attributes: kind('LLM'), events: [{ name: 'exception', attributes: { 'exception.type': 'RateLimitError' } }] },
    reads: { role: 'model', errorType: 'RateLimitError' },
  },
  { name: 'a cost of 0 is unknown', span: { attributes: kind('LLM', { 'llm.cost.total': 0 }) }, lacks: ['givenCostUsd'] },
  {
    name: 'a prompt template version',
    span: { attributes: kind('LLM', { 'llm.prompt_template.version': 'v3', 'llm.cost.total': 0.01 }) },
    has: { promptVersion: 'v3', givenCostUsd: 0.01 },
  },
])
