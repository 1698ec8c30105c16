import { langfuse } from '../../../processor/dialects/langfuse.ts'
import { dialectTable, HASH } from './table.ts'

const scope = 'langfuse-sdk'
const type = (t: string, more: object = {}): Record<string, unknown> => ({ 'langfuse.observation.type': t, ...more })
dialectTable(langfuse, [
  {
    name: 'a generation whose keys add up: cached tokens are apart',
    span: {
      scope,
      attributes: type('generation', {
        'langfuse.observation.model.name': 'gpt-4o',
        'langfuse.observation.usage_details': '{"input":60,"output":20,"cache_read_input_tokens":40,"total":120}',
        'langfuse.observation.cost_details': '{"total":0.01}',
        'langfuse.observation.prompt.name': 'p',
        'langfuse.observation.prompt.version': 7,
      }),
    },
    reads: {
      role: 'model',
      responseModel: 'gpt-4o',
      usage: { input: 60, output: 20, total: 120, cacheRead: 40, cacheAccounting: 'excluded', reasoningOutsideOutput: true },
      givenCostUsd: 0.01,
      promptName: 'p',
      promptVersion: '7',
    },
  },
  {
    name: 'a total that is input and output proves them inside',
    span: {
      scope,
      attributes: type('generation', {
        'langfuse.observation.usage_details': '{"input":100,"output":20,"input_cached_tokens":40,"total":120}',
      }),
    },
    has: { usage: { input: 100, output: 20, total: 120, cacheRead: 40, cacheAccounting: 'included' } },
  },
  {
    name: 'an error by level',
    span: { scope, attributes: type('generation', { 'langfuse.observation.level': 'ERROR' }) },
    reads: { role: 'model', failed: true },
  },
  {
    name: 'an agent by its span name, with its release',
    span: { name: 'support', scope, attributes: type('agent', { 'langfuse.release': '1.2' }) },
    reads: { role: 'agent', agentName: 'support', agentVersion: '1.2' },
  },
  {
    name: 'a root span is the run',
    span: { name: 'LangGraph', scope, root: true, attributes: type('span', { 'langfuse.trace.name': 'research' }) },
    reads: { role: 'workflow', agentName: 'research' },
  },
  {
    name: 'so is one that says so',
    span: { scope, attributes: type('span', { 'langfuse.internal.as_root': true }) },
    reads: { role: 'workflow' },
  },
  { name: 'a span below is a step', span: { scope, attributes: type('span') }, reads: { role: 'step' } },
  {
    name: 'a span that answers a tool call is one',
    span: {
      name: 'Web-Search',
      scope,
      attributes: type('span', {
        'langfuse.observation.input': '{"q":1}',
        'langfuse.observation.output': '{"content":"x","tool_call_id":"c1"}',
      }),
    },
    reads: { role: 'tool', toolName: 'Web-Search', argumentsHash: HASH, resultEmpty: false },
  },
  {
    name: 'a tool',
    span: { name: 'search', scope, attributes: type('tool', { 'langfuse.observation.output': '[]' }) },
    reads: { role: 'tool', toolName: 'search', resultEmpty: true },
  },
])
