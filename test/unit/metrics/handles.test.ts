import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Run } from '../../../model/run.ts'
import { createMetrics, type Metrics } from '../../../processor/metrics.ts'
import { createRecorder, type Recorder } from '../../../processor/record.ts'

const ID = '0af7651916cd43dd8448eb211c80319c'
const textOf = async (m: Metrics, now: number): Promise<string> => (await m.expose('application/openmetrics-text; version=1.0.0', now)).body

const op = fc.record({
  kind: fc.constantFrom('add', 'start', 'observe', 'set', 'expire', 'beginAgain', 'restore'),
  agent: fc.constantFrom('a', 'b', 'c', 'a\u0001', 'x'.repeat(80)),
  tool: fc.constantFrom('search', 'refund', 'order', ''),
  value: fc.constantFrom(0, 1, 2.5, -1, Number.NaN, Number.POSITIVE_INFINITY),
  weight: fc.constantFrom(1, 3, 0),
  traceId: fc.constantFrom(ID, `${ID.slice(1)}0`, 'log:1', undefined),
  after: fc.constantFrom(1, 100, 6000),
})
type Op = typeof op extends fc.Arbitrary<infer T> ? T : never

const limits = { maxAgents: 2, maxValuesPerLabel: 2, maxSeriesPerMetric: 5, seriesIdleSeconds: 10 }
const labelsOf = ({ agent, tool }: Op) => ({ agent, environment: '', tool })

/** By name and labels, each time. */
function byName(m: Metrics, o: Op, now: number): void {
  const labels = labelsOf(o)
  if (o.kind === 'add') m.add('agentopz_tool_calls_total', { ...labels, outcome: 'ok' }, o.value, now, o.traceId)
  if (o.kind === 'start') m.start('agentopz_tool_calls_total', { ...labels, outcome: 'ok' }, now)
  const observation = { value: o.value, weight: o.weight, ...(o.traceId === undefined ? {} : { traceId: o.traceId }) }
  if (o.kind === 'observe') m.observe('agentopz_tool_duration_seconds', labels, observation, now)
  if (o.kind === 'set') m.set('agentopz_last_run_timestamp_seconds', { agent: o.agent, environment: '' }, now, now)
}

/** By handles that are made once and kept for good. */
function byHandle(m: Metrics): (o: Op, now: number) => void {
  const kept = new Map<string, ReturnType<typeof make>>()
  const make = (o: Op) => ({
    calls: m.counter('agentopz_tool_calls_total', { ...labelsOf(o), outcome: 'ok' }),
    seconds: m.histogram('agentopz_tool_duration_seconds', labelsOf(o)),
    last: m.settable('agentopz_last_run_timestamp_seconds', { agent: o.agent, environment: '' }),
  })
  return (o, now) => {
    const key = `${o.agent}\n${o.tool}`
    const handles = kept.get(key) ?? make(o)
    kept.set(key, handles)
    if (o.kind === 'add') handles.calls.add(o.value, now, o.traceId)
    if (o.kind === 'start') handles.calls.start(now)
    if (o.kind === 'observe') handles.seconds.observe(o.value, o.weight, now, o.traceId)
    if (o.kind === 'set') handles.last.set(now, now)
  }
}

test('handles write what names and labels write, through bounds, expiry and new beginnings', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(op, { maxLength: 60 }), async (ops) => {
      const [named, handled] = [createMetrics(limits), createMetrics(limits)]
      const write = byHandle(handled)
      let now = 0
      for (const o of ops) {
        now += o.after
        if (o.kind === 'expire') expect(handled.expire(now)).toBe(named.expire(now))
        else if (o.kind === 'beginAgain') for (const m of [named, handled]) m.beginAgain()
        else if (o.kind === 'restore') handled.restore(handled.capture())
        byName(named, o, now)
        write(o, now)
      }
      expect(await textOf(handled, now)).toBe(await textOf(named, now))
    }),
    { numRuns: 400 },
  )
})

describe('a recorder that keeps handles', () => {
  test('makes them once for runs of a kind, and anew when there are too many or series were dropped', () => {
    const metrics = createMetrics({ seriesIdleSeconds: 10 })
    let made = 0
    const counting: Metrics = new Proxy(metrics, {
      get: (target, name: keyof Metrics) =>
        ['counter', 'histogram', 'settable'].includes(name)
          ? (...args: unknown[]) => {
              made++
              return (target[name] as (...a: unknown[]) => unknown)(...args)
            }
          : target[name],
    })
    const recorder = createRecorder(counting, 80)
    const madeBy = (of: Run, now: number): number => {
      made = 0
      record(recorder, of, now)
      return made
    }
    const first = madeBy(run('a', '1'), 0)
    expect(first).toBeGreaterThan(20)
    expect(madeBy(run('a', '1'), 1)).toBe(0)
    expect(madeBy(run('b', '1'), 2)).toBe(first)
    expect(madeBy(run('c', '1'), 3)).toBe(first)
    expect([madeBy(run('a', '1'), 4), madeBy(run('a', '1'), 5)]).toEqual([first, 0])
    expect(metrics.expire(10_004)).toBeGreaterThan(0)
    expect(madeBy(run('a', '1'), 10_004)).toBe(first)
  })

  const run = (agent: string, promptVersion: string): Run => ({
    traceId: ID,
    rootSpanId: 'r',
    agent,
    environment: 'prod',
    service: '',
    dialect: 'gen_ai',
    startMs: 0,
    durationMs: 1500,
    rootEnded: true,
    outcome: 'ok',
    weight: 1,
    embeddings: 0,
    cohort: { agentVersion: '1', promptVersion, model: 'm', toolsVersion: '' },
    modelCalls: [
      { spanId: '1', startMs: 0, durationMs: 9, provider: 'p', model: 'm', outcome: 'ok', finish: 'stop', failedAttempts: 0, own: true },
    ],
    toolCalls: [{ spanId: '2', startMs: 0, durationMs: 9, tool: 't', outcome: 'empty', retrieval: true }],
    spend: [{ spanId: '1', atMs: 0, provider: 'p', model: 'm', usage: { input: 5, output: 2 }, own: true }],
    conflicts: ['agent_sum'],
    interventions: [],
    evaluations: [],
    firstInputTokens: 5,
    spanIds: [],
  })
  const record = (recorder: Recorder, of: Run, now: number): void =>
    recorder.run(
      of,
      [{ evaluation: 'completed', source: 'builtin', verdict: 'pass', score: 1 }],
      'pass',
      { price: () => ({ known: true, usd: 0.1 }), objectives: () => ({ steps: 1 }) },
      now,
    )

  test('tells the same as one that was just made, also over expiry and bounds', async () => {
    const event = fc.record({
      agent: fc.constantFrom('a', 'b', 'c'),
      prompt: fc.constantFrom('1', '2', '3', 'with space'),
      after: fc.constantFrom(1, 100, 6000),
      expires: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 40 }), fc.constantFrom(1, 50, 1000), async (events, maxHandles) => {
        const [fresh, kept] = [createMetrics(limits), createMetrics(limits)]
        const recorder = createRecorder(kept, maxHandles)
        let now = 0
        for (const { agent, prompt, after, expires } of events) {
          now += after
          if (expires) for (const m of [fresh, kept]) m.expire(now)
          record(createRecorder(fresh), run(agent, prompt), now)
          record(recorder, run(agent, prompt), now)
        }
        expect(await textOf(kept, now)).toBe(await textOf(fresh, now))
      }),
      { numRuns: 200 },
    )
  })
})
