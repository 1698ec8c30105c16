import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FactList } from '../../../processor/runs/fact-list.ts'
import type { HeldFact } from '../../../processor/runs/trace.ts'

test('a list of facts answers as a Map of them, few or many', () => {
  const id = fc.oneof(fc.constantFrom('', 'a', 'ba', 'bb', 'log:1'), fc.string({ maxLength: 3 }))
  fc.assert(
    fc.property(fc.uniqueArray(id, { maxLength: 40 }), fc.array(id, { maxLength: 10 }), (ids, others) => {
      const list = new FactList()
      const map = new Map<string, HeldFact>()
      for (const spanId of ids) {
        const fact = { spanId } as HeldFact
        list.add(fact)
        map.set(spanId, fact)
        for (const asked of [...ids, ...others]) expect(list.get(asked)).toBe(map.get(asked))
      }
      expect(list.size).toBe(map.size)
      expect(list.values()).toEqual([...map.values()])
    }),
  )
})
