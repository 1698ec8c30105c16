/** The product as a whole: OTLP in by real exporters, metrics out to a real Prometheus. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SpanKind, type Tracer } from '@opentelemetry/api'
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { TracerProvider } from '@opentelemetry/sdk-trace'
import { afterEach, describe, expect, test } from 'vitest'
import { ruleGroups } from '../../alert-rules/rules.ts'
import { replay } from '../../app/commands/replay.ts'
import { startServices } from '../../app/services.ts'
import { createSpanProcessor } from '../../processor/index.ts'
import { startTestApp, sumOf, type TestApp, until } from '../support/app.ts'
import { otlp, otlpLogs, toProtobuf } from '../support/otlp.ts'

const CAPTURES = join(import.meta.dirname, '../fixtures/captures')
const GOLDEN = join(import.meta.dirname, '../golden')
const cleanup: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const c of cleanup.splice(0).toReversed()) await c()
})
async function start(yaml?: string): Promise<TestApp> {
  const t = await startTestApp(yaml)
  cleanup.push(() => t.app.stop())
  return t
}
const post = (url: string, body: object | Uint8Array): Promise<Response> =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': body instanceof Uint8Array ? 'application/x-protobuf' : 'application/json' },
    body: body instanceof Uint8Array ? Buffer.from(body) : JSON.stringify(body),
  })
const FAST = 'runs: { settle_seconds: 0.2, idle_seconds: 0.5 }'
const run = (traceId: string, more: object = {}): ReturnType<typeof otlp> =>
  otlp({
    resource: { 'service.name': 'shop', 'deployment.environment.name': 'prod' },
    spans: [
      {
        traceId,
        spanId: '00000000000000a1',
        flags: 257,
        name: 'invoke_agent support',
        attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'support' },
      },
      {
        traceId,
        spanId: '00000000000000a2',
        parentSpanId: '00000000000000a1',
        flags: 257,
        startMs: Date.now(),
        attributes: {
          'gen_ai.operation.name': 'chat',
          'gen_ai.provider.name': 'openai',
          'gen_ai.request.model': 'gpt-5-mini',
          'gen_ai.response.id': `resp-${traceId}`,
          'gen_ai.response.finish_reasons': ['stop'],
          'gen_ai.usage.input_tokens': 1000,
          'gen_ai.usage.output_tokens': 200,
          ...more,
        },
      },
    ],
  })
const T1 = '1af7651916cd43dd8448eb211c80319c'

interface GoldenRun {
  readonly traceId: string
  readonly agent: string
  readonly outcome: string
  readonly modelCalls: number
  readonly toolCalls: number
  readonly tokens?: Readonly<Record<string, number>>
  readonly conflicts?: readonly string[]
}
interface Golden {
  readonly runs: readonly GoldenRun[]
  readonly embeddingTokens?: Readonly<Record<string, number>>
}

describe('replay of every capture, then /metrics', () => {
  test('totals equal the golden files', async () => {
    const t = await start(FAST)
    const names = readdirSync(CAPTURES)
      .filter((f) => f.endsWith('.jsonl'))
      .map((f) => join(CAPTURES, f))
    const said: string[] = []
    const result = await replay(names, { endpoint: t.otlp, speed: 0, now: true, say: (l) => said.push(l) })
    expect([result.refused, result.rejectedItems, said]).toEqual([0, 0, []])
    const goldens = readdirSync(GOLDEN)
      .filter((f) => f.endsWith('.json') && f !== 'published.json')
      .map((f) => JSON.parse(readFileSync(join(GOLDEN, f), 'utf8')) as Golden)
    const runs = goldens.flatMap((g) => g.runs)
    await until(
      async () => (await t.value('agentopz_runs_total')) >= runs.length && (await t.value('agentopz_open_runs')) === 0,
      'every run closed',
    )
    const text = await t.metrics()
    expect(sumOf(text, 'agentopz_runs_total')).toBe(runs.length)
    for (const outcome of new Set(runs.map((r) => r.outcome)))
      expect(sumOf(text, 'agentopz_runs_total', { outcome }), outcome).toBe(runs.filter((r) => r.outcome === outcome).length)
    for (const agent of new Set(runs.map((r) => r.agent))) {
      const of = runs.filter((r) => r.agent === agent)
      const label = { agent }
      expect(sumOf(text, 'agentopz_runs_total', label), agent).toBe(of.length)
      expect(sumOf(text, 'agentopz_model_calls_total', label), agent).toBe(of.reduce((n, r) => n + r.modelCalls, 0))
      expect(sumOf(text, 'agentopz_tool_calls_total', label), agent).toBe(of.reduce((n, r) => n + r.toolCalls, 0))
    }
    for (const cls of ['input', 'cache_read', 'cache_write', 'output', 'reasoning']) {
      const expected =
        runs.reduce((n, r) => n + (r.tokens?.[cls] ?? 0), 0) + goldens.reduce((n, g) => n + (g.embeddingTokens?.[cls] ?? 0), 0)
      expect(sumOf(text, 'agentopz_tokens_total', { class: cls }), cls).toBe(expected)
    }
    expect(sumOf(text, 'agentopz_internal_errors_total')).toBe(0)
    expect(sumOf(text, 'agentopz_spans_received_total', { dialect: 'unknown' })).toBe(0)
  })
})

describe('from spans to a bill', () => {
  test('one run: counted, priced, judged', async () => {
    const t = await start(`${FAST}\nagents: { support: { team: help, quality: 0.97, cost_usd: { per_run: 0.0001 } } }`)
    expect((await post(`${t.otlp}/v1/traces`, toProtobuf(run(T1)))).status).toBe(200)
    await until(async () => (await t.value('agentopz_runs_total', { quality: 'pass' })) === 1, 'run closed')
    const text = await t.metrics()
    // gpt-5-mini: 0.25 in, 2 out per million
    expect(sumOf(text, 'agentopz_cost_usd_total', { agent: 'support', environment: 'prod' })).toBeCloseTo(1000 * 0.25e-6 + 200 * 2e-6, 12)
    expect(sumOf(text, 'agentopz_run_exceeded_total', { objective: 'cost' })).toBe(1)
    expect(sumOf(text, 'agentopz_objective', { agent: 'support', objective: 'quality' })).toBe(0.97)
    expect(text).toMatch(/agentopz_objective_info\{agent="support",environment="prod",team="help"[^}]*\} 1/)
    expect(await t.metrics('application/openmetrics-text; version=1.0.0')).toContain(`trace_id="${T1}"`)
  })
  test('evaluations join by response id, in either order, and by feedback', async () => {
    const t = await start(
      `${FAST}\nevaluations: { grounded: { pass_at_least: 0.5 } }\ndefaults: { quality: { checks: ['external:grounded'] } }`,
    )
    const evaluation = (traceId: string): object =>
      otlpLogs({
        records: [
          {
            eventName: 'gen_ai.evaluation.result',
            attributes: {
              'gen_ai.evaluation.name': 'grounded',
              'gen_ai.evaluation.score.value': 0.2,
              'gen_ai.response.id': `resp-${traceId}`,
            },
          },
        ],
      })
    const T2 = '2af7651916cd43dd8448eb211c80319c'
    await post(`${t.otlp}/v1/logs`, evaluation(T1))
    await post(`${t.otlp}/v1/traces`, run(T1))
    await post(`${t.otlp}/v1/traces`, run(T2))
    await post(`${t.otlp}/v1/logs`, evaluation(T2))
    await until(async () => (await t.value('agentopz_runs_total', { quality: 'fail' })) === 2, 'both runs fail')
    expect(await t.value('agentopz_evaluations_total', { evaluation: 'grounded', source: 'external', verdict: 'fail' })).toBe(2)
    const feedback = await post(`${t.url}/api/v1/feedback`, { trace_id: T1, label: 'thumbs_down' })
    expect(feedback.status).toBe(202)
    await until(
      async () => (await t.value('agentopz_evaluations_total', { source: 'feedback', verdict: 'fail' })) === 1,
      'feedback counted',
    )
  })
  test('late spans and repeats are counted, not assembled', async () => {
    const t = await start(FAST)
    await post(`${t.otlp}/v1/traces`, run(T1))
    await until(async () => (await t.value('agentopz_runs_total')) === 1, 'run closed')
    await post(`${t.otlp}/v1/traces`, run(T1))
    expect(await t.value('agentopz_duplicate_spans_total', { agent: 'support' })).toBe(2)
    await post(
      `${t.otlp}/v1/traces`,
      otlp({
        spans: [
          {
            traceId: T1,
            spanId: '00000000000000a9',
            parentSpanId: '00000000000000a1',
            attributes: {
              'gen_ai.operation.name': 'chat',
              'gen_ai.request.model': 'gpt-5-mini',
              'gen_ai.provider.name': 'openai',
              'gen_ai.usage.input_tokens': 7,
              'gen_ai.usage.output_tokens': 1,
            },
          },
        ],
      }),
    )
    expect(await t.value('agentopz_late_spans_total', { agent: 'support' })).toBe(1)
    expect(await t.value('agentopz_tokens_total', { class: 'input' })).toBe(1007)
    expect(await t.value('agentopz_runs_total')).toBe(1)
  })
  test('a runaway run shows before its root ends', async () => {
    const t = await start()
    const spans = Array.from({ length: 30 }, (_, i) => ({
      traceId: T1,
      spanId: (i + 1).toString(16).padStart(16, '0'),
      parentSpanId: 'ffffffffffffff01',
      flags: 257,
      startMs: Date.now() + i,
      attributes: {
        'gen_ai.operation.name': 'execute_tool',
        'gen_ai.agent.name': 'support',
        'gen_ai.tool.name': 'search',
        'gen_ai.tool.call.arguments': '{"q":1}',
      },
    }))
    await post(`${t.otlp}/v1/traces`, otlp({ spans }))
    expect(await t.value('agentopz_open_run_max_streak', { agent: 'support' })).toBe(30)
    expect(await t.value('agentopz_open_run_max_steps', { agent: 'support' })).toBe(30)
    expect(await t.value('agentopz_runs_total')).toBe(0)
  })
})

describe('bounds', () => {
  test('a run of 20,000 spans is assembled whole', async () => {
    const t = await start(FAST)
    for (let b = 0; b < 10; b++) {
      const spans = Array.from({ length: 2000 }, (_, i) => ({
        traceId: T1,
        spanId: (b * 2000 + i + 1).toString(16).padStart(16, '0'),
        parentSpanId: 'ffffffffffffff01',
        flags: 257,
        startMs: Date.now() + i,
        attributes: {
          'gen_ai.operation.name': 'chat',
          'gen_ai.provider.name': 'openai',
          'gen_ai.request.model': 'gpt-5-mini',
          'gen_ai.usage.input_tokens': 1,
          'gen_ai.usage.output_tokens': 1,
        },
      }))
      expect((await post(`${t.otlp}/v1/traces`, toProtobuf(otlp({ spans })))).status).toBe(200)
    }
    await post(
      `${t.otlp}/v1/traces`,
      otlp({
        spans: [
          {
            traceId: T1,
            spanId: 'ffffffffffffff01',
            flags: 257,
            durationMs: 60_000,
            attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'big' },
          },
        ],
      }),
    )
    await until(async () => (await t.value('agentopz_runs_total', { agent: 'big' })) === 1, 'run closed')
    expect(await t.value('agentopz_run_model_calls_sum', { agent: 'big' })).toBe(20_000)
    expect(await t.value('agentopz_tokens_total', { agent: 'big' })).toBe(40_000)
  })
  test('10,000 agent names stay within the bound and none is lost', async () => {
    const t = await start(`${FAST}\nmetrics: { max_agents: 50 }`)
    for (let b = 0; b < 10; b++) {
      const spans = Array.from({ length: 1000 }, (_, i) => ({
        traceId: `a${(b * 1000 + i).toString(16).padStart(31, '0')}`,
        spanId: '00000000000000a1',
        flags: 257,
        attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': `agent-${b * 1000 + i}` },
      }))
      await post(`${t.otlp}/v1/traces`, toProtobuf(otlp({ spans })))
    }
    await until(async () => (await t.value('agentopz_runs_total')) === 10_000, 'every run closed')
    const text = await t.metrics()
    expect(new Set([...text.matchAll(/^agentopz_runs_total\{agent="([^"]*)"/gm)].map((m) => m[1])).size).toBe(51)
    expect(sumOf(text, 'agentopz_series_overflow_total')).toBeGreaterThan(9000)
  })
})

test('spans that look like GenAI but are of no dialect are counted', async () => {
  const t = await start()
  await post(
    `${t.otlp}/v1/traces`,
    otlp({ spans: [{ attributes: { 'llm.brand_new': 'x' } }, { spanId: '00000000000000b2', attributes: { 'http.route': '/' } }] }),
  )
  expect([
    await t.value('agentopz_spans_received_total', { dialect: 'unknown' }),
    await t.value('agentopz_spans_received_total', { dialect: 'other' }),
  ]).toEqual([1, 1])
})

test('the relay gets the same bytes; a dead one slows nothing', async () => {
  const got: Buffer[] = []
  const sink = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (c: Buffer) => chunks.push(c))
    request.on('end', () => {
      got.push(Buffer.concat(chunks))
      response.end()
    })
  })
  await new Promise<void>((r) => sink.listen(0, '127.0.0.1', r))
  cleanup.push(() => void sink.close())
  const t = await start(
    `relay: [{ otlp_http: 'http://127.0.0.1:${(sink.address() as AddressInfo).port}' }, { otlp_http: 'http://127.0.0.1:1', name: dead }]`,
  )
  const body = toProtobuf(run(T1))
  expect((await post(`${t.otlp}/v1/traces`, body)).status).toBe(200)
  await until(async () => got.length === 1, 'relayed')
  expect(got[0]?.equals(Buffer.from(body))).toBe(true)
  await until(async () => (await t.value('agentopz_relay_retries_total', { endpoint: 'dead' })) > 0, 'retried')
  expect(await t.value('agentopz_relay_queue_requests', { endpoint: 'dead' })).toBe(1)
})

test('a real Prometheus scrapes it and answers the two queries of the README', async () => {
  const t = await start(FAST)
  await post(`${t.otlp}/v1/traces`, run(T1))
  const dir = mkdtempSync(join(tmpdir(), 'agentopz-test-'))
  cleanup.push(() => rmSync(dir, { recursive: true, force: true }))
  const services = await startServices({
    dir,
    target: `127.0.0.1:${t.app.ports.listen}`,
    scrapeSeconds: 1,
    ruleFiles: ['recording', 'alerts'].map((f) => join(import.meta.dirname, `../../alert-rules/${f}.rules.yaml`)),
    prometheusPort: 0,
    alertmanagerPort: 0,
  })
  cleanup.push(() => services.stop())
  const ask = async (query: string): Promise<{ metric: Record<string, string>; value: [number, string] }[]> =>
    (
      (await (await fetch(`${services.prometheusUrl}/api/v1/query?query=${encodeURIComponent(query)}`)).json()) as {
        data: { result: never[] }
      }
    ).data.result
  await until(async () => (await ask('sum by (agent, quality) (agentopz_runs_total{quality="pass"}) > 0')).length > 0, 'runs in Prometheus')
  expect((await ask('sum by (agent, quality) (agentopz_runs_total{quality="pass"})'))[0]).toMatchObject({
    metric: { agent: 'support', quality: 'pass' },
    value: [expect.any(Number), '1'],
  })
  expect(Number((await ask('sum by (agent) (agentopz_cost_usd_total)'))[0]?.value[1])).toBeCloseTo(0.00065, 9)
  const rules = (await (await fetch(`${services.prometheusUrl}/api/v1/rules`)).json()) as {
    data: { groups: { rules: { health: string }[] }[] }
  }
  expect(rules.data.groups.flatMap((g) => g.rules)).toHaveLength(ruleGroups().flatMap((g) => g.rules).length)
})

describe('in process, as a span processor of the OpenTelemetry SDK', () => {
  test('the same run as over OTLP', async () => {
    const agentopz = createSpanProcessor({ limits: { settleMs: 100 } })
    const t = await start(FAST)
    const exporter = new JsonExporter({ url: `${t.otlp}/v1/traces` })
    const { BatchSpanProcessor } = await import('@opentelemetry/sdk-trace')
    const provider = new TracerProvider({ spanProcessors: [agentopz as never, new BatchSpanProcessor({ exporter })] })
    const tracer = provider.getTracer('my.app')
    const { context, trace } = await import('@opentelemetry/api')
    const root = tracer.startSpan('invoke_agent x', { attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'x' } })
    const chat = tracer.startSpan(
      'chat m',
      {
        kind: SpanKind.CLIENT,
        attributes: {
          'gen_ai.operation.name': 'chat',
          'gen_ai.provider.name': 'openai',
          'gen_ai.request.model': 'gpt-5-mini',
          'gen_ai.usage.input_tokens': 100,
          'gen_ai.usage.output_tokens': 20,
          'gen_ai.response.finish_reasons': ['stop'],
        },
      },
      trace.setSpan(context.active(), root),
    )
    chat.end()
    root.end()
    await provider.forceFlush()
    await until(async () => (await t.value('agentopz_runs_total', { agent: 'x' })) === 1, 'run over OTLP')
    await until(
      async () => sumOf((await agentopz.metrics.expose(undefined, Date.now())).body, 'agentopz_runs_total', { agent: 'x' }) === 1,
      'run in process',
    )
    const [inside, outside] = [(await agentopz.metrics.expose(undefined, Date.now())).body, await t.metrics()]
    for (const name of ['agentopz_runs_total', 'agentopz_tokens_total', 'agentopz_cost_usd_total', 'agentopz_model_calls_total'])
      expect(sumOf(inside, name, { agent: 'x' })).toBe(sumOf(outside, name, { agent: 'x' }))
    expect(sumOf(inside, 'agentopz_cost_usd_total', { agent: 'x' })).toBeCloseTo(100 * 0.25e-6 + 20 * 2e-6, 12)
    await provider.shutdown()
  })
})

test('SDK 2.x spans read the same in process', async () => {
  const { BasicTracerProvider } = (await import('otel-sdk-2')) as {
    BasicTracerProvider: new (o: object) => { getTracer(n: string): Tracer; shutdown(): Promise<void> }
  }
  const agentopz = createSpanProcessor({ limits: { settleMs: 100 } })
  const provider = new BasicTracerProvider({ spanProcessors: [agentopz] })
  const tracer = provider.getTracer('my.app')
  const root = tracer.startSpan('invoke_agent y', { attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'y' } })
  const { context, trace } = await import('@opentelemetry/api')
  const tool = tracer.startSpan(
    'execute_tool t',
    { attributes: { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 't' } },
    trace.setSpan(context.active(), root),
  )
  tool.recordException(new Error('broken'))
  tool.setStatus({ code: 2 })
  tool.end()
  root.end()
  await provider.shutdown()
  const { body } = await agentopz.metrics.expose(undefined, Date.now())
  expect([
    sumOf(body, 'agentopz_runs_total', { agent: 'y', outcome: 'ok' }),
    sumOf(body, 'agentopz_tool_calls_total', { agent: 'y', tool: 't', outcome: 'error' }),
  ]).toEqual([1, 1])
})
