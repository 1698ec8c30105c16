import { expect, test } from 'vitest'
import { integerWeight, weightOf } from '../../../processor/runs/sampling.ts'

test('thresholds of the specification give their adjusted counts', () => {
  const cases: readonly (readonly [string, number])[] = [
    ['', 1],
    ['ot=th:0', 1],
    ['ot=th:8', 2],
    ['ot=th:c', 4],
    ['ot=th:f', 16],
    ['vendor=x,ot=rv:abc;th:c', 4],
    ['ot=th:fd70a3d70a3d71', 100],
    ['ot=rv:abc', 1],
    ['ot=th:zz', 1],
    ['ot=th:123456789012345', 1],
    ['not=th:8', 1],
  ]
  for (const [state, weight] of cases) expect(weightOf(state), state).toBeCloseTo(weight, 3)
})
test('a fractional weight is rounded the same way for the same trace, and right on average', () => {
  let sum = 0
  for (let i = 0; i < 20_000; i++) {
    const id = Math.imul(i, 0x9e3779b1).toString(16).replace('-', '').padStart(8, '0').repeat(4)
    const w = integerWeight(2.25, id)
    expect([2, 3]).toContain(w)
    expect(integerWeight(2.25, id)).toBe(w)
    sum += w
  }
  expect(sum / 20_000).toBeGreaterThan(2.2)
  expect(sum / 20_000).toBeLessThan(2.3)
})
