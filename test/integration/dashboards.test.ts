/**
 * Every query of every panel, variable and annotation, run on a real Prometheus that holds what the real processor exposed about a simulated
 * fleet with an incident, and what the shipped rules made of it. A query returns data or says why a healthy system may have none.
 * Needs `prometheus` and `promtool` on PATH (Debian: apt-get install prometheus).
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AGENTS } from '../../app/fleet/sketch.ts'
import { ask, type Asking, substituted } from '../../bench/dashboards/answers.ts'
import { makeWorld, type World } from '../../bench/dashboards/world.ts'
import { dashboardOf, placed } from '../../dashboards/board.ts'
import { BOARDS } from '../../dashboards/index.ts'

const everyQuery = BOARDS.flatMap((board) =>
  placed(board).flatMap((p) =>
    'row' in p
      ? []
      : p.spec.queries.map((q, at) => {
          const target = p.panel.targets[at]!
          return { where: `${board.name} / ${p.panel.title} / ${target.refId}`, board, panel: p.panel, target, mayBeEmpty: q.mayBeEmpty }
        }),
  ),
)
/** Queries that may be empty and are so here, because nothing of the kind happens in this past. Any other must return data here too. */
const EMPTY_HERE = new Set([
  'processor / Bounds hit / A',
  'processor / Bounds hit / B',
  'processor / Bounds hit / C',
  // The simulated processor keeps no journal and speaks no TLS.
  'processor / Storage and journal / B',
  'processor / Damage of the journal / A',
  'processor / Time until certificates expire / A',
])

let world: World
/** As Grafana puts them in: one agent as it is, all of several as a regular expression. */
const asking = (agent = 'support-agent'): Asking => ({
  url: world.prometheus.url,
  start: world.start,
  end: world.end,
  points: 200,
  variables: { agent, environment: '.*', team: '.*', window: '1h' },
})
const ALL = `(${AGENTS.map((a) => a.name).join('|')})`

beforeAll(async () => {
  world = await makeWorld({ days: 1.4, shownHours: 2, rate: 0.08, say: () => undefined })
}, 300_000)
afterAll(async () => {
  await world?.stop()
})

test.each(everyQuery)('$where', async ({ board, target, panel, mayBeEmpty, where }) => {
  const several = board.variables.some((v) => v.name === 'agent' && v.multi)
  const answers = await ask(target, panel, asking(several ? ALL : undefined))
  const points = answers.flatMap((a) => a.points).filter(([, v]) => !Number.isNaN(v))
  if (mayBeEmpty !== undefined && EMPTY_HERE.has(where)) expect(points, `${where} has data now: take it off the list`).toEqual([])
  else expect(points.length, `${mayBeEmpty ?? 'must have data'}: ${target.expr}`).toBeGreaterThan(0)
  // A column or legend of a label that no series has would be blank for everybody.
  for (const [, label = ''] of target.legendFormat.matchAll(/\{\{(\w+)\}\}/g))
    if (points.length > 0)
      expect(answers.some((a) => a.labels[label] !== undefined) || OPTIONAL.has(label), `no series has ${label}`).toBe(true)
})
/** Labels that only some SLIs or dialects have. */
const OPTIONAL = new Set(['evaluation'])

test('every query is run: none is left out silently', () => {
  const inJson = BOARDS.map(dashboardOf).flatMap((d) => d.panels.flatMap((p) => (p.type === 'row' ? [] : p.targets)))
  expect(everyQuery.map((q) => q.target.expr)).toEqual(inJson.map((t) => t.expr))
  expect(everyQuery.length).toBeGreaterThan(120)
  for (const where of EMPTY_HERE) expect(everyQuery.find((q) => q.where === where)?.mayBeEmpty, where).toBeDefined()
})

describe('variables', () => {
  const variables = BOARDS.flatMap((b) => b.variables.map((v) => ({ where: `${b.name} / $${v.name}`, query: v.query })))
  test.each(variables.filter((v) => typeof v.query !== 'string'))('$where has values', async ({ query }) => {
    const text = typeof query === 'string' ? query : query.query
    const [, series = '', label = ''] = /^label_values\((.+), (\w+)\)$/.exec(text) ?? []
    const match = substituted(series, 60, asking())
    const url = `${world.prometheus.url}/api/v1/label/${label}/values?match[]=${encodeURIComponent(match)}&start=${world.start}&end=${world.end}`
    const { data } = (await (await fetch(url)).json()) as { data: readonly string[] }
    expect(data.length).toBeGreaterThan(0)
    if (label === 'agent') expect(data).toContain('support-agent')
  })
})

describe('annotations', () => {
  const of = (name: string): Parameters<typeof ask>[0] => {
    const annotation = BOARDS.flatMap((b) => b.annotations).find((a) => a.name === name)
    if (annotation === undefined) throw new Error(`no annotation ${name}`)
    return { ...everyQuery[0]!.target, expr: annotation.expr, instant: false, range: true }
  }
  test('of cohort changes are where the prompt changed, to the minute', async () => {
    const answers = await ask(of('Cohort changes'), { interval: '1m' }, asking())
    const prompt = answers.find((a) => a.labels['dimension'] === 'prompt_version' && a.labels['value'] === '8')
    const at = (prompt?.points.at(-1)?.[1] ?? 0) / 1000
    // useValueForTime takes the value for a time in milliseconds; the first bad run ends minutes after the change at this traffic.
    expect(Math.abs(at - (world.end - 1.6 * 3600))).toBeLessThan(900)
  })
  test('of alerts are there', async () => {
    const answers = await ask(of('Alerts'), { interval: '1m' }, asking())
    expect(answers.map((a) => a.labels['alertname'])).toContain('AgentQualityDrop')
  })
})

test('panels that show exemplars ask for series that have them', () => {
  const wanted = everyQuery.filter((q) => q.target.exemplar).map((q) => /(agentopz_\w+)\{/.exec(q.target.expr)?.[1] ?? '')
  expect(new Set(wanted).size).toBeGreaterThan(4)
  for (const series of new Set(wanted))
    expect(world.past.lastScrape, series).toMatch(new RegExp(`^${series}\\{.*# \\{trace_id="[0-9a-f]{32}"\\}`, 'm'))
})
