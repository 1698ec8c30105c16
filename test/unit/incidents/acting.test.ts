/** The record of actions, step by step: proposals that come and go, what the timeline says and what it does not repeat, conflicts, and which indicator. */
import { describe, expect, test } from 'vitest'
import {
  actionOf,
  auditIdOf,
  begun,
  conflictOf,
  gaveUp,
  inForce,
  isUnsettled,
  refusedAction,
  triaged,
  verified,
  withAction,
  withDecisions,
} from '../../../incidents/acting.ts'
import { indicatorOf } from '../../../incidents/indicator.ts'
import { applyAlerts } from '../../../incidents/lifecycle.ts'
import type { Decision } from '../../../incidents/playbooks.ts'
import { NO_INCIDENTS } from '../../../incidents/state.ts'
import { turnOf } from '../../../incidents/turning.ts'
import type { Action, Incident, Triage, Verification } from '../../../model/incident.ts'
import { at, lines, settings, told } from './support.ts'

function incidentOf(...alerts: readonly ReturnType<typeof told>[]): Incident {
  const [incident] = applyAlerts(NO_INCIDENTS, alerts, at(5), settings()).state.incidents.values()
  if (incident === undefined) throw new Error('no incident')
  return incident
}
const fresh = (): Incident => incidentOf(told('AgentQualityDrop', 0, { labels: { sli: 'quality' } }))
const decision = (more: Partial<Extract<Decision, { verdict: 'proposes' | 'acts' }>> = {}): Decision => ({
  playbook: 'p',
  verdict: 'proposes',
  text: 'roll back',
  step: { kind: 'rollback_release' },
  target: 'v7',
  reason: 'v8 fails',
  cause: 'prompt',
  conditions: [{ holds: false, text: 'the mode is suggest' }],
  ...more,
})
const waits: Decision = { playbook: 'p', verdict: 'waits', text: 'cannot tell' }

describe('proposals', () => {
  test('the same proposal again changes nothing', () => {
    const once = withDecisions(fresh(), [decision()], at(6))
    expect(withDecisions(once, [decision()], at(7))).toBe(once)
    expect(lines(once).at(-1)).toBe('6 proposed: act_1: roll back')
  })
  test('nearer to acting: the numbers change, the timeline does not', () => {
    const once = withDecisions(fresh(), [decision()], at(6))
    const twice = withDecisions(once, [decision({ conditions: [{ holds: false, text: '19 of 20 runs' }] })], at(7))
    expect([twice.timeline === once.timeline, actionOf(twice, 'act_1')?.because]).toEqual([true, '19 of 20 runs'])
  })
  test('not called for any more: withdrawn, with why; called for again: the same one, told once', () => {
    const once = withDecisions(fresh(), [decision()], at(6))
    const gone = withDecisions(once, [waits], at(7))
    expect(actionOf(gone, 'act_1')).toMatchObject({ state: 'withdrawn', because: 'cannot tell' })
    const again = withDecisions(gone, [decision()], at(8))
    expect(again.actions.map((a) => [a.id, a.state])).toEqual([['act_1', 'proposed']])
    expect(again.timeline).toBe(once.timeline)
  })
  test('of a playbook that is not configured any more', () => {
    const gone = withDecisions(withDecisions(fresh(), [decision()], at(6)), [], at(7))
    expect(actionOf(gone, 'act_1')?.because).toBe('p is not configured any more, or no longer about this incident')
  })
  test('what was done is not withdrawn', () => {
    const done = begun(withDecisions(fresh(), [decision()], at(6)), 'act_1', { actor: 'ana', ref: 'release:v7', from: 'v8' }, at(7))
    expect(actionOf(withDecisions(done, [waits], at(8)), 'act_1')?.state).toBe('started')
  })
})

describe('an action', () => {
  const started = (): Incident =>
    begun(withDecisions(fresh(), [decision()], at(6)), 'act_1', { actor: 'ana', ref: 'release:v7', from: 'v8' }, at(7))
  test('is begun, done, and told once whoever tells it', () => {
    const entry = { atMs: at(7), kind: 'action', text: 'rolled back', actor: 'ana', ref: 'release:v7' } as const
    const done = inForce(inForce(started(), 'act_1', entry, at(7)), 'act_1', entry, at(7))
    expect(actionOf(done, 'act_1')).toMatchObject({ state: 'in_force', actor: 'ana', from: 'v8', playbook: 'p', cause: 'prompt' })
    expect(lines(done).filter((l) => l.includes('rolled back'))).toHaveLength(1)
  })
  test('is refused, and the timeline says why', () => {
    const no = refusedAction(started(), 'act_1', 'v8 is not active', at(8))
    expect([actionOf(no, 'act_1')?.state, lines(no).at(-1)]).toEqual([
      'refused',
      '8 note: act_1 (rollback_release v7) was refused: v8 is not active',
    ])
  })
  test('has the same id in the audit whenever it is asked, and another for its undo', () => {
    const of = { id: 'act_1', kind: 'rollback_release' } as const
    expect(auditIdOf({ id: 'inc_1' }, of)).toBe(auditIdOf({ id: 'inc_1' }, of))
    const ids = [
      auditIdOf({ id: 'inc_1' }, of),
      auditIdOf({ id: 'inc_1' }, of, true),
      auditIdOf({ id: 'inc_2' }, of),
      auditIdOf({ id: 'inc_1' }, { ...of, kind: 'open_tool' }),
    ]
    expect(new Set(ids).size).toBe(4)
    expect(ids.map((id) => id.slice(0, 4))).toEqual(['rel_', 'und_', 'rel_', 'ctl_'])
  })
  test('collides with one like it while that is not settled', () => {
    const [one] = withAction(fresh(), { kind: 'open_tool', target: 'search', reason: '', actor: 'ana' }, 'in_force', at(6))
    const hits = (kind: Action['kind'], target: string): boolean => conflictOf(one, { kind, target }) !== undefined
    expect([hits('open_tool', 'search'), hits('open_tool', 'order'), hits('rollback_release', 'v7')]).toEqual([true, false, false])
    const rolled = started()
    expect(conflictOf(rolled, { kind: 'activate_release', target: 'v3' })?.id).toBe('act_1')
  })
})

describe('a verdict', () => {
  const v = (verdict: Verification['verdict'], text: string): Verification => ({ verdict, text, runsSeen: 1, runsNeeded: 50, atMs: at(9) })
  const done = (): Incident => withAction(fresh(), { kind: 'open_tool', target: 'search', reason: '', actor: 'ana' }, 'in_force', at(6))[0]
  for (const [verdict, state, said] of [
    ['waiting', 'in_force', undefined],
    ['unknown', 'in_force', '9 note: act_1: so'],
    ['contained', 'in_force', '9 verified: act_1: so'],
    ['recovered', 'verified', '9 verified: act_1: so'],
    ['not_recovered', 'failed', '9 not_recovered: act_1: so'],
  ] as const)
    test(`${verdict}: ${state}`, () => {
      const after = verified(done(), 'act_1', v(verdict, 'so'))
      expect([actionOf(after, 'act_1')?.state, lines(after).filter((l) => l.includes('act_1'))[0]]).toEqual([state, said])
    })
  test("given up: it stays, a person is asked, and it is in nobody's way", () => {
    const after = gaveUp(done(), 'act_1', v('unknown', 'not known'))
    expect(actionOf(after, 'act_1')).toMatchObject({ state: 'in_force', escalated: true, verification: { verdict: 'unknown' } })
    expect(lines(after)).toContain('9 note: act_1 needs a person: not known')
    expect(after.actions.map(isUnsettled)).toEqual([false])
    expect(conflictOf(after, { kind: 'open_tool', target: 'search' })).toBeUndefined()
  })
  test('other numbers of the same verdict are not told again', () => {
    const once = verified(done(), 'act_1', v('unknown', 'it is down'))
    expect(verified(once, 'act_1', v('unknown', 'it is slow')).timeline).toBe(once.timeline)
  })
})

describe('a triage', () => {
  const of = (summary: string, findings: Triage['findings'] = []): Triage => ({ atMs: at(6), sli: 'quality', findings, summary, gaps: [] })
  test('with other numbers is not told again; with another answer it is', () => {
    const once = triaged(fresh(), of('cannot tell yet: 40 more runs are needed'))
    expect(triaged(once, of('cannot tell yet: 12 more runs are needed')).timeline).toBe(once.timeline)
    expect(lines(triaged(once, of('nothing changed'))).at(-1)).toBe('6 triaged: nothing changed')
  })
})

describe('which indicator an incident is about', () => {
  for (const [name, alerts, indicator] of [
    [
      'that of its alert',
      [told('AgentToolFailing', 0, { labels: { sli: 'tool_error', tool: 'search' } })],
      { sli: 'tool_error', tool: 'search' },
    ],
    [
      'that of the alert that explains the others',
      [told('AgentQualityDrop', 0, { labels: { sli: 'quality' } }), told('AgentTruncationSpike', 1, { labels: { sli: 'truncation' } })],
      { sli: 'truncation' },
    ],
    [
      'of an evaluation, which',
      [told('AgentQualityDrop', 0, { labels: { sli: 'evaluation', evaluation: 'grounded' } })],
      { sli: 'evaluation', evaluation: 'grounded' },
    ],
    ['of a runaway, its measure', [told('AgentRunaway', 0, { labels: { measure: 'steps' } })], { sli: 'steps' }],
    ['of a missed objective', [told('AgentObjectiveMissed', 0, { labels: { objective: 'cost', severity: 'warning' } })], { sli: 'cost' }],
    ['of a worse version', [told('AgentVersionRegression', 0)], { sli: 'quality' }],
    ['none of silence', [told('AgentSilent', 0)], undefined],
    ['nor are words that every object has', [told('constructor', 0, { labels: { measure: 'toString', objective: 'valueOf' } })], undefined],
    ['a label that is no indicator is none', [told('AgentLooping', 0, { labels: { sli: 'constructor' } })], undefined],
  ] as const)
    test(name, () => expect(indicatorOf(incidentOf(...alerts))).toEqual(indicator))
})

describe('when it turned', () => {
  test('nothing was done and its alerts fire: it did not', () => expect(turnOf(fresh())).toBeUndefined())
  test('the last change since it began; what came before is no repair', () => {
    const change = (minute: number, text: string): Incident['timeline'][number] => ({ atMs: at(minute), kind: 'change', text })
    const of = { ...fresh(), timeline: [change(-10, 'release v8 was activated'), change(10, 'release v9 was activated')] }
    expect(turnOf(of)).toEqual({ atMs: at(10), text: 'release v9 was activated' })
    expect(turnOf({ ...of, timeline: of.timeline.slice(0, 1) })).toBeUndefined()
  })
  test('the end of its last alert', () => {
    expect(turnOf(incidentOf(told('AgentRunErrors', 0, { endMinute: 4 })))).toEqual({ atMs: at(4), text: 'its last alert ended' })
  })
})
