import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RememberedSpans } from '../../../processor/runs/remember.ts'

const HOUR = 3_600_000
const id = (n: number): string => n.toString(16).padStart(16, '0')
const TRACE = 'a'.repeat(32)

test('a span is remembered for as long as was said, and a quarter longer at the most', () => {
  const step = fc.record({ after: fc.integer({ min: 0, max: HOUR / 3 }), spans: fc.integer({ min: 0, max: 40 }) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const seen = new RememberedSpans(1_000_000, HOUR, 7)
      const added: number[] = []
      let now = 1_000_000
      for (const { after, spans } of steps) {
        now += after
        for (let i = 0; i < spans; i++) {
          seen.add(TRACE, id(added.length), now)
          added.push(now)
        }
        for (const [n, at] of added.entries()) {
          if (now - at < HOUR) expect(seen.has(TRACE, id(n))).toBe(true)
          if (spans > 0 && now - at >= 1.5 * HOUR) expect(seen.has(TRACE, id(n))).toBe(false)
        }
        expect(seen.has(TRACE, id(added.length + 1))).toBe(false)
        expect(seen.has('b'.repeat(32), id(0))).toBe(false)
      }
    }),
    { numRuns: 50 },
  )
})

test('of more spans than are remembered the oldest are forgotten', () => {
  const seen = new RememberedSpans(4096, HOUR, 7)
  for (let n = 0; n < 50_000; n++) seen.add(TRACE, id(n), n)
  for (let n = 50_000 - 4096; n < 50_000; n++) expect(seen.has(TRACE, id(n))).toBe(true)
  const old = Array.from({ length: 40_000 }, (_, n) => seen.has(TRACE, id(n)))
  expect(old).not.toContain(true)
})

test('what is put back answers as what was captured, in tables of whatever size it was', () => {
  const seen = new RememberedSpans(4_000_000, HOUR, 7)
  seen.addAll(
    TRACE,
    Array.from({ length: 200_000 }, (_, n) => ({ spanId: id(n) })),
    5000,
  )
  seen.add(TRACE, id(200_000), 5000 + HOUR / 2)
  const { seed, generations } = seen.capture()
  expect(generations.length).toBe(3)
  // As one table, as they were larger once.
  const whole = { startedMs: 5000, prints: Int32Array.from(generations.slice(0, 2).flatMap((g) => [...g.prints])) }
  for (const state of [
    { seed, generations },
    { seed, generations: [whole, ...generations.slice(2)] },
  ]) {
    const again = new RememberedSpans(4_000_000, HOUR, seed)
    again.restore(state)
    for (let n = 0; n <= 200_000; n += 997) expect(again.has(TRACE, id(n))).toBe(true)
    expect(again.has(TRACE, id(200_000))).toBe(true)
    expect(again.has(TRACE, id(200_001))).toBe(false)
    again.add(TRACE, id(200_001), 5000 + 1.4 * HOUR)
    expect([again.has(TRACE, id(1)), again.has(TRACE, id(200_000))]).toEqual([false, true])
  }
})

test('few spans take the memory of few, however long it goes on', () => {
  const before = process.memoryUsage().arrayBuffers
  const seen = new RememberedSpans(4_000_000, HOUR, 7)
  for (let n = 0; n < 20; n++) seen.add(TRACE, id(n), n * (HOUR / 3))
  expect(seen.has(TRACE, id(19))).toBe(true)
  expect(seen.capture().generations.length).toBeLessThanOrEqual(5)
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 2 ** 20)
})
