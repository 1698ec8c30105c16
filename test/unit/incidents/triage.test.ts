/** The answer in one sentence: a cause, several, nothing, or what is missing to tell. Findings come best first. */
import { describe, expect, test } from 'vitest'
import type { TriageFacts } from '../../../incidents/facts.ts'
import { BEGAN, change, cohort, counts, facts, fallen, MINUTE, ran, series, tool } from './triage-support.ts'

const v2 = [cohort('v1', [96, 960], [0, 0], -9999), cohort('v2', [0, 0], [48, 120], 2)]

const cases: readonly { readonly name: string; readonly given: TriageFacts; readonly says: string | RegExp }[] = [
  {
    name: 'one cause',
    given: fallen({ cohorts: { prompt_version: v2 } }),
    says: 'prompt (high confidence): prompt version v2, first seen 12:02 UTC, has 100 % of the runs since then and fails in 48 of 120 (40 %), before it was 96 of 960 (10 %). It began about 12:00 UTC.',
  },
  {
    name: 'nothing changed',
    given: facts({ series: series(0.1, 0.1, 40) }),
    says: 'nothing changed: 20 of 200 (10 %) since, 192 of 1920 (10 %) before.',
  },
  {
    name: 'too few since then to see a change at all',
    given: facts({ series: series(0.1, 0.15, 20) }),
    says: /^cannot tell: \d+ more are needed to see a change at all \(/,
  },
  {
    name: 'quality fell, and nothing that is known changed',
    given: fallen(),
    says: 'cannot tell: it changed (48 of 120 (40 %) since, 96 of 960 (10 %) before), but neither prompt, tools, model nor input did as far as is known. It began about 12:00 UTC.',
  },
  {
    name: '… but the code was deployed',
    given: fallen({ cohorts: { agent_version: [cohort('1.0', [96, 960], [0, 0], -9999), cohort('1.1', [0, 0], [48, 120], 2)] } }),
    says: / Agent version 1\.1 came when it began: look at what was deployed with it\. It began about 12:00 UTC\.$/,
  },
  {
    name: 'too few before',
    given: facts({ series: series(0.1, 0.2, 0.2) }),
    says: /^cannot tell: there were too few before it began to see a change at all \(/,
  },
  { name: 'no runs at all', given: facts({ series: [] }), says: /^cannot tell: there are no quality counts before it began\.$/ },
  {
    name: 'a canary with four runs',
    given: facts({ cohorts: { prompt_version: [cohort('v1', [96, 960], [12, 116], -9999), cohort('v2', [0, 0], [1, 4], 2)] } }),
    says: /^cannot tell yet: \d+ more runs are needed \(/,
  },
]

describe('the sentence', () => {
  for (const { name, given, says } of cases)
    test(name, () => {
      if (typeof says === 'string') expect(ran(given).summary).toBe(says)
      else expect(ran(given).summary).toMatch(says)
    })
})

test('the onset is found in the counts, not taken from the alert', () => {
  const { onset } = ran(fallen({ startedMs: BEGAN + 150 * MINUTE }))
  expect(onset).toMatchObject({ atMs: BEGAN })
})

test('causes come first, then what cannot be told, then what is ruled out, then what did not change', () => {
  const given = fallen({
    cohorts: { prompt_version: [...v2.slice(0, 1), cohort('v2', [0, 0], [14, 24], 90)], model: [] },
    tools: [tool('search', { errors: change(counts(10, 1000), counts(100, 120)) })],
  })
  expect(ran(given).findings.map((f) => f.verdict)).toEqual(['cause', 'cannot_tell', 'ruled_out', 'unchanged'])
})

test('gaps are handed on, and nothing that only weighing needs', () => {
  const found = ran(fallen({ gaps: ['part of the data may be missing: store down'], cohorts: { prompt_version: v2 } }))
  expect(found.gaps).toEqual(['part of the data may be missing: store down'])
  for (const f of found.findings) expect(Object.keys(f)).not.toEqual(expect.arrayContaining(['basis']))
})
