/** From a history to objectives: what is proposed, what is not and why, for agents with little, odd and hostile histories. */
import { describe, expect, test } from 'vitest'
import { CELL, type Counts, type Grid } from '../../../app/baseline/counts.ts'
import type { AgentHistory, SizeHistory, SizeName } from '../../../app/baseline/history.ts'
import { measure } from '../../../app/baseline/measure.ts'
import { propose, type Proposals } from '../../../app/baseline/propose.ts'
import { volumeOf } from '../../../app/baseline/volume.ts'
import { count, minute, per, percent, points, printable, silence, span } from '../../../app/baseline/words.ts'
import { poisson, random } from '../../support/backdated.ts'

/** Monday 2026-11-02 00:00 UTC. */
const START = Date.UTC(2026, 10, 2) / 1000
const DAY = 86_400 / CELL

interface Sketch {
  readonly days: number
  readonly perHour: (cell: number) => number
  readonly failing?: number
  /** Bounds of a size, and the share of runs at or under each. */
  readonly cost?: readonly (readonly [number, number])[]
}

function historyOf({ days, perHour, failing = 0.05, cost = [] }: Sketch): AgentHistory {
  const next = random(3)
  const grid: Grid = { startSeconds: START, cells: days * DAY }
  const runs = new Float64Array(grid.cells).map((_, cell) => poisson(perHour(cell) / 6, next))
  const quality: Counts = { bad: runs.map((n) => Array.from({ length: n }, next).filter((v) => v < failing).length), total: runs }
  const none: Counts = { bad: new Float64Array(grid.cells), total: new Float64Array(grid.cells) }
  const hourly = new Float64Array(days * 24).map((_, h) => runs.slice(h * 6, h * 6 + 6).reduce((s, v) => s + v, 0))
  const hours = new Map([...cost, [Infinity, 1] as const].map(([bound, share]) => [bound, hourly.map((n) => n * share)]))
  const place = cost.length === 0 ? 0 : 1 - cost.reduce((s, [, share]) => s + share, 0) / cost.length
  const size: SizeHistory = { counts: { bad: runs.map((n) => n * place), total: runs }, sums: runs.map((n) => n * 0.05), hours }
  return {
    agent: 'a',
    environment: '',
    grid,
    watched: Array.from({ length: grid.cells }, () => true),
    runs,
    quality,
    errors: { bad: none.bad, total: runs },
    checks: new Map(),
    evaluations: new Map(),
    toolErrors: new Map(),
    toolEmpties: new Map(),
    sizes: cost.length === 0 ? new Map() : new Map<SizeName, SizeHistory>([['cost', size]]),
  }
}

const proposed = (sketch: Sketch): Proposals => propose(measure(historyOf(sketch)), 0.95)
const valuesOf = (p: Proposals): Record<string, unknown> => Object.fromEntries(p.proposals.map((x) => [x.section, x.values]))

describe('too little history', () => {
  test('three runs are no objective, and the reader is told what applies', () => {
    const { proposals, notes } = proposed({ days: 1, perHour: (c) => (c === 100 || c === 110 || c === 120 ? 6 : 0) })
    expect(proposals).toEqual([])
    expect(notes).toHaveLength(1)
    expect(notes[0]).toContain('too little history for objectives')
    expect(notes[0]).toContain('The default quality target of 0.95 applies')
  })
  test('many runs in a day are not enough either: a day is no week', () => {
    expect(proposed({ days: 1, perHour: () => 500 }).proposals).toEqual([])
  })
  test('without a default target that is said too', () => {
    expect(propose(measure(historyOf({ days: 1, perHour: () => 1 })), undefined).notes[0]).toContain('No quality target applies')
  })
  test('rated runs are counted by themselves', () => {
    const h = historyOf({ days: 14, perHour: () => 20 })
    const rated = h.runs.map((n, i) => (i % 300 === 0 ? n : 0))
    const { proposals, notes } = propose(measure({ ...h, quality: { bad: rated.map(() => 0), total: rated } }), 0.95)
    expect(proposals.map((p) => p.section)).toEqual(['expect_runs'])
    expect(notes.some((n) => n.startsWith('quality: only ') && n.includes('The default target of 0.95 applies'))).toBe(true)
  })
})

describe('objectives', () => {
  test('quality is what the agent reaches, less chance, rounded down', () => {
    expect(valuesOf(proposed({ days: 14, perHour: () => 60, failing: 0.055 }))['quality']).toEqual({ target: 0.94 })
    expect(valuesOf(proposed({ days: 14, perHour: () => 60, failing: 0.003 }))['quality']).toEqual({ target: 0.996 })
  })
  test('an agent that passes nothing has no target, and is not given 0', () => {
    const { proposals, notes } = proposed({ days: 14, perHour: () => 60, failing: 1 })
    expect(proposals.some((p) => p.section === 'quality')).toBe(false)
    expect(notes.join()).toContain('hardly any rated run passes')
  })
  test('a limit is the first bucket bound that enough runs stay under, for sure', () => {
    // 99.0 % measured under 0.1 could be 98.9 %: the next bound is taken.
    const cost = [
      [0.01, 0.3],
      [0.1, 0.99],
      [0.5, 0.999],
    ] as const
    expect(valuesOf(proposed({ days: 14, perHour: () => 60, cost }))['cost_usd']).toEqual({ per_run: 0.5, target: 0.99 })
  })
  test('with a small sample the promise is smaller', () => {
    expect(valuesOf(proposed({ days: 14, perHour: () => 0.72, cost: [[0.1, 1]] }))['cost_usd']).toEqual({ per_run: 0.1, target: 0.95 })
  })
  test('what lies over the largest bucket has no known size: no limit', () => {
    const { proposals, notes } = proposed({
      days: 14,
      perHour: () => 60,
      cost: [
        [0.01, 0.2],
        [0.1, 0.7],
      ],
    })
    expect(proposals.some((p) => p.section === 'cost_usd')).toBe(false)
    expect(notes.join()).toContain('over the largest bucket')
  })
  test('unknown cost is no cost of zero', () => {
    expect(proposed({ days: 14, perHour: () => 60 }).notes.some((n) => n.startsWith('cost_usd: cost is known of only 0'))).toBe(true)
  })
  test('every objective says sample, false pages, smallest change and past pages', () => {
    const { proposals } = proposed({
      days: 14,
      perHour: () => 60,
      cost: [
        [0.01, 0.3],
        [0.1, 0.9999],
      ],
    })
    expect(proposals.map((p) => p.section)).toEqual(['quality', 'cost_usd', 'expect_runs'])
    for (const p of proposals) {
      const text = p.because.join('\n')
      expect(text).toMatch(/[\d,]+ (rated )?runs/)
      expect(text).toContain('false pages by chance: at most ')
      expect(text).toContain('would have paged: ')
      expect(text).toMatch(/30m.*2h.*1d/)
    }
  })
})

describe('silence', () => {
  const volume = (perHour: (cell: number) => number, days = 14): ReturnType<typeof volumeOf> => {
    const h = historyOf({ days, perHour })
    return volumeOf(h.runs, h.watched, h.grid)
  }
  test('of steady traffic is a fixed gap: longer for less traffic', () => {
    expect(volume(() => 600).expectEvery).toBe(900)
    const quiet = volume(() => 5)
    expect(quiet.expectEvery).toBeGreaterThanOrEqual(2 * 3600)
    expect(quiet.expectEvery).toBeLessThanOrEqual(8 * 3600)
    expect(quiet.pastSilences).toEqual([])
  })
  test('of an agent with nights is judged by the hour of the week', () => {
    const isOpen = (cell: number): boolean => cell % DAY > 48 && cell % DAY < 108
    const usual = volume((cell) => (isOpen(cell) ? 100 : 0))
    expect([usual.expectEvery, usual.pastSilences]).toEqual(['baseline', []])
    // What is usual is what office hours bring, not the nights.
    expect(usual.medianPerHour).toBeGreaterThan(80)
    const outage = volume((cell) => (isOpen(cell) && !(cell >= 8 * DAY + 60 && cell < 8 * DAY + 72) ? 100 : 0))
    expect(outage.pastSilences).toHaveLength(1)
    expect(Math.abs(outage.pastSilences[0]!.fromSeconds - (START + 8 * 86_400 + 60 * CELL))).toBeLessThanOrEqual(CELL)
  })
  test('is not judged before a week was seen', () => expect(volume(() => 60, 5).expectEvery).toBeUndefined())
  test('in the past is listed, and one outage does not become normal', () => {
    const { expectEvery, pastSilences } = volume((cell) => (cell >= 5 * DAY && cell < 5 * DAY + 30 ? 0 : 60))
    expect(expectEvery).toBeLessThanOrEqual(3600)
    expect(pastSilences).toHaveLength(1)
    expect(pastSilences[0]!.fromSeconds).toBeLessThanOrEqual(START + 5 * 86_400)
    expect(pastSilences[0]!.toSeconds).toBeGreaterThanOrEqual(START + 5 * 86_400 + 30 * CELL)
  })
  test('while nobody watched is no silence', () => {
    const h = historyOf({ days: 14, perHour: (cell) => (cell >= 5 * DAY && cell < 5 * DAY + 30 ? 0 : 60) })
    const watched = h.watched.map((_, cell) => cell < 5 * DAY - 1 || cell >= 5 * DAY + 30)
    expect(volumeOf(h.runs, watched, h.grid).pastSilences).toEqual([])
  })
  test('hours of the week start on Monday 00:00 UTC', () => {
    const { byHourOfWeek } = volume((cell) => (Math.floor(cell / 6) % 168 === 26 ? 60 : 0))
    expect(byHourOfWeek.findIndex((v) => (v ?? 0) > 30)).toBe(26)
    expect(byHourOfWeek).toHaveLength(168)
  })
})

test('words', () => {
  expect([percent(0.0512), percent(0.99541), percent(0.004), count(1234.4), count(1.26), per(1.3, 'run'), per(2, 'run')]).toEqual([
    '5.1 %',
    '99.54 %',
    '0.4 %',
    '1,234',
    '1.3',
    '1 run',
    '2 runs',
  ])
  expect([points(0.101), points(undefined), span(90), span(5400), span(90_000), silence(5400), silence(86_400)]).toEqual([
    '11 points',
    'none',
    '2m',
    '1h30m',
    '1d1h',
    '90m',
    '1d',
  ])
  expect(minute(START)).toBe('2026-11-02 00:00')
  expect([printable('support-agent'), printable('a\u001b[31mb'), printable(' x'), printable('a\u202eb'), printable('')]).toEqual([
    'support-agent',
    '"a\\u001b[31mb"',
    '" x"',
    '"a\\u202eb"',
    '""',
  ])
})
