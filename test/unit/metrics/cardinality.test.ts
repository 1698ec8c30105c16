import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { OVERFLOW } from '../../../model/metrics.ts'
import { clampValue, safeLabel } from '../../../processor/cardinality.ts'
import { createMetrics, type Metrics } from '../../../processor/metrics.ts'

const linesOf = async (m: Metrics, name: string): Promise<string[]> =>
  (await m.expose(undefined, 0)).body.split('\n').filter((l) => l.startsWith(name))
const valueOf = (line: string): number => Number(line.slice(line.lastIndexOf(' ') + 1))
const toolCall = (agent: string, tool: string, outcome = 'ok'): { agent: string; environment: string; tool: string; outcome: string } => ({
  agent,
  environment: '',
  tool,
  outcome,
})

describe('bounds', () => {
  test('10,000 agents: those over the bound are folded and counted, and no call is lost', async () => {
    const m = createMetrics({ maxAgents: 10 })
    for (let i = 0; i < 10_000; i++) m.add('agentopz_tool_calls_total', toolCall(`agent-${i}`, 't'), 1, 0)
    const lines = await linesOf(m, 'agentopz_tool_calls_total{')
    expect(lines).toHaveLength(11)
    expect(lines.at(-1)).toBe(`agentopz_tool_calls_total{agent="${OVERFLOW}",environment="",tool="t",outcome="ok"} 9990`)
    expect(await linesOf(m, 'agentopz_series_overflow_total{')).toEqual([
      `agentopz_series_overflow_total{agent="${OVERFLOW}",environment="",metric="agentopz_tool_calls_total"} 9990`,
    ])
  })
  test('an agent over the bound keeps its environment and outcome; its versions go', async () => {
    const m = createMetrics({ maxAgents: 1 })
    const run = {
      environment: 'prod',
      agent_version: '1',
      prompt_version: '2',
      model: 'm',
      tools_version: '',
      outcome: 'error',
      quality: 'fail',
    }
    m.add('agentopz_runs_total', { agent: 'a', ...run }, 1, 0)
    m.add('agentopz_runs_total', { agent: 'b', ...run }, 1, 0)
    expect((await linesOf(m, 'agentopz_runs_total{')).at(-1)).toBe(
      `agentopz_runs_total{agent="${OVERFLOW}",environment="prod",agent_version="${OVERFLOW}",prompt_version="${OVERFLOW}",model="${OVERFLOW}",tools_version="",outcome="error",quality="fail"} 1`,
    )
    m.add('agentopz_tokens_total', { agent: 'b', environment: 'prod', model: 'm', provider: 'p', class: 'input' }, 7, 0)
    expect(await linesOf(m, 'agentopz_tokens_total{')).toEqual([
      `agentopz_tokens_total{agent="${OVERFLOW}",environment="prod",model="m",provider="p",class="input"} 7`,
    ])
  })
  test('values of a label are bounded per agent and across metrics; closed sets are not', async () => {
    const m = createMetrics({ maxValuesPerLabel: 3 })
    for (let i = 0; i < 10; i++) m.add('agentopz_tool_calls_total', toolCall('a', `tool${i}`), 1, 0)
    for (const outcome of ['ok', 'error', 'empty', 'blocked']) m.add('agentopz_tool_calls_total', toolCall('a', 'tool0', outcome), 1, 0)
    m.observe('agentopz_tool_duration_seconds', { agent: 'a', environment: '', tool: 'tool9' }, { value: 1, weight: 1 }, 0)
    m.add('agentopz_tool_calls_total', toolCall('b', 'tool9'), 1, 0)
    const lines = (await linesOf(m, 'agentopz_tool_calls_total{')).map((l) =>
      /agent="(.)".*tool="([^"]*)",outcome="([^"]*)"} (\d+)/.exec(l)?.slice(1).join(' '),
    )
    expect(lines).toEqual([
      'a tool0 ok 2',
      'a tool1 ok 1',
      'a tool2 ok 1',
      `a ${OVERFLOW} ok 7`,
      'a tool0 error 1',
      'a tool0 empty 1',
      'a tool0 blocked 1',
      'b tool9 ok 1',
    ])
    expect((await linesOf(m, 'agentopz_tool_duration_seconds_count'))[0]).toContain(`tool="${OVERFLOW}"`)
    expect((await linesOf(m, 'agentopz_series_overflow_total{')).map(valueOf)).toEqual([7, 1])
  })
  test('a bound can be set per label', async () => {
    const m = createMetrics({ maxValuesPerLabel: { tool: 1, other: 2 } })
    for (let i = 0; i < 5; i++) {
      m.add('agentopz_tool_calls_total', toolCall('a', `tool${i}`), 1, 0)
      m.add('agentopz_unpriced_tokens_total', { agent: 'a', environment: '', model: `m${i}`, provider: '' }, 1, 0)
    }
    expect([(await linesOf(m, 'agentopz_tool_calls_total{')).length, (await linesOf(m, 'agentopz_unpriced_tokens_total{')).length]).toEqual(
      [2, 3],
    )
  })
  test('environments are bounded in all, whichever agents they come from', async () => {
    const m = createMetrics({ maxEnvironments: 2 })
    for (let i = 0; i < 50; i++) m.add('agentopz_late_spans_total', { agent: `a${i % 5}`, environment: `e${i}` }, 1, 0)
    const lines = await linesOf(m, 'agentopz_late_spans_total{')
    expect(lines).toHaveLength(7)
    expect(lines.map(valueOf).reduce((a, b) => a + b)).toBe(50)
  })
  test('a full metric folds all labels but the environment and closed sets', async () => {
    const m = createMetrics({ maxSeriesPerMetric: 5, maxAgents: 1e6 })
    for (let i = 0; i < 20; i++)
      m.add('agentopz_tool_calls_total', { ...toolCall(`a${i}`, 't', i % 2 === 0 ? 'ok' : 'error'), environment: 'prod' }, 1, 0)
    const lines = await linesOf(m, 'agentopz_tool_calls_total{')
    expect(lines).toHaveLength(7)
    expect(lines.slice(5)).toEqual([
      `agentopz_tool_calls_total{agent="${OVERFLOW}",environment="prod",tool="${OVERFLOW}",outcome="error"} 8`,
      `agentopz_tool_calls_total{agent="${OVERFLOW}",environment="prod",tool="${OVERFLOW}",outcome="ok"} 7`,
    ])
  })
  test('metrics without an agent are bounded too', async () => {
    const m = createMetrics({ maxValuesPerLabel: 2 })
    for (let i = 0; i < 9; i++) m.add('agentopz_spans_rejected_total', { reason: `r${i}` }, 1, 0)
    expect((await linesOf(m, 'agentopz_spans_rejected_total{')).map(valueOf)).toEqual([1, 1, 7])
  })
  test('whatever comes: series stay bounded, no sample is lost, every fold is counted', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({ agent: fc.string({ maxLength: 80, unit: 'binary' }), environment: fc.nat(6), tool: fc.nat(20), idle: fc.boolean() }),
          { maxLength: 200 },
        ),
        async (calls) => {
          const m = createMetrics({ maxAgents: 3, maxEnvironments: 2, maxValuesPerLabel: 4, maxSeriesPerMetric: 12, seriesIdleSeconds: 1 })
          let now = 0
          let added = 0
          for (const c of calls) {
            m.add(
              'agentopz_tool_calls_total',
              { agent: c.agent, environment: `e${c.environment}`, tool: `t${c.tool}`, outcome: 'ok' },
              1,
              now,
            )
            added++
            if (!c.idle) continue
            now += 2000
            m.expire(now)
            added = 0
          }
          const lines = await linesOf(m, 'agentopz_tool_calls_total{')
          expect(lines.length).toBeLessThanOrEqual(12 + 3)
          expect(lines.map(valueOf).reduce((a, b) => a + b, 0)).toBe(added)
          const folded = lines
            .filter((l) => l.includes(OVERFLOW))
            .map(valueOf)
            .reduce((a, b) => a + b, 0)
          expect((await linesOf(m, 'agentopz_series_overflow_total{')).map(valueOf).reduce((a, b) => a + b, 0)).toBe(folded)
        },
      ),
    ))
})

describe('values', () => {
  test.each([
    ['fits', 'gpt-5 mini', 'gpt-5 mini'],
    ['64 characters fit', 'x'.repeat(64), 'x'.repeat(64)],
    ['control characters', 'a\u0000b\nc\r\u007f\u0085\u2028', 'a_b_c____'],
    ['half a surrogate pair', 'a\ud800', 'a\ufffd'],
  ])('%s', (_, value, expected) => expect(clampValue('tool', value)).toBe(expected))
  test('long values are cut, and two that begin alike stay two', () => {
    const arn = 'arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/'
    const [one, two] = [clampValue('model', `${arn}one`), clampValue('model', `${arn}two`)]
    expect([one.length, two.length]).toEqual([64, 64])
    expect(one).not.toBe(two)
    expect(clampValue('tool', 'x'.repeat(10_000))).toMatch(/^x{55}:[0-9a-f]{8}$/)
  })
  test('a pair cut in two is no lone surrogate', () =>
    expect(clampValue('tool', `${'x'.repeat(54)}😀${'y'.repeat(50)}`).isWellFormed()).toBe(true))
  test('links may be longer', () => {
    const url = `https://runbooks.example/${'x'.repeat(200)}`
    expect([clampValue('runbook_url', url), clampValue('endpoint', url)]).toEqual([url, url])
    expect(clampValue('runbook_url', url.repeat(2))).toHaveLength(256)
  })
  test('cohort values keep to the safe alphabet', () => {
    expect(safeLabel('v 1.2/β?"\\')).toBe('v_1.2/____')
    expect(safeLabel('h:0a1b@eu+x_y-Z')).toBe('h:0a1b@eu+x_y-Z')
    expect(safeLabel('x'.repeat(100))).toHaveLength(64)
  })
})
