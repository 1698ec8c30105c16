import { mlflow } from '../../../processor/dialects/mlflow.ts'
import { dialectTable, HASH } from './table.ts'

const id = { 'mlflow.traceRequestId': '"tr-1"' }
const type = (t: string): Record<string, unknown> => ({ ...id, 'mlflow.spanType': JSON.stringify(t) })

dialectTable(mlflow, [
  {
    name: 'a chat model with values encoded twice',
    span: {
      name: 'Completions',
      attributes: {
        ...type('CHAT_MODEL'),
        'mlflow.llm.model': '"gpt-5-mini"',
        'mlflow.llm.provider': '"openai"',
        'mlflow.llm.cost': '{"input_cost":0.1,"output_cost":0.2,"total_cost":0.3}',
        'mlflow.chat.tokenUsage':
          '"{\\"input_tokens\\":100,\\"output_tokens\\":20,\\"total_tokens\\":120,\\"cache_read_input_tokens\\":40}"',
        'mlflow.chat.tools': '[{"type":"function"}]',
        'mlflow.spanInputs': '{"messages":[{"role":"system","content":"Help."}]}',
        'mlflow.spanOutputs':
          '{"id":"chatcmpl-1","model":"gpt-5-mini-2026-08-01","choices":[{"finish_reason":"stop","message":{"role":"assistant","content":"Hi."}}]}',
      },
    },
    reads: {
      role: 'model',
      provider: 'openai',
      requestModel: 'gpt-5-mini',
      responseModel: 'gpt-5-mini-2026-08-01',
      responseId: 'chatcmpl-1',
      usage: { input: 100, output: 20, cacheRead: 40, total: 120, cacheAccounting: 'included' },
      finish: 'stop',
      outputEmpty: false,
      outputText: 'Hi.',
      givenCostUsd: 0.3,
      instructionsHash: HASH,
      toolsHash: HASH,
    },
  },
  {
    name: 'Anthropic’s own arithmetic',
    span: {
      name: 'Messages.create',
      attributes: {
        ...type('CHAT_MODEL'),
        'mlflow.llm.model': '"claude-sonnet-5"',
        'mlflow.chat.tokenUsage': '{"input_tokens":60,"output_tokens":20,"cache_read_input_tokens":30,"cache_creation_input_tokens":10}',
        'mlflow.spanOutputs': '{"stop_reason":"tool_use","content":[{"type":"tool_use","id":"t","name":"x","input":{}}]}',
      },
    },
    has: {
      finish: 'tool_call',
      outputEmpty: false,
      usage: { input: 60, output: 20, cacheRead: 30, cacheWrite: 10, cacheAccounting: 'excluded' },
    },
  },
  {
    name: 'usage only in the answer',
    span: { name: 'llm', attributes: { ...type('LLM'), 'mlflow.spanOutputs': '{"usage":{"prompt_tokens":5,"completion_tokens":6}}' } },
    has: { role: 'model', usage: { input: 5, output: 6, cacheAccounting: 'included' } },
  },
  {
    name: 'no usage anywhere',
    span: { name: 'llm', attributes: { ...type('LLM'), 'mlflow.spanOutputs': '"plain text"' } },
    reads: { role: 'model' },
  },
  {
    name: 'an agent is its span’s name',
    span: { name: 'support agent', attributes: type('AGENT') },
    reads: { role: 'agent', agentName: 'support agent' },
  },
  { name: 'a method is no agent', span: { name: 'Agent.run', attributes: type('AGENT') }, reads: { role: 'agent' } },
  {
    name: 'a tool is its span’s name',
    span: {
      name: 'search',
      status: 'error',
      attributes: { ...type('TOOL'), 'mlflow.spanInputs': '{"q":1}', 'mlflow.spanOutputs': '[]' },
      events: [{ name: 'exception', attributes: { 'exception.type': 'TimeoutError' } }],
    },
    reads: { role: 'tool', toolName: 'search', argumentsHash: HASH, resultEmpty: true, errorType: 'TimeoutError' },
  },
  {
    name: 'a retriever',
    span: { name: 'vector search', attributes: { ...type('RETRIEVER'), 'mlflow.spanOutputs': '[{"page_content":"x"}]' } },
    has: { role: 'retrieval', resultEmpty: false },
    lacks: ['toolName'],
  },
  { name: 'the outermost chain is a run', span: { name: 'LangGraph', root: true, attributes: type('CHAIN') }, reads: { role: 'workflow' } },
  { name: 'a chain inside is a step', span: { name: 'RunnableSequence', attributes: type('CHAIN') }, reads: { role: 'step' } },
  { name: 'a span without a type only shapes the tree', span: { name: 'x', attributes: id }, reads: { role: 'other' } },
])
