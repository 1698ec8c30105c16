/**
 * What a call costs, for the cost guard: the same dated price table as the processor's, loaded when a limit in US dollars first asks for it,
 * since an agent without one should not pay for the table. No price is unknown, never 0.
 */
import { lookups, sameVersion } from '../../model/model-names.ts'
import { contained, sayOnce } from '../log.ts'

/** Disjoint token classes of one call; absent is unknown. */
export interface CallTokens {
  /** All input, cached included. */
  readonly input?: number
  readonly cacheRead?: number
  readonly cacheWrite?: number
  /** All output, reasoning included. */
  readonly output?: number
}

type Calculate = (tokens: CallTokens, provider: string, models: readonly string[]) => number | undefined

let calculate: Calculate | undefined
let loading: Promise<void> | undefined

/** Loads the price table; safe to call often. */
export function loadPrices(): Promise<void> {
  return (loading ??= load())
}

async function load(): Promise<void> {
  try {
    const { calcPrice } = await import('@pydantic/genai-prices')
    calculate = (t, provider, models) => {
      const usage = {
        ...(t.input === undefined ? {} : { input_tokens: t.input }),
        ...(t.output === undefined ? {} : { output_tokens: t.output }),
        ...(t.cacheRead === undefined ? {} : { cache_read_tokens: t.cacheRead }),
        ...(t.cacheWrite === undefined ? {} : { cache_write_tokens: t.cacheWrite }),
      }
      for (const model of models) {
        for (const place of lookups(provider, model)) {
          const found = calcPrice(usage, place.model, { providerId: place.provider })
          if (found !== null && found !== undefined && sameVersion(place.model, found.model.id)) return found.total_price
        }
      }
      return undefined
    }
  } catch (error) {
    sayOnce('prices', 'warn', `the price table could not be loaded, limits in US dollars are not enforced: ${String(error)}`)
  }
}

/** US dollars of a call, by the responding model else the requested one; undefined when no price is known or loaded. */
export function costOf(tokens: CallTokens, provider: string, models: readonly (string | undefined)[]): number | undefined {
  if (calculate === undefined || (tokens.input === undefined && tokens.output === undefined)) return undefined
  const names = models.filter((m): m is string => m !== undefined && m !== '')
  return contained('prices', () => calculate?.(tokens, provider, names))
}
