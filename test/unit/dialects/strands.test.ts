import { expect, test } from 'vitest'
import { strands } from '../../../processor/dialects/strands.ts'
import { dialectTable, HASH } from './table.ts'
import { log, span } from './view.ts'

const SCOPE = 'strands.telemetry.tracer'
const START = { 'gen_ai.event.start_time': '2026-04-14T20:04:04.721983+00:00' }
const CLAUDE = 'us.anthropic.claude-sonnet-4-20250514-v1:0'
const USAGE = {
  'gen_ai.usage.prompt_tokens': 1211,
  'gen_ai.usage.input_tokens': 1211,
  'gen_ai.usage.completion_tokens': 217,
  'gen_ai.usage.output_tokens': 217,
  'gen_ai.usage.total_tokens': 1428,
  'gen_ai.usage.cache_read_input_tokens': 900,
  'gen_ai.usage.cache_write_input_tokens': 0,
}

dialectTable(
  strands,
  [
    {
      name: 'a chat span: finish and content from events, Bedrock provider from the model id, cache outside the input',
      span: {
        name: 'chat',
        scope: SCOPE,
        attributes: {
          ...START,
          ...USAGE,
          'gen_ai.operation.name': 'chat',
          'gen_ai.system': 'strands-agents',
          'gen_ai.request.model': CLAUDE,
        },
        events: [
          { name: 'gen_ai.user.message', attributes: { content: '[{"text": "Hey"}]' } },
          { name: 'gen_ai.user.message', attributes: { content: '[{"text": "Book it"}]' } },
          {
            name: 'gen_ai.choice',
            attributes: {
              finish_reason: 'tool_use',
              message: '[{"text": "I will."}, {"toolUse": {"toolUseId": "t1", "name": "book", "input": {}}}]',
            },
          },
        ],
      },
      reads: {
        role: 'model',
        provider: 'aws.bedrock',
        requestModel: CLAUDE,
        usage: { input: 1211, output: 217, cacheRead: 900, cacheWrite: 0, total: 1428, cacheAccounting: 'excluded' },
        finish: 'tool_call',
        outputEmpty: false,
        outputText: 'I will.',
        inputText: 'Book it',
      },
    },
    {
      name: 'an agent span: its usage is the object’s sum over its life and is not taken',
      span: {
        name: 'invoke_agent TravelAgent',
        scope: SCOPE,
        status: 'ok',
        attributes: {
          ...START,
          ...USAGE,
          'gen_ai.operation.name': 'invoke_agent',
          'gen_ai.agent.name': 'TravelAgent',
          'gen_ai.agent.tools': '["search", "book"]',
          system_prompt: 'You plan trips.',
        },
        events: [{ name: 'gen_ai.choice', attributes: { message: 'Done.', finish_reason: 'end_turn' } }],
      },
      has: {
        role: 'agent',
        agentName: 'TravelAgent',
        finish: 'stop',
        outputText: 'Done.',
        outputEmpty: false,
        instructionsHash: HASH,
        toolsHash: HASH,
      },
      lacks: ['usage', 'provider'],
    },
    {
      name: 'a tool that answered with an error fails although its status is OK',
      span: {
        name: 'execute_tool search',
        scope: SCOPE,
        status: 'ok',
        attributes: {
          ...START,
          'gen_ai.operation.name': 'execute_tool',
          'gen_ai.tool.name': 'search',
          'gen_ai.tool.call.id': 't1',
          'gen_ai.tool.status': 'error',
        },
        events: [
          { name: 'gen_ai.tool.message', attributes: { content: '{"q": "x"}', id: 't1' } },
          { name: 'gen_ai.choice', attributes: { message: '[{"text": "Error: down"}]', id: 't1' } },
        ],
      },
      reads: { role: 'tool', toolName: 'search', toolCallId: 't1', failed: true, argumentsHash: HASH, resultEmpty: false },
    },
    {
      name: 'a tool that found nothing',
      span: {
        name: 'execute_tool search',
        scope: SCOPE,
        attributes: { ...START, 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'search', 'gen_ai.tool.status': 'success' },
        events: [{ name: 'gen_ai.choice', attributes: { message: '[{"text": "[]"}]' } }],
      },
      has: { role: 'tool', resultEmpty: true },
      lacks: ['failed', 'argumentsHash'],
    },
    {
      name: 'the opt-in details event carries finish, answer, arguments and result',
      span: {
        name: 'chat',
        scope: 'my-service',
        attributes: {
          ...START,
          'gen_ai.operation.name': 'chat',
          'gen_ai.provider.name': 'my-service',
          'gen_ai.request.model': 'gpt-5-mini',
          'gen_ai.usage.input_tokens': 100,
          'gen_ai.usage.output_tokens': 20,
        },
        events: [
          {
            name: 'gen_ai.client.inference.operation.details',
            attributes: {
              'gen_ai.output.messages': '[{"role":"assistant","parts":[{"type":"text","content":""}],"finish_reason":"max_tokens"}]',
            },
          },
        ],
      },
      has: { role: 'model', finish: 'length', outputEmpty: true, usage: { input: 100, output: 20, cacheAccounting: 'included' } },
      lacks: ['provider'],
    },
    {
      name: 'a loop cycle without an operation name is a step',
      span: {
        name: 'execute_event_loop_cycle',
        scope: SCOPE,
        attributes: { ...START, 'event_loop.cycle_id': 'f49eeb86-e859-42fc-93b1-32b1a9e2c51c' },
      },
      reads: { role: 'step' },
    },
    {
      name: 'a swarm is a workflow without a name of its own',
      span: {
        name: 'invoke_swarm',
        scope: SCOPE,
        attributes: { ...START, 'gen_ai.operation.name': 'invoke_swarm', 'gen_ai.agent.name': 'swarm' },
      },
      has: { role: 'workflow' },
      lacks: ['agentName'],
    },
  ],
  [
    {
      name: 'AgentCore: the score is a string and the response id is the trace it judges',
      log: {
        attributes: {
          'event.name': 'gen_ai.evaluation.result',
          'gen_ai.evaluation.name': 'Builtin.Helpfulness',
          'gen_ai.evaluation.score.value': '0.83',
          'gen_ai.evaluation.score.label': 'Very Helpful',
          'gen_ai.response.id': 'E37CBD574558E37CBD574558E37CBD57',
          'aws.bedrock_agentcore.evaluation_level': 'Trace',
        },
      },
      reads: {
        evaluations: [
          {
            name: 'Builtin.Helpfulness',
            source: 'external',
            score: 0.83,
            label: 'Very Helpful',
            target: { traceId: 'e37cbd574558e37cbd574558e37cbd57' },
          },
        ],
      },
    },
    {
      name: 'an evaluation of a real response id is the standard reading’s',
      log: { attributes: { 'event.name': 'gen_ai.evaluation.result', 'gen_ai.evaluation.name': 'x', 'gen_ai.response.id': 'resp_1' } },
      reads: undefined,
    },
  ],
)

test('a span rewritten to OpenInference is left to that dialect', () => {
  const rewritten = span(strands, { scope: SCOPE, attributes: { 'openinference.span.kind': 'LLM' } })
  expect(strands.recognises(rewritten)).toBe(false)
})

test('other log records are not read', () => expect(strands.readLog?.(log(strands, { event: 'gen_ai.choice' }))).toBeUndefined())
