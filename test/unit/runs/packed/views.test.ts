import { expect, test } from 'vitest'
import { Views } from '../../../../processor/runs/packed/views.ts'

const view = { agent: 'support', environment: 'prod', openedMs: 1000, steps: 3, streak: 1, costUsd: 0.5 }

test('what is outdated is shown as it was, and not taken for what it is', () => {
  const views = new Views(4)
  views.set(1, [view])
  views.outdate(1)
  expect(views.of(1)).toBeUndefined()
  expect([...views.maxima()]).toMatchObject([{ agent: 'support', runs: 1, steps: 3 }])
  views.set(1, [{ ...view, steps: 4 }])
  expect(views.of(1)).toEqual([{ ...view, steps: 4 }])
  expect([...views.outdated()]).toEqual([])
  views.forget(1)
  expect([...views.maxima()]).toEqual([])
})

test('all that was found is outdated when prices change, and nothing else', () => {
  const views = new Views(4)
  views.set(1, [view])
  views.set(2, [])
  views.outdateAll()
  expect([...views.outdated()]).toEqual([1, 2])
})

test('the maxima are those of all runs of an agent in an environment; a cost that is known of none is not 0', () => {
  const views = new Views(2)
  views.set(0, [{ ...view, costUsd: undefined }])
  views.grow(8)
  views.set(5, [
    { ...view, openedMs: 500, steps: 1, streak: 7, costUsd: undefined },
    { ...view, environment: 'dev', costUsd: 2 },
  ])
  expect([...views.maxima()]).toEqual([
    { agent: 'support', environment: 'prod', runs: 2, openedMs: 500, steps: 3, streak: 7, costUsd: undefined },
    { agent: 'support', environment: 'dev', runs: 1, openedMs: 1000, steps: 3, streak: 1, costUsd: 2 },
  ])
})

test('who stops early goes on from there the next time', () => {
  const views = new Views(6)
  for (let slot = 0; slot < 6; slot++) views.outdate(slot)
  const first = []
  for (const slot of views.outdated()) {
    views.set(slot, [view])
    if (first.push(slot) === 4) break
  }
  views.outdate(0)
  expect(first).toEqual([0, 1, 2, 3])
  expect([...views.outdated()]).toEqual([4, 5, 0])
})
