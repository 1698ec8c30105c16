/** The onset of rises that were put in, how often one is found that was not, and the hour-to-hour dispersion. Seeds are fixed. */
import { describe, expect, test } from 'vitest'
import { dispersionOf, findOnset, type Interval } from '../../../incidents/onset.ts'
import { normal, poisson, random } from '../../support/backdated.ts'

const STEP = 600_000

/** Intervals of ten minutes with about `rate` events, failing as told by their number. */
function drawn(next: () => number, n: number, rate: number, failing: (i: number) => number): readonly Interval[] {
  return Array.from({ length: n }, (_, i) => {
    const total = poisson(rate, next)
    let bad = 0
    for (let k = 0; k < total; k++) if (next() < failing(i)) bad++
    return { fromMs: i * STEP, toMs: (i + 1) * STEP, bad, total }
  })
}

describe('without a change', () => {
  for (const [rate, share] of [
    [5, 0.1],
    [50, 0.02],
    [20, 0.4],
  ] as const) {
    test(`of ${rate} events an interval at ${share}, an onset is found in at most one of fifty days`, () => {
      const next = random(3)
      let found = 0
      for (let i = 0; i < 1000; i++) if (findOnset(drawn(next, 144, rate, () => share)) !== undefined) found++
      expect(found).toBeLessThanOrEqual(20)
    })
  }
})

describe('a rise from 10 to 40 %', () => {
  for (const rate of [3, 10, 40])
    test(`with ${rate} events an interval: found, and its interval holds the beginning nine times in ten`, () => {
      const next = random(5)
      let [found, covered, near] = [0, 0, 0]
      for (let i = 0; i < 300; i++) {
        const onset = findOnset(drawn(next, 162, rate, (at) => (at < 144 ? 0.1 : 0.4)))
        if (onset === undefined) continue
        found++
        if (onset.fromMs <= 144 * STEP && onset.toMs >= 144 * STEP) covered++
        if (Math.abs(onset.atMs - 144 * STEP) <= 3 * STEP) near++
      }
      expect(found / 300).toBeGreaterThan(0.9)
      expect(covered / found).toBeGreaterThan(0.85)
      expect(near / found).toBeGreaterThan(0.75)
    })
  test('its counts before and after are those of the intervals on either side', () => {
    const intervals = drawn(random(1), 162, 20, (i) => (i < 144 ? 0.1 : 0.4))
    const onset = findOnset(intervals)!
    const sum = (all: readonly Interval[]): number => all.reduce((n, i) => n + i.total, 0)
    expect(onset.before.total).toBe(sum(intervals.filter((i) => i.toMs <= onset.atMs)))
    expect(onset.after.total).toBe(sum(intervals.filter((i) => i.fromMs >= onset.atMs)))
  })
})

describe('what is no onset', () => {
  const steps = (shares: readonly number[]): readonly Interval[] =>
    shares.map((s, i) => ({ fromMs: i * STEP, toMs: (i + 1) * STEP, bad: 100 * s, total: 100 }))
  test('a fall', () => expect(findOnset(steps([0.4, 0.4, 0.4, 0.4, 0.1, 0.1, 0.1, 0.1]))).toBeUndefined())
  test('three intervals', () => expect(findOnset(steps([0.1, 0.1, 0.9]))).toBeUndefined())
  test('no events', () => expect(findOnset([])).toBeUndefined())
  test('intervals without events are no evidence', () => {
    const gaps = steps([0.1, 0.1, 0.1, 0.4, 0.4]).map((i, at) => (at === 3 ? { ...i, total: 0, bad: 0 } : i))
    expect(findOnset(gaps)!.atMs).toBe(4 * STEP)
  })
  test('what comes in clusters of ten needs ten times the evidence', () => {
    const rise = steps([0.1, 0.1, 0.1, 0.1, 0.25, 0.25])
    expect([findOnset(rise) !== undefined, findOnset(rise, 10) !== undefined]).toEqual([true, false])
  })
})

describe('dispersion', () => {
  const mean = (seeds: number, make: (next: () => number) => readonly Interval[]): number => {
    let sum = 0
    for (let i = 0; i < seeds; i++) sum += dispersionOf(make(random(100 + i)))!
    return sum / seeds
  }
  test('of pure chance is 1', () => expect(mean(200, (next) => drawn(next, 144, 10, () => 0.2))).toBeCloseTo(1, 0.7))
  test('of a share that wanders from hour to hour is more', () => {
    expect(
      mean(50, (next) => {
        const hours = Array.from({ length: 24 }, () => 0.2 + 0.08 * normal(next))
        return drawn(next, 144, 20, (i) => hours[Math.floor(i / 6)]!)
      }),
    ).toBeGreaterThan(3)
  })
  test('is not raised by an incident of three hours', () => {
    expect(mean(100, (next) => drawn(next, 144, 10, (i) => (i < 126 ? 0.1 : 0.5)))).toBeLessThan(2.5)
  })
  test('of five hours is not known', () => expect(dispersionOf(drawn(random(1), 30, 10, () => 0.1))).toBeUndefined())
})
