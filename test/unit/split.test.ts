/** Splitting a request by owner: the parts together are the request, each trace is whole and in order, and nothing is written anew. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bodiesOf } from '../../bench/wire/bodies.ts'
import { createDecoder } from '../../processor/decode/index.ts'
import { INTEREST } from '../../processor/dialects/index.ts'
import { ownerOfId } from '../../processor/split-owner.ts'
import { splitBody } from '../../processor/split.ts'
import { fromProtobuf, logsToProtobuf, type Otlp, otlp, otlpLogs, toJson, toProtobuf } from '../support/otlp.ts'
import { logsRequest, tracesRequest } from './decode/arbitrary.ts'

type Signal = 'traces' | 'logs'
type Encoding = 'protobuf' | 'json'
const PATH = { traces: ['resourceSpans', 'scopeSpans', 'spans'], logs: ['resourceLogs', 'scopeLogs', 'logRecords'] } as const

const read = (signal: Signal, encoding: Encoding, bytes: Uint8Array): Otlp =>
  encoding === 'json' ? (JSON.parse(Buffer.from(bytes).toString('utf8')) as Otlp) : fromProtobuf(bytes, signal)
const list = (of: Otlp, key: string): readonly Otlp[] => (of[key] ?? []) as readonly Otlp[]

interface Item {
  readonly traceId: string
  /** The item with all that is around it. */
  readonly text: string
}

const without = (of: Otlp, key: string): Otlp => Object.fromEntries(Object.entries(of).filter(([k]) => k !== key))

function itemsOf(signal: Signal, request: Otlp): readonly Item[] {
  const [perResource, perScope, perItem] = PATH[signal]
  return list(request, perResource).flatMap((r) =>
    list(r, perScope).flatMap((s) =>
      list(s, perItem).map((i) => ({
        traceId: (i['traceId'] ?? '') as string,
        text: JSON.stringify([without(r, perScope), without(s, perItem), i]),
      })),
    ),
  )
}

function checkParts(signal: Signal, encoding: Encoding, bytes: Uint8Array, count: number): void {
  const self = count - 1
  const all = itemsOf(signal, read(signal, encoding, bytes))
  const parts = splitBody(signal, bytes, encoding, { count, self }).map((p) =>
    p === undefined ? [] : itemsOf(signal, read(signal, encoding, p)),
  )
  const ownerOf = (i: Item): number => ownerOfId(i.traceId, count) ?? (signal === 'logs' ? 0 : self)
  // In this order, so each trace is whole, and its spans come as they came.
  expect(parts).toEqual(Array.from({ length: count }, (_, owner) => all.filter((i) => ownerOf(i) === owner)))
}

describe('the parts are the request', () => {
  const processes = fc.integer({ min: 2, max: 5 })
  test('of any spans, in protobuf and JSON', () =>
    fc.assert(
      fc.property(tracesRequest, processes, (request, count) => {
        checkParts('traces', 'protobuf', toProtobuf(request), count)
        checkParts('traces', 'json', toJson(request), count)
      }),
    ))
  test('of any log records, in protobuf and JSON', () =>
    fc.assert(
      fc.property(logsRequest, processes, (request, count) => {
        checkParts('logs', 'protobuf', logsToProtobuf(request), count)
        checkParts('logs', 'json', toJson(request), count)
      }),
    ))
  test.each(['genai', 'content', 'mixed'] as const)('of %s traffic', (mix) => {
    for (const body of bodiesOf(mix, 128, 3)) {
      checkParts('traces', 'protobuf', body.protobuf, 3)
      checkParts('traces', 'json', body.json, 3)
    }
  })
})

const hex = (n: number): string => (Math.imul(n, 0x9e3779b1) >>> 0).toString(16).padStart(32, '0')
const request = otlp({ spans: Array.from({ length: 40 }, (_, i) => ({ traceId: hex(i + 1) })) })

describe('what stays as it is', () => {
  const one = otlp({ spans: [{}, {}, {}] })
  test.each([
    ['protobuf', toProtobuf(one)],
    ['json', toJson(one)],
  ] as const)('a %s body of one owner is handed on itself', (encoding, bytes) => {
    const parts = splitBody('traces', bytes, encoding, { count: 4, self: 0 })
    expect(parts.filter((p) => p !== undefined)).toEqual([bytes])
    expect(parts.find((p) => p !== undefined)).toBe(bytes)
  })
  test.each([
    ['protobuf', new Uint8Array()],
    ['json', Buffer.from('{}')],
    ['json', Buffer.from(' {"resourceSpans": null}')],
  ] as const)('an empty %s body stays with who received it', (encoding, bytes) =>
    expect(splitBody('traces', bytes, encoding, { count: 3, self: 1 })).toEqual([undefined, bytes, undefined]),
  )
  test('a part is not split again', () => {
    for (const encoding of ['protobuf', 'json'] as const) {
      const bytes = encoding === 'json' ? toJson(request) : toProtobuf(request)
      const parts = splitBody('traces', bytes, encoding, { count: 2, self: 0 })
      expect(parts.every((p) => p !== undefined)).toBe(true)
      for (const [owner, part] of parts.entries())
        expect(splitBody('traces', part ?? bytes, encoding, { count: 2, self: owner })[owner]).toBe(part)
    }
  })
})

describe('an id that comes twice in protobuf', () => {
  const field = (number: number, value: Uint8Array): Uint8Array => Buffer.concat([Uint8Array.of((number << 3) | 2, value.length), value])
  const ids = [1, 2].map((owner) =>
    Buffer.alloc(
      16,
      [7, 8, 9, 10, 11, 12].find((n) => ownerOfId(Buffer.alloc(16, n).toString('hex'), 3) === owner),
    ),
  )
  const none = new Uint8Array()
  const decoder = createDecoder(INTEREST)
  const [first = none, second = none] = ids
  test.each([
    ['the last', [first, second], 2],
    ['the last', [second, first], 1],
    ['the last, which is none', [first, none], 0],
  ])('is %s in a log record, as the decoder reads it', (_, two, owner) => {
    const bytes = field(1, field(2, field(2, Buffer.concat(two.map((id) => field(9, id))))))
    const read: string[] = []
    decoder.logs(bytes, 'protobuf', { log: ({ traceId }) => read.push(traceId) })
    expect(read).toEqual([Buffer.from(two[1] ?? none).toString('hex')])
    const parts = splitBody('logs', bytes, 'protobuf', { count: 3, self: 1 })
    expect(parts.map((part) => part !== undefined)).toEqual([0, 1, 2].map((i) => i === owner))
  })
})

describe('JSON as others write it', () => {
  const [a, b] = ['0af7651916cd43dd8448eb211c80319c', hex(3)]
  const owners = [ownerOfId(a, 2), ownerOfId(b, 2)]
  const span = (id: string, more: string): string => `{ "traceId" : "${id}", "spanId":"00000000000000a1"${more} }`
  const both = (spans: string): string => `{"resourceSpans":[{"scopeSpans":[{"spans":[${spans}]}]}]}`
  const partOf = (text: string, owner: number | undefined): string =>
    Buffer.from(splitBody('traces', Buffer.from(text), 'json', { count: 2, self: 0 })[owner ?? -1] ?? []).toString('utf8')

  test('the two traces have two owners', () => expect(new Set(owners)).toEqual(new Set([0, 1])))
  test('digits beyond a double, brackets in strings and other alphabets are copied as they are', () => {
    const odd = span(a, ', "name":"a]}\\"[{é名\\\\", "kind":3 ,"attributes":[{"key":"n","value":{"intValue":9007199254740993}}]')
    expect(partOf(both(`\n${odd} ,\t${span(b, '')}`), owners[0])).toBe(both(odd))
  })
  test('a key written with escapes is the same key', () =>
    expect(partOf(both(`${span(a, '').replace('traceId', '\\u0074raceId')},${span(b, '')}`), owners[0])).toContain('\\u0074raceId'))
  test('of a key that comes twice the last one counts', () => {
    const text = `{"resourceSpans":[{"scopeSpans":[{"spans":[${span(a, '')}],"spans":[${span(a, ',"name":"x"')},${span(b, '')}]}]}]}`
    expect(partOf(text, owners[0])).toBe(both(span(a, ',"name":"x"')))
  })
  test('a text or a member of a value is no trace id, whatever it is called; of two the last one counts, and null is none', () => {
    const odd = [
      ',"name":"traceId","attributes":[{"key":"traceId","value":{"traceId":"' + b + '"}}]',
      `,"status":{"traceId":"${b}"},"\u0078":1`,
    ].map((more) => span(a, more))
    expect(partOf(both(`${odd.join(',')},${span(b, '')}`), owners[0])).toBe(both(odd.join(',')))
    expect(partOf(both(`${span(a, `,"traceId":"${b}","x":"traceId"`)},${span(a, '')}`), owners[1])).toContain(b)
    expect(partOf(both(`${span(b, ',"traceId":null')},${span(b, '')}`), 0)).toContain('null')
  })
  test('an id written with escapes is the same id', () =>
    expect(partOf(both(`${span(a.replace(/^0/, '\\u0030'), '')},${span(b, '')}`), owners[0])).toContain('\\u0030af'))
  test('members that follow the spans stay with them', () => {
    const text = `{"resourceSpans":[{"scopeSpans":[{"spans":[${span(a, '')},${span(b, '')}],"schemaUrl":"x"}],"resource":{}, "schemaUrl":"y"}]}`
    expect(partOf(text, owners[0])).toBe(
      `{"resourceSpans":[{"resource":{},"schemaUrl":"y","scopeSpans":[{"schemaUrl":"x","spans":[${span(a, '')}]}]}]}`,
    )
  })
  test('digits of an id may be large or small', () =>
    expect(partOf(both(`${span(a.toUpperCase(), '')},${span(b, '')}`), owners[0])).toContain(a.toUpperCase()))
})

describe('owners', () => {
  test('traces are spread evenly, ids that only count up too', () => {
    const of = [0, 0, 0, 0]
    for (let i = 1; i <= 4000; i++) of[ownerOfId(i.toString(16).padStart(32, '0'), 4) ?? -1]!++
    for (const n of of) expect(Math.abs(n - 1000)).toBeLessThan(120)
  })
  test('the owner of a trace never changes: journals are kept by it', () =>
    expect([2, 3, 4, 7].map((count) => ownerOfId('0af7651916cd43dd8448eb211c80319c', count))).toMatchInlineSnapshot(`
      [
        0,
        0,
        2,
        6,
      ]
    `))
  test('what is no trace id has no owner', () =>
    expect(['', 'ab', '0'.repeat(32), 'g'.repeat(32), '1'.repeat(33)].map((id) => ownerOfId(id, 2))).toEqual(Array(5).fill(undefined)))
  test('spans without a trace stay with who received them, log records go to the first', () => {
    const bad = otlp({ spans: [{ traceId: 'ab' }, ...[1, 2, 3, 4, 5].map((n) => ({ traceId: hex(n) }))] })
    for (const self of [0, 1])
      expect(
        itemsOf('traces', JSON.parse(String(splitBody('traces', toJson(bad), 'json', { count: 2, self })[self])) as Otlp),
      ).toContainEqual(expect.objectContaining({ traceId: 'ab' }))
    const logs = logsToProtobuf(otlpLogs({ records: [{}, { traceId: hex(1) }, { traceId: hex(2) }, { traceId: hex(3) }] }))
    const [first] = splitBody('logs', logs, 'protobuf', { count: 2, self: 1 })
    expect(itemsOf('logs', fromProtobuf(first ?? new Uint8Array(), 'logs'))[0]?.traceId).toBe('')
  })
})
