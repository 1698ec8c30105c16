/**
 * Token classes → US dollars, on the day of the call (R6). Rates come from @pydantic/genai-prices, kept current by others, under the
 * operator's override file. What has no price is unknown, with a reason, never 0.
 * A cached class without a rate of its own is billed as input: that is what providers without a cache discount do.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { calcPrice, type ModelPrice } from '@pydantic/genai-prices'
import type { Cost, Spend, Usage } from '../model/run.ts'
import { candidatesOf } from './model-names.ts'
import type { PriceOverride } from './prices-override.ts'
import { inputTokens, totalTokens } from './usage.ts'

export type Unpriced = 'no_model' | 'no_price' | 'no_tokens' | 'class_unpriced' | 'tier_unpriced'

export interface Prices {
  /** Cost of one usage record; unknown with a reason of `Unpriced`. */
  price(spend: Pick<Spend, 'provider' | 'model' | 'requestModel' | 'atMs' | 'usage' | 'serviceTier'>): Cost
  /** Version of the price table. */
  readonly tableVersion: string
}

/** Dollars per million tokens; a tier holds for the whole call once its prompt is longer than `over` tokens. */
interface Rate {
  readonly base: number
  readonly tiers: readonly { readonly over: number; readonly price: number }[]
}

interface Rates {
  readonly input: Rate
  readonly output: Rate
  readonly cacheRead: Rate
  readonly cacheWrite: Rate
  /** Absent where the table has no rate for caches of one hour. */
  readonly cacheWrite1h?: Rate
  readonly reasoning: Rate
}

/** Some rates change with the hour (off-peak discounts): a resolved model is kept for the half hour it was resolved in. */
const SLOT_MS = 30 * 60_000
const MAX_RESOLVED = 4096

/** Builds a price list. */
export function createPrices(options: { readonly override?: PriceOverride | undefined }): Prices {
  const override = options.override ?? {}
  const resolved = new Map<string, Rates | undefined>()
  const ratesFor = (provider: string, model: string, atMs: number): Rates | undefined => {
    const key = `${Math.floor(atMs / SLOT_MS)}\0${provider}\0${model}`
    if (resolved.has(key)) return resolved.get(key)
    if (resolved.size >= MAX_RESOLVED) resolved.clear()
    const name = override.aliases?.[model] ?? model
    const rates = fromOverride(override, provider, name, atMs) ?? fromTable(provider, name, atMs)
    resolved.set(key, rates)
    return rates
  }
  return {
    tableVersion: tableVersion(),
    price: ({ provider, model, requestModel, atMs, usage, serviceTier }) => {
      const tokens = totalTokens(usage)
      if (tokens === undefined) return unknown('no_tokens')
      if (model === '' && requestModel === undefined) return unknown('no_model')
      // What answered is what is billed; the name asked for helps where the answer names a snapshot that no table has.
      const rates = ratesFor(provider, model, atMs) ?? (requestModel === undefined ? undefined : ratesFor(provider, requestModel, atMs))
      if (rates === undefined) return unknown('no_price')
      if (serviceTier !== undefined) return unknown('tier_unpriced')
      return bill(usage, rates)
    },
  }
}

function unknown(reason: Unpriced): Cost {
  return { known: false, reason }
}

function bill(usage: Usage, rates: Rates): Cost {
  const prompt = inputTokens(usage) ?? 0
  const at = (rate: Rate): number => {
    let price = rate.base
    for (const tier of rate.tiers) if (prompt > tier.over) price = tier.price
    return price / 1e6
  }
  const written1h = usage.cache_write_1h ?? 0
  if (written1h > 0 && rates.cacheWrite1h === undefined) return unknown('class_unpriced')
  const usd =
    (usage.input ?? 0) * at(rates.input) +
    (usage.cache_read ?? 0) * at(rates.cacheRead) +
    ((usage.cache_write ?? 0) - written1h) * at(rates.cacheWrite) +
    (rates.cacheWrite1h === undefined ? 0 : written1h * at(rates.cacheWrite1h)) +
    (usage.output ?? 0) * at(rates.output) +
    (usage.reasoning ?? 0) * at(rates.reasoning)
  return { known: true, usd }
}

function flat(price: number): Rate {
  return { base: price, tiers: [] }
}

/** The override row that matches and began last. */
function fromOverride(override: PriceOverride, provider: string, model: string, atMs: number): Rates | undefined {
  let best: NonNullable<PriceOverride['models']>[number] | undefined
  for (const row of override.models ?? []) {
    if (row.provider !== undefined && row.provider !== provider) continue
    if (!matches(row.match, model) || (row.from !== undefined && Date.parse(row.from) > atMs)) continue
    if (best === undefined || (row.from ?? '') >= (best.from ?? '')) best = row
  }
  if (best === undefined) return undefined
  const input = flat(best.input_per_million)
  const output = flat(best.output_per_million)
  const cacheWrite = best.cache_write_per_million === undefined ? input : flat(best.cache_write_per_million)
  return {
    input,
    output,
    reasoning: output,
    cacheWrite,
    cacheRead: best.cache_read_per_million === undefined ? input : flat(best.cache_read_per_million),
    cacheWrite1h: best.cache_write_1h_per_million === undefined ? cacheWrite : flat(best.cache_write_1h_per_million),
  }
}

function matches(pattern: string, model: string): boolean {
  const regex = pattern
    .split('*')
    .map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`))
    .join('.*')
  return new RegExp(`^${regex}$`).test(model)
}

function fromTable(provider: string, model: string, atMs: number): Rates | undefined {
  for (const c of candidatesOf(provider, model)) {
    const found = calcPrice({ input_tokens: 1, output_tokens: 1 }, c.model, {
      timestamp: new Date(atMs),
      ...(c.provider === undefined ? {} : { providerId: c.provider }),
    })
    if (found === null) continue
    const rates = ratesOf(found.model_price)
    // A row of zeroes is a gap in the table, unless the model is named as free.
    if (rates !== undefined && (rates.input.base > 0 || rates.output.base > 0 || /free/i.test(found.model.id))) return rates
  }
  return undefined
}

function ratesOf(p: ModelPrice): Rates | undefined {
  const rate = (key: string): Rate | undefined => {
    const value = p[key]
    if (value === undefined) return undefined
    return typeof value === 'number'
      ? flat(value)
      : { base: value.base, tiers: value.tiers.map((t) => ({ over: t.start, price: t.price })) }
  }
  const input = rate('input_mtok')
  if (input === undefined) return undefined
  const output = rate('output_mtok') ?? flat(0)
  const cacheWrite1h = rate('cache_write_1h_mtok')
  const cacheWrite = rate('cache_write_mtok')
  return {
    input,
    output,
    cacheRead: rate('cache_read_mtok') ?? input,
    cacheWrite: cacheWrite ?? input,
    reasoning: rate('output_reasoning_mtok') ?? output,
    // Without any rate for writing a cache its life makes no difference.
    ...(cacheWrite1h !== undefined ? { cacheWrite1h } : cacheWrite === undefined ? { cacheWrite1h: input } : {}),
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
