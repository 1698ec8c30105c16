/** Lent memory is nobody else's until it is given back, and then it is used again. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LentMemory } from '../../processor/lent-memory.ts'

test('whatever is lent and given back, no piece is with two at once, and each has the room asked for', () => {
  const steps = fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 2 ** 20 }), back: fc.nat({ max: 5 }) }), { maxLength: 60 })
  fc.assert(
    fc.property(steps, (list) => {
      const memory = new LentMemory()
      const out: Uint8Array[] = []
      for (const { bytes, back } of list) {
        const piece = memory.lend(bytes)
        expect(piece.length).toBeGreaterThanOrEqual(bytes)
        out.push(piece)
        expect(new Set(out.map((p) => p.buffer)).size).toBe(out.length)
        for (const p of out.splice(0, back)) memory.giveBack(p)
      }
    }),
    { numRuns: 100 },
  )
})

test('what was given back last is lent first; what is too small stays', () => {
  const memory = new LentMemory()
  const [large, small] = [memory.lend(300_000), memory.lend(70_000)]
  memory.giveBack(large)
  memory.giveBack(small)
  expect(memory.lend(10)).toBe(small)
  memory.giveBack(small)
  expect(memory.lend(200_000)).toBe(large)
})

test('no more than a bound is kept, the newest of it', () => {
  const memory = new LentMemory()
  const pieces = Array.from({ length: 20 }, () => memory.lend(2 ** 20))
  for (const p of pieces) memory.giveBack(p)
  const again = Array.from({ length: 20 }, () => pieces.indexOf(memory.lend(2 ** 20)))
  expect(again).toEqual([19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, -1, -1, -1, -1])
})
