import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Responses } from '../../../processor/runs/responses.ts'

/** Responses of open traces, of which those named have an agent span. */
const responses = (max: number, ...agents: readonly string[]): Responses => new Responses(max, 7, (id) => agents.includes(id))

describe('who keeps a call that two traces report', () => {
  const cases: readonly (readonly [
    string,
    { traceId: string; hasCandidate: boolean; nested: boolean },
    { traceId: string; hasCandidate: boolean; nested: boolean },
  ])[] = [
    ['the trace with an agent', { traceId: 'b', hasCandidate: true, nested: true }, { traceId: 'a', hasCandidate: false, nested: false }],
    [
      'the nested call, its agent may still come',
      { traceId: 'b', hasCandidate: false, nested: true },
      { traceId: 'a', hasCandidate: false, nested: false },
    ],
    [
      'else the smaller trace id',
      { traceId: 'a', hasCandidate: false, nested: false },
      { traceId: 'b', hasCandidate: false, nested: false },
    ],
  ]
  for (const [name, winner, loser] of cases) {
    for (const order of [
      [winner, loser],
      [loser, winner],
    ]) {
      test(`${name}, asked ${order[0] === winner ? 'first' : 'last'}`, () => {
        const r = responses(10, ...order.filter((c) => c.hasCandidate).map((c) => c.traceId))
        for (const c of order) r.claim('shop', 'x', c.traceId, c.nested)
        for (const c of order) expect(r.keep('shop', 'x', c.traceId)).toBe(c === winner)
      })
    }
  }
  test('a call once counted stays counted', () => {
    const r = responses(10, 'a')
    r.claim('shop', 'x', 'z', false)
    expect(r.keep('shop', 'x', 'z')).toBe(true)
    r.claim('shop', 'x', 'a', true)
    expect([r.keep('shop', 'x', 'a'), r.keep('shop', 'x', 'z')]).toEqual([false, true])
  })
  test('another service with the same id is another call', () => {
    const r = responses(10)
    r.claim('shop', 'x', 'a', false)
    r.claim('gateway', 'x', 'b', false)
    expect([r.keep('shop', 'x', 'a'), r.keep('gateway', 'x', 'b')]).toEqual([true, true])
  })
  test('what was released or pushed out by the bound is forgotten', () => {
    const r = responses(2)
    for (const id of ['x', 'y', 'z']) r.claim('shop', id, `trace-${id}`, false)
    r.release('shop', 'y', 'trace-y')
    expect(['x', 'y', 'z'].map((id) => r.traceOf(id))).toEqual([undefined, undefined, 'trace-z'])
  })
  test('what a trace was when it closed is what counts from then on', () => {
    const agents = new Set(['z'])
    const r = new Responses(10, 7, (id) => agents.has(id))
    r.claim('shop', 'x', 'a', true)
    r.claim('shop', 'x', 'z', false)
    r.settle('shop', 'x', 'z', true)
    agents.clear()
    expect([r.keep('shop', 'x', 'a'), r.keep('shop', 'x', 'z')]).toEqual([false, true])
  })
  test('claims are found by what they are, however many there are and whatever was released between them', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(20), fc.nat(10), fc.boolean()), { maxLength: 100 }), (steps) => {
        const r = responses(100)
        const held: (readonly [response: string, trace: string])[] = []
        for (const [response, trace, isRelease] of steps) {
          const [id, traceId] = [`resp_${response}`, trace.toString(16).padStart(32, '0')]
          const at = held.findIndex(([i, t]) => i === id && t === traceId)
          if (isRelease) {
            r.release('shop', id, traceId)
            if (at >= 0) held.splice(at, 1)
          } else {
            r.claim('shop', id, traceId, false)
            if (at < 0 && held.filter(([i]) => i === id).length < 8) held.push([id, traceId])
          }
        }
        for (let n = 0; n <= 20; n++) expect(r.traceOf(`resp_${n}`)).toBe(held.find(([i]) => i === `resp_${n}`)?.[1])
      }),
    )
  })
})
