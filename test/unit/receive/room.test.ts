import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { InflightBytes, Place } from '../../../processor/receive-room.ts'
import type { Refusal } from '../../../processor/refusal.ts'

/** What became of it: `in`, or the reason. */
function attempt(work: () => void): string {
  try {
    work()
    return 'in'
  } catch (error) {
    return (error as Refusal).reason
  }
}
const entered = (room: InflightBytes, sender: string | undefined, bytes = 0): { readonly place: Place; readonly is: string } => {
  const place = new Place(room, sender)
  const is = attempt(() => {
    place.enter()
    place.hold(bytes)
  })
  if (is !== 'in') place.leave()
  return { place, is }
}

describe('room for requests', () => {
  test('a sender alone gets half of it, two get a third each, and whoever comes next finds something', () => {
    const room = new InflightBytes(1200, 1000, () => true)
    const fill = (sender: string): number => {
      let n = 0
      while (entered(room, sender, 10).is === 'in') n += 10
      return n
    }
    expect(fill('a')).toBe(600)
    expect(entered(room, 'a', 10).is).toBe('share')
    expect(fill('b')).toBe(300)
    expect(fill('c')).toBe(150)
    expect(entered(room, 'd', 10).is).toBe('in')
  })
  test('requests are shared in the same way', () => {
    const room = new InflightBytes(1e6, 16, () => true)
    const results = Array.from({ length: 9 }, () => entered(room, 'a').is)
    expect(results).toEqual([...Array.from({ length: 8 }, () => 'in'), 'share'])
    expect(entered(room, 'b').is).toBe('in')
  })
  test('where there is nothing to share everybody may have all of it', () => {
    for (const [sender, isShared] of [
      ['a', false],
      [undefined, true],
    ] as const) {
      const room = new InflightBytes(100, 100, () => isShared)
      expect(Array.from({ length: 10 }, () => entered(room, sender, 10).is)).not.toContain('share')
      expect(entered(room, sender, 10).is).toBe('overload')
    }
  })
  test('one request may be larger than its share, and alone larger than the room', () => {
    const room = new InflightBytes(100, 100, () => true)
    const { place, is } = entered(room, 'a', 90)
    expect(is).toBe('in')
    expect(entered(room, 'a', 1).is).toBe('share')
    place.leave()
    expect(entered(room, 'a', 500).is).toBe('in')
  })
  test('a body that comes on is never cut off, nor one that has come', () => {
    const room = new InflightBytes(100, 1)
    const { place } = entered(room, undefined, 10)
    let cut: unknown
    place.awaits((why) => (cut = why))
    expect(entered(room, undefined).is).toBe('overload')
    place.done()
    expect([entered(room, undefined).is, cut]).toEqual(['overload', undefined])
  })
  test('nobody is cut off for a sender that has its share', () => {
    const now = vi.spyOn(performance, 'now').mockReturnValue(0)
    try {
      const room = new InflightBytes(100, 4, () => true)
      let cut = 0
      const slow = ['b', 'b', 'c'].map((sender) => entered(room, sender, 20).place)
      for (const place of slow) place.awaits(() => cut++)
      const { place } = entered(room, 'a', 30)
      now.mockReturnValue(60_000)
      expect([entered(room, 'a').is, attempt(() => new Place(room, 'a').fits(11)), cut]).toEqual(['share', 'share', 0])
      // Who has nothing yet gets a place, and room.
      expect([entered(room, 'd').is, attempt(() => place.fits(70)), cut]).toEqual(['in', 'in', 2])
    } finally {
      now.mockRestore()
    }
  })
  test('what was held is given back, whatever happened', () => {
    const step = fc.record({ who: fc.nat(2), bytes: fc.nat(60), leaves: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.boolean(), (steps, isShared) => {
        const room = new InflightBytes(200, 8, () => isShared)
        const places: Place[] = []
        for (const { who, bytes, leaves } of steps) {
          const { place, is } = entered(room, who === 0 ? undefined : `s${who}`, bytes)
          if (is === 'in') places.push(place)
          expect(room.bytes).toBe(places.reduce((sum, p) => sum + p.held, 0))
          expect(room.bytes).toBeLessThanOrEqual(200)
          if (leaves) places.shift()?.leave()
        }
        for (const p of places) {
          p.leave()
          p.leave()
        }
        expect(room.bytes).toBe(0)
        expect(Array.from({ length: isShared ? 4 : 8 }, () => entered(room, 's1').is)).not.toContain('overload')
      }),
    )
  })
})
