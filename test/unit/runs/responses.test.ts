import { describe, expect, test } from 'vitest'
import { Responses } from '../../../processor/runs/responses.ts'

const by = (traceId: string, hasCandidate = false): { traceId: string; hasCandidate: boolean } => ({ traceId, hasCandidate })

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
        const r = new Responses(10)
        for (const c of order) r.claim('shop', 'x', by(c.traceId, c.hasCandidate), c.nested)
        for (const c of order) expect(r.keep('shop', 'x', c.traceId)).toBe(c === winner)
      })
    }
  }
  test('a call once counted stays counted', () => {
    const r = new Responses(10)
    r.claim('shop', 'x', by('z'), false)
    expect(r.keep('shop', 'x', 'z')).toBe(true)
    r.claim('shop', 'x', by('a', true), true)
    expect([r.keep('shop', 'x', 'a'), r.keep('shop', 'x', 'z')]).toEqual([false, true])
  })
  test('another service with the same id is another call', () => {
    const r = new Responses(10)
    r.claim('shop', 'x', by('a'), false)
    r.claim('gateway', 'x', by('b'), false)
    expect([r.keep('shop', 'x', 'a'), r.keep('gateway', 'x', 'b')]).toEqual([true, true])
  })
  test('what was released or pushed out by the bound is forgotten', () => {
    const r = new Responses(2)
    for (const id of ['x', 'y', 'z']) r.claim('shop', id, by(`trace-${id}`), false)
    r.release('shop', 'y', 'trace-y')
    expect(['x', 'y', 'z'].map((id) => r.traceOf(id))).toEqual([undefined, undefined, 'trace-z'])
  })
})
