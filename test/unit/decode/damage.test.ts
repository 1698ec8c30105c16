/** Protobuf bodies that are broken: refused whole, with the byte and a sentence, and nothing else is ever thrown. */
import { isUtf8 } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DecodeError } from '../../../processor/decode/decode.ts'
import { createDecoder } from '../../../processor/decode/index.ts'
import { badUtf8At } from '../../../processor/decode/utf8.ts'
import { fromProtobuf, logsToProtobuf, metricsToProtobuf, otlp, toProtobuf } from '../../support/otlp.ts'
import { captures, decoder, spanData, logData } from './reading.ts'

/** Decodes, reading everything of every view; the message of the refusal, or what was taken. */
function outcome(body: Uint8Array, signal: 'traces' | 'logs' = 'traces'): string {
  let seen = 0
  try {
    if (signal === 'logs') decoder.logs(body, 'protobuf', { log: (l) => [seen++, logData(l)] })
    else decoder.traces(body, 'protobuf', { span: (s) => [seen++, spanData(s)], link: () => seen++ })
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    expect(seen, 'nothing reaches the sink of a body that is refused').toBe(0)
    expect(error.offset).toBeGreaterThanOrEqual(0)
    expect(error.offset).toBeLessThanOrEqual(body.length)
    return error.message
  }
  return `took ${seen}`
}

const bytes = (...values: readonly number[]): Uint8Array => Uint8Array.from(values)
/** A length-delimited field. */
function field(number: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const inner = Buffer.concat(parts)
  const length: number[] = []
  let rest = inner.length
  for (; rest > 127; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128)
  return Buffer.concat([bytes(number * 8 + 2, ...length, rest), inner])
}
const text = (s: string): Uint8Array => Buffer.from(s)
const inSpan = (...parts: readonly Uint8Array[]): Uint8Array => field(1, field(2, field(2, ...parts)))
const ids = Buffer.concat([field(1, Buffer.alloc(16, 1)), field(2, Buffer.alloc(8, 2))])

describe('what is wrong and where', () => {
  const long = field(1, text(`${'a'.repeat(60)}é`), bytes(0xff))
  const cases: readonly { readonly name: string; readonly body: Uint8Array; readonly says: string }[] = [
    { name: 'a length past the end', body: bytes(0x0a, 100, 1, 2, 3), says: 'byte 1: a field says 100 bytes, 3 are left' },
    {
      name: 'a length past its parent, though not past the body',
      body: bytes(0x0a, 2, 0x12, 5, 1, 2, 3, 4, 5),
      says: 'byte 3: a field says 5 bytes, 0 are left',
    },
    {
      name: 'a length of 2^32 + 3',
      body: bytes(0x0a, 0x83, 0x80, 0x80, 0x80, 0x10, 1, 2, 3),
      says: 'byte 1: a field says 4294967299 bytes, 3 are left',
    },
    {
      name: 'a length of 2^64 − 1',
      body: bytes(0x0a, ...Array<number>(9).fill(0xff), 1),
      says: 'byte 1: a field says 18446744073709552000 bytes, 0 are left',
    },
    { name: 'a varint of 11 bytes', body: bytes(0x0a, ...Array<number>(10).fill(0x80), 0), says: 'byte 1: a varint has more than 64 bits' },
    {
      name: 'a varint whose 10th byte is 2',
      body: bytes(0x0a, ...Array<number>(9).fill(0xff), 2),
      says: 'byte 1: a varint has more than 64 bits',
    },
    { name: 'a varint cut off by the body', body: bytes(0x0a, 0x80), says: 'byte 1: a varint is cut off' },
    {
      name: 'a varint cut off by its parent',
      body: bytes(0x0a, 2, 0x10, 0x80, 0x01),
      says: 'byte 2: ResourceSpans.scope_spans has wire type 0, not 2',
    },
    { name: 'an unknown varint cut off by its parent', body: bytes(0x0a, 2, 0x50, 0x80, 0x01), says: 'byte 3: a varint is cut off' },
    { name: 'a tag and nothing else', body: bytes(0x0a), says: 'byte 1: a varint is cut off' },
    { name: 'field number 0', body: bytes(0x02, 0), says: 'byte 0: a field has number 0' },
    { name: 'a field number above 2^29', body: bytes(0x82, 0x80, 0x80, 0x80, 0x10, 0), says: 'byte 0: a field number is above 2^29' },
    ...[3, 4, 6, 7].map((w) => ({
      name: `wire type ${w} in an unknown field`,
      body: bytes(0x78 + w, 0),
      says: `byte 0: wire type ${w} is not used by OTLP`,
    })),
    {
      name: 'a known field with a wrong wire type',
      body: bytes(0x08, 1),
      says: 'byte 0: ExportSpansRequest.resource_spans has wire type 0, not 2',
    },
    { name: 'a time that is a varint', body: inSpan(bytes(0x38, 1)), says: 'byte 6: Span.start_time_unix_nano has wire type 0, not 1' },
    {
      name: 'a time of 7 bytes',
      body: inSpan(bytes(0x39, 1, 2, 3, 4, 5, 6, 7)),
      says: 'byte 7: a fixed-size value needs 8 bytes, 7 are left',
    },
    { name: 'flags of 3 bytes', body: inSpan(bytes(0x85, 0x01, 1, 2, 3)), says: 'byte 8: a fixed-size value needs 4 bytes, 3 are left' },
    { name: 'a name that is not UTF-8', body: inSpan(field(5, bytes(0x61, 0xff, 0x62))), says: 'byte 9: Span.name is not UTF-8' },
    { name: 'a name cut inside a character', body: inSpan(field(5, bytes(0x61, 0xe2, 0x82))), says: 'byte 9: Span.name is not UTF-8' },
    { name: 'a key that is not UTF-8', body: inSpan(field(9, field(1, bytes(0xc0, 0x80)))), says: 'byte 10: KeyValue.key is not UTF-8' },
    { name: 'a long value that is not UTF-8', body: inSpan(field(9, field(2, long))), says: 'byte 74: AnyValue.string_value is not UTF-8' },
    {
      name: 'a surrogate in a value',
      body: inSpan(field(9, field(2, field(1, bytes(0xed, 0xa0, 0x80))))),
      says: 'byte 12: AnyValue.string_value is not UTF-8',
    },
  ]
  for (const { name, body, says } of cases) test(name, () => expect(outcome(body)).toBe(`OTLP protobuf, ${says}`))

  test('a bad field after a good span: the good one is not handed on', () => {
    const good = inSpan(ids, field(9, field(1, text('gen_ai.x'))))
    expect(outcome(good)).toBe('took 1')
    expect(outcome(Buffer.concat([good, bytes(0x0a, 9)]))).toBe(`OTLP protobuf, byte ${good.length + 1}: a field says 9 bytes, 0 are left`)
  })
})

/** Field numbers from the request down to a field, and what the schema calls it. */
type Place = readonly [path: readonly number[], name: string]
const wrapped = (path: readonly number[], inner: Uint8Array): Uint8Array =>
  path.toReversed().reduce((body, number) => field(number, body), inner)

describe('every field is checked', () => {
  const S = [1, 2, 2]
  const strings: readonly (readonly ['traces' | 'logs', readonly Place[]])[] = [
    [
      'traces',
      [
        [[1, 3], 'ResourceSpans.schema_url'],
        [[1, 2, 3], 'ScopeSpans.schema_url'],
        [[1, 2, 1, 1], 'InstrumentationScope.name'],
        [[1, 2, 1, 2], 'InstrumentationScope.version'],
        [[1, 1, 1, 1], 'KeyValue.key'],
        [[1, 2, 1, 3, 1], 'KeyValue.key'],
        [[...S, 3], 'Span.trace_state'],
        [[...S, 5], 'Span.name'],
        [[...S, 9, 1], 'KeyValue.key'],
        [[...S, 9, 2, 1], 'AnyValue.string_value'],
        [[...S, 9, 2, 5, 1, 1], 'AnyValue.string_value'],
        [[...S, 9, 2, 6, 1, 1], 'KeyValue.key'],
        [[...S, 11, 2], 'Span.Event.name'],
        [[...S, 11, 3, 1], 'KeyValue.key'],
        [[...S, 13, 3], 'Span.Link.trace_state'],
        [[...S, 13, 4, 1], 'KeyValue.key'],
        [[...S, 15, 2], 'Status.message'],
      ],
    ],
    [
      'logs',
      [
        [[...S, 3], 'LogRecord.severity_text'],
        [[...S, 5, 1], 'AnyValue.string_value'],
        [[...S, 6, 1], 'KeyValue.key'],
        [[...S, 12], 'LogRecord.event_name'],
      ],
    ],
  ]
  for (const [signal, places] of strings) {
    test(`${signal}: strings must be UTF-8, short and long`, () => {
      for (const [path, name] of places) {
        expect(outcome(wrapped(path, text('é€😀')), signal)).toMatch(/^took/)
        for (const bad of [bytes(0xff), Buffer.concat([Buffer.alloc(100, 0x61), bytes(0xff)])]) {
          const body = wrapped(path, bad)
          expect(outcome(body, signal), name).toBe(`OTLP protobuf, byte ${body.length - 1}: ${name} is not UTF-8`)
        }
      }
    })
  }
  test('numbers must have their wire type', () => {
    const numbers: readonly (readonly ['traces' | 'logs', readonly number[], number, string])[] = [
      ['traces', S, 6, 'Span.kind has wire type 2, not 0'],
      ['traces', S, 7, 'Span.start_time_unix_nano has wire type 2, not 1'],
      ['traces', S, 8, 'Span.end_time_unix_nano has wire type 2, not 1'],
      ['traces', [...S, 15], 3, 'Status.code has wire type 2, not 0'],
      ['traces', [...S, 11], 1, 'Span.Event.time_unix_nano has wire type 2, not 1'],
      ['traces', [...S, 9, 2], 2, 'AnyValue.bool_value has wire type 2, not 0'],
      ['traces', [...S, 9, 2], 3, 'AnyValue.int_value has wire type 2, not 0'],
      ['traces', [...S, 9, 2], 4, 'AnyValue.double_value has wire type 2, not 1'],
      ['logs', S, 1, 'LogRecord.time_unix_nano has wire type 2, not 1'],
      ['logs', S, 2, 'LogRecord.severity_number has wire type 2, not 0'],
      ['logs', S, 11, 'LogRecord.observed_time_unix_nano has wire type 2, not 1'],
    ]
    for (const [signal, path, number, says] of numbers) {
      const body = wrapped(path, field(number, bytes(1)))
      expect(outcome(body, signal)).toBe(`OTLP protobuf, byte ${body.length - 3}: ${says}`)
    }
    expect(outcome(wrapped(S, bytes(0x82, 0x01, 0)))).toBe('OTLP protobuf, byte 6: Span.flags has wire type 2, not 5')
  })
  test('ids must be bytes', () => {
    for (const number of [1, 2, 4]) expect(outcome(wrapped(S, bytes(number * 8, 1)))).toMatch(/_id has wire type 0, not 2$/)
    for (const number of [9, 10]) expect(outcome(wrapped(S, bytes(number * 8, 1)), 'logs')).toMatch(/_id has wire type 0, not 2$/)
  })
})

test("the place where UTF-8 breaks is found exactly when Node's own check fails", () => {
  const risky = fc.constantFrom(
    0x61,
    0x80,
    0x8f,
    0x90,
    0x9f,
    0xa0,
    0xbf,
    0xc0,
    0xc1,
    0xc2,
    0xdf,
    0xe0,
    0xec,
    0xed,
    0xee,
    0xef,
    0xf0,
    0xf3,
    0xf4,
    0xf5,
    0xff,
  )
  fc.assert(
    fc.property(fc.array(risky, { maxLength: 6 }), (list) => {
      const body = bytes(...list)
      const at = badUtf8At(body, 0, body.length)
      expect(at < 0).toBe(isUtf8(body))
      if (at >= 0) expect(isUtf8(body.subarray(0, at))).toBe(true)
    }),
    { numRuns: 20_000 },
  )
})

describe('what is unusual but right', () => {
  test('an empty body is an empty request', () =>
    expect(decoder.traces(new Uint8Array(), 'protobuf', { span: () => expect.unreachable(), link: () => expect.unreachable() })).toEqual({
      total: 0,
      rejected: {},
    }))
  test('unknown fields of every wire type, and fields in any order', () => {
    const unknown = Buffer.concat([
      bytes(0xa0, 0x06, 0x81, 0x01),
      bytes(0xa1, 0x06, 1, 2, 3, 4, 5, 6, 7, 8),
      bytes(0xa5, 0x06, 1, 2, 3, 4),
      bytes(0xa2, 0x06, 2, 0xff, 0xfe),
    ])
    const scope = field(1, field(1, text('genkit-tracer')))
    const resource = field(1, field(1, field(1, text('service.name')), field(2, field(1, text('late')))))
    const body = field(1, field(2, unknown, field(2, field(5, text('old')), unknown, field(5, text('new')), ids), scope), unknown, resource)
    const seen: unknown[] = []
    decoder.traces(body, 'protobuf', {
      span: (s) => seen.push([s.name, s.scope.name, s.resource.text('service.name')]),
      link: () => expect.unreachable(),
    })
    expect(seen).toEqual([['new', 'genkit-tracer', 'late']])
  })
  test('a length padded to ten bytes', () => {
    const span = Buffer.concat([ids, field(9, field(1, text('gen_ai.x')))])
    const padded = Buffer.concat([bytes(0x12, span.length | 0x80, ...Array<number>(8).fill(0x80), 0), span])
    expect(outcome(field(1, field(2, padded)))).toBe('took 1')
  })
  test('two requests, one after the other, are one: the top level is a message like any other', () => {
    const good = inSpan(ids)
    expect(outcome(Buffer.concat([good, good]))).toBe('took 2')
  })
})

describe('limits', () => {
  /** An attribute value `depth` AnyValues deep, through lists or maps. */
  function nested(depth: number, through: 'list' | 'map'): Uint8Array {
    const parts: Uint8Array[] = [bytes(0x10, 1)]
    let length = 2
    const wrap = (tag: number): void => {
      const header: number[] = [tag]
      let rest = length
      for (; rest > 127; rest = Math.floor(rest / 128)) header.push((rest % 128) + 128)
      parts.push(bytes(...header, rest))
      length += header.length + 1
    }
    for (let i = 1; i < depth; i++) for (const tag of through === 'list' ? [0x0a, 0x2a] : [0x12, 0x0a, 0x32]) wrap(tag)
    return inSpan(ids, field(9, field(1, text('gen_ai.deep')), field(2, Buffer.concat(parts.reverse()))))
  }
  for (const through of ['list', 'map'] as const) {
    test(`a ${through} in a ${through}: 32 deep is read, 33 is not`, () => {
      expect(outcome(nested(32, through))).toBe('took 1')
      expect(outcome(nested(33, through))).toMatch(/^OTLP protobuf, byte \d+: a value is nested deeper than 32$/)
    })
    test(`a ${through} in a ${through}, 20,000 deep, whatever the operator allows`, () => {
      expect(outcome(nested(20_000, through))).toMatch(/nested deeper than 32$/)
      const lenient = createDecoder({ keys: [], prefixes: [], scopes: [] }, { maxNesting: 1e9 })
      const sink = { span: (): void => expect.unreachable(), link: (): void => expect.unreachable() }
      expect(() => lenient.traces(nested(20_000, through), 'protobuf', sink)).toThrow(/nested deeper than 500$/)
    })
  }
  test('more items than allowed, at the span that is one too many', () => {
    const few = createDecoder({ keys: [], prefixes: [], scopes: [] }, { maxItems: 2 })
    const sink = { span: (): void => undefined, link: (): void => undefined }
    const one = inSpan(ids)
    expect(few.traces(Buffer.concat([one, one]), 'protobuf', sink).total).toBe(2)
    expect(() => few.traces(Buffer.concat([one, one, one]), 'protobuf', sink)).toThrow(
      new DecodeError('protobuf', 2 * one.length + 6, 'more than 2 items in one request'),
    )
  })
})

describe('damage of every kind', () => {
  const bodies = captures('traces').map(({ requests }) => toProtobuf(requests[0]!))
  const small = bodies.filter((b) => b.length < 8000)

  test('cut at every byte: refused, but where one message of the top level ends', () => {
    const first = small[0]!
    const body = Buffer.concat([first, small[1]!])
    for (let n = 0; n < body.length; n++)
      expect(outcome(body.subarray(0, n)), `${n}`).toMatch(n === 0 || n === first.length ? /^took/ : /^OTLP protobuf, byte \d+: /)
  })
  test('20,000 mutants throw nothing but DecodeError', { timeout: 60_000 }, () => {
    let refused = 0
    const change = fc.tuple(fc.nat(), fc.constantFrom('set', 'flip', 'ones', 'cut', 'insert'), fc.nat(255))
    fc.assert(
      fc.property(fc.nat(small.length - 1), fc.array(change, { minLength: 1, maxLength: 4 }), (which, changes) => {
        let bad = Buffer.from(small[which]!)
        for (const [where, how, value] of changes) {
          const at = where % bad.length
          if (how === 'set') bad[at] = value
          else if (how === 'flip') bad[at] = bad[at]! ^ (1 << (value % 8))
          else if (how === 'ones') bad.subarray(at, at + (value % 12)).fill(0xff)
          else if (how === 'cut') bad = Buffer.concat([bad.subarray(0, at), bad.subarray(at + 1 + (value % 4))])
          else bad = Buffer.concat([bad.subarray(0, at), bytes(value), bad.subarray(at)])
        }
        if (outcome(bad).startsWith('OTLP')) refused++
      }),
      { numRuns: 20_000 },
    )
    expect(refused).toBeGreaterThan(5000)
    expect(refused).toBeLessThan(20_000)
  })
  test('random bytes: what we take, protobufjs takes too', () => {
    const tags = fc.constantFrom(0x0a, 0x12, 0x1a, 0x2a, 0x4a, 0x5a, 0x7a, 1, 2, 3, 4, 0)
    const soup = fc.array(fc.oneof(tags, fc.nat(255)), { maxLength: 60 }).map((list) => Uint8Array.from(list))
    fc.assert(
      fc.property(soup, (body) => {
        if (outcome(body).startsWith('took')) expect(() => fromProtobuf(body)).not.toThrow()
        if (outcome(body, 'logs').startsWith('took')) expect(() => fromProtobuf(body, 'logs')).not.toThrow()
      }),
      { numRuns: 20_000 },
    )
  })
})

describe('logs and metrics', () => {
  test('a log with a bad body value is refused', () => {
    const body = field(1, field(2, field(2, field(5, field(1, bytes(0xff))))))
    expect(outcome(body, 'logs')).toBe('OTLP protobuf, byte 10: AnyValue.string_value is not UTF-8')
  })
  test('logs cut anywhere', () => {
    const body = logsToProtobuf(captures('logs')[0]!.requests[0]!)
    for (let n = 1; n < body.length; n++) expect(outcome(body.subarray(0, n), 'logs')).toMatch(/^OTLP protobuf/)
  })
  test('metrics: data points of every kind are counted, and a broken one is refused', () => {
    const points = (n: number): unknown => ({ dataPoints: Array.from({ length: n }, () => ({ timeUnixNano: '1' })) })
    const metrics = [
      { gauge: points(1) },
      { sum: points(2) },
      { histogram: points(3) },
      { exponentialHistogram: points(4) },
      { summary: points(5) },
    ]
    const body = metricsToProtobuf({ resourceMetrics: [{ scopeMetrics: [{ metrics }] }] })
    expect(decoder.metrics(body, 'protobuf')).toEqual({ total: 15, rejected: {} })
    expect(() => decoder.metrics(body.subarray(0, -1), 'protobuf')).toThrow(DecodeError)
  })
  test('a spans body sent as logs is refused or empty, never half read', () => {
    expect(outcome(toProtobuf(otlp({ spans: [{}] })), 'logs')).toMatch(/^OTLP protobuf, byte \d+: LogRecord\./)
  })
})
