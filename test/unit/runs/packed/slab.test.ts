import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Slab } from '../../../../processor/runs/packed/slab.ts'

const filled = (length: number, value: number): Buffer => Buffer.alloc(length, value)
const read = (slab: Slab, ref: number, length: number): Buffer => {
  const { bytes, from } = slab.at(ref)
  return Buffer.from(bytes.subarray(from, from + length))
}

describe('a slab', () => {
  test('gives back what was put, whatever was freed between', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.oneof(fc.nat(3000), fc.integer({ min: 16_000, max: 40_000 })), fc.boolean()), { maxLength: 300 }),
        (steps) => {
          const slab = new Slab()
          const held: (readonly [ref: number, length: number, value: number])[] = []
          for (const [i, [length, frees]] of steps.entries()) {
            held.push([slab.put(filled(length, i % 251)), length, i % 251])
            if (!frees) continue
            const [gone] = held.splice((i * 7) % held.length, 1)
            slab.free(gone?.[0] ?? 0)
          }
          for (const [ref, length, value] of held) expect(read(slab, ref, length).equals(filled(length, value))).toBe(true)
        },
      ),
    )
  })
  test('keeps what was freed while somebody holds it, and gives the place again afterwards', () => {
    const slab = new Slab()
    const ref = slab.put(filled(100, 1))
    const [release, releaseToo] = [slab.hold(), slab.hold()]
    slab.free(ref)
    const other = slab.put(filled(100, 2))
    expect([other === ref, read(slab, ref, 100).equals(filled(100, 1))]).toEqual([false, true])
    release()
    release()
    expect(slab.put(filled(100, 3))).not.toBe(ref)
    releaseToo()
    expect(slab.put(filled(100, 4))).toBe(ref)
  })
})
