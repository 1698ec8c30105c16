import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BoundedMap } from '../../../instrumentation/bounded-map.ts'

test('the one longest not set goes first, and is handed over', () => {
  const gone: string[] = []
  const m = new BoundedMap<string, number>(2, (value, key) => gone.push(`${key}=${value}`))
  m.set('a', 1)
  m.set('b', 2)
  m.set('a', 3)
  m.set('c', 4)
  expect(gone).toEqual(['b=2'])
  expect([...m.entries()]).toEqual([
    ['a', 3],
    ['c', 4],
  ])
})
test('what is deleted or taken is not handed over', () => {
  const m = new BoundedMap<string, number>(1, () => expect.unreachable())
  m.set('a', 1)
  expect(m.take('a')).toBe(1)
  expect(m.take('a')).toBeUndefined()
  m.set('b', 2)
  expect(m.delete('b')).toBe(true)
  expect(m.delete('b')).toBe(false)
  expect(m.size).toBe(0)
})
test('it never holds more than it may, and of what was set it holds the newest', () =>
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10 }), fc.array(fc.integer({ min: 0, max: 20 })), (max, keys) => {
      const m = new BoundedMap<number, number>(max)
      keys.forEach((key, i) => m.set(key, i))
      const newest = [...new Set(keys.toReversed())].slice(0, max).toReversed()
      expect([...m.entries()].map(([key]) => key)).toEqual(newest)
    }),
  ))
