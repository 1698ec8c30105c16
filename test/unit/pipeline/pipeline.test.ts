/** The data path as a whole, in process: hostile spans never make it fail, and what it records adds up. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createDecoder } from '../../../processor/decode/index.ts'
import { DIALECTS, INTEREST } from '../../../processor/dialects/index.ts'
import { DEFAULT_POLICY } from '../../../processor/default-settings.ts'
import { createMetrics, type Metrics } from '../../../processor/metrics.ts'
import { createPipeline, type Pipeline, type PipelineHooks } from '../../../processor/pipeline.ts'
import { createPrices } from '../../../processor/prices.ts'
import { DEFAULT_RUN_LIMITS } from '../../../processor/runs/runs.ts'
import { sumOf } from '../../support/app.ts'
import { type Otlp, otlp, otlpLogs, type SpanSketch, toJson, toProtobuf } from '../../support/otlp.ts'

function world(hooks: PipelineHooks = {}): { pipeline: Pipeline; metrics: Metrics; text: () => Promise<string> } {
  const metrics = createMetrics({})
  const pipeline = createPipeline(
    createDecoder(INTEREST),
    metrics,
    {
      limits: DEFAULT_RUN_LIMITS,
      policyOf: () => ({ ...DEFAULT_POLICY, acceptsOutput: (t) => t.length > 3 }),
      objectivesOf: () => ({ steps: 1 }),
      thresholds: new Map([['grounded', { passAtLeast: 0.5 }]]),
      prices: createPrices({}),
      maxPendingEvaluations: 3,
      openRunsMs: 5000,
    },
    hooks,
    1,
  )
  return { pipeline, metrics, text: async () => (await metrics.expose(undefined, 0)).body }
}
const scopes = [...DIALECTS.flatMap((d) => d.scopes ?? []).map((s) => s.replace('*', 'x')), 'my.app', '', 'openinference.instrumentation.x']
const words = [
  'chat',
  'invoke_agent',
  'execute_tool',
  'AGENT',
  'LLM',
  'TOOL',
  'agent',
  'generation',
  'tool',
  'model',
  'workflow',
  'ai.generateText',
  'ai.generateText.doGenerate',
  'ai.toolCall',
  '{"usage":{"inputTokens":1}}',
  '[{"role":"user","parts":[{"type":"text","content":"hi"}]}]',
  '{"cut',
  '[',
  'null',
  '[null]',
  '{"a":{"b":[1]}}',
  '-1',
  'NaN',
  '1e400',
]
const value = fc.oneof(
  fc.constantFrom(...words),
  fc.string(),
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.array(fc.oneof(fc.string(), fc.integer(), fc.constant(null)), { maxLength: 3 }),
  fc.dictionary(
    fc.string().filter((k) => k !== '__proto__'),
    fc.oneof(fc.string(), fc.integer(), fc.constant(null)),
    { maxKeys: 3 },
  ),
)
const key = fc.oneof(
  fc.constantFrom(...INTEREST.keys),
  fc.constantFrom(
    'gen_ai.prompt.0.content',
    'llm.output_messages.0.message.content',
    'annotations.0.annotation.name',
    '__proto__',
    'constructor',
  ),
)
const id = (n: number): string => (n + 1).toString(16).padStart(16, '0')
const spans = fc.array(
  fc.record({
    name: fc.oneof(fc.string(), fc.constantFrom('call_llm', 'claude_code.tool', 'agent run', 'handoff to x')),
    kind: fc.nat(6),
    parent: fc.nat(12),
    attributes: fc.dictionary(key, value, { maxKeys: 10 }),
    status: fc.constantFrom('ok' as const, 'error' as const, undefined),
    startMs: fc.integer({ min: -5, max: 2 ** 43 }),
    durationMs: fc.integer({ min: -5, max: 1e12 }),
    event: fc.dictionary(key, value, { maxKeys: 4 }),
  }),
  { minLength: 1, maxLength: 8 },
)

describe('whatever a span holds', () => {
  test('nothing fails inside, every run is judged, and no value is negative or not a number', async () => {
    const errors: unknown[] = []
    const { pipeline, text } = world({ internalError: (stage, error) => errors.push([stage, error]) })
    let trace = 0
    fc.assert(
      fc.property(spans, fc.constantFrom(...scopes), fc.boolean(), (list, scope, asJson) => {
        const traceId = (++trace).toString(16).padStart(32, 'f')
        const sketches: SpanSketch[] = list.map((s, i) => ({
          traceId,
          spanId: id(i),
          name: s.name,
          kind: s.kind,
          startMs: Math.max(10, s.startMs),
          durationMs: s.durationMs,
          attributes: s.attributes,
          ...(s.status === undefined ? {} : { status: s.status }),
          ...(s.parent < 12 ? { parentSpanId: id(s.parent) } : {}),
          events: [{ name: i % 2 === 0 ? 'exception' : 'gen_ai.choice', attributes: s.event }],
        }))
        const request = otlp({ spans: sketches, scope, resource: { 'service.name': 'shop', 'telemetry.sdk.name': 'openlit' } })
        pipeline.ingest('traces', asJson ? toJson(request) : toProtobuf(request), asJson ? 'json' : 'protobuf', trace)
        pipeline.ingest(
          'logs',
          toJson(
            otlpLogs({
              scope,
              records: list.map((s, i) => ({
                traceId: i % 2 === 0 ? traceId : '',
                eventName: 'gen_ai.evaluation.result',
                attributes: s.attributes,
              })),
            }),
          ),
          'json',
          trace,
        )
      }),
      { numRuns: 1500 },
    )
    pipeline.flush(1e9, 'shutdown')
    expect(errors).toEqual([])
    const body = await text()
    expect(sumOf(body, 'agentopz_internal_errors_total')).toBe(0)
    expect(sumOf(body, 'agentopz_runs_total')).toBeGreaterThan(100)
    for (const line of body.split('\n'))
      if (line !== '' && !line.startsWith('#') && !/_score_sum|timestamp/.test(line))
        expect(Number(line.slice(line.lastIndexOf(' ') + 1)), line).toBeGreaterThanOrEqual(0)
  })
})

describe('a refused body changes nothing', () => {
  test('cut off anywhere, then sent whole: the run counts once', async () => {
    const { pipeline, text } = world()
    const body = toProtobuf(
      otlp({
        spans: [
          { spanId: id(0), attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'x' } },
          {
            spanId: id(1),
            parentSpanId: id(0),
            attributes: { 'gen_ai.operation.name': 'chat', 'gen_ai.usage.input_tokens': 10, 'gen_ai.usage.output_tokens': 1 },
          },
        ],
      }),
    )
    for (let n = 1; n < body.length; n += 7)
      expect(() => pipeline.ingest('traces', body.subarray(0, n), 'protobuf', 0)).toThrow(/^OTLP protobuf, byte/)
    pipeline.ingest('traces', body, 'protobuf', 0)
    pipeline.flush(1, 'shutdown')
    const after = await text()
    expect([
      sumOf(after, 'agentopz_runs_total', { agent: 'x' }),
      sumOf(after, 'agentopz_tokens_total'),
      sumOf(after, 'agentopz_duplicate_spans_total'),
    ]).toEqual([1, 11, 0])
  })
})

describe('a span that does not say when it began or ended', () => {
  const AT = 1_790_000_002_000
  const unknown = { startTimeUnixNano: '0', endTimeUnixNano: '0' }
  /** An agent's span, its times replaced, around a model call. */
  const bodyOf = (times: object, isAlone: boolean): object => {
    const agent = { spanId: id(0), attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'x' } }
    const call = { spanId: id(1), parentSpanId: id(0), startMs: AT - 1950, attributes: { 'gen_ai.operation.name': 'chat' } }
    const request = otlp({ spans: isAlone ? [agent] : [agent, call] }) as { resourceSpans: { scopeSpans: { spans: object[] }[] }[] }
    Object.assign(request.resourceSpans[0]?.scopeSpans[0]?.spans[0] ?? {}, times)
    return request
  }
  const cases = [
    ['no start', { startTimeUnixNano: '0' }, false, 1.95],
    ['no start, alone: it ended then', { startTimeUnixNano: '0' }, true, 1.9],
    ['no end', { endTimeUnixNano: '0' }, false, 2],
    ['neither', unknown, false, 1.95],
    ['neither, alone: it came then', unknown, true, 0],
  ] as const
  for (const encoding of ['json', 'protobuf'] as const)
    test.each(cases)(`${encoding}, %s`, async (_, times, isAlone, age) => {
      const { pipeline, text } = world()
      const request = bodyOf(times, isAlone) as Otlp
      pipeline.ingest('traces', encoding === 'json' ? toJson(request) : toProtobuf(request), encoding, AT)
      const open = await text()
      expect(sumOf(open, 'agentopz_open_run_max_age_seconds')).toBeCloseTo(age)
      pipeline.flush(AT, 'shutdown')
      const body = await text()
      expect([
        sumOf(body, 'agentopz_runs_total', { agent: 'x' }),
        sumOf(body, 'agentopz_run_duration_seconds_count'),
        sumOf(body, 'agentopz_run_duration_seconds_sum'),
      ]).toEqual([1, 0, 0])
    })
})

describe('evaluations of runs that are read from logs', () => {
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  const spanId = id(9)
  const call = {
    traceId,
    spanId,
    eventName: 'claude_code.api_request',
    attributes: { 'event.name': 'api_request', 'session.id': 's', model: 'claude-sonnet-4-5', input_tokens: 1, output_tokens: 1 },
  }
  const judged = {
    traceId,
    spanId,
    eventName: 'gen_ai.evaluation.result',
    attributes: { 'gen_ai.evaluation.name': 'grounded', 'gen_ai.evaluation.score.value': 1 },
  }
  test.each([
    ['that come first', [judged, call]],
    ['that come after it', [call, judged]],
  ])('%s are joined', async (_, records) => {
    const { pipeline, text } = world()
    for (const record of records) pipeline.ingest('logs', toJson(otlpLogs({ records: [record] })), 'json', 1000)
    pipeline.flush(2000, 'shutdown')
    pipeline.sweep(DEFAULT_RUN_LIMITS.rememberMs + 2000)
    const body = await text()
    expect([
      sumOf(body, 'agentopz_runs_total'),
      sumOf(body, 'agentopz_evaluations_total', { evaluation: 'grounded', verdict: 'pass' }),
      sumOf(body, 'agentopz_evaluations_unmatched_total'),
    ]).toEqual([1, 1, 0])
  })
})

describe('evaluations that never find their run', () => {
  test('are counted by reason, and held within the bound', async () => {
    const { pipeline, text } = world()
    const record = (n: number): object => ({
      eventName: 'gen_ai.evaluation.result',
      attributes: { 'gen_ai.evaluation.name': 'grounded', 'gen_ai.evaluation.score.value': 1, 'gen_ai.response.id': `r${n}` },
    })
    pipeline.ingest('logs', toJson(otlpLogs({ records: Array.from({ length: 5 }, (_, n) => record(n)) })), 'json', 0)
    pipeline.sweep(DEFAULT_RUN_LIMITS.rememberMs + 1)
    const body = await text()
    expect([
      sumOf(body, 'agentopz_evaluations_unmatched_total', { reason: 'queue_full' }),
      sumOf(body, 'agentopz_evaluations_unmatched_total', { reason: 'expired' }),
    ]).toEqual([2, 3])
  })
})

test('a sampled run counts with its weight, in counters and histograms', async () => {
  const { pipeline, text } = world()
  const traceState = 'ot=th:c'
  pipeline.ingest(
    'traces',
    toJson(
      otlp({
        spans: [
          { spanId: id(0), traceState, attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'x' } },
          {
            spanId: id(1),
            traceState,
            parentSpanId: id(0),
            attributes: {
              'gen_ai.operation.name': 'chat',
              'gen_ai.provider.name': 'openai',
              'gen_ai.request.model': 'gpt-5-mini',
              'gen_ai.usage.input_tokens': 10,
              'gen_ai.usage.output_tokens': 1,
            },
          },
        ],
      }),
    ),
    'json',
    0,
  )
  pipeline.flush(1, 'shutdown')
  const body = await text()
  expect([
    sumOf(body, 'agentopz_runs_total', { agent: 'x' }),
    sumOf(body, 'agentopz_tokens_total', { class: 'input' }),
    sumOf(body, 'agentopz_run_steps_count'),
    sumOf(body, 'agentopz_run_steps_sum'),
    sumOf(body, 'agentopz_run_exceeded_total'),
  ]).toEqual([4, 40, 4, 4, 0])
})
