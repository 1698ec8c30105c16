/**
 * One usage record → its cost in US dollars, or why the cost is unknown. Offline: the table is the one of @pydantic/genai-prices.
 * Invariant: a cost is known only when every class of tokens that was used has a price on the day of the call; unknown is never 0.
 * The table says what a model costs and when; the arithmetic is here, and a test holds it equal to the library's.
 * Contract: design §3 R6. Why not the library's own sum and fallbacks: docs/decisions/0004-prices.md
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { calcPrice, type ModelInfo, type ModelPrice } from '@pydantic/genai-prices'
import type { Cost, Spend, Usage } from '../model/run.ts'
import { isOpaque, type Lookup, lookups, providerId, sameVersion, spokenNames } from '../model/model-names.ts'
import { aliasFinder, overrideFinder, type OverridePrice, type PriceOverride } from './prices-override.ts'
import { inputTokens, totalTokens } from './usage.ts'

/** Why a cost is unknown. */
export type Unpriced = 'no_model' | 'no_price' | 'no_tokens' | 'class_unpriced' | 'tier_unpriced'

export type PricedSpend = Pick<Spend, 'provider' | 'model' | 'requestModel' | 'atMs' | 'usage' | 'serviceTier'>

export interface Prices {
  /** Cost in USD at the price of the day of the call, or the reason (`Unpriced`) why it is unknown. Never throws. */
  price(spend: PricedSpend): Cost
  /** Version of the price table. */
  readonly tableVersion: string
  /** Day of the price table, Unix milliseconds. */
  readonly tableDateMs: number
}

export interface PriceOptions {
  readonly override?: PriceOverride | undefined
  /** Most (provider, model) pairs whose place in the table is remembered; default 4096. */
  readonly maxRemembered?: number | undefined
}

/** The package carries no date of its own: this is when its version was published. A test fails when the two part. */
export const PRICE_TABLE = { version: '0.1.8', dateMs: Date.UTC(2026, 8, 23) } as const

/** Longest model name looked up; longer ones are no model names and are not remembered. */
const MAX_NAME = 512

const unknown = (reason: Unpriced): Cost => ({ known: false, reason })

/** The table's model under a lookup, if it is really that model. */
function inTable({ provider, model }: Lookup): ModelInfo | undefined {
  // Without usage nothing is computed: this only runs the table's own matching, fallback providers included.
  const found = calcPrice({}, model, { providerId: provider })
  return found === null || !sameVersion(model, found.model.id) ? undefined : found.model
}

function inWindow(atMs: number, start: string, end: string): boolean {
  const ofDay = (ms: number): number => ((ms % 86_400_000) + 86_400_000) % 86_400_000
  const [now, from, to] = [ofDay(atMs), ofDay(Date.parse(`1970-01-01T${start}`)), ofDay(Date.parse(`1970-01-01T${end}`))]
  return from <= to ? now >= from && now < to : now >= from || now < to
}

/**
 * The model's prices at a time (Unix milliseconds). Entries are in order of date; hours of the day apply from the date entry before
 * them on, because they are peak hours of that price list and not of the earlier ones (DeepSeek V4, 17 August 2026).
 */
export function pricesAt(model: ModelInfo, atMs: number): ModelPrice {
  if (!Array.isArray(model.prices)) return model.prices
  let prices: ModelPrice = model.prices[0]?.prices ?? {}
  let begun = true
  for (const { constraint: when, prices: then } of model.prices) {
    if (when?.type !== 'time_of_date') begun = when === undefined || atMs >= Date.parse(`${when.start_date}T00:00:00Z`)
    if (begun && (when?.type !== 'time_of_date' || inWindow(atMs, when.start_time, when.end_time))) prices = then
  }
  return prices
}

/** USD per million at this size of context: providers bill the whole call at the tier its input reaches. */
function rate(price: ModelPrice[string], context: number): number | undefined {
  if (price === undefined || typeof price === 'number') return price
  let now = price.base
  for (const tier of price.tiers) if (context > tier.start) now = tier.price
  return now
}

function fromOverride(p: OverridePrice): ModelPrice {
  return {
    input_mtok: p.input_per_million,
    output_mtok: p.output_per_million,
    cache_read_mtok: p.cache_read_per_million,
    cache_write_mtok: p.cache_write_per_million,
    cache_write_1h_mtok: p.cache_write_1h_per_million,
  }
}

/** Tokens beside the price that bills them. */
function bill(usage: Usage, p: ModelPrice): readonly (readonly [tokens: number, price: ModelPrice[string]])[] {
  const write1h = usage.cache_write_1h ?? 0
  // Which modality the output had is not told: a model that bills images or audio apart cannot be billed by tokens alone.
  const textOnly = p['output_image_mtok'] === undefined && p['output_audio_mtok'] === undefined && p['output_video_mtok'] === undefined
  const output = textOnly ? p['output_mtok'] : undefined
  return [
    [usage.input ?? 0, p['input_mtok']],
    [usage.cache_read ?? 0, p['cache_read_mtok']],
    [(usage.cache_write ?? 0) - write1h, p['cache_write_mtok']],
    [write1h, p['cache_write_1h_mtok']],
    [usage.output ?? 0, output],
    [usage.reasoning ?? 0, p['output_reasoning_mtok'] ?? output],
  ]
}

function costOf(usage: Usage, p: ModelPrice): Cost {
  const context = inputTokens(usage) ?? 0
  let usd = 0
  for (const [tokens, price] of bill(usage, p)) {
    if (tokens === 0) continue
    const perMillion = rate(price, context)
    if (perMillion === undefined) return unknown('class_unpriced')
    usd += (tokens * perMillion) / 1e6
  }
  const perThousandCalls = totalTokens(usage) === 0 ? undefined : rate(p['requests_kcount'], context)
  return { known: true, usd: usd + (perThousandCalls ?? 0) / 1000 }
}

/** Remembers where names lead; forgets the oldest beyond `max`. Places do not depend on the date, prices do and are not kept. */
function remembering(max: number, find: (provider: string, model: string) => ModelInfo | undefined): typeof find {
  const places = new Map<string, ModelInfo | undefined>()
  return (provider, model) => {
    if (model.length > MAX_NAME || provider.length > MAX_NAME) return undefined
    const key = `${provider}\n${model}`
    const kept = places.get(key)
    if (kept !== undefined || places.has(key)) return kept
    const found = find(provider, model)
    const oldest = places.keys().next().value
    if (places.size >= max && oldest !== undefined) places.delete(oldest)
    places.set(key, found)
    return found
  }
}

/** Names to price by, in order: the responding model; the requested one only where it says the same more exactly, or the response nothing. */
function modelsOf({ provider, model, requestModel = '' }: PricedSpend): readonly string[] {
  if (model === '') return requestModel === '' ? [] : [requestModel]
  // Bedrock answers with the bare model; the region in the requested id decides between two prices.
  if (providerId(provider) === 'aws' && requestModel.toLowerCase().includes(model.toLowerCase())) return [requestModel, model]
  return requestModel !== '' && isOpaque(model) ? [model, requestModel] : [model]
}

/** Prices from the shipped table and the operator's override, which wins. */
export function createPrices(options: PriceOptions = {}): Prices {
  const overrideOf = overrideFinder(options.override)
  const aliasOf = aliasFinder(options.override)
  const placeOf = remembering(options.maxRemembered ?? 4096, (provider, model) => {
    for (const lookup of lookups(provider, model)) {
      const found = inTable(lookup)
      if (found !== undefined) return found
    }
    return undefined
  })
  const priceOf = (spend: PricedSpend, told: string): Cost | undefined => {
    const names = options.override !== undefined && told.length <= MAX_NAME ? spokenNames(told) : []
    const alias = aliasOf(names)
    const allNames = alias === undefined ? names : [...names, ...spokenNames(alias)]
    const { provider, atMs, serviceTier } = spend
    const own = overrideOf({ names: allNames, provider, atMs, serviceTier })
    if (own !== undefined) return costOf(spend.usage, fromOverride(own))
    const place = placeOf(provider, alias ?? told) ?? (alias === undefined ? undefined : placeOf('', alias))
    if (place === undefined) return undefined
    const prices = pricesAt(place, atMs)
    // An empty price list is a gap in the table, unless the name itself says that the model costs nothing.
    if (Object.keys(prices).length === 0) return place.id.endsWith(':free') ? { known: true, usd: 0 } : undefined
    // The table has standard prices only; batch and flex are cheaper, priority is dearer.
    return serviceTier === undefined ? costOf(spend.usage, prices) : unknown('tier_unpriced')
  }
  return {
    tableVersion: tableVersion(),
    tableDateMs: PRICE_TABLE.dateMs,
    price(spend) {
      const models = modelsOf(spend)
      if (totalTokens(spend.usage) === undefined) return unknown('no_tokens')
      if (models.length === 0) return unknown('no_model')
      for (const model of models) {
        const cost = priceOf(spend, model)
        if (cost !== undefined) return cost
      }
      return unknown('no_price')
    },
  }
}

function tableVersion(): string {
  try {
    const dir = fileURLToPath(new URL('.', import.meta.resolve('@pydantic/genai-prices')))
    return String((JSON.parse(readFileSync(join(dir, '../package.json'), 'utf8')) as { version?: string }).version ?? '')
  } catch {
    return ''
  }
}
