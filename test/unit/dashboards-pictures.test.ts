/** What the pictures are drawn from: queries with variables in, tables merged as Grafana merges them, cells of heat maps, values in units. */
import { describe, expect, test } from 'vitest'
import { stepOf, substituted } from '../../bench/dashboards/answers.ts'
import { type Answered, colourOf, type Line, linesOf, tableOf } from '../../bench/dashboards/frames.ts'
import { cellsOf } from '../../bench/dashboards/heat.ts'
import { pageOf } from '../../bench/dashboards/page.ts'
import { tick, written } from '../../bench/dashboards/units.ts'
import { dashboardOf } from '../../dashboards/board.ts'
import type { Panel, Target } from '../../dashboards/grafana.ts'
import { BOARDS } from '../../dashboards/index.ts'
import { panelOf, query, table, timeseries } from '../../dashboards/panels.ts'
import { max, words } from '../../dashboards/query.ts'

const w = words({})
const answer = (labels: Record<string, string>, value: number): Answered['answers'][number] => ({ labels, points: [[60, value]] })
const answered = (panel: Panel, answers: readonly Answered['answers'][]): readonly Answered[] =>
  panel.targets.map((target, at) => ({ target, answers: answers[at] ?? [] }))

describe('queries', () => {
  test('get their variables, and $__rate_interval by its formula', () => {
    const a = { variables: { agent: 'a', window: '1h' } }
    expect(substituted('rate(x{agent="$agent"}[$__rate_interval]) + y[$window]', 120, a)).toBe('rate(x{agent="a"}[240s]) + y[1h]')
    expect(substituted('x[$__rate_interval]', 300, a)).toBe('x[360s]')
    expect(() => substituted('x{team="$team"}', 60, a)).toThrow('no value for $team')
  })
  test.each([
    [undefined, 3600, 60],
    ['5m', 3600, 300],
    ['1m', 86_400, 360],
  ])('with least interval %s over %i s are a point every %i s', (interval, length, step) => {
    expect(stepOf(interval, { start: 0, end: length, points: 240 })).toBe(step)
  })
})

describe('tables', () => {
  const agent = ['agent', 'environment'] as const
  const runs = query(max(agent, w.recorded('agent:runs:increase1h')), '')
  const spend = query(max(agent, w.recorded('agent:cost_usd:increase1h')), '')
  const panel = panelOf(
    table(
      {
        title: 't',
        description: 'd',
        unit: 'short',
        width: 12,
        columns: [
          { from: 'agent', title: 'agent' },
          { from: 'Value #B', title: 'spend', unit: 'currencyUSD' },
          { from: 'Value #A', title: 'runs' },
        ],
        sort: [{ column: 'runs', descending: true }],
      },
      [runs, spend],
    ),
    1,
    { x: 0, y: 0 },
  )
  test('are merged by the labels that queries share, in the order of columns, sorted', () => {
    const { columns, rows } = tableOf(
      panel,
      answered(panel, [
        [answer({ agent: 'a', environment: 'p' }, 3), answer({ agent: 'b', environment: 'p' }, 9)],
        [answer({ agent: 'b', environment: 'p' }, 0.5)],
      ]),
    )
    expect(columns.map((c) => c.title)).toEqual(['agent', 'spend', 'runs'])
    expect(columns[1]?.style).toEqual({ unit: 'currencyUSD' })
    expect(rows).toEqual([
      ['b', 0.5, 9],
      ['a', undefined, 3],
    ])
  })
})

test('lines are named by their legend and take the style of their query', () => {
  const panel = panelOf(
    timeseries({ title: 't', description: 'd', unit: 'short', width: 12, colours: { 'a x': 'red' } }, [
      query(max(['agent'], w.metric('agentopz_open_runs')), '{{agent}} x'),
      query(max([], w.metric('agentopz_open_runs')), 'all', { dashed: true }),
    ]),
    1,
    { x: 0, y: 0 },
  )
  const lines = linesOf(panel, answered(panel, [[answer({ agent: 'a' }, 1)], [answer({}, 1)]]))
  expect(lines.map((l) => l.name)).toEqual(['a x', 'all'])
  expect(lines[0]?.style).toEqual({ color: { mode: 'fixed', fixedColor: 'red' } })
  expect(lines[1]?.style['custom.lineStyle']).toEqual({ fill: 'dash', dash: [8, 6] })
})

test('cells are what fell between two bounds; empty rows far from any are left out', () => {
  const bucket = (le: string, value: number): Line => ({ name: le, refId: 'A', labels: { le }, points: [[60, value]], style: {} })
  const { cells, bounds, most } = cellsOf([bucket('+Inf', 7), bucket('1.0', 0), bucket('4.0', 7), bucket('2.0', 5), bucket('0.5', 0)])
  expect(bounds).toEqual([
    { from: 0.5, to: 1 },
    { from: 1, to: 2 },
    { from: 2, to: 4 },
    { from: 4, to: Number.POSITIVE_INFINITY },
  ])
  expect(cells).toEqual([
    { at: 60, row: 1, count: 5 },
    { at: 60, row: 2, count: 2 },
  ])
  expect(most).toBe(5)
})

test('the colour of a value is that of the last step it reaches', () => {
  const steps = [
    { color: 'green', value: null },
    { color: 'red', value: 3 },
  ]
  expect([colourOf(2.9, steps), colourOf(3, steps), colourOf(-1, [])]).toEqual(['green', 'red', 'text'])
})

test.each([
  [0.604, 'percentunit', 1, '60.4 %'],
  [0.0026, 'currencyUSD', undefined, '$0.0026'],
  [0.593, 's', undefined, '593 ms'],
  [90, 's', undefined, '1.5 min'],
  [1463, 'short', 0, '1.46 K'],
  [536_870_912, 'bytes', undefined, '512 MiB'],
  [1_795_699_440_000, 'dateTimeAsIso', undefined, '2026-11-26 13:24'],
  [Number.NaN, 'short', undefined, '–'],
])('%d in %s is written %s', (value, unit, decimals, text) => expect(written(value, unit, decimals)).toBe(text))

test.each([
  [0.004, 'reqps', '0.004 req/s'],
  [0.25, 'percentunit', '25 %'],
  [1500, 'short', '1.5 K'],
  [0, 'currencyUSD', '$0'],
])('%d at an axis in %s is %s', (value, unit, text) => expect(tick(value, unit)).toBe(text))

test('names from telemetry are escaped in the page, and it says that it is not Grafana', () => {
  const dashboard = dashboardOf(BOARDS[0]!)
  const alerts = dashboard.panels.find((p): p is Panel => p.type === 'table')!
  const target: Target = alerts.targets[0]!
  const html = pageOf({
    dashboard,
    answers: new Map([[alerts.id, [{ target, answers: [answer({ severity: 'critical', alertname: '<script>"x"</script>' }, 1)] }]]]),
    marks: [],
    dots: () => [],
    variables: { Agent: '<b>' },
    start: 0,
    end: 3600,
  })
  expect(html).toContain('&lt;script&gt;&quot;x&quot;&lt;/script&gt;')
  expect(html).not.toContain('<script')
  expect(html).toContain('<b>Agent</b> &lt;b&gt;')
  expect(html).toContain('Not a screenshot of Grafana')
})
