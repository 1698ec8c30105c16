/**
 * The operator's own prices: schema of the override file, and the choice of the entry that applies to a call.
 * An entry wins over the shipped table; exact names win over globs, later `from` dates over earlier ones, then file order.
 * All prices are US dollars per million tokens; 0 is a price (a model of one's own), absence is not. Format: docs/prices.md.
 */
import { z } from 'zod'
import { providerId } from '../model/model-names.ts'

const price = z.number().nonnegative()

const modelPriceSchema = z
  .strictObject({
    /** Model name, exact or with `*` for any characters; case does not matter. */
    match: z.string().min(1).max(256),
    /** `gen_ai.provider.name` this is for; any when left out. */
    provider: z.string().min(1).optional(),
    /** First day (UTC) of this price; always when left out. */
    from: z.iso.date().optional(),
    /** Only calls of this tier; without it only standard calls. */
    service_tier: z.enum(['batch', 'flex', 'priority']).optional(),
    input_per_million: price,
    output_per_million: price,
    cache_read_per_million: price.optional(),
    cache_write_per_million: price.optional(),
    cache_write_1h_per_million: price.optional(),
  })
  .refine((m) => m.cache_write_1h_per_million === undefined || m.cache_write_per_million !== undefined, {
    path: ['cache_write_per_million'],
    error: 'cache_write_1h_per_million needs cache_write_per_million beside it',
  })

export const priceOverrideSchema = z.strictObject({
  /** Names in the telemetry (deployments, profiles) → model names; a prefix such as `anthropic/` names the host too. */
  aliases: z.record(z.string().min(1), z.string().min(1)).optional(),
  models: z.array(modelPriceSchema).max(10_000).optional(),
})

export type PriceOverride = z.infer<typeof priceOverrideSchema>
export type OverridePrice = NonNullable<PriceOverride['models']>[number]

interface Entry {
  readonly price: OverridePrice
  readonly exact: boolean
  readonly fromMs: number
  readonly fits: (name: string) => boolean
}

/** What a call must say to be matched: names from exact to general, provider, time in Unix milliseconds, tier. */
export interface OverrideQuestion {
  readonly names: readonly string[]
  readonly provider: string
  readonly atMs: number
  readonly serviceTier: string | undefined
}

/** `*` matches any run of characters. Walks the fixed parts: a regular expression with ten stars took 100 s on a 60-letter name. */
function globTest(pattern: string): (name: string) => boolean {
  const parts = pattern.split('*')
  const head = parts[0] ?? ''
  const tail = parts.at(-1) ?? ''
  const middle = parts.slice(1, -1)
  return (name) => {
    if (!name.startsWith(head) || name.length < head.length + tail.length || !name.endsWith(tail)) return false
    let at = head.length
    for (const part of middle) {
      const found = name.indexOf(part, at)
      if (found < 0) return false
      at = found + part.length
    }
    return at <= name.length - tail.length
  }
}

function sameProvider(entry: string | undefined, provider: string): boolean {
  if (entry === undefined) return true
  const id = providerId(entry)
  return entry.trim().toLowerCase() === provider.trim().toLowerCase() || (id !== undefined && id === providerId(provider))
}

function entryOf(p: OverridePrice): Entry {
  const pattern = p.match.trim().toLowerCase()
  const exact = !pattern.includes('*')
  const fromMs = p.from === undefined ? Number.MIN_SAFE_INTEGER : Date.parse(`${p.from}T00:00:00Z`)
  return { price: p, exact, fromMs, fits: exact ? (name) => name === pattern : globTest(pattern) }
}

export interface Overrides {
  readonly isAny: boolean
  /** Between two days on which any price begins nothing depends on the time: which such period a time is in. */
  periodOf(atMs: number): number
  /** The entry that applies to a call; `undefined` when none does. */
  find(question: OverrideQuestion): OverridePrice | undefined
}

export function overrideFinder(override: PriceOverride | undefined): Overrides {
  const entries = (override?.models ?? []).map(entryOf).toSorted((a, b) => b.fromMs - a.fromMs)
  const starts = [...new Set(entries.map((e) => e.fromMs))].toReversed()
  return {
    isAny: entries.length > 0,
    periodOf(atMs) {
      let low = 0
      let high = starts.length
      while (low < high) {
        const middle = (low + high) >>> 1
        if ((starts[middle] ?? 0) <= atMs) low = middle + 1
        else high = middle
      }
      return low
    },
    find(q) {
      const open = entries.filter(
        (e) => e.fromMs <= q.atMs && e.price.service_tier === q.serviceTier && sameProvider(e.price.provider, q.provider),
      )
      // The fullest name first: an entry for one dated snapshot wins over the entry of its family.
      for (const exact of [true, false])
        for (const name of q.names) {
          const found = open.find((e) => e.exact === exact && e.fits(name))
          if (found !== undefined) return found.price
        }
      return undefined
    },
  }
}

/** Finder of a name's alias, by its spoken names; `undefined` when it has none. */
export function aliasFinder(override: PriceOverride | undefined): (names: readonly string[]) => string | undefined {
  const aliases = new Map(Object.entries(override?.aliases ?? {}).map(([from, to]) => [from.trim().toLowerCase(), to]))
  return (names) => {
    for (const name of names) {
      const to = aliases.get(name)
      if (to !== undefined) return to
    }
    return undefined
  }
}
