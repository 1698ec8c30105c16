import { describe, expect, test } from 'vitest'
import { boundText, labelText, negotiate, numberText, renderHead } from '../../../processor/exposition.ts'
import { createMetrics, type Metrics } from '../../../processor/metrics.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const TEXT = 'text/plain; version=0.0.4; charset=utf-8'
const OPENMETRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8'

function sample(): Metrics {
  const m = createMetrics({ version: '0.0.0' })
  m.gauge('agentopz_build_info', () => [])
  m.add('agentopz_cost_usd_total', { agent: 'say "hi"\\', environment: '', model: 'gpt-5', provider: 'openai' }, 0.25, 1500, TRACE)
  m.observe(
    'agentopz_tool_duration_seconds',
    { agent: 'a', environment: 'prod', tool: 'search' },
    { value: 0.05, weight: 3, traceId: TRACE },
    1500,
  )
  m.set('agentopz_inflight_bytes', {}, 17, 0)
  return m
}

test('plain text', async () => {
  const { contentType, body } = await sample().expose(undefined, 0)
  expect(contentType).toBe(TEXT)
  expect(body).toBe(`# HELP agentopz_tool_duration_seconds Duration of tool calls and retrievals, in seconds.
# TYPE agentopz_tool_duration_seconds histogram
agentopz_tool_duration_seconds_bucket{agent="a",environment="prod",tool="search",le="0.01"} 0
agentopz_tool_duration_seconds_bucket{agent="a",environment="prod",tool="search",le="0.02"} 0
agentopz_tool_duration_seconds_bucket{agent="a",environment="prod",tool="search",le="0.04"} 0
agentopz_tool_duration_seconds_bucket{agent="a",environment="prod",tool="search",le="0.08"} 3
agentopz_tool_duration_seconds_bucket{agent="a",environment="prod",tool="search",le="0.16"} 3
agentopz_tool_duration_seconds_bucket{agent="a",environment="prod",tool="search",le="0.32"} 3
agentopz_tool_duration_seconds_bucket{agent="a",environment="prod",tool="search",le="0.64"} 3
agentopz_tool_duration_seconds_bucket{agent="a",environment="prod",tool="search",le="1.28"} 3
agentopz_tool_duration_seconds_bucket{agent="a",environment="prod",tool="search",le="2.56"} 3
agentopz_tool_duration_seconds_bucket{agent="a",environment="prod",tool="search",le="5.12"} 3
agentopz_tool_duration_seconds_bucket{agent="a",environment="prod",tool="search",le="10.24"} 3
agentopz_tool_duration_seconds_bucket{agent="a",environment="prod",tool="search",le="20.48"} 3
agentopz_tool_duration_seconds_bucket{agent="a",environment="prod",tool="search",le="40.96"} 3
agentopz_tool_duration_seconds_bucket{agent="a",environment="prod",tool="search",le="81.92"} 3
agentopz_tool_duration_seconds_bucket{agent="a",environment="prod",tool="search",le="+Inf"} 3
agentopz_tool_duration_seconds_sum{agent="a",environment="prod",tool="search"} 0.15000000000000002
agentopz_tool_duration_seconds_count{agent="a",environment="prod",tool="search"} 3
# HELP agentopz_cost_usd_total Priced cost in US dollars, late spans included.
# TYPE agentopz_cost_usd_total counter
agentopz_cost_usd_total{agent="say \\"hi\\"\\\\",environment="",model="gpt-5",provider="openai"} 0.25
# HELP agentopz_inflight_bytes Bytes of request bodies now held in memory, decompressed size included.
# TYPE agentopz_inflight_bytes gauge
agentopz_inflight_bytes 17
`)
})

test('OpenMetrics: families without _total, units, exemplars and an end', async () => {
  const { contentType, body } = await sample().expose('application/openmetrics-text', 0)
  expect(contentType).toBe(OPENMETRICS)
  const lines = body.split('\n')
  expect(lines.slice(0, 3)).toEqual([
    '# HELP agentopz_tool_duration_seconds Duration of tool calls and retrievals, in seconds.',
    '# TYPE agentopz_tool_duration_seconds histogram',
    '# UNIT agentopz_tool_duration_seconds seconds',
  ])
  expect(lines[6]).toBe(
    `agentopz_tool_duration_seconds_bucket{agent="a",environment="prod",tool="search",le="0.08"} 3 # {trace_id="${TRACE}"} 0.05 1.500`,
  )
  expect(lines.slice(-10)).toEqual([
    '# HELP agentopz_cost_usd Priced cost in US dollars, late spans included.',
    '# TYPE agentopz_cost_usd counter',
    '# UNIT agentopz_cost_usd usd',
    `agentopz_cost_usd_total{agent="say \\"hi\\"\\\\",environment="",model="gpt-5",provider="openai"} 0.25 # {trace_id="${TRACE}"} 0.25 1.500`,
    '# HELP agentopz_inflight_bytes Bytes of request bodies now held in memory, decompressed size included.',
    '# TYPE agentopz_inflight_bytes gauge',
    '# UNIT agentopz_inflight_bytes bytes',
    'agentopz_inflight_bytes 17',
    '# EOF',
    '',
  ])
})

describe('a scraper gets what it accepts', () => {
  const prometheus2 =
    'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'
  const prometheus3 =
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2'
  test.each([
    ['nothing said', undefined, TEXT],
    ['empty', '', TEXT],
    ['curl', '*/*', TEXT],
    ['a browser', 'text/html,application/xhtml+xml,*/*;q=0.8', TEXT],
    ['Prometheus 2', prometheus2, OPENMETRICS],
    ['Prometheus 3', prometheus3, OPENMETRICS],
    ['the older OpenMetrics', 'application/openmetrics-text; version=0.0.1', OPENMETRICS.replace('1.0.0', '0.0.1')],
    ['OpenMetrics without a version', 'Application/OpenMetrics-Text', OPENMETRICS],
    ['an OpenMetrics that is not written here', 'application/openmetrics-text;version=2.0.0', TEXT],
    ['plain text preferred', 'application/openmetrics-text;q=0.1,text/plain;q=0.9', TEXT],
    ['OpenMetrics refused', 'application/openmetrics-text;q=0', TEXT],
    ['a weight that is no number', 'application/openmetrics-text;q=high', TEXT],
    ['a quoted version', 'application/openmetrics-text;version="1.0.0"', OPENMETRICS],
  ])('%s', (_, accept, contentType) => expect(negotiate(accept).contentType).toBe(contentType))
})

test('numbers are written as both formats read them', () => {
  expect([0, -0, 1e21, 1e-7, 0.1 + 0.2, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map(numberText)).toEqual([
    '0',
    '0',
    '1e+21',
    '1e-7',
    '0.30000000000000004',
    'NaN',
    '+Inf',
    '-Inf',
  ])
  expect([0, 1, -1, 0.5, 1e21, 100].map(boundText)).toEqual(['0.0', '1.0', '-1.0', '0.5', '1e+21', '100.0'])
})

test('escapes', () => {
  expect(labelText(['a', 'b'], ['x"y\\z', 'line\nbreak'])).toBe('a="x\\"y\\\\z",b="line\\nbreak"')
  expect(labelText([], [])).toBe('')
  expect(renderHead({ name: 'x', help: 'a "b"\\\n.', type: 'gauge' }, 'text')).toBe('# HELP x a "b"\\\\\\n.\n# TYPE x gauge\n')
  expect(renderHead({ name: 'x', help: 'a "b"\\\n.', type: 'unknown' }, 'openmetrics')).toBe(
    '# HELP x a \\"b\\"\\\\\\n.\n# TYPE x unknown\n',
  )
})
