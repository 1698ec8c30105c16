/** Large JSON bodies in slices: what is outlined is never what the exact way refuses, and its slices are read as the whole is. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bodiesOf } from '../../../bench/wire/bodies.ts'
import { DecodeError } from '../../../processor/decode/decode.ts'
import { createDecoder } from '../../../processor/decode/index.ts'
import { createOutline } from '../../../processor/decode/json-check.ts'
import type { OutlinedResource } from '../../../processor/decode/json-outline.ts'
import { decodeParsedTraces } from '../../../processor/decode/json.ts'
import { createInterestTest } from '../../../processor/decode/interest.ts'
import { INTEREST } from '../../../processor/dialects/index.ts'
import { jsonSlicesOf } from '../../../processor/slices.ts'
import { type Otlp, otlpLogs, toJson } from '../../support/otlp.ts'
import { logsRequest, tracesRequest } from './arbitrary.ts'
import { altered, damaged } from './mutants.ts'
import { captures, logData, placeData, spanData } from './reading.ts'

type Signal = 'traces' | 'logs'
const LIMITS = { maxNesting: 100, maxItems: 1000 }
const outline = createOutline(LIMITS)
const interest = createInterestTest(INTEREST)
const decoder = createDecoder(INTEREST, LIMITS)
/** Mutants of each kind; `RUNS=25000` for a long look. */
const RUNS = Number(process.env['RUNS'] ?? 1000)

function outlined(
  signal: Signal,
  body: Uint8Array,
): { readonly resources: readonly OutlinedResource[] | undefined; readonly turns: number } {
  const checking = outline(signal, body)
  for (let turns = 0; ; turns++) {
    const { done, value } = checking.next()
    if (done === true) return { resources: value, turns }
  }
}

/** All that is read of a body, spans and places in their order, by the way that parses it. @throws DecodeError */
function read(signal: Signal, body: Uint8Array): readonly unknown[] {
  const seen: unknown[] = []
  const { rejected } =
    signal === 'logs'
      ? decoder.logs(body, 'json', { log: (l) => seen.push(logData(l)) })
      : decodeParsedTraces(body, interest, LIMITS, { span: (s) => seen.push(spanData(s)), link: (place) => seen.push(placeData(place)) })
  return [...seen, ...Object.entries(rejected).flatMap(([reason, n]) => Array<string>(n).fill(reason))]
}

/** Rejections come after what was read. */
const sorted = (all: readonly unknown[]): readonly unknown[] => [
  ...all.filter((a) => typeof a !== 'string'),
  ...all.filter((a) => typeof a === 'string').sort(),
]

/** Whether it was outlined; then its slices are what the exact way reads of the whole. */
function compare(signal: Signal, body: Uint8Array, bytes = 1): boolean {
  const { resources } = outlined(signal, body)
  if (resources === undefined) return false
  const slices = [...jsonSlicesOf({ signal, bytes: body, resources }, bytes)]
  expect(sorted(slices.flatMap((slice) => read(signal, slice)))).toEqual(sorted(read(signal, body)))
  return true
}

const requests: Readonly<Record<Signal, readonly Otlp[]>> = {
  traces: [
    ...(['genai', 'content', 'mixed'] as const).map((mix) => JSON.parse(bodiesOf(mix, 3, 1)[0]!.json.toString()) as Otlp),
    ...captures('traces').flatMap((c) => c.requests.filter((r) => JSON.stringify(r).length < 6000).slice(0, 1)),
  ],
  logs: [
    ...captures('logs').flatMap((c) => c.requests.filter((r) => JSON.stringify(r).length < 6000).slice(0, 2)),
    otlpLogs({ resource: { 'service.name': 'shop' }, records: [{ body: { a: [1, 'x', { b: true }] } }, { eventName: 'gen_ai.choice' }] }),
  ],
}

describe.each(['traces', 'logs'] as const)('%s', { timeout: 120_000 }, (signal) => {
  test('what emitters write is outlined: every capture', () => {
    for (const { requests: all, file } of captures(signal))
      for (const r of all) expect([file, compare(signal, toJson(r))]).toEqual([file, true])
  })
  test('of any form, written in any way, in slices of any size', () => {
    let taken = 0
    const how = fc.tuple(fc.constantFrom(0, 1, '\t', '\r\n '), fc.integer({ min: 1, max: 5000 }))
    fc.assert(
      fc.property(signal === 'logs' ? logsRequest : tracesRequest, how, (request, [indent, bytes]) => {
        taken += Number(compare(signal, Buffer.from(JSON.stringify(request, null, indent)), bytes))
      }),
      { numRuns: 300 },
    )
    expect(taken).toBeGreaterThan(50)
  })
  test('is never outlined where a byte is damaged and the exact way refuses it', () => {
    fc.assert(
      fc.property(damaged(requests[signal]), (body) => void compare(signal, body)),
      { numRuns: RUNS },
    )
  })
  test('nor where anything stands in the place of anything', () => {
    let taken = 0
    let refused = 0
    fc.assert(
      fc.property(altered(requests[signal]), (body) => {
        if (compare(signal, body)) taken++
        else refused++
      }),
      { numRuns: RUNS },
    )
    expect(Math.min(taken, refused)).toBeGreaterThan(RUNS / 20)
  })
})

describe('what is odd', () => {
  const cases: readonly (readonly [name: string, text: string, isOutlined: boolean])[] = [
    ['nothing', '', false],
    ['an empty request with white space around', ' \t\r\n{ } \n', true],
    ['something behind the end', '{}{}', false],
    ['no object', '[]', false],
    [
      'null for lists and objects',
      '{"resourceSpans":[{"resource":null,"scopeSpans":[{"scope":null,"spans":null}]},{"scopeSpans":null}]}',
      true,
    ],
    ['no list', '{"resourceSpans":{}}', false],
    ['null for a resource', '{"resourceSpans":[null]}', false],
    ['null for a span', '{"resourceSpans":[{"scopeSpans":[{"spans":[null]}]}]}', false],
    ['a resource that is a text', '{"resourceSpans":[{"resource":"x","scopeSpans":[{"spans":[{}]}]}]}', false],
    [
      'lists that come twice: the last counts',
      '{"resourceSpans":[{}],"resourceSpans":[{"scopeSpans":[{"spans":[{}],"spans":[{},{}]}]}]}',
      true,
    ],
    ['and null is none', '{"resourceSpans":[{"scopeSpans":[{"spans":[{}],"spans":null}]}]}', true],
    ['a wrong list that does not count', '{"resourceSpans":[{"scopeSpans":[{"spans":7,"spans":[{}]}]}]}', false],
    ['keys of lists with escapes', '{"resource\\u0053pans":[{"scop\\u0065Spans":[{"sp\\u0061ns":[{}]}],"schemaUrl":"x"}]}', true],
    [
      'members behind the spans',
      '{"resourceSpans":[{"scopeSpans":[{"spans":[{},{}],"scope":{"name":"ai"}}],"resource":{},"new":[1,{}]}]}',
      true,
    ],
    ['a comma too many', '{"resourceSpans":[{"scopeSpans":[{"spans":[{},]}]}]}', false],
    ['an unknown member that is cut off', '{"resourceSpans":[{"new":[1', false],
  ]
  for (const [name, text, isOutlined] of cases) test(name, () => expect(compare('traces', Buffer.from(text))).toBe(isOutlined))

  test('more spans than are allowed, or nested deeper, are left to the exact way', () => {
    const few = createOutline({ maxItems: 2, maxNesting: 8 })
    const body = (n: number, more = ''): Uint8Array =>
      Buffer.from(`{"resourceSpans":[{"scopeSpans":[{"spans":[${Array<string>(n).fill(`{${more}}`).join(',')}]}]}]}`)
    const isTaken = (of: Uint8Array): boolean => few('traces', of).next().value !== undefined
    expect([isTaken(body(2)), isTaken(body(3)), isTaken(body(1, '"new":[]')), isTaken(body(1, '"new":[[]]'))]).toEqual([
      true,
      false,
      true,
      false,
    ])
  })
  test('bytes that are no UTF-8', () => expect(outlined('traces', Buffer.from([0x7b, 0xff, 0x7d])).resources).toBeUndefined())
  test('others get a turn every 64 KiB', () => {
    const { json } = bodiesOf('genai', 512, 1)[0]!
    const { turns } = outlined('traces', json)
    expect(turns).toBeGreaterThan(json.length / 2 ** 17)
    expect(turns).toBeLessThanOrEqual(json.length / 2 ** 16)
  })
  test('what is wrong is told by the exact way', () => {
    const bad = Buffer.from('{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":7}]}]}]}')
    expect(outlined('traces', bad).resources).toBeUndefined()
    expect(() => decoder.traces(bad, 'json', { span: () => undefined })).toThrow(DecodeError)
  })
})
