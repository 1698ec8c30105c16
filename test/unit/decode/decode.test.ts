import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Attributes, LogRecord, Span } from '../../../model/span.ts'
import { DecodeError, type Encoding } from '../../../processor/decode/decode.ts'
import { createDecoder } from '../../../processor/decode/index.ts'
import { viewOfPlain } from '../../../processor/decode/values.ts'
import { INTEREST } from '../../../processor/dialects/index.ts'
import { anyValue, fromProtobuf, logsToProtobuf, metricsToProtobuf, otlp, type Otlp, type SpanSketch, toProtobuf as tracesToProtobuf } from '../../support/otlp.ts'

type Json = Record<string, unknown>
type AttributeValue = unknown
const traces = (spans: readonly SpanSketch[], more: { readonly resource?: Json; readonly scope?: string } = {}): Json => ({ ...otlp({ spans, ...more }) })
const toProtobuf = (signal: 'Traces' | 'Logs' | 'Metrics', request: Otlp): Uint8Array => (signal === 'Traces' ? tracesToProtobuf : signal === 'Logs' ? logsToProtobuf : metricsToProtobuf)(request)
function peerDecodes(bytes: Uint8Array): boolean {
  try {
    fromProtobuf(bytes)
    return true
  } catch {
    return false
  }
}

const CAPTURES = join(import.meta.dirname, '../../fixtures/captures')
const files = readdirSync(CAPTURES)
const linesOf = (file: string): Json[] => readFileSync(join(CAPTURES, file), 'utf8').split('\n').filter((l) => l !== '').map((l) => JSON.parse(l) as Json)
const decoder = createDecoder(INTEREST)

/** Everything a view shows, as plain data. */
function shown(a: Attributes, keys: readonly string[]): Json {
  return Object.fromEntries(keys.filter((k) => a.has(k)).map((k) => [k, [a.text(k), a.number(k), a.count(k), a.flag(k), a.list(k), a.json(k)]]))
}
function dump(s: Span): Json {
  const keys = [...s.attributes.keys('', 1000)].sort()
  const { traceId, spanId, parentSpanId, parentLocation, traceState, name, kind, status, statusMessage, scope } = s
  return {
    traceId, spanId, parentSpanId, parentLocation, traceState, name, kind, status, statusMessage, scope: { ...scope }, keys,
    start: Math.round(s.startMs * 1000), duration: s.durationMs.toFixed(6), attributes: shown(s.attributes, [...keys, ...INTEREST.keys]),
    resource: shown(s.resource, [...s.resource.keys('', 100)].sort()), links: s.links(),
    events: s.events().map((e) => ({ name: e.name, time: Math.round(e.timeMs * 1000), attributes: shown(e.attributes, [...e.attributes.keys('', 100)].sort()) })),
  }
}
function read(body: Uint8Array, encoding: Encoding): unknown[] {
  const out: unknown[] = []
  const decoded = decoder.traces(body, encoding, { span: (s) => out.push(dump(s)), link: (...link) => out.push(link) })
  return [...out, decoded]
}
const dumpLog = (l: LogRecord): unknown => ({ ...l, timeMs: Math.round(l.timeMs * 1000), scope: l.scope.name, resource: shown(l.resource, [...l.resource.keys('', 100)].sort()), attributes: shown(l.attributes, [...l.attributes.keys('', 200)].sort()), body: shown(l.body, [...l.body.keys('', 100)]) })

describe('protobuf and JSON of the same request read the same', () => {
  for (const file of files.filter((f) => f.endsWith('.traces.jsonl'))) {
    test(file, () => {
      for (const request of linesOf(file)) expect(read(toProtobuf('Traces', request), 'protobuf')).toEqual(read(Buffer.from(JSON.stringify(request)), 'json'))
    })
  }
  for (const file of files.filter((f) => f.endsWith('.logs.jsonl'))) {
    test(file, () => {
      for (const request of linesOf(file)) {
        const [a, b]: [unknown[], unknown[]] = [[], []]
        decoder.logs(toProtobuf('Logs', request), 'protobuf', { log: (l) => a.push(dumpLog(l)) })
        decoder.logs(Buffer.from(JSON.stringify(request)), 'json', { log: (l) => b.push(dumpLog(l)) })
        expect(a.length).toBeGreaterThan(0)
        expect(a).toEqual(b)
      }
    })
  }
  test('random requests', () => {
    const value = fc.letrec((ref) => ({
      v: fc.oneof({ maxDepth: 3, withCrossShrink: true }, fc.string(), fc.integer(), fc.boolean(), fc.double({ noNaN: true, noDefaultInfinity: true }).map((d) => (Object.is(d, -0) ? 0 : d)), fc.array(ref('v'), { maxLength: 3 }), fc.dictionary(fc.string().filter((k) => k !== '__proto__'), ref('v'), { maxKeys: 3 })),
    })).v as fc.Arbitrary<AttributeValue>
    const key = fc.oneof(fc.constantFrom(...INTEREST.keys), fc.string().filter((k) => k !== '__proto__'))
    const span = fc.record({
      name: fc.string(), kind: fc.nat(5), startMs: fc.integer({ min: 0, max: 2 ** 42 }), durationMs: fc.integer({ min: -10, max: 1e9 }), status: fc.constantFrom('ok' as const, 'error' as const), attributes: fc.dictionary(key, value, { maxKeys: 8 }),
    })
    fc.assert(
      fc.property(fc.array(span, { maxLength: 4 }), fc.constantFrom('ai', 'gcp.vertex.agent', ''), (spans, scope) => {
        const request = traces(spans, { scope })
        expect(read(toProtobuf('Traces', request), 'protobuf')).toEqual(read(Buffer.from(JSON.stringify(request)), 'json'))
      }),
      { numRuns: 300 },
    )
  })
})

describe('one meaning of attributes over three backings', () => {
  const values: Record<string, AttributeValue> = {
    'gen_ai.a': 'x', 'gen_ai.b': '12', 'gen_ai.c': 12, 'gen_ai.d': -1, 'gen_ai.e': 1.5, 'gen_ai.f': 'NaN', 'gen_ai.g': true, 'gen_ai.h': 'False', 'gen_ai.i': ['stop', 'length'],
    'gen_ai.j': '["stop"]', 'gen_ai.k': 'a, b', 'gen_ai.l': '[Stop]', 'gen_ai.m': { a: [1, { b: null }] }, 'gen_ai.n': '', 'gen_ai.o': '{"cut', 'gen_ai.p': 1e300,
  }
  const expected = {
    'gen_ai.a': ['x', undefined, undefined, undefined, ['x'], undefined], 'gen_ai.b': ['12', 12, 12, undefined, ['12'], 12], 'gen_ai.c': ['12', 12, 12, undefined, ['12'], 12],
    'gen_ai.d': ['-1', -1, undefined, undefined, ['-1'], -1], 'gen_ai.e': ['1.5', 1.5, undefined, undefined, ['1.5'], 1.5], 'gen_ai.f': ['NaN', undefined, undefined, undefined, ['NaN'], undefined],
    'gen_ai.g': ['true', undefined, undefined, true, ['true'], true], 'gen_ai.h': ['False', undefined, undefined, false, ['False'], undefined],
    'gen_ai.i': [undefined, undefined, undefined, undefined, ['stop', 'length'], ['stop', 'length']], 'gen_ai.j': ['["stop"]', undefined, undefined, undefined, ['stop'], ['stop']],
    'gen_ai.k': ['a, b', undefined, undefined, undefined, ['a', 'b'], undefined], 'gen_ai.l': ['[Stop]', undefined, undefined, undefined, ['Stop'], undefined],
    'gen_ai.m': [undefined, undefined, undefined, undefined, undefined, { a: [1, { b: null }] }], 'gen_ai.n': ['', undefined, undefined, undefined, [], undefined],
    'gen_ai.o': ['{"cut', undefined, undefined, undefined, ['{"cut'], undefined], 'gen_ai.p': ['1e+300', 1e300, 1e300, undefined, ['1e+300'], 1e300],
  }
  const keys = Object.keys(values)
  const request = traces([{ attributes: values }])
  const spanAttributes = (body: Uint8Array, encoding: Encoding): Json => {
    let out: Json = {}
    decoder.traces(body, encoding, { span: (s) => (out = shown(s.attributes, keys)), link: () => undefined })
    return out
  }
  test('protobuf', () => expect(spanAttributes(toProtobuf('Traces', request), 'protobuf')).toEqual(expected))
  test('JSON', () => expect(spanAttributes(Buffer.from(JSON.stringify(request)), 'json')).toEqual(expected))
  test('an SDK span in process', () => expect(shown(viewOfPlain(values), keys)).toEqual(expected))
  test('the last of two equal keys wins, in any order of fields', () => {
    const twice = traces([{ attributes: {} }]) as { resourceSpans: { scopeSpans: { spans: Json[] }[] }[] }
    twice.resourceSpans[0]!.scopeSpans[0]!.spans[0]!['attributes'] = [{ key: 'gen_ai.a', value: anyValue('old') }, { key: 'gen_ai.a', value: anyValue('new') }]
    for (const [body, encoding] of [[toProtobuf('Traces', twice), 'protobuf'], [Buffer.from(JSON.stringify(twice)), 'json']] as const) expect((spanAttributes(body, encoding)['gen_ai.a'] as unknown[])[0]).toBe('new')
  })
})

describe('which spans are of interest', () => {
  const kinds = (request: Json): string[] => {
    const both = ([[toProtobuf('Traces', request), 'protobuf'], [Buffer.from(JSON.stringify(request)), 'json']] as const).map(([body, encoding]) => {
      const out: string[] = []
      decoder.traces(body, encoding, { span: () => out.push('span'), link: () => out.push('link') })
      return out
    })
    expect(both[0]).toEqual(both[1])
    return both[0] as string[]
  }
  test('a GenAI key, known or not', () => expect(kinds(traces([{ attributes: { 'gen_ai.operation.name': 'chat' } }, { attributes: { 'gen_ai.brand_new': 1 } }]))).toEqual(['span', 'span']))
  test('generic keys do not make one', () => expect(kinds(traces([{ attributes: { 'error.type': '500', 'session.id': 'x', 'server.address': 'h', 'http.route': '/' } }]))).toEqual(['link']))
  test("a dialect's scope does", () => expect(kinds(traces([{}], { scope: 'gcp.vertex.agent' }))).toEqual(['span']))
  test("a CLI's service does", () => expect(kinds(traces([{}], { resource: { 'service.name': 'claude-code' } }))).toEqual(['span']))
  test('bad ids are refused and counted, the others are read', () => {
    const request = traces([{ traceId: '0'.repeat(32) }, { spanId: '0'.repeat(16) }, { traceId: 'abcd' }, { attributes: { 'gen_ai.x': 1 } }])
    for (const [body, encoding] of [[toProtobuf('Traces', request), 'protobuf'], [Buffer.from(JSON.stringify(request)), 'json']] as const) {
      expect(decoder.traces(body, encoding, { span: () => undefined, link: () => undefined })).toEqual({ total: 4, rejected: { trace_id: 2, span_id: 1 } })
    }
  })
})

describe('a bad body is refused whole, with the place', () => {
  const good = toProtobuf('Traces', linesOf('openai6-official-otel3-chat.traces.jsonl')[0]!)
  const refuse = (body: Uint8Array, encoding: Encoding): string => {
    let seen = 0
    try {
      decoder.traces(body, encoding, { span: () => seen++, link: () => seen++ })
    } catch (error) {
      expect(error).toBeInstanceOf(DecodeError)
      expect(seen).toBe(0)
      return (error as Error).message
    }
    return 'accepted'
  }
  test('cut anywhere', () => {
    for (let n = 1; n < good.length; n++) expect(refuse(good.subarray(0, n), 'protobuf')).toMatch(/^OTLP protobuf, byte \d+: /)
  })
  const table: readonly (readonly [string, readonly number[], string])[] = [
    ['a length past the end', [0x0a, 100, 1, 2, 3], 'OTLP protobuf, byte 1: a field says 100 bytes, 3 are left'],
    ['a length of 2^32 and more', [0x0a, 0x83, 0x80, 0x80, 0x80, 0x10, 1, 2, 3], 'OTLP protobuf, byte 1: a field says 4294967299 bytes, 3 are left'],
    ['a varint of more than 64 bits', [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], 'OTLP protobuf, byte 1: a varint has more than 64 bits'],
    ['a varint cut off', [0x0a, 0x80], 'OTLP protobuf, byte 1: a varint is cut off'],
    ['field number 0', [0x02, 0], 'OTLP protobuf, byte 0: a field has number 0'],
    ['a group', [0x7b, 0], 'OTLP protobuf, byte 1: wire type 3 is not used by OTLP'],
    ['a wrong wire type', [0x08, 1], 'OTLP protobuf, byte 0: ExportSpansRequest.resource_spans has wire type 0, not 2'],
    ['bad UTF-8', [0x0a, 9, 0x12, 7, 0x12, 5, 0x2a, 3, 0x61, 0xff, 0x62], 'OTLP protobuf, byte 8: Span.name is not UTF-8'],
  ]
  for (const [name, bytes, message] of table) test(name, () => expect(refuse(Uint8Array.from(bytes), 'protobuf')).toBe(message))
  test('values nested 20,000 deep', () => {
    let value = Uint8Array.from([0x18, 1])
    const wrap = (tag: number, inner: Uint8Array): Uint8Array => {
      const length: number[] = []
      for (let n = inner.length; ; n = Math.floor(n / 128)) {
        length.push(n > 127 ? (n % 128) + 128 : n)
        if (n <= 127) break
      }
      return Buffer.concat([Uint8Array.from([tag, ...length]), inner])
    }
    for (let i = 0; i < 20_000; i++) value = new Uint8Array(wrap(0x2a, wrap(0x0a, value)))
    let body = wrap(0x12, value)
    body = wrap(0x0a, Buffer.concat([wrap(0x12, wrap(0x12, wrap(0x4a, Buffer.concat([wrap(0x0a, Buffer.from('k')), body])))), new Uint8Array()]))
    expect(refuse(body, 'protobuf')).toMatch(/nested deeper than 64$/)
    expect(refuse(Buffer.from('['.repeat(20_000)), 'json')).toBe('OTLP json, byte 64: nested deeper than 64')
  })
  const json: readonly (readonly [string, string | Uint8Array, string])[] = [
    ['a comma too many', '{"a":1,}', 'OTLP json, byte 7: Expected double-quoted property name'],
    ['an error after a multi-byte character', '{"é":x}', "OTLP json, byte 6: Unexpected token 'x'"],
    ['an empty body', '', 'OTLP json, byte 0: the body is empty; an empty request is {}'],
    ['bad UTF-8', Uint8Array.from([0x7b, 0x22, 0xff, 0x22]), 'OTLP json, byte 2: not UTF-8'],
    ['a list where a request belongs', '[]', 'OTLP json, byte 0: the request is a list, not an object'],
    ['spans that are no list', '{"resourceSpans":{}}', 'OTLP json, byte 0: resourceSpans is an object, not a list'],
    ['an id that is not hex', '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"zz"}]}]}]}', 'OTLP json, byte 0: resourceSpans[0].scopeSpans[0].spans[0].traceId is not hex'],
    ['an attribute without a key', '{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{}]}]}]}]}', 'OTLP json, byte 0: resourceSpans[0].scopeSpans[0].spans[0].attributes[0] has no key'],
    ['a value that is a bare string', '{"resourceSpans":[{"resource":{"attributes":[{"key":"a","value":"b"}]}}]}', 'OTLP json, byte 0: resourceSpans[0].resource.attributes[0].value is a string, not an object such as {"stringValue": "…"}'],
  ]
  for (const [name, body, message] of json) test(name, () => expect(refuse(Buffer.from(body as string), 'json')).toBe(message))
  test('an empty protobuf body is an empty request', () => expect(refuse(new Uint8Array(), 'protobuf')).toBe('accepted'))
  test('more items than allowed', () => {
    const small = createDecoder(INTEREST, { maxItems: 2 })
    const request = traces([{}, {}, {}])
    for (const [body, encoding] of [[toProtobuf('Traces', request), 'protobuf'], [Buffer.from(JSON.stringify(request)), 'json']] as const) {
      expect(() => small.traces(body, encoding, { span: () => undefined, link: () => undefined })).toThrow(/more than 2 items in one request$/)
    }
  })
  test('damaged at random: its own error or a clean reading, and nothing that the peer refuses for structure is half taken', () => {
    const bodies = files.filter((f) => f.endsWith('.traces.jsonl')).map((f) => toProtobuf('Traces', linesOf(f)[0]!))
    let refused = 0
    fc.assert(
      fc.property(fc.constantFrom(...bodies), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }), (body, flips) => {
        const bad = Uint8Array.from(body)
        for (const [at, value] of flips) bad[at % bad.length] = value
        const answer = refuse(bad, 'protobuf')
        if (answer === 'accepted') expect(read(bad, 'protobuf').length).toBeGreaterThan(0)
        else refused++
        return answer === 'accepted' || answer.startsWith('OTLP protobuf, byte')
      }),
      { numRuns: 3000 },
    )
    expect(refused).toBeGreaterThan(300)
  })
  test('random bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const ours = refuse(bytes, 'protobuf')
      // Whatever we accept, the peer accepts too: we are never the more lenient one about structure.
      return ours !== 'accepted' || peerDecodes(bytes)
    }), { numRuns: 3000 })
    fc.assert(fc.property(fc.string(), (text) => refuse(Buffer.from(text), 'json').length > 0), { numRuns: 500 })
  })
})

test('metrics are counted by data point', () => {
  const request = { resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'a', gauge: { dataPoints: [{ asDouble: 1 }, { asDouble: 2 }] } }, { name: 'b', sum: { dataPoints: [{ asDouble: 1 }] } }] }] }] }
  expect(decoder.metrics(toProtobuf('Metrics', request), 'protobuf').total).toBe(3)
  expect(decoder.metrics(Buffer.from(JSON.stringify(request)), 'json').total).toBe(3)
})
