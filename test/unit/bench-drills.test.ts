/** The report of drills: what is measured goes between the marks, misses included, and nothing else of the document is touched. */
import { expect, test } from 'vitest'
import type { DrillResult, Observed } from '../../app/drill/observed.ts'
import { measured, withMeasured } from '../../bench/drills/report.ts'

const T0 = Date.parse('2026-12-01T08:00:00Z')
const observed: Observed = {
  drill: 'tool-failing',
  agent: 'drill-tool-failing',
  startedMs: T0,
  endedMs: T0 + 60_000,
  early: [],
  hasBaseline: true,
  runs: 10,
  alerts: ['AgentToolFailing'],
  named: { atMs: T0 + 8000, cause: 'tools', confidence: 'high', text: 'fails' },
  causes: [],
  summary: 'tools (high confidence): search fails.',
  actions: [],
  checks: [],
  pages: [],
}
const passed: DrillResult = {
  drill: 'tool-failing',
  what: 'a tool fails',
  outcome: 'passed',
  misses: [],
  detectSeconds: 7,
  attribution: 'right',
  observed,
}
const { named: _, summary: __, ...unnamed } = observed
const failed: DrillResult = {
  ...passed,
  drill: 'loop',
  outcome: 'failed',
  misses: ['not attributed within 120 s: there was no triage'],
  attribution: 'not named',
  observed: unnamed,
}
const text = measured(
  { results: [passed, failed], sdk: 'openai 6', startedMs: T0, endedMs: T0 + 600_000, load: { average: 3.4, cores: 2 } },
  { agentopz: '0.1.0' },
)

test('when, with what, how many passed, how many causes were right', () => {
  expect(text).toContain(
    '2026-12-01 08:00 UTC, 2 drills in 10 minutes. agentopz 0.1.0, SDK of the agents openai 6; 2 cores with a load of 3.',
  )
  expect(text).toContain('1 of 2 drills passed; the right cause was named first in 1 of 2 that have one.')
})
test('a row each, and every miss', () => {
  expect(text).toContain('| tool-failing | passed | 7.0 s | – | – | – | AgentToolFailing | tools (high), right |')
  expect(text).toContain('Missed:\n\n- **loop**: not attributed within 120 s: there was no triage\n')
  expect(text).toContain('- **tool-failing**: tools (high confidence): search fails.')
})
test('into the document, again and again', () => {
  const document = 'before\n\n<!-- measured: npm run drill:report -->\n\nold\n\n<!-- end -->\nafter\n'
  const once = withMeasured(document, 'new')
  expect(once).toBe('before\n\n<!-- measured: npm run drill:report -->\n\nnew\n\n<!-- end -->\nafter\n')
  expect(withMeasured(once, 'new')).toBe(once)
  expect(() => withMeasured('no marks', 'new')).toThrow(/put them back/)
})
