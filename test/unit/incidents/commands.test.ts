/** What people and playbooks do to an incident, and the timeline that tells of it. */
import { describe, expect, test } from 'vitest'
import {
  applyCommand,
  applyUpdate,
  type CommandOutcome,
  type IncidentCommand,
  INCIDENT_REFUSALS,
  mitigated,
  noted,
} from '../../../incidents/commands.ts'
import { applyAlerts } from '../../../incidents/lifecycle.ts'
import { type IncidentState, NO_INCIDENTS, type Why } from '../../../incidents/state.ts'
import { bounded, ordered, withEntries } from '../../../incidents/timeline.ts'
import type { Incident, TimelineEntry, Triage } from '../../../model/incident.ts'
import { at, lines, settings, told } from './support.ts'

const s = settings()
const OPEN: IncidentState = applyAlerts(NO_INCIDENTS, [told('A', 0)], at(1), settings()).state
const ID = 'inc_1'
type Body = Partial<IncidentCommand> & Pick<IncidentCommand, 'command'>
const done = (state: IncidentState, minute: number, ...commands: readonly Body[]): CommandOutcome => {
  let last: CommandOutcome | undefined
  for (const c of commands) {
    last = applyCommand(state, { id: ID, actor: 'ana', text: 'because', ...c } as IncidentCommand, at(minute), s)
    if (last.ok) state = last.state
  }
  return last!
}
const stateOf = (o: CommandOutcome): IncidentState => (o.ok ? o.state : NO_INCIDENTS)
const incidentOf = (o: CommandOutcome): Incident | undefined => (o.ok ? o.incident : undefined)
const whyOf = (o: CommandOutcome): Why | undefined => (o.ok ? o.changed[0]?.why : undefined)

describe('commands', () => {
  test('acknowledge: a person has it', () => {
    const o = done(OPEN, 4, { command: 'acknowledge' })
    expect(incidentOf(o)).toMatchObject({ state: 'acknowledged', acknowledgedMs: at(4), acknowledgedBy: 'ana' })
    expect([whyOf(o), lines(incidentOf(o)).at(-1)]).toEqual(['acknowledged', '4 acknowledged: ana has it'])
  })
  test('acknowledging one that is mitigated leaves it so', () => {
    const state = stateOf(applyUpdate(OPEN, ID, (i) => mitigated(i, 'playbook:x', 'well again', at(3)), { now: at(3), settings: s }))
    expect(incidentOf(done(state, 4, { command: 'acknowledge' }))).toMatchObject({ state: 'mitigated', acknowledgedBy: 'ana' })
  })
  test('resolve: over, although its alert fires', () => {
    const o = done(OPEN, 5, { command: 'resolve', text: 'a test of ours' })
    expect(incidentOf(o)).toMatchObject({ state: 'resolved', resolvedMs: at(5) })
    expect([whyOf(o), lines(incidentOf(o)).at(-1)]).toEqual(['resolved', '5 resolved: a test of ours'])
  })
  test('notes and reports stand where they happened, also in one that is resolved', () => {
    const o = done(
      OPEN,
      9,
      { command: 'resolve' },
      { command: 'report', text: 'a user wrote', atMs: at(-3) },
      { command: 'note', text: 'checked the logs' },
    )
    expect([whyOf(o), lines(incidentOf(o))]).toEqual([
      'noted',
      ['-3 reported: a user wrote', '0 alert_fired: A (critical) fires: A of support', '9 resolved: because', '9 note: checked the logs'],
    ])
  })
  const REFUSED: Readonly<Record<(typeof INCIDENT_REFUSALS)[number], readonly Body[]>> = {
    unknown_incident: [{ command: 'acknowledge', id: 'inc_9' }],
    already_acknowledged: [{ command: 'acknowledge' }, { command: 'acknowledge', actor: 'bo' }],
    already_resolved: [{ command: 'resolve' }, { command: 'acknowledge' }],
    still_to_come: [{ command: 'note', atMs: at(6) }],
  }
  for (const because of INCIDENT_REFUSALS)
    test(`refused: ${because}`, () => {
      const o = done(OPEN, 5, ...REFUSED[because])
      expect(o).toMatchObject({ ok: false, because })
      expect(o.ok ? '' : o.detail).toMatch(/inc_|still to come/)
    })
  test('who was first is told to who comes second', () =>
    expect(done(OPEN, 5, { command: 'acknowledge' }, { command: 'acknowledge', actor: 'bo' })).toMatchObject({
      detail: 'ana has had inc_1 since 08:05:00 UTC',
    }))
})

describe('updates', () => {
  const update = (change: (i: Incident) => Incident, state = OPEN): CommandOutcome =>
    applyUpdate(state, ID, change, { now: at(7), settings: s })
  const triage = (verdict: 'cause' | 'cannot_tell'): Triage => ({
    atMs: at(6),
    sli: 'quality',
    findings: [{ cause: 'prompt', verdict, confidence: 'high', subject: 'v8', text: 't', query: 'q' }],
    summary: 's',
    gaps: [],
  })
  test('the same object back changes nothing', () => expect(update((i) => i)).toMatchObject({ ok: true, changed: [] }))
  test('why is told from the states', () => {
    expect(whyOf(update((i) => ({ ...i, title: 'x' })))).toBe('updated')
    expect(whyOf(update((i) => mitigated(i, 'ana', 'well', at(7))))).toBe('mitigated')
    const refreshed = applyUpdate(OPEN, ID, (i) => ({ ...i, title: 'x' }), { now: at(7), settings: s, isRefresh: true })
    expect(whyOf(refreshed)).toBe('refreshed')
    const over = stateOf(done(OPEN, 5, { command: 'resolve' }))
    expect(whyOf(update((i) => ({ ...i, state: 'open' }), over))).toBe('reopened')
  })
  test('when a cause was first named is kept, and only a cause counts', () => {
    expect(incidentOf(update((i) => ({ ...i, triage: triage('cannot_tell') })))?.namedMs).toBeUndefined()
    const named = update((i) => ({ ...i, triage: triage('cause') }))
    expect(incidentOf(named)?.namedMs).toBe(at(7))
    const later = applyUpdate(stateOf(named), ID, (i) => ({ ...i, triage: triage('cause') }), { now: at(9), settings: s })
    expect(incidentOf(later)?.namedMs).toBe(at(7))
  })
  test('whom it is about cannot be changed, and the timeline is put in order', () => {
    const entry = (minute: number): TimelineEntry => ({ atMs: at(minute), kind: 'note', text: `at ${minute}` })
    const o = update((i) => ({
      ...i,
      id: 'x',
      agent: 'other',
      environment: 'y',
      openedMs: 0,
      timeline: [entry(5), entry(2), entry(5), ...i.timeline],
    }))
    expect(incidentOf(o)).toMatchObject({ id: ID, agent: 'support', environment: 'prod', openedMs: at(1) })
    expect(lines(incidentOf(o)).slice(1)).toEqual(['2 note: at 2', '5 note: at 5'])
  })
  test('of one that is not there', () =>
    expect(applyUpdate(OPEN, 'inc_9', (i) => i, { now: 0, settings: s })).toMatchObject({ because: 'unknown_incident' }))
})

describe('the timeline', () => {
  const e = (minute: number, kind: TimelineEntry['kind'], ref?: string, text = 't'): TimelineEntry => ({
    atMs: at(minute),
    kind,
    text,
    ...(ref === undefined ? {} : { ref }),
  })
  test('a control is set once and undone once, whoever writes it down', () => {
    const once = [e(1, 'action', 'ctl_1')]
    expect(withEntries(once, [e(2, 'action', 'ctl_1', 'said otherwise')])).toBe(once)
    expect(withEntries(once, [e(2, 'undone', 'ctl_1')])).toHaveLength(2)
  })
  test('the same release may be activated twice', () =>
    expect(withEntries([e(1, 'change', undefined)], [e(2, 'change', undefined)])).toHaveLength(2))
  test('what happened at the same moment is told in the order of cause and effect', () => {
    const kinds = ['onset', 'change', 'alert_fired', 'acknowledged', 'alert_resolved', 'resolved', 'note'] as const
    const mixed = kinds.toReversed().map((kind) => e(0, kind, kind))
    expect(withEntries([], mixed).map((x) => x.kind)).toEqual(kinds)
  })
  test('what is in order is left as it is', () => {
    const timeline = withEntries([], [e(1, 'note'), e(2, 'note')])
    expect(ordered(timeline)).toBe(timeline)
    expect(bounded(timeline, 2).timeline).toBe(timeline)
  })
  test('over the bound what the record tells elsewhere goes first, then the oldest; the beginning stays', () => {
    const timeline = [e(0, 'alert_fired', 'a'), e(1, 'alert_fired', 'b'), e(2, 'triaged'), e(3, 'acknowledged'), e(4, 'note')]
    const kept = (max: number): readonly number[] => bounded(timeline, max).timeline.map((x) => (x.atMs - at(0)) / 60_000)
    expect([kept(4), kept(3), kept(2), kept(1)]).toEqual([[0, 2, 3, 4], [0, 3, 4], [0, 4], [0]])
  })
  test('noted keeps the incident where nothing is new', () => {
    const incident = incidentOf(done(OPEN, 4, { command: 'note', text: 'x' }))!
    expect(noted(incident, incident.timeline[1]!).timeline).toBe(incident.timeline)
  })
})
