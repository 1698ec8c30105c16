/** What a drill reads from the records: only what came after the injection is its own. */
import { describe, expect, test } from 'vitest'
import { namedBy, seen } from '../../../../app/drill/look.ts'
import type { Action, Finding, Incident, IncidentAlert, Triage } from '../../../../model/incident.ts'

const alert = (name: string, receivedMs: number): IncidentAlert => ({
  fingerprint: name,
  name,
  severity: 'critical',
  family: 'tools',
  labels: {},
  summary: '',
  startsMs: receivedMs - 100,
  receivedMs,
})
const action = (state: Action['state'], atMs: number): Action => ({
  id: 'act_1',
  kind: 'open_tool',
  target: 'search',
  state,
  reason: '',
  actor: 'playbook:open',
  atMs,
})
const incident = (more: Partial<Incident>): Incident => ({
  id: 'inc_1',
  agent: 'drill-a',
  environment: 'drill',
  team: 'drill',
  state: 'open',
  severity: 'critical',
  title: 'a tool fails',
  drill: true,
  startedMs: 0,
  openedMs: 0,
  alerts: [],
  timeline: [],
  actions: [],
  ...more,
})
const finding = (more: Partial<Finding>): Finding => ({
  cause: 'tools',
  verdict: 'cause',
  confidence: 'high',
  subject: 'tool search',
  text: 'fails',
  query: '',
  ...more,
})
const triage = (atMs: number, ...findings: readonly Finding[]): Triage => ({ atMs, sli: 'quality', findings, summary: '', gaps: [] })

describe('what was seen', () => {
  test('nothing yet', () =>
    expect(seen([], 10)).toEqual({ incident: undefined, alerts: [], detectedMs: undefined, actions: [], recoveredMs: undefined }))
  test('the first alert after the injection, and the incident that it is of', () => {
    const newer = incident({ id: 'inc_2', alerts: [alert('B', 30), alert('C', 20)] })
    const { incident: own, alerts, detectedMs } = seen([newer, incident({ alerts: [alert('A', 5)] })], 10)
    expect([own?.id, alerts, detectedMs]).toEqual(['inc_2', ['B', 'C'], 20])
  })
  test('an incident from before that a new alert joined is its own from then on', () =>
    expect(seen([incident({ alerts: [alert('A', 5), alert('B', 15)], mitigatedMs: 8 })], 10)).toMatchObject({
      alerts: ['B'],
      detectedMs: 15,
      recoveredMs: undefined,
    }))
  test('only what was done counts, and only since the injection', () => {
    const of = (...actions: readonly Action[]): readonly number[] =>
      seen([incident({ alerts: [alert('A', 11)], actions })], 10).actions.map((a) => a.atMs)
    expect(of(action('proposed', 12), action('withdrawn', 12), action('refused', 12), action('started', 12))).toEqual([])
    expect(of(action('in_force', 12), action('verified', 13), action('failed', 14), action('undone', 15))).toEqual([12, 13, 14, 15])
    expect(of(action('in_force', 9))).toEqual([])
  })
  test('well again when evidence says so, else when it is over', () => {
    const recovered = (more: Partial<Incident>): number | undefined =>
      seen([incident({ alerts: [alert('A', 11)], ...more })], 10).recoveredMs
    expect([recovered({ mitigatedMs: 20, resolvedMs: 30 }), recovered({ resolvedMs: 30 }), recovered({})]).toEqual([20, 30, undefined])
  })
})

describe('what is named', () => {
  test('the first finding that is a cause', () =>
    expect(namedBy(triage(20, finding({ verdict: 'ruled_out', cause: 'prompt' }), finding({})), 10)).toEqual({
      atMs: 20,
      cause: 'tools',
      confidence: 'high',
      text: 'fails',
    }))
  test('none where none stands, and none from before the injection', () =>
    expect([
      namedBy(undefined, 10),
      namedBy(triage(20, finding({ verdict: 'cannot_tell' })), 10),
      namedBy(triage(9, finding({})), 10),
    ]).toEqual([undefined, undefined, undefined]))
})
