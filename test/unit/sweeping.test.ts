/** Turns of the sweeper: short ones, nothing twice at once, longer ones while it is behind, and none after a failure. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { createSweeping, turnMs, turnTraces } from '../../processor/sweeping.ts'

const unexpected = (error: unknown): void => {
  throw error
}

describe('sweeping', () => {
  test('what is due is closed over several turns, with others between them', async () => {
    let left = 40
    const order: string[] = []
    const sweep = createSweeping((limit) => {
      left--
      order.push('sweep')
      const until = performance.now() + 1
      while (performance.now() < until);
      return limit > 0 && left > 0
    }, unexpected)
    sweep()
    expect(left).toBeGreaterThan(0)
    // It is under way: asked again, it does not begin a second course.
    const before = left
    sweep()
    expect(left).toBe(before)
    while (left > 0) {
      order.push('other')
      await nextTurn()
    }
    expect(order.filter((o, i) => o === 'other' && order[i - 1] === 'sweep').length).toBeGreaterThan(2)
    sweep()
    expect(left).toBe(-1)
  })

  test('a failure is told, and the next look begins anew', () => {
    const failures: unknown[] = []
    let calls = 0
    const sweep = createSweeping(
      () => {
        calls++
        if (calls === 1) throw new Error('a bug')
        return false
      },
      (error) => failures.push(error),
    )
    sweep()
    sweep()
    expect([calls, failures.map(String)]).toEqual([2, ['Error: a bug']])
  })

  test('turns become longer while more is due than is closed, up to a bound', () => {
    expect([0, 500, 2000, 60_000].map(turnMs)).toEqual([5, 5, 20, 100])
    expect([0, 500, 2000, 60_000].map(turnTraces)).toEqual([100, 100, 350, 1650])
  })
})
