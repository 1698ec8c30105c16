/**
 * The operator's own prices: names for deployments, models the table does not have, negotiated rates. An override wins over the table.
 * Format and example: docs/prices.md.
 */
import { z } from 'zod'

const rate = z.number().min(0)

export const priceOverrideSchema = z.strictObject({
  /** Deployment or gateway name → model name to price it as. */
  aliases: z.record(z.string(), z.string()).optional(),
  models: z
    .array(
      z.strictObject({
        /** Model name; `*` stands for anything. */
        match: z.string().min(1),
        /** `gen_ai.provider.name` this is for; any when left out. */
        provider: z.string().optional(),
        /** First day (UTC) the rates hold; always when left out. The latest that has begun wins. */
        from: z.iso.date().optional(),
        input_per_million: rate,
        output_per_million: rate,
        cache_read_per_million: rate.optional(),
        cache_write_per_million: rate.optional(),
        cache_write_1h_per_million: rate.optional(),
      }),
    )
    .optional(),
})

export type PriceOverride = z.infer<typeof priceOverrideSchema>
