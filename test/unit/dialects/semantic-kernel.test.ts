import { expect, test } from 'vitest'
import { semanticKernel } from '../../../processor/dialects/semantic-kernel.ts'
import { dialectTable } from './table.ts'
import { span } from './view.ts'

const scope = 'Microsoft.SemanticKernel.Diagnostics'
const CHAT = { 'gen_ai.operation.name': 'chat.completions', 'gen_ai.system': 'openai', 'gen_ai.request.model': 'gpt-4o' }

dialectTable(semanticKernel, [
  {
    name: '.NET: own token names, finish reason in brackets',
    span: {
      name: 'chat.completions gpt-4o',
      scope,
      attributes: {
        ...CHAT,
        'gen_ai.response.prompt_tokens': 111,
        'gen_ai.response.completion_tokens': 5,
        'gen_ai.response.finish_reason': '[ToolCalls]',
        'gen_ai.response.id': 'chatcmpl-1',
      },
    },
    reads: {
      role: 'model',
      provider: 'openai',
      requestModel: 'gpt-4o',
      responseId: 'chatcmpl-1',
      usage: { input: 111, output: 5, cacheAccounting: 'included' },
      finish: 'tool_call',
    },
  },
  {
    name: '-1 is unknown, not a number of tokens',
    span: {
      name: 'chat.completions gpt-4o',
      scope,
      attributes: { ...CHAT, 'gen_ai.response.prompt_tokens': -1, 'gen_ai.response.completion_tokens': -1 },
    },
    lacks: ['usage', 'finish'],
  },
  {
    name: 'one of the two known',
    span: {
      name: 'chat.completions gpt-4o',
      scope,
      attributes: { ...CHAT, 'gen_ai.response.prompt_tokens': 7, 'gen_ai.response.completion_tokens': -1 },
    },
    has: { usage: { input: 7, cacheAccounting: 'included' } },
  },
  {
    name: 'Python: standard names',
    span: {
      name: 'chat gpt-4o',
      scope: 'semantic_kernel.utils.telemetry.model_diagnostics.decorators',
      attributes: {
        ...CHAT,
        'gen_ai.operation.name': 'chat',
        'gen_ai.usage.input_tokens': 3,
        'gen_ai.usage.output_tokens': 4,
        'gen_ai.response.finish_reason': 'length',
      },
    },
    has: { role: 'model', usage: { input: 3, output: 4, cacheAccounting: 'included' }, finish: 'length' },
  },
  {
    name: 'the function-calling loop is a step',
    span: { name: 'AutoFunctionInvocationLoop', scope, attributes: { 'gen_ai.operation.name': 'auto_function_invocation_loop' } },
    has: { role: 'step' },
  },
])

test('[Stop] and several choices', () => {
  const seen = (finish: string): unknown =>
    semanticKernel.read(span(semanticKernel, { scope, attributes: { ...CHAT, 'gen_ai.response.finish_reason': finish } }))?.finish
  expect(seen('[Stop]')).toBe('stop')
  expect(seen('[Stop, Length]')).toBe('length')
})
