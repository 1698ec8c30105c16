/** What is said of a drill: every way to miss something, and that nothing else is one. */
import { describe, expect, test } from 'vitest'
import type { DrillClass, IncidentClass } from '../../../../app/drill/drill-class.ts'
import { judge, type Observed } from '../../../../app/drill/observed.ts'
import { recordOf } from '../../../../app/drill/record.ts'
import { tableText } from '../../../../app/drill/report.ts'

const T0 = 1_800_000_000_000
const at = (seconds: number): number => T0 + seconds * 1000
const nothing = (): Promise<void> => Promise.resolve()

const byAction: IncidentClass = {
  kind: 'incident',
  name: 'tool-failing',
  what: 'a tool fails',
  usualHours: 3,
  alerts: ['AgentToolFailing'],
  causes: ['tools'],
  action: 'open_tool',
  inject: nothing,
  repair: nothing,
}
const { action: _, ...byRepair } = byAction
const silent: IncidentClass = { ...byRepair, name: 'silent-agent', alerts: ['AgentSilent'], causes: [] }
const three: IncidentClass = { ...byRepair, name: 'overlapping', causes: ['prompt', 'tools'], namesAll: true }
const rehearsal: DrillClass = {
  kind: 'rehearsal',
  name: 'rollback-rehearsal',
  what: 'a rollback',
  usualHours: 0.2,
  rehearse: () => Promise.resolve([]),
}

const well: Observed = {
  drill: 'tool-failing',
  agent: 'drill-tool-failing',
  startedMs: at(-180),
  endedMs: at(40),
  early: [],
  hasBaseline: true,
  injectedMs: T0,
  runs: 100,
  alerts: ['AgentToolFailing'],
  incident: 'inc_1',
  detectedMs: at(7),
  named: { atMs: at(8), cause: 'tools', confidence: 'high', text: 'tool search fails' },
  causes: [{ cause: 'tools', confidence: 'high' }],
  summary: 'tools: tool search fails',
  actions: [{ kind: 'open_tool', target: 'search', actor: 'playbook:open', atMs: at(9) }],
  recoveredMs: at(30),
  checks: [],
  pages: [],
}
const repaired: Observed = { ...well, actions: [], repairedMs: at(12) }
const without = (o: Observed, ...keys: readonly (keyof Observed)[]): Observed =>
  Object.fromEntries(Object.entries(o).filter(([key]) => !keys.some((k) => k === key))) as unknown as Observed

describe('what passed', () => {
  test('by an action: seconds since the injection', () =>
    expect(judge(byAction, well)).toMatchObject({
      outcome: 'passed',
      misses: [],
      attribution: 'right',
      detectSeconds: 7,
      attributeSeconds: 8,
      mitigateSeconds: 9,
      recoverSeconds: 30,
    }))
  test('by a repair, where nothing can be taken back', () =>
    expect(judge(byRepair, repaired)).toMatchObject({ outcome: 'passed', mitigateSeconds: 12 }))
  test('nothing changed about the agent: no cause is right, a faint one is none', () => {
    const quiet = { ...without(repaired, 'named'), alerts: ['AgentSilent'], causes: [] }
    expect(judge(silent, quiet)).toMatchObject({ outcome: 'passed', attribution: 'none to name' })
    const faint = { atMs: at(9), cause: 'input', confidence: 'low', text: 'inputs' } as const
    expect(judge(silent, { ...quiet, named: faint })).toMatchObject({ outcome: 'passed', attribution: 'none to name' })
  })
  test('a rehearsal whose every look was well', () =>
    expect(judge(rehearsal, { ...without(well, 'named'), checks: [{ ok: true, text: 'all 3 runs' }] })).toMatchObject({
      outcome: 'passed',
    }))
})

describe('what is missed', () => {
  const cases: readonly (readonly [name: string, drill: DrillClass, seen: Observed, miss: RegExp])[] = [
    ['there is no baseline', byAction, { ...well, hasBaseline: false }, /^not begun: there was no baseline after 240 s$/],
    ['it is not detected', byAction, { ...without(well, 'detectedMs'), alerts: [] }, /^not detected within 150 s$/],
    ['another alert fires', byAction, { ...well, alerts: ['AgentCostShift'] }, /^detected by AgentCostShift, and not by AgentToolFailing$/],
    ['no cause is named', byAction, without(well, 'named'), /^not attributed within 120 s: tools: tool search fails$/],
    [
      'the wrong one is named first',
      byAction,
      { ...well, named: { atMs: at(8), cause: 'prompt', confidence: 'medium', text: 'version 2' } },
      /^prompt was named first with medium confidence; right would be tools: version 2$/,
    ],
    [
      'one is named where nothing changed',
      silent,
      { ...repaired, alerts: ['AgentSilent'] },
      /^tools was named first with high confidence; nothing of the agent had changed/,
    ],
    ['one of several is not named', three, repaired, /^not named among the causes: prompt$/],
    ['no playbook acts', byAction, { ...well, actions: [] }, /^not mitigated within 90 s: no playbook did open_tool$/],
    [
      'a playbook does something else',
      byRepair,
      { ...repaired, actions: well.actions },
      /^playbook:open did open_tool search, which would not help$/,
    ],
    ['it does not recover', byAction, without(well, 'recoveredMs'), /^not recovered within 240 s$/],
    ['there was an incident before', byAction, { ...well, early: ['cost'] }, /^an incident was opened before anything was done: cost$/],
    ['somebody is paged', byAction, { ...well, pages: ['AgentToolFailing to pager'] }, /^somebody was told: AgentToolFailing to pager$/],
    ['a look of a rehearsal was not well', rehearsal, { ...well, checks: [{ ok: false, text: '2 of 3 runs' }] }, /^2 of 3 runs$/],
    ['a rehearsal was not held', rehearsal, well, /^not looked at$/],
  ]
  for (const [name, drill, seen, miss] of cases)
    test(name, () => {
      const { outcome, misses } = judge(drill, seen)
      expect([outcome, misses]).toEqual(['failed', [expect.stringMatching(miss)]])
    })
})

test('an interrupted drill says why, and does not say that what was to come did not', () => {
  const seen = { ...without(well, 'detectedMs', 'named', 'recoveredMs'), alerts: [], early: ['cost'], interrupted: 'it was stopped' }
  expect(judge(byAction, seen)).toMatchObject({
    outcome: 'interrupted',
    misses: ['an incident was opened before anything was done: cost', 'interrupted: it was stopped'],
  })
})

test('as a record: a stand-in has no agent of its own, and what was not reached is absent', () => {
  const { detectedMs: __, ...rest } = well
  expect(recordOf(judge(byAction, rest), '0.1.0')).toEqual({
    id: `drill_tool-failing_${at(-180)}`,
    drill: 'tool-failing',
    agent: '',
    environment: 'drill',
    startedMs: at(-180),
    endedMs: at(40),
    outcome: 'failed',
    misses: ['not detected within 150 s'],
    version: '0.1.0',
    attributedMs: at(8),
    mitigatedMs: at(9),
    recoveredMs: at(30),
  })
})

test('actions that help in part are no mistake, and every cause that was named is in the table', () => {
  const helped: Observed = {
    ...repaired,
    actions: well.actions,
    causes: [
      { cause: 'prompt', confidence: 'medium' },
      { cause: 'tools', confidence: 'high' },
    ],
  }
  const result = judge({ ...three, helps: ['open_tool'] }, helped)
  expect([result.outcome, tableText([result])]).toEqual(['passed', expect.stringContaining('tools (high), right; also prompt (medium)')])
})

test('the table: a dash for what is not known, and the misses below it', () =>
  expect(tableText([judge(byAction, well), judge(byAction, { ...without(well, 'detectedMs', 'named'), alerts: [] })])).toBe(
    [
      'drill         outcome  detected  attributed  mitigated  recovered  by alert          cause named first',
      'tool-failing  passed   7.0 s     8.0 s       9.0 s      30.0 s     AgentToolFailing  tools (high), right',
      'tool-failing  failed   –         –           9.0 s      30.0 s     –                 –',
      '',
      'tool-failing: not detected within 150 s',
      '1 of 2 drills passed',
    ].join('\n'),
  ))
