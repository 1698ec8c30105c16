import { describe, expect, test } from 'vitest'
import {
  accountingOf,
  agentNameOf,
  emptyAnswer,
  errorTypeOf,
  knownProvider,
  providerAnswer,
  providerUsage,
  splitModel,
  weigh,
} from '../../../processor/dialects/vendor.ts'

describe('agent names', () => {
  const names = ['Weather Agent', 'support-agent', 'gpt-researcher', 'agent', 'TravelAgent', 'claude-code', 'Agent007', 'deadbeef']
  for (const name of names) test(`${name} is a name`, () => expect(agentNameOf(name)).toBe(name))
  const others = [
    '99981f6a-abd1-4d09-9fba-00e2ab172193',
    'invoke_agent 99981f6a-abd1-4d09-9fba-00e2ab172193',
    '99981f6aabd14d099fba00e2ab172193',
    'asst_9guMCbt68iSVgtsx6WdKMA18',
    'us.anthropic.claude-sonnet-4-20250514-v1:0',
    'gpt-4o',
    'claude-sonnet-5',
    'unknown',
    ' ',
    undefined,
  ]
  for (const name of others) test(`${name ?? 'nothing'} is none`, () => expect(agentNameOf(name)).toBeUndefined())
  test('nor is the model the agent asks', () => expect(agentNameOf('my-model', 'my-model')).toBeUndefined())
})

describe('error types are of low cardinality', () => {
  const cases: readonly (readonly [string | undefined, string | undefined])[] = [
    ['rate_limit_error', 'rate_limit_error'],
    ['openai.RateLimitError', 'openai.RateLimitError'],
    ['TimeoutError: took 31.2 s', 'TimeoutError'],
    ['429', '429'],
    ['exit code 1: /home/someone/file', '_OTHER'],
    ['x'.repeat(200), '_OTHER'],
    ['unknown', undefined],
    [undefined, undefined],
  ]
  for (const [raw, type] of cases) test(String(raw).slice(0, 40), () => expect(errorTypeOf(raw)).toBe(type))
})

describe('providers and models', () => {
  test('only known providers', () => {
    expect(knownProvider('OpenAI')).toBe('openai')
    expect(knownProvider('bedrock')).toBe('aws.bedrock')
    expect(knownProvider('my-service')).toBeUndefined()
    expect(knownProvider('strands-agents')).toBeUndefined()
  })
  test('a prefix is taken off only when it is a provider', () => {
    expect(splitModel('anthropic/claude-sonnet-5')).toEqual({ provider: 'anthropic', model: 'claude-sonnet-5' })
    expect(splitModel('projects/p/models/gemini-3')).toEqual({ model: 'projects/p/models/gemini-3' })
    expect(splitModel('unknown')).toEqual({})
  })
  test('cache arithmetic by model', () => {
    expect(accountingOf('us.anthropic.claude-sonnet-4')).toBe('excluded')
    expect(accountingOf('gpt-5-mini')).toBe('included')
    expect(accountingOf('gemma')).toBe('unknown')
    expect(accountingOf(undefined)).toBe('unknown')
  })
})

describe('answers of providers', () => {
  test('Anthropic usage with a one-hour cache', () =>
    expect(
      providerUsage({
        input_tokens: 60,
        output_tokens: 20,
        cache_read_input_tokens: 30,
        cache_creation_input_tokens: 10,
        cache_creation: { ephemeral_1h_input_tokens: 4 },
      }),
    ).toEqual({
      input: 60,
      output: 20,
      cacheRead: 30,
      cacheWrite: 10,
      cacheWrite1h: 4,
      cacheAccounting: 'excluded',
    }))
  test('negative, fractional and missing counts are unknown', () => {
    expect(providerUsage({ input_tokens: -1, output_tokens: 1.5 })).toBeUndefined()
    expect(providerUsage({ prompt_tokens: '7' })).toEqual({ input: 7, cacheAccounting: 'included' })
    expect(providerUsage([])).toBeUndefined()
  })
  test('a Gemini answer of thoughts alone is empty', () =>
    expect(providerAnswer({ candidates: [{ content: { parts: [{ text: 'hm', thought: true }] }, finishReason: 'SAFETY' }] })).toEqual({
      finish: 'content_filter',
      outputEmpty: true,
      outputText: '',
    }))
  test('text is cut at 4096 characters', () =>
    expect(providerAnswer({ message: { content: 'x'.repeat(9000) } }).outputText).toHaveLength(4096))
  test('no answer says nothing', () => expect(providerAnswer({})).toEqual({}))
  test('images and other parts are an answer', () =>
    expect(weigh([{ type: 'image', source: {} }])).toEqual({ text: '', tool: false, other: true }))
})

describe('empty answers of tools', () => {
  for (const value of ['', '[]', '{}', null, [], [{ text: '' }], [{ text: '[]' }], { result: [] }])
    test(JSON.stringify(value), () => expect(emptyAnswer(value)).toBe(true))
  for (const value of ['0', 0, false, [{ text: 'x' }], { a: 1 }, [{ image: {} }]])
    test(`not ${JSON.stringify(value)}`, () => expect(emptyAnswer(value)).toBe(false))
  test('no answer is unknown', () => expect(emptyAnswer(undefined)).toBeUndefined())
})
