/** The inputs: when their mix is another, by how much, and when a longer prompt may have done it. */
import { describe, expect, test } from 'vitest'
import type { TriageFacts } from '../../../../incidents/facts.ts'
import { about, cohort, distribution, fallen, facts, ran, series } from '../triage-support.ts'

const drifted = distribution('script', { latin: [900, 70], thai: [60, 50] })
const turned = distribution('script', { latin: [940, 20], thai: [20, 100] })
const longer = distribution('tokens', { '0-64': [480, 10], '64-256': [480, 110] })
const v2 = [cohort('v1', [96, 960], [0, 0], -9999), cohort('v2', [0, 0], [48, 120], 2)]

const cases: readonly { readonly name: string; readonly given: TriageFacts; readonly says: string }[] = [
  { name: 'as before', given: fallen(), says: 'unchanged high inputs: inputs are distributed as before' },
  {
    name: 'two fifths in another script',
    given: fallen({ inputs: [drifted] }),
    says: 'cause medium inputs by script: inputs are others by script: latin 94 % → 58 %, thai 6 % → 42 %',
  },
  {
    name: 'nearly all in another script',
    given: fallen({ inputs: [turned] }),
    says: 'cause high inputs by script: inputs are others by script: latin 98 % → 17 %, thai 2 % → 83 %',
  },
  {
    name: 'longer first calls, and a new prompt that came then: the prompt may be what is longer',
    given: fallen({ inputs: [longer], cohorts: { prompt_version: v2 } }),
    says: 'cause low inputs by tokens: inputs are others by tokens: 0-64 50 % → 8 %, 64-256 50 % → 92 %; a new prompt or tool set makes the first call longer or shorter as well',
  },
  {
    name: 'nineteen inputs: too few to tell, so as before',
    given: fallen({ inputs: [distribution('script', { latin: [960, 0], thai: [0, 19] })] }),
    says: 'unchanged high inputs: inputs are distributed as before',
  },
  {
    name: 'an agent whose inputs are not reported',
    given: fallen({ inputs: [] }),
    says: 'cannot_tell low inputs: no feature of the inputs is reported',
  },
  {
    name: 'a Prometheus that refused the question',
    given: fallen({ inputs: [], unknown: ['inputs'] }),
    says: 'cannot_tell low inputs: Prometheus did not tell about the inputs',
  },
  {
    name: 'other inputs that are answered as well: not the cause of anything',
    given: facts({ inputs: [drifted], series: series(0.1, 0.1, 40) }),
    says: 'ruled_out medium inputs by script: inputs are others by script: latin 94 % → 58 %, thai 6 % → 42 %; but quality did not move (20 of 200 (10 %), before 192 of 1920 (10 %))',
  },
]

describe('inputs', () => {
  for (const { name, given, says } of cases) test(name, () => expect(about('input', given)[0]).toBe(says))
  test('a new prompt that is the cause comes before longer first calls', () => {
    const found = ran(fallen({ inputs: [longer], cohorts: { prompt_version: v2 } })).findings
    expect(found.slice(0, 2).map((f) => f.cause)).toEqual(['prompt', 'input'])
  })
})
