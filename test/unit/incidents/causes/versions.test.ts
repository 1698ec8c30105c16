/** A new prompt version (tool sets and models go the same way): when it is the cause, when it is not, and when it cannot be told. */
import { describe, expect, test } from 'vitest'
import { OVERFLOW } from '../../../../model/metrics.ts'
import type { TriageFacts } from '../../../../incidents/facts.ts'
import { about, cohort, facts, fallen, ran, series, tool, change, counts, uncounted } from '../triage-support.ts'

const prompts = (
  ...prompt_version: TriageFacts['cohorts']['prompt_version']
): { cohorts: Pick<TriageFacts['cohorts'], 'prompt_version'> } => ({
  cohorts: { prompt_version },
})

interface Row {
  readonly name: string
  readonly given: TriageFacts
  readonly says: string | RegExp
}

const cases: readonly Row[] = [
  {
    name: 'a canary next to the old version fails where the old one does not: the cause, for sure',
    given: facts({ ...prompts(cohort('v1', [96, 960], [10, 96], -9999), cohort('v2', [0, 0], [14, 24], 3)) }),
    says: 'cause high prompt version v2: prompt version v2, first seen 12:03 UTC, has 20 % of the runs and fails in 14 of 24 (58 %), runs without it since it began in 10 of 96 (10 %)',
  },
  {
    name: 'a canary that is as good as the old version, whose runs fail as well: not the cause',
    given: fallen(prompts(cohort('v1', [96, 960], [38, 96], -9999), cohort('v2', [0, 0], [10, 24], 3))),
    says: 'ruled_out high prompt version v2: runs without prompt version v2 fail as often (38 of 96 (40 %); 10 of 24 (42 %) with it, 10 % before): it is not the cause',
  },
  {
    name: 'a full rollout when it began: the cause, for sure',
    given: fallen(prompts(cohort('v1', [96, 960], [0, 0], -9999), cohort('v2', [0, 0], [48, 120], 2))),
    says: 'cause high prompt version v2: prompt version v2, first seen 12:02 UTC, has 100 % of the runs since then and fails in 48 of 120 (40 %), before it was 96 of 960 (10 %)',
  },
  {
    name: 'a full rollout whose time nobody remembers: the cause, not for sure',
    given: fallen(prompts(cohort('v1', [96, 960], [0, 0]), cohort('v2', [0, 0], [48, 120]))),
    says: /^cause medium prompt version v2: .* has 100 % of the runs/,
  },
  {
    name: 'a version that came after it had begun: too late',
    given: fallen(prompts(cohort('v1', [96, 960], [38, 96], -9999), cohort('v2', [0, 0], [14, 24], 90))),
    says: 'ruled_out high prompt version v2: prompt version v2 came at 13:30 UTC, after it had begun (12:00 UTC): too late to be the cause',
  },
  {
    name: 'a version that fails more, in so few runs that the fall is not its doing: too small',
    given: fallen(prompts(cohort('v1', [96, 960], [40, 112], -9999), cohort('v2', [0, 0], [8, 8], 2))),
    says: /^ruled_out medium prompt version v2: .* makes only 20 % of the failures beyond normal: too small to be the cause$/,
  },
  {
    name: 'a version that came two hours before and ran well until then: something else came later',
    given: fallen(prompts(cohort('v1', [88, 880], [0, 0], -9999), cohort('v2', [8, 80], [48, 120], -120))),
    says: 'ruled_out medium prompt version v2: prompt version v2, first seen 10:00 UTC, ran well at first (8 of 80 (10 %) failed before it began, 48 of 120 (40 %) since): something else came later',
  },
  {
    name: 'a version that most runs of the day before had: not new',
    given: fallen(prompts(cohort('v1', [16, 160], [0, 0], -9999), cohort('v2', [80, 800], [48, 120], -1200))),
    says: 'unchanged high prompt version: no new prompt version',
  },
  {
    name: 'a deploy that changes nothing: no worse than before',
    given: facts({ ...prompts(cohort('v1', [96, 960], [0, 0], -9999), cohort('v2', [0, 0], [12, 120], 2)) }),
    says: 'ruled_out medium prompt version v2: prompt version v2 is new and fails no more than before (12 of 120 (10 %), before 96 of 960 (10 %))',
  },
  {
    name: 'a version with four runs: cannot be told, and how many it takes',
    given: facts({ ...prompts(cohort('v1', [96, 960], [12, 116], -9999), cohort('v2', [0, 0], [1, 4], 2)) }),
    says: /^cannot_tell low prompt version v2: prompt version v2 is new, but has 4 rated runs \(1 of 4 \(25 %\)\): too few to tell$/,
  },
  {
    name: 'what overflowed the limit of label values is no version',
    given: fallen(prompts(cohort('v1', [96, 960], [0, 0], -9999), cohort(OVERFLOW, [0, 0], [48, 120], 2))),
    says: 'unchanged high prompt version: no new prompt version',
  },
  {
    name: 'an agent that reports no version',
    given: fallen(prompts(cohort('', [96, 960], [48, 120]))),
    says: 'cannot_tell low prompt version: no prompt version is reported, so a change of it cannot be seen',
  },
  {
    name: 'a Prometheus that refused the question: nothing follows from its silence',
    given: fallen({ ...prompts(), unknown: ['cohorts'] }),
    says: 'cannot_tell low prompt version: Prometheus did not tell which prompt version the runs had',
  },
]

describe('a new version', () => {
  for (const { name, given, says } of cases)
    test(name, () => {
      const found = about('prompt', given)
      expect(found).toHaveLength(1)
      if (typeof says === 'string') expect(found[0]).toBe(says)
      else expect(found[0]).toMatch(says)
    })
  test('tool sets and models go the same way, under their own causes', () => {
    const was = cohort('old', [96, 960], [10, 96], -9999)
    const is = cohort('new', [0, 0], [14, 24], 3)
    const found = ran(facts({ cohorts: { tools_version: [was, is], model: [was, is] } })).findings
    expect(found.filter((f) => f.verdict === 'cause').map((f) => [f.cause, f.subject, f.query])).toEqual([
      ['tools', 'tool set new', 'Q tools'],
      ['model', 'model new', 'Q model'],
    ])
  })
  test('how many more runs it takes is told by number, too', () => {
    const [found] = ran(facts({ ...prompts(cohort('v1', [96, 960], [12, 116], -9999), cohort('v2', [0, 0], [1, 4], 2)) })).findings
    expect(found!.runsNeeded).toBeGreaterThan(10)
    expect(found!.runsNeeded).toBeLessThan(400)
  })
})

describe('where the SLI is not counted by version', () => {
  const costs = (v2: ReturnType<typeof uncounted>, more: Partial<TriageFacts> = {}): TriageFacts =>
    facts({
      sli: 'cost',
      dispersion: 0.1,
      series: series(0.4, 0.5),
      ...prompts(uncounted('v1', 960, 120 - v2.runs.after, -9999), v2),
      ...more,
    })
  for (const [name, given, says] of [
    [
      'it came to all runs when it began: the cause, by time alone',
      costs(uncounted('v2', 0, 120, 2)),
      'cause medium prompt version v2: prompt version v2, first seen 12:02 UTC, has 100 % of the runs since then and came when the rise of cost per run began; that is not counted by version, so only the time says so',
    ],
    [
      'a fifth of the runs have it: with little confidence',
      costs(uncounted('v2', 0, 24, 2)),
      /^cause low prompt version v2: .* has 20 % of the runs/,
    ],
    [
      'it came an hour before: not the cause',
      costs(uncounted('v2', 40, 120, -60)),
      /^ruled_out medium prompt version v2: .* but came well before the rise, which began about 12:00 UTC$/,
    ],
    [
      'costs did not move: nothing to explain',
      costs(uncounted('v2', 0, 120, 2), { series: series(0.4, 0.4) }),
      'ruled_out low prompt version v2: prompt version v2 is new, and cost per run of all runs together did not move',
    ],
    ['nobody remembers when it came', costs(uncounted('v2', 0, 120)), /^cannot_tell low prompt version v2: .* the times are not known$/],
  ] as const)
    test(name, () => {
      const [found] = about('prompt', given)
      if (typeof says === 'string') expect(found).toBe(says)
      else expect(found).toMatch(says)
    })
})

describe('several at once', () => {
  const v2 = [cohort('v1', [96, 960], [0, 0], -9999), cohort('v2', [0, 0], [48, 120], 2)] as const
  const t2 = [cohort('t1', [96, 960], [0, 0], -9999), cohort('t2', [0, 0], [48, 120], 4)] as const
  test('prompt and tool set of one deploy: both, and that time cannot tell them apart', () => {
    const given = fallen({ cohorts: { prompt_version: v2, tools_version: t2 } })
    expect(about('prompt', given)[0]).toMatch(/^cause medium .*; tool set t2 came with it, and time alone cannot tell them apart$/)
    expect(about('tools', given)[0]).toMatch(/^cause medium .*; prompt version v2 came with it, and time alone cannot tell them apart$/)
    expect(ran(given).summary).toMatch(/^prompt \(medium confidence\): .* Also: tools \(medium\): /)
  })
  test('a tool whose failures explain the fall outweighs a version that came at that time', () => {
    const broken = tool('search', { errors: change(counts(10, 1000), counts(100, 120)) })
    const given = fallen({ cohorts: { prompt_version: v2 }, tools: [broken] })
    expect(
      ran(given)
        .findings.slice(0, 2)
        .map((f) => [f.cause, f.confidence]),
    ).toEqual([
      ['tools', 'high'],
      ['prompt', 'medium'],
    ])
    expect(about('prompt', given)[0]).toMatch(/; tool search alone would explain the rise$/)
  })
  test('a canary that is worse side by side outweighs a new tool set for all', () => {
    const canary = [cohort('v1', [96, 960], [10, 60], -9999), cohort('v2', [0, 0], [38, 60], 2)]
    const given = fallen({ cohorts: { prompt_version: canary, tools_version: t2 } })
    expect(
      ran(given)
        .findings.slice(0, 2)
        .map((f) => [f.cause, f.confidence]),
    ).toEqual([
      ['prompt', 'high'],
      ['tools', 'medium'],
    ])
  })
})
