/** The model: one that is announced is in versions.test.ts; here what is concluded when it changed behind its name, and when it is not. */
import { describe, expect, test } from 'vitest'
import type { TriageFacts } from '../../../../incidents/facts.ts'
import { about, BEGAN, cohort, distribution, facts, fallen, ran, series, steadyInputs, tool, change, counts } from '../triage-support.ts'

const longer = { means: [{ what: 'output tokens per call', before: { sum: 96_000, count: 960 }, after: { sum: 19_200, count: 120 } }] }
const cut = { answers: [distribution('finish_reason', { stop: [950, 90], length: [10, 30] })] }

const cases: readonly { readonly name: string; readonly given: TriageFacts; readonly says: string | RegExp }[] = [
  {
    name: 'longer answers and nothing else changed: the model behind its name, not more than medium',
    given: fallen(longer),
    says: 'cause medium model behind the same name: answers are others under the same model name: output tokens per call up 60 % (100 → 160)',
  },
  {
    name: 'calls that end otherwise and nothing else changed',
    given: fallen(cut),
    says: 'cause medium model behind the same name: answers are others under the same model name: calls that end with length 1.0 % → 25 %',
  },
  {
    name: 'refusals rose and nothing else changed: that is a trait of the answers itself',
    given: facts({ sli: 'refusal', series: series(0.005, 0.2) }),
    says: /^cause medium model behind the same name: .* refusals \d+ of 960 \(0\.5\d? ?%\)|^cause medium model behind the same name: .*refusals/,
  },
  {
    name: 'a rare outcome a few times: that may be chance, however little else changed',
    given: facts({ sli: 'refusal', series: series(1 / 576, 3 / 72, 12), startedMs: BEGAN }),
    says: 'cause low model behind the same name: answers are others under the same model name: refusals 1 of 576 (0.2 %) → 3 of 72 (4.2 %); so few may be chance',
  },
  {
    name: 'a tool fails: that explains the longer answers',
    given: fallen({ ...longer, tools: [tool('search', { errors: change(counts(10, 1000), counts(100, 120)) })] }),
    says: /^ruled_out medium model behind the same name: .*: explained by what else changed$/,
  },
  {
    name: 'other inputs: they explain other answers',
    given: fallen({ ...longer, inputs: [distribution('script', { latin: [900, 60], thai: [60, 60] })] }),
    says: /^ruled_out medium model behind the same name: .*: explained by what else changed$/,
  },
  {
    name: 'the code was deployed when it began: with little confidence',
    given: fallen({
      ...longer,
      cohorts: { agent_version: [cohort('1.0', [96, 960], [0, 0], -9999), cohort('1.1', [0, 0], [48, 120], 2)] },
    }),
    says: /^cause low model behind the same name: .*; but agent version 1\.1 came at 12:02 UTC and may have done it$/,
  },
  {
    name: 'a canary with too few runs to judge: with little confidence',
    given: fallen({ ...longer, cohorts: { prompt_version: [cohort('v1', [96, 960], [2, 4], -9999), cohort('v2', [0, 0], [1, 4], 2)] } }),
    says: /^cause low model behind the same name/,
  },
  {
    name: 'answers a tenth longer: as before',
    given: fallen({ means: [{ what: 'x', before: { sum: 1000, count: 1000 }, after: { sum: 110, count: 100 } }] }),
    says: 'unchanged high model: no new model',
  },
  {
    name: 'answers half as long in ten calls: too few',
    given: fallen({ means: [{ what: 'x', before: { sum: 1000, count: 1000 }, after: { sum: 5, count: 10 } }] }),
    says: 'unchanged high model: no new model',
  },
  {
    name: 'no reasoning before: not known, and no trait',
    given: fallen({ means: [{ what: 'x', before: { sum: 0, count: 1000 }, after: { sum: 500, count: 100 } }] }),
    says: 'unchanged high model: no new model',
  },
]

describe('the model', () => {
  for (const { name, given, says } of cases)
    test(name, () => {
      const [found] = about('model', given)
      if (typeof says === 'string') expect(found).toBe(says)
      else expect(found).toMatch(says)
    })
  test('quality did not move: other answers are no cause of anything', () => {
    expect(ran(facts({ ...longer, series: series(0.1, 0.1, 40) })).findings.filter((f) => f.verdict === 'cause')).toEqual([])
  })
  test('an announced model that is the cause leaves no unannounced one', () => {
    const swapped = [cohort('m1', [96, 960], [0, 0], -9999), cohort('m2', [0, 0], [48, 120], 2)]
    expect(about('model', fallen({ ...longer, cohorts: { model: swapped }, inputs: [steadyInputs] }))).toHaveLength(1)
  })
})
