/** Looking again after something was done: what stands, what is added, what is not taken for news, and which time is explained. */
import { describe, expect, test } from 'vitest'
import { explainedSpan, openedTools, standingActions, withFurther } from '../../../incidents/further.ts'
import type { Control } from '../../../model/control.ts'
import type { Action, Finding, Incident, Triage } from '../../../model/incident.ts'
import { at, MINUTE } from './support.ts'
import { cohort, fallen, facts, ran, series } from './triage-support.ts'

const finding = (subject: string, more: Partial<Finding> = {}): Finding => ({
  cause: 'prompt',
  verdict: 'cause',
  confidence: 'high',
  subject,
  text: `${subject} fails`,
  query: 'Q',
  ...more,
})
const triage = (...findings: readonly Finding[]): Triage => ({ atMs: at(30), sli: 'quality', findings, summary: 'before', gaps: [] })
const action = (more: Partial<Action> = {}): Action => ({
  id: 'act_1',
  kind: 'rollback_release',
  target: 'v7',
  state: 'in_force',
  reason: '',
  actor: 'playbook:p',
  atMs: at(20),
  ref: 'r',
  ...more,
})
const incident = (actions: readonly Action[], more: Partial<Incident> = {}): Incident =>
  ({ startedMs: at(10), actions, timeline: [], ...more }) as unknown as Incident
const PAUSE = MINUTE
const subjects = (t: Triage): readonly string[] => t.findings.map((f) => f.subject)

describe('what is found later', () => {
  const v8 = finding('prompt version v8')
  const further = (...found: readonly Finding[]): Triage => withFurther(triage(v8), triage(...found), [action()], PAUSE)
  test('is added, and what was found before stays first', () => {
    const tool = finding('tool search', { cause: 'tools' })
    expect(subjects(further(tool))).toEqual(['prompt version v8', 'tool search'])
    expect(further(tool).summary).toBe('prompt (high confidence): prompt version v8 fails. Also: tools (high): tool search fails.')
  })
  const former = triage(v8)
  const nothing: readonly { readonly name: string; readonly found: Finding }[] = [
    { name: 'with low confidence', found: finding('model m2', { cause: 'model', confidence: 'low' }) },
    { name: 'ruled out', found: finding('model m2', { cause: 'model', verdict: 'ruled_out' }) },
    { name: 'the same again', found: v8 },
    { name: 'by elimination', found: finding('model behind the same name', { cause: 'model' }) },
    { name: 'the release that was gone to', found: finding('prompt version v7') },
    { name: 'what came with the action', found: finding('model m2', { cause: 'model', changedMs: at(20) + 5000 }) },
  ]
  for (const { name, found } of nothing)
    test(`is nothing: ${name}`, () => {
      expect(withFurther(former, triage(found), [action()], PAUSE)).toBe(former)
    })
  test('is added where it came with an action that brings no other versions', () => {
    const model = finding('model m2', { cause: 'model', changedMs: at(20) + 5000 })
    const done = action({ kind: 'open_tool', target: 'search' })
    expect(subjects(withFurther(former, triage(model), [done], PAUSE))).toEqual(['prompt version v8', 'model m2'])
  })
  test('of the same thing counts where it is surer, or as sure from more runs', () => {
    const runs = (n: number): Partial<Finding> => ({
      comparison: { bad: [1, n / 2], total: [100, n], difference: 0.5, interval: [0.4, 0.6], p: 0 },
    })
    const one = (known: Partial<Finding>, found: Partial<Finding>): Finding | undefined => {
      const search = (f: Partial<Finding>): Triage => triage(finding('tool search', { cause: 'tools', ...f }))
      return withFurther(search(known), search(found), [action()], PAUSE).findings[0]
    }
    expect(one({ confidence: 'medium', ...runs(90) }, runs(50))?.confidence).toBe('high')
    expect(one(runs(50), runs(70))?.comparison?.total[1]).toBe(70)
    expect(one(runs(50), { confidence: 'medium', ...runs(90) })?.comparison?.total[1]).toBe(50)
  })
})

describe('the time that is explained', () => {
  test('lasts from the onset until what had begun by the last action is over', () => {
    const of = incident([], { triage: { ...triage(), onset: { atMs: at(9), fromMs: at(8), toMs: at(10) } } })
    expect(explainedSpan(of, [action(), action({ atMs: at(25) })], PAUSE)).toEqual({ fromMs: at(8), toMs: at(26) })
  })
  test('begins with the first change that is named, where the onset is that of a later one', () => {
    const named = triage(finding('prompt version v8', { changedMs: at(2), confidence: 'low' }), finding('tool search'))
    const of = incident([], { triage: { ...named, onset: { atMs: at(9), fromMs: at(8), toMs: at(10) } } })
    expect(explainedSpan(of, [action()], PAUSE).fromMs).toBe(at(2))
  })
  test('and until the agent is on again', () => {
    const off = action({ kind: 'disable_agent', state: 'undone', undo: { actor: 'ana', reason: '', atMs: at(40) } })
    expect(explainedSpan(incident([off]), [action()], PAUSE)).toEqual({ fromMs: at(10), toMs: at(41) })
  })
  test('what was done before a relapse, was undone or has helped explains nothing', () => {
    const later = action({ id: 'act_2', atMs: at(50) })
    const actions = [action(), later, action({ state: 'undone', atMs: at(51) }), action({ state: 'verified', atMs: at(52) })]
    const timeline = [{ atMs: at(45), kind: 'reopened', text: '' }] as const
    expect(standingActions({ actions, timeline })).toEqual([later])
    expect(standingActions({ actions: [action({ state: 'failed' })], timeline: [] })).toHaveLength(1)
  })
  test('a version that came within it fits the rise, although the first one began before', () => {
    // Another model from minute 50 on; the prompt of minute 0 was rolled back at minute 60.
    const model = [cohort('m1', [96, 960], [0, 0], -30_000), cohort('m2', [0, 0], [32, 80], 50)]
    const given = { cohorts: { model } }
    expect(ran(fallen(given)).findings.find((f) => f.subject === 'model m2')).toMatchObject({ verdict: 'ruled_out' })
    const all = series(0.1, 0.4)
    const explained = { fromMs: all[47]!.toMs, toMs: all[50]!.fromMs }
    const left = all.filter((i) => i.toMs <= explained.fromMs || i.fromMs >= explained.toMs)
    expect(ran(facts({ ...given, series: left, explained })).findings[0]).toMatchObject({
      subject: 'model m2',
      verdict: 'cause',
      confidence: 'high',
    })
  })
})

test('tools are open by a control or by what was done here', () => {
  const control = { id: 'ctl_1', control: 'tool', target: 'search', createdMs: at(5), actor: 'ana' } as unknown as Control
  const done = action({ kind: 'open_tool', target: 'order' })
  const proposed: Action = { ...action({ kind: 'open_tool', target: 'pay', state: 'proposed' }), ref: undefined } as unknown as Action
  expect(openedTools(incident([done, proposed]), [control])).toEqual([
    { tool: 'search', atMs: at(5), by: 'ana' },
    { tool: 'order', atMs: at(20), by: 'playbook:p' },
  ])
})
