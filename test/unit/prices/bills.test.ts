/**
 * Bills computed by hand from the makers' list prices (US dollars per million tokens), not from the table under test.
 * Each line is tokens × price; the sum is in millionths of a dollar and `usd` is that sum written out.
 * Price pages: openai.com/api/pricing, claude.com/pricing#api, aws.amazon.com/bedrock/pricing, ai.google.dev/gemini-api/docs/pricing,
 * mistral.ai/pricing, api-docs.deepseek.com/quick_start/pricing, docs.x.ai/docs/models, groq.com/pricing, cohere.com/pricing.
 */
import { expect, test } from 'vitest'
import { createPrices, type PricedSpend } from '../../../processor/prices.ts'

interface Bill {
  readonly name: string
  readonly spend: Omit<PricedSpend, 'atMs'> & { readonly at?: string }
  /** [tokens, dollars per million] */
  readonly lines: readonly (readonly [number, number])[]
  readonly usd: number
}

const bills: readonly Bill[] = [
  // OpenAI: cached input at a tenth from GPT-5 on, a quarter for 4.1 and o3, half for 4o; reasoning is output.
  {
    name: 'OpenAI gpt-5-mini, three quarters of the prompt cached, mostly reasoning',
    spend: { provider: 'openai', model: 'gpt-5-mini-2025-08-07', usage: { input: 500, cache_read: 1500, output: 260, reasoning: 640 } },
    lines: [
      [500, 0.25],
      [1500, 0.025],
      [260, 2],
      [640, 2],
    ],
    usd: 0.001_962_5,
  },
  {
    name: 'OpenAI gpt-4o with half-price cache',
    spend: { provider: 'openai', model: 'gpt-4o-2024-11-20', usage: { input: 1000, cache_read: 1024, output: 300 } },
    lines: [
      [1000, 2.5],
      [1024, 1.25],
      [300, 10],
    ],
    usd: 0.006_78,
  },
  {
    name: 'OpenAI gpt-4.1',
    spend: { provider: 'openai', model: 'gpt-4.1', usage: { input: 12_000, cache_read: 8000, output: 1500 } },
    lines: [
      [12_000, 2],
      [8000, 0.5],
      [1500, 8],
    ],
    usd: 0.04,
  },
  {
    name: 'OpenAI o4-mini: reasoning at the output price',
    spend: { provider: 'openai', model: 'o4-mini', usage: { input: 3000, output: 200, reasoning: 5000 } },
    lines: [
      [3000, 1.1],
      [200, 4.4],
      [5000, 4.4],
    ],
    usd: 0.026_18,
  },
  {
    name: 'OpenAI text-embedding-3-small: input only',
    spend: { provider: 'openai', model: 'text-embedding-3-small', usage: { input: 50_000 } },
    lines: [[50_000, 0.02]],
    usd: 0.001,
  },
  // Anthropic: writes cost 1.25 times the input for five minutes, twice for one hour; reads a tenth.
  {
    name: 'Anthropic claude-sonnet-4-5, cache read and five-minute write',
    spend: {
      provider: 'anthropic',
      model: 'claude-sonnet-4-5-20250929',
      usage: { input: 21, cache_read: 18_086, cache_write: 2051, output: 393 },
    },
    lines: [
      [21, 3],
      [18_086, 0.3],
      [2051, 3.75],
      [393, 15],
    ],
    usd: 0.019_075_05,
  },
  {
    name: 'Anthropic claude-sonnet-4-5, writes of both lives',
    spend: {
      provider: 'anthropic',
      model: 'claude-sonnet-4-5',
      usage: { input: 100, cache_write: 5000, cache_write_1h: 2000, output: 50 },
    },
    lines: [
      [100, 3],
      [3000, 3.75],
      [2000, 6],
      [50, 15],
    ],
    usd: 0.0243,
  },
  {
    name: 'Anthropic claude-haiku-4-5, one-hour write only',
    spend: { provider: 'anthropic', model: 'claude-haiku-4-5', usage: { input: 10, cache_write: 4000, cache_write_1h: 4000, output: 100 } },
    lines: [
      [10, 1],
      [4000, 2],
      [100, 5],
    ],
    usd: 0.008_51,
  },
  {
    name: 'Anthropic claude-opus-4-1',
    spend: { provider: 'anthropic', model: 'claude-opus-4-1-20250805', usage: { input: 2000, cache_read: 10_000, output: 800 } },
    lines: [
      [2000, 15],
      [10_000, 1.5],
      [800, 75],
    ],
    usd: 0.105,
  },
  {
    name: 'Anthropic claude-sonnet-4-5 beyond 200k tokens of input, cached ones counted: every class at the upper tier',
    spend: {
      provider: 'anthropic',
      model: 'claude-sonnet-4-5',
      usage: { input: 50_000, cache_read: 150_000, cache_write: 1000, output: 1000 },
    },
    lines: [
      [50_000, 6],
      [150_000, 0.6],
      [1000, 7.5],
      [1000, 22.5],
    ],
    usd: 0.42,
  },
  {
    name: 'Anthropic claude-sonnet-4-5 at exactly 200k: still the lower tier',
    spend: { provider: 'anthropic', model: 'claude-sonnet-4-5', usage: { input: 200_000, output: 1000 } },
    lines: [
      [200_000, 3],
      [1000, 15],
    ],
    usd: 0.615,
  },
  // Bedrock: regional inference profiles cost a tenth more than global ones for Claude 4.5 and later.
  {
    name: 'Bedrock, US profile of Claude Sonnet 4.5',
    spend: {
      provider: 'aws.bedrock',
      model: 'us.anthropic.claude-sonnet-4-5-20250929-v1:0',
      usage: { input: 1000, cache_read: 5000, cache_write: 2000, output: 500 },
    },
    lines: [
      [1000, 3.3],
      [5000, 0.33],
      [2000, 4.125],
      [500, 16.5],
    ],
    usd: 0.021_45,
  },
  {
    name: 'Bedrock, global profile of Claude Sonnet 4.5, as LiteLLM writes it',
    spend: {
      provider: 'litellm',
      model: 'bedrock/global.anthropic.claude-sonnet-4-5-20250929-v1:0',
      usage: { input: 1000, cache_read: 5000, cache_write: 2000, output: 500 },
    },
    lines: [
      [1000, 3],
      [5000, 0.3],
      [2000, 3.75],
      [500, 15],
    ],
    usd: 0.0195,
  },
  {
    name: 'Bedrock, Nova Pro by ARN',
    spend: {
      provider: 'aws.bedrock',
      model: 'arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0',
      usage: { input: 10_000, cache_read: 4000, output: 1000 },
    },
    lines: [
      [10_000, 0.8],
      [4000, 0.2],
      [1000, 3.2],
    ],
    usd: 0.012,
  },
  // Azure: OpenAI's list prices for global deployments.
  {
    name: 'Azure gpt-4o: the response names the model, the request the deployment',
    spend: {
      provider: 'azure.ai.openai',
      model: 'gpt-4o-2024-11-20',
      requestModel: 'prod-chat',
      usage: { input: 4000, cache_read: 2000, output: 600 },
    },
    lines: [
      [4000, 2.5],
      [2000, 1.25],
      [600, 10],
    ],
    usd: 0.0185,
  },
  {
    name: 'Azure o3-mini',
    spend: { provider: 'azure.ai.openai', model: 'o3-mini-2025-01-31', usage: { input: 2000, output: 100, reasoning: 900 } },
    lines: [
      [2000, 1.1],
      [100, 4.4],
      [900, 4.4],
    ],
    usd: 0.0066,
  },
  // Gemini: thoughts at the output price; 2.5 Pro has a second tier beyond 200k tokens of prompt.
  {
    name: 'Gemini 2.5 Pro under 200k',
    spend: {
      provider: 'gcp.gemini',
      model: 'gemini-2.5-pro',
      usage: { input: 100_000, cache_read: 50_000, output: 2000, reasoning: 3000 },
    },
    lines: [
      [100_000, 1.25],
      [50_000, 0.125],
      [2000, 10],
      [3000, 10],
    ],
    usd: 0.181_25,
  },
  {
    name: 'Gemini 2.5 Pro over 200k: everything at the upper tier',
    spend: {
      provider: 'gcp.vertex_ai',
      model: 'publishers/google/models/gemini-2.5-pro',
      usage: { input: 150_000, cache_read: 60_000, output: 2000, reasoning: 3000 },
    },
    lines: [
      [150_000, 2.5],
      [60_000, 0.25],
      [2000, 15],
      [3000, 15],
    ],
    usd: 0.465,
  },
  {
    name: 'Gemini 2.5 Flash',
    spend: {
      provider: 'gcp.gen_ai',
      model: 'models/gemini-2.5-flash',
      usage: { input: 8000, cache_read: 2000, output: 500, reasoning: 700 },
    },
    lines: [
      [8000, 0.3],
      [2000, 0.03],
      [500, 2.5],
      [700, 2.5],
    ],
    usd: 0.005_46,
  },
  {
    name: 'Vertex: Claude Haiku 4.5 by its Vertex id',
    spend: { provider: 'gcp.vertex_ai', model: 'claude-haiku-4-5@20251001', usage: { input: 5000, cache_read: 5000, output: 400 } },
    lines: [
      [5000, 1],
      [5000, 0.1],
      [400, 5],
    ],
    usd: 0.0075,
  },
  // The others.
  {
    name: 'Mistral Large 2411',
    spend: { provider: 'mistral_ai', model: 'mistral-large-2411', usage: { input: 3000, output: 1000 } },
    lines: [
      [3000, 2],
      [1000, 6],
    ],
    usd: 0.012,
  },
  {
    name: 'Codestral 2508 with cache at a tenth',
    spend: { provider: 'mistral_ai', model: 'codestral-2508', usage: { input: 10_000, cache_read: 20_000, output: 2000 } },
    lines: [
      [10_000, 0.3],
      [20_000, 0.03],
      [2000, 0.9],
    ],
    usd: 0.0054,
  },
  {
    name: 'DeepSeek V4 Flash off peak (12:00 UTC)',
    spend: { provider: 'deepseek', model: 'deepseek-v4-flash', usage: { input: 1000, cache_read: 9000, output: 2000 } },
    lines: [
      [1000, 0.22],
      [9000, 0.007],
      [2000, 0.66],
    ],
    usd: 0.001_603,
  },
  {
    name: 'DeepSeek V4 Flash at peak (02:00 UTC): twice as much',
    spend: {
      provider: 'deepseek',
      model: 'deepseek-v4-flash',
      at: '2026-10-01T02:00:00Z',
      usage: { input: 1000, cache_read: 9000, output: 2000 },
    },
    lines: [
      [1000, 0.44],
      [9000, 0.014],
      [2000, 1.32],
    ],
    usd: 0.003_206,
  },
  {
    name: 'xAI grok-3 with reasoning and cache',
    spend: { provider: 'x_ai', model: 'grok-3-mini', usage: { input: 2000, cache_read: 4000, output: 100, reasoning: 1900 } },
    lines: [
      [2000, 0.3],
      [4000, 0.075],
      [100, 0.5],
      [1900, 0.5],
    ],
    usd: 0.0019,
  },
  {
    name: 'Groq llama-3.3-70b-versatile',
    spend: { provider: 'groq', model: 'llama-3.3-70b-versatile', usage: { input: 10_000, output: 1000 } },
    lines: [
      [10_000, 0.59],
      [1000, 0.79],
    ],
    usd: 0.006_69,
  },
  {
    name: 'Groq openai/gpt-oss-120b: its own price, not OpenAI’s',
    spend: { provider: 'groq', model: 'openai/gpt-oss-120b', usage: { input: 10_000, output: 500, reasoning: 500 } },
    lines: [
      [10_000, 0.15],
      [500, 0.6],
      [500, 0.6],
    ],
    usd: 0.0021,
  },
  {
    name: 'Cohere Command A',
    spend: { provider: 'cohere', model: 'command-a-03-2025', usage: { input: 4000, output: 1000 } },
    lines: [
      [4000, 2.5],
      [1000, 10],
    ],
    usd: 0.02,
  },
  {
    name: 'OpenRouter passes the maker’s price on',
    spend: { provider: 'openrouter', model: 'anthropic/claude-sonnet-4.5', usage: { input: 1000, cache_read: 1000, output: 1000 } },
    lines: [
      [1000, 3],
      [1000, 0.3],
      [1000, 15],
    ],
    usd: 0.0183,
  },
  // A call is billed at the price of its day: OpenAI cut o3 by four fifths on 10 June 2025.
  {
    name: 'o3 on 9 June 2025',
    spend: { provider: 'openai', model: 'o3', at: '2025-06-09T23:59:59Z', usage: { input: 1000, output: 100, reasoning: 900 } },
    lines: [
      [1000, 10],
      [100, 40],
      [900, 40],
    ],
    usd: 0.05,
  },
  {
    name: 'o3 on 10 June 2025',
    spend: { provider: 'openai', model: 'o3', at: '2025-06-10T00:00:00Z', usage: { input: 1000, output: 100, reasoning: 900 } },
    lines: [
      [1000, 2],
      [100, 8],
      [900, 8],
    ],
    usd: 0.01,
  },
]

const prices = createPrices()
for (const { name, spend, lines, usd } of bills)
  test(name, () => {
    const millionths = lines.reduce((sum, [tokens, perMillion]) => sum + tokens * perMillion, 0)
    expect(millionths / 1e6, 'the bill itself').toBeCloseTo(usd, 12)
    const { at = '2026-10-01T12:00:00Z', ...call } = spend
    const cost = prices.price({ ...call, atMs: Date.parse(at) })
    expect(cost.known ? cost.usd : cost.reason).toBeCloseTo(usd, 12)
  })

test('the bills cover what they claim to', () => {
  expect(bills.length).toBeGreaterThanOrEqual(24)
  expect(new Set(bills.map((b) => b.spend.provider)).size).toBeGreaterThanOrEqual(8)
  expect(bills.filter((b) => (b.spend.usage.cache_read ?? 0) > 0).length).toBeGreaterThanOrEqual(10)
})
