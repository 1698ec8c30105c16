/**
 * Bundled applications have no modules to hook. What goes through fetch, and what frameworks tell by globals, works all the same; what does not
 * is said.
 */
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { runAgent, type SeenSpan, spansOf } from '../support/agent.ts'
import { type Provider, startProvider } from '../support/provider.ts'
import { type Sink, startSink } from '../conformance/sink.ts'

let provider: Provider
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

/** One file with everything in it. */
async function bundle(sdk: string, source: string): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'agentopz-bundle-'))
  try {
    symlinkSync(join(import.meta.dirname, '../conformance/sdks', sdk, 'node_modules'), join(dir, 'node_modules'))
    writeFileSync(join(dir, 'in.mjs'), source)
    const outfile = join(dir, 'out.cjs')
    await build({
      entryPoints: [join(dir, 'in.mjs')],
      bundle: true,
      platform: 'node',
      format: 'cjs',
      minify: true,
      outfile,
      logLevel: 'error',
    })
    return readFileSync(outfile, 'utf8')
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

async function run(sdk: string, source: string, flags?: readonly string[]): ReturnType<typeof runAgent> {
  return runAgent({
    source: await bundle(sdk, source),
    entry: 'app.cjs',
    ...(flags === undefined ? {} : { flags }),
    env: {
      OPENAI_BASE_URL: `${provider.url}/v1`,
      THEIRS: `${theirs.url}/v1/traces`,
      OTEL_EXPORTER_OTLP_ENDPOINT: ours.url,
      OTEL_SERVICE_NAME: 'svc',
      OTEL_LOGS_EXPORTER: 'none',
      OTEL_METRICS_EXPORTER: 'none',
    },
  })
}
const attribute = (spans: readonly SeenSpan[], name: string, key: string): unknown => spans.find((s) => s.name === name)?.attributes[key]

test('an agent on a plain SDK', async () => {
  const source = `import OpenAI from 'openai'
const client = new OpenAI()
const main = async () => {
  const stream = await client.chat.completions.create({ model: 'gpt-5', messages: [{ role: 'user', content: 'hi' }], stream: true, stream_options: { include_usage: true } })
  let text = ''
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? ''
  console.log(text)
}
main()`
  const bare = await run('openai7', source, [])
  expect(await run('openai7', source)).toMatchObject({ stdout: bare.stdout, stderr: '', code: 0 })
  const spans = spansOf(ours.received)
  expect(spans.map((s) => s.name)).toEqual(['chat gpt-5', 'invoke_agent svc'])
  expect(attribute(spans, 'chat gpt-5', 'gen_ai.usage.input_tokens')).toBe(100)
})

test('an agent on the AI SDK 7', async () => {
  const source = `import { generateText, stepCountIs, tool } from 'ai'
import { createOpenAI } from '@ai-sdk/openai'
import { z } from 'zod'
const openai = createOpenAI({ apiKey: 'k', baseURL: process.env.OPENAI_BASE_URL })
const get_weather = tool({ inputSchema: z.object({ city: z.string() }), execute: async ({ city }) => city + ' 21C' })
const main = async () => {
  const result = await generateText({ model: openai('gpt-5'), tools: { get_weather }, stopWhen: stepCountIs(5), prompt: 'weather in Paris?', telemetry: { functionId: 'weather' } })
  console.log(result.text, result.steps.length)
}
main()`
  const bare = await run('ai7', source, [])
  expect(bare.code).toBe(0)
  expect(await run('ai7', source)).toMatchObject({ stdout: bare.stdout, code: 0 })
  const spans = spansOf(ours.received)
  const [root] = spans.filter((s) => s.attributes['gen_ai.operation.name'] === 'invoke_agent')
  expect(spans.filter((s) => s.attributes['gen_ai.operation.name'] === 'chat')).toHaveLength(2)
  expect(spans.filter((s) => s.attributes['gen_ai.operation.name'] === 'execute_tool')).toHaveLength(1)
  expect(new Set(spans.map((s) => s.traceId)).size).toBe(1)
  expect(root?.attributes['gen_ai.agent.name']).toBe('weather')
})

describe('an OpenTelemetry SDK of the application inside', () => {
  const source = (provider: string): string => `${provider}
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { context, trace } from '@opentelemetry/api'
const provider = provide(new OTLPTraceExporter({ url: process.env.THEIRS }))
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
trace.setGlobalTracerProvider(provider)
const main = async () => {
  await trace.getTracer('app').startActiveSpan('POST /ask', async (span) => {
    await (await fetch(process.env.OPENAI_BASE_URL + '/chat/completions', { method: 'POST', body: JSON.stringify({ model: 'gpt-5', messages: [] }) })).json()
    span.end()
  })
  await provider.forceFlush()
  console.log('done')
}
main()`
  const V2 = `import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base'
const provide = (exporter) => new BasicTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] })`
  const V3 = `import { TracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace'
const provide = (exporter) => new TracerProvider({ spanProcessors: [new BatchSpanProcessor({ exporter })] })`
  test('of the version of ours: theirs wins, with our spans and their run', async () => {
    expect(await run('otel3', source(V3))).toMatchObject({ stdout: 'done\n', stderr: '', code: 0 })
    expect(ours.received).toEqual([])
    const spans = spansOf(theirs.received)
    expect(spans.map((s) => s.name)).toEqual(['chat gpt-5', 'POST /ask'])
    expect(spans[0]).toMatchObject({ parentSpanId: spans[1]?.spanId })
    expect(spans[0]?.attributes['agentopz.run.id']).toBeTruthy()
  })
  test('of another version: it cannot be given way to, which is said once with what to do; ours goes on', async () => {
    const { stdout, stderr, code } = await run('otel2', source(V2))
    expect({ stdout, code }).toEqual({ stdout: 'done\n', code: 0 })
    expect(spansOf(ours.received).map((s) => s.name)).toEqual(['chat gpt-5', 'POST /ask'])
    expect(stderr.trimEnd().split('\n')).toEqual([
      expect.stringMatching(
        /^agentopz: something was registered with a copy of @opentelemetry\/api that is not 1\.10\.0 and was refused; .*attach\(\)/,
      ),
    ])
  })
})
