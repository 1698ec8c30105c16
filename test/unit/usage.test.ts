import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RawUsage, Usage } from '../../model/run.ts'
import { inputTokens, normaliseUsage, totalTokens } from '../../processor/usage.ts'

interface Case {
  readonly name: string
  readonly raw: RawUsage
  readonly usage: Usage
  readonly conflicts?: readonly string[]
}

const cases: readonly Case[] = [
  {
    name: 'OpenAI: cached tokens lie inside the prompt, reasoning inside the completion',
    raw: { input: 2000, cacheRead: 1500, output: 900, reasoning: 640, total: 2900, cacheAccounting: 'included' },
    usage: { input: 500, cache_read: 1500, output: 260, reasoning: 640 },
  },
  {
    name: 'Anthropic as the API answers: cached tokens come on top of the input',
    raw: { input: 21, cacheRead: 188_086, cacheWrite: 2051, output: 393, cacheAccounting: 'excluded' },
    usage: { input: 21, cache_read: 188_086, cache_write: 2051, output: 393 },
  },
  {
    name: 'Anthropic cache writes of one hour are a part of the writes, not added to them',
    raw: { input: 10, cacheWrite: 3000, cacheWrite1h: 1000, output: 5, cacheAccounting: 'excluded' },
    usage: { input: 10, cache_write: 3000, cache_write_1h: 1000, output: 5 },
  },
  {
    name: 'one-hour writes alone are the writes',
    raw: { input: 10, cacheWrite1h: 1000, output: 5, cacheAccounting: 'excluded' },
    usage: { input: 10, cache_write: 1000, cache_write_1h: 1000, output: 5 },
  },
  {
    name: 'Gemini: thoughts are not inside the candidates count',
    raw: { input: 100, output: 50, reasoning: 400, total: 550, cacheAccounting: 'included', reasoningOutsideOutput: true },
    usage: { input: 100, output: 50, reasoning: 400 },
  },
  {
    name: 'more cached than input cannot be inside it: flips and counts',
    raw: { input: 21, cacheRead: 900, output: 10, cacheAccounting: 'included' },
    usage: { input: 21, cache_read: 900, output: 10 },
    conflicts: ['cache_exceeds_input'],
  },
  {
    name: 'reads and writes together more than input: flips and counts',
    raw: { input: 1000, cacheRead: 600, cacheWrite: 600, output: 10, cacheAccounting: 'included' },
    usage: { input: 1000, cache_read: 600, cache_write: 600, output: 10 },
    conflicts: ['cache_exceeds_input'],
  },
  {
    name: 'a dialect that does not know is not contradicted',
    raw: { input: 21, cacheRead: 900, output: 10, cacheAccounting: 'unknown' },
    usage: { input: 21, cache_read: 900, output: 10 },
  },
  {
    name: 'unknown, and nothing proves otherwise: inside, as the convention says',
    raw: { input: 1000, cacheRead: 900, output: 10, cacheAccounting: 'unknown' },
    usage: { input: 100, cache_read: 900, output: 10 },
  },
  {
    name: 'unknown, the total holds the cached tokens apart: outside',
    raw: { input: 1000, cacheRead: 900, output: 10, total: 1910, cacheAccounting: 'unknown' },
    usage: { input: 1000, cache_read: 900, output: 10 },
  },
  {
    name: 'unknown, the total is input and output: inside',
    raw: { input: 1000, cacheRead: 900, output: 10, total: 1010, cacheAccounting: 'unknown' },
    usage: { input: 100, cache_read: 900, output: 10 },
  },
  {
    name: 'said to be inside, but the total proves outside: flips and counts',
    raw: { input: 1000, cacheRead: 900, output: 10, total: 1910, cacheAccounting: 'included' },
    usage: { input: 1000, cache_read: 900, output: 10 },
    conflicts: ['cache_exceeds_input'],
  },
  {
    name: 'said to be outside, total is input and output: many libraries do that, the word stands',
    raw: { input: 1000, cacheRead: 900, output: 10, total: 1010, cacheAccounting: 'excluded' },
    usage: { input: 1000, cache_read: 900, output: 10 },
  },
  {
    name: 'more reasoning than output cannot be inside it: flips and counts',
    raw: { input: 10, output: 50, reasoning: 400, cacheAccounting: 'included' },
    usage: { input: 10, output: 50, reasoning: 400 },
    conflicts: ['reasoning_exceeds_output'],
  },
  {
    name: 'the total proves thoughts outside of output though there are fewer of them',
    raw: { input: 100, output: 500, reasoning: 40, total: 640, cacheAccounting: 'included' },
    usage: { input: 100, output: 500, reasoning: 40 },
  },
  {
    name: 'equal cached and reasoning numbers: the total proves neither, the word stands',
    raw: { input: 100, cacheRead: 40, output: 500, reasoning: 40, total: 640, cacheAccounting: 'unknown' },
    usage: { input: 60, cache_read: 40, output: 460, reasoning: 40 },
  },
  {
    name: 'cached and thoughts both outside',
    raw: { input: 100, cacheRead: 30, output: 500, reasoning: 40, total: 670, cacheAccounting: 'unknown' },
    usage: { input: 100, cache_read: 30, output: 500, reasoning: 40 },
  },
  { name: 'nothing reported stays nothing', raw: { cacheAccounting: 'included' }, usage: {} },
  {
    name: 'embeddings: input only',
    raw: { input: 12, cacheAccounting: 'included' },
    usage: { input: 12 },
  },
  {
    name: 'reported zeros stay zeros',
    raw: { input: 12, output: 0, cacheRead: 0, cacheWrite: 0, reasoning: 0, cacheAccounting: 'included' },
    usage: { input: 12, cache_read: 0, cache_write: 0, output: 0, reasoning: 0 },
  },
  {
    name: 'cached tokens without an input number say nothing about fresh ones',
    raw: { cacheRead: 5, output: 1, cacheAccounting: 'included' },
    usage: { cache_read: 5, output: 1 },
  },
  {
    name: "negative (Semantic Kernel's -1), NaN (AI SDK 4) and fractions are unknown",
    raw: { input: -1, output: Number.NaN, cacheRead: 1.5, reasoning: Infinity, cacheAccounting: 'included' },
    usage: {},
  },
]

describe('normaliseUsage', () => {
  for (const c of cases)
    test(c.name, () => {
      expect(normaliseUsage(c.raw)).toEqual({ usage: c.usage, conflicts: c.conflicts ?? [] })
    })
})

const tokens = fc.option(fc.oneof(fc.nat(20), fc.nat(2_000_000)), { nil: undefined })
const rawUsage: fc.Arbitrary<RawUsage> = fc
  .record({
    input: tokens,
    output: tokens,
    cacheRead: tokens,
    cacheWrite: tokens,
    cacheWrite1h: tokens,
    reasoning: tokens,
    total: tokens,
    cacheAccounting: fc.constantFrom('included', 'excluded', 'unknown'),
    reasoningOutsideOutput: fc.option(fc.boolean(), { nil: undefined }),
  })
  .map((r) => Object.fromEntries(Object.entries(r).filter(([, v]) => v !== undefined)) as unknown as RawUsage)

describe('properties of token classes', () => {
  test('classes are whole, not negative, and never invented', () => {
    fc.assert(
      fc.property(rawUsage, (raw) => {
        const { usage } = normaliseUsage(raw)
        for (const value of Object.values(usage))
          if (value !== undefined) expect(Number.isSafeInteger(value) && Number(value) >= 0).toBe(true)
        expect(usage.input !== undefined).toBe(raw.input !== undefined)
        expect(usage.output !== undefined).toBe(raw.output !== undefined)
        expect(usage.cache_read).toBe(raw.cacheRead)
        expect(usage.cache_write).toBe(raw.cacheWrite ?? raw.cacheWrite1h)
        expect(usage.reasoning).toBe(raw.reasoning)
        expect(usage.cache_write_1h ?? 0).toBeLessThanOrEqual(usage.cache_write ?? 0)
      }),
    )
  })

  test('no token is lost or counted twice: input classes add up to the input as told, or to input and cached', () => {
    fc.assert(
      fc.property(rawUsage, (raw) => {
        fc.pre(raw.input !== undefined)
        const { usage } = normaliseUsage(raw)
        const cached = (usage.cache_read ?? 0) + (usage.cache_write ?? 0)
        expect([raw.input, (raw.input ?? 0) + cached]).toContain(inputTokens(usage))
      }),
    )
  })

  test('output classes add up to the output as told, or to output and reasoning', () => {
    fc.assert(
      fc.property(rawUsage, (raw) => {
        fc.pre(raw.output !== undefined)
        const { usage } = normaliseUsage(raw)
        const sum = (usage.output ?? 0) + (usage.reasoning ?? 0)
        expect([raw.output, (raw.output ?? 0) + (usage.reasoning ?? 0)]).toContain(sum)
      }),
    )
  })

  test('an honest emitter is read back exactly, whichever way it counts, and is never a conflict', () => {
    const n = fc.nat(1_000_000)
    fc.assert(
      fc.property(n, n, n, n, n, fc.boolean(), fc.boolean(), (input, read, write, output, reasoning, inside, apart) => {
        const { usage, conflicts } = normaliseUsage({
          input: inside ? input + read + write : input,
          cacheRead: read,
          cacheWrite: write,
          output: apart ? output : output + reasoning,
          reasoning,
          total: input + read + write + output + reasoning,
          cacheAccounting: inside ? 'included' : 'excluded',
          reasoningOutsideOutput: apart,
        })
        expect(usage).toEqual({ input, cache_read: read, cache_write: write, output, reasoning })
        expect(conflicts).toEqual([])
      }),
    )
  })
})

describe('sums', () => {
  test('totalTokens adds disjoint classes and never the one-hour part twice', () => {
    expect(totalTokens({ input: 1, cache_read: 2, cache_write: 4, cache_write_1h: 3, output: 8, reasoning: 16 })).toBe(31)
  })
  test('totalTokens of nothing known is unknown, of zeros is zero', () => {
    expect(totalTokens({})).toBeUndefined()
    expect(totalTokens({ output: 0 })).toBe(0)
  })
  test('inputTokens is fresh, read and written; unknown when the fresh tokens are', () => {
    expect(inputTokens({ input: 1, cache_read: 2, cache_write: 4, cache_write_1h: 3, output: 8 })).toBe(7)
    expect(inputTokens({ cache_read: 2, output: 8 })).toBeUndefined()
  })
})
