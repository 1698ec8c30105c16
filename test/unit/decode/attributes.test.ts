/** One meaning of attributes over three backings: the same values, the same answers, whatever they were decoded from. */
import { describe, expect, test } from 'vitest'
import type { Attributes } from '../../../model/span.ts'
import { createDecoder } from '../../../processor/decode/index.ts'
import { viewOfPlain } from '../../../processor/decode/values.ts'
import { anyValue, type Otlp, otlp, otlpLogs, logsToProtobuf, toJson, toProtobuf } from '../../support/otlp.ts'
import { answers, captures, decoder, placeData } from './reading.ts'

interface Answers {
  readonly text?: string
  readonly number?: number
  readonly count?: number
  readonly flag?: boolean
  readonly list?: readonly string[]
  readonly json?: unknown
}

/** What is not named is undefined; `has` is true unless said. */
const CASES: readonly { readonly name: string; readonly value: unknown; readonly says: Answers; readonly has?: false }[] = [
  { name: 'a word', value: 'stop', says: { text: 'stop', list: ['stop'] } },
  { name: 'the empty string', value: '', says: { text: '', list: [] } },
  { name: 'a count', value: 12, says: { text: '12', number: 12, count: 12, list: ['12'], json: 12 } },
  { name: 'zero', value: 0, says: { text: '0', number: 0, count: 0, list: ['0'], json: 0 } },
  { name: 'minus one, which is Semantic Kernel for unknown', value: -1, says: { text: '-1', number: -1, list: ['-1'], json: -1 } },
  {
    name: 'a large negative',
    value: -4_294_967_297,
    says: { text: '-4294967297', number: -4_294_967_297, list: ['-4294967297'], json: -4_294_967_297 },
  },
  {
    name: 'the largest exact integer',
    value: 2 ** 53 - 1,
    says: { text: '9007199254740991', number: 2 ** 53 - 1, count: 2 ** 53 - 1, list: ['9007199254740991'], json: 2 ** 53 - 1 },
  },
  { name: 'a fraction', value: 0.7, says: { text: '0.7', number: 0.7, list: ['0.7'], json: 0.7 } },
  { name: 'NaN', value: Number.NaN, says: { text: 'NaN', list: ['NaN'], json: Number.NaN } },
  { name: 'infinity', value: Number.NEGATIVE_INFINITY, says: { text: '-Infinity', list: ['-Infinity'], json: Number.NEGATIVE_INFINITY } },
  { name: 'a numeric string', value: '42', says: { text: '42', number: 42, count: 42, list: ['42'], json: 42 } },
  { name: 'a negative numeric string', value: '-3', says: { text: '-3', number: -3, list: ['-3'], json: -3 } },
  { name: 'a fractional string', value: '1.5', says: { text: '1.5', number: 1.5, list: ['1.5'], json: 1.5 } },
  { name: 'blanks', value: '  ', says: { text: '  ', list: [] } },
  { name: 'true', value: true, says: { text: 'true', flag: true, list: ['true'], json: true } },
  { name: 'false', value: false, says: { text: 'false', flag: false, list: ['false'], json: false } },
  { name: '"true"', value: 'true', says: { text: 'true', flag: true, list: ['true'], json: true } },
  { name: "Python's False", value: 'False', says: { text: 'False', flag: false, list: ['False'] } },
  { name: 'a list of strings', value: ['stop', 'length'], says: { list: ['stop', 'length'], json: ['stop', 'length'] } },
  { name: 'a mixed list', value: ['a', 1, true, null, ['b']], says: { list: ['a', '1', 'true'], json: ['a', 1, true, null, ['b']] } },
  { name: 'an empty list', value: [], says: { list: [], json: [] } },
  { name: 'a JSON list in a string', value: '["a"]', says: { text: '["a"]', list: ['a'], json: ['a'] } },
  { name: 'a comma-joined string', value: 'a, b,,c', says: { text: 'a, b,,c', list: ['a', 'b', 'c'] } },
  { name: "Semantic Kernel's [Stop]", value: '[Stop]', says: { text: '[Stop]', list: ['Stop'] } },
  { name: 'a JSON object in a string', value: '{"a":[1]}', says: { text: '{"a":[1]}', list: ['{"a":[1]}'], json: { a: [1] } } },
  { name: 'JSON that a length limit cut', value: '{"a":', says: { text: '{"a":', list: ['{"a":'] } },
  { name: 'a map', value: { role: 'user', n: { x: [1, { y: null }] } }, says: { json: { role: 'user', n: { x: [1, { y: null }] } } } },
  { name: 'an empty map', value: {}, says: { json: {} } },
  { name: 'bytes, as base64', value: new Uint8Array([1, 2, 255]), says: { text: 'AQL/', list: ['AQL/'] } },
  { name: 'an empty value', value: null, says: {}, has: false },
]
const keyOf = (name: string): string => `gen_ai.case.${name}`
const VALUES = Object.fromEntries(CASES.map((c) => [keyOf(c.name), c.value]))
const REQUEST = otlp({ spans: [{ attributes: VALUES, events: [{ name: 'e', attributes: VALUES }] }], resource: VALUES })

/** A decoder whose key table holds every key, and one that knows none of them: declared or not, an attribute reads the same. */
const declared = createDecoder({ keys: Object.keys(VALUES), prefixes: [], scopes: [] })

function within(
  body: Uint8Array,
  encoding: 'protobuf' | 'json',
  look: (a: Attributes, resource: Attributes, event: Attributes) => void,
  by = declared,
): void {
  let seen = 0
  by.traces(body, encoding, {
    span: (s) => {
      seen++
      look(s.attributes, s.resource, s.events()[0]!.attributes)
    },
    link: () => expect.unreachable(),
  })
  expect(seen).toBe(1)
}

function expectAll(a: Attributes): void {
  for (const c of CASES) {
    const nothing = { text: undefined, number: undefined, count: undefined, flag: undefined, list: undefined, json: undefined }
    expect(answers(a, keyOf(c.name)), c.name).toEqual({ has: c.has ?? true, ...nothing, ...c.says })
  }
  expect(answers(a, 'gen_ai.absent')).toEqual({ has: false })
  expect(a.keys('gen_ai.case.', 1000)).toEqual(Object.keys(VALUES))
  expect(a.keys('gen_ai.case.', 3)).toEqual(Object.keys(VALUES).slice(0, 3))
  expect(a.keys('gen_ai.case.', 0)).toEqual([])
  expect(a.keys('gen_ai.nothing', 10)).toEqual([])
}

describe('the same values read the same', () => {
  for (const [encoding, body] of [
    ['protobuf', toProtobuf(REQUEST)],
    ['json', toJson(REQUEST)],
  ] as const) {
    test(`${encoding}: on span, resource and event`, () => {
      within(body, encoding, (attributes, resource, event) => [attributes, resource, event].forEach(expectAll))
    })
    test(`${encoding}: keys nobody declared`, () =>
      within(body, encoding, expectAll, createDecoder({ keys: [], prefixes: [], scopes: [] })))
  }
  test('plain: an SDK span in process', () => expectAll(viewOfPlain(VALUES)))
  test('a map in a log body', () => {
    const request = otlpLogs({ records: [{ body: VALUES }] })
    let seen = 0
    const log = (l: { readonly body: Attributes }): void => {
      seen++
      expectAll(l.body)
    }
    decoder.logs(toJson(request), 'json', { log })
    decoder.logs(logsToProtobuf(request), 'protobuf', { log })
    expect(seen).toBe(2)
  })
  test('what an application may pass an SDK although its types say no', () => {
    const odd = viewOfPlain({ big: 12n, fn: () => 1, missing: undefined })
    expect(odd.count('big')).toBe(12)
    expect(odd.has('fn')).toBe(false)
    expect(odd.has('missing')).toBe(false)
    expect(odd.has('toString')).toBe(false)
    expect(odd.text('__proto__')).toBeUndefined()
  })
})

test('of two equal keys the last counts, in the key table and outside, also when it is empty', () => {
  const twice = (key: string, ...values: readonly unknown[]): readonly Otlp[] => values.map((v) => ({ key, value: anyValue(v) }))
  const attributes = [...twice('gen_ai.case.a word', 'old', 'new'), ...twice('gen_ai.other', 1, 2), ...twice('gen_ai.gone', 1, null)]
  const span = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: '00000000000000aa', attributes, events: [{ name: 'e' }] }
  const request = { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }
  const look = (a: Attributes): void => {
    expect(a.text('gen_ai.case.a word')).toBe('new')
    expect(a.count('gen_ai.other')).toBe(2)
    expect(a.has('gen_ai.gone')).toBe(false)
    expect(a.keys('', 10)).toEqual(['gen_ai.case.a word', 'gen_ai.other', 'gen_ai.gone'])
  }
  within(toProtobuf(request), 'protobuf', look)
  within(toJson(request), 'json', look)
})

test('the order of attributes does not matter', () => {
  for (const { requests } of captures('traces')) {
    const reversed = JSON.parse(JSON.stringify(requests[0]), (key, v: unknown) =>
      key === 'attributes' && Array.isArray(v) ? v.toReversed() : v,
    ) as Otlp
    const read = (request: Otlp): unknown[] => {
      const out: unknown[] = []
      const keys = (a: Attributes): unknown =>
        a
          .keys('', 1000)
          .toSorted()
          .map((key) => answers(a, key))
      decoder.traces(toProtobuf(request), 'protobuf', {
        span: (s) => out.push([s.spanId, keys(s.attributes), keys(s.resource)]),
        link: (place) => out.push(placeData(place)),
      })
      return out
    }
    expect(read(reversed)).toEqual(read(requests[0]!))
  }
})

test('the view is reused: nothing of the span before shines through', () => {
  const request = otlp({ spans: [{ attributes: { 'gen_ai.case.a word': 'x', 'gen_ai.other': 1 } }, { attributes: { 'gen_ai.new': 1 } }] })
  const seen: unknown[] = []
  declared.traces(toProtobuf(request), 'protobuf', {
    span: (s) => seen.push([s.attributes.text('gen_ai.case.a word'), s.attributes.count('gen_ai.other'), s.attributes.count('gen_ai.new')]),
    link: () => expect.unreachable(),
  })
  expect(seen).toEqual([
    ['x', 1, undefined],
    [undefined, undefined, 1],
  ])
})
