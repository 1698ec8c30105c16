import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RawUsage } from '../../model/run.ts'
import { inputTokens, normaliseUsage, totalTokens } from '../../processor/usage.ts'

const cases: readonly (readonly [string, RawUsage, object, (readonly string[])?])[] = [
  [
    'OpenAI: cached and reasoning are parts',
    { input: 100, cacheRead: 40, output: 20, reasoning: 8, cacheAccounting: 'included' },
    { input: 60, cache_read: 40, output: 12, reasoning: 8 },
  ],
  [
    'Anthropic raw: cached tokens are beside the input',
    { input: 60, cacheRead: 30, cacheWrite: 10, output: 20, cacheAccounting: 'excluded' },
    { input: 60, cache_read: 30, cache_write: 10, output: 20 },
  ],
  [
    'Anthropic native: included',
    { input: 100, cacheRead: 30, cacheWrite: 10, cacheWrite1h: 4, output: 20, cacheAccounting: 'included' },
    { input: 60, cache_read: 30, cache_write: 10, cache_write_1h: 4, output: 20 },
  ],
  [
    'said to be included but impossible: flipped and counted',
    { input: 60, cacheRead: 90, output: 1, cacheAccounting: 'included' },
    { input: 60, cache_read: 90, output: 1 },
    ['cache_exceeds_input'],
  ],
  [
    'unknown and impossible: flipped, nobody was wrong',
    { input: 60, cacheRead: 90, output: 1, cacheAccounting: 'unknown' },
    { input: 60, cache_read: 90, output: 1 },
  ],
  [
    'unknown, and the total proves excluded',
    { input: 60, cacheRead: 40, output: 20, total: 120, cacheAccounting: 'unknown' },
    { input: 60, cache_read: 40, output: 20 },
  ],
  [
    'unknown, nothing proves: included as by convention',
    { input: 100, cacheRead: 40, output: 20, cacheAccounting: 'unknown' },
    { input: 60, cache_read: 40, output: 20 },
  ],
  [
    'Gemini: thoughts are beside the output',
    { input: 100, output: 12, reasoning: 8, cacheAccounting: 'included', reasoningOutsideOutput: true },
    { input: 100, output: 12, reasoning: 8 },
  ],
  [
    'more reasoning than output: flipped and counted',
    { output: 5, reasoning: 9, cacheAccounting: 'included' },
    { output: 5, reasoning: 9 },
    ['reasoning_exceeds_output'],
  ],
  ['what was not reported stays absent', { output: 5, cacheAccounting: 'included' }, { output: 5 }],
  ['a reported zero stays', { input: 0, cacheRead: 0, output: 0, cacheAccounting: 'included' }, { input: 0, cache_read: 0, output: 0 }],
]
describe('disjoint classes', () => {
  for (const [name, raw, usage, conflicts] of cases)
    test(name, () => expect(normaliseUsage(raw)).toEqual({ usage, conflicts: conflicts ?? [] }))
})
test('nothing is negative or invented, and the parts add up to what was reported', () => {
  const n = fc.option(fc.nat(1000), { nil: undefined })
  const raw = fc.record({
    input: n,
    output: n,
    cacheRead: n,
    cacheWrite: n,
    reasoning: n,
    total: n,
    cacheAccounting: fc.constantFrom('included' as const, 'excluded' as const, 'unknown' as const),
    reasoningOutsideOutput: fc.boolean(),
  })
  fc.assert(
    fc.property(raw, (r) => {
      const given = Object.fromEntries(Object.entries(r).filter(([, v]) => v !== undefined)) as unknown as RawUsage
      const { usage } = normaliseUsage(given)
      for (const v of Object.values(usage)) expect(v).toBeGreaterThanOrEqual(0)
      for (const [cls, key] of [
        ['input', 'input'],
        ['cache_read', 'cacheRead'],
        ['cache_write', 'cacheWrite'],
        ['output', 'output'],
        ['reasoning', 'reasoning'],
      ] as const)
        expect(usage[cls] === undefined).toBe(given[key] === undefined)
      const cached = (given.cacheRead ?? 0) + (given.cacheWrite ?? 0)
      if (given.input !== undefined) expect([given.input, given.input + cached]).toContain(inputTokens(usage))
      if (given.output !== undefined)
        expect([given.output, given.output + (given.reasoning ?? 0)]).toContain((usage.output ?? 0) + (usage.reasoning ?? 0))
    }),
  )
})
test('sums of nothing are unknown', () =>
  expect([totalTokens({}), inputTokens({ output: 1 }), totalTokens({ cache_write: 5, cache_write_1h: 5 })]).toEqual([
    undefined,
    undefined,
    5,
  ]))
