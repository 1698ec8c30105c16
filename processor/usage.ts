// Placeholder to be overwritten by the real module.
import type { RawUsage, Usage } from '../model/run.ts'
export function normaliseUsage(raw: RawUsage): { usage: Usage; conflicts: readonly ('cache_exceeds_input' | 'reasoning_exceeds_output')[] } {
  const r = raw.cacheRead ?? 0, w = raw.cacheWrite ?? 0
  const input = raw.input === undefined ? undefined : raw.cacheAccounting === 'excluded' ? raw.input : Math.max(0, raw.input - r - w)
  return { usage: { ...(input === undefined ? {} : { input }), ...(raw.cacheRead === undefined ? {} : { cache_read: r }), ...(raw.cacheWrite === undefined ? {} : { cache_write: w }), ...(raw.output === undefined ? {} : { output: raw.output - (raw.reasoning ?? 0) }), ...(raw.reasoning === undefined ? {} : { reasoning: raw.reasoning }) }, conflicts: [] }
}
export function totalTokens(u: Usage): number | undefined { return (u.input ?? 0) + (u.cache_read ?? 0) + (u.cache_write ?? 0) + (u.output ?? 0) + (u.reasoning ?? 0) }
export function inputTokens(u: Usage): number | undefined { return u.input === undefined ? undefined : u.input + (u.cache_read ?? 0) + (u.cache_write ?? 0) }
