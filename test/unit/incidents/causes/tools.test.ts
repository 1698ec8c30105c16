/** Tools: errors, empty results, guards, durations; whether they explain the fall; and what did not happen. */
import { describe, expect, test } from 'vitest'
import type { TriageFacts } from '../../../../incidents/facts.ts'
import { about, BEGAN, change, counts, facts, fallen, MINUTE, ran, series, tool } from '../triage-support.ts'

const errors = (before: readonly [number, number], after: readonly [number, number]): { errors: ReturnType<typeof change> } => ({
  errors: change(counts(...before), counts(...after)),
})
const REFUSED = { blocked: change(counts(0, 1000), counts(120, 120)) }
const opened = (minute: number): NonNullable<TriageFacts['opened']>[number] => ({
  tool: 'search',
  atMs: BEGAN + minute * MINUTE,
  by: 'playbook:open-tool',
})

const cases: readonly { readonly name: string; readonly given: TriageFacts; readonly says: string | RegExp }[] = [
  {
    name: 'a tool that fails always',
    given: fallen({ tools: [tool('search', errors([10, 1000], [120, 120])), tool('order')] }),
    says: 'cause high tool search: calls of search fail in 120 of 120 (100 %), before in 10 of 1000 (1.0 %)',
  },
  {
    name: 'a tool that returns nothing, without an error',
    given: fallen({ tools: [tool('search', { empty: change(counts(50, 1000), counts(90, 120)) })] }),
    says: 'cause high tool search: calls of search return nothing in 90 of 120 (75 %), before in 50 of 1000 (5.0 %)',
  },
  {
    name: 'a tool whose calls a guard refuses: no failure of it',
    given: fallen({ tools: [tool('search', REFUSED)] }),
    says: 'ruled_out high tool search: calls of search are refused by a guard in 120 of 120 (100 %), before in 0 of 1000 (0 %): that is a guard at work, not a cause',
  },
  {
    name: 'a tool that a playbook has opened since',
    given: fallen({ tools: [tool('search', REFUSED)], opened: [opened(25)] }),
    says: /refused by a guard in .*: playbook:open-tool opened it at 12:25 UTC, after it had begun: not a cause$/,
  },
  {
    name: 'a tool that was open before',
    given: fallen({ tools: [tool('search', REFUSED)], opened: [opened(-60)] }),
    says: /^ruled_out .*: playbook:open-tool opened it at 11:00 UTC, before it began; a control, not a failure of the tool$/,
  },
  {
    name: 'a tool that failed until it was opened: still the cause',
    given: fallen({ tools: [tool('search', { ...REFUSED, ...errors([10, 1000], [50, 60]) })], opened: [opened(25)] }),
    says: /^cause high tool search: calls of search fail in 50 of 60 \(83 %\)/,
  },
  {
    name: 'a tool that takes eight times as long, for slow runs',
    given: facts({
      sli: 'duration',
      dispersion: 0.1,
      series: series(0.4, 0.5),
      tools: [tool('search', { slow: change(counts(4000, 10_000), counts(737, 1200)) })],
    }),
    says: 'cause high tool search: calls of search take longer, about 8.0 times as long as before',
  },
  {
    name: 'twelve calls that failed where fifty runs did: too small',
    given: fallen({ tools: [tool('search', errors([10, 1000], [11, 120]))] }),
    says: /^ruled_out (medium|high) tool search: .*; that is at most 27 % of the failures beyond normal: too small to be the cause$/,
  },
  {
    name: 'one call in five more: chance',
    given: fallen({ tools: [tool('search', errors([10, 100], [2, 10]))] }),
    says: 'unchanged high tool set: no new tool set; no tool fails or returns nothing more than before',
  },
  {
    name: 'a tool that was never called before: no before to compare with',
    given: fallen({ tools: [tool('search', errors([0, 0], [5, 20]))] }),
    says: /^unchanged high tool set/,
  },
  {
    name: 'failing calls, but quality did not move: not its cause',
    given: facts({ series: series(0.1, 0.1, 40), tools: [tool('search', errors([10, 1000], [60, 120]))] }),
    says: /^ruled_out high tool search: .*; but quality did not move \(20 of 200 \(10 %\), before 192 of 1920 \(10 %\)\)$/,
  },
  {
    name: 'failing calls, and too few rated runs to say whether quality moved: less sure',
    given: facts({ series: series(0.1, 0.1, 1), tools: [tool('search', errors([10, 1000], [60, 120]))] }),
    says: /^cause medium tool search: /,
  },
  {
    name: 'its own SLI: it explains itself',
    given: facts({ sli: 'tool_error', tool: 'search', series: series(0.01, 0.3), tools: [tool('search', errors([10, 1000], [36, 120]))] }),
    says: /^cause high tool search: calls of search fail in 36 of 120 \(30 %\)/,
  },
  { name: 'an agent without tools', given: fallen({ tools: [] }), says: 'unchanged high tool set: no new tool set' },
  {
    name: 'a Prometheus that refused the question',
    given: fallen({ tools: [], unknown: ['tools'] }),
    says: 'cannot_tell low tool calls: Prometheus did not tell how the calls of tools ended',
  },
]

describe('tools', () => {
  for (const { name, given, says } of cases)
    test(name, () => {
      const [found] = about('tools', given)
      if (typeof says === 'string') expect(found).toBe(says)
      else expect(found).toMatch(says)
    })
  test('of two that fail, the one that fails more comes first; p is corrected for all that was looked at', () => {
    const given = fallen({ tools: [tool('order', errors([10, 1000], [60, 120])), tool('search', errors([10, 1000], [100, 120]))] })
    const [first, second] = ran(given).findings
    expect([first!.subject, second!.subject]).toEqual(['tool search', 'tool order'])
    expect(first!.comparison!.adjustedP).toBeGreaterThan(first!.comparison!.p)
    expect(first!.query).toBe('Q calls')
  })
})
