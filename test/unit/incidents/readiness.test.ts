import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isEnough, READINESS_STATES, type ReadinessState, scoreOf } from '../../../incidents/readiness.ts'

const of = (...rows: readonly (readonly [ReadinessState, number])[]): { state: ReadinessState; weight: number }[] =>
  rows.map(([state, weight]) => ({ state, weight }))

describe('the score', () => {
  test('is the share of the weight that is earned; what is there in part earns half', () =>
    expect(scoreOf(of(['ok', 50], ['weak', 30], ['failed', 20]))).toEqual({ score: 65, lowest: 65, highest: 65 }))
  test('leaves out what is unknown, and says between what it lies', () =>
    expect(scoreOf(of(['ok', 50], ['unknown', 25], ['failed', 25]))).toEqual({ score: 66, lowest: 50, highest: 75 }))
  test('is none when nothing is known', () => expect(scoreOf(of(['unknown', 60], ['unknown', 40]))).toEqual({ lowest: 0, highest: 100 }))
  test('of no checks at all is none', () => expect(scoreOf([])).toEqual({ lowest: 0, highest: 100 }))
  test('is 100 only when nothing is wanting', () => expect(scoreOf(of(['ok', 999], ['weak', 1])).score).toBe(99))
})

const results = fc.array(fc.record({ state: fc.constantFrom(...READINESS_STATES), weight: fc.integer({ min: 1, max: 50 }) }), {
  maxLength: 15,
})

describe('whatever the checks say', () => {
  test('the score lies between its bounds, and the bounds between 0 and 100', () =>
    fc.assert(
      fc.property(results, (some) => {
        const { score, lowest, highest } = scoreOf(some)
        expect(0 <= lowest && lowest <= highest && highest <= 100).toBe(true)
        if (score !== undefined) expect(lowest <= score && score <= highest).toBe(true)
        expect(score === undefined).toBe(some.every((r) => r.state === 'unknown'))
      }),
    ))
  test('an answer to what was unknown never leaves the bounds', () =>
    fc.assert(
      fc.property(results, fc.constantFrom('ok', 'weak', 'failed'), (some, state) => {
        const before = scoreOf(some)
        const after = scoreOf(some.map((r) => (r.state === 'unknown' ? { ...r, state } : r)))
        if (some.length === 0) return
        expect([after.lowest, after.highest]).toEqual([after.score, after.score])
        expect(before.lowest <= after.lowest && after.highest <= before.highest).toBe(true)
      }),
    ))
  test('a better answer to one check never lowers it, and the order of checks does not matter', () =>
    fc.assert(
      fc.property(results, fc.nat(), (some, at) => {
        if (some.length === 0) return
        const better = { failed: 'weak', weak: 'ok', ok: 'ok', unknown: 'unknown' } as const
        const improved = some.map((r, i) => (i === at % some.length ? { ...r, state: better[r.state] } : r))
        const [before, after] = [scoreOf(some), scoreOf(improved)]
        expect((after.score ?? 0) >= (before.score ?? 0) && after.lowest >= before.lowest && after.highest >= before.highest).toBe(true)
        expect(scoreOf(some.toReversed())).toEqual(before)
      }),
    ))
})

describe('enough', () => {
  test.each([
    [70, 70, 'yes'],
    [69, 69, 'no'],
    [40, 69, 'no'],
    [40, 90, 'unknown'],
    [70, 90, 'yes'],
  ] as const)('from %i to %i, 70 asked: %s', (lowest, highest, is) => expect(isEnough({ lowest, highest }, 70)).toBe(is))
})
