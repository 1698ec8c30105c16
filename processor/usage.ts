/**
 * Token numbers as an emitter wrote them → disjoint classes: input (fresh), cache_read, cache_write, output (visible), reasoning.
 * The dialect's word about what lies inside what is kept unless arithmetic refutes it; a refuted word is a counted conflict.
 * Invariant: every class is a whole number ≥ 0 or absent, and no token is in two classes. Absent is never turned into 0.
 * Contract: design §3 R5; the proofs are those of docs/prices.md, "Token classes".
 */
import type { RawUsage, Usage } from '../model/run.ts'
import { taken } from './dialects/whole.ts'

/** What contradicted the dialect's word: cached tokens that cannot lie inside input, reasoning that cannot lie inside output. */
export type ArithmeticConflict = 'cache_exceeds_input' | 'reasoning_exceeds_output'

export interface Normalised {
  readonly usage: Usage
  readonly conflicts: readonly ArithmeticConflict[]
}

/** A token number that can be added up; a negative (Semantic Kernel's -1), fractional or endless one says nothing. */
function known(n: number | undefined): number | undefined {
  return n !== undefined && Number.isSafeInteger(n) && n >= 0 ? n : undefined
}

function sum(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : b === undefined ? a : a + b
}

interface Numbers {
  readonly input: number | undefined
  readonly output: number | undefined
  /** Cache reads and writes together, 0 when none is known. */
  readonly cached: number
  readonly reasoning: number
  readonly total: number | undefined
}

/** Where the cached and the reasoning tokens lie. */
interface Layout {
  readonly cacheOutside: boolean
  readonly reasoningOutside: boolean
}

/**
 * The layout that the emitter's total proves, if it proves one that differs from the dialect's word.
 * Only "outside" can be proved: many libraries that count cached tokens apart still build their total as input + output.
 */
function provedByTotal(n: Numbers, word: Layout): Layout | undefined {
  if (n.input === undefined || n.output === undefined || n.total === undefined) return undefined
  const base = n.input + n.output
  const fits = (l: Layout): boolean => base + (l.cacheOutside ? n.cached : 0) + (l.reasoningOutside ? n.reasoning : 0) === n.total
  if (fits(word)) return undefined
  const cacheOnly: Layout = { ...word, cacheOutside: true }
  const reasoningOnly: Layout = { ...word, reasoningOutside: true }
  // Equal cached and reasoning numbers explain the same total in two ways: that proves neither.
  if (fits(cacheOnly)) return fits(reasoningOnly) ? undefined : cacheOnly
  if (fits(reasoningOnly)) return reasoningOnly
  const both: Layout = { cacheOutside: true, reasoningOutside: true }
  return fits(both) ? both : undefined
}

function layoutOf(n: Numbers, raw: RawUsage, reasoningImpossible: boolean): Layout {
  const word: Layout = { cacheOutside: raw.cacheAccounting === 'excluded', reasoningOutside: raw.reasoningOutsideOutput === true }
  const proved = provedByTotal(n, word) ?? word
  return {
    cacheOutside: proved.cacheOutside || (n.input !== undefined && n.cached > n.input),
    reasoningOutside: proved.reasoningOutside || reasoningImpossible,
  }
}

/** Splits reported token numbers into disjoint classes (tokens) and lists where arithmetic refuted the dialect's reading. */
export function normaliseUsage(raw: RawUsage): Normalised {
  const read = known(raw.cacheRead)
  const write1h = known(raw.cacheWrite1h)
  const write = known(raw.cacheWrite) ?? write1h
  const input = known(raw.input)
  const output = known(raw.output)
  const reasoning = known(raw.reasoning)
  const cached = (read ?? 0) + (write ?? 0)
  const thought = reasoning ?? 0
  const reasoningImpossible = raw.reasoningOutsideOutput !== true && output !== undefined && thought > output
  const layout = layoutOf({ input, output, cached, reasoning: thought, total: known(raw.total) }, raw, reasoningImpossible)
  const usage = taken<Usage>({
    input: input === undefined || layout.cacheOutside ? input : input - cached,
    cache_read: read,
    cache_write: write,
    cache_write_1h: write1h === undefined || write === undefined ? undefined : Math.min(write1h, write),
    output: output === undefined || layout.reasoningOutside ? output : output - thought,
    reasoning,
  })
  // A dialect that does not know has said nothing that could be contradicted.
  const isRefuted = layout.cacheOutside && raw.cacheAccounting === 'included'
  return { usage, conflicts: isRefuted || reasoningImpossible ? conflictsOf(isRefuted, reasoningImpossible) : NO_CONFLICTS }
}

const NO_CONFLICTS: readonly ArithmeticConflict[] = []

function conflictsOf(isCacheRefuted: boolean, isReasoningRefuted: boolean): readonly ArithmeticConflict[] {
  const conflicts: ArithmeticConflict[] = []
  if (isCacheRefuted) conflicts.push('cache_exceeds_input')
  if (isReasoningRefuted) conflicts.push('reasoning_exceeds_output')
  return conflicts
}

/** All tokens of a usage, or `undefined` when no class is known; `cache_write_1h` is a part of `cache_write` and not added. */
export function totalTokens(usage: Usage): number | undefined {
  return sum(sum(sum(sum(usage.input, usage.cache_read), usage.cache_write), usage.output), usage.reasoning)
}

/** Input tokens, fresh and cached (read and written), or `undefined` when the fresh ones are unknown. */
export function inputTokens(usage: Usage): number | undefined {
  return usage.input === undefined ? undefined : sum(sum(usage.input, usage.cache_read), usage.cache_write)
}
