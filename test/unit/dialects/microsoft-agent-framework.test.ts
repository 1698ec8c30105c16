import { microsoftAgentFramework } from '../../../processor/dialects/microsoft-agent-framework.ts'
import { dialectTable, HASH } from './table.ts'

const scope = 'agent_framework'
const UUID = '99981f6a-abd1-4d09-9fba-00e2ab172193'

dialectTable(microsoftAgentFramework, [
  {
    name: 'an unnamed agent is named by its id, and an unknown model "unknown": neither is taken',
    span: {
      name: `invoke_agent ${UUID}`,
      scope,
      attributes: {
        'gen_ai.operation.name': 'invoke_agent',
        'gen_ai.provider.name': 'microsoft.agent_framework',
        'gen_ai.request.model': 'unknown',
        'gen_ai.agent.id': UUID,
        'gen_ai.agent.name': UUID,
        'gen_ai.usage.input_tokens': 631,
        'gen_ai.usage.output_tokens': 35,
      },
    },
    reads: { role: 'agent', usage: { input: 631, output: 35, cacheAccounting: 'included' } },
  },
  {
    name: 'a chat span of kind INTERNAL; the run id that every call of an assistant repeats is no response id',
    span: {
      name: 'chat gpt-4o',
      scope,
      attributes: {
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'openai',
        'gen_ai.request.model': 'gpt-4o',
        'gen_ai.response.id': 'run_9guMCbt68iSVgtsx6WdKMA18',
        'gen_ai.response.finish_reasons': '["tool_calls"]',
        'gen_ai.usage.input_tokens': 631,
        'gen_ai.usage.output_tokens': 35,
        'langfuse.observation.output': '[{"role":"assistant","parts":[{"type":"text","content":"Cloudy."}]}]',
      },
    },
    reads: {
      role: 'model',
      provider: 'openai',
      requestModel: 'gpt-4o',
      usage: { input: 631, output: 35, cacheAccounting: 'included' },
      finish: 'tool_call',
      outputEmpty: false,
      outputText: 'Cloudy.',
    },
  },
  {
    name: 'a real response id stays; an Anthropic client’s cache is settled by arithmetic',
    span: {
      name: 'chat claude-sonnet-5',
      scope,
      attributes: {
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'anthropic',
        'gen_ai.request.model': 'claude-sonnet-5',
        'gen_ai.response.id': 'msg_1',
        'gen_ai.usage.input_tokens': 60,
        'gen_ai.usage.output_tokens': 20,
        'gen_ai.usage.cache_read.input_tokens': 30,
      },
    },
    has: { responseId: 'msg_1', usage: { input: 60, output: 20, cacheRead: 30, cacheAccounting: 'unknown' } },
  },
  {
    name: 'a tool call whose id is a JSON list',
    span: {
      name: 'execute_tool get_weather',
      scope,
      attributes: {
        'gen_ai.operation.name': 'execute_tool',
        'gen_ai.tool.name': 'get_weather',
        'gen_ai.tool.call.id': '["run_9guMCbt68iSVgtsx6WdKMA18", "call_Sz1QP8T7fuJkIECGDLFWOorq"]',
        'langfuse.observation.input': '{"location": "Portland"}',
      },
    },
    reads: { role: 'tool', toolName: 'get_weather', toolCallId: 'call_Sz1QP8T7fuJkIECGDLFWOorq', argumentsHash: HASH },
  },
  {
    name: 'a failed tool',
    span: {
      name: 'execute_tool x',
      scope,
      status: 'error',
      attributes: {
        'gen_ai.operation.name': 'execute_tool',
        'gen_ai.tool.name': 'x',
        'gen_ai.tool.call.id': 'unknown',
        'error.type': 'ValueError',
      },
    },
    reads: { role: 'tool', toolName: 'x', failed: true, errorType: 'ValueError' },
  },
  {
    name: 'a workflow run and its name',
    span: { name: 'workflow.run', scope, attributes: { 'workflow.id': UUID, 'workflow.name': 'triage' } },
    reads: { role: 'workflow', agentName: 'triage' },
  },
  {
    name: 'the id of a workflow definition is no name',
    span: { name: 'workflow.run', scope, attributes: { 'workflow.id': UUID } },
    reads: { role: 'workflow' },
  },
  {
    name: 'executors are steps',
    span: { name: 'executor.process writer', scope, attributes: { 'executor.id': 'writer' } },
    reads: { role: 'step' },
  },
  { name: 'messages and edges only shape the tree', span: { name: 'edge_group.process', scope }, reads: { role: 'other' } },
  {
    name: '.NET agents',
    span: {
      name: 'invoke_agent Joker',
      scope: 'Experimental.Microsoft.Agents.AI',
      attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'Joker' },
    },
    has: { role: 'agent', agentName: 'Joker' },
  },
  {
    name: '.NET loop of Microsoft.Extensions.AI',
    span: {
      name: 'orchestrate_tools',
      scope: 'Experimental.Microsoft.Extensions.AI',
      attributes: { 'gen_ai.operation.name': 'orchestrate_tools' },
    },
    has: { role: 'step' },
  },
])
