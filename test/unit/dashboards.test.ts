/** What is in the dashboards' JSON, read as Grafana would: names, variables, links, ids, places, words. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { DASHBOARD_FILES } from '../../app/generate-dashboards.ts'
import { dashboardOf, UIDS } from '../../dashboards/board.ts'
import type { Dashboard, Panel } from '../../dashboards/grafana.ts'
import { BOARDS } from '../../dashboards/index.ts'
import { OTHERS } from '../../dashboards/others.ts'
import { ALERTS } from '../../model/alerts.ts'
import { METRICS, type MetricDefinition } from '../../model/metrics.ts'
import { RECORDED, type RecordedSeries } from '../../model/recorded.ts'
import { expectNamesExist, namesIn } from '../support/promql.ts'

const dashboards: readonly Dashboard[] = Object.values(DASHBOARD_FILES).map((make) => JSON.parse(make()) as Dashboard)
const panelsOf = (d: Dashboard): readonly Panel[] => d.panels.filter((p): p is Panel => p.type !== 'row')
const everyPanel = dashboards.flatMap((d) => panelsOf(d).map((panel) => ({ d, panel })))
const expressions = dashboards.flatMap((d) => [
  ...panelsOf(d).flatMap((p) => p.targets.map((t) => ({ where: `${d.uid} / ${p.title} / ${t.refId}`, expr: t.expr }))),
  ...d.annotations.list.map((a) => ({ where: `${d.uid} / annotation ${a.name}`, expr: a.expr })),
  ...d.templating.list.flatMap((v) =>
    typeof v.query === 'string' ? [] : [{ where: `${d.uid} / $${v.name}`, expr: v.query.query.replace(/, (\w+)\)$/, ') by ($1)') }],
  ),
])

/** Labels a series may have, or undefined when there is no such series. */
function labelsOf(series: string): readonly string[] | undefined {
  const scraped = ['job', 'instance']
  const ours: Readonly<Record<string, MetricDefinition>> = METRICS
  const recorded: Readonly<Record<string, RecordedSeries>> = RECORDED
  const others: Readonly<Record<string, { readonly labels: readonly string[] }>> = OTHERS
  if (series === 'ALERTS' || series === 'ALERTS_FOR_STATE') {
    const own = Object.values(ALERTS).flatMap((a): readonly string[] => a.labels)
    return ['alertname', 'alertstate', 'severity', 'family', 'cause', 'agent', 'environment', 'team', ...own]
  }
  if (ours[series] !== undefined) return ours[series].type === 'histogram' ? undefined : [...ours[series].labels, ...scraped]
  const histogram = /^(.+)_(bucket|sum|count)$/.exec(series)
  const parent = ours[histogram?.[1] ?? '']
  if (parent?.type === 'histogram') return [...parent.labels, ...scraped, ...(histogram?.[2] === 'bucket' ? ['le'] : [])]
  return recorded[series]?.labels ?? (others[series] === undefined ? undefined : [...others[series].labels, ...scraped])
}

describe('names in queries', () => {
  test('are found', () => {
    const found = namesIn('1 - sum by (a, b) (rate(x_total{c="d\\"{e}",f=~"$g"}[$__rate_interval])) / on (a) group_left (h) y:z:1h > 1e-9')
    expect(found).toEqual({
      selectors: [
        { metric: 'x_total', labels: ['c', 'f'] },
        { metric: 'y:z:1h', labels: [] },
      ],
      grouping: ['a', 'b', 'a', 'h'],
    })
    expect(expressions.length).toBeGreaterThan(150)
  })
  test.each(expressions)('$where: every series and label exists', ({ expr }) => {
    expectNamesExist(namesIn(expr), labelsOf)
  })
})

describe.each(dashboards)('$title', (d) => {
  test('opens by a fixed uid, in UTC, in the schema that classic dashboards end with', () => {
    expect(Object.values(UIDS)).toContain(d.uid)
    expect(d).toMatchObject({ timezone: 'utc', schemaVersion: 42, tags: ['agentopz', 'ai-agents'] })
  })
  test('has ids that are its own, panels that do not overlap and fill 24 columns at most', () => {
    expect(new Set(d.panels.map((p) => p.id)).size).toBe(d.panels.length)
    const taken = new Set<string>()
    for (const { gridPos: g, title } of d.panels) {
      expect(g.x + g.w, title).toBeLessThanOrEqual(24)
      for (let x = g.x; x < g.x + g.w; x++)
        for (let y = g.y; y < g.y + g.h; y++) {
          expect(taken.has(`${x},${y}`), `${title} overlaps at ${x},${y}`).toBe(false)
          taken.add(`${x},${y}`)
        }
    }
  })
  test('uses only variables it has, and every one of them', () => {
    const declared = d.templating.list.map((v) => v.name)
    const used = [...JSON.stringify(d).matchAll(/\$\{?(\w+)/g)].map((m) => m[1] ?? '').filter((name) => !name.startsWith('__'))
    expect([...new Set(used)].sort()).toEqual([...declared].sort())
  })
  test('says of every panel what it shows, in which unit', () => {
    for (const p of panelsOf(d)) {
      expect(p.description.length, p.title).toBeGreaterThan(20)
      expect(p.fieldConfig.defaults.unit, p.title).toMatch(/^(none|short|percentunit|currencyUSD|s|bytes|Bps|reqps)$/)
    }
    expect(new Set(panelsOf(d).map((p) => p.title)).size, 'titles are unique').toBe(panelsOf(d).length)
  })
  test('says next to every share how many events it is of', () => {
    for (const p of panelsOf(d).filter((q) => JSON.stringify(q.fieldConfig).includes('percentunit')))
      expect(p.description, p.title).toMatch(/\bn\b|\(n\)|how many/i)
  })
  test('names in legends, columns and links are there', () => {
    for (const p of panelsOf(d)) {
      for (const t of p.targets)
        for (const [, label = ''] of t.legendFormat.matchAll(/\{\{(\w+)\}\}/g))
          expect(namesIn(t.expr).grouping, `${p.title}: ${t.legendFormat}`).toContain(label)
      for (const o of p.fieldConfig.overrides.filter((x) => x.matcher.id === 'byFrameRefID'))
        expect(
          p.targets.map((t) => t.refId),
          p.title,
        ).toContain(o.matcher.options)
    }
  })
})

describe('links', () => {
  const urls = dashboards.flatMap((d) => [...JSON.stringify(d).matchAll(/"url":"([^"]+)"/g)].map((m) => ({ from: d, url: m[1] ?? '' })))
  test('lead from every dashboard to all others', () => {
    for (const d of dashboards)
      expect(d.links.map((l) => l.url)).toEqual(
        Object.values(UIDS)
          .filter((uid) => uid !== d.uid)
          .map((uid) => `/d/${uid}`),
      )
  })
  test('lead to dashboards and variables that exist, or to a runbook', () => {
    expect(urls.length).toBeGreaterThan(25)
    for (const { from, url } of urls) {
      // oxlint-disable-next-line no-template-curly-in-string -- Grafana's own notation
      if (url === '${runbooks}/${__data.fields.alertname}') continue
      const uid = /^\/d\/([\w-]+)/.exec(url)?.[1]
      const target = dashboards.find((d) => d.uid === uid)
      expect(target, `${from.uid}: ${url}`).toBeDefined()
      for (const [, name = ''] of url.matchAll(/var-(\w+)=/g))
        expect(
          target?.templating.list.map((v) => v.name),
          url,
        ).toContain(name)
    }
  })
  test('take rows’ values from columns that exist', () => {
    for (const { panel } of everyPanel)
      for (const [, field = ''] of JSON.stringify(panel).matchAll(/__data\.fields\.(\w+)/g))
        expect(namesIn(panel.targets[0]?.expr ?? '').grouping, panel.title).toContain(field)
  })
})

test('shares on one dashboard have thresholds from objectives where there is one', () => {
  const names = ['quality', 'cost_usd_per_run', 'steps_per_run', 'duration_seconds_per_run']
  const all = expressions.map((e) => e.expr).join('\n')
  for (const name of names) expect(all).toContain(`agentopz_objective{agent="$agent",environment=~"$environment",objective="${name}"}`)
})

describe('provisioning', () => {
  const read = (file: string): unknown => parse(readFileSync(new URL(`../../dashboards/provisioning/${file}`, import.meta.url), 'utf8'))
  test('the data source opens traces from the label that exemplars carry', () => {
    const { datasources } = read('datasources/agentopz.yaml') as {
      datasources: { uid: string; type: string; jsonData?: { exemplarTraceIdDestinations: { name: string; datasourceUid: string }[] } }[]
    }
    const prometheus = datasources.find((s) => s.type === 'prometheus')
    const destination = prometheus?.jsonData?.exemplarTraceIdDestinations[0]
    expect(destination?.name).toBe('trace_id')
    expect(datasources.map((s) => s.uid)).toContain(destination?.datasourceUid)
  })
  test('the provider reads files', () => {
    expect(read('dashboards/agentopz.yaml')).toMatchObject({ apiVersion: 1, providers: [{ type: 'file' }] })
  })
})

test('ids and places follow from the order alone', () => {
  for (const board of BOARDS) expect(dashboardOf(board)).toEqual(dashboardOf(board))
  expect(dashboards.map((d) => d.panels.map((p) => p.id))).toEqual(dashboards.map((d) => d.panels.map((_, at) => at + 1)))
})
