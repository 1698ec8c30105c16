/** State that is captured, written out later and put back elsewhere goes on exactly as the original: whatever comes, wherever the cut. */
import { deserialize, serialize } from 'node:v8'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { METRICS, type MetricDefinition } from '../../../model/metrics.ts'
import { createDecoder } from '../../../processor/decode/index.ts'
import { INTEREST } from '../../../processor/dialects/index.ts'
import { DEFAULT_POLICY } from '../../../processor/default-settings.ts'
import { createMetrics, type Metrics } from '../../../processor/metrics.ts'
import { continues } from '../../../processor/metrics-state.ts'
import { createPipeline, type Pipeline, type PipelinePart } from '../../../processor/pipeline.ts'
import { createPrices } from '../../../processor/prices.ts'
import { DEFAULT_RUN_LIMITS } from '../../../processor/runs/runs.ts'
import { otlp, otlpLogs, toJson } from '../../support/otlp.ts'

const LIMITS = {
  ...DEFAULT_RUN_LIMITS,
  settleMs: 20,
  orphanMs: 60,
  idleMs: 100,
  maxRunMs: 1000,
  rememberMs: 300,
  maxOpen: 4,
  maxSpansPerRun: 8,
}
const prices = createPrices({})
const decoder = createDecoder(INTEREST)

interface World {
  readonly pipeline: Pipeline
  readonly metrics: Metrics
}

function world(seed = 7): World {
  const metrics = createMetrics({})
  const settings = {
    limits: LIMITS,
    policyOf: () => DEFAULT_POLICY,
    objectivesOf: () => ({ steps: 2 }),
    thresholds: new Map(),
    prices,
    maxPendingEvaluations: 5,
    openRunsMs: 5000,
  }
  return { metrics, pipeline: createPipeline(decoder, metrics, settings, {}, seed) }
}

const hex = (n: number, digits: number): string => (n + 1).toString(16).padStart(digits, '0')
const span = fc.record({
  kind: fc.constant('span' as const),
  trace: fc.nat(3),
  span: fc.nat(9),
  parent: fc.nat(10),
  role: fc.constantFrom('agent', 'model', 'tool', 'http'),
  response: fc.nat(20),
})
const event = fc.oneof(
  { weight: 8, arbitrary: span },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('sweep' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('evaluation' as const), trace: fc.nat(6), span: fc.nat(9), response: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('expire' as const) }) },
)
type Event = typeof event extends fc.Arbitrary<infer E> ? E : never

const ATTRIBUTES = {
  agent: () => ({ 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'support' }),
  model: (response: number) => ({
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'openai',
    'gen_ai.request.model': 'gpt-4o',
    'gen_ai.usage.input_tokens': 100,
    'gen_ai.usage.output_tokens': 10,
    'gen_ai.response.id': `r${response}`,
  }),
  tool: () => ({ 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'search' }),
  http: () => ({ 'http.request.method': 'GET' }),
} as const

function tell({ pipeline, metrics }: World, e: Event, now: number): void {
  if (e.kind === 'sweep') pipeline.sweep(now)
  else if (e.kind === 'expire') metrics.expire(now)
  else if (e.kind === 'evaluation') {
    const attributes = { 'gen_ai.evaluation.name': 'polite', 'gen_ai.evaluation.score.value': 0.5, 'gen_ai.response.id': `r${e.response}` }
    const ids = e.trace === 6 ? {} : { traceId: hex(e.trace, 32), spanId: hex(e.span, 16) }
    pipeline.ingest('logs', toJson(otlpLogs({ records: [{ eventName: 'gen_ai.evaluation.result', attributes, ...ids }] })), 'json', now)
  } else {
    const ids = { traceId: hex(e.trace, 32), spanId: hex(e.span, 16), ...(e.parent < 10 ? { parentSpanId: hex(e.parent, 16) } : {}) }
    const request = otlp({ spans: [{ ...ids, startMs: 1_790_000_000_000 + now, attributes: ATTRIBUTES[e.role as 'model'](e.response) }] })
    pipeline.ingest('traces', toJson(request), 'json', now)
  }
}

const copied = (part: PipelinePart): PipelinePart => deserialize(serialize(part)) as PipelinePart
const textOf = async ({ metrics }: World): Promise<string> => (await metrics.expose(undefined, 1e6)).body

test('a restored pipeline goes on as the one it was captured from, though that went on while it was written out', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(event, fc.nat(40)), { minLength: 5, maxLength: 80 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      async (events, cut) => {
        const original = world(7)
        const restored = world(8)
        const at = Math.floor(events.length * cut)
        let now = 1000
        for (const [e, dt] of events.slice(0, at)) tell(original, e, (now += dt))
        const captured = original.pipeline.capture()
        let later = now
        for (const [e, dt] of events.slice(at)) tell(original, e, (later += dt))
        // Only now is it written out.
        for (const part of captured) restored.pipeline.restore(copied(part))
        for (const [e, dt] of events.slice(at)) tell(restored, e, (now += dt))
        expect([restored.pipeline.runs.openSpans, restored.pipeline.runs.linkSpans]).toEqual([
          original.pipeline.runs.openSpans,
          original.pipeline.runs.linkSpans,
        ])
        for (const w of [original, restored]) w.pipeline.flush(later + 10_000, 'idle')
        expect(await textOf(restored)).toBe(await textOf(original))
      },
    ),
    { numRuns: 150 },
  )
}, 60_000)

test('every metric that the data path counts continues, but for the two that others count too', () => {
  const touched = new Set<string>()
  const metrics = createMetrics({ standardNames: true })
  const spy: Metrics = new Proxy(metrics, {
    get: (target, name: keyof Metrics) =>
      ['add', 'start', 'observe', 'set', 'counter', 'histogram', 'settable', 'standard'].includes(name)
        ? (...args: unknown[]) => {
            touched.add(String(args[0]))
            return (target[name] as (...a: unknown[]) => unknown)(...args)
          }
        : target[name],
  })
  const settings = {
    limits: LIMITS,
    policyOf: () => DEFAULT_POLICY,
    objectivesOf: () => ({ steps: 0 }),
    thresholds: new Map(),
    prices,
    maxPendingEvaluations: 1,
    openRunsMs: 5000,
  }
  const pipeline = createPipeline(decoder, spy, settings, {}, 1)
  const w = { pipeline, metrics: spy }
  let now = 0
  for (let trace = 0; trace < 6; trace++)
    for (const [i, role] of (['agent', 'model', 'tool', 'http', 'model'] as const).entries()) {
      tell(w, { kind: 'span', trace, span: i, parent: i === 0 ? 10 : 0, role, response: trace % 4 }, now++)
      tell(w, { kind: 'span', trace, span: i, parent: i === 0 ? 10 : 0, role, response: trace % 4 }, now++)
      tell(w, { kind: 'evaluation', trace, span: 1, response: 1 }, now++)
    }
  pipeline.sweep(10_000)
  pipeline.sweep(20_000)
  const catalogue: Readonly<Record<string, MetricDefinition>> = METRICS
  const own = [...touched].filter((name) => name in catalogue)
  expect(own.length).toBeGreaterThan(18)
  // That one counts scrapes, which no journal gives again.
  expect(own.filter((name) => !continues(name, catalogue[name]!))).toEqual(['agentopz_open_runs_unfinished_scrapes_total'])
})

test('counters begin again where they cannot continue; first sightings stay', async () => {
  const w = world()
  tell(w, { kind: 'span', trace: 0, span: 0, parent: 10, role: 'agent', response: 0 }, 10)
  w.pipeline.sweep(1000)
  expect(await textOf(w)).toContain('agentopz_runs_total{')
  w.metrics.beginAgain()
  const text = await textOf(w)
  expect(text).not.toContain('agentopz_runs_total{')
  expect(text).toContain('agentopz_last_run_timestamp_seconds{')
})
