/**
 * One model's entry of the price table, read once → what a token of each class costs at a time; and usage at those prices → dollars.
 * Invariant: a cost is known only when every class of tokens that was used has a price; unknown is never 0.
 * Entries are in order of date; hours of the day apply from the date entry before them on, because they are peak hours of that price list
 * and not of the earlier ones (DeepSeek V4, 17 August 2026).
 */
import type { ModelInfo, ModelPrice } from '@pydantic/genai-prices'
import type { Cost, Usage } from '../model/run.ts'
import { inputTokens, totalTokens } from './usage.ts'

type Rate = ModelPrice[string]

/** US dollars per million tokens by class, or by size of context; absent where the table has none. */
export interface Rates {
  readonly input: Rate
  readonly cacheRead: Rate
  readonly cacheWrite: Rate
  readonly cacheWrite1h: Rate
  readonly output: Rate
  readonly reasoning: Rate
  /** Per thousand requests. */
  readonly requests: Rate
  /** The table knows the model and none of its prices. */
  readonly isEmpty: boolean
}

export function ratesOf(p: ModelPrice): Rates {
  // Which modality the output had is not told: a model that bills images or audio apart cannot be billed by tokens alone.
  const textOnly = p['output_image_mtok'] === undefined && p['output_audio_mtok'] === undefined && p['output_video_mtok'] === undefined
  const output = textOnly ? p['output_mtok'] : undefined
  return {
    input: p['input_mtok'],
    cacheRead: p['cache_read_mtok'],
    cacheWrite: p['cache_write_mtok'],
    cacheWrite1h: p['cache_write_1h_mtok'],
    output,
    reasoning: p['output_reasoning_mtok'] ?? output,
    requests: p['requests_kcount'],
    isEmpty: Object.keys(p).length === 0,
  }
}

/** The price at this size of context: providers bill the whole call at the tier its input reaches. */
function at(rate: Rate, context: number): number | undefined {
  if (rate === undefined || typeof rate === 'number') return rate
  let now = rate.base
  for (const tier of rate.tiers) if (context > tier.start) now = tier.price
  return now
}

/** Dollars; NaN when there are tokens and no price for them. */
function charge(tokens: number, rate: Rate, context: number): number {
  return tokens === 0 ? 0 : (tokens * (at(rate, context) ?? Number.NaN)) / 1e6
}

/** What the tokens come to, `undefined` when a class that was used has no price. */
export function costOf(usage: Usage, rates: Rates): Cost | undefined {
  const context = inputTokens(usage) ?? 0
  const write1h = usage.cache_write_1h ?? 0
  let usd = charge(usage.input ?? 0, rates.input, context)
  usd += charge(usage.cache_read ?? 0, rates.cacheRead, context)
  usd += charge((usage.cache_write ?? 0) - write1h, rates.cacheWrite, context)
  usd += charge(write1h, rates.cacheWrite1h, context)
  usd += charge(usage.output ?? 0, rates.output, context)
  usd += charge(usage.reasoning ?? 0, rates.reasoning, context)
  if (Number.isNaN(usd)) return undefined
  const perThousandCalls = totalTokens(usage) === 0 ? undefined : at(rates.requests, context)
  return { known: true, usd: usd + (perThousandCalls ?? 0) / 1000 }
}

const DAY_MS = 86_400_000
const ofDay = (ms: number): number => ((ms % DAY_MS) + DAY_MS) % DAY_MS

interface Entry {
  readonly rates: Rates
  /** Begins a list of prices then; absent for hours of the day, which belong to the list before them. */
  readonly fromMs: number | undefined
  /** Hours of the day (UTC, in milliseconds) it is for; all day when absent. */
  readonly hours: { readonly from: number; readonly to: number } | undefined
}

export class PriceList {
  readonly id: string
  readonly #first: Rates
  /** None where prices never changed. */
  readonly #entries: readonly Entry[]

  constructor({ id, prices }: ModelInfo) {
    this.id = id
    this.#first = ratesOf(Array.isArray(prices) ? (prices[0]?.prices ?? {}) : prices)
    this.#entries = Array.isArray(prices)
      ? prices.map(({ constraint: when, prices: then }) => ({
          rates: ratesOf(then),
          fromMs:
            when?.type === 'time_of_date'
              ? undefined
              : when === undefined
                ? Number.NEGATIVE_INFINITY
                : Date.parse(`${when.start_date}T00:00:00Z`),
          hours:
            when?.type === 'time_of_date'
              ? { from: ofDay(Date.parse(`1970-01-01T${when.start_time}`)), to: ofDay(Date.parse(`1970-01-01T${when.end_time}`)) }
              : undefined,
        }))
      : []
  }

  /** The prices at a time (Unix milliseconds). */
  at(atMs: number): Rates {
    let rates = this.#first
    let begun = true
    for (const { rates: then, fromMs, hours } of this.#entries) {
      if (fromMs !== undefined) begun = atMs >= fromMs
      if (begun && (hours === undefined || isWithin(ofDay(atMs), hours))) rates = then
    }
    return rates
  }
}

function isWithin(now: number, { from, to }: { readonly from: number; readonly to: number }): boolean {
  return from <= to ? now >= from && now < to : now >= from || now < to
}
