/** The alerts as a whole: every name has a rule, a firing and a quiet case; texts say numbers; durations scale. */
import { describe, expect, test } from 'vitest'
import { durations, promql } from '../../alert-rules/promql.ts'
import { type AlertingRule, alertGroups, type RecordingRule, recordingGroups, ruleGroups } from '../../alert-rules/rules.ts'
import { CASES } from '../../app/generate-rule-tests.ts'
import { ALERTS, type AlertDefinition } from '../../model/alerts.ts'
import { METRICS } from '../../model/metrics.ts'
import { RECORDED } from '../../model/recorded.ts'

const alerts = alertGroups()
  .flatMap((g) => g.rules)
  .filter((r): r is AlertingRule => 'alert' in r)
const recordings = recordingGroups()
  .flatMap((g) => g.rules)
  .filter((r): r is RecordingRule => 'record' in r)
/** Fires always, so there is no quiet case; its absence is what counts. */
const ALWAYS = 'AgentopzWatchdog'

test('every alert of the table has a rule, and every rule is in the table', () => {
  expect([...new Set(alerts.map((a) => a.alert))].sort()).toEqual(Object.keys(ALERTS).sort())
})

test.each(Object.keys(ALERTS))('%s has a case that fires and one that does not', (name) => {
  const cases = CASES.filter((c) => c.alert === name)
  expect(cases.some((c) => c.fires.length > 0)).toBe(true)
  expect(cases.some((c) => c.fires.length === 0) || name === ALWAYS).toBe(true)
})

test('every recorded series of the table is recorded, and no other', () => {
  expect([...new Set(recordings.map((r) => r.record))].sort()).toEqual(Object.keys(RECORDED).sort())
})

describe('expressions', () => {
  const NAMES = /\b(agent(?:_sli|_cohort|_input)?:[\w:]+|agentopz_\w+)/g
  const PARTS = /_(bucket|sum|count)$/
  test('name only what exists', () => {
    const wrong: string[] = []
    for (const rule of [...alerts, ...recordings]) {
      // `job="agentopz"` and groups named agentopz-… are no metrics.
      for (const [, name] of rule.expr.replaceAll(/"[^"]*"/g, '""').matchAll(NAMES)) {
        if (name === undefined || name in RECORDED || name in METRICS || name.replace(PARTS, '') in METRICS) continue
        wrong.push(name)
      }
    }
    expect(wrong).toEqual([])
  })
  test('never average ratios or take quantiles of buckets', () => {
    for (const rule of [...alerts, ...recordings]) expect(rule.expr).not.toMatch(/histogram_quantile|avg_over_time\(agent_sli:bad_ratio/)
  })
})

describe('texts', () => {
  test.each(alerts.map((a) => [a.alert, a] as const))('%s: one sentence with its number, queries, links', (name, a) => {
    const definition: AlertDefinition = ALERTS[name as keyof typeof ALERTS]
    expect(a.annotations['summary']).not.toMatch(/\n/)
    expect(a.annotations['runbook_url']).toBe(`http://localhost:9464/runbooks/${name}`)
    expect(a.annotations['dashboard_url']).toContain('/d/agentopz-')
    if (definition.severity === 'critical' && definition.watcher !== true) expect(a.annotations['summary']).toContain('$value')
    expect(a.labels['severity']).toContain(definition.severity)
    expect(a.labels).toMatchObject({ family: definition.family })
  })
  test('links go where the operator says', () => {
    const [first] = alertGroups({ grafanaUrl: 'https://g', agentopzUrl: 'https://a' })[0]?.rules ?? []
    expect(first !== undefined && 'alert' in first && first.annotations['dashboard_url']?.startsWith('https://g/d/')).toBe(true)
    expect(first !== undefined && 'alert' in first && first.annotations['runbook_url']?.startsWith('https://a/runbooks/')).toBe(true)
  })
  test('inhibited alerts exist', () => {
    for (const a of Object.values<AlertDefinition>(ALERTS)) for (const name of a.inhibits ?? []) expect(Object.keys(ALERTS)).toContain(name)
  })
})

describe('durations', () => {
  test.each([
    [1, 604_800, '7d'],
    [1, 3600, '1h'],
    [1, 5400, '90m'],
    [1, 90, '90s'],
    [60, 3600, '1m'],
    [60, 60, '1s'],
    [60, 30, '1s'],
    [40, 60, '1500ms'],
  ])('at scale %d, %d s are %s', (scale, seconds, text) => expect(durations(scale)(seconds)).toBe(text))
  test('a scaled rule set has the same rules', () => {
    const names = (scale: number): readonly string[] =>
      ruleGroups({ scale }).flatMap((g) => g.rules.map((r) => ('alert' in r ? r.alert : r.record)))
    expect(names(60)).toEqual(names(1))
  })
  test('PromQL keeps its own lines without the indentation of the source', () =>
    expect(promql('\n    a\n      and b\n')).toBe('a\n  and b'))
})
