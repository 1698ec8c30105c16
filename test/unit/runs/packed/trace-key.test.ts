/** Keys of trace ids: the same whatever was asked before. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { idOfKey, newKey, readKey } from '../../../../processor/runs/packed/trace-key.ts'

const HEX = '0af7651916cd43dd8448eb211c80319c'
const NAMED = 'log:session-3'
const NO_HEX = 'x'.repeat(32)

test('digits are the key, and other ids are named, in any order of asking', () => {
  const once = new Map([HEX, HEX.replace('0a', '0b'), NAMED, NO_HEX, ''].map((id) => [id, { ...readKey(id, 7, newKey()) }]))
  expect(readKey(HEX, 7, newKey())).toMatchObject({ a: 0x0af76519, isNamed: false })
  expect([once.get(NAMED)!.isNamed, once.get(NO_HEX)!.isNamed, once.get('')!.isNamed]).toEqual([true, true, true])
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...once.keys())), (ids) => {
      const key = newKey()
      for (const id of ids) {
        expect(readKey(id, 7, key)).toEqual(once.get(id))
        if (!key.isNamed) expect(idOfKey(key.a, key.b, key.c, key.d)).toBe(id)
      }
    }),
  )
})

test('a named id has another key with another seed', () => {
  expect(readKey(NO_HEX, 1, newKey())).not.toEqual(readKey(NO_HEX, 2, newKey()))
})
