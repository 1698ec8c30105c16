/**
 * One usage record → its cost in US dollars, or why the cost is unknown. Offline: the table is the one of @pydantic/genai-prices.
 * Invariant: a cost is known only when every class of tokens that was used has a price on the day of the call; unknown is never 0.
 * The table says what a model costs and when; the arithmetic is in price-list.ts, and a test holds it equal to the library's.
 * Contract: design §3 R6. Why not the library's own sum and fallbacks: docs/decisions/0004-prices.md
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { calcPrice, type ModelInfo } from '@pydantic/genai-prices'
import type { Cost, Spend } from '../model/run.ts'
import { isOpaque, type Lookup, lookups, providerId, sameVersion, spokenNames } from '../model/model-names.ts'
import { costOf, PriceList, type Rates, ratesOf } from './price-list.ts'
import { aliasFinder, overrideFinder, type OverridePrice, type PriceOverride } from './prices-override.ts'
import { totalTokens } from './usage.ts'

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

/** In the order of places in what is remembered. */
const TIERS: readonly PricedSpend['serviceTier'][] = [undefined, 'batch', 'flex', 'priority']

const unknown = (reason: Unpriced): Cost => ({ known: false, reason })

/** The table's model under a lookup, if it is really that model. */
function inTable({ provider, model }: Lookup): ModelInfo | undefined {
  // Without usage nothing is computed: this only runs the table's own matching, fallback providers included.
  const found = calcPrice({}, model, { providerId: provider })
  return found === null || !sameVersion(model, found.model.id) ? undefined : found.model
}

function fromOverride(p: OverridePrice): Rates {
  return ratesOf({
    input_mtok: p.input_per_million,
    output_mtok: p.output_per_million,
    cache_read_mtok: p.cache_read_per_million,
    cache_write_mtok: p.cache_write_per_million,
    cache_write_1h_mtok: p.cache_write_1h_per_million,
  })
}

/** What a name on a provider leads to. Names do not depend on the date; the override's entries do, and are kept by what decides. */
interface Told {
  readonly names: readonly string[]
  readonly list: PriceList | undefined
  /** Bedrock's names and opaque ones: what was requested may say more. */
  readonly asksRequested: boolean
  readonly own: Map<number, Rates | undefined>
}

/** Remembers what names lead to; forgets the oldest beyond `max`. Maps in a map: names that came before need not be put together. */
function remembering(max: number, find: (provider: string, model: string) => Told): typeof find {
  const kept = new Map<string, Map<string, Told>>()
  let count = 0
  const forgetOldest = (): void => {
    for (const [provider, models] of kept) {
      for (const model of models.keys()) {
        models.delete(model)
        count--
        break
      }
      if (models.size === 0) kept.delete(provider)
      break
    }
  }
  return (provider, model) => {
    const known = kept.get(provider)?.get(model)
    if (known !== undefined) return known
    const found = find(provider, model)
    if (model.length > MAX_NAME || provider.length > MAX_NAME) return found
    if (count >= max) forgetOldest()
    let models = kept.get(provider)
    if (models === undefined) kept.set(provider, (models = new Map<string, Told>()))
    models.set(model, found)
    count++
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
  const overrides = overrideFinder(options.override)
  const aliasOf = aliasFinder(options.override)
  const lists = new Map<ModelInfo, PriceList>()
  const listOf = (provider: string, model: string): PriceList | undefined => {
    if (model.length > MAX_NAME || provider.length > MAX_NAME) return undefined
    for (const lookup of lookups(provider, model)) {
      const found = inTable(lookup)
      if (found === undefined) continue
      const list = lists.get(found) ?? new PriceList(found)
      lists.set(found, list)
      return list
    }
    return undefined
  }
  const toldBy = remembering(options.maxRemembered ?? 4096, (provider, told) => {
    const names = options.override !== undefined && told.length <= MAX_NAME ? spokenNames(told) : []
    const alias = aliasOf(names)
    return {
      names: alias === undefined ? names : [...names, ...spokenNames(alias)],
      list: listOf(provider, alias ?? told) ?? (alias === undefined ? undefined : listOf('', alias)),
      asksRequested: providerId(provider) === 'aws' || isOpaque(told),
      own: new Map(),
    }
  })
  const ownOf = ({ names, own }: Told, { provider, atMs, serviceTier }: PricedSpend): Rates | undefined => {
    if (!overrides.isAny) return undefined
    const decides = overrides.periodOf(atMs) * TIERS.length + TIERS.indexOf(serviceTier)
    const kept = own.get(decides)
    if (kept !== undefined || own.has(decides)) return kept
    const price = overrides.find({ names, provider, atMs, serviceTier })
    const rates = price === undefined ? undefined : fromOverride(price)
    own.set(decides, rates)
    return rates
  }
  const priceOf = (spend: PricedSpend, told: Told): Cost | undefined => {
    const own = ownOf(told, spend)
    if (own !== undefined) return costOf(spend.usage, own) ?? unknown('class_unpriced')
    if (told.list === undefined) return undefined
    const rates = told.list.at(spend.atMs)
    // An empty price list is a gap in the table, unless the name itself says that the model costs nothing.
    if (rates.isEmpty) return told.list.id.endsWith(':free') ? { known: true, usd: 0 } : undefined
    // The table has standard prices only; batch and flex are cheaper, priority is dearer.
    return spend.serviceTier === undefined ? (costOf(spend.usage, rates) ?? unknown('class_unpriced')) : unknown('tier_unpriced')
  }
  return {
    tableVersion: tableVersion(),
    tableDateMs: PRICE_TABLE.dateMs,
    price(spend) {
      const { provider, model, requestModel } = spend
      if (totalTokens(spend.usage) === undefined) return unknown('no_tokens')
      if (model !== '') {
        const told = toldBy(provider, model)
        if (!told.asksRequested || requestModel === undefined) return priceOf(spend, told) ?? unknown('no_price')
      }
      const models = modelsOf(spend)
      if (models.length === 0) return unknown('no_model')
      for (const name of models) {
        const cost = priceOf(spend, toldBy(provider, name))
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
