/** Verdicts of releases and the one to roll back to: a sentence per case. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  chooseFormer,
  chooseKnownGood,
  type JudgedObjective,
  judgeRelease,
  type KnownFacts,
  RELEASE_VERDICTS,
  type ReleaseFacts,
  type ReleaseVerdict,
} from '../../../control/known-good.ts'

const fact = (good: number, runs: number, objective: JudgedObjective = 'quality', target = 0.95): ReleaseFacts['objectives'][number] => ({
  objective,
  good,
  runs,
  target,
})
const facts = (runs: number, ...objectives: ReleaseFacts['objectives']): KnownFacts => ({ known: new Map([['v1', { runs, objectives }]]) })

describe('what is known of a release', () => {
  const cases: readonly (readonly [string, KnownFacts, ReleaseVerdict, string])[] = [
    ['enough runs, good', facts(1204, fact(1172, 1204)), 'met', '97.3 % of 1,204 rated runs passed (target 95 %)'],
    ['exactly its target', facts(100, fact(95, 100)), 'met', '95 % of 100 rated runs passed (target 95 %)'],
    [
      'a little under it is under it',
      facts(10_000, fact(9499, 10_000)),
      'missed',
      '94.9 % of 10,000 rated runs passed, under the target of 95 %',
    ],
    ['good, but too few', facts(99, fact(99, 99)), 'too_few_runs', '99 runs, and it takes 100 to tell'],
    ['many runs, of which few were rated', facts(5000, fact(40, 40)), 'too_few_runs', '40 rated runs, and it takes 100 to tell'],
    [
      'too few to be good, but too bad for chance',
      facts(12, fact(4, 12)),
      'missed',
      '33.3 % of 12 rated runs passed, under the target of 95 %',
    ],
    ['one failure of three is no verdict', facts(3, fact(2, 3)), 'too_few_runs', '3 runs, and it takes 100 to tell'],
    [
      'good answers that cost too much',
      facts(500, fact(490, 500), fact(400, 500, 'cost', 0.99)),
      'missed',
      '80 % of 500 runs stayed under their cost, under the target of 99 %',
    ],
    [
      'every objective is told',
      facts(500, fact(490, 500), fact(500, 500, 'steps', 0.9), fact(480, 500, 'duration', 0.9)),
      'met',
      '98 % of 500 rated runs passed (target 95 %); 100 % of 500 runs stayed under their steps (target 90 %); 96 % of 500 runs stayed under their duration (target 90 %)',
    ],
    ['no runs at all', { known: new Map() }, 'too_few_runs', '0 runs, and it takes 100 to tell'],
    ['runs, but no target to meet', facts(500), 'unknown', 'no objective of the agent has a target'],
    ['nobody to ask', { unknown: 'Prometheus did not answer within 2 s' }, 'unknown', 'Prometheus did not answer within 2 s'],
  ]
  for (const [name, known, verdict, text] of cases)
    test(`${name}: ${verdict}`, () => expect(judgeRelease('v1', known, 100)).toMatchObject({ version: 'v1', verdict, text }))
  test('every verdict has a case', () => expect(new Set(cases.map((c) => c[2]))).toEqual(new Set(RELEASE_VERDICTS)))
  test('unknown is not zero: no runs and no share where nobody could be asked', () =>
    expect(judgeRelease('v1', { unknown: 'down' }, 100)).toEqual({ version: 'v1', verdict: 'unknown', text: 'down' }))
  test('shares and runs for the table', () =>
    expect(judgeRelease('v1', facts(30, fact(10, 20)), 100)).toMatchObject({ runs: 30, goodShare: 0.5 }))
})

describe('which one to roll back to', () => {
  const chosen = (verdicts: Readonly<Record<string, ReleaseVerdict>>, ...activations: readonly string[]): unknown => {
    const choice = chooseKnownGood('support', activations, (v) => ({ version: v, verdict: verdicts[v] ?? 'unknown', text: `${v} told` }))
    return choice.ok ? [choice.version, choice.because, choice.text] : choice.because
  }
  const cases: readonly (readonly [string, Readonly<Record<string, ReleaseVerdict>>, readonly string[], unknown])[] = [
    ['the one before, which is good', { v1: 'met', v2: 'met' }, ['v1', 'v2', 'v3'], ['v2', 'known_good', 'last known to be good: v2 told']],
    [
      'the one before was bad: further back, and it says so',
      { v1: 'met', v2: 'missed' },
      ['v1', 'v2', 'v3'],
      ['v1', 'known_good', 'last known to be good: v1 told; passed over v2 (v2 told)'],
    ],
    [
      'the one before had too few runs: the last that is known to be good',
      { v1: 'met', v2: 'too_few_runs' },
      ['v1', 'v2', 'v3'],
      ['v1', 'known_good', 'last known to be good: v1 told; passed over v2 (v2 told)'],
    ],
    [
      'nothing is known: the one before, and it says so',
      {},
      ['v1', 'v2', 'v3'],
      ['v2', 'former', 'the one before; whether it is good is not known: v2 told'],
    ],
    [
      'none is known to be good, and the one before is known to be bad',
      { v2: 'missed', v1: 'too_few_runs' },
      ['v1', 'v2', 'v3'],
      [
        'v1',
        'former',
        'the next one before that is not known to be bad; whether it is good is not known: v1 told; passed over v2 (v2 told)',
      ],
    ],
    ['all are known to be bad: none is chosen', { v1: 'missed', v2: 'missed' }, ['v1', 'v2', 'v3'], 'no_known_good'],
    ['the active one is never gone back to', { v1: 'met', v2: 'missed' }, ['v1', 'v2', 'v1'], 'no_known_good'],
    ['nothing was active before', {}, ['v1'], 'nothing_before'],
    ['nothing was ever active', {}, [], 'nothing_before'],
  ]
  for (const [name, verdicts, activations, expected] of cases) test(name, () => expect(chosen(verdicts, ...activations)).toEqual(expected))
  test('that none is good names them, and what to type', () => {
    const none = chooseKnownGood('support', ['v1', 'v2'], () => ({
      version: 'v1',
      verdict: 'missed',
      text: '71 % of 310 rated runs passed',
    }))
    expect(!none.ok && none.detail).toBe(
      'every release of support before v2 missed its objectives: v1 (71 % of 310 rated runs passed); name one: agentopz release activate support VERSION, or take the one before all the same: agentopz release rollback support --former',
    )
  })
  test('one that is known to be bad is never chosen, nor the active one, and good goes before unknown', () =>
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('v1', 'v2', 'v3', 'v4'), { maxLength: 12 }),
        fc.dictionary(fc.constantFrom('v1', 'v2', 'v3', 'v4'), fc.constantFrom(...RELEASE_VERDICTS)),
        (activations, verdicts) => {
          const of = (v: string): ReleaseVerdict => verdicts[v] ?? 'unknown'
          const choice = chooseKnownGood('a', activations, (v) => ({ version: v, verdict: of(v), text: '' }))
          const others = activations.filter((v) => v !== activations.at(-1))
          if (!choice.ok) {
            expect(others.every((v) => of(v) === 'missed')).toBe(true)
            return
          }
          expect([choice.version === activations.at(-1), of(choice.version) === 'missed']).toEqual([false, false])
          expect(of(choice.version) === 'met').toBe(others.some((v) => of(v) === 'met'))
        },
      ),
    ))
  test('the former one is taken whatever is known of it, when that is asked', () =>
    expect(chooseFormer('support', ['v1', 'v2', 'v3'])).toMatchObject({ version: 'v2', from: 'v3', text: 'the one before, as asked' }))
  test('where there is none it is refused', () => expect(chooseFormer('support', ['v1'])).toMatchObject({ because: 'nothing_before' }))
})
