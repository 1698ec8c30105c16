/**
 * The walk in WebAssembly by itself: what it takes it takes as the exact check alone does, which is what runs where there is no WebAssembly;
 * of the common form it takes all, so that no form of span becomes slow unnoticed.
 */
import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { GEN_AI_PREFIXES } from '../../../model/semconv.ts'
import { createDecoder } from '../../../processor/decode/index.ts'
import { KeyTable } from '../../../processor/decode/key-table.ts'
import { TRACES_REQUEST } from '../../../processor/decode/schema.ts'
import { AT, SpanPlaces } from '../../../processor/decode/span-places.ts'
import { Strings } from '../../../processor/decode/strings.ts'
import { WireBody } from '../../../processor/decode/wire-body.ts'
import { checkSpans } from '../../../processor/decode/wire-check.ts'
import { INTEREST } from '../../../processor/dialects/index.ts'
import { assemble, TARGET } from '../../../scripts/assemble.ts'

const LIMITS = { maxNesting: 8, maxItems: 10_000 }
const table = new KeyTable(INTEREST.keys, GEN_AI_PREFIXES, INTEREST.marks)

function varint(n: number): Buffer {
  const bytes: number[] = []
  for (let rest = n; ; rest = Math.floor(rest / 128)) {
    bytes.push(rest < 128 ? rest : (rest % 128) + 128)
    if (rest < 128) return Buffer.from(bytes)
  }
}
/** A length-delimited field. */
function field(number: number, ...parts: readonly (Buffer | string)[]): Buffer {
  const content = Buffer.concat(parts.map((p) => Buffer.from(p as string)))
  return Buffer.concat([varint(number * 8 + 2), varint(content.length), content])
}
const attribute = (key: Buffer | string, value: Buffer, number = 9): Buffer => field(number, field(1, key), field(2, value))
const IDS = Buffer.concat([field(1, Buffer.alloc(16, 7)), field(2, Buffer.alloc(8, 9))])
const spanOf = (...parts: readonly Buffer[]): Buffer => field(2, IDS, ...parts)
const bodyOf = (...spans: readonly Buffer[]): Buffer => field(1, field(2, field(1, field(1, 'scope')), ...spans))

const strings = new Strings()
type Check = (bytes: Buffer, limits: typeof LIMITS, places: SpanPlaces) => number
const walking: Check = (bytes, limits, places) => checkSpans(TRACES_REQUEST, limits, { body: new WireBody(bytes, strings), places })
const exact = await withoutWebAssembly()

/** The same modules once more, in a process that has none. */
async function withoutWebAssembly(): Promise<Check> {
  vi.stubGlobal('WebAssembly', undefined)
  vi.resetModules()
  const check = await import('../../../processor/decode/wire-check.ts')
  const schema = await import('../../../processor/decode/schema.ts')
  const alone: Check = (bytes, limits, places) =>
    check.checkSpans(schema.TRACES_REQUEST, limits, { body: new WireBody(bytes, strings), places })
  alone(bodyOf(spanOf()), LIMITS, new SpanPlaces(table))
  vi.unstubAllGlobals()
  return alone
}

/** Used again and again, as decoders do. */
const places = new SpanPlaces(table)
const locate = places.locate.bind(places)
let located = 0
places.locate = (...range) => {
  located++
  locate(...range)
}

/** What came of a body: the error, or everything that was noted; and how many spans the walk left to the exact check. */
function outcomeOf(check: Check, bytes: Buffer, limits = LIMITS): { readonly noted: unknown; readonly located: number } {
  places.clear()
  located = 0
  try {
    const total = check(bytes, limits, places)
    const perSpan = Object.keys(AT).length
    const spans = Array.from({ length: places.count }, (_, i) => plain(places.places.subarray(i * perSpan, (i + 1) * perSpan)))
    return { noted: { total, spans, attributes: [...places.attributes.subarray(0, places.attributeCount * 3)] }, located }
  } catch (error) {
    return { noted: (error as Error).message, located }
  }
}

/** An empty range says the same wherever it stands. */
function plain(numbers: Int32Array): readonly number[] {
  const all = [...numbers]
  for (const start of [AT.stateStart, AT.nameStart, AT.statusStart]) if (all[start] === all[start + 1]) all[start] = all[start + 1] = 0
  return all
}

/** Checks a body both ways and returns how many spans the walk did not take. */
function leftOver(bytes: Buffer, limits = LIMITS): number {
  const walked = outcomeOf(walking, bytes, limits)
  expect(walked.noted).toEqual(outcomeOf(exact, bytes, limits).noted)
  return walked.located
}

test('the module is what the compiler makes of its source', { timeout: 60_000 }, async () => {
  expect(readFileSync(join(import.meta.dirname, '../../..', TARGET), 'utf8')).toBe(await assemble())
})

test('without WebAssembly all is left to the exact check', () => {
  expect(outcomeOf(exact, bodyOf(spanOf(), spanOf())).located).toBe(2)
})

describe('texts', { timeout: 60_000 }, () => {
  const spots: readonly ((text: Buffer) => Buffer)[] = [
    (text) => spanOf(attribute('gen_ai.agent.name', field(1, text))),
    (text) => spanOf(attribute('an.unknown.key', field(1, text))),
    (text) => spanOf(attribute(Buffer.concat([Buffer.from('key.'), text.subarray(0, 90)]), field(1, 'x'))),
    (text) => spanOf(field(5, text.subarray(0, 127))),
    (text) => spanOf(field(3, text.subarray(0, 127))),
    (text) => spanOf(field(15, field(2, text.subarray(0, 100)), Buffer.from([0x18, 2]))),
    (text) => spanOf(field(11, field(2, text.subarray(0, 120)), attribute('key', field(1, text), 3))),
    (text) => spanOf(field(13, field(1, Buffer.alloc(16, 1)), field(3, text.subarray(0, 120)), attribute('key', field(1, text), 4))),
    (text) => spanOf(attribute('gen_ai.list', field(5, field(1, field(1, text)), field(1, field(1, 'stop'))))),
    (text) => spanOf(attribute('gen_ai.map', field(6, attribute('key', field(1, text), 1)))),
  ]
  const char = fc.oneof(
    fc.constantFrom('a', 'é', '語', '🦊', '߿', 'ࠀ', '퟿', '', '￿', '𐀀', '􏿿'),
    fc.string({ unit: 'binary', maxLength: 1 }),
  )
  const good = fc.array(char, { maxLength: 90 }).map((chars) => Buffer.from(chars.join('')))
  const bad = fc.tuple(good, fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 5 })).map(([text, at, bytes]) => {
    const cut = at % (text.length + 1)
    return Buffer.concat([text.subarray(0, cut), Buffer.from(bytes), text.subarray(cut)])
  })

  test.each(spots.map((spot, i) => ({ spot, i })))('that are UTF-8 are taken, others refused by the exact check: $i', ({ spot }) => {
    let [taken, refused] = [0, 0]
    fc.assert(
      fc.property(fc.oneof(good, bad), (text) => {
        const body = bodyOf(spot(text))
        const left = leftOver(body)
        if (typeof outcomeOf(walking, body).noted === 'string') refused++
        else {
          // Cut within a character the good one may be none: then it is refused and not counted here.
          expect(left).toBe(0)
          taken++
        }
      }),
      { numRuns: 400 },
    )
    expect(Math.min(taken, refused)).toBeGreaterThan(20)
  })

  test('all code points, and every pair and triple of bytes at the edges', () => {
    for (let from = 0; from < 0x110000; from += 0x400) {
      const text = Buffer.from(String.fromCodePoint(...Array.from({ length: 0x400 }, (_, i) => from + i)).toWellFormed())
      expect(leftOver(bodyOf(spanOf(attribute('key', field(1, text)))))).toBe(0)
    }
    const edges = [
      0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4,
      0xf5, 0xff,
    ]
    const ends = edges.flatMap((a) => edges.flatMap((b) => edges.flatMap((c) => [0x61, 0xbf].map((d) => [a, b, c, d]))))
    for (const end of ends) {
      const text = Buffer.concat([Buffer.alloc(14, 0x61), Buffer.from(end)])
      const { noted, located: left } = outcomeOf(walking, bodyOf(spanOf(attribute('key', field(1, text)))))
      const isGood = isUtf8(text)
      if (isGood !== (typeof noted !== 'string') || (isGood && left > 0)) expect.fail(`${text.toString('hex')}: ${String(noted)}`)
    }
  })
})

describe('bodies', { timeout: 60_000 }, () => {
  const known = (size: number): Buffer => spanOf(attribute('gen_ai.input.messages', field(1, 'x'.repeat(size))), field(5, 'chat'))

  test('are walked through the window, whatever lies across its edges', () => {
    const sizes = [100, 70_000, 131_000, 60, 131_072, 131_073, 400_000, 10, 1_048_000, 300, 131_072, 5]
    expect(leftOver(bodyOf(...sizes.map(known)))).toBe(0)
    expect(leftOver(Buffer.concat([bodyOf(...sizes.map(known)), bodyOf(...sizes.map(known))]))).toBe(0)
  })

  test('with a span larger than the window leave that one to the exact check', () => {
    expect(leftOver(bodyOf(known(50), known(1_100_000), known(50)))).toBe(1)
  })

  test('of many spans and attributes', () => {
    const few = Array.from({ length: 3000 }, (_, i) => spanOf(field(5, `span ${i}`)))
    expect(leftOver(bodyOf(...few))).toBe(0)
    const attributes = Array.from({ length: 600 }, (_, i) => attribute(i % 2 === 0 ? 'gen_ai.agent.name' : 'other', field(1, String(i))))
    expect(leftOver(bodyOf(...Array.from({ length: 40 }, () => spanOf(...attributes))))).toBe(0)
    // More known attributes than a call notes.
    const names = Array.from({ length: 17_000 }, () => attribute('gen_ai.agent.name', field(1, 'a')))
    expect(leftOver(bodyOf(spanOf(), spanOf(...names), spanOf()))).toBe(1)
  })

  test('hold no more items than is allowed', () => {
    const spans = Array.from({ length: 700 }, () => spanOf())
    expect(outcomeOf(walking, bodyOf(...spans), { ...LIMITS, maxItems: 699 }).noted).toContain('more than 699 items')
    for (const maxItems of [1, 511, 512, 513, 699, 700]) leftOver(bodyOf(...spans), { ...LIMITS, maxItems })
  })

  test('nest values as deep as is allowed and no deeper', () => {
    const nested = (depth: number, number: number): Buffer =>
      depth === 1
        ? field(1, 'x')
        : number === 5
          ? field(5, field(1, nested(depth - 1, 5)))
          : field(6, attribute('key', nested(depth - 1, 6), 1))
    for (const number of [5, 6])
      for (const place of [9, 11, 13]) {
        const at = (depth: number): Buffer => {
          const value = nested(depth, number)
          return bodyOf(spanOf(place === 9 ? attribute('key', value) : field(place, attribute('key', value, place === 11 ? 3 : 4))))
        }
        expect(leftOver(at(8))).toBe(0)
        expect(leftOver(at(9))).toBe(0)
        expect(outcomeOf(walking, at(9)).noted).toContain('nested deeper than 8')
      }
  })

  test('of every scalar, empty values, ids of zeros and of wrong length', () => {
    const values = [
      '1001',
      '1000',
      '18ffffffff0f',
      '2100000000000000f03f',
      '3a03ffff00',
      '0a00',
      '2a00',
      '3200',
      '3a00',
      '',
      '2a020a00',
      '2a0612040a0180',
    ]
    for (const hex of values) {
      const value = Buffer.from(hex, 'hex')
      const left = leftOver(bodyOf(spanOf(attribute('gen_ai.agent.name', value), attribute('key', value))))
      expect({ hex, left }).toEqual({ hex, left: 0 })
    }
    for (const size of [0, 7, 8, 15, 16, 17])
      for (const number of [1, 2, 4])
        for (const byte of [0, 3])
          leftOver(bodyOf(field(2, field(1, Buffer.alloc(16, 7)), field(2, Buffer.alloc(8, 9)), field(number, Buffer.alloc(size, byte)))))
  })

  test('of decoders that look for different keys, in turns', () => {
    const body = bodyOf(spanOf(attribute('mine.a', field(1, 'one')), attribute('gen_ai.agent.name', field(1, 'agent'))))
    const [one, other] = [['mine.a'], ['gen_ai.agent.name']].map((keys) => createDecoder({ keys, prefixes: [], scopes: [] }))
    for (const decoder of [one!, other!, one!, other!]) {
      const seen: unknown[] = []
      decoder.traces(body, 'protobuf', {
        span: ({ attributes }) => seen.push(attributes.text('mine.a'), attributes.text('gen_ai.agent.name')),
      })
      expect(seen).toEqual(['one', 'agent'])
    }
  })
})
