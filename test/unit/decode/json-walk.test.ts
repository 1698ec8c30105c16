/** The walk over JSON against the exact way: what it takes, JSON.parse and the check of shapes take too, and both read alike. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bodiesOf } from '../../../bench/wire/bodies.ts'
import { GEN_AI_PREFIXES } from '../../../model/semconv.ts'
import { DecodeError, type SpanSink } from '../../../processor/decode/decode.ts'
import { createDecoder, DEFAULT_DECODE_LIMITS } from '../../../processor/decode/index.ts'
import { createInterestTest } from '../../../processor/decode/interest.ts'
import { JsonPlaces } from '../../../processor/decode/json-places.ts'
import { JsonWalk } from '../../../processor/decode/json-walk.ts'
import { decodeParsedTraces } from '../../../processor/decode/json.ts'
import { KeyTable } from '../../../processor/decode/key-table.ts'
import { INTEREST } from '../../../processor/dialects/index.ts'
import { anyValue, type Otlp, toJson, TRACE_ID } from '../../support/otlp.ts'
import { tracesRequest } from './arbitrary.ts'
import { altered, damaged } from './mutants.ts'
import { captures, decoder, placeData, spanData } from './reading.ts'

const LIMITS = { maxNesting: DEFAULT_DECODE_LIMITS.maxNesting.json, maxItems: 1000 }
const table = new KeyTable(INTEREST.keys, GEN_AI_PREFIXES)
const interest = createInterestTest(INTEREST)
const walked = createDecoder(INTEREST, LIMITS)

/** Mutants of each kind; `RUNS=25000` for a long look. */
const RUNS = Number(process.env['RUNS'] ?? 2000)

const isTaken = (body: Uint8Array): boolean => new JsonWalk(body, LIMITS, new JsonPlaces(table)).take()

/** Everything that a decoder hands on, or its refusal. */
function outcome(decode: (sink: SpanSink) => unknown): unknown {
  const seen: unknown[] = []
  try {
    const decoded = decode({ span: (s) => seen.push(spanData(s)), link: (place) => seen.push(placeData(place)) })
    return { seen, decoded }
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    return error.message
  }
}

/** Both ways agree; whether the walk took the body. */
function compare(body: Uint8Array): boolean {
  const exact = outcome((sink) => decodeParsedTraces(body, interest, LIMITS, sink))
  expect(outcome((sink) => walked.traces(body, 'json', sink))).toEqual(exact)
  return isTaken(body)
}

/** One request with one span, and the text of it around a part that JSON.stringify would not write. */
function spanText(fields: string): Uint8Array {
  return Buffer.from(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"${TRACE_ID}","spanId":"00000000000000aa",${fields}}]}]}]}`)
}
const valueText = (value: string, key = 'gen_ai.x'): Uint8Array => spanText(`"attributes":[{"key":"${key}","value":${value}}]`)

const requests: readonly Otlp[] = [
  ...(['genai', 'content', 'mixed'] as const).map((mix) => JSON.parse(bodiesOf(mix, 3, 1)[0]!.json.toString()) as Otlp),
  ...captures('traces').flatMap((c) => c.requests.filter((r) => JSON.stringify(r).length < 6000).slice(0, 1)),
]

describe('the walk over JSON', { timeout: 120_000 }, () => {
  test('takes what emitters write: the bench and every capture', () => {
    for (const mix of ['genai', 'content', 'mixed'] as const) for (const { json } of bodiesOf(mix, 64, 2)) expect(isTaken(json)).toBe(true)
    for (const { requests: all, file } of captures('traces')) for (const r of all) expect([file, isTaken(toJson(r))]).toEqual([file, true])
  })

  test('reads alike, spans of any form, written in any way', () => {
    let taken = 0
    fc.assert(
      fc.property(tracesRequest, fc.constantFrom(0, 1, '\t', '\r\n '), (request, indent) => {
        taken += Number(compare(Buffer.from(JSON.stringify(request, null, indent))))
      }),
      { numRuns: 300 },
    )
    expect(taken).toBeGreaterThan(50)
  })

  test('refuses and reads alike where a byte is damaged', () => {
    fc.assert(
      fc.property(damaged(requests), (body) => void compare(body)),
      { numRuns: RUNS },
    )
  })

  test('refuses and reads alike where anything stands in the place of anything', () => {
    let taken = 0
    let refused = 0
    fc.assert(
      fc.property(altered(requests), (body) => {
        if (compare(body)) taken++
        else refused++
      }),
      { numRuns: RUNS },
    )
    expect(Math.min(taken, refused)).toBeGreaterThan(RUNS / 10)
  })
})

describe('what is odd', () => {
  const cases: readonly (readonly [name: string, body: Uint8Array, isWalked: boolean])[] = [
    ['nothing', Buffer.from(''), false],
    ['an empty request with white space around', Buffer.from(' \t\r\n{ } \n'), true],
    ['a byte order mark', Buffer.from('\ufeff{}'), false],
    ['something behind the end', Buffer.from('{}{}'), false],
    ['a NUL behind the end', Buffer.from('{}\0'), false],
    ['100,000 lists in each other', Buffer.from(`{"new":${'['.repeat(100_000)}${']'.repeat(100_000)}}`), false],
    ['100,000 lists that are not closed', Buffer.from(`{"resourceSpans":${'['.repeat(100_000)}`), false],
    ['a key with an escape', valueText('{"stringValue":"x"}', 'gen\\u005fai.x'), false],
    ['a key of a message with an escape', spanText('"na\\u006de":"x"'), false],
    ['keys and texts with characters of all lengths', valueText('{"stringValue":"é€😀"}', 'gen_ai.é€😀'), true],
    ['a NUL that is escaped', valueText('{"stringValue":"a\\u0000b"}'), true],
    ['a NUL that is not', valueText('{"stringValue":"a\0b"}'), false],
    ['lone surrogates', valueText('{"stringValue":"\\ud800 \\udc00\\ud800"}'), true],
    ['an escape that does not exist', valueText('{"stringValue":"\\x"}'), false],
    ['a text that ends in a backslash', valueText('{"stringValue":"x\\\\"}'), true],
    ['a text that ends in half an escape', spanText('"name":"\\u00'), false],
    ['a number without digits', spanText('"new":-'), false],
    ['a number with a leading zero', spanText('"flags":01'), false],
    ['a number with an exponent and no digits', spanText('"flags":1e+'), false],
    ['numbers in the extreme', spanText('"flags":1e308,"kind":-1e-308,"new":[1e99999,-0,0.0000001,123456789012345678901234567890]'), true],
    ['a field twice', spanText('"name":"a","name":"b"'), false],
    ['attributes twice', spanText('"attributes":[{"key":"gen_ai.x"}],"attributes":[]'), false],
    ['an unknown field twice', spanText('"new":1,"new":2'), true],
    ['a field of the prototype', spanText('"__proto__":{"name":"x"},"constructor":1'), true],
    ['names in snake_case, which are unknown', spanText('"start_time_unix_nano":"x","parent_span_id":5'), true],
    ['two alternatives', valueText('{"stringValue":"x","intValue":1}'), false],
    ['an alternative that is null', valueText('{"stringValue":null}'), true],
    ['the value before the key', spanText('"attributes":[{"value":{"intValue":1},"key":"gen_ai.x"}]'), true],
    ['a key twice', spanText('"attributes":[{"key":"gen_ai.x","key":"gen_ai.y"}]'), false],
    ['the same attribute twice', spanText('"attributes":[{"key":"gen_ai.x","value":{"intValue":1}},{"key":"gen_ai.x"}]'), true],
    [
      'a time as a number that a double cannot hold',
      spanText('"startTimeUnixNano":1790000000000000001,"endTimeUnixNano":"1790000000000000002"'),
      true,
    ],
    ['the time in nanoseconds as an attribute', valueText('{"intValue":"1790007919278847665"}'), true],
    ['the same as a number', valueText('{"intValue":-1790007919278847665}'), true],
    ['an int of 19 digits that may not fit', valueText('{"intValue":"9223372036854775807"}'), false],
    ['an int that does not fit', valueText('{"intValue":"9223372036854775808"}'), false],
    ['a time with a leading zero', spanText('"startTimeUnixNano":01'), false],
    ['a value twice, the second null', spanText('"attributes":[{"key":"gen_ai.x","value":{"intValue":1},"value":null}]'), false],
    ['a time of 20 digits', spanText('"startTimeUnixNano":"18446744073709551615"'), false],
    ['ids in upper case', spanText('"parentSpanId":"ABCDEF0123456789"'), false],
    ['a parent of zeros', spanText('"parentSpanId":"0000000000000000"'), true],
    ['a parent that is short', spanText('"parentSpanId":"ab"'), false],
    [
      'a resource and a scope behind their spans',
      Buffer.from(
        `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"${TRACE_ID}","spanId":"00000000000000aa"}],"scope":{"name":"genkit-tracer"}}],"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"x"}}]}}]}`,
      ),
      true,
    ],
  ]
  for (const [name, body, isWalked] of cases) test(name, () => expect(compare(body)).toBe(isWalked))

  test('a text of 64 MB, with and without an escape', () => {
    const long = 'x'.repeat(64 << 20)
    for (const text of [long, `\\n${long}`]) {
      const body = valueText(`{"stringValue":"${text}"}`)
      let length = 0
      decoder.traces(body, 'json', { span: (s) => (length = s.attributes.text('gen_ai.x')?.length ?? 0) })
      expect([isTaken(body), length]).toEqual([true, (64 << 20) + (text === long ? 0 : 1)])
    }
  })

  test('limits are those of the exact way', () => {
    const few = createDecoder(INTEREST, { maxItems: 2, maxNesting: 11 })
    const body = (n: number, value: unknown): Uint8Array =>
      toJson({
        resourceSpans: [
          { scopeSpans: [{ spans: Array.from({ length: n }, () => ({ attributes: [{ key: 'a', value: anyValue(value) }] })) }] },
        ],
      })
    expect(few.traces(body(2, 1), 'json', { span: () => undefined }).total).toBe(2)
    expect(() => few.traces(body(3, 1), 'json', { span: () => undefined })).toThrow('more than 2 items in one request')
    expect(() => few.traces(body(1, [1]), 'json', { span: () => undefined })).toThrow('nested deeper than 11')
  })
})
