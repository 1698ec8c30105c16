/** Series of several processes as those of one: sums, gauges by meaning, bounds over all, and totals that never go back. */
import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import type { FamilySeries, SeriesRow } from '../../../app/processes/messages.ts'
import { Merged } from '../../../app/processes/merge.ts'
import { ADDED, joinProcessMetrics, LEAST, MOST } from '../../../app/processes/merge-rules.ts'
import { rowsOf } from '../../../app/processes/rows.ts'
import { METRICS } from '../../../model/metrics.ts'
import { createMetrics, DEFAULT_METRICS_OPTIONS, renderAll } from '../../../processor/metrics.ts'

const NOW = 1_790_000_000_000
const DAY = 86_400_000
const OK_REQUESTS = ['http', 'traces', '200'].join('\0')
let folded: string[]
let merged: Merged
const create = (options: Partial<ConstructorParameters<typeof Merged>[0]> = {}): Merged => {
  folded = []
  return new Merged({
    ...DEFAULT_METRICS_OPTIONS,
    sources: 2,
    folded: (metric, agent) => folded.push(`${metric} ${agent}`),
    ...options,
  })
}
beforeEach(() => (merged = create()))

const counter = (agent: string, value: number, lastMs = NOW): SeriesRow => [`${agent}\0`, value, lastMs, [], []]
const late = (...rows: readonly SeriesRow[]): FamilySeries => ['agentopz_late_spans_total', rows]
function tell(source: number, families: readonly FamilySeries[], now = NOW): void {
  merged.begin(source)
  merged.add(source, families)
  merged.end(source, now)
}
async function shown(of = merged): Promise<readonly string[]> {
  let text = ''
  for await (const piece of renderAll(of.shown(), () => Promise.resolve([]), 'text')) text += piece
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
}
const spans = (agent: string, n: number): string => `agentopz_late_spans_total{agent="${agent}",environment=""} ${n}`

describe('what all show', () => {
  test('counters are added, with those that one process has alone', async () => {
    tell(0, [late(counter('a', 1), counter('b', 2))])
    tell(1, [late(counter('a', 10), counter('c', 3))])
    expect(await shown()).toEqual([spans('a', 11), spans('b', 2), spans('c', 3)])
    tell(0, [late(counter('a', 5), counter('b', 2))])
    expect(await shown()).toEqual([spans('a', 15), spans('b', 2), spans('c', 3)])
  })

  test('one process that recorded everything shows the same, histograms included', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ to: fc.nat(1), agent: fc.constantFrom('a', 'b'), value: fc.integer({ min: 0, max: 600 }) }), {
          maxLength: 40,
        }),
        async (samples) => {
          const [one, ...two] = [0, 1, 2].map(() => createMetrics({}))
          for (const { to, agent, value } of samples)
            for (const m of [one, two[to]]) {
              m?.observe('agentopz_run_steps', { agent, environment: '' }, { value, weight: 2 }, NOW)
              m?.add('agentopz_late_spans_total', { agent, environment: '' }, value, NOW)
              m?.set('agentopz_last_run_timestamp_seconds', { agent, environment: '' }, NOW / 1000, NOW)
            }
          merged = create()
          for (const [source, m] of two.entries()) tell(source, Array.from(m.families(NOW), rowsOf))
          const { body } = await one!.expose(undefined, NOW)
          const expected = body
            .split('\n')
            .filter((line) => line !== '' && !line.startsWith('#') && !line.startsWith('agentopz_build_info'))
          const got = (await shown()).filter((line) => !line.startsWith('agentopz_build_info'))
          expect([...got].sort()).toEqual([...expected].sort())
        },
      ),
      { numRuns: 50 },
    )
  })

  test('gauges by what they mean: amounts added, the worst of what must be well, the most of the rest', async () => {
    for (const [source, values] of [
      [5, 1, 7],
      [3, 0, 9],
    ].entries())
      tell(source, [
        ['agentopz_open_spans', [['', values[0]!, NOW, [], []]]],
        ['agentopz_journal_up', [['', values[1]!, NOW, [], []]]],
        ['agentopz_open_run_max_steps', [['a\0', values[2]!, NOW, [], []]]],
      ])
    expect(await shown()).toEqual([
      'agentopz_open_run_max_steps{agent="a",environment=""} 9',
      'agentopz_journal_up 0',
      'agentopz_open_spans 8',
    ])
  })

  test('every gauge of the catalogue has one meaning', () => {
    for (const [name, { type }] of Object.entries(METRICS))
      expect([name, [ADDED, LEAST, MOST].filter((s) => s.has(name)).length]).toEqual([name, type === 'gauge' ? 1 : 0])
  })

  test('the newest exemplar is shown', async () => {
    const row = (traceId: string, atMs: number): SeriesRow => ['a\0', 1, NOW, [], [{ traceId, value: 1, atMs }]]
    tell(0, [late(row('1'.repeat(32), 2000))])
    tell(1, [late(row('2'.repeat(32), 1000))])
    let text = ''
    for await (const piece of renderAll(merged.shown(), () => Promise.resolve([]), 'openmetrics')) text += piece
    expect(text).toContain(`# {trace_id="${'1'.repeat(32)}"} 1 2.000`)
    expect(text).not.toContain('2'.repeat(32))
  })

  test('values of a label', () => {
    tell(0, [late(counter('a', 1), counter('b', 1))])
    expect(merged.valuesOf('agentopz_late_spans_total', 'agent')).toEqual(new Set(['a', 'b']))
  })
})

describe('a total never goes back', () => {
  test('when a process ends without a journal, and another begins at 0 in its place', async () => {
    tell(0, [late(counter('a', 100))])
    tell(1, [late(counter('a', 10))])
    merged.left(0)
    expect(await shown()).toEqual([spans('a', 110)])
    merged.replaced(0, false)
    expect(await shown()).toEqual([spans('a', 110)])
    tell(0, [late(counter('a', 1))])
    expect(await shown()).toEqual([spans('a', 111)])
  })

  test('with a journal it goes on where it was: nothing is added twice', async () => {
    tell(0, [late(counter('a', 100)), ['agentopz_requests_total', [[OK_REQUESTS, 7, NOW, [], []]]]])
    merged.left(0)
    merged.replaced(0, true)
    expect(await shown()).toContain(spans('a', 100))
    tell(0, [late(counter('a', 103)), ['agentopz_requests_total', [[OK_REQUESTS, 2, NOW, [], []]]]])
    // Requests begin at 0 with each process, whether there is a journal or not.
    expect(await shown()).toEqual([spans('a', 103), 'agentopz_requests_total{protocol="http",signal="traces",code="200"} 9'])
  })

  test('when one process finds a series idle that another has', async () => {
    tell(0, [late(counter('a', 100, NOW - DAY))])
    tell(1, [late(counter('a', 10))])
    tell(0, [late()], NOW + 1)
    expect(await shown()).toEqual([spans('a', 110)])
    tell(1, [late(counter('a', 11))], NOW + 2)
    expect(await shown()).toEqual([spans('a', 111)])
  })

  test('a series that every process found idle is gone, and begins again', async () => {
    tell(0, [late(counter('a', 100, NOW - DAY - 2))])
    tell(0, [late()])
    expect(await shown()).toEqual([])
    tell(0, [late(counter('a', 1))])
    expect(await shown()).toEqual([spans('a', 1)])
  })

  test('a histogram is carried bucket by bucket', async () => {
    const counts = (n: number): number[] =>
      Array.from({ length: METRICS.agentopz_run_steps.buckets.length + 1 }, (_, i) => (i === 2 ? n : 0))
    tell(0, [['agentopz_run_steps', [['a\0', 6, NOW, counts(3), []]]]])
    merged.replaced(0, false)
    tell(0, [['agentopz_run_steps', [['a\0', 2, NOW, counts(1), []]]]])
    const text = await shown()
    expect(text).toContain('agentopz_run_steps_sum{agent="a",environment=""} 8')
    expect(text).toContain('agentopz_run_steps_bucket{agent="a",environment="",le="2.0"} 4')
    expect(text).toContain('agentopz_run_steps_bucket{agent="a",environment="",le="1.0"} 0')
  })

  test('what is carried is kept for the next start, where the metric continues', async () => {
    tell(0, [late(counter('a', 100)), ['agentopz_requests_total', [[OK_REQUESTS, 7, NOW, [], []]]]])
    expect(merged.takeCarried()).toBeUndefined()
    merged.replaced(0, false)
    const carried = merged.takeCarried()
    expect(carried).toEqual([['agentopz_late_spans_total', 'a\0', 100, NOW, []]])
    expect(merged.takeCarried()).toBeUndefined()
    merged = create()
    merged.restoreCarried(carried ?? [])
    tell(1, [late(counter('a', 5))])
    expect(await shown()).toEqual([spans('a', 105)])
  })

  test('open runs of a process that ended are not shown any more, the time of its last run is', async () => {
    tell(0, [
      ['agentopz_open_runs', [['a\0', 4, NOW, [], []]]],
      ['agentopz_last_run_timestamp_seconds', [['a\0', 9, NOW, [], []]]],
    ])
    merged.left(0)
    expect(await shown()).toEqual(['agentopz_last_run_timestamp_seconds{agent="a",environment=""} 9'])
    tell(0, [['agentopz_open_runs', [['a\0', 2, NOW, [], []]]]])
    expect(await shown()).toContain('agentopz_open_runs{agent="a",environment=""} 2')
  })
})

describe('bounds hold over all', () => {
  test('agents beyond the bound are folded, whoever has them, and nothing is lost of the sum', async () => {
    merged = create({ maxAgents: 2 })
    tell(0, [late(counter('a', 1), counter('b', 2))])
    tell(1, [late(counter('c', 4), counter('a', 8), counter('d', 16))])
    expect(await shown()).toEqual([spans('a', 9), spans('b', 2), spans('__overflow__', 20)])
    expect(folded).toEqual(['agentopz_late_spans_total __overflow__', 'agentopz_late_spans_total __overflow__'])
    tell(1, [late(counter('c', 5), counter('a', 8), counter('d', 16))])
    expect(folded.length).toBe(3)
    expect(await shown()).toEqual([spans('a', 9), spans('b', 2), spans('__overflow__', 21)])
  })

  test('what was folded stays in the sum when its series has gone idle', async () => {
    merged = create({ maxAgents: 1 })
    tell(0, [late(counter('a', 1), counter('b', 2, NOW - 2 * DAY), counter('c', 4))])
    tell(0, [late(counter('a', 1), counter('c', 4))])
    expect(await shown()).toEqual([spans('a', 1), spans('__overflow__', 6)])
    tell(0, [late()], NOW + 2 * DAY)
    expect(await shown()).toEqual([])
  })

  test('series beyond the bound of a metric', async () => {
    merged = create({ maxSeriesPerMetric: 2 })
    tell(0, [late(counter('a', 1), counter('b', 2))])
    tell(1, [late(counter('c', 3), counter('d', 4))])
    expect(await shown()).toEqual([spans('a', 1), spans('b', 2), spans('__overflow__', 7)])
  })

  test('series of another version, with other labels or buckets, are left out', async () => {
    tell(0, [late(['a\0\0\0', 1, NOW, [], []], ['b\0', 1, NOW, [1], []]), ['agentopz_not_known', [counter('a', 1)]]])
    expect(await shown()).toEqual([])
  })
})

test('metrics of the Node processes: sizes are added, delays are the worst, the start is the first', () => {
  const of = (name: string, value: number, type = 'gauge') => ({ name, help: 'h', type, values: [{ labels: { kind: 'x' }, value }] })
  const joined = joinProcessMetrics([
    [
      of('process_resident_memory_bytes', 10),
      of('nodejs_eventloop_lag_p99_seconds', 0.1),
      of('process_start_time_seconds', 5),
      of('process_cpu_seconds_total', 1, 'counter'),
    ],
    [
      of('process_resident_memory_bytes', 30),
      of('nodejs_eventloop_lag_p99_seconds', 0.3),
      of('process_start_time_seconds', 7),
      of('process_cpu_seconds_total', 2, 'counter'),
    ],
  ])
  expect(joined.map((m) => [m.name, m.type, m.values])).toEqual([
    ['process_resident_memory_bytes', 'gauge', [{ labels: { kind: 'x' }, value: 40 }]],
    ['nodejs_eventloop_lag_p99_seconds', 'gauge', [{ labels: { kind: 'x' }, value: 0.3 }]],
    ['process_start_time_seconds', 'gauge', [{ labels: { kind: 'x' }, value: 5 }]],
    ['process_cpu_seconds_total', 'counter', [{ labels: { kind: 'x' }, value: 3 }]],
  ])
})
