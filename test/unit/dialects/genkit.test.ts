import { genkit } from '../../../processor/dialects/genkit.ts'
import { dialectTable, HASH } from './table.ts'

const scope = 'genkit-tracer'
const action = (subtype: string, name: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  'genkit:type': 'action',
  'genkit:metadata:subtype': subtype,
  'genkit:name': name,
  'genkit:state': 'success',
  ...more,
})

dialectTable(genkit, [
  {
    name: 'a model action: counts in its output, cached and reasoning tokens in the provider’s answer',
    span: {
      name: 'openai/gpt-4o-mini',
      scope,
      attributes: action('model', 'openai/gpt-4o-mini', {
        'genkit:input':
          '{"messages":[{"role":"system","content":[{"text":"be brief"}]},{"role":"user","content":[{"text":"weather?"}]}],"tools":[{"name":"get_weather"}]}',
        'genkit:output':
          '{"finishReason":"stop","message":{"role":"model","content":[{"toolRequest":{"name":"get_weather","ref":"call_17","input":{}}}]},"usage":{"inputTokens":100,"outputTokens":20,"totalTokens":120},"raw":{"id":"chatcmpl-17","model":"gpt-4o-mini-2026-08-01","choices":[{"message":{"content":null},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120,"prompt_tokens_details":{"cached_tokens":40},"completion_tokens_details":{"reasoning_tokens":8}}}}',
      }),
    },
    reads: {
      role: 'model',
      provider: 'openai',
      requestModel: 'gpt-4o-mini',
      responseModel: 'gpt-4o-mini-2026-08-01',
      responseId: 'chatcmpl-17',
      usage: { input: 100, output: 20, cacheRead: 40, reasoning: 8, total: 120, cacheAccounting: 'included' },
      finish: 'tool_call',
      outputEmpty: false,
      outputText: '',
      inputText: 'weather?',
      instructionsHash: HASH,
      toolsHash: HASH,
    },
  },
  {
    name: 'Gemini counts thoughts apart',
    span: {
      name: 'googleai/gemini-3-flash',
      scope,
      attributes: action('model', 'googleai/gemini-3-flash', {
        'genkit:output':
          '{"finishReason":"length","message":{"role":"model","content":[{"text":"Hi."}]},"usage":{"inputTokens":100,"outputTokens":12,"thoughtsTokens":8,"cachedContentTokens":40,"totalTokens":120}}',
      }),
    },
    has: {
      provider: 'gcp.gemini',
      requestModel: 'gemini-3-flash',
      finish: 'length',
      outputText: 'Hi.',
      usage: { input: 100, output: 12, cacheRead: 40, reasoning: 8, total: 120, cacheAccounting: 'included', reasoningOutsideOutput: true },
    },
  },
  {
    name: 'so it does where no total says so',
    span: {
      name: 'vertexai/gemini-3-flash',
      scope,
      attributes: action('model', 'vertexai/gemini-3-flash', { 'genkit:output': '{"usage":{"inputTokens":100,"outputTokens":12}}' }),
    },
    has: { provider: 'gcp.vertex_ai', usage: { input: 100, output: 12, cacheAccounting: 'included', reasoningOutsideOutput: true } },
  },
  {
    name: 'Anthropic excludes the cache',
    span: {
      name: 'anthropic/claude',
      scope,
      attributes: action('model', 'anthropic/claude-sonnet-5', {
        'genkit:output': '{"finishReason":"blocked","usage":{"inputTokens":60,"outputTokens":20,"cachedContentTokens":30}}',
      }),
    },
    has: { provider: 'anthropic', finish: 'content_filter', usage: { input: 60, output: 20, cacheRead: 30, cacheAccounting: 'excluded' } },
    lacks: ['outputEmpty'],
  },
  {
    name: 'an answer without counts',
    span: { name: 'm', scope, attributes: action('model', 'ollama/gemma3', { 'genkit:output': '{"message":{"content":[]},"usage":{}}' }) },
    has: { provider: 'ollama', outputEmpty: true },
    lacks: ['usage', 'finish'],
  },
  {
    name: 'a flow is the run and names it',
    span: { name: 'weatherFlow', scope, root: true, attributes: action('flow', 'weatherFlow', { 'genkit:isRoot': true }) },
    reads: { role: 'workflow', agentName: 'weatherFlow' },
  },
  {
    name: 'a bare generate call is a run without a name',
    span: {
      name: 'generate',
      scope,
      attributes: { 'genkit:type': 'util', 'genkit:name': 'generate', 'genkit:isRoot': true, 'genkit:state': 'error' },
    },
    reads: { role: 'workflow', failed: true },
  },
  {
    name: 'an inner generate is a step',
    span: { name: 'generate', scope, attributes: { 'genkit:type': 'util', 'genkit:name': 'generate', 'genkit:state': 'success' } },
    reads: { role: 'step' },
  },
  {
    name: 'a failed tool',
    span: {
      name: 'boom',
      scope,
      attributes: action('tool', 'boom', { 'genkit:input': '{"city":"Paris"}', 'genkit:state': 'error' }),
      events: [{ name: 'exception', attributes: { 'exception.type': 'Error' } }],
    },
    reads: { role: 'tool', toolName: 'boom', argumentsHash: HASH, failed: true, errorType: 'Error' },
  },
  {
    name: 'a tool that found nothing',
    span: { name: 'find', scope, attributes: action('tool.v2', 'find', { 'genkit:output': '""' }) },
    reads: { role: 'tool', toolName: 'find', resultEmpty: true },
  },
  {
    name: 'a retriever',
    span: { name: 'docs', scope, attributes: action('retriever', 'docs', { 'genkit:output': '{"documents":[]}' }) },
    has: { role: 'retrieval', resultEmpty: true },
  },
  {
    name: 'an embedder',
    span: { name: 'e', scope, attributes: action('embedder', 'googleai/text-embedding-005') },
    reads: { role: 'embedding', provider: 'gcp.gemini', requestModel: 'text-embedding-005' },
  },
  { name: 'an evaluator', span: { name: 'ev', scope, attributes: action('evaluator', 'x') }, reads: { role: 'evaluator' } },
])
