/**
 * Hand-computed bills: dollars per million tokens from each provider's list price as the price table (genai-prices 0.1.8) states it for
 * the day, times the tokens of each class. A changed table shows here as a changed bill, to be looked at and not blessed.
 */
import { describe, expect, test } from 'vitest'
import type { Usage } from '../../../model/run.ts'
import { createPrices } from '../../../processor/prices.ts'
import { priceOverrideSchema } from '../../../processor/prices-override.ts'
import { normaliseUsage } from '../../../processor/usage.ts'

const DAY = Date.parse('2026-10-01T12:00:00Z')
const prices = createPrices({})
const M = 1e-6
type Bill = readonly [what: string, provider: string, model: string, usage: Usage, usd: number, atMs?: number]

const bills: readonly Bill[] = [
  // OpenAI: gpt-5-mini 0.25 in, 0.025 cached, 2 out
  ['OpenAI, plain', 'openai', 'gpt-5-mini', { input: 1000, output: 200 }, 1000 * 0.25 * M + 200 * 2 * M],
  [
    'OpenAI, cached and reasoning',
    'openai',
    'gpt-5-mini',
    { input: 60, cache_read: 40, output: 12, reasoning: 8 },
    60 * 0.25 * M + 40 * 0.025 * M + 20 * 2 * M,
  ],
  [
    'OpenAI, a snapshot the table does not have yet',
    'openai',
    'gpt-5-mini-2026-08-01',
    { input: 1000, output: 200 },
    1000 * 0.25 * M + 200 * 2 * M,
  ],
  [
    'OpenAI, a dated snapshot',
    'openai',
    'gpt-4o-2024-08-06',
    { input: 500, cache_read: 1500, output: 100 },
    500 * 2.5 * M + 1500 * 1.25 * M + 100 * 10 * M,
  ],
  ['OpenAI, embeddings', 'openai', 'text-embedding-3-small', { input: 12_345 }, 12_345 * 0.02 * M],
  [
    'OpenAI, o3 before its price fell',
    'openai',
    'o3',
    { input: 1000, output: 1000 },
    1000 * 10 * M + 1000 * 40 * M,
    Date.parse('2025-05-01'),
  ],
  ['OpenAI, o3 after', 'openai', 'o3', { input: 1000, output: 1000 }, 1000 * 2 * M + 1000 * 8 * M, Date.parse('2025-07-01')],
  [
    'OpenAI, a long context tier',
    'openai',
    'gpt-5.4',
    { input: 200_000, cache_read: 100_000, output: 1000 },
    200_000 * 5 * M + 100_000 * 0.5 * M + 1000 * 22.5 * M,
  ],
  ['OpenAI, provider unknown', '', 'gpt-4.1', { input: 1000, output: 10 }, 1000 * 2 * M + 10 * 8 * M],
  // Anthropic: claude-sonnet-4-5 3 in, 3.75 / 6 cache write (5 min / 1 h), 0.3 cache read, 15 out; over 200k 6, 7.5 / 12, 0.6, 22.5
  [
    'Anthropic, cache read and five-minute write',
    'anthropic',
    'claude-sonnet-4-5',
    { input: 60, cache_read: 30, cache_write: 10, output: 20 },
    60 * 3 * M + 30 * 0.3 * M + 10 * 3.75 * M + 20 * 15 * M,
  ],
  [
    'Anthropic, one-hour write',
    'anthropic',
    'claude-sonnet-4-5',
    { input: 100, cache_write: 5000, cache_write_1h: 4000, output: 50 },
    100 * 3 * M + 1000 * 3.75 * M + 4000 * 6 * M + 50 * 15 * M,
  ],
  [
    'Anthropic, over 200k tokens',
    'anthropic',
    'claude-sonnet-4-5-20250929',
    { input: 50_000, cache_read: 160_000, output: 1000 },
    50_000 * 6 * M + 160_000 * 0.6 * M + 1000 * 22.5 * M,
  ],
  ['Anthropic, exactly 200k tokens', 'anthropic', 'claude-sonnet-4-5', { input: 200_000, output: 1000 }, 200_000 * 3 * M + 1000 * 15 * M],
  [
    'Anthropic, opus',
    'anthropic',
    'claude-opus-4-6',
    { input: 5500, cache_read: 20_000, output: 158 },
    5500 * 5 * M + 20_000 * 0.5 * M + 158 * 25 * M,
  ],
  // Bedrock, regional: claude-sonnet-4-5 3.3 in, 4.125 write, 0.33 read, 16.5 out
  [
    'Bedrock, an inference profile',
    'aws.bedrock',
    'us.anthropic.claude-sonnet-4-5-20250929-v1:0',
    { input: 1000, cache_read: 500, output: 100 },
    1000 * 3.3 * M + 500 * 0.33 * M + 100 * 16.5 * M,
  ],
  [
    'Bedrock, a profile ARN',
    'aws.bedrock',
    'arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0',
    { input: 1000, output: 100 },
    1000 * 3.3 * M + 100 * 16.5 * M,
  ],
  [
    'Bedrock, through LiteLLM',
    '',
    'bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0',
    { input: 1000, output: 100 },
    1000 * 3.3 * M + 100 * 16.5 * M,
  ],
  [
    'Bedrock, Nova',
    'aws.bedrock',
    'amazon.nova-pro-v1:0',
    { input: 700, cache_read: 300, output: 90 },
    700 * 0.8 * M + 300 * 0.2 * M + 90 * 3.2 * M,
  ],
  // Azure OpenAI: gpt-4o 2.5 in, 1.25 cached, 10 out
  [
    'Azure',
    'azure.ai.openai',
    'gpt-4o-2024-08-06',
    { input: 900, cache_read: 100, output: 50 },
    900 * 2.5 * M + 100 * 1.25 * M + 50 * 10 * M,
  ],
  // Google: gemini-2.5-pro 1.25 in, 0.125 cached, 10 out; over 200k 2.5, 0.25, 15. Thoughts are billed as output.
  [
    'Gemini, thoughts',
    'gcp.gemini',
    'gemini-2.5-pro',
    { input: 1000, cache_read: 200, output: 100, reasoning: 400 },
    1000 * 1.25 * M + 200 * 0.125 * M + 500 * 10 * M,
  ],
  ['Gemini, over 200k tokens', 'gcp.gemini', 'models/gemini-2.5-pro', { input: 250_000, output: 1000 }, 250_000 * 2.5 * M + 1000 * 15 * M],
  [
    'Vertex, a resource path',
    'gcp.vertex_ai',
    'publishers/google/models/gemini-2.5-flash',
    { input: 1000, output: 100 },
    1000 * 0.3 * M + 100 * 2.5 * M,
  ],
  [
    'Vertex, Claude with an @ date',
    'gcp.vertex_ai',
    'claude-sonnet-4-5@20250929',
    { input: 1000, output: 100 },
    1000 * 3 * M + 100 * 15 * M,
  ],
  // Mistral has no cache rate: cached tokens are billed as input.
  ['Mistral', 'mistral_ai', 'mistral-large-latest', { input: 900, cache_read: 100, output: 50 }, 1000 * 2 * M + 50 * 6 * M],
  // DeepSeek halves its prices from 16:30 to 00:30 UTC.
  [
    'DeepSeek, by day',
    'deepseek',
    'deepseek-chat',
    { input: 100, cache_read: 900, output: 100 },
    100 * 0.27 * M + 900 * 0.07 * M + 100 * 1.1 * M,
  ],
  [
    'DeepSeek, off-peak',
    'deepseek',
    'deepseek-chat',
    { input: 100, cache_read: 900, output: 100 },
    100 * 0.135 * M + 900 * 0.035 * M + 100 * 0.55 * M,
    Date.parse('2026-10-01T20:00:00Z'),
  ],
  ['xAI', 'x_ai', 'grok-4', { input: 1000, cache_read: 1000, output: 10, reasoning: 90 }, 1000 * 3 * M + 1000 * 0.75 * M + 100 * 15 * M],
  ['Groq', 'groq', 'llama-3.3-70b-versatile', { input: 1000, output: 100 }, 1000 * 0.59 * M + 100 * 0.79 * M],
  ['Cohere', 'cohere', 'command-r-plus', { input: 1000, output: 100 }, 1000 * 2.5 * M + 100 * 10 * M],
]

describe('bills', () => {
  for (const [what, provider, model, usage, usd, atMs] of bills) {
    test(what, () => {
      const cost = prices.price({ provider, model, usage, atMs: atMs ?? DAY })
      expect(cost).toEqual({ known: true, usd: expect.closeTo(usd, 12) as number })
    })
  }
  test('at least 20 calls of at least 6 providers', () => {
    expect(bills.length).toBeGreaterThanOrEqual(20)
    expect(new Set(bills.map((b) => b[1])).size).toBeGreaterThanOrEqual(6)
  })
  test("from an emitter's numbers to the bill: 100 in of which 40 cached, 20 out of which 8 reasoning", () => {
    const { usage } = normaliseUsage({ input: 100, cacheRead: 40, output: 20, reasoning: 8, cacheAccounting: 'included' })
    expect(prices.price({ provider: 'openai', model: 'gpt-5-mini', usage, atMs: DAY })).toEqual({
      known: true,
      usd: expect.closeTo((60 * 0.25 + 40 * 0.025 + 20 * 2) * M, 12) as number,
    })
  })
})

describe('unknown is not zero', () => {
  const of = (provider: string, model: string, usage: Usage, serviceTier?: 'batch'): unknown =>
    prices.price({ provider, model, usage, atMs: DAY, ...(serviceTier === undefined ? {} : { serviceTier }) })
  const some = { input: 10, output: 1 }
  const cases: readonly (readonly [string, unknown, string])[] = [
    ['a model nobody knows', of('openai', 'gpt-99-ultra', some), 'no_price'],
    ['a local model, whatever its name', of('ollama', 'gpt-4o', some), 'no_price'],
    ['a fine-tune', of('openai', 'ft:gpt-4.1-mini-2025-04-14:org::id', some), 'no_price'],
    ['no model', of('openai', '', some), 'no_model'],
    ['no tokens', of('openai', 'gpt-4o', {}), 'no_tokens'],
    ['a batch call', of('openai', 'gpt-4o', some, 'batch'), 'tier_unpriced'],
    [
      'a one-hour cache where the table has no rate for it',
      of('aws.bedrock', 'us.anthropic.claude-sonnet-4-5-20250929-v1:0', { input: 1, cache_write: 10, cache_write_1h: 10 }),
      'class_unpriced',
    ],
  ]
  for (const [name, cost, reason] of cases) test(name, () => expect(cost).toEqual({ known: false, reason }))
  test('a known model keeps its price beside an unknown one', () =>
    expect(prices.price({ provider: 'openai', model: 'nobody', requestModel: 'gpt-4o', usage: some, atMs: DAY })).toMatchObject({
      known: true,
    }))
})

describe('the override file', () => {
  const override = priceOverrideSchema.parse({
    aliases: { 'my-deployment': 'gpt-4.1-mini' },
    models: [
      { match: 'llama3*', provider: 'ollama', input_per_million: 0, output_per_million: 0 },
      { match: 'gpt-4o', input_per_million: 1, output_per_million: 2 },
      { match: 'gpt-4o', from: '2026-09-01', input_per_million: 3, output_per_million: 4, cache_read_per_million: 0.5 },
      { match: 'ft:gpt-4.1-mini-*', input_per_million: 0.8, output_per_million: 3.2 },
    ],
  })
  const own = createPrices({ override })
  const usd = (provider: string, model: string, usage: Usage, atMs = DAY): unknown => own.price({ provider, model, usage, atMs })
  test('a free model costs nothing, and that is known', () =>
    expect(usd('ollama', 'llama3:8b', { input: 1e6, output: 1e6 })).toEqual({ known: true, usd: 0 }))
  test('it says so for that provider only', () => expect(usd('openai', 'llama3:8b', { input: 1 })).toMatchObject({ known: false }))
  test('an alias is priced as what it stands for', () =>
    expect(usd('azure.ai.openai', 'my-deployment', { input: 1e6 })).toEqual({ known: true, usd: expect.closeTo(0.4, 9) as number }))
  test('the latest row that has begun wins, and over the table', () => {
    expect(usd('openai', 'gpt-4o', { input: 1e6 }, Date.parse('2026-08-31'))).toEqual({ known: true, usd: 1 })
    expect(usd('openai', 'gpt-4o', { input: 1e6, cache_read: 1e6 })).toEqual({ known: true, usd: 3.5 })
  })
  test('a fine-tune gets a price by pattern', () =>
    expect(usd('openai', 'ft:gpt-4.1-mini-2025-04-14:org::id', { output: 1e6 })).toEqual({ known: true, usd: 3.2 }))
})
