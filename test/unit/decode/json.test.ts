/** What is particular to OTLP/JSON: spellings that are all right, bodies that are not, and where their mistakes are. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Span } from '../../../model/span.ts'
import { DecodeError } from '../../../processor/decode/decode.ts'
import { createDecoder } from '../../../processor/decode/index.ts'
import { anyValue, type Otlp, otlp, toJson, TRACE_ID } from '../../support/otlp.ts'
import { captures, decoder, logData, readTraces, spanData } from './reading.ts'

function refusal(body: string | Uint8Array, signal: 'traces' | 'logs' | 'metrics' = 'traces'): string {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  let seen = 0
  try {
    if (signal === 'metrics') decoder.metrics(bytes, 'json')
    else if (signal === 'logs') decoder.logs(bytes, 'json', { log: (l) => [seen++, logData(l)] })
    else decoder.traces(bytes, 'json', { span: (s) => [seen++, spanData(s)], link: () => seen++ })
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    expect(seen).toBe(0)
    expect(error.offset).toBeLessThanOrEqual(bytes.length)
    return error.message
  }
  return 'taken'
}

/** One span with these fields, seen by `look`. */
function withSpan(fields: Otlp, look: (s: Span) => void): void {
  let seen = 0
  const span = { traceId: TRACE_ID, spanId: '00000000000000aa', attributes: [{ key: 'gen_ai.x', value: anyValue(1) }], ...fields }
  decoder.traces(toJson({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }), 'json', {
    span: (s) => [seen++, look(s)],
    link: () => expect.unreachable(),
  })
  expect(seen).toBe(1)
}

describe('spellings', () => {
  test('ids in upper case', () =>
    withSpan({ traceId: TRACE_ID.toUpperCase(), spanId: 'ABCDEF0123456789' }, (s) =>
      expect([s.traceId, s.spanId]).toEqual([TRACE_ID, 'abcdef0123456789']),
    ))
  test('a parent of zeros is no parent', () => withSpan({ parentSpanId: '0000000000000000' }, (s) => expect(s.parentSpanId).toBe('')))
  test('enums by name, by number, as a numeric string, unknown', () => {
    withSpan({ kind: 'SPAN_KIND_CLIENT', status: { code: 'STATUS_CODE_ERROR' } }, (s) => expect([s.kind, s.status]).toEqual([3, 'error']))
    withSpan({ kind: 5, status: { code: 1 } }, (s) => expect([s.kind, s.status]).toEqual([5, 'ok']))
    withSpan({ kind: '2', status: { code: '2' } }, (s) => expect([s.kind, s.status]).toEqual([2, 'error']))
    withSpan({ kind: 'SPAN_KIND_NEW', status: { code: 7 } }, (s) => expect([s.kind, s.status]).toEqual([0, 'unset']))
  })
  test('times as strings and as numbers, exact to the nanosecond', () => {
    withSpan({ startTimeUnixNano: '1790000000000000001', endTimeUnixNano: '1790000000000000003' }, (s) =>
      expect(s.durationMs).toBe(2 / 1e6),
    )
    withSpan({ startTimeUnixNano: 1_000_000, endTimeUnixNano: 3_500_000 }, (s) => expect([s.startMs, s.durationMs]).toEqual([1, 2.5]))
    withSpan({ startTimeUnixNano: '5', endTimeUnixNano: '18446744073709551615' }, (s) =>
      expect(s.durationMs).toBeCloseTo(18_446_744_073_709.55, 1),
    )
    withSpan({ startTimeUnixNano: '20', endTimeUnixNano: '10' }, (s) => expect(s.durationMs).toBe(0))
  })
  test('an unknown time is not 1970: no duration, and a start no later than the end', () => {
    const times = (more: Otlp): number[] => {
      let found: number[] = []
      withSpan(more, (s) => (found = [s.startMs, s.durationMs]))
      return found
    }
    expect(times({})).toEqual([0, Number.NaN])
    expect(times({ startTimeUnixNano: '0', endTimeUnixNano: '2000000' })).toEqual([2, Number.NaN])
    expect(times({ startTimeUnixNano: '2000000' })).toEqual([2, Number.NaN])
  })
  test('null is absent, unknown fields are ignored', () => {
    const nothing = {
      name: null,
      kind: null,
      status: null,
      events: null,
      links: null,
      parentSpanId: null,
      flags: null,
      startTimeUnixNano: null,
      new: { field: 1 },
    }
    withSpan(nothing, (s) =>
      expect([s.name, s.kind, s.status, s.events(), s.links(), s.parentSpanId, s.parentLocation]).toEqual([
        '',
        0,
        'unset',
        [],
        [],
        '',
        'unknown',
      ]),
    )
    expect(refusal('{"resourceSpans":null,"instrumentationLibrarySpans":[1]}')).toBe('taken')
    expect(refusal('{"resourceSpans":[{"resource":null,"scopeSpans":[{"scope":null,"spans":null}]}]}')).toBe('taken')
    expect(refusal('{}')).toBe('taken')
  })
  test('values: ints as numbers, doubles as strings, bytes in any base64', () => {
    const attributes = [
      { key: 'gen_ai.int', value: { intValue: 7 } },
      { key: 'gen_ai.double', value: { doubleValue: '0.25' } },
      { key: 'gen_ai.bytes', value: { bytesValue: '-_8' } },
      { key: 'gen_ai.null', value: null },
      { key: 'gen_ai.null2', value: { stringValue: null, intValue: '3' } },
    ]
    withSpan({ attributes }, ({ attributes: a }) => {
      expect([
        a.count('gen_ai.int'),
        a.number('gen_ai.double'),
        a.text('gen_ai.bytes'),
        a.has('gen_ai.null'),
        a.count('gen_ai.null2'),
      ]).toEqual([7, 0.25, '+/8=', false, 3])
    })
  })
  test('flags say where the parent is', () => {
    for (const [flags, location] of [
      [1, 'unknown'],
      [0x101, 'local'],
      [0x301, 'remote'],
      [0x200, 'unknown'],
    ] as const)
      withSpan({ flags }, (s) => expect(s.parentLocation).toBe(location))
  })
  test('severities by name', () => {
    const seen: number[] = []
    const logRecords = [
      { severityNumber: 'SEVERITY_NUMBER_INFO' },
      { severityNumber: 'SEVERITY_NUMBER_FATAL4' },
      { severityNumber: 17 },
      {},
    ]
    decoder.logs(toJson({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] }), 'json', { log: (l) => seen.push(l.severity) })
    expect(seen).toEqual([9, 24, 17, 0])
  })
})

describe('a body that is no JSON', () => {
  const cases: readonly { readonly name: string; readonly body: string | Uint8Array; readonly says: string }[] = [
    { name: 'empty', body: '', says: 'byte 0: the body is empty; an empty request is {}' },
    { name: 'blank', body: '  ', says: 'byte 2: the body ends where a value is expected' },
    { name: 'a comma too many in a map', body: '{"a":1,}', says: 'byte 7: a key is expected' },
    { name: 'a comma too many in a list', body: '[1,]', says: 'byte 3: a value is expected' },
    { name: 'a comma missing', body: '{"a":1 "b":2}', says: 'byte 7: a comma or } is expected' },
    { name: 'a colon missing', body: '{"a" 1}', says: 'byte 5: a colon is expected' },
    { name: 'a bare key', body: '{a:1}', says: 'byte 1: a key or } is expected' },
    { name: 'the wrong bracket', body: '{"a":[1}', says: 'byte 7: a comma or ] is expected' },
    { name: 'cut off in a list', body: '{"a":[1', says: 'byte 7: the body ends where a comma or ] is expected' },
    { name: 'cut off in a string', body: '{"a":"bc', says: 'byte 8: the string that starts at byte 5 is not closed' },
    { name: 'something after the end', body: '{} x', says: 'byte 3: the end is expected' },
    { name: 'a bad escape', body: '{"a":"\\x"}', says: 'byte 6: an escape in a string is unknown or cut off' },
    { name: 'a short \\u escape', body: '{"a":"\\u12g4"}', says: 'byte 6: an escape in a string is unknown or cut off' },
    { name: 'a raw line break in a string', body: '{"a":"b\nc"}', says: 'byte 7: a control character in a string must be escaped' },
    { name: 'NaN', body: '{"a":NaN}', says: 'byte 5: this is no JSON value' },
    { name: 'a number with a leading zero', body: '[01]', says: 'byte 2: a comma or ] is expected' },
    { name: 'after characters of two, three and four bytes: counted in bytes', body: '{"é€😀":x}', says: 'byte 13: this is no JSON value' },
    { name: 'a byte that is not UTF-8', body: Uint8Array.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), says: 'byte 2: not UTF-8' },
    {
      name: 'a character that is cut off',
      body: Buffer.concat([Buffer.from('{"a":"é'), Uint8Array.from([0xe2, 0x82])]),
      says: 'byte 8: not UTF-8',
    },
    { name: 'a protobuf body', body: Uint8Array.from([0x0a, 0x05, 0x12, 0x03]), says: 'byte 1: this is no JSON value' },
    { name: 'nested too deep', body: '['.repeat(20_000), says: 'byte 100: nested deeper than 100' },
    {
      name: 'nested too deep after brackets in strings, which do not count',
      body: `{"a\\"[[":"]]\\\\",${'"b":{'.repeat(100)}`,
      says: 'byte 515: nested deeper than 100',
    },
  ]
  for (const { name, body, says } of cases) test(name, () => expect(refusal(body)).toBe(`OTLP json, ${says}`))
  test('nested as deep as allowed', () => expect(refusal(`{"new":${'['.repeat(99)}${']'.repeat(99)}}`)).toBe('taken'))

  test('values 20,000 deep, whatever the operator allows', () => {
    const lenient = createDecoder({ keys: [], prefixes: [], scopes: [] }, { maxNesting: 1e9 })
    const value = (depth: number): string => `${'{"arrayValue":{"values":['.repeat(depth)}{}${']}}'.repeat(depth)}`
    const body = (depth: number): Uint8Array =>
      Buffer.from(
        `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"${TRACE_ID}","spanId":"00000000000000aa","attributes":[{"key":"gen_ai.x","value":${value(depth)}}]}]}]}]}`,
      )
    expect(readTraces(body(490), 'json', lenient).spans).toHaveLength(1)
    expect(() => readTraces(body(20_000), 'json', lenient)).toThrow(/nested deeper than 1500$/)
  })
  test('no message quotes the body', () =>
    expect(refusal('{"gen_ai.input.messages": my secret}')).toBe('OTLP json, byte 26: this is no JSON value'))
  test('the walker and JSON.parse agree on what is an error: a place is always found', () => {
    const alphabet = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '\\',
      'u',
      '1',
      '0',
      '-',
      '.',
      'e',
      't',
      'true',
      'null',
      ' ',
      'é',
      '\n',
      '"a"',
      '{"a":',
    )
    fc.assert(
      fc.property(fc.array(alphabet, { maxLength: 14 }), (parts) => {
        const text = parts.join('')
        let isJson = true
        try {
          JSON.parse(text)
        } catch {
          isJson = false
        }
        const says = refusal(text)
        if (isJson) expect(says).not.toMatch(/expected|no JSON|escape|closed/)
        else expect(says).toMatch(/^OTLP json, byte \d+: (?!the body ends where the end)/)
      }),
      { numRuns: 20_000 },
    )
  })
  test('a capture cut at every byte, and with any byte replaced', () => {
    const body = toJson(captures('traces').find((c) => c.file.startsWith('openai6-official-otel3-chat'))!.requests[0]!)
    for (let n = 0; n < body.length; n++) expect(refusal(body.subarray(0, n))).toMatch(/^OTLP json, byte \d+/)
    fc.assert(
      fc.property(fc.nat(body.length - 1), fc.nat(255), (at, value) => {
        const bad = Buffer.from(body)
        bad[at] = value
        return refusal(bad).length > 0
      }),
      { numRuns: 3000 },
    )
  })
})

describe('a request of the wrong shape', () => {
  const spans = (span: unknown): Otlp => ({ resourceSpans: [{ scopeSpans: [{ spans: [] }, { spans: [{ name: 'good' }, span] }] }] })
  const at = 'resourceSpans[0].scopeSpans[1].spans[1]'
  const value = (v: unknown): Otlp => spans({ attributes: [{ key: 'a', value: v }] })
  const cases: readonly (readonly [name: string, request: unknown, says: string])[] = [
    ['a list', [], 'the request is a list, not an object'],
    ['null', null, 'the request is null, not an object'],
    ['resourceSpans no list', { resourceSpans: {} }, 'resourceSpans is an object, not a list'],
    ['an item that is null', { resourceSpans: [null] }, 'resourceSpans[0] is null, not an object'],
    [
      'a scope that is a string',
      { resourceSpans: [{ scopeSpans: [{ scope: 'x' }] }] },
      'resourceSpans[0].scopeSpans[0].scope is a string, not an object',
    ],
    ['an id in base64', spans({ traceId: 'W47/95gDgQPSabYzgT/GDA==' }), `${at}.traceId is not hex`],
    ['an id that is a number', spans({ spanId: 7 }), `${at}.spanId is a number, not a hex string`],
    ['a time that is no integer', spans({ startTimeUnixNano: '2026-01-01' }), `${at}.startTimeUnixNano is no unsigned 64-bit integer`],
    ['a negative time', spans({ endTimeUnixNano: '-5' }), `${at}.endTimeUnixNano is no unsigned 64-bit integer`],
    ['a time above 64 bits', spans({ endTimeUnixNano: '18446744073709551616' }), `${at}.endTimeUnixNano is no unsigned 64-bit integer`],
    ['a fractional time', spans({ endTimeUnixNano: 1.5 }), `${at}.endTimeUnixNano is no unsigned 64-bit integer`],
    ['a name that is a number', spans({ name: 1 }), `${at}.name is a number, not a string`],
    ['a kind that is an object', spans({ kind: {} }), `${at}.kind is an object, not a number`],
    ['a status that is a number', spans({ status: 2 }), `${at}.status is a number, not an object`],
    ['attributes as a map', spans({ attributes: { a: 1 } }), `${at}.attributes is an object, not a list`],
    ['an attribute without key', spans({ attributes: [{ value: {} }] }), `${at}.attributes[0] has no key`],
    ['a bare value', value('x'), `${at}.attributes[0].value is a string, not an object such as {"stringValue": "…"}`],
    ['a string value that is a number', value({ stringValue: 5 }), `${at}.attributes[0].value.stringValue is a number, not a string`],
    ['an int that is a word', value({ intValue: '12x' }), `${at}.attributes[0].value.intValue is no 64-bit integer`],
    ['an int above 64 bits', value({ intValue: '9223372036854775808' }), `${at}.attributes[0].value.intValue is no 64-bit integer`],
    ['an int with a fraction', value({ intValue: 1.5 }), `${at}.attributes[0].value.intValue is no 64-bit integer`],
    ['a double that is a word', value({ doubleValue: 'much' }), `${at}.attributes[0].value.doubleValue is no number`],
    ['a bool in quotes', value({ boolValue: 'true' }), `${at}.attributes[0].value.boolValue is a string, not a boolean`],
    ['an array that is a list', value({ arrayValue: [] }), `${at}.attributes[0].value.arrayValue is a list, not an object`],
    [
      'a wrong value in a list in a map',
      value({ kvlistValue: { values: [{ key: 'k', value: { arrayValue: { values: [{}, { intValue: 'x' }] } } }] } }),
      `${at}.attributes[0].value.kvlistValue.values[0].value.arrayValue.values[1].intValue is no 64-bit integer`,
    ],
    ['a map entry without key', value({ kvlistValue: { values: [{}] } }), `${at}.attributes[0].value.kvlistValue.values[0] has no key`],
    ['an event attribute', spans({ events: [{}, { attributes: [1] }] }), `${at}.events[1].attributes[0] is a number, not an object`],
    ['a link', spans({ links: [{ traceId: 'xyz' }] }), `${at}.links[0].traceId is not hex`],
  ]
  for (const [name, request, says] of cases) test(name, () => expect(refusal(JSON.stringify(request))).toBe(`OTLP json, byte 0: ${says}`))
  test('logs and metrics', () => {
    expect(refusal('{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":"x"}]}]}]}', 'logs')).toMatch(
      /logRecords\[0\]\.body is a string, not an object/,
    )
    expect(refusal('{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":1}}]}]}]}', 'metrics')).toMatch(
      /gauge\.dataPoints is a number, not a list$/,
    )
  })
  test('the smallest and the largest integers are taken', () => {
    for (const intValue of ['-9223372036854775808', '9223372036854775807', '-1', 0])
      expect(refusal(JSON.stringify(value({ intValue })))).toBe('taken')
  })
})

test('too many items', () => {
  const few = createDecoder({ keys: [], prefixes: [], scopes: [] }, { maxItems: 2 })
  const body = (n: number): Uint8Array => toJson(otlp({ spans: Array.from({ length: n }, () => ({})) }))
  expect(readTraces(body(2), 'json', few).links).toHaveLength(2)
  expect(() => readTraces(body(3), 'json', few)).toThrow(/more than 2 items in one request$/)
})

test('metrics: data points are counted', () => {
  const points = (n: number): unknown => ({ dataPoints: Array.from({ length: n }, () => ({})) })
  const metrics = [
    { gauge: points(1) },
    { sum: points(2) },
    { histogram: points(3) },
    { exponentialHistogram: points(4) },
    { summary: points(5) },
    { name: 'none' },
  ]
  expect(decoder.metrics(toJson({ resourceMetrics: [{ scopeMetrics: [{ metrics }] }] }), 'json')).toEqual({ total: 15, rejected: {} })
})
