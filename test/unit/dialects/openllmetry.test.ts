import { openllmetry } from '../../../processor/dialects/openllmetry.ts'
import { dialectTable, HASH } from './table.ts'

const py = 'opentelemetry.instrumentation.openai_agents'
dialectTable(openllmetry, [
  {
    name: 'a workflow',
    span: {
      scope: py,
      attributes: { 'traceloop.span.kind': 'workflow', 'traceloop.workflow.name': 'Agent Workflow', 'traceloop.entity.name': 'order_flow' },
    },
    has: { role: 'workflow', agentName: 'order_flow' },
  },
  {
    name: 'a runnable of the JS LangChain package is no workflow',
    span: { scope: '@traceloop/instrumentation-langchain', attributes: { 'traceloop.span.kind': 'workflow' } },
    has: { role: 'step' },
  },
  {
    name: 'an agent',
    span: {
      scope: py,
      attributes: {
        'traceloop.span.kind': 'agent',
        'gen_ai.operation.name': 'invoke_agent',
        'gen_ai.agent.name': 'coordinator',
        'gen_ai.usage.input_tokens': 999,
      },
    },
    has: { role: 'agent', agentName: 'coordinator' },
    lacks: ['usage'],
  },
  {
    name: 'an agent named by its entity, with its version',
    span: { attributes: { 'traceloop.span.kind': 'agent', 'traceloop.entity.name': 'helper', 'traceloop.entity.version': '3' } },
    reads: { role: 'agent', agentName: 'helper', agentVersion: '3' },
  },
  {
    name: 'an agent id that is a run UUID is no name',
    span: { attributes: { 'traceloop.span.kind': 'agent', 'gen_ai.agent.id': '0f8fad5b-d9cb-469f-a165-70867728950e' } },
    reads: { role: 'agent' },
  },
  {
    name: 'a task that is a tool by its operation',
    span: {
      scope: '@traceloop/instrumentation-langchain',
      attributes: {
        'traceloop.span.kind': 'task',
        'gen_ai.operation.name': 'execute_tool',
        'gen_ai.tool.name': 'w',
        'traceloop.entity.input': '{"a":1}',
        'traceloop.entity.output': '',
      },
    },
    reads: { role: 'tool', toolName: 'w', argumentsHash: HASH, resultEmpty: true },
  },
  {
    name: 'a task is a step',
    span: { attributes: { 'traceloop.span.kind': 'task', 'traceloop.entity.name': 'fetch' } },
    reads: { role: 'step' },
  },
  {
    name: 'a tool named by its entity',
    span: { attributes: { 'traceloop.span.kind': 'tool', 'traceloop.entity.name': 'search' } },
    reads: { role: 'tool', toolName: 'search' },
  },
  {
    name: 'a call with the old indexed names',
    span: {
      attributes: {
        'llm.request.type': 'chat',
        'gen_ai.system': 'OpenAI',
        'gen_ai.request.model': 'gpt-4o',
        'gen_ai.usage.prompt_tokens': 100,
        'gen_ai.usage.completion_tokens': 20,
        'gen_ai.usage.cache_read_input_tokens': 40,
        'gen_ai.completion.0.finish_reason': 'length',
        'gen_ai.completion.0.content': 'cut',
        'gen_ai.prompt.0.role': 'system',
        'gen_ai.prompt.0.content': 'be brief',
      },
    },
    reads: {
      role: 'model',
      provider: 'openai',
      requestModel: 'gpt-4o',
      finish: 'length',
      usage: { input: 100, output: 20, cacheRead: 40, cacheAccounting: 'included' },
      instructionsHash: HASH,
      outputText: 'cut',
      outputEmpty: false,
    },
  },
  {
    name: 'the Anthropic JS package leaves cached tokens out',
    span: {
      scope: '@traceloop/instrumentation-anthropic',
      attributes: {
        'gen_ai.operation.name': 'chat',
        'gen_ai.usage.input_tokens': 60,
        'gen_ai.usage.output_tokens': 20,
        'gen_ai.usage.cache_read.input_tokens': 30,
      },
    },
    has: { role: 'model', usage: { input: 60, output: 20, cacheRead: 30, cacheAccounting: 'excluded' } },
  },
  {
    name: 'Bedrock too',
    span: {
      scope: 'opentelemetry.instrumentation.bedrock',
      attributes: { 'llm.request.type': 'completion', 'gen_ai.usage.input_tokens': 60 },
    },
    has: { usage: { input: 60, cacheAccounting: 'excluded' } },
  },
  {
    name: 'an embedding',
    span: { attributes: { 'llm.request.type': 'embedding', 'gen_ai.usage.input_tokens': 5 } },
    has: { role: 'embedding', usage: { input: 5, cacheAccounting: 'included' } },
  },
  { name: 'a rerank is a retrieval', span: { attributes: { 'llm.request.type': 'rerank' } }, has: { role: 'retrieval' } },
  {
    name: 'a managed prompt',
    span: { attributes: { 'llm.request.type': 'chat', 'traceloop.prompt.key': 'greeting', 'traceloop.prompt.version': 12 } },
    has: { promptName: 'greeting', promptVersion: '12' },
  },
  {
    name: 'an empty answer that is no tool call',
    span: { attributes: { 'llm.request.type': 'chat', 'gen_ai.completion.0.content': '' } },
    has: { outputEmpty: true },
  },
  {
    name: 'an empty answer that is one',
    span: {
      attributes: { 'llm.request.type': 'chat', 'gen_ai.completion.0.content': '', 'gen_ai.completion.0.finish_reason': 'tool_calls' },
    },
    has: { outputEmpty: false, finish: 'tool_call' },
  },
])
