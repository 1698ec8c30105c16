/** When a distribution counts as moved: never by chance more than told, whatever the order of the buckets, and not by a little. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { divergence } from '../../../incidents/divergence.ts'
import { random } from '../../support/backdated.ts'
import { distribution } from './triage-support.ts'

const MIX = [0.42, 0.22, 0.12, 0.18, 0.06] as const

function drawn(next: () => number, n: number, mix: readonly number[]): number[] {
  const out = mix.map(() => 0)
  for (let i = 0; i < n; i++) {
    let u = next()
    const at = mix.findIndex((share) => (u -= share) < 0)
    const bucket = at < 0 ? mix.length - 1 : at
    out[bucket] = (out[bucket] ?? 0) + 1
  }
  return out
}
const of = (before: readonly number[], after: readonly number[]) =>
  distribution('tokens', Object.fromEntries(before.map((b, i) => [`b${i}`, [b, after[i] ?? 0] as const])))

describe('two samples of one mix', () => {
  for (const [before, after] of [
    [2000, 40],
    [500, 100],
    [5000, 1000],
  ] as const)
    test(`${before} and ${after}: moved at most three times in a thousand`, () => {
      const next = random(2)
      let found = 0
      for (let i = 0; i < 1000; i++) if (divergence(of(drawn(next, before, MIX), drawn(next, after, MIX))).isMoved) found++
      expect(found).toBeLessThanOrEqual(3)
    })
})

describe('what moved', () => {
  const moved = [0.28, 0.14, 0.3, 0.1, 0.18]
  test('another mix of 150 inputs is found, with the buckets that moved most', () => {
    const next = random(4)
    const found = divergence(of(drawn(next, 5000, MIX), drawn(next, 150, moved)))
    expect(found.isMoved).toBe(true)
    expect(found.text).toMatch(/^b[02] \d+ % → \d+ %, b[02] \d+ % → \d+ %$/)
  })
  test('one of 19 inputs is too few to tell', () =>
    expect(divergence(of([1000, 1000], [19, 0]))).toMatchObject({ isMoved: false, text: 'too few to tell' }))
  test('a move of two points is none, however sure', () =>
    expect(divergence(of([500_000, 500_000], [520_000, 480_000]))).toMatchObject({ isMoved: false, p: expect.closeTo(0, 6) as number }))
  test('a bucket that is new altogether counts', () => expect(divergence(of([1000, 0], [60, 40])).isMoved).toBe(true))
  test('the size is 1 bit where nothing is left as it was', () => expect(divergence(of([1e6, 0], [0, 1e6])).size).toBeCloseTo(1, 4))
})

test('exchanging before and after, or the order of the buckets, changes neither size nor p', () => {
  const buckets = fc.array(fc.tuple(fc.integer({ min: 0, max: 500 }), fc.integer({ min: 0, max: 500 })), { minLength: 2, maxLength: 6 })
  fc.assert(
    fc.property(buckets, (rows) => {
      const [b, a] = [rows.map((r) => r[0]), rows.map((r) => r[1])]
      const there = divergence(of(b, a))
      for (const other of [divergence(of(a, b)), divergence(of(b.toReversed(), a.toReversed()))]) {
        expect(other.size).toBeCloseTo(there.size, 9)
        expect(other.p).toBeCloseTo(there.p, 9)
      }
      expect(there.p).toBeLessThanOrEqual(1)
    }),
  )
})
