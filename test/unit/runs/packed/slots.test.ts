import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LIST, type List, Slots } from '../../../../processor/runs/packed/slots.ts'

const id = (n: number): string => (n % 5 === 0 ? `log:session-${n}` : n.toString(16).padStart(32, '0'))
const LISTS: readonly List[] = [LIST.hot, LIST.settling, LIST.waiting]

test('slots answer as maps would: by id, in order of joining, whatever left meanwhile and however often the table grew', () => {
  const step = fc.record({
    trace: fc.nat(200),
    what: fc.constantFrom('add', 'add', 'move', 'age', 'remove'),
    list: fc.constantFrom(...LISTS),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), fc.integer(), (steps, seed) => {
      const slots = new Slots(4, seed)
      const lists = new Map(LISTS.map((l) => [l, [] as string[]]))
      const aged: string[] = []
      const held = new Set<string>()
      const without = (list: string[] | undefined, name: string): void => {
        const at = list?.indexOf(name) ?? -1
        if (at >= 0) list?.splice(at, 1)
      }
      for (const { trace, what, list } of steps) {
        const name = id(trace)
        const slot = slots.find(name)
        expect(slot >= 0).toBe(held.has(name))
        if (what === 'add' && slot < 0) {
          slots.add(name, trace)
          held.add(name)
        } else if (slot < 0) continue
        else if (what === 'move') {
          for (const l of lists.values()) without(l, name)
          lists.get(list)?.push(name)
          slots.move(slot, list)
        } else if (what === 'age' && !aged.includes(name)) {
          aged.push(name)
          slots.joinAge(slot)
        } else if (what === 'remove') {
          for (const l of [...lists.values(), aged]) without(l, name)
          held.delete(name)
          slots.remove(slot)
        }
      }
      for (const [list, names] of lists) {
        expect(Array.from(slots.of(list), (s) => slots.idOf(s))).toEqual(names)
        expect(slots.sizeOf(list)).toBe(names.length)
      }
      expect(Array.from(slots.of(LIST.age), (s) => slots.idOf(s))).toEqual(aged)
    }),
  )
})

test('a list may be taken apart while it is gone through', () => {
  const slots = new Slots(4, 1)
  for (let n = 1; n < 40; n++) slots.move(slots.add(id(n), n), LIST.hot)
  const seen: string[] = []
  for (const slot of slots.of(LIST.hot)) {
    seen.push(slots.idOf(slot))
    if (seen.length % 2 === 0) slots.remove(slot)
    else slots.move(slot, LIST.waiting)
  }
  expect(seen).toHaveLength(39)
  expect([slots.sizeOf(LIST.hot), slots.sizeOf(LIST.waiting)]).toEqual([0, 20])
})
