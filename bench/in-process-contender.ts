/**
 * One contender of the bench in an application: `PROCESSOR KIND`. Makes traces with the OpenTelemetry SDK and answers with CPU nanoseconds per span,
 * of the whole process and all since its last answer, what it does by itself between two of them (sweeps, exports, garbage) included.
 * `life` is a span from its start on; `onEnd` is what calls of `onEnd` take on spans that ended just before, and `later` all that came of that round
 * beside them and the making of its spans.
 */
import { setImmediate as turn } from 'node:timers/promises'
import * as api from '@opentelemetry/api'
import { BatchSpanProcessor, type ReadableSpan, type SpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { createSpanProcessor } from '../processor/in-process.ts'
import { MOST_WAITING } from '../processor/sdk-waiting.ts'
import { answerMessages, median } from './wire/rounds.ts'

export type Kind = 'genai' | 'other'
export type Contender = 'none' | 'agentopz' | 'batch'

const SPANS = 48_000
/** Spans between two turns of the event loop. */
const BURST = 64
/** Long runs settle after 10 s; here after 1, so that each round pays for closing what the one before brought. */
const SETTLE_MS = 1000

type Attributes = Readonly<Record<string, string | number | string[]>>
const NOISE: Attributes = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`app.attribute.${i}`, `value ${i}`]))
let made = 0

/** Attributes of a span: 13 to 20, as SDKs write them. */
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

/** Begins and ends traces of eight spans, a burst of them. */
function burst(provider: TracerProvider, kind: Kind): void {
  const tracer = provider.getTracer(kind === 'genai' ? '@acme/agents' : '@opentelemetry/instrumentation-http')
  for (let n = 0; n < BURST; n += 8) {
    const root = tracer.startSpan('root', { attributes: attributesOf(kind, 0), root: true })
    const context = api.trace.setSpan(api.ROOT_CONTEXT, root)
    for (let at = 1; at < 8; at++) {
      made++
      tracer.startSpan('step', { attributes: attributesOf(kind, at) }, context).end()
    }
    root.end()
  }
}

const NOTHING: SpanProcessor = {
  onStart: () => undefined,
  onEnd: () => undefined,
  forceFlush: async () => undefined,
  shutdown: async () => undefined,
}

/** Its queue holds 2048 spans and drops what is above, which would cost it nothing: it must have exported all that was given. */
let exported = 0
const processors: { readonly [K in Contender]: () => SpanProcessor } = {
  none: () => NOTHING,
  agentopz: () => createSpanProcessor({ limits: { settleMs: SETTLE_MS } }) as SpanProcessor,
  batch: () =>
    new BatchSpanProcessor({
      exporter: {
        export: (spans, done) => {
          exported += spans.length
          done({ code: 0 })
        },
        forceFlush: async () => undefined,
        shutdown: async () => undefined,
      },
    }),
}

const nanos = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) * 1000
}

const [contender = 'none', kind = 'other'] = process.argv.slice(2) as [Contender?, Kind?]
const processor = processors[contender]()
const working = new TracerProvider({ spanProcessors: contender === 'none' ? [] : [processor] })
let ended: ReadableSpan[] = []
const keeping = new TracerProvider({ spanProcessors: [{ ...NOTHING, onEnd: (span) => void ended.push(span) }] })
let given = 0
let answered = nanos()

/** All since the last answer. */
function since(): number {
  const before = answered
  answered = nanos()
  return answered - before
}

async function life(): Promise<number> {
  for (let n = 0; n < SPANS; n += BURST) {
    burst(working, kind)
    await turn()
  }
  return since() / SPANS
}

/**
 * Bursts are timed by the clock: CPU time of the thread comes in steps of 4 ms, and that of the process has what other threads do meanwhile. So short a time
 * is hardly ever interrupted; where it is, it is among the slowest hundredth, which is left out. An export of 512 spans, every eighth burst, is not.
 */
const COUNTED = 0.99
let later = 0
async function onEnd(): Promise<number> {
  let making = 0
  const bursts: number[] = []
  for (let n = 0; n < SPANS; n += BURST) {
    const began = nanos()
    ended = []
    burst(keeping, kind)
    making += nanos() - began
    const from = performance.now()
    for (let i = 0; i < BURST; i++) processor.onEnd(ended[i] as ReadableSpan)
    bursts.push((performance.now() - from) * 1e6)
    await turn()
  }
  const counted = bursts.toSorted((a, b) => a - b).slice(0, bursts.length * COUNTED)
  const ending = counted.reduce((sum, ns) => sum + ns, 0) / counted.length / BURST
  later = (since() - making) / SPANS - ending
  return ending
}

/** How long the `onEnd` takes that finds the list full, in the median of 200. */
async function full(): Promise<number> {
  const last: number[] = []
  for (let n = 0; n < 200; n++) {
    await processor.forceFlush()
    ended = []
    while (ended.length < MOST_WAITING) burst(keeping, kind)
    for (let i = 0; i < MOST_WAITING - 1; i++) processor.onEnd(ended[i] as ReadableSpan)
    const from = performance.now()
    processor.onEnd(ended[MOST_WAITING - 1] as ReadableSpan)
    last.push((performance.now() - from) * 1e6)
  }
  return median(last)
}

answerMessages(async (message) => {
  if (message === 'later') return later
  if (message === 'full') return await full()
  given += SPANS
  if (message === 'onEnd') return await onEnd()
  if (message === 'life') return await life()
  given -= SPANS
  await processor.forceFlush()
  return exported / given
})
