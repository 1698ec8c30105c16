/** Verdicts on the runs after an action: by hand at the edges, and how often they are right over simulated incidents, as docs/playbooks.md says. */
import { describe, expect, test } from 'vitest'
import { type Aftermath, unverified, verify, verifyContained } from '../../../incidents/verify.ts'
import type { Verification } from '../../../model/incident.ts'
import { random } from '../../support/backdated.ts'
import { at } from './support.ts'

const NORMAL = { bad: 60, total: 600 }
const WRONG = { bad: 24, total: 60 }
const about = (after: { bad: number; total: number }, more: Partial<Aftermath> = {}): Verification =>
  verify({ sli: 'quality', baseline: NORMAL, bad: WRONG, after, dispersion: 1, runs: 50, ...more }, at(0))

describe('the verdict', () => {
  for (const [name, found, verdict, text] of [
    [
      'no runs yet',
      about({ bad: 0, total: 0 }),
      'waiting',
      '20 more runs needed to say anything (quality: none bad since, 24 of 60 (40 %)',
    ],
    ['too few to say anything', about({ bad: 0, total: 19 }), 'waiting', '1 more run needed to say anything'],
    ['twenty that are as before', about({ bad: 2, total: 20 }), 'recovered', 'the runs are well again (quality: 2 of 20 (10 %) bad since'],
    ['twenty that are no better: not said before its time', about({ bad: 8, total: 20 }), 'waiting', 'not well yet, 30 more runs to go'],
    ['fifty that are no better', about({ bad: 20, total: 50 }), 'not_recovered', 'it did not help (quality: 20 of 50 (40 %) bad since'],
    [
      'fifty that are better and still bad',
      about({ bad: 27, total: 100 }, { bad: { bad: 360, total: 600 } }),
      'not_recovered',
      'it helped in part only',
    ],
    [
      'fifty that could be either',
      about({ bad: 10, total: 50 }, { bad: { bad: 13, total: 60 } }),
      'waiting',
      'cannot tell yet, 50 more runs to go',
    ],
    ['a hundred that could be either', about({ bad: 17, total: 100 }, { bad: { bad: 12, total: 60 } }), 'not_recovered', 'it did not help'],
    [
      'nothing is known of before',
      about({ bad: 1, total: 40 }, { baseline: { bad: 0, total: 0 } }),
      'unknown',
      'there are no counts of what is normal',
    ],
    [
      'nothing is known of the bad runs, and a rise that would be felt is excluded',
      about({ bad: 6, total: 100 }, { bad: { bad: 0, total: 0 } }),
      'recovered',
      'none before the action',
    ],
    ['fewer runs are asked for than it usually takes', about({ bad: 4, total: 10 }, { runs: 10 }), 'not_recovered', 'it did not help'],
  ] as const)
    test(name, () => {
      expect(found.verdict).toBe(verdict)
      expect(found.text).toContain(text)
    })
  test('it carries its numbers', () => {
    expect(about({ bad: 2, total: 20 })).toMatchObject({
      runsSeen: 20,
      runsNeeded: 50,
      comparison: { bad: [60, 2], total: [600, 20] },
      atMs: at(0),
    })
    expect(about({ bad: 27, total: 100 }, { bad: { bad: 360, total: 600 } }).inPart).toBe(true)
    expect(about({ bad: 0, total: 0 }).comparison).toBeUndefined()
  })
  test('where Prometheus cannot be asked, the runs seen before stay', () => {
    expect(unverified('it is down', about({ bad: 8, total: 30 }), 50, at(1))).toEqual({
      verdict: 'unknown',
      text: 'cannot tell: it is down',
      runsSeen: 30,
      runsNeeded: 50,
      atMs: at(1),
    })
  })
})

describe('while the agent is disabled', () => {
  const contained = (failed: number | undefined, minute: number, fallback = true): Verification =>
    verifyContained({ disabledMs: at(0), fromMs: at(1), failed, fallback }, at(minute))
  for (const [name, found, verdict, text] of [
    [
      'runs that had begun may still end',
      contained(0, 1.5),
      'waiting',
      'disabled since 08:00:00 UTC; runs that had begun may still end, in 30 s it is known',
    ],
    ['nothing fails', contained(0, 3), 'contained', 'and no run has failed; callers get the fallback'],
    ['nothing fails, and nothing answers', contained(0, 3, false), 'contained', 'callers get a refusal, for no fallback is configured'],
    ['runs fail all the same', contained(2, 3), 'not_recovered', '2 runs failed all the same: not every process of it has guards'],
    ['Prometheus has no samples', contained(undefined, 3), 'unknown', 'Prometheus does not say'],
  ] as const)
    test(name, () => {
      expect(found.verdict).toBe(verdict)
      expect(found.text).toContain(text)
    })
})

describe('how often it is right, looked at every five runs', () => {
  const N = 200
  function simulate(normal: number, wrong: number, then: number, runs: number): number {
    const next = random(7)
    const bad = (n: number, p: number): number => Array.from({ length: n }, () => (next() < p ? 1 : 0)).reduce<number>((a, b) => a + b, 0)
    let recovered = 0
    for (let i = 0; i < N; i++) {
      const [baseline, before] = [
        { bad: bad(600, normal), total: 600 },
        { bad: bad(60, wrong), total: 60 },
      ]
      let after = { bad: 0, total: 0 }
      let verdict: Verification['verdict'] = 'waiting'
      while (verdict === 'waiting') {
        after = { bad: after.bad + bad(5, then), total: after.total + 5 }
        verdict = about(after, { baseline, bad: before, runs }).verdict
        expect(after.total).toBeLessThanOrEqual(2 * runs)
      }
      if (verdict === 'recovered') recovered++
    }
    return recovered / N
  }
  for (const [normal, wrong, then, least, most] of [
    [0.05, 0.3, 0.05, 0.96, 1],
    [0.1, 0.4, 0.1, 0.96, 1],
    [0.1, 0.25, 0.1, 0.83, 1],
    [0.3, 0.6, 0.3, 0.94, 1],
    [0.1, 0.4, 0.4, 0, 0.02],
    [0.1, 0.25, 0.25, 0, 0.09],
    [0.02, 0.15, 0.15, 0, 0.07],
    [0.1, 0.4, 0.25, 0, 0.42],
  ] as const)
    test(`${normal} normal, ${wrong} in the incident, ${then} after: recovered in ${least} to ${most}`, () => {
      const share = simulate(normal, wrong, then, 50)
      expect(share).toBeGreaterThanOrEqual(least)
      expect(share).toBeLessThanOrEqual(most)
    }, 30_000)
})
