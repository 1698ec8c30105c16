/**
 * Token numbers as emitters write them → disjoint classes (R5): fresh input, cache read, cache write, visible output, reasoning.
 * The dialect's word on what "input" holds comes first, then arithmetic: an impossible sum flips to the other reading and is counted.
 * What was not reported stays absent; nothing is ever negative or invented. Source: docs of each provider's usage block, semconv ≥ 1.40.
 */
import type { RawUsage, Usage } from '../model/run.ts'
import { optional } from './dialects/reading.ts'

export interface Normalised {
  readonly usage: Usage
  readonly conflicts: readonly ('cache_exceeds_input' | 'reasoning_exceeds_output')[]
}

/** Splits reported tokens into disjoint classes. */
export function normaliseUsage(raw: RawUsage): Normalised {
  const conflicts: ('cache_exceeds_input' | 'reasoning_exceeds_output')[] = []
  const cached = (raw.cacheRead ?? 0) + (raw.cacheWrite ?? 0)
  let isIncluded = cachedInInput(raw, cached)
  if (isIncluded && raw.input !== undefined && cached > raw.input) {
    // Cached tokens cannot be more than the input they are part of: they were beside it.
    isIncluded = false
    if (raw.cacheAccounting === 'included') conflicts.push('cache_exceeds_input')
  }
  const input = raw.input === undefined ? undefined : isIncluded ? raw.input - cached : raw.input

  let isInside = raw.reasoningOutsideOutput !== true
  if (isInside && raw.reasoning !== undefined && raw.output !== undefined && raw.reasoning > raw.output) {
    isInside = false
    conflicts.push('reasoning_exceeds_output')
  }
  const output = raw.output === undefined ? undefined : isInside ? raw.output - (raw.reasoning ?? 0) : raw.output
  const written1h = raw.cacheWrite1h === undefined || raw.cacheWrite === undefined ? undefined : Math.min(raw.cacheWrite1h, raw.cacheWrite)
  const usage: Usage = {
    ...optional('input', input),
    ...optional('cache_read', raw.cacheRead),
    ...optional('cache_write', raw.cacheWrite),
    ...optional('cache_write_1h', written1h),
    ...optional('output', output),
    ...optional('reasoning', raw.reasoning),
  }
  return { usage, conflicts }
}

/** Whether cached tokens are inside the input number: as the dialect says, else as a total proves, else as most emitters do. */
function cachedInInput(raw: RawUsage, cached: number): boolean {
  if (raw.cacheAccounting !== 'unknown') return raw.cacheAccounting === 'included'
  const { input, output, total } = raw
  if (input === undefined || cached === 0) return true
  // Some emitters that leave cached tokens out still build total = input + output, so that sum proves nothing; this one does.
  if (output !== undefined && total === input + output + cached) return false
  return cached <= input
}

/** All tokens of a usage; undefined when none is known. `cache_write_1h` is a part of `cache_write` and not added. */
export function totalTokens(usage: Usage): number | undefined {
  return sum(usage.input, usage.cache_read, usage.cache_write, usage.output, usage.reasoning)
}

/** Prompt tokens of a usage, cached ones included; undefined when none is known. */
export function inputTokens(usage: Usage): number | undefined {
  return sum(usage.input, usage.cache_read, usage.cache_write)
}

function sum(...parts: readonly (number | undefined)[]): number | undefined {
  let total: number | undefined
  for (const p of parts) if (p !== undefined) total = (total ?? 0) + p
  return total
}
