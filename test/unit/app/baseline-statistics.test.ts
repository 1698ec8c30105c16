/** The statistics of baselines against values worked out another way: exact sums, tables, and simulations with known answers. */
import { describe, expect, test } from 'vitest'
import { pageOn } from '../../../alert-rules/alerts-shift.ts'
import { CELL, type Counts, type Grid } from '../../../app/baseline/counts.ts'
import { HORIZONS, smallestFactor, smallestRise } from '../../../app/baseline/detectable.ts'
import { normalOf } from '../../../app/baseline/normal.ts'
import { falsePagesPerWeek, fewestThatPage, PAGE_WINDOWS, pastPages, riseOf } from '../../../app/baseline/paging.ts'
import { histogramOf, quantileOf, scaleShare } from '../../../app/baseline/sizes.ts'
import { chanceOfAtLeast, distance, lowestLikely, median, normalTail } from '../../../model/statistics.ts'
import { EFFECTS, OVER, PAGE } from '../../../model/thresholds.ts'
import { poisson, random } from '../../support/backdated.ts'

/** Binomial tail by adding it up. */
function addedUp(k: number, n: number, p: number): number {
  let sum = 0
  for (let i = k; i <= n; i++) {
    let term = p ** i * (1 - p) ** (n - i)
    for (let j = 0; j < i; j++) term *= (n - j) / (i - j)
    sum += term
  }
  return sum
}

describe('chances', () => {
  for (const [k, n, p] of [
    [6, 10, 0.03],
    [11, 20, 0.08],
    [28, 50, 0.25],
    [1, 5, 0.5],
    [40, 60, 0.9],
  ] as const) {
    test(`at least ${k} of ${n} at ${p} is what adding up gives`, () => {
      expect(chanceOfAtLeast(k, n, p, 1) / addedUp(k, n, p)).toBeCloseTo(1, 6)
    })
  }
  test('dispersion makes the same count likelier, never less likely than chance alone', () => {
    expect(chanceOfAtLeast(12, 40, 0.1, 3)).toBeGreaterThan(10 * chanceOfAtLeast(12, 40, 0.1, 1))
    expect(chanceOfAtLeast(12, 40, 0.1, 0.2)).toBe(chanceOfAtLeast(12, 40, 0.1, 1))
  })
  test('edges: nothing needed is certain, more than there are is impossible', () => {
    expect([
      chanceOfAtLeast(0, 5, 0.1, 1),
      chanceOfAtLeast(6, 5, 0.9, 1),
      chanceOfAtLeast(3, 5, 0, 1),
      chanceOfAtLeast(3, 5, 1, 1),
    ]).toEqual([1, 0, 0, 1])
  })
  // Tables of the normal distribution.
  for (const [z, tail] of [
    [0, 0.5],
    [1, 0.15865525],
    [1.96, 0.0249979],
    [3, 0.001349898],
    [4.5, 3.397673e-6],
    [-1, 0.84134475],
  ] as const) {
    test(`a standard normal is above ${z} with chance ${tail}`, () => expect(normalTail(z) / tail).toBeCloseTo(1, 5))
  }
  test('the lowest likely share is under the measured one, more so with fewer events', () => {
    // Wilson, one-sided 95 %, 95 of 100: 0.9007.
    expect(lowestLikely(95, 100, 1)).toBeCloseTo(0.9007, 3)
    expect(lowestLikely(9500, 10_000, 1)).toBeGreaterThan(0.946)
    expect(lowestLikely(100, 100, 4)).toBeLessThan(lowestLikely(100, 100, 1))
  })
  test('medians', () => expect([median([]), median([3, 1, 2]), median([4, 1, 2, 3])]).toEqual([undefined, 2, 2.5]))
})

const DAY = 86_400 / CELL

/** Ten-minute counts of an agent with `perHour` events of which `share(cell)` are bad. */
function simulated(
  days: number,
  perHour: number,
  share: (cell: number) => number,
  seed: number,
): { readonly counts: Counts; readonly grid: Grid } {
  const next = random(seed)
  const grid = { startSeconds: 1_795_046_400, cells: days * DAY }
  const counts = { bad: new Float64Array(grid.cells), total: new Float64Array(grid.cells) }
  for (let cell = 0; cell < grid.cells; cell++) {
    for (let k = poisson(perHour / 6, next); k > 0; k--) {
      counts.total[cell]! += 1
      if (next() < share(cell)) counts.bad[cell]! += 1
    }
  }
  return { counts, grid }
}

function failures(n: number, share: number, next: () => number): number {
  return Array.from({ length: n }, next).filter((v) => v < share).length
}

describe('what is normal', () => {
  test('is the share that was put in, when nothing happened', () => {
    const { counts, grid } = simulated(14, 60, () => 0.05, 1)
    const normal = normalOf(counts, grid, 'ratio')!
    expect(normal.share).toBeCloseTo(0.05, 2)
    expect(normal.dispersion1h).toBeLessThan(1.3)
  })
  test('is not moved by an incident, and the incident is what is left out', () => {
    const bad = (cell: number): boolean => cell >= 9 * DAY + 84 && cell < 9 * DAY + 84 + 72
    const { counts, grid } = simulated(14, 60, (c) => (bad(c) ? 0.7 : 0.05), 2)
    const normal = normalOf(counts, grid, 'ratio')!
    expect(normal.share).toBeGreaterThan(0.045)
    expect(normal.share).toBeLessThan(0.056)
    const at = grid.startSeconds + (9 * DAY + 84) * CELL
    expect(normal.leftOut.some((i) => i.fromSeconds <= at && i.toSeconds >= at + 72 * CELL)).toBe(true)
  })
  test('rare failures do not become unusual by being failures', () => {
    const { counts, grid } = simulated(14, 5, () => 0.01, 3)
    const normal = normalOf(counts, grid, 'ratio')!
    const outCells = normal.kept.filter((k) => !k).length
    expect(outCells / grid.cells).toBeLessThan(0.12)
    expect(normal.share).toBeLessThan(0.015)
  })
  test('varies more than chance where the share itself wanders', () => {
    const { counts, grid } = simulated(14, 200, (c) => 0.1 + 0.05 * Math.sin(c / 20), 4)
    expect(normalOf(counts, grid, 'ratio')!.dispersion1h).toBeGreaterThan(2)
  })
  test('of nothing there is no normal', () => {
    const grid = { startSeconds: 0, cells: 10 }
    expect(normalOf({ bad: new Float64Array(10), total: new Float64Array(10) }, grid, 'ratio')).toBeUndefined()
  })
})

describe('pages of a history', () => {
  const effect = EFFECTS.quality
  test('three bad hours page once, within the first hour, and the page ends', () => {
    const from = 9 * DAY + 84
    const { counts, grid } = simulated(14, 60, (c) => (c >= from && c < from + 18 ? 0.7 : 0.05), 5)
    const pages = pastPages({ kind: 'ratio', counts, normal: normalOf(counts, grid, 'ratio')!, effect }, grid)
    expect(pages).toHaveLength(1)
    const start = grid.startSeconds + from * CELL
    expect(pages[0]!.fromSeconds - start).toBeLessThanOrEqual(3600)
    expect(pages[0]!.toSeconds - start).toBeLessThanOrEqual((18 + 12) * CELL)
    expect(pages[0]!.share).toBeGreaterThan(0.3)
  })
  test('a quiet year of weeks pages hardly ever, and the bound says so', () => {
    const { counts, grid } = simulated(364, 20, () => 0.08, 6)
    const indicator = { kind: 'ratio', counts, normal: normalOf(counts, grid, 'ratio')!, effect } as const
    const perWeek = pastPages(indicator, grid).length / 52
    expect(perWeek).toBeLessThan(0.1)
    expect(falsePagesPerWeek(indicator, grid)).toBeLessThan(0.2)
    expect(falsePagesPerWeek(indicator, grid)).toBeGreaterThan(1e-6)
  })
  test('the bound is one: looser thresholds page about as often as it says, and not more', () => {
    // So dispersed that the rules' own bars are crossed by chance: the counts are kept, what is normal is told to be narrower.
    const { counts, grid } = simulated(700, 40, () => 0.1, 7)
    const honest = normalOf(counts, grid, 'ratio')!
    const bar = { ...honest, dispersion1h: 0.3, dispersion6h: 0.3 }
    const pages = pastPages({ kind: 'ratio', counts, normal: bar, effect: { ...effect, page: 0.05, page10m: 0.05 } }, grid).length / 100
    const bound = falsePagesPerWeek({ kind: 'ratio', counts, normal: bar, effect: { ...effect, page: 0.05, page10m: 0.05 } }, grid)
    expect(pages).toBeGreaterThan(0.2)
    expect(pages).toBeLessThan(bound)
    expect(bound / pages).toBeLessThan(20)
  })
  test('of sizes, the mean must have moved too', () => {
    const { counts, grid } = simulated(14, 60, () => 0.5, 8)
    const from = 5 * DAY
    const shifted = { bad: counts.bad.map((v, i) => (i >= from && i < from + 36 ? (counts.total[i] ?? 0) * 0.95 : v)), total: counts.total }
    const normal = normalOf(shifted, grid, 'level')!
    const same = counts.total.map((n) => n * 2)
    const doubled = counts.total.map((n, i) => n * (i >= from && i < from + 36 ? 4 : 2))
    const pagesWith = (sizes: Float64Array): number =>
      pastPages({ kind: 'level', counts: shifted, sizes, normal, normalMean: 2, effect: EFFECTS.cost }, grid).length
    expect([pagesWith(same), pagesWith(doubled)]).toEqual([0, 1])
  })
})

test('the history is judged by the conditions of the shipped rules', () => {
  const series = (name: string): string => `agent_sli:${name}{sli="quality"}`
  const rules = pageOn('quality').split('\nor\n')
  expect(rules).toHaveLength(PAGE_WINDOWS.length)
  for (const [i, window] of PAGE_WINDOWS.entries()) {
    const rule = rules[i]!
    expect(rule).toContain(`${series(`bad_ratio:zscore${window}`)} > ${PAGE[window].z}`)
    expect(rule).toContain(`${series(`total:increase${window}`)} >= ${PAGE[window].n}`)
    expect(rule).toContain(`> ${riseOf(window, EFFECTS.quality)} and`)
    const rise = (w: string): string => `(${series(`bad_ratio:${w}`)} - ${series('bad_ratio:baseline')})`
    const over = OVER[window].flatMap(({ window: w, z, n, part }) => {
      const isUnder = `${series(`bad_ratio:zscore${w}`)} < ${z}`
      return [
        n === 0 ? isUnder : `(${isUnder} and ${series(`total:increase${w}`)} >= ${n})`,
        ...(part === undefined ? [] : [`${rise(w)} < ${part} * ${rise(window)}`]),
      ]
    })
    expect(
      rule
        .split(' unless ')
        .slice(1)
        .map((t) => t.trim())
        .join(' unless '),
    ).toBe(over.length === 0 ? '' : `${over.join(' unless ')})`)
  }
})

describe('the smallest change that is seen', () => {
  const normal = { share: 0.05, bad: 500, events: 10_000, dispersion1h: 1, dispersion6h: 1, kept: [], leftOut: [] }
  const effect = EFFECTS.quality
  test('shrinks with time and with traffic', () => {
    const busy = smallestRise(200, normal, effect)
    const quiet = smallestRise(10, normal, effect)
    expect(busy['1d'].nineInTen).toBeLessThan(quiet['1d'].nineInTen!)
    expect(busy['1d'].nineInTen).toBeLessThanOrEqual(busy['30m'].nineInTen!)
    expect(busy['2h'].everyOther).toBeLessThan(busy['2h'].nineInTen!)
  })
  test('is unknown where not even a total loss pages', () => expect(smallestRise(2, normal, effect)['30m'].nineInTen).toBeUndefined())
  for (const [horizon, perHour] of [
    ['2h', 60],
    ['1d', 10],
    ['30m', 400],
  ] as const) {
    test(`at ${perHour} an hour nine simulated changes in ten page within ${horizon}, and few that are much smaller`, () => {
      const { nineInTen, everyOther } = smallestRise(perHour, normal, effect)[horizon]
      const before = 48
      const cells = before + HORIZONS[horizon] / CELL
      const next = random(9)
      const paged = (by: number): number => {
        let out = 0
        for (let round = 0; round < 300; round++) {
          const counts = { bad: new Float64Array(cells), total: new Float64Array(cells) }
          for (let cell = 0; cell < cells; cell++) {
            counts.total[cell] = poisson(perHour / 6, next)
            counts.bad[cell] = failures(counts.total[cell]!, normal.share + (cell < before ? 0 : by), next)
          }
          if (pastPages({ kind: 'ratio', counts, normal, effect }, { startSeconds: 0, cells }).length > 0) out++
        }
        return out / 300
      }
      expect(paged(nineInTen!)).toBeGreaterThan(0.85)
      expect(paged(everyOther!)).toBeGreaterThan(0.3)
      expect(paged(everyOther! * 0.6)).toBeLessThan(0.5)
    })
  }
  test('what just pages is over the bar, and one less is not', () => {
    const k = fewestThatPage(60, '1h', normal, effect)
    expect(distance(k / 60, 60, normal, 1)).toBeGreaterThan(PAGE['1h'].z)
    const isUnder = distance((k - 1) / 60, 60, normal, 1) <= PAGE['1h'].z || (k - 1) / 60 - normal.share < effect.page
    expect(isUnder).toBe(true)
  })
  test('of sizes is never under the growth that the rules ask for', () => {
    const level = { ...normal, share: 0.5, dispersion1h: 0.05, dispersion6h: 0.05 }
    const found = smallestFactor(2000, level, EFFECTS.cost, (f) => Math.min(1, 0.5 + 0.1 * Math.log2(f)))
    expect(found['30m'].nineInTen).toBeCloseTo(1.5, 2)
  })
})

describe('sizes from buckets', () => {
  const h = histogramOf(
    new Map([
      [1, 10],
      [2, 60],
      [4, 95],
      [8, 99],
      [Infinity, 100],
    ]),
  )!
  test('quantiles are Prometheus’s, with the bucket they lie in', () => {
    // histogram_quantile(0.5): 1 + (2 - 1) * (50 - 10) / (60 - 10)
    expect(quantileOf(h, 0.5)).toEqual({ value: 1.8, between: [1, 2] })
    expect(quantileOf(h, 0.05)).toEqual({ value: 0.5, between: [0, 1] })
  })
  test('above the last bound a quantile is unknown', () => expect(quantileOf(h, 0.995)).toBeUndefined())
  test('counts that shrink by extrapolation are made to grow', () => {
    expect(
      histogramOf(
        new Map([
          [1, 10],
          [2, 9.8],
          [Infinity, 10.1],
        ]),
      )!.under,
    ).toEqual([10, 10])
  })
  test('nothing is no histogram', () =>
    expect(
      histogramOf(
        new Map([
          [1, 0],
          [Infinity, 0],
        ]),
      ),
    ).toBeUndefined())
  test('twice the size lies further up the scale, once is where it was', () => {
    expect(scaleShare(h, 1)).toBeCloseTo((0.9 + 0.4 + 0.05 + 0.01) / 4, 9)
    expect(scaleShare(h, 2)).toBeCloseTo((0.95 + 0.9 + 0.4 + 0.05) / 4, 9)
  })
})
