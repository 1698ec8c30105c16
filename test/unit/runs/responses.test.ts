import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Responses } from '../../../processor/runs/responses.ts'

/** Responses of open traces, of which those named have an agent span. */
const responses = (max: number, ...agents: readonly string[]): Responses =>
  new Responses(max, 7, { isCandidate: (id) => agents.includes(id), lifeOf: () => 0 })

/** Closed traces by their last digit, with the closing since which they have been remembered. */
const remembered = (lives: ReadonlyMap<number, number>): Responses =>
  new Responses(100, 7, { isCandidate: () => false, lifeOf: ({ d }) => lives.get(d) ?? 0 })
const traceId = (n: number): string => n.toString(16).padStart(32, '0')

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
        for (const c of order) expect(r.keep('shop', 'x', c.traceId, undefined)).toBe(c === winner)
      })
    }
  }
  test('a call once counted stays counted', () => {
    const r = responses(10, 'a')
    r.claim('shop', 'x', 'z', false)
    expect(r.keep('shop', 'x', 'z', undefined)).toBe(true)
    r.claim('shop', 'x', 'a', true)
    expect([r.keep('shop', 'x', 'a', undefined), r.keep('shop', 'x', 'z', undefined)]).toEqual([false, true])
  })
  test('another service with the same id is another call', () => {
    const r = responses(10)
    r.claim('shop', 'x', 'a', false)
    r.claim('gateway', 'x', 'b', false)
    expect([r.keep('shop', 'x', 'a', undefined), r.keep('gateway', 'x', 'b', undefined)]).toEqual([true, true])
  })
  test('what the bound pushes out is forgotten, and its number means nothing any more', () => {
    const r = responses(2)
    const [first] = ['x', 'y', 'z'].map((id) => r.claim('shop', id, `trace-${id}`, false))
    expect(['x', 'y', 'z'].map((id) => r.traceOf(id))).toEqual([undefined, 'trace-y', 'trace-z'])
    expect(r.settle('shop', 'x', 'trace-x', first, true)).toBe(undefined)
    expect([r.keep('shop', 'x', 'trace-x', first), r.traceOf('x')]).toEqual([true, undefined])
  })
  test('a claim holds for as long as its trace is remembered without a break', () => {
    const lives = new Map<number, number>()
    const r = remembered(lives)
    const claim = r.claim('shop', 'x', traceId(1), false) ?? 0
    expect(r.settle('shop', 'x', traceId(1), claim, false)).toBe(claim)
    lives.set(1, 5)
    r.remember(claim, 5)
    expect(r.traceOf('x')).toBe(traceId(1))
    lives.delete(1)
    expect(r.traceOf('x')).toBe(undefined)
    // The trace comes again: what it claimed in its former life is not its own.
    lives.set(1, 6)
    expect([r.traceOf('x'), r.keep('shop', 'x', traceId(1), claim)]).toEqual([undefined, true])
    expect(r.claim('shop', 'x', traceId(1), false)).not.toBe(claim)
  })
  for (const max of [65_536, 70_000, 100_000])
    test(`there is room for more as they come, up to ${max}, and none is lost or given another number`, () => {
      const lives = new Map<number, number>()
      const r = new Responses(max, 7, { isCandidate: () => false, lifeOf: ({ d }) => lives.get(d) ?? 0 })
      // Every third trace is named, for its id is none; of the first 40,000 all but one are forgotten, of the rest every fifth.
      const idOf = (n: number): string => (n % 3 === 0 ? `named-${n}` : traceId(n))
      const isForgotten = (n: number): boolean => (n < 40_000 ? n !== 20_000 : n % 5 === 0)
      const claims = Array.from({ length: 100_000 }, (_, n) => {
        const claim = r.claim('shop', `resp_${n}`, idOf(n), false)
        if (isForgotten(n)) r.remember(claim ?? 0, n + 1)
        return claim
      })
      const isHeld = (n: number): boolean => !isForgotten(n) && n >= 100_000 - max
      const wrong = claims.flatMap((claim, n) => {
        const isFound = r.traceOf(`resp_${n}`) === (isHeld(n) ? idOf(n) : undefined)
        return isFound && (!isHeld(n) || r.claim('shop', `resp_${n}`, idOf(n), false) === claim) ? [] : [n]
      })
      expect(wrong).toEqual([])
      const { count, part } = r.capture()
      expect(count).toBe(claims.filter((_, n) => isHeld(n)).length)
      expect(part(0, 1)[0]?.traceId).toBe(idOf(claims.findIndex((_, n) => isHeld(n))))
    })
  test('what a trace was when it closed is what counts from then on', () => {
    const agents = new Set(['z'])
    const r = new Responses(10, 7, { isCandidate: (id) => agents.has(id), lifeOf: () => 0 })
    r.claim('shop', 'x', 'a', true)
    r.claim('shop', 'x', 'z', false)
    r.settle('shop', 'x', 'z', undefined, true)
    agents.clear()
    expect([r.keep('shop', 'x', 'a', undefined), r.keep('shop', 'x', 'z', undefined)]).toEqual([false, true])
  })
  test('claims are found by what they are or by their number, however many there are and whatever was forgotten between them', () => {
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.array(fc.tuple(fc.nat(20), fc.nat(10), fc.constantFrom('claim', 'close', 'forget', 'restart')), { maxLength: 100 }),
        (isNumbered, steps) => {
          const lives = new Map<number, number>()
          let r = remembered(lives)
          let life = 0
          let held: { id: string; trace: number; claim: number | undefined; isClosed: boolean }[] = []
          for (const [response, trace, step] of steps) {
            const id = `resp_${response}`
            const mine = held.find((h) => h.id === id && h.trace === trace)
            if (step === 'claim') {
              const claim = r.claim('shop', id, traceId(trace), false)
              if (mine !== undefined) expect(claim).toBe(mine.claim)
              else if (held.filter((h) => h.id === id).length < 8) held.push({ id, trace, claim, isClosed: false })
              else expect(claim).toBe(undefined)
            } else if (step === 'close') {
              const open = held.filter((h) => h.trace === trace && !h.isClosed)
              const settled = open.map((h) => r.settle('shop', h.id, traceId(trace), isNumbered ? h.claim : undefined, false))
              expect(settled).toEqual(open.map((h) => h.claim))
              if (!lives.has(trace)) lives.set(trace, ++life)
              for (const h of open) {
                r.remember(h.claim ?? 0, lives.get(trace) ?? 0)
                h.isClosed = true
              }
            } else if (step === 'forget') {
              lives.delete(trace)
              held = held.filter((h) => h.trace !== trace || !h.isClosed)
            } else {
              const { seed, count, part } = r.capture()
              r = remembered(lives)
              r.restore({ seed, claims: part(0, count) }, () => true)
              expect(count).toBe(held.length)
              for (const h of held) h.claim = r.claim('shop', h.id, traceId(h.trace), false)
            }
          }
          for (let n = 0; n <= 20; n++) {
            const first = held.find((h) => h.id === `resp_${n}`)
            expect(r.traceOf(`resp_${n}`)).toBe(first && traceId(first.trace))
          }
        },
      ),
    )
  })
})
