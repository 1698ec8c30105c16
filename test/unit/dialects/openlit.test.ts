import { openlit } from '../../../processor/dialects/openlit.ts'
import { dialectTable, HASH } from './table.ts'

const scope = '@openlit/instrumentation-anthropic'
dialectTable(openlit, [
  {
    name: 'Anthropic without cached tokens; the tool it asks for does not make it a tool',
    span: {
      scope,
      attributes: {
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'anthropic',
        'gen_ai.request.model': 'claude-sonnet-5',
        'gen_ai.usage.input_tokens': 60,
        'gen_ai.usage.output_tokens': 20,
        'gen_ai.usage.cache_read.input_tokens': 30,
        'gen_ai.usage.cache_creation.input_tokens': 10,
        'gen_ai.tool.name': 'get_weather',
        'gen_ai.usage.cost': 0,
        'openlit.agent.version_hash': 'abc',
        'gen_ai.response.finish_reasons': ['tool_call'],
      },
    },
    reads: {
      role: 'model',
      provider: 'anthropic',
      requestModel: 'claude-sonnet-5',
      finish: 'tool_call',
      agentVersion: 'abc',
      usage: { input: 60, output: 20, cacheRead: 30, cacheWrite: 10, cacheAccounting: 'excluded' },
    },
  },
  {
    name: 'OpenAI includes them; a cost that is not 0 is given',
    span: {
      scope: 'openlit.instrumentation.openai',
      attributes: {
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'openai',
        'gen_ai.usage.input_tokens': 100,
        'gen_ai.usage.cost': 0.02,
      },
    },
    has: { givenCostUsd: 0.02, usage: { input: 100, cacheAccounting: 'included' } },
  },
  {
    name: 'told by its SDK name on the resource',
    span: {
      resource: { 'service.name': 'app', 'telemetry.sdk.name': 'openlit' },
      attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'Triage agent', 'gen_ai.usage.input_tokens': 5 },
    },
    has: { role: 'agent', agentName: 'Triage agent' },
    lacks: ['usage'],
  },
  {
    name: 'making an agent opens no run',
    span: { scope, attributes: { 'gen_ai.operation.name': 'create_agent', 'gen_ai.agent.name': 'x' } },
    has: { role: 'other' },
  },
  {
    name: 'a tool with arguments under its own names',
    span: {
      scope,
      attributes: {
        'gen_ai.operation.name': 'execute_tool',
        'gen_ai.tool.name': 'w',
        'gen_ai.tool.args': '{"a":1}',
        'gen_ai.tool.output': '',
      },
    },
    reads: { role: 'tool', toolName: 'w', argumentsHash: HASH, resultEmpty: true },
  },
  {
    name: 'an evaluation as a span event',
    span: {
      scope,
      attributes: { 'gen_ai.operation.name': 'chat' },
      events: [
        {
          name: 'gen_ai.evaluation.result',
          attributes: { 'gen_ai.evaluation.name': 'toxic', 'gen_ai.evaluation.score.value': 1, 'gen_ai.evaluation.score.label': 'true' },
        },
      ],
    },
    has: { evaluations: [{ name: 'toxic', source: 'external', score: 1, label: 'true' }] },
  },
])
