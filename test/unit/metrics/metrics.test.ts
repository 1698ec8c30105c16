import { describe, expect, test } from 'vitest'
import { METRICS, type MetricDefinition, OVERFLOW } from '../../../model/metrics.ts'
import { STANDARD_METRICS } from '../../../model/metrics-standard.ts'
import { createMetrics, type Metrics } from '../../../processor/metrics.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const OTHER_TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const OPENMETRICS = 'application/openmetrics-text;version=1.0.0'
const A = { agent: 'a', environment: 'prod' }
const RUN = { ...A, agent_version: '1', prompt_version: '2', model: 'm', tools_version: '', outcome: 'ok', quality: 'pass' }
const late = (agent: string, environment = ''): { agent: string; environment: string } => ({ agent, environment })
const text = async (m: Metrics, accept?: string, now = 0): Promise<string> => (await m.expose(accept, now)).body
const linesOf = async (m: Metrics, name: string, accept?: string): Promise<string[]> =>
  (await text(m, accept)).split('\n').filter((l) => l.startsWith(name))

describe('the catalogue keeps the naming rules of Prometheus', () => {
  const all = Object.entries<MetricDefinition>({ ...METRICS, ...STANDARD_METRICS })
  test.each(all)('%s', (name, d) => {
    expect(name).toMatch(/^[a-z][a-z0-9_]*$/)
    expect(name.endsWith('_total')).toBe(d.type === 'counter')
    expect(d.help).toMatch(/^\S.*\.$/)
    // promlint: no type in the name, no abbreviated or non-base unit, no reserved suffix.
    expect(name).not.toMatch(/_(counter|gauge|histogram|summary|ms|milliseconds|minutes|hours|sec|kb|mb|percent)(_|$)/)
    expect(name).not.toMatch(/_(count|sum|bucket|created)$/)
    for (const label of d.labels) expect(label).toMatch(/^[a-z][a-z0-9_]*$/)
    expect(d.labels).not.toContain('le')
    expect(new Set(d.labels).size).toBe(d.labels.length)
    // Never an identity as a label (design §4).
    expect(d.labels.filter((l) => /(trace|run|span|user|session|conversation|request)_?id/.test(l))).toEqual([])
    expect(d.buckets !== undefined).toBe(d.type === 'histogram')
    expect([...(d.buckets ?? [])]).toEqual([...new Set(d.buckets)].sort((a, b) => a - b))
  })
})

describe('samples', () => {
  test('a counter adds up, and ignores what is not above zero', async () => {
    const m = createMetrics({})
    for (const v of [2, 0.5, 0, -1, Number.NaN, Number.POSITIVE_INFINITY]) m.add('agentopz_runs_total', RUN, v, 0)
    expect(await linesOf(m, 'agentopz_runs_total')).toEqual([
      'agentopz_runs_total{agent="a",environment="prod",agent_version="1",prompt_version="2",model="m",tools_version="",outcome="ok",quality="pass"} 2.5',
    ])
  })
  test('labels are one series in whatever order they are given', async () => {
    const m = createMetrics({})
    m.add('agentopz_late_spans_total', { agent: 'a', environment: 'e' }, 1, 0)
    m.add('agentopz_late_spans_total', { environment: 'e', agent: 'a' }, 1, 0)
    expect(await linesOf(m, 'agentopz_late_spans_total')).toEqual(['agentopz_late_spans_total{agent="a",environment="e"} 2'])
  })
  test('a histogram puts a value on a bound into the bucket below it', async () => {
    const m = createMetrics({})
    for (const value of [0, 3, 3.5, 512, 513]) m.observe('agentopz_run_steps', A, { value, weight: 1 }, 0)
    const counts = (await linesOf(m, 'agentopz_run_steps_bucket')).map((l) => /le="(.*)"} (\d+)/.exec(l)?.slice(1).join(': '))
    expect(counts).toEqual([
      '0.0: 1',
      '1.0: 1',
      '2.0: 1',
      '3.0: 2',
      '4.0: 3',
      '6.0: 3',
      '8.0: 3',
      '12.0: 3',
      '16.0: 3',
      '24.0: 3',
      '32.0: 3',
      '48.0: 3',
      '64.0: 3',
      '96.0: 3',
      '128.0: 3',
      '256.0: 3',
      '512.0: 4',
      '+Inf: 5',
    ])
    expect(await linesOf(m, 'agentopz_run_steps_sum')).toEqual(['agentopz_run_steps_sum{agent="a",environment="prod"} 1031.5'])
    expect(await linesOf(m, 'agentopz_run_steps_count')).toEqual(['agentopz_run_steps_count{agent="a",environment="prod"} 5'])
  })
  test('a weight counts as often as it says, however large, and unusable ones not at all', async () => {
    const m = createMetrics({})
    for (const weight of [1, 1000, 1e9, 0, -1, Number.NaN]) m.observe('agentopz_run_steps', A, { value: 2, weight }, 0)
    m.observe('agentopz_run_steps', A, { value: Number.NaN, weight: 1 }, 0)
    expect(await linesOf(m, 'agentopz_run_steps_count')).toEqual(['agentopz_run_steps_count{agent="a",environment="prod"} 1000001001'])
    expect(await linesOf(m, 'agentopz_run_steps_sum')).toEqual(['agentopz_run_steps_sum{agent="a",environment="prod"} 2000002002'])
  })
  test('a counter can be shown at 0 before it counts, and is not reset by that', async () => {
    const m = createMetrics({})
    m.start('agentopz_late_spans_total', A, 0)
    expect(await linesOf(m, 'agentopz_late_spans_total')).toEqual(['agentopz_late_spans_total{agent="a",environment="prod"} 0'])
    m.add('agentopz_late_spans_total', A, 3, 0)
    m.start('agentopz_late_spans_total', A, 0)
    expect(await linesOf(m, 'agentopz_late_spans_total')).toEqual(['agentopz_late_spans_total{agent="a",environment="prod"} 3'])
  })
  test('a counter shown at 0 takes no place that is not there, and counts no overflow', async () => {
    const m = createMetrics({ maxAgents: 1, maxSeriesPerMetric: 2 })
    for (const agent of ['a', 'b']) m.start('agentopz_late_spans_total', late(agent), 0)
    for (const environment of ['1', '2']) m.start('agentopz_late_spans_total', late('a', environment), 0)
    expect(await linesOf(m, 'agentopz_late_spans_total')).toHaveLength(2)
    expect(await linesOf(m, 'agentopz_series_overflow_total')).toEqual([])
  })
  test('first sightings keep their time', async () => {
    const m = createMetrics({})
    const row = { ...A, dimension: 'model', value: 'm' }
    const gauge = m.settable('agentopz_cohort_first_seen_timestamp_seconds', row)
    gauge.setOnce(1, 1000)
    gauge.setOnce(9, 9000)
    expect((await linesOf(m, 'agentopz_cohort_first_seen'))[0]).toMatch(/ 1$/)
  })
  test('standard names are recorded only when asked for', async () => {
    const counts = await Promise.all(
      [false, true].map((standardNames) => {
        const m = createMetrics({ standardNames })
        m.standard('gen_ai_invoke_agent_tool_calls', { gen_ai_agent_name: 'a' })?.observe(1, 1, 0)
        return linesOf(m, 'gen_ai_invoke_agent_tool_calls_count')
      }),
    )
    expect(counts).toEqual([[], ['gen_ai_invoke_agent_tool_calls_count{gen_ai_agent_name="a"} 1']])
  })
  test('two registries share nothing', async () => {
    const [one, two] = [createMetrics({ processMetrics: true }), createMetrics({ processMetrics: true })]
    one.add('agentopz_late_spans_total', A, 1, 0)
    expect(await linesOf(two, 'agentopz_late_spans_total')).toEqual([])
    expect(await linesOf(two, 'process_resident_memory_bytes')).toHaveLength(1)
  })
})

describe('gauges computed at scrape', () => {
  test('show the rows of now only', async () => {
    const m = createMetrics({})
    let rows: (readonly [typeof A, number])[] = [[A, 1]]
    m.gauge('agentopz_open_runs', () => rows)
    expect(await linesOf(m, 'agentopz_open_runs{')).toEqual(['agentopz_open_runs{agent="a",environment="prod"} 1'])
    rows = [[{ ...A, agent: 'b' }, 2]]
    expect(await linesOf(m, 'agentopz_open_runs{')).toEqual(['agentopz_open_runs{agent="b",environment="prod"} 2'])
    rows = []
    expect(await text(m)).not.toContain('agentopz_open_runs')
  })
  test('rows folded into one are added where they count, else the largest stands', async () => {
    const m = createMetrics({ maxAgents: 1 })
    const rows = [4, 9, 5].map((n, i) => [late(`a${i}`), n] as const)
    m.gauge('agentopz_open_runs', () => rows)
    m.gauge('agentopz_open_run_max_steps', () => rows)
    expect(await linesOf(m, 'agentopz_open_run')).toEqual([
      'agentopz_open_runs{agent="a0",environment=""} 4',
      `agentopz_open_runs{agent="${OVERFLOW}",environment=""} 14`,
      'agentopz_open_run_max_steps{agent="a0",environment=""} 4',
      `agentopz_open_run_max_steps{agent="${OVERFLOW}",environment=""} 9`,
    ])
    expect(await linesOf(m, 'agentopz_open_run_max_steps')).toEqual(await linesOf(m, 'agentopz_open_run_max_steps'))
  })
  test('one that cannot be computed is counted and hides no other', async () => {
    const m = createMetrics({ version: '1.2.3' })
    m.gauge('agentopz_open_runs', () => {
      throw new Error('no')
    })
    expect(await linesOf(m, 'agentopz_build_info')).toEqual([
      `agentopz_build_info{version="1.2.3",node_version="${process.versions.node}"} 1`,
    ])
    expect(await linesOf(m, 'agentopz_internal_errors_total{stage="gauge"}')).toHaveLength(1)
  })
})

describe('exemplars', () => {
  const recorded = (exemplars: boolean): Metrics => {
    const m = createMetrics({ exemplars })
    m.add('agentopz_runs_total', RUN, 2, 1000, OTHER_TRACE)
    m.add('agentopz_runs_total', RUN, 3, 1500, TRACE)
    m.add('agentopz_runs_total', RUN, 1, 2000, 'log:not-a-trace-id-of-32-letters')
    m.observe('agentopz_run_steps', A, { value: 3, weight: 2, traceId: TRACE }, 2500)
    m.observe('agentopz_run_steps', A, { value: 1000, weight: 1, traceId: OTHER_TRACE }, 3000)
    return m
  }
  test('are in OpenMetrics: the newest trace id of a counter and of each bucket', async () => {
    const m = recorded(true)
    expect((await linesOf(m, 'agentopz_runs_total', OPENMETRICS))[0]).toMatch(new RegExp(`} 6 # {trace_id="${TRACE}"} 3 1.500$`))
    const buckets = (await linesOf(m, 'agentopz_run_steps_bucket', OPENMETRICS)).filter((l) => l.includes('#'))
    expect(buckets).toEqual([
      `agentopz_run_steps_bucket{agent="a",environment="prod",le="3.0"} 2 # {trace_id="${TRACE}"} 3 2.500`,
      `agentopz_run_steps_bucket{agent="a",environment="prod",le="+Inf"} 3 # {trace_id="${OTHER_TRACE}"} 1000 3.000`,
    ])
  })
  test('are not in plain text, and nowhere when switched off', async () => {
    expect(await text(recorded(true))).not.toContain('trace_id')
    expect(await text(recorded(false), OPENMETRICS)).not.toContain('trace_id')
  })
})

describe('idle series', () => {
  test('are dropped, make room for other values, and start anew', async () => {
    const m = createMetrics({ seriesIdleSeconds: 10, maxAgents: 1 })
    const build = m.seriesCount()
    m.add('agentopz_late_spans_total', late('old'), 5, 0)
    expect(m.expire(10_000)).toBe(0)
    expect(m.expire(10_001)).toBe(1)
    expect(m.seriesCount()).toBe(build)
    m.add('agentopz_late_spans_total', late('new'), 1, 20_000)
    expect(await linesOf(m, 'agentopz_late_spans_total')).toEqual(['agentopz_late_spans_total{agent="new",environment=""} 1'])
    m.expire(40_000)
    m.add('agentopz_late_spans_total', late('old'), 1, 40_000)
    expect(await linesOf(m, 'agentopz_late_spans_total')).toEqual(['agentopz_late_spans_total{agent="old",environment=""} 1'])
  })
  test('a series that is touched stays, also by being shown or seen again', () => {
    const m = createMetrics({ seriesIdleSeconds: 10 })
    const seen = { ...A, dimension: 'model', value: 'm' }
    for (const now of [0, 8000, 16_000]) {
      m.add('agentopz_late_spans_total', A, 1, now)
      m.start('agentopz_duplicate_spans_total', A, now)
      m.settable('agentopz_cohort_first_seen_timestamp_seconds', seen).setOnce(now / 1000, now)
      m.set('agentopz_last_run_timestamp_seconds', A, now / 1000, now)
      m.observe('agentopz_run_steps', A, { value: 1, weight: 1 }, now)
    }
    expect(m.expire(25_000)).toBe(0)
    expect(m.expire(27_000)).toBe(5)
  })
  test('what the processor tells of itself stays', async () => {
    const m = createMetrics({ seriesIdleSeconds: 10 })
    m.set('agentopz_config_reload_successful', {}, 1, 0)
    m.add('agentopz_spans_rejected_total', { reason: 'time' }, 2, 0)
    expect(m.expire(1e9)).toBe(0)
    expect(await linesOf(m, 'agentopz_config_reload_successful')).toEqual(['agentopz_config_reload_successful 1'])
    expect(await linesOf(m, 'agentopz_spans_rejected_total')).toEqual(['agentopz_spans_rejected_total{reason="time"} 2'])
  })
  test('an agent keeps its place as long as any of its series lives', async () => {
    const m = createMetrics({ seriesIdleSeconds: 10, maxAgents: 1 })
    m.add('agentopz_late_spans_total', late('a'), 1, 0)
    m.add('agentopz_duplicate_spans_total', late('a'), 1, 9000)
    expect(m.expire(12_000)).toBe(1)
    m.add('agentopz_late_spans_total', late('b'), 1, 12_000)
    expect(await linesOf(m, 'agentopz_late_spans_total')).toEqual([`agentopz_late_spans_total{agent="${OVERFLOW}",environment=""} 1`])
  })
})

test('a scrape of many series gives the event loop its turns, and sees samples that come meanwhile once', async () => {
  const m = createMetrics({ maxAgents: 1e6 })
  for (let i = 0; i < 3000; i++) m.observe('agentopz_run_steps', late(`a${i}`), { value: 1, weight: 1 }, 0)
  let turns = 0
  let isDone = false
  const turn = (): void => {
    turns++
    m.observe('agentopz_run_steps', late('a0'), { value: 1, weight: 1 }, 0)
    m.observe('agentopz_run_steps', late(`new${turns}`), { value: 1, weight: 1 }, 0)
    if (!isDone) setImmediate(turn)
  }
  setImmediate(turn)
  const { body } = await m.expose(undefined, 0)
  isDone = true
  expect(turns).toBeGreaterThan(5)
  const names = [...body.matchAll(/^agentopz_run_steps_count{(.*)} \d+$/gm)].map((match) => match[1])
  expect(names.length).toBeGreaterThanOrEqual(3000)
  expect(new Set(names).size).toBe(names.length)
})
