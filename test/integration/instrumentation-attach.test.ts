/**
 * Applications with an OpenTelemetry SDK of their own, 2.x and 3.x: their registration wins, whenever it comes and through whichever copy of the
 * API, and their exporters get all spans, ours among them with their run. What is registered beside (metrics, logs, a context manager) stays.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { API, type Program, REGISTER, runAgent, type SeenSpan, spansOf } from '../support/agent.ts'
import { type Provider, startProvider } from '../support/provider.ts'
import { type Sink, startSink } from '../conformance/sink.ts'

let provider: Provider
/** Where ours would send, and where the application's own SDK sends. */
let ours: Sink
let theirs: Sink
beforeAll(async () => {
  provider = await startProvider()
  ours = await startSink()
  theirs = await startSink()
})
afterAll(async () => {
  await provider.close()
  await ours.close()
  await theirs.close()
})
beforeEach(() => {
  ours.reset()
  theirs.reset()
})

const run = (program: Omit<Program, 'env'>, variables: Readonly<Record<string, string>> = {}): ReturnType<typeof runAgent> =>
  runAgent({
    ...program,
    env: {
      PROVIDER: `${provider.url}/v1/chat/completions`,
      THEIRS: `${theirs.url}/v1/traces`,
      OTEL_EXPORTER_OTLP_ENDPOINT: ours.url,
      OTEL_SERVICE_NAME: 'svc',
      OTEL_LOGS_EXPORTER: 'none',
      OTEL_METRICS_EXPORTER: 'none',
      AGENTOPZ_LOG_LEVEL: 'info',
      ...variables,
    },
  })

/** One model call by hand, below a span of the application. */
const CALL = `
const ask = async () => (await fetch(process.env.PROVIDER, { method: 'POST', body: JSON.stringify({ model: 'gpt-5', messages: [] }) })).json()
`
const START = (imports: string): string => `${imports}
const sdk = new NodeSDK({ traceExporter: new OTLPTraceExporter({ url: process.env.THEIRS }), instrumentations: [] })
sdk.start()
`
const ESM = `import { NodeSDK } from '@opentelemetry/sdk-node'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { trace, context, propagation } from '@opentelemetry/api'`
const CJS = `const { NodeSDK } = require('@opentelemetry/sdk-node')
const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-http')
const { trace, context, propagation } = require('@opentelemetry/api')`
const WORK = `${CALL}
async function main() {
  await trace.getTracer('app').startActiveSpan('POST /ask', async (span) => {
    await ask()
    await ask()
    span.end()
  })
  await sdk.shutdown()
  console.log('done')
}
main()`

const named = (spans: readonly SeenSpan[], name: string): readonly SeenSpan[] => spans.filter((s) => s.name === name)
function expectTheirs(stderr: string): void {
  expect(spansOf(ours.received)).toEqual([])
  const spans = spansOf(theirs.received)
  const [request] = named(spans, 'POST /ask')
  const calls = named(spans, 'chat gpt-5')
  expect(calls).toHaveLength(2)
  for (const call of calls) expect(call).toMatchObject({ traceId: request?.traceId, parentSpanId: request?.spanId, scope: 'agentopz' })
  expect(new Set(calls.map((c) => c.attributes['agentopz.run.id'])).size).toBe(1)
  expect(calls.map((c) => c.attributes['agentopz.run.step'])).toEqual([1, 2])
  expect(stderr.match(/the application's own OpenTelemetry SDK is used/g)).toHaveLength(1)
}

describe.each(['otel2', 'otel3'])('%s', (sdk) => {
  test('started after ours, ESM', async () => {
    const { stdout, stderr, code } = await run({ sdk, source: `${START(ESM)}${WORK}` })
    expect({ stdout, code }).toEqual({ stdout: 'done\n', code: 0 })
    expectTheirs(stderr)
  })
  test('started after ours, CommonJS', async () => {
    const { stdout, stderr, code } = await run({ sdk, entry: 'app.cjs', source: `${START(CJS)}${WORK}` })
    expect({ stdout, code }).toEqual({ stdout: 'done\n', code: 0 })
    expectTheirs(stderr)
  })
  test.each(['otel.mjs', 'otel.cjs'])('started before ours, in %s', async (file) => {
    const source = `import { trace } from '@opentelemetry/api'\nconst sdk = globalThis.sdk${WORK}`
    const start = `${START(file.endsWith('cjs') ? CJS : ESM)}\nglobalThis.sdk = sdk`
    const { stdout, stderr, code } = await run({
      sdk,
      source,
      files: { [file]: start },
      flags: ['--import', `./${file}`, '--import', REGISTER],
    })
    expect({ stdout, code }).toEqual({ stdout: 'done\n', code: 0 })
    expectTheirs(stderr)
  })
  test('with instrumentation of HTTP: no span of how ours are sent, and ours are below those of requests', async () => {
    const source = `${START(ESM)}
import { createServer, request } from 'node:http'
${CALL}
const tracer = trace.getTracer('app')
const server = createServer((req, res) => tracer.startActiveSpan('GET /', {}, propagation.extract(context.active(), req.headers), async (span) => { await ask(); span.end(); res.end() }))
await new Promise((r) => server.listen(0, r))
await tracer.startActiveSpan('client', async (span) => {
  const headers = {}
  propagation.inject(context.active(), headers)
  await new Promise((r) => request({ port: server.address().port, headers }, (res) => res.resume().on('end', r)).end())
  span.end()
})
server.close()
await sdk.shutdown()`
    await run({ sdk, source })
    const spans = spansOf(theirs.received)
    const [client, server, call] = ['client', 'GET /', 'chat gpt-5'].map((n) => named(spans, n)[0])
    expect(server?.parentSpanId).toBe(client?.spanId)
    expect(call).toMatchObject({ parentSpanId: server?.spanId, traceId: client?.traceId })
    expect(spans).toHaveLength(3)
  })
  test('a bare provider without a context manager', async () => {
    const [name, make] =
      sdk === 'otel3' ? ['@opentelemetry/sdk-trace', 'TracerProvider'] : ['@opentelemetry/sdk-trace-base', 'BasicTracerProvider']
    const processor = sdk === 'otel3' ? 'new SimpleSpanProcessor({ exporter })' : 'new SimpleSpanProcessor(exporter)'
    const source = `import { ${make}, SimpleSpanProcessor } from '${name}'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { trace } from '@opentelemetry/api'
${CALL}
const exporter = new OTLPTraceExporter({ url: process.env.THEIRS })
const provider = new ${make}({ spanProcessors: [${processor}] })
console.log(trace.setGlobalTracerProvider(provider))
await ask()
await provider.forceFlush()
await provider.shutdown()`
    expect(await run({ sdk, source })).toMatchObject({ stdout: 'true\n', code: 0 })
    expect(spansOf(ours.received)).toEqual([])
    const spans = spansOf(theirs.received)
    expect(spans.map((s) => s.name)).toEqual(['chat gpt-5', 'invoke_agent svc'])
    expect(spans[0]?.parentSpanId).toBe(spans[1]?.spanId)
  })
  test('a context manager or propagator alone: theirs works, ours goes on', async () => {
    const source = `import { context, propagation, trace, ROOT_CONTEXT } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
${CALL}
const manager = new AsyncLocalStorageContextManager().enable()
console.log(context.setGlobalContextManager(manager))
await new Promise((r) => setTimeout(r, 10))
const carrier = {}
await trace.getTracer('app').startActiveSpan('POST /ask', async (span) => {
  await ask()
  propagation.inject(context.active(), carrier)
  console.log(manager.active() === context.active(), manager.active() !== ROOT_CONTEXT)
  span.end()
})
console.log(Object.keys(carrier).join())`
    expect(await run({ sdk, source })).toMatchObject({ stdout: 'true\ntrue true\ntraceparent\n', code: 0 })
    const spans = spansOf(ours.received)
    expect(named(spans, 'chat gpt-5')[0]?.parentSpanId).toBe(named(spans, 'POST /ask')[0]?.spanId)
  })
  test('tracers that were asked for before it started make spans of it from then on', async () => {
    const source = `import { trace as early } from '@opentelemetry/api'
const used = early.getTracer('used')
const unused = early.getTracer('unused')
used.startSpan('before').end()
${START(ESM)}
used.startSpan('from used').end()
unused.startSpan('from unused').end()
await sdk.shutdown()`
    expect(await run({ sdk, source })).toMatchObject({ code: 0 })
    expect(spansOf(theirs.received).map((s) => s.name)).toEqual(['from used', 'from unused'])
    // There was no SDK of the application yet: without us the span would have been lost.
    expect(spansOf(ours.received).map((s) => s.name)).toEqual(['before'])
  })
  test('a logger of the application gets its messages', async () => {
    const source = `import { diag, DiagLogLevel, trace } from '@opentelemetry/api'
const heard = []
const log = (...a) => heard.push(a.join(' '))
console.log(diag.setLogger({ error: log, warn: log, info: log, debug: log, verbose: log }, DiagLogLevel.INFO))
diag.warn('mine')
trace.getTracer('app').startSpan('x').end()
console.log(heard.join())`
    expect(await run({ sdk, source })).toMatchObject({ stdout: 'true\nmine\n', code: 0 })
    expect(spansOf(ours.received).map((s) => s.name)).toEqual(['x'])
  })
  test('a meter provider that was there before stays', async () => {
    const source = `import { metrics, trace } from '@opentelemetry/api'
import { NodeSDK } from '@opentelemetry/sdk-node'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
const mine = { getMeter: () => ({ mine: true }) }
metrics.setGlobalMeterProvider(mine)
const sdk = new NodeSDK({ traceExporter: new OTLPTraceExporter({ url: process.env.THEIRS }), instrumentations: [] })
sdk.start()
trace.getTracer('app').startSpan('x').end()
console.log(metrics.getMeterProvider() === mine)
await sdk.shutdown()`
    expect(await run({ sdk, source })).toMatchObject({ stdout: 'true\n', code: 0 })
    expect(spansOf(theirs.received).map((s) => s.name)).toEqual(['x'])
    expect(spansOf(ours.received)).toEqual([])
  })
  test('guards and the explicit API work beside it', async () => {
    const source = `${START(ESM)}
import { runAgent, guardTool, recordEvaluation } from '${API}'
${CALL}
const tool = guardTool('search', async (q) => [q])
await runAgent('helper', { version: '2' }, async () => { await ask(); await tool('x'); recordEvaluation('polite', { label: 'pass' }) })
await sdk.shutdown()`
    expect(await run({ sdk, source })).toMatchObject({ code: 0 })
    const spans = spansOf(theirs.received)
    const [root] = named(spans, 'invoke_agent helper')
    for (const name of ['chat gpt-5', 'execute_tool search']) expect(named(spans, name)[0]?.parentSpanId).toBe(root?.spanId)
    expect(root?.events).toEqual(['gen_ai.evaluation.result'])
    expect(root?.attributes).toMatchObject({ 'gen_ai.agent.version': '2', 'agentopz.run.outcome': 'ok' })
  })
})

describe('called in the place of preloaded', () => {
  test('attach() and createSpanProcessor()', async () => {
    const source = `import { attach, createSpanProcessor } from '${API}'
attach()
${START(ESM.replace('import { NodeSDK }', 'import { NodeSDK, tracing }')).replace('traceExporter: new OTLPTraceExporter({ url: process.env.THEIRS })', 'spanProcessors: [createSpanProcessor(), new tracing.BatchSpanProcessor(new OTLPTraceExporter({ url: process.env.THEIRS }))]')}${WORK}`
    const { stdout, code } = await run({ sdk: 'otel2', source, flags: [] })
    expect({ stdout, code }).toEqual({ stdout: 'done\n', code: 0 })
    const spans = spansOf(theirs.received)
    expect(named(spans, 'chat gpt-5').map((s) => s.attributes['agentopz.run.step'])).toEqual([1, 2])
    expect(named(spans, 'chat gpt-5')[0]?.parentSpanId).toBe(named(spans, 'POST /ask')[0]?.spanId)
    expect(spansOf(ours.received)).toEqual([])
  })
  test('the explicit API without anything registered runs the functions and no more', async () => {
    const source = `import { runAgent, guardTool, getPrompt, getConfig, recordEvaluation, recordFeedback, stats, createFlagProvider, redactContent } from '${API}'
${CALL}
const out = await runAgent('a', async (run) => { await ask(); recordEvaluation('x', {}); recordFeedback(true); return guardTool('t', (n) => n + 1)(1) })
redactContent((t) => t)
console.log(out, getPrompt('p', { default: 'd' }), getConfig('c', { default: 3 }), JSON.stringify(stats()), createFlagProvider().metadata.name)`
    expect(await run({ source, flags: [] })).toMatchObject({
      stdout: '2 d 3 {"interventions":{},"internalErrors":{},"controls":"none"} agentopz\n',
      stderr: '',
      code: 0,
    })
    expect(ours.received).toEqual([])
  })
})

describe('copies of the API', () => {
  const copies = (newer: string): string => `
import { createRequire } from 'node:module'
const require = createRequire(import.meta.url)
require('${newer}').trace.getTracer('newer').startSpan('from newer').end()
require('${newer}')
await sdk.shutdown()`
  const NEWER = new URL('../conformance/sdks/otel3/node_modules/@opentelemetry/api', import.meta.url).pathname
  const OLDER = new URL('../conformance/sdks/otel2/node_modules/@opentelemetry/api', import.meta.url).pathname
  test('one that is newer than what the application registered drops its spans: one warning says so and what to do', async () => {
    const { stderr } = await run({ sdk: 'otel2', source: `${START(ESM)}${copies(NEWER)}` }, { AGENTOPZ_LOG_LEVEL: 'warn' })
    expect(spansOf(theirs.received)).toEqual([])
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
    expect(stderr).toMatch(
      /otel3\/node_modules\/@opentelemetry\/api\/.* is @opentelemetry\/api 1\.10\.0, but the tracer provider was registered through 1\.9\.1/,
    )
    expect(stderr).toContain('Install one version of @opentelemetry/api, 1.10.0 or newer')
  })
  test('one that is older is fine, and nothing is said', async () => {
    const { stderr } = await run({ sdk: 'otel3', source: `${START(ESM)}${copies(OLDER)}` }, { AGENTOPZ_LOG_LEVEL: 'warn' })
    expect(spansOf(theirs.received).map((s) => s.name)).toEqual(['from newer'])
    expect(stderr).toBe('')
  })
  test('in standalone mode all copies emit', async () => {
    const source = `const sdk = { shutdown: async () => undefined }${copies(NEWER)}${copies(OLDER).replace(/import.*|const require.*/g, '')}`
    const { stderr } = await run({ source }, { AGENTOPZ_LOG_LEVEL: 'warn' })
    expect(spansOf(ours.received).map((s) => s.name)).toEqual(['from newer', 'from newer'])
    expect(stderr).toBe('')
  })
})
