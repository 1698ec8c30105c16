import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { METRICS, type MetricDefinition, OVERFLOW } from '../../../model/metrics.ts'
import { STANDARD_METRICS } from '../../../model/metrics-standard.ts'
import { safeLabel } from '../../../processor/cardinality.ts'
import { negotiate } from '../../../processor/exposition.ts'
import { createMetrics, type Metrics } from '../../../processor/metrics.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const RUN = { agent: 'a', environment: 'prod', agent_version: '1', prompt_version: '2', model: 'm', tools_version: '', outcome: 'ok', quality: 'pass' }
const text = async (m: Metrics, accept?: string): Promise<string> => (await m.expose(accept, 0)).body
const linesOf = (body: string, name: string): string[] => body.split('\n').filter((l) => l.startsWith(name))
const OPENMETRICS = 'application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5'

describe('the catalogue keeps the naming rules of Prometheus', () => {
  const all = Object.entries<MetricDefinition>({ ...METRICS, ...STANDARD_METRICS })
  for (const [name, d] of all) {
    test(name, () => {
      expect(name).toMatch(/^[a-z][a-z0-9_]*$/)
      expect(name.endsWith('_total')).toBe(d.type === 'counter')
      expect(d.help).toMatch(/^\S.*\.$/)
      expect(name).not.toMatch(/_(counter|gauge|histogram|ms|milliseconds|minutes)(_|$)/)
      for (const label of d.labels) expect(label).toMatch(/^[a-z][a-z0-9_]*$/)
      expect(d.labels.filter((l) => ['trace_id', 'run_id', 'user_id', 'session_id', 'conversation_id'].includes(l))).toEqual([])
      if (d.type === 'histogram') expect([...(d.buckets ?? [])]).toEqual([...new Set(d.buckets)].sort((a, b) => a - b))
    })
  }
})

describe('exposition', () => {
  test('counters and histograms as plain text', async () => {
    const m = createMetrics({})
    m.add('agentopz_runs_total', RUN, 2, 0, TRACE)
    m.observe('agentopz_run_steps', { agent: 'a"\\\n', environment: '' }, { value: 3, weight: 2 }, 0)
    const body = await text(m)
    expect(linesOf(body, 'agentopz_runs_total')).toEqual(['agentopz_runs_total{agent="a",environment="prod",agent_version="1",prompt_version="2",model="m",tools_version="",outcome="ok",quality="pass"} 2'])
    expect(linesOf(body, 'agentopz_run_steps_bucket').slice(3, 5)).toEqual([
      'agentopz_run_steps_bucket{le="3",agent="a\\"\\\\_",environment=""} 2', 'agentopz_run_steps_bucket{le="4",agent="a\\"\\\\_",environment=""} 2',
    ])
    expect(linesOf(body, 'agentopz_run_steps_sum')[0]).toMatch(/ 6$/)
    expect(body).not.toContain(TRACE)
  })
  test('OpenMetrics has exemplars, family names without _total, and an end', async () => {
    const m = createMetrics({})
    m.add('agentopz_runs_total', RUN, 2, 0, TRACE)
    m.observe('agentopz_run_steps', { agent: 'a', environment: '' }, { value: 3, weight: 1, traceId: TRACE }, 0)
    const body = await text(m, OPENMETRICS)
    expect(body).toContain('# TYPE agentopz_runs counter\n')
    expect(linesOf(body, 'agentopz_runs_total{')[0]).toMatch(new RegExp(`} 2 # {trace_id="${TRACE}"} 2 [0-9.]+$`))
    expect(linesOf(body, 'agentopz_run_steps_bucket').some((l) => l.includes('# {trace_id='))).toBe(true)
    expect(body.endsWith('# EOF\n')).toBe(true)
  })
  test('a scraper gets what it accepts', () => {
    expect([undefined, '*/*', 'text/plain', OPENMETRICS, 'application/openmetrics-text;q=0.1,text/plain;q=0.9'].map(negotiate)).toEqual(['text', 'text', 'text', 'openmetrics', 'text'])
  })
  test('gauges over state show the rows of now only', async () => {
    const m = createMetrics({})
    let rows: [{ agent: string; environment: string }, number][] = [[{ agent: 'a', environment: '' }, 1]]
    m.gauge('agentopz_open_runs', () => rows)
    expect(linesOf(await text(m), 'agentopz_open_runs{')).toEqual(['agentopz_open_runs{agent="a",environment=""} 1'])
    rows = [[{ agent: 'b', environment: '' }, 2]]
    expect(linesOf(await text(m), 'agentopz_open_runs{')).toEqual(['agentopz_open_runs{agent="b",environment=""} 2'])
  })
  test('promtool has no complaint', async () => {
    const m = createMetrics({ standardNames: true, processMetrics: true })
    m.add('agentopz_runs_total', RUN, 2, 0, TRACE)
    m.observe('agentopz_run_cost_usd', { agent: 'a', environment: '' }, { value: 0.3, weight: 1 }, 0)
    m.observeStandard('gen_ai_invoke_agent_duration_seconds', { gen_ai_agent_name: 'a', error_type: '' }, { value: 1, weight: 1 }, 0)
    m.set('agentopz_last_run_timestamp_seconds', { agent: 'a', environment: '' }, 1, 0)
    const out = execFileSync('promtool', ['check', 'metrics'], { input: await text(m), encoding: 'utf8' })
    expect(out).toBe('')
  })
})

describe('cardinality', () => {
  test('agents over the bound are folded, counted, and none is lost', async () => {
    const m = createMetrics({ maxAgents: 10 })
    for (let i = 0; i < 10_000; i++) m.add('agentopz_tool_calls_total', { agent: `agent-${i}`, environment: '', tool: 't', outcome: 'ok' }, 1, 0)
    const lines = linesOf(await text(m), 'agentopz_tool_calls_total{')
    expect(lines).toHaveLength(11)
    expect(lines.at(-1)).toBe(`agentopz_tool_calls_total{agent="${OVERFLOW}",environment="",tool="t",outcome="ok"} 9990`)
    expect(linesOf(await text(m), 'agentopz_series_overflow_total{')).toEqual([`agentopz_series_overflow_total{agent="${OVERFLOW}",environment="",metric="agentopz_tool_calls_total"} 9990`])
  })
  test('values of a label are bounded per agent; closed sets are not', async () => {
    const m = createMetrics({ maxValuesPerLabel: 3 })
    for (let i = 0; i < 10; i++) m.add('agentopz_tool_calls_total', { agent: 'a', environment: '', tool: `tool${i}`, outcome: 'ok' }, 1, 0)
    for (const outcome of ['ok', 'error', 'empty', 'blocked']) m.add('agentopz_tool_calls_total', { agent: 'a', environment: '', tool: 'tool0', outcome }, 1, 0)
    const lines = linesOf(await text(m), 'agentopz_tool_calls_total{')
    expect(lines.map((l) => /tool="([^"]*)",outcome="([^"]*)"} (\d+)/.exec(l)?.slice(1).join(' '))).toEqual(['tool0 ok 2', 'tool1 ok 1', 'tool2 ok 1', `${OVERFLOW} ok 7`, 'tool0 error 1', 'tool0 empty 1', 'tool0 blocked 1'])
  })
  test('a metric over its bound of series folds all labels but the environment', async () => {
    const m = createMetrics({ maxSeriesPerMetric: 5, maxAgents: 1e6 })
    for (let i = 0; i < 20; i++) m.add('agentopz_late_spans_total', { agent: `a${i}`, environment: 'prod' }, 1, 0)
    const lines = linesOf(await text(m), 'agentopz_late_spans_total{')
    expect(lines).toHaveLength(6)
    expect(lines.at(-1)).toBe(`agentopz_late_spans_total{agent="${OVERFLOW}",environment="prod"} 15`)
  })
  test('hostile values are cut and cleaned', async () => {
    const m = createMetrics({})
    m.add('agentopz_tool_calls_total', { agent: 'x'.repeat(10_000), environment: '\u0000\n\ud800', tool: '"}\\', outcome: 'ok' }, 1, 0)
    expect(linesOf(await text(m), 'agentopz_tool_calls_total{')).toEqual([`agentopz_tool_calls_total{agent="${'x'.repeat(64)}",environment="__\ufffd",tool="\\"}\\\\",outcome="ok"} 1`])
    expect(safeLabel('v 1.2/β?')).toBe('v_1.2/__')
  })
  test('idle series and values are dropped and make room', async () => {
    const m = createMetrics({ seriesIdleSeconds: 10, maxAgents: 1 })
    m.add('agentopz_late_spans_total', { agent: 'old', environment: '' }, 1, 0)
    expect(m.expire(20_000)).toBe(1)
    m.add('agentopz_late_spans_total', { agent: 'new', environment: '' }, 1, 20_000)
    expect(linesOf(await text(m), 'agentopz_late_spans_total{')).toEqual(['agentopz_late_spans_total{agent="new",environment=""} 1'])
  })
  test('first sightings keep their time', async () => {
    const m = createMetrics({})
    const row = { agent: 'a', environment: '', dimension: 'model', value: 'm' }
    m.firstSeen(row, 1000)
    m.firstSeen(row, 9000)
    expect(linesOf(await text(m), 'agentopz_cohort_first_seen')[0]).toMatch(/ 1$/)
  })
})
