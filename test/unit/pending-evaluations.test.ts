import { expect, test } from 'vitest'
import { PendingEvaluations } from '../../processor/pending-evaluations.ts'

const AGE = 1000
function world(): { pending: PendingEvaluations; add: (name: string, traceId: string, now: number) => void; dropped: () => number } {
  let dropped = 0
  const pending = new PendingEvaluations(100, (_, count) => (dropped += count))
  return { pending, add: (name, traceId, now) => pending.add({ name, source: 'judge' }, traceId, '', now), dropped: () => dropped }
}
const names = (list: readonly { readonly evaluation: { readonly name: string } }[]): readonly string[] => list.map((p) => p.evaluation.name)

test('one that expires takes no newer one of its trace with it', () => {
  const { pending, add, dropped } = world()
  add('old', 'a', 0)
  add('other', 'b', 300)
  add('new', 'a', 600)
  pending.expire(AGE, AGE)
  expect([dropped(), pending.size]).toEqual([1, 2])
  // Nor does what is left of the first trace hold up the second.
  pending.expire(AGE + 300, AGE)
  expect([dropped(), names(pending.take('b', undefined)), names(pending.take('a', undefined)), pending.size]).toEqual([2, [], ['new'], 0])
})

test('after the clock was set back what came before that waits from then on, and holds up nothing', () => {
  const { pending, add, dropped } = world()
  add('past', 'a', 100)
  pending.expire(200, AGE)
  add('future', 'b', 1e9)
  pending.expire(1e9, 2e9)
  add('after', 'c', 500)
  pending.expire(600, AGE)
  pending.expire(600 + AGE, AGE)
  expect([dropped(), pending.size]).toEqual([3, 0])
})

test('what was put back and is from the future by this clock waits from the start on', () => {
  const one = world()
  one.add('x', 'a', 1e9)
  one.add('y', 'a', 1e9)
  const two = world()
  two.pending.restore(one.pending.capture())
  two.pending.resume(100)
  two.pending.expire(99 + AGE, AGE)
  expect([two.dropped(), two.pending.size]).toEqual([0, 2])
  two.pending.expire(100 + AGE, AGE)
  expect([two.dropped(), two.pending.size]).toEqual([2, 0])
})
