/**
 * The detection harness whole, small: a fleet of one agent simulated, loaded, backfilled over two levels and evaluated on a real Prometheus,
 * then again from what was kept.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { RuleGroup } from '../../alert-rules/rules.ts'
import { alertsOf } from '../../bench/detection/fleet-alerts.ts'
import { prepareFleet } from '../../bench/detection/fleet-data.ts'
import { mergeParameters } from '../../bench/detection/parameters-input.ts'
import { OURS } from '../../bench/detection/rule-set.ts'
import { scoreFleet } from '../../bench/detection/score.ts'

const dir = mkdtempSync(join(tmpdir(), 'agentopz-detection-test-'))
afterAll(() => rmSync(dir, { recursive: true }))

const parameters = mergeParameters(
  {
    only: true,
    agents: [{ name: 'invoice', peakRunsPerHour: 200 }],
    classes: ['tool100'],
    historyDays: 1,
    testDays: 1,
    incidentRounds: 7,
    healthy: { processorRestarts: 1, scrapeGaps: 0 },
  },
  'test',
)

const BY = 'sum by (agent, environment, tool)'
const errors = (window: string): string =>
  `${BY} (increase(agentopz_tool_calls_total{outcome="error"}[${window}])) / ${BY} (increase(agentopz_tool_calls_total[${window}]))`
const rules = (threshold: number): readonly RuleGroup[] => [
  {
    name: 'recording',
    interval: '1m',
    rules: [
      { record: 'test:normal', expr: 'avg_over_time(test:errors[6h]) or test:errors * 0' },
      { record: 'test:errors', expr: errors('15m') },
      { record: 'test:unneeded', expr: 'vector(1)' },
    ],
  },
  {
    name: 'alerts',
    interval: '1m',
    rules: [
      {
        alert: 'AgentToolFailing',
        expr: `test:errors - test:normal > ${threshold}`,
        for: '2m',
        keep_firing_for: '10m',
        labels: { sli: 'tool_error' },
        annotations: {},
      },
      { alert: 'AgentopzDown', expr: 'up == 0', labels: {}, annotations: {} },
    ],
  },
]

test('finds the incident, and only that', { timeout: 120_000 }, async () => {
  const said: string[] = []
  const o = { dir, width: 2, progress: (message: string) => said.push(message) }
  const data = await prepareFleet(3, parameters, o)
  const score = scoreFleet(await alertsOf(data, rules(0.5), o), OURS, data.truth, ['page'])
  expect(score.incidents).toHaveLength(1)
  expect(score.incidents[0]?.minutes).toBeLessThan(30)
  expect(score.incidents[0]).toMatchObject({ incidentClass: 'tool100', pages: 1, causeNamed: 'right' })
  expect(score.incidents[0]?.first?.labels).toMatchObject({ agent: 'invoice', environment: 'fleet-3', tool: 'ocr', sli: 'tool_error' })
  expect(score.falsePages).toEqual([])
  expect(said.filter((m) => m.startsWith('level'))).toHaveLength(2)

  // The samples are there, and so is everything but the alert that changed.
  const before = readdirSync(join(data.kept, 'alerts')).length
  said.length = 0
  const again = await prepareFleet(3, parameters, o)
  expect(scoreFleet(await alertsOf(again, rules(1.5), o), OURS, again.truth, ['page']).incidents[0]?.minutes).toBeUndefined()
  expect(said.filter((m) => !m.includes('alert rules evaluated'))).toEqual([])
  expect(readdirSync(join(data.kept, 'alerts'))).toHaveLength(before + 1)
  expect(readdirSync(data.dir).filter((f) => f.startsWith('tsdb'))).toEqual([])
})
