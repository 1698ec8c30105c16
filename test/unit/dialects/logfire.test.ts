import { logfire } from '../../../processor/dialects/logfire.ts'
import { dialectTable, HASH } from './table.ts'

const agents = 'logfire.openai_agents'
const claude = 'logfire.claude_agent_sdk'
const SYSTEM = { 'gen_ai.system': 'openai' }

dialectTable(logfire, [
  {
    name: 'Claude Agent SDK: the root has the run’s own tokens and cost',
    span: {
      name: 'invoke_agent',
      scope: claude,
      attributes: {
        'gen_ai.operation.name': 'invoke_agent',
        'gen_ai.provider.name': 'anthropic',
        'gen_ai.request.model': 'claude-sonnet-5',
        'gen_ai.usage.input_tokens': 100,
        'gen_ai.usage.output_tokens': 20,
        'gen_ai.usage.cache_read.input_tokens': 30,
        'gen_ai.usage.cache_creation.input_tokens': 10,
        'operation.cost': 0.5,
      },
    },
    reads: {
      role: 'agent',
      provider: 'anthropic',
      requestModel: 'claude-sonnet-5',
      usage: { input: 100, output: 20, cacheRead: 30, cacheWrite: 10, cacheAccounting: 'included' },
      givenCostUsd: 0.5,
    },
  },
  {
    name: 'Claude Agent SDK: partial usage of a chat is ignored',
    span: {
      name: 'chat claude-sonnet-5',
      scope: claude,
      attributes: {
        'gen_ai.operation.name': 'chat',
        'gen_ai.request.model': 'claude-sonnet-5',
        'gen_ai.usage.partial.input_tokens': 3,
        'gen_ai.usage.partial.output_tokens': 1,
      },
    },
    reads: { role: 'model', requestModel: 'claude-sonnet-5' },
  },
  {
    name: 'Claude Agent SDK: a tool’s error type is the whole error text',
    span: {
      name: 'execute_tool Bash',
      scope: claude,
      attributes: {
        'gen_ai.operation.name': 'execute_tool',
        'gen_ai.tool.name': 'Bash',
        'gen_ai.tool.call.id': 't1',
        'error.type': 'Command failed with exit code 1: no such file /home/x',
        'logfire.level_num': 17,
      },
    },
    reads: { role: 'tool', toolName: 'Bash', toolCallId: 't1', failed: true, errorType: '_OTHER' },
  },
  {
    name: 'Claude Agent SDK: the root of a failed result has only a level',
    span: { name: 'invoke_agent', scope: claude, attributes: { 'gen_ai.operation.name': 'invoke_agent', 'logfire.level_num': 17 } },
    reads: { role: 'agent', failed: true },
  },
  {
    name: 'Claude Agent SDK before the standard names',
    span: {
      name: 'claude.conversation',
      scope: claude,
      attributes: { 'usage.input_tokens': 100, 'usage.output_tokens': 20, 'usage.input_token_details.cache_read': 30, total_cost_usd: 0.1 },
    },
    reads: { role: 'agent', usage: { input: 100, output: 20, cacheRead: 30, cacheAccounting: 'included' }, givenCostUsd: 0.1 },
  },
  {
    name: 'OpenAI Agents: the trace is a workflow, its default name none',
    span: { name: 'OpenAI Agents trace: {name}', scope: agents, attributes: { name: 'Agent workflow' } },
    reads: { role: 'workflow' },
  },
  {
    name: 'OpenAI Agents: an agent run',
    span: { name: 'Agent run: {name!r}', scope: agents, attributes: { ...SYSTEM, name: 'Triage' } },
    has: { role: 'agent', agentName: 'Triage' },
  },
  {
    name: 'OpenAI Agents: a function',
    span: {
      name: 'Function: {name}',
      scope: agents,
      attributes: {
        ...SYSTEM,
        name: 'search',
        input: '{"q":1}',
        output: '[]',
        error: '{"message":"Error running tool (non-fatal)","data":{}}',
      },
    },
    reads: { role: 'tool', toolName: 'search', argumentsHash: HASH, resultEmpty: true, failed: true, errorType: '_OTHER' },
  },
  {
    name: 'OpenAI Agents: a hand-off',
    span: { name: 'Handoff: {from_agent} → {to_agent}', scope: agents, attributes: SYSTEM },
    has: { role: 'handoff' },
  },
  {
    name: 'OpenAI Agents: a guardrail',
    span: { name: 'Guardrail {name!r} {triggered=}', scope: agents, attributes: SYSTEM },
    has: { role: 'guardrail' },
  },
  {
    name: 'OpenAI Agents: a turn',
    span: { name: 'Turn {turn} for agent {name!r}', scope: agents, attributes: SYSTEM },
    has: { role: 'step' },
  },
  {
    name: 'OpenAI Agents: a response, details from its JSON',
    span: {
      name: 'Responses API with {gen_ai.request.model!r}',
      scope: agents,
      attributes: {
        ...SYSTEM,
        'gen_ai.operation.name': 'chat',
        'gen_ai.request.model': 'gpt-5-mini',
        'gen_ai.response.model': 'gpt-5-mini-2026-08-01',
        'gen_ai.usage.input_tokens': 100,
        'gen_ai.usage.output_tokens': 20,
        response:
          '{"id":"resp_1","status":"completed","output":[{"type":"reasoning","summary":[]},{"type":"message","content":[{"type":"output_text","text":"Hi."}]}],"usage":{"input_tokens":100,"output_tokens":20,"input_tokens_details":{"cached_tokens":40},"output_tokens_details":{"reasoning_tokens":8}}}',
      },
    },
    reads: {
      role: 'model',
      provider: 'openai',
      requestModel: 'gpt-5-mini',
      responseModel: 'gpt-5-mini-2026-08-01',
      responseId: 'resp_1',
      usage: { input: 100, output: 20, cacheRead: 40, reasoning: 8, cacheAccounting: 'included' },
      finish: 'stop',
      outputEmpty: false,
      outputText: 'Hi.',
    },
  },
  {
    name: 'a response cut off by its limit',
    span: {
      name: 'Responses API',
      scope: agents,
      attributes: {
        ...SYSTEM,
        response: '{"id":"r","status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[]}',
      },
    },
    has: { finish: 'length', outputEmpty: true },
    lacks: ['usage'],
  },
  {
    name: 'OpenAI: chat completion with raw usage',
    span: {
      name: 'Chat Completion with {request_data[model]!r}',
      scope: 'logfire.openai',
      attributes: {
        ...SYSTEM,
        'gen_ai.request.model': 'gpt-5-mini',
        'gen_ai.usage.input_tokens': 100,
        'gen_ai.usage.output_tokens': 20,
        'gen_ai.usage.raw':
          '{"prompt_tokens":100,"prompt_tokens_details":{"cached_tokens":40},"completion_tokens_details":{"reasoning_tokens":8}}',
        request_data: '{"model":"gpt-5-mini","messages":[]}',
        response_data:
          '{"message":{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"x"}}]}}',
        'operation.cost': 0.001,
      },
    },
    has: {
      role: 'model',
      usage: { input: 100, output: 20, cacheRead: 40, reasoning: 8, cacheAccounting: 'included' },
      outputEmpty: false,
      givenCostUsd: 0.001,
    },
  },
  {
    name: 'a streamed request is only the start of its call',
    span: {
      name: 'Chat Completion with {request_data[model]!r}',
      scope: 'logfire.openai',
      attributes: { ...SYSTEM, request_data: '{"model":"gpt-5-mini","stream":true}' },
    },
    has: { role: 'step' },
  },
  {
    name: 'a streamed request that failed is the call',
    span: {
      name: 'Chat Completion with {request_data[model]!r}',
      scope: 'logfire.openai',
      status: 'error',
      attributes: { ...SYSTEM, request_data: '{"stream":true}' },
      events: [{ name: 'exception', attributes: { 'exception.type': 'openai.RateLimitError' } }],
    },
    has: { role: 'model', failed: true, errorType: 'openai.RateLimitError' },
  },
  {
    name: 'the end of the stream is the call',
    span: {
      name: 'streaming response from {request_data[model]!r} took {duration:.2f}s',
      scope: 'logfire.openai',
      attributes: {
        ...SYSTEM,
        'gen_ai.request.model': 'gpt-5-mini',
        request_data: '{"stream":true}',
        response_data: '{"combined_chunk_content":"Hi.","chunk_count":2}',
      },
    },
    has: { role: 'model', outputEmpty: false, outputText: 'Hi.', requestModel: 'gpt-5-mini' },
    lacks: ['usage'],
  },
  {
    name: 'embeddings',
    span: {
      name: 'Embedding Creation with {request_data[model]!r}',
      scope: 'logfire.openai',
      attributes: { ...SYSTEM, 'gen_ai.usage.input_tokens': 10 },
    },
    has: { role: 'embedding', usage: { input: 10, cacheAccounting: 'included' } },
  },
  {
    name: 'an MCP call is a tool, on the server’s side too',
    span: {
      name: 'MCP server handle request: tools/call search',
      scope: 'logfire.mcp',
      attributes: { 'rpc.method': 'tools/call', request: '{"params":{"name":"search","arguments":{"q":1}}}' },
    },
    reads: { role: 'tool', toolName: 'search', argumentsHash: HASH, serverSide: true },
  },
  {
    name: 'other MCP requests are not',
    span: { name: 'MCP request: tools/list', scope: 'logfire.mcp', attributes: { 'rpc.method': 'tools/list' } },
    has: { role: 'other' },
  },
  {
    name: 'a placeholder is nothing',
    span: { name: 'Agent run: {name!r}', scope: agents, attributes: { 'logfire.span_type': 'pending_span' } },
    nothing: true,
  },
])
