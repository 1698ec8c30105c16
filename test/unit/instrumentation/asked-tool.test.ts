import { expect, test } from 'vitest'
import { takeAsked } from '../../../instrumentation/asked-tool.ts'
import type { RunScope } from '../../../instrumentation/run-scope.ts'
import { runtime } from '../../../instrumentation/runtime.ts'

/** A run of a hand-written loop that waits for the results of these calls: `id tool arguments-hash`. */
function waitingFor(...calls: readonly string[]): RunScope {
  const { runs } = runtime()
  const run = runs.create('implied', 0)
  for (const call of calls) {
    const [id = '', name = '', argumentsHash = ''] = call.split(' ')
    run.asked.set(id, { name, argumentsHash, atMs: 0 })
    runs.remember(`tool:${id}`, run)
  }
  return run
}

test('a call belongs to the run that asked for it with these arguments, and is taken once', () => {
  const one = waitingFor('a1 search h1')
  const two = waitingFor('b1 search h2')
  expect(takeAsked('search', 'h2', undefined)).toEqual({ run: two, callId: 'b1' })
  expect(takeAsked('search', 'h2', undefined)).toEqual({ run: one, callId: 'a1' })
  expect(takeAsked('search', 'h1', undefined)).toBeUndefined()
})

test('arguments that were rewritten are no hindrance where one run alone waits for the tool', () => {
  const run = waitingFor('c1 fetch h1')
  expect(takeAsked('fetch', 'other', undefined)).toEqual({ run, callId: 'c1' })
})

test('two runs that wait for the same tool are not told apart by guessing', () => {
  waitingFor('d1 pay h1')
  waitingFor('e1 pay h2')
  expect(takeAsked('pay', 'other', undefined)).toBeUndefined()
})

test('where the run is known, only what it asked for counts', () => {
  waitingFor('f1 mail h1')
  const own = waitingFor('g1 note h1')
  expect(takeAsked('mail', 'h1', own)).toBeUndefined()
  expect(takeAsked('note', 'h1', own)).toEqual({ run: own, callId: 'g1' })
})

test('of a provider whose calls have no ids, the tool is all that tells; no id is made up', () => {
  const run = waitingFor('name:weigh weigh h1')
  expect(takeAsked('weigh', 'h1', undefined)).toEqual({ run, callId: undefined })
})
