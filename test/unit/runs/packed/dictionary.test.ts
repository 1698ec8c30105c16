import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Dictionary } from '../../../../processor/runs/packed/dictionary.ts'

test('a word gets a number when it comes for the second time, and keeps it', () => {
  const d = new Dictionary(['', 'model'])
  expect(['', 'model', 'support', 'support', 'support', 'x'].map((w) => d.numberOf(w))).toEqual([0, 1, -1, 2, 2, -1])
  expect([d.at(0), d.at(1), d.at(2)]).toEqual(['', 'model', 'support'])
})

test('words beyond the bound, and long texts, get none', () => {
  const d = new Dictionary([], 2)
  for (const word of ['a', 'b', 'c', 'x'.repeat(65)]) for (let i = 0; i < 3; i++) d.numberOf(word)
  expect(d.size).toBe(2)
  expect(['a', 'b', 'c', 'x'.repeat(65)].map((w) => d.numberOf(w))).toEqual([0, 1, -1, -1])
})

test('texts of which each comes once use up no numbers', () => {
  const d = new Dictionary([])
  for (let i = 0; i < 100_000; i++) d.numberOf(`hash-${i}`)
  expect(d.size).toBe(0)
})

test('whatever words come, a number stands for the word it was given to', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.constantFrom('a', 'b', 'c', '__proto__', ''), fc.string({ unit: 'binary' }))), (words) => {
      const d = new Dictionary(['known'], 20)
      for (const word of [...words, ...words]) {
        const number = d.numberOf(word)
        if (number >= 0) expect(d.at(number)).toBe(word)
      }
      expect(d.size).toBeLessThanOrEqual(20)
    }),
  )
})
