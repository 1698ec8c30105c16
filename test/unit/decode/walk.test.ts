/**
 * The walk that checks and locates spans against the exact check and the slow way to locate: on damaged bodies both refuse alike, on good
 * ones of any form both note the same places.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bodiesOf } from '../../../bench/wire/bodies.ts'
import { GEN_AI_PREFIXES } from '../../../model/semconv.ts'
import { DEFAULT_DECODE_LIMITS } from '../../../processor/decode/index.ts'
import { KeyTable } from '../../../processor/decode/key-table.ts'
import { TRACES_REQUEST } from '../../../processor/decode/schema.ts'
import { AT, SpanPlaces } from '../../../processor/decode/span-places.ts'
import { Strings } from '../../../processor/decode/strings.ts'
import { WireBody } from '../../../processor/decode/wire-body.ts'
import { checkBody, checkSpans } from '../../../processor/decode/wire-check.ts'
import { INTEREST } from '../../../processor/dialects/index.ts'
import { toProtobuf } from '../../support/otlp.ts'
import { tracesRequest } from './arbitrary.ts'

const LIMITS = { maxNesting: DEFAULT_DECODE_LIMITS.maxNesting.protobuf, maxItems: 1000 }
const table = new KeyTable(INTEREST.keys, GEN_AI_PREFIXES)

function outcome(check: () => number): string {
  try {
    return `${check()} items`
  } catch (error) {
    return (error as Error).message
  }
}

function walked(bytes: Uint8Array): SpanPlaces {
  const body = new WireBody(bytes, new Strings())
  const places = new SpanPlaces(table)
  checkSpans(TRACES_REQUEST, LIMITS, { body, places })
  return places
}

/** What was noted of a span; of attributes with equal keys the last counts. */
function placesOf(places: SpanPlaces, span: number): object {
  const fields = Object.fromEntries(
    Object.entries(AT)
      .filter(([name]) => !name.startsWith('attributes'))
      .map(([name, at]) => [name, places.of(span, at)]),
  )
  // An empty range says the same wherever it stands.
  for (const name of ['state', 'name', 'status']) {
    if (fields[`${name}Start`] === fields[`${name}End`]) fields[`${name}Start`] = fields[`${name}End`] = 0
  }
  const attributes = new Map<number, string>()
  for (let i = places.of(span, AT.attributesFrom); i < places.of(span, AT.attributesTo); i++) {
    const [slot = -1, start, end] = places.attributes.subarray(i * 3, i * 3 + 3)
    attributes.set(slot, `${start}–${end}`)
  }
  return { ...fields, attributes: Object.fromEntries(attributes) }
}

describe('the walk', { timeout: 60_000 }, () => {
  const bodies = (['genai', 'mixed'] as const).map((mix) => bodiesOf(mix, 8, 1)[0]!.protobuf)

  test('refuses a damaged body for the reason and at the byte that the exact check names', () => {
    const damage = fc.tuple(fc.nat({ max: 1 }), fc.nat(), fc.constantFrom('flip', 'set', 'cut', 'insert', 'ones'), fc.nat({ max: 255 }))
    let refused = 0
    fc.assert(
      fc.property(damage, ([which, place, how, by]) => {
        const body = Buffer.from(bodies[which]!)
        const at = place % body.length
        let bytes: Buffer = body
        if (how === 'flip') body[at] = body[at]! ^ (1 << (by & 7))
        else if (how === 'set') body[at] = by
        else if (how === 'cut') bytes = body.subarray(0, at)
        else if (how === 'insert') bytes = Buffer.concat([body.subarray(0, at), Buffer.from([by]), body.subarray(at)])
        else body.fill(0xff, at, Math.min(body.length, at + 1 + (by & 15)))
        const exact = outcome(() => checkBody(bytes, TRACES_REQUEST, LIMITS))
        expect(outcome(() => walked(bytes).count)).toBe(exact)
        if (!exact.endsWith('items')) refused++
      }),
      { numRuns: 4000 },
    )
    expect(refused).toBeGreaterThan(1000)
  })

  test('notes what the slow way notes, for spans of any form', () => {
    fc.assert(
      fc.property(tracesRequest, (request) => {
        const bytes = toProtobuf(request)
        const body = new WireBody(bytes, new Strings())
        const fast = walked(bytes)
        for (let span = 0; span < fast.count; span++) {
          const slow = new SpanPlaces(table)
          slow.locate(body, fast.of(span, AT.start), fast.of(span, AT.end))
          expect(placesOf(fast, span)).toEqual(placesOf(slow, 0))
        }
      }),
      { numRuns: 500 },
    )
  })

  test('takes the common form itself: all spans of the bench', () => {
    const [body] = bodies
    const places = new SpanPlaces(table)
    let located = 0
    places.locate = () => void located++
    checkSpans(TRACES_REQUEST, LIMITS, { body: new WireBody(body!, new Strings()), places })
    expect({ located, taken: places.count }).toEqual({ located: 0, taken: 8 })
  })
})
