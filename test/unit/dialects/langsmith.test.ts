import { langsmith } from '../../../processor/dialects/langsmith.ts'
import { dialectTable, HASH } from './table.ts'

const scope = 'langsmith'
dialectTable(langsmith, [
  {
    name: 'a call: cached tokens in JSON, finish reasons in one string',
    span: {
      scope,
      attributes: {
        'langsmith.span.kind': 'llm',
        'gen_ai.system': 'openai',
        'gen_ai.request.model': 'gpt-4o',
        'gen_ai.usage.input_tokens': 100,
        'gen_ai.usage.output_tokens': 20,
        'gen_ai.usage.total_tokens': 120,
        'gen_ai.usage.input_token_details': '{"cache_read":40}',
        'gen_ai.usage.output_token_details': '{"reasoning":8}',
        'gen_ai.response.finish_reasons': 'stop,length',
      },
    },
    reads: {
      role: 'model',
      provider: 'openai',
      requestModel: 'gpt-4o',
      finish: 'length',
      usage: { input: 100, output: 20, total: 120, cacheRead: 40, reasoning: 8, cacheAccounting: 'included' },
    },
  },
  {
    name: 'a prompt is no call, whatever its operation says',
    span: { scope, attributes: { 'langsmith.span.kind': 'prompt', 'gen_ai.operation.name': 'chat' } },
    reads: { role: 'step' },
  },
  {
    name: 'a retriever is no embedding',
    span: {
      name: 'kb',
      scope,
      attributes: { 'langsmith.span.kind': 'retriever', 'gen_ai.operation.name': 'embeddings', 'gen_ai.completion': '[]' },
    },
    reads: { role: 'retrieval', toolName: 'kb', resultEmpty: true },
  },
  {
    name: 'the root is the run, named after the trace',
    span: { scope, root: true, attributes: { 'langsmith.span.kind': 'chain', 'langsmith.trace.name': 'support' } },
    reads: { role: 'workflow', agentName: 'support' },
  },
  {
    name: 'a chain below it is a step',
    span: { scope, attributes: { 'langsmith.span.kind': 'chain', 'langsmith.trace.name': 'support' } },
    reads: { role: 'step' },
  },
  {
    name: 'a tool',
    span: {
      name: 'search',
      scope,
      attributes: { 'langsmith.span.kind': 'tool', 'gen_ai.prompt': '{"q":1}', 'gen_ai.completion': '{"r":2}' },
    },
    reads: { role: 'tool', toolName: 'search', argumentsHash: HASH, resultEmpty: false },
  },
])
