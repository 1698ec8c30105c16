import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createDecoder } from '../../../processor/decode/index.ts'
import { INTEREST } from '../../../processor/dialects/index.ts'
import { slicesOf } from '../../../processor/slices.ts'
import { otlp, toProtobuf } from '../../support/otlp.ts'
import { bodiesOf } from '../../../bench/wire/bodies.ts'
import { placeData } from '../decode/reading.ts'

const decoder = createDecoder(INTEREST)
/** All that is seen of the spans of a body, in order. */
function seen(body: Uint8Array): readonly string[] {
  const found: string[] = []
  decoder.traces(body, 'protobuf', {
    span: (s) => {
      const { traceId, spanId, parentSpanId, name, scope, resource, attributes } = s
      const key = [resource.text('service.name'), scope.name, attributes.text('gen_ai.request.model'), attributes.text('gen_ai.tool.name')]
      found.push([traceId, spanId, parentSpanId, name, ...key].join('|'))
    },
    link: (place) => found.push(JSON.stringify(placeData(place))),
  })
  return found
}
const slices = (body: Uint8Array, bytes: number): readonly Uint8Array[] => [...slicesOf(body, bytes)]

describe('slices of a body', () => {
  test('are the same spans in the same order, whatever their size', () => {
    for (const mix of ['genai', 'content', 'mixed'] as const) {
      const [body] = bodiesOf(mix, 300, 1)
      const whole = seen(body!.protobuf)
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 400_000 }), (bytes) => {
          expect(slices(body!.protobuf, bytes).flatMap(seen)).toEqual(whole)
        }),
        { numRuns: 20 },
      )
    }
  })
  test('are about as large as was asked for, and together hardly more than the body', () => {
    const [body] = bodiesOf('content', 512, 1)
    const made = slices(body!.protobuf, 100_000)
    expect(made.length).toBeGreaterThan(10)
    expect(Math.max(...made.map((s) => s.length))).toBeLessThan(110_000)
    expect(made.reduce((sum, s) => sum + s.length, 0)).toBeLessThan(body!.protobuf.length * 1.25)
  })
  test('a resource that is larger than its spans is not copied again and again', () => {
    const body = toProtobuf(
      otlp({
        resource: { 'service.name': 'shop', blob: 'x'.repeat(200_000) },
        spans: Array.from({ length: 5000 }, (_, i) => ({
          spanId: (i + 1).toString(16).padStart(16, '0'),
          attributes: { 'gen_ai.request.model': 'm' },
        })),
      }),
    )
    const made = slices(body, 1000)
    expect(made.reduce((sum, s) => sum + s.length, 0)).toBeLessThan(body.length * 1.6)
    expect(made.flatMap(seen)).toEqual(seen(body))
  })
  test('of nothing there are none', () => {
    expect(slices(new Uint8Array(), 100)).toEqual([])
    expect(slices(toProtobuf(otlp({ spans: [] })), 100)).toEqual([])
  })
})
