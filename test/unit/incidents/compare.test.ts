/** Intervals and tests against published values, and what must hold whatever the counts are. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compare, corrected, runsNeeded } from '../../../incidents/compare.ts'
import { random } from '../../support/backdated.ts'

describe('published values', () => {
  // Newcombe, Statistics in Medicine 17 (1998) 873-890, table II, method 10; his difference is first less second.
  for (const [name, first, second, low, high] of [
    ['56 of 70 against 48 of 80', [56, 70], [48, 80], 0.0524, 0.3339],
    ['9 of 10 against 3 of 10', [9, 10], [3, 10], 0.1705, 0.809],
    ['6 of 7 against 2 of 7', [6, 7], [2, 7], 0.0582, 0.8062],
    ['5 of 56 against none of 29', [5, 56], [0, 29], -0.0381, 0.1926],
    ['none of 10 against none of 20', [0, 10], [0, 20], -0.1611, 0.2775],
    ['10 of 10 against none of 20', [10, 10], [0, 20], 0.6791, 1],
  ] as const) {
    test(`Newcombe's interval of ${name}`, () => {
      const { interval } = compare({ bad: second[0], total: second[1] }, { bad: first[0], total: first[1] })
      expect(interval[0]).toBeCloseTo(low, 4)
      expect(interval[1]).toBeCloseTo(high, 4)
    })
  }
  test("Fisher's tea: mid-P of three of four against one of four is 18 of 70", () => {
    expect(compare({ bad: 1, total: 4 }, { bad: 3, total: 4 }).p).toBeCloseTo(18 / 70, 10)
  })
  test('all of four against none of four: one of 70 on either side, at half each', () => {
    expect(compare({ bad: 0, total: 4 }, { bad: 4, total: 4 }).p).toBeCloseTo(1 / 70, 10)
  })
  test('few events among very many are tested exactly: 3 of 100,000 against 3 of 1,000', () => {
    // Each of the 6 falls among the 1,000 with chance 1/101 (with replacement, to four digits): 3 or more of 6, the third at half.
    const q = 1 / 101
    const of = (k: number): number => [1, 6, 15, 20, 15, 6, 1][k]! * q ** k * (1 - q) ** (6 - k)
    const p = of(3) / 2 + of(4) + of(5) + of(6)
    expect(compare({ bad: 3, total: 100_000 }, { bad: 3, total: 1000 }).p / p).toBeCloseTo(1, 1)
  })
  test('exact and approximate tests meet where one takes over from the other', () => {
    const at = (n: number): number => compare({ bad: n * 0.3, total: n }, { bad: n * 0.33, total: n }).p
    expect(Math.abs(Math.log(at(3100) / at(3200)))).toBeLessThan(0.2)
  })
  test('Holm: 0.01, 0.04, 0.03 together are 0.03, 0.06, 0.06', () => {
    expect(corrected([{ p: 0.01 }, { p: 0.04 }, { p: 0.03 }]).map((c) => Number(c.adjustedP.toFixed(6)))).toEqual([0.03, 0.06, 0.06])
  })
})

const counts = fc
  .integer({ min: 1, max: 4000 })
  .chain((total) => fc.record({ total: fc.constant(total), bad: fc.integer({ min: 0, max: total }) }))

describe('whatever the counts', () => {
  test('exchanging before and after turns the sign and keeps p', () => {
    fc.assert(
      fc.property(counts, counts, (a, b) => {
        const [there, back] = [compare(a, b), compare(b, a)]
        expect(there.difference).toBeCloseTo(-back.difference, 12)
        expect(there.interval[0]).toBeCloseTo(-back.interval[1], 9)
        expect(there.p).toBeCloseTo(back.p, 6)
      }),
    )
  })
  test('the interval holds the difference and lies within -1 and 1; p is a probability', () => {
    fc.assert(
      fc.property(counts, counts, fc.double({ min: 0.1, max: 5, noNaN: true }), (a, b, dispersion) => {
        const { difference, interval, p } = compare(a, b, dispersion)
        expect(interval[0]).toBeLessThanOrEqual(difference + 1e-9)
        expect(interval[1]).toBeGreaterThanOrEqual(difference - 1e-9)
        expect(interval[0]).toBeGreaterThanOrEqual(-1)
        expect(interval[1]).toBeLessThanOrEqual(1)
        expect(p).toBeGreaterThanOrEqual(0)
        expect(p).toBeLessThanOrEqual(1)
      }),
    )
  })
  test('ten times the runs narrow the interval', () => {
    fc.assert(
      fc.property(counts, counts, (a, b) => {
        const width = (k: number): number => {
          const { interval } = compare({ bad: a.bad * k, total: a.total * k }, { bad: b.bad * k, total: b.total * k })
          return interval[1] - interval[0]
        }
        expect(width(10)).toBeLessThan(width(1))
      }),
    )
  })
  test('no runs on one side say nothing', () => {
    expect(compare({ bad: 0, total: 0 }, { bad: 5, total: 5 })).toMatchObject({ p: 1, total: [0, 5] })
  })
})

/** Two samples of one share. */
function drawn(next: () => number, n: number, share: number): { bad: number; total: number } {
  let bad = 0
  for (let i = 0; i < n; i++) if (next() < share) bad++
  return { bad, total: n }
}

describe('without any change', () => {
  for (const [share, n1, n2] of [
    [0.02, 400, 60],
    [0.1, 1000, 80],
    [0.4, 60, 40],
    [0.15, 5000, 900],
  ] as const) {
    test(`of ${n1} and ${n2} runs at ${share}, p is under 0.01 about once in a hundred`, () => {
      const next = random(7)
      let found = 0
      for (let i = 0; i < 3000; i++) if (compare(drawn(next, n1, share), drawn(next, n2, share)).p < 0.01) found++
      // Three standard errors above the level; the exact test is discrete, and may be well below.
      expect(found / 3000).toBeLessThan(0.0155)
      expect(found).toBeGreaterThan(0)
    })
  }
})

describe('runs needed', () => {
  for (const [normal, feared] of [
    [0.1, 0.3],
    [0.02, 0.12],
    [0.3, 0.5],
  ] as const) {
    test(`from ${normal} to ${feared}: that many find it about nine times in ten at 0.01`, () => {
      const next = random(11)
      const runs = runsNeeded(normal, feared, 2000)
      let found = 0
      for (let i = 0; i < 1000; i++) if (compare(drawn(next, 2000, normal), drawn(next, runs, feared)).p < 0.01) found++
      expect(found / 1000).toBeGreaterThan(0.8)
      expect(found / 1000).toBeLessThan(0.97)
    })
  }
  test('a rise of nothing, or before which there was hardly a run, takes for ever', () => {
    expect([runsNeeded(0.1, 0.1, 1000), runsNeeded(0.1, 0.3, 5)]).toEqual([Infinity, Infinity])
  })
  test('clusters of two need twice the runs', () => {
    expect(runsNeeded(0.1, 0.3, 1e9, 2) / runsNeeded(0.1, 0.3, 1e9)).toBeCloseTo(2, 1)
  })
})
