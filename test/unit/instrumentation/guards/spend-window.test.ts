import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SpendWindow } from '../../../../instrumentation/guards/spend-window.ts'

const NOW = 1_790_000_000_000

describe('what was spent lately', () => {
  test('nothing at first', () => expect(new SpendWindow().spent(60, NOW)).toBe(0))
  test('is summed within the window and forgotten after it', () => {
    const w = new SpendWindow()
    w.add(1, 60, NOW)
    w.add(2, 60, NOW + 30_000)
    expect(w.spent(60, NOW + 30_000)).toBe(3)
    expect(w.spent(60, NOW + 58_000)).toBe(3)
    expect(w.spent(60, NOW + 61_000)).toBe(2)
    expect(w.spent(60, NOW + 91_000)).toBe(0)
  })
  test('a slot that comes round again starts at nothing', () => {
    const w = new SpendWindow()
    w.add(5, 60, NOW)
    w.add(1, 60, NOW + 60_000)
    expect(w.spent(60, NOW + 60_000)).toBe(1)
  })
  test('a window of another length starts anew: slots of one length say nothing about another', () => {
    const w = new SpendWindow()
    w.add(5, 60, NOW)
    expect(w.spent(3600, NOW)).toBe(0)
    w.add(1, 3600, NOW)
    expect(w.spent(3600, NOW)).toBe(1)
  })
})

test('the sum lies between what was spent in 59 sixtieths of the window and in the whole of it', () =>
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 86_400 }),
      fc.array(fc.record({ afterMs: fc.integer({ min: 0, max: 40_000 }), cents: fc.integer({ min: 0, max: 1000 }) }), { maxLength: 80 }),
      (seconds, spends) => {
        const w = new SpendWindow()
        let now = NOW
        const all: { at: number; cents: number }[] = []
        for (const { afterMs, cents } of spends) {
          now += afterMs
          w.add(cents, seconds, now)
          all.push({ at: now, cents })
        }
        const within = (ms: number): number => all.filter((s) => s.at > now - ms).reduce((sum, s) => sum + s.cents, 0)
        const spent = w.spent(seconds, now)
        expect(spent).toBeGreaterThanOrEqual(within((seconds * 1000 * 59) / 60))
        expect(spent).toBeLessThanOrEqual(within(seconds * 1000))
      },
    ),
  ))
