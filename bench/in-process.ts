/**
 * `npm run bench:inprocess`: what our span processor adds to the life of a span in an application, beside what the SDK's own BatchSpanProcessor
 * with an exporter that does nothing adds, in turns in one process; and `onEnd` alone on spans that have ended. CPU of the whole process, garbage
 * collection included. Writes its section of docs/performance.md; `-- --quick` prints only.
 */
import { setImmediate as turn } from 'node:timers/promises'
import * as api from '@opentelemetry/api'
import { BatchSpanProcessor, type ReadableSpan, type SpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { createSpanProcessor } from '../processor/in-process.ts'
import { keep, ranOn } from './results.ts'
import { median, ratioOf, spread, times } from './wire/rounds.ts'

const QUICK = process.argv.includes('--quick')
const ROUNDS = QUICK ? 5 : 15
const SPANS = 32_000
type Kind = 'genai' | 'other'
type Attributes = Readonly<Record<string, string | number | string[]>>

const NOISE: Attributes = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`app.attribute.${i}`, `value ${i}`]))
let made = 0

/** Attributes of a span: twenty, as SDKs write them. */
function attributesOf(kind: Kind, at: number): Attributes {
  if (kind === 'other') return { 'http.request.method': 'GET', 'url.path': `/orders/${made}`, 'http.response.status_code': 200, ...NOISE }
  if (at === 0) return { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'support', ...NOISE }
  if (at % 2 === 0)
    return { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'search', 'gen_ai.tool.call.id': `call_${made}`, ...NOISE }
  return {
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'openai',
    'gen_ai.request.model': 'gpt-5-mini',
    'gen_ai.response.model': 'gpt-5-mini-2026-08-01',
    'gen_ai.response.id': `chatcmpl-${made}`,
    'gen_ai.usage.input_tokens': 3600,
    'gen_ai.usage.output_tokens': 140,
    'gen_ai.response.finish_reasons': ['stop'],
    ...NOISE,
  }
}

/** Begins and ends a trace of eight spans. */
function trace(provider: TracerProvider, kind: Kind): void {
  const tracer = provider.getTracer(kind === 'genai' ? '@acme/agents' : '@opentelemetry/instrumentation-http')
  const root = tracer.startSpan('root', { attributes: attributesOf(kind, 0), root: true })
  const context = api.trace.setSpan(api.ROOT_CONTEXT, root)
  for (let at = 1; at < 8; at++) {
    made++
    tracer.startSpan('step', { attributes: attributesOf(kind, at) }, context).end()
  }
  root.end()
}

const nanos = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) * 1000
}

/** CPU nanoseconds per span of the whole life of spans; every so often timers and exports get their turn, as in an application. */
async function lifeOf(provider: TracerProvider, kind: Kind): Promise<number> {
  const began = nanos()
  for (let n = 0; n < SPANS / 8; n++) {
    trace(provider, kind)
    if (n % 32 === 31) await turn()
  }
  return (nanos() - began) / SPANS
}

/** CPU nanoseconds per `onEnd` of spans that have ended. */
async function onEndOf(processor: Pick<SpanProcessor, 'onEnd'>, kind: Kind): Promise<number> {
  const ended: ReadableSpan[] = []
  const keeping: SpanProcessor = {
    onStart: () => undefined,
    onEnd: (span) => void ended.push(span),
    forceFlush: async () => undefined,
    shutdown: async () => undefined,
  }
  const provider = new TracerProvider({ spanProcessors: [keeping] })
  for (let n = 0; n < SPANS / 8; n++) trace(provider, kind)
  await turn()
  const began = nanos()
  for (const [n, span] of ended.entries()) {
    processor.onEnd(span)
    if (n % 256 === 255) await turn()
  }
  return (nanos() - began) / ended.length
}

const ours = createSpanProcessor()
// Runs of this process settle while it runs; all of that is part of what the processor costs.
let exported = 0
const batch = new BatchSpanProcessor({
  exporter: {
    export: (spans, done) => {
      exported += spans.length
      done({ code: 0 })
    },
    forceFlush: async () => undefined,
    shutdown: async () => undefined,
  },
})
const none = new TracerProvider({ spanProcessors: [] })
const withOurs = new TracerProvider({ spanProcessors: [ours as SpanProcessor] })
const withBatch = new TracerProvider({ spanProcessors: [batch] })

const rows: string[][] = []
const GOALS = { genai: 1000, other: 100, ratio: 0.3 }
const missed: string[] = []
for (const kind of ['genai', 'other'] as const) {
  const life = { bare: [] as number[], ours: [] as number[], batch: [] as number[] }
  const alone = { ours: [] as number[], batch: [] as number[] }
  for (let round = 0; round < ROUNDS + 3; round++) {
    const seen = { bare: await lifeOf(none, kind), ours: await lifeOf(withOurs, kind), batch: await lifeOf(withBatch, kind) }
    const ends = { ours: await onEndOf(ours, kind), batch: await onEndOf(batch, kind) }
    if (round < 3) continue
    for (const k of ['bare', 'ours', 'batch'] as const) life[k].push(seen[k])
    for (const k of ['ours', 'batch'] as const) alone[k].push(ends[k])
  }
  const added = { ours: life.ours.map((v, i) => v - (life.bare[i] ?? 0)), batch: life.batch.map((v, i) => v - (life.bare[i] ?? 0)) }
  const ratio = ratioOf(added.ours, added.batch)
  if (median(alone.ours) > GOALS[kind]) missed.push(`${kind} ${median(alone.ours).toFixed(0)} ns`)
  if (ratioOf(alone.ours, alone.batch).median > GOALS.ratio) missed.push(`${kind} ${times(alone.ours, alone.batch, 1)}`)
  rows.push(
    [kind === 'genai' ? 'GenAI' : 'other', 'life of a span without a processor', spread(life.bare), ''],
    ['', 'added by agentopz', spread(added.ours), spread(alone.ours)],
    ['', 'added by BatchSpanProcessor', spread(added.batch), spread(alone.batch)],
    [
      '',
      'agentopz / BatchSpanProcessor',
      `${ratio.median.toFixed(2)} × (${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)})`,
      times(alone.ours, alone.batch, 2),
    ],
  )
}
await batch.forceFlush()
const given = 2 * 2 * (ROUNDS + 3) * SPANS
/** Its queue holds 2048 spans and drops what is above: a dropped span costs it nothing. */
const kept = `BatchSpanProcessor exported ${((100 * exported) / given).toFixed(0)} % of its spans and dropped the others`
process.stdout.write(`${kept}\n`)
process.stdout.write(`${rows.map((r) => r.join('  ')).join('\n')}\n`)
if (!QUICK)
  keep('in-process', {
    title: 'In an application',
    order: 70,
    command: 'npm run bench:inprocess',
    intro: [
      'Traces of 8 spans with 13 to 20 attributes are made by the OpenTelemetry SDK, without a processor, with ours, and with its BatchSpanProcessor and an exporter that does nothing, in turns. Ours makes runs and metrics of them, and holds the place in the tree of spans that are no GenAI.',
    ],
    tables: [
      {
        caption: 'CPU nanoseconds per span, median (lowest–highest) of the rounds.',
        head: ['span', '', 'whole life', '`onEnd` alone'],
        rows,
      },
    ],
    notes: [
      `Goals: \`onEnd\` at most 1000 ns for a GenAI span and 100 ns for another, and at most 0.3 of what BatchSpanProcessor adds. ${missed.length === 0 ? 'All are met' : `Missed: ${missed.join(', ')}`}.`,
      `${kept}.`,
    ],
    ranOn: ranOn({ 'sdk-trace': '3.1.1' }),
  })
process.exit(0)
