import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DecodeError, type Encoding } from '../../../processor/decode/decode.ts'
import { createDecoder } from '../../../processor/decode/index.ts'
import { createOutline } from '../../../processor/decode/json-check.ts'
import { INTEREST } from '../../../processor/dialects/index.ts'
import { createSlices } from '../../../processor/slices.ts'
import { logsToProtobuf, otlp, otlpLogs, toJson, toProtobuf } from '../../support/otlp.ts'
import { bodiesOf } from '../../../bench/wire/bodies.ts'
import { placeData } from '../decode/reading.ts'

const decoder = createDecoder(INTEREST)
const slicesOf = createSlices(decoder, createOutline())
/** All that is seen of the spans of a body, in order. */
function seen(body: Uint8Array, encoding: Encoding): readonly string[] {
  const found: string[] = []
  decoder.traces(body, encoding, {
    span: (s) => {
      const { traceId, spanId, parentSpanId, name, scope, resource, attributes } = s
      const key = [resource.text('service.name'), scope.name, attributes.text('gen_ai.request.model'), attributes.text('gen_ai.tool.name')]
      found.push([traceId, spanId, parentSpanId, name, ...key].join('|'))
    },
    link: (place) => found.push(JSON.stringify(placeData(place))),
  })
  return found
}
/** Undefined where the body must be taken at once. */
function slices(
  body: Uint8Array,
  encoding: Encoding,
  bytes: number,
  signal: 'traces' | 'logs' = 'traces',
): readonly Uint8Array[] | undefined {
  const checking = slicesOf(signal, body, encoding, bytes)
  for (;;) {
    const { done, value } = checking.next()
    if (done === true) return value === undefined ? undefined : [...value]
  }
}

describe.each(['protobuf', 'json'] as const)('slices of a body in %s', (encoding) => {
  test('are the same spans in the same order, whatever their size', () => {
    for (const mix of ['genai', 'content', 'mixed'] as const) {
      const body = bodiesOf(mix, 300, 1)[0]![encoding]
      const whole = seen(body, encoding)
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 400_000 }), (bytes) => {
          expect(slices(body, encoding, bytes)?.flatMap((slice) => seen(slice, encoding))).toEqual(whole)
        }),
        { numRuns: 20 },
      )
    }
  })
  test('are about as large as was asked for, and together hardly more than the body', () => {
    const body = bodiesOf('content', 512, 1)[0]![encoding]
    const made = slices(body, encoding, 100_000) ?? []
    expect(made.length).toBeGreaterThan(10)
    expect(Math.max(...made.map((s) => s.length))).toBeLessThan(110_000)
    expect(made.reduce((sum, s) => sum + s.length, 0)).toBeLessThan(body.length * 1.25)
  })
  test('a resource that is larger than its spans is not copied again and again', () => {
    const request = otlp({
      resource: { 'service.name': 'shop', blob: 'x'.repeat(200_000) },
      spans: Array.from({ length: 5000 }, (_, i) => ({
        spanId: (i + 1).toString(16).padStart(16, '0'),
        attributes: { 'gen_ai.request.model': 'm' },
      })),
    })
    const body = encoding === 'json' ? toJson(request) : toProtobuf(request)
    const made = slices(body, encoding, 1000) ?? []
    expect(made.reduce((sum, s) => sum + s.length, 0)).toBeLessThan(body.length * 1.6)
    expect(made.flatMap((slice) => seen(slice, encoding))).toEqual(seen(body, encoding))
  })
  test('log records have the same form', () => {
    const request = otlpLogs({ records: Array.from({ length: 50 }, (_, i) => ({ body: `record ${i}` })) })
    const made = slices(encoding === 'json' ? toJson(request) : logsToProtobuf(request), encoding, 400, 'logs') ?? []
    const bodies: unknown[] = []
    for (const slice of made) decoder.logs(slice, encoding, { log: (l) => bodies.push(l.body.text('')) })
    expect(made.length).toBeGreaterThan(3)
    expect(bodies).toEqual(Array.from({ length: 50 }, (_, i) => `record ${i}`))
  })
  test('of nothing there are none', () => {
    expect(slices(encoding === 'json' ? Buffer.from('{}') : new Uint8Array(), encoding, 100)).toEqual([])
    const none = otlp({ spans: [] })
    expect(slices(encoding === 'json' ? toJson(none) : toProtobuf(none), encoding, 100)).toEqual([])
  })
})

test('a body that is wrong has no slices: protobuf is refused here, JSON where it is taken at once', () => {
  const good = bodiesOf('genai', 64, 1)[0]!
  expect(() => slices(good.protobuf.subarray(0, -1), 'protobuf', 1000)).toThrow(DecodeError)
  expect(slices(good.json.subarray(0, -1), 'json', 1000)).toBeUndefined()
})
