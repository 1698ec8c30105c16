/** Our OTLP/JSON against the SDK's own serializer, which is the oracle: the same document for whatever a span can hold. */
import { context, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, TraceFlags } from '@opentelemetry/api'
import { TraceState } from '@opentelemetry/core'
import { JsonTraceSerializer } from '@opentelemetry/otlp-transformer'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { requestJson, spanJson } from '../../../../instrumentation/export/otlp-json.ts'

function make(work: (tracer: ReturnType<TracerProvider['getTracer']>) => void): readonly ReadableSpan[] {
  const exporter = new InMemorySpanExporter()
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'svc', n: 3 }),
    spanProcessors: [new SimpleSpanProcessor({ exporter })],
  })
  work(provider.getTracer('scope', '1.2.3'))
  work(provider.getTracer('other', undefined, { schemaUrl: 'https://example/schema' }))
  return exporter.getFinishedSpans()
}

/** Whole numbers are text here and numbers there; both are the JSON mapping of an int64. */
const normal = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value), (key, v: unknown) => (key === 'intValue' ? String(v) : v)) as unknown
const ours = (spans: readonly ReadableSpan[]): unknown =>
  normal(JSON.parse(requestJson(spans.map((span) => ({ span, json: spanJson(span) })))))
const theirs = (spans: readonly ReadableSpan[]): unknown =>
  normal(JSON.parse(new TextDecoder().decode(JsonTraceSerializer.serializeRequest([...spans]))))

describe('the request is what the SDK would write', () => {
  test('for a span with everything', () => {
    const spans = make((tracer) => {
      const remote = trace.setSpanContext(ROOT_CONTEXT, {
        traceId: '0af7651916cd43dd8448eb211c80319c',
        spanId: 'b7ad6b7169203331',
        traceFlags: TraceFlags.SAMPLED,
        isRemote: true,
        traceState: new TraceState('a=1,b=2'),
      })
      const parent = tracer.startSpan('parent', { kind: SpanKind.SERVER }, remote)
      const child = tracer.startSpan(
        'child "quoted" \n ü',
        { kind: SpanKind.CLIENT, links: [{ context: parent.spanContext(), attributes: { why: 'test' } }], startTime: [1_790_000_000, 1] },
        trace.setSpan(context.active(), parent),
      )
      child.setAttributes({ text: 'x', whole: 7, negative: -1, half: 0.5, yes: true, list: ['a', 'b'], numbers: [1, 2.5], none: [] })
      child.addEvent('event', { key: 'value' }, 1_790_000_000_123.456)
      child.addEvent('bare')
      child.setStatus({ code: SpanStatusCode.ERROR, message: 'broken' })
      child.end(1_790_000_001_000)
      parent.setStatus({ code: SpanStatusCode.OK })
      parent.end()
    })
    expect(spans).toHaveLength(4)
    expect(ours(spans)).toEqual(theirs(spans))
  })

  test('for any names, times and attributes', () =>
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.dictionary(
          fc.string({ minLength: 1 }),
          fc.oneof(fc.string({ unit: 'binary' }), fc.integer(), fc.double({ noNaN: true }), fc.boolean()),
        ),
        fc.integer({ min: 0, max: 4_000_000_000 }),
        fc.integer({ min: 0, max: 1_000_000_000 }),
        (name, attributes, seconds, rest) => {
          const spans = make((tracer) => {
            const span = tracer.startSpan(name, { attributes, startTime: [seconds, rest] })
            span.end([seconds + 1, 0])
          })
          const infinite = Object.values(attributes).some((v) => typeof v === 'number' && !Number.isFinite(v))
          // JSON has no infinity: the SDK writes null there, which reads as no value.
          if (!infinite) expect(ours(spans)).toEqual(theirs(spans))
          else expect(JSON.stringify(ours(spans))).toContain('Infinity')
        },
      ),
      { numRuns: 50 },
    ))

  test('values that only a span of another SDK can hold', () => {
    const [span] = make((tracer) => tracer.startSpan('s').end())
    const odd = {
      ...span!,
      spanContext: () => span!.spanContext(),
      attributes: { bytes: new Uint8Array([1, 2, 255]), map: { a: { b: 1 } }, nil: null },
    }
    expect(ours([odd as unknown as ReadableSpan])).toEqual(theirs([odd as unknown as ReadableSpan]))
  })
})
