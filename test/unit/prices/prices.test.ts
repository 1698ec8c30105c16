/** What is priced, what is not and why; overrides; and the arithmetic held against the price table's own library. */
import { readFileSync } from 'node:fs'
import { calcPrice } from '@pydantic/genai-prices'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createPrices, PRICE_TABLE, type PricedSpend } from '../../../processor/prices.ts'
import { type PriceOverride, priceOverrideSchema } from '../../../processor/prices-override.ts'

const NOON = Date.parse('2026-10-01T12:00:00Z')
const prices = createPrices()
type Call = Partial<PricedSpend> & { readonly override?: PriceOverride }

/** Dollars, or the reason why not. */
function cost({ override, ...call }: Call): number | string {
  const list = override === undefined ? prices : createPrices({ override: priceOverrideSchema.parse(override) })
  const c = list.price({ provider: 'openai', model: 'gpt-5-mini', atMs: NOON, usage: { input: 1e6, output: 0 }, ...call })
  return c.known ? c.usd : c.reason
}

describe('a million input tokens cost the input price', () => {
  const names: readonly (readonly [provider: string, model: string, result: number | string])[] = [
    ['openai', 'gpt-5-mini-2026-08-01', 0.25],
    ['openai', 'GPT-5-mini', 0.25],
    ['openai', 'openai:gpt-5-mini', 0.25],
    ['', 'gpt-5-mini', 0.25],
    ['litellm', 'azure/gpt-5-mini', 0.25],
    ['openai', 'deepseek-chat', 0.27],
    ['openai', 'gemini-2.5-flash', 0.3],
    ['openai', 'anthropic/claude-haiku-4-5', 1],
    ['azure.ai.openai', 'gpt-5-mini-2026-08-01', 0.25],
    ['aws.bedrock', 'arn:aws:bedrock:eu-west-1:1:inference-profile/eu.anthropic.claude-haiku-4-5-20251001-v1:0', 1.1],
    ['aws.bedrock', 'global.anthropic.claude-haiku-4-5-20251001-v1:0', 1],
    ['', 'bedrock/eu-west-1/anthropic.claude-haiku-4-5-20251001-v1:0', 1.1],
    ['gcp.vertex_ai', 'projects/p/locations/global/publishers/anthropic/models/claude-haiku-4-5@20251001', 1],
    ['gcp.gemini', 'models/gemini-2.0-flash-001', 0.1],
    ['openai', 'ft:gpt-4o-mini-2024-07-18:acme::abc', 0.3],
    ['openrouter', 'deepseek/deepseek-r1:free', 0],
    // No table, no maker, no guess.
    ['openai', 'ft:gpt-5-mini-2025-08-07:acme::abc', 'no_price'],
    ['openai', 'gpt-oss-120b', 'no_price'],
    ['', 'llama-3.3-70b-versatile', 'no_price'],
    ['', 'deepseek-r1', 'no_price'],
    ['ollama', 'gpt-5-mini', 'no_price'],
    ['together_ai', 'openai/gpt-5-mini', 'no_price'],
    ['anthropic', 'claude-sonnet-5-9', 'no_price'],
    ['gcp.gemini', 'gemma-3-27b-it', 'no_price'],
    ['openai', 'constructor', 'no_price'],
    ['constructor', '__proto__', 'no_price'],
    ['constructor', 'constructor/toString', 'no_price'],
    ['openai', 'x'.repeat(100_000), 'no_price'],
  ]
  for (const [provider, model, result] of names)
    test(`${provider || 'no provider'}: ${model.slice(0, 90)} → ${result}`, () => {
      expect(cost({ provider, model })).toBe(result)
    })
})

describe('unknown, with its reason', () => {
  test('no model at all', () => expect(cost({ model: '' })).toBe('no_model'))
  test('no tokens', () => expect(cost({ usage: {} })).toBe('no_tokens'))
  test('one-hour cache write where the table has no such price', () =>
    expect(
      cost({
        provider: 'aws.bedrock',
        model: 'us.anthropic.claude-sonnet-4-5-20250929-v1:0',
        usage: { input: 1, cache_write: 5, cache_write_1h: 5, output: 1 },
      }),
    ).toBe('class_unpriced'))
  test('images at an unknown share of the output', () =>
    expect(cost({ provider: 'gcp.gemini', model: 'gemini-2.5-flash-image', usage: { input: 1, output: 1 } })).toBe('class_unpriced'))
  for (const serviceTier of ['batch', 'flex', 'priority'] as const)
    test(`${serviceTier} has no price in the table`, () => expect(cost({ serviceTier })).toBe('tier_unpriced'))
  test('a time that is no time does not throw', () => expect(cost({ model: 'o3', atMs: Number.NaN })).toBe(10))
})

describe('which model is billed', () => {
  test('the responding one, never the requested one in its stead', () => {
    expect(cost({ model: 'llama-3-local', requestModel: 'gpt-5-mini' })).toBe('no_price')
  })
  test('the requested one where the response names nothing', () => {
    expect(cost({ model: '', requestModel: 'gpt-5-mini' })).toBe(0.25)
    const profile = 'arn:aws:bedrock:us-east-1:1:application-inference-profile/ab12cd34ef56'
    const asked = 'us.anthropic.claude-haiku-4-5-20251001-v1:0'
    expect(cost({ provider: 'aws.bedrock', model: profile, requestModel: asked })).toBe(1.1)
  })
  test('on Bedrock the region of the request decides', () => {
    const model = 'claude-haiku-4-5-20251001'
    expect(cost({ provider: 'aws.bedrock', model, requestModel: `global.anthropic.${model}-v1:0` })).toBe(1)
    expect(cost({ provider: 'aws.bedrock', model, requestModel: `us.anthropic.${model}-v1:0` })).toBe(1.1)
  })
})

describe('the day and hour of the call', () => {
  const v4 = (at: string): number | string => cost({ provider: 'deepseek', model: 'deepseek-v4-flash', atMs: Date.parse(at) })
  test('peak hours of a price list do not reach back before it', () => {
    expect(v4('2026-08-16T02:00:00Z')).toBe(0.14)
    expect(v4('2026-08-17T00:30:00Z')).toBe(0.22)
    expect(v4('2026-08-17T02:00:00Z')).toBe(0.44)
    expect(v4('2026-08-17T04:00:00Z')).toBe(0.22)
  })
  test('remembering names does not remember prices, and forgets beyond its bound', () => {
    const small = createPrices({ maxRemembered: 1 })
    const o3 = (at: string, model = 'o3') =>
      small.price({ provider: 'openai', model, atMs: Date.parse(at), usage: { input: 1e6, output: 0 } })
    expect(o3('2025-06-09')).toEqual({ known: true, usd: 10 })
    expect(o3('2025-06-10')).toEqual({ known: true, usd: 2 })
    expect(o3('2025-06-10', 'gpt-5-mini')).toEqual({ known: true, usd: 0.25 })
    expect(o3('2025-06-09')).toEqual({ known: true, usd: 10 })
  })
  test('what the override says of a name is remembered for its days and its tier only', () => {
    const per = { match: 'own', output_per_million: 0 }
    const own = createPrices({
      override: {
        models: [
          { ...per, input_per_million: 1 },
          { ...per, input_per_million: 2, from: '2026-02-01' },
          { ...per, input_per_million: 3, from: '2026-03-01', service_tier: 'batch' },
        ],
      },
    })
    const usd = (at: string, serviceTier?: 'batch') =>
      own.price({ provider: 'x', model: 'own', atMs: Date.parse(at), usage: { input: 1e6 }, ...(serviceTier && { serviceTier }) })
    for (const _ of [1, 2]) {
      expect(usd('2026-01-31T23:59:59Z')).toEqual({ known: true, usd: 1 })
      expect(usd('2026-02-01')).toEqual({ known: true, usd: 2 })
      expect(usd('2026-02-28', 'batch')).toEqual({ known: false, reason: 'no_price' })
      expect(usd('2026-03-01', 'batch')).toEqual({ known: true, usd: 3 })
      expect(usd('2026-03-01')).toEqual({ known: true, usd: 2 })
    }
  })
  test('the date of the table is that of the installed version', () => {
    const manifest = new URL('../package.json', import.meta.resolve('@pydantic/genai-prices'))
    expect((JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version).toBe(PRICE_TABLE.version)
    expect(prices.tableDateMs).toBe(Date.parse('2026-09-23'))
  })
})

describe('override', () => {
  const own = { input_per_million: 7, output_per_million: 9 }
  const cases: readonly (readonly [name: string, call: Call, result: number | string])[] = [
    ['wins over the table', { override: { models: [{ match: 'gpt-5-mini', ...own }] } }, 7],
    ['covers the snapshots of its model', { model: 'gpt-5-mini-2025-08-07', override: { models: [{ match: 'gpt-5-mini', ...own }] } }, 7],
    [
      'can be free',
      { provider: 'ollama', model: 'llama3.1', override: { models: [{ match: 'llama*', input_per_million: 0, output_per_million: 0 }] } },
      0,
    ],
    ['holds for its provider only', { override: { models: [{ match: 'gpt-5-mini', provider: 'azure', ...own }] } }, 0.25],
    [
      'knows spellings of a provider',
      { provider: 'azure.ai.openai', override: { models: [{ match: 'gpt-5-mini', provider: 'azure', ...own }] } },
      7,
    ],
    [
      'exact wins over glob',
      {
        override: {
          models: [
            { match: 'gpt-*', input_per_million: 1, output_per_million: 1 },
            { match: 'gpt-5-mini', ...own },
          ],
        },
      },
      7,
    ],
    [
      'begins on its day',
      { atMs: Date.parse('2026-09-30T23:59:59Z'), override: { models: [{ match: 'gpt-5-mini', from: '2026-10-01', ...own }] } },
      0.25,
    ],
    [
      'the latest that has begun',
      {
        override: {
          models: [
            { match: 'gpt-5-mini', from: '2026-10-01', ...own },
            { match: 'gpt-5-mini', from: '2026-01-01', input_per_million: 1, output_per_million: 1 },
          ],
        },
      },
      7,
    ],
    [
      'of the standard tier says nothing of batch',
      { serviceTier: 'batch', override: { models: [{ match: 'gpt-5-mini', ...own }] } },
      'tier_unpriced',
    ],
    ['of the batch tier', { serviceTier: 'batch', override: { models: [{ match: 'gpt-5-mini', service_tier: 'batch', ...own }] } }, 7],
    [
      'a cached class it leaves out is unknown',
      { usage: { input: 1, cache_read: 1, output: 1 }, override: { models: [{ match: 'gpt-5-mini', ...own }] } },
      'class_unpriced',
    ],
    [
      'alias of an Azure deployment, case aside',
      { provider: 'azure.ai.openai', model: 'prod-chat', override: { aliases: { 'Prod-Chat': 'gpt-5-mini' } } },
      0.25,
    ],
    ['alias that names its host', { provider: 'acme', model: 'm', override: { aliases: { m: 'anthropic/claude-haiku-4-5' } } }, 1],
    ['alias table is no object prototype', { model: 'constructor', override: { aliases: { a: 'gpt-5-mini' } } }, 'no_price'],
  ]
  for (const [name, call, result] of cases) test(name, () => expect(cost(call)).toBe(result))

  test('cached classes of an override', () => {
    const models = [
      {
        match: 'm',
        input_per_million: 3,
        output_per_million: 15,
        cache_read_per_million: 0.3,
        cache_write_per_million: 3.75,
        cache_write_1h_per_million: 6,
      },
    ]
    // 1000 × 3 + 2000 × 0.3 + 3000 × 3.75 + 1000 × 6 + 100 × 15 = 22,350 millionths
    expect(
      cost({
        model: 'm',
        usage: { input: 1000, cache_read: 2000, cache_write: 4000, cache_write_1h: 1000, output: 100 },
        override: { models },
      }),
    ).toBeCloseTo(0.022_35, 12)
  })

  const bad: readonly (readonly [string, unknown])[] = [
    ['unknown key', { model: [] }],
    ['negative price', { models: [{ match: 'm', input_per_million: -1, output_per_million: 1 }] }],
    ['no such day', { models: [{ match: 'm', from: '2026-02-30', input_per_million: 1, output_per_million: 1 }] }],
    [
      'one-hour writes without writes',
      { models: [{ match: 'm', input_per_million: 1, output_per_million: 1, cache_write_1h_per_million: 2 }] },
    ],
  ]
  for (const [name, file] of bad) test(`refused: ${name}`, () => expect(priceOverrideSchema.safeParse(file).success).toBe(false))

  test('a glob of many stars takes no time on a name that almost fits', () => {
    const models = [{ match: `${'*a'.repeat(40)}b`, ...own }]
    expect(cost({ model: 'a'.repeat(500), override: { models } })).toBe('no_price')
  })

  test('a glob matches what the regular expression of the same meaning matches', () => {
    const pattern = fc.array(fc.constantFrom('a', 'b', '*'), { minLength: 1, maxLength: 6 }).map((p) => p.join(''))
    const name = fc.array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 8 }).map((n) => n.join(''))
    fc.assert(
      fc.property(pattern, name, (match, model) => {
        const fits = new RegExp(`^${match.replaceAll(/\*+/g, '.*')}$`).test(model)
        expect(cost({ provider: 'acme', model, override: { models: [{ match, ...own }] } })).toBe(fits ? 7 : 'no_price')
      }),
    )
  })
})

test('the arithmetic is the library’s wherever every class has a price', () => {
  const n = fc.nat(400_000)
  const models = fc.constantFrom(
    ['anthropic', 'claude-sonnet-4-5'],
    ['anthropic', 'claude-opus-4-6'],
    ['openai', 'gpt-6-sol'],
    ['openai', 'gpt-5.6-luna'],
  )
  fc.assert(
    fc.property(
      models,
      n,
      n,
      n,
      n,
      n,
      fc.integer({ min: Date.UTC(2025, 0), max: Date.UTC(2027, 6) }),
      ([id = '', model = ''], input, read, write, output, reasoning, atMs) => {
        const theirs = calcPrice(
          { input_tokens: input + read + write, cache_read_tokens: read, cache_write_tokens: write, output_tokens: output + reasoning },
          model,
          { providerId: id, timestamp: new Date(atMs) },
        )
        const usage = { input, cache_read: read, cache_write: write, output, reasoning }
        expect(cost({ provider: id, model, atMs, usage })).toBeCloseTo(theirs?.total_price ?? Number.NaN, 9)
      },
    ),
  )
})
