/** Spans of the OpenTelemetry JS SDK in process: the installed 3.x for real, 2.x and 1.x by their shapes. */
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { TracerProvider, InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor } from '@opentelemetry/sdk-trace'
import { describe, expect, test } from 'vitest'
import { keyNumber } from '../../../model/attribute-key.ts'
import { shapeOf } from '../../../processor/sdk-shape.ts'
import { type ReadableSpanLike, spanOfSdk } from '../../../processor/sdk-span.ts'
import { allOf } from './reading.ts'

async function recorded(work: (provider: TracerProvider) => void): Promise<readonly ReadableSpan[]> {
  const exporter = new InMemorySpanExporter()
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'shop' }),
    spanProcessors: [new SimpleSpanProcessor({ exporter })],
  })
  work(provider)
  await provider.forceFlush()
  return exporter.getFinishedSpans()
}

const REMOTE = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1, isRemote: true }

describe('SDK 3.x', () => {
  test('every field', async () => {
    const [child, root] = await recorded((provider) => {
      const tracer = provider.getTracer('my-scope', '1.2.3')
      const parent = tracer.startSpan('root', { startTime: [1_790_000_000, 5] })
      const context = trace.setSpan(ROOT_CONTEXT, parent)
      const links = [{ context: REMOTE }, { context: { traceId: '0'.repeat(32), spanId: '0'.repeat(16), traceFlags: 0 } }]
      const span = tracer.startSpan(
        'chat',
        {
          kind: SpanKind.CLIENT,
          startTime: [1_790_000_000, 999_999_999],
          links,
          attributes: { 'gen_ai.usage.input_tokens': 12, list: ['a', 'b'] },
        },
        context,
      )
      span.addEvent('gen_ai.choice', { index: 0 }, [1_790_000_001, 250_000])
      span.setStatus({ code: SpanStatusCode.ERROR, message: 'refused' })
      span.end([1_790_000_001, 1])
      parent.end([1_790_000_002, 0])
    }).then((spans) => spans.map((span) => spanOfSdk(span)))
    expect(child!.parentSpanId).toBe(root!.spanId)
    expect(child!.traceId).toBe(root!.traceId)
    expect([child!.parentLocation, root!.parentLocation, root!.parentSpanId]).toEqual(['local', 'unknown', ''])
    expect([child!.name, child!.kind, root!.kind]).toEqual(['chat', 3, 1])
    expect([child!.startMs, child!.durationMs]).toEqual([1_790_000_000_999 + 0.999999, 2 / 1e6])
    expect([child!.status, child!.statusMessage, root!.status]).toEqual(['error', 'refused', 'unset'])
    expect(child!.scope).toEqual({ name: 'my-scope', version: '1.2.3' })
    expect(child!.resource.text('service.name')).toBe('shop')
    expect([child!.attributes.count('gen_ai.usage.input_tokens'), child!.attributes.list('list')]).toEqual([12, ['a', 'b']])
    expect(child!.links()).toEqual([{ traceId: REMOTE.traceId, spanId: REMOTE.spanId }])
    const [event] = child!.events()
    expect([event!.name, event!.timeMs, event!.attributes.count('index')]).toEqual(['gen_ai.choice', 1_790_000_001_000.25, 0])
  })
  test('a parent in another process', async () => {
    const [span] = await recorded((provider) =>
      provider.getTracer('s').startSpan('x', {}, trace.setSpanContext(ROOT_CONTEXT, REMOTE)).end(),
    )
    const view = spanOfSdk(span!)
    expect([view.traceId, view.parentSpanId, view.parentLocation, view.scope.version]).toEqual([
      REMOTE.traceId,
      REMOTE.spanId,
      'remote',
      '',
    ])
  })
})

const like = (more: Partial<ReadableSpanLike>): ReadableSpanLike => ({
  name: 'n',
  kind: 0,
  spanContext: () => ({ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) }),
  startTime: [10, 0],
  endTime: [11, 500_000],
  status: { code: 1 },
  attributes: {},
  events: [],
  links: [],
  resource: { attributes: {} },
  ...more,
})

describe('other shapes', () => {
  test('1.x: parentSpanId and instrumentationLibrary', () => {
    const view = spanOfSdk(like({ parentSpanId: 'c'.repeat(16), instrumentationLibrary: { name: 'old', version: '0.1' } }))
    expect([view.parentSpanId, view.parentLocation, view.scope, view.status, view.durationMs]).toEqual([
      'c'.repeat(16),
      'unknown',
      { name: 'old', version: '0.1' },
      'ok',
      1000.5,
    ])
  })
  test('2.x: parentSpanContext and instrumentationScope; an invalid parent is none', () => {
    const scope = { name: 'new' }
    const view = spanOfSdk(like({ parentSpanContext: { traceId: 'a'.repeat(32), spanId: 'c'.repeat(16) }, instrumentationScope: scope }))
    expect([view.parentSpanId, view.parentLocation, view.scope]).toEqual(['c'.repeat(16), 'local', { name: 'new', version: '' }])
    const root = spanOfSdk(like({ parentSpanContext: { traceId: '0'.repeat(32), spanId: '0'.repeat(16) }, parentSpanId: undefined }))
    expect([root.parentSpanId, root.parentLocation]).toEqual(['', 'unknown'])
  })
  test('trace state, no scope, an end before the start, an event without attributes', () => {
    const spanContext = (): { traceId: string; spanId: string; traceState: { serialize(): string } } => ({
      traceId: 'a'.repeat(32),
      spanId: 'b'.repeat(16),
      traceState: { serialize: () => 'ot=th:8' },
    })
    const view = spanOfSdk(like({ spanContext, endTime: [9, 0], events: [{ name: 'e', time: [10, 0] }], status: { code: 9 } }))
    expect([view.traceState, view.scope, view.durationMs, view.status]).toEqual(['ot=th:8', { name: '', version: '' }, 0, 'unset'])
    expect(allOf(view.events()[0]!.attributes)['keys']).toEqual([])
  })
  test('a start or an end that is unknown', () => {
    const times = (more: Partial<ReadableSpanLike>): number[] => [spanOfSdk(like(more)).startMs, spanOfSdk(like(more)).durationMs]
    expect(times({ startTime: [0, 0] })).toEqual([11_000.5, Number.NaN])
    expect(times({ endTime: [0, 0] })).toEqual([10_000, Number.NaN])
    expect(times({ startTime: [0, 0], endTime: [0, 0] })).toEqual([0, Number.NaN])
  })
  test('nothing is read before it is asked for, and keys are gone through once', () => {
    const seen = { keys: 0, values: 0 }
    const own = { 'gen_ai.operation.name': 'chat', x: 'y' }
    const attributes = new Proxy(own, {
      get: (of, key): unknown => (seen.values++, Reflect.get(of, key)),
      ownKeys: (of) => (seen.keys++, Reflect.ownKeys(of)),
    })
    const view = spanOfSdk(like({ attributes }))
    expect(seen).toEqual({ keys: 0, values: 0 })
    expect(view.attributes.text('gen_ai.operation.name')).toBe('chat')
    expect(view.attributes.text('gen_ai.provider.name')).toBeUndefined()
    expect(view.attributes.text('x')).toBe('y')
    expect(seen).toEqual({ keys: 1, values: 2 })
  })
  test('two views may be asked in turns', () => {
    const one = spanOfSdk(like({ attributes: { 'gen_ai.operation.name': 'chat' } })).attributes
    const two = spanOfSdk(like({ attributes: { 'gen_ai.provider.name': 'openai', x: 1 } })).attributes
    for (let i = 0; i < 2; i++) {
      expect(one.text('gen_ai.operation.name')).toBe('chat')
      expect(two.has('gen_ai.operation.name')).toBe(false)
      expect(two.text('gen_ai.provider.name')).toBe('openai')
      expect(one.has('gen_ai.provider.name')).toBe(false)
      expect(two.has('x')).toBe(true)
      expect(one.has('x')).toBe(false)
    }
  })
  test('what every object has is no attribute, and a key that gets its number later is found', () => {
    const { attributes } = spanOfSdk(like({ attributes: { 'late.key': 'here' } }))
    expect(attributes.has('constructor')).toBe(false)
    expect(attributes.text('late.key')).toBe('here')
    expect(attributes.text(keyNumber('late.key'))).toBe('here')
  })
  test('spans with the same keys share what they say, others of the same lengths do not', () => {
    const one = shapeOf({ 'gen_ai.operation.name': 'chat', 'app.a': 1 })
    expect(shapeOf({ 'gen_ai.operation.name': 'execute_tool', 'app.a': 2 })).toBe(one)
    const other = shapeOf({ 'gen_xx.operation.name': 'chat', 'app.b': 1 })
    expect([one.isOfInterest, other.isOfInterest]).toEqual([true, false])
    expect([one.marks === 0, other.marks]).toEqual([false, 0])
    expect(shapeOf({ 'app.a': 1, 'gen_ai.operation.name': 'chat' })).toEqual({ ...one, keys: ['app.a', 'gen_ai.operation.name'] })
    expect(shapeOf(Object.create({ 'gen_ai.operation.name': 'inherited' }) as Record<string, unknown>).isOfInterest).toBe(false)
  })
})
