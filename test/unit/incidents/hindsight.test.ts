/** Whether an action would have been right, from what became of the incident without it. */
import { describe, expect, test } from 'vitest'
import { type Afterwards, HINDSIGHTS, hindsight } from '../../../incidents/hindsight.ts'

const ACTED = Date.parse('2026-12-01T10:00:00Z')
const MINUTE = 60_000
const of = (more: Partial<Afterwards>): ReturnType<typeof hindsight> =>
  hindsight({ kind: 'rollback_release', actedMs: ACTED, untilMs: ACTED + 120 * MINUTE, failedRuns: 87, ...more })
const v2 = (before: number, after?: number): Partial<Afterwards> => ({
  suspect: { name: 'prompt version v2', of: 'the runs', before, ...(after === undefined ? {} : { after }) },
})
const well = { wellMs: ACTED + 48 * MINUTE }

describe('against something', () => {
  const cases: readonly (readonly [string, Partial<Afterwards>, string, string])[] = [
    [
      'it went away and the runs were well',
      { ...well, ...v2(0.98, 0) },
      'right',
      'prompt version v2 went away (98 % of the runs then, 0 % later), and the runs were well again by 10:48:00 UTC, 48 min later (87 runs failed meanwhile)',
    ],
    ['the runs were well with it still there', { ...well, ...v2(0.98, 0.95) }, 'wrong', 'with prompt version v2 still there'],
    ['it went away and the runs were not well', v2(0.98, 0), 'wrong', 'and the runs were not well: it was something else'],
    [
      'neither',
      v2(0.98, 0.97),
      'unknown',
      'the runs were not well again by 12:00:00 UTC (87 runs failed meanwhile); prompt version v2 was still there',
    ],
    ['it went away in part', { ...well, ...v2(0.98, 0.4) }, 'unknown', 'went away in part'],
    ['nobody knows what became of it', { ...well, ...v2(0.98) }, 'unknown', 'what became of prompt version v2 is not known'],
  ]
  for (const [name, more, verdict, text] of cases)
    test(`${name}: ${verdict}`, () => expect(of(more)).toEqual({ verdict, text: expect.stringContaining(text) as string }))
})

describe('against nothing but the failing itself', () => {
  const cases: readonly (readonly [string, Partial<Afterwards>, string])[] = [
    ['it went on', well, 'right'],
    ['it was over by itself soon after', { wellMs: ACTED + 5 * MINUTE }, 'needless'],
    ['no run failed any more', { failedRuns: 0 }, 'needless'],
  ]
  for (const [name, more, verdict] of cases)
    test(`${name}: ${verdict}`, () => expect(of({ kind: 'disable_agent', ...more }).verdict).toBe(verdict))
  test('how many runs failed is not known: nothing follows', () =>
    expect(hindsight({ kind: 'disable_agent', actedMs: ACTED, untilMs: ACTED + 120 * MINUTE })).toEqual({
      verdict: 'unknown',
      text: 'the runs were not well again by 12:00:00 UTC; how many runs failed is not known',
    }))
})

test('there is a case for every verdict', () => expect(HINDSIGHTS).toEqual(['right', 'wrong', 'needless', 'unknown']))
