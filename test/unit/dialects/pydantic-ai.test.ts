import { expect, test } from 'vitest'
import { pydanticAi } from '../../../processor/dialects/pydantic-ai.ts'
import { dialectTable, HASH } from './table.ts'
import { span } from './view.ts'

const scope = 'pydantic-ai'
const BEDROCK = 'us.anthropic.claude-sonnet-4-5-20250929-v1:0'

dialectTable(
  pydanticAi,
  [
    {
      name: '2026: the agent span has the sum apart',
      span: {
        name: 'invoke_agent agent',
        scope,
        attributes: {
          model_name: BEDROCK,
          agent_name: 'support',
          'gen_ai.agent.name': 'support',
          'gen_ai.agent.call.id': '019f8b0c-5147-74b5-b1e4-f9b17c5d79ac',
          'gen_ai.operation.name': 'invoke_agent',
          'gen_ai.aggregated_usage.input_tokens': 1251,
          'gen_ai.aggregated_usage.output_tokens': 78,
          'gen_ai.aggregated_usage.details.cache_read_tokens': 40,
        },
      },
      reads: {
        role: 'agent',
        agentName: 'support',
        requestModel: BEDROCK,
        usage: { input: 1251, output: 78, cacheRead: 40, cacheAccounting: 'included' },
      },
    },
    {
      name: '2026: a chat span with cost',
      span: {
        name: `chat ${BEDROCK}`,
        scope,
        attributes: {
          'gen_ai.operation.name': 'chat',
          'gen_ai.provider.name': 'bedrock',
          'gen_ai.request.model': BEDROCK,
          'gen_ai.response.model': BEDROCK,
          'gen_ai.agent.name': 'support',
          'gen_ai.response.id': 'bffa7bef',
          'gen_ai.response.finish_reasons': ['tool_call'],
          'gen_ai.usage.input_tokens': 588,
          'gen_ai.usage.output_tokens': 53,
          'gen_ai.usage.details.cache_read_tokens': 100,
          'gen_ai.usage.details.reasoning_tokens': 9,
          'operation.cost': 0.0028149,
          model_request_parameters: '{"function_tools":[{"name":"get_weather"}]}',
          'gen_ai.input.messages':
            '[{"role":"system","parts":[{"type":"text","content":"Help."}]},{"role":"user","parts":[{"type":"text","content":"Hi"}]}]',
          'gen_ai.output.messages':
            '[{"role":"assistant","parts":[{"type":"tool_call","id":"t","name":"get_weather","arguments":{}}],"finish_reason":"tool_call"}]',
        },
      },
      reads: {
        role: 'model',
        agentName: 'support',
        provider: 'aws.bedrock',
        requestModel: BEDROCK,
        responseModel: BEDROCK,
        responseId: 'bffa7bef',
        usage: { input: 588, output: 53, cacheRead: 100, reasoning: 9, cacheAccounting: 'included' },
        finish: 'tool_call',
        givenCostUsd: 0.0028149,
        outputEmpty: false,
        outputText: '',
        inputText: 'Hi',
        instructionsHash: HASH,
        toolsHash: HASH,
      },
    },
    {
      name: '2025: an agent span without an operation, its sum under the plain names',
      span: {
        name: 'qa_agent run',
        scope,
        attributes: {
          model_name: 'gpt-4o',
          agent_name: 'qa_agent',
          'gen_ai.usage.input_tokens': 31,
          'gen_ai.usage.output_tokens': 96,
          'langfuse.observation.type': 'span',
        },
      },
      reads: {
        role: 'agent',
        agentName: 'qa_agent',
        requestModel: 'gpt-4o',
        usage: { input: 31, output: 96, cacheAccounting: 'included' },
      },
    },
    {
      name: '2025: messages in one JSON list of events',
      span: {
        name: 'chat gpt-4o',
        scope,
        attributes: {
          'gen_ai.operation.name': 'chat',
          'gen_ai.system': 'openai',
          'gen_ai.request.model': 'gpt-4o',
          'gen_ai.usage.input_tokens': 31,
          'gen_ai.usage.output_tokens': 0,
          events:
            '[{"content":"Be clear.","role":"system","event.name":"gen_ai.system.message"},{"content":"What?","role":"user","event.name":"gen_ai.user.message"},{"index":0,"message":{"role":"assistant","content":""},"event.name":"gen_ai.choice"}]',
        },
      },
      has: {
        role: 'model',
        outputEmpty: true,
        inputText: 'What?',
        instructionsHash: HASH,
        usage: { input: 31, output: 0, cacheAccounting: 'included' },
      },
    },
    {
      name: 'a tool of either format',
      span: {
        name: 'running tool',
        scope,
        attributes: { 'gen_ai.tool.name': 'roll', 'gen_ai.tool.call.id': 'c1', tool_arguments: '{"n":1}', tool_response: '[]' },
      },
      reads: { role: 'tool', toolName: 'roll', toolCallId: 'c1', argumentsHash: HASH, resultEmpty: true },
    },
    {
      name: 'arguments that do not validate are a failed call',
      span: {
        name: 'execute_tool roll',
        scope,
        attributes: { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'roll', 'pydantic_ai.tool.failure_stage': 'validation' },
      },
      reads: { role: 'tool', toolName: 'roll', failed: true, errorType: 'validation' },
    },
    {
      name: 'a deferred tool did not fail, whatever its status',
      span: {
        name: 'execute_tool roll',
        scope,
        status: 'error',
        attributes: {
          'gen_ai.operation.name': 'execute_tool',
          'gen_ai.tool.name': 'roll',
          'pydantic_ai.tool.deferral.name': 'ApprovalRequired',
        },
        events: [{ name: 'exception', attributes: { 'exception.type': 'ApprovalRequired' } }],
      },
      reads: { role: 'tool', toolName: 'roll', failed: false },
    },
    {
      name: 'a batch of tools is a step',
      span: { name: 'running 2 tools', scope, attributes: { tools: ['a', 'b'] } },
      reads: { role: 'step' },
    },
    {
      name: 'the output function is a step',
      span: { name: 'running output function', scope, attributes: { 'gen_ai.tool.name': 'final_result' } },
      reads: { role: 'step' },
    },
    {
      name: 'a placeholder of Logfire is nothing',
      span: { name: 'chat gpt-4o', scope, attributes: { 'gen_ai.operation.name': 'chat', 'logfire.span_type': 'pending_span' } },
      nothing: true,
    },
  ],
  [
    {
      name: 'pydantic_evals: a score',
      log: {
        event: 'gen_ai.evaluation.result',
        scope: 'pydantic-evals',
        attributes: { 'gen_ai.evaluation.name': 'Equals', 'gen_ai.evaluation.score.value': 1 },
      },
      reads: { evaluations: [{ name: 'Equals', score: 1, source: 'external' }] },
    },
    {
      name: 'pydantic_evals: an evaluator that failed has no score',
      log: {
        event: 'gen_ai.evaluation.result',
        scope: 'pydantic-evals',
        attributes: { 'gen_ai.evaluation.name': 'Judge', 'error.type': 'pydantic_evals.EvaluatorFailure' },
      },
      reads: { evaluations: [{ name: 'Judge', errorType: 'pydantic_evals.EvaluatorFailure', source: 'external' }] },
    },
    {
      name: 'records of other scopes are not read',
      log: { event: 'gen_ai.evaluation.result', scope: 'x', attributes: { 'gen_ai.evaluation.name': 'Equals' } },
      reads: undefined,
    },
  ],
)

test('a UUID as agent name is not taken', () => {
  const seen = span(pydanticAi, { name: 'agent run', scope, attributes: { agent_name: '019f8b0c-5147-74b5-b1e4-f9b17c5d79ac' } })
  expect(pydanticAi.read(seen)).toEqual({ role: 'agent' })
})
