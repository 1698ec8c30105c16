/** From alerts to incidents: whom an alert is about, what belongs together, which clock counts, and what time makes of it. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ToldAlert } from '../../../incidents/alert.ts'
import { applyAlerts, applyObserved, applyTime } from '../../../incidents/lifecycle.ts'
import { type IncidentState, type LifecycleSettings, NO_INCIDENTS } from '../../../incidents/state.ts'
import type { Incident } from '../../../model/incident.ts'
import { at, lines, MINUTE, settings, T0, told } from './support.ts'

const only = (state: IncidentState): Incident => {
  expect([...state.incidents.values()]).toHaveLength(1)
  return [...state.incidents.values()][0]!
}
const all = (state: IncidentState): readonly Incident[] => [...state.incidents.values()]
const after = (alerts: readonly ToldAlert[], minute: number, state = NO_INCIDENTS, s = settings()): IncidentState =>
  applyAlerts(state, alerts, at(minute), s).state
const QUALITY = told('AgentQualityDrop', 0)

describe('whom an alert is about', () => {
  const cases: readonly { name: string; alert: ToldAlert; outcome: string; agent?: string; environment?: string }[] = [
    { name: 'an agent in an environment', alert: QUALITY, outcome: 'taken', agent: 'support', environment: 'prod' },
    {
      name: 'an agent without environment',
      alert: told('X', 0, { labels: { environment: '' } }),
      outcome: 'taken',
      agent: 'support',
      environment: '',
    },
    { name: 'an alert of rules that are not ours', alert: told('TheirAlert', 0), outcome: 'taken', agent: 'support', environment: 'prod' },
    {
      name: 'a severity nobody has thought of pages too',
      alert: told('X', 0, { labels: { severity: 'sev-1' } }),
      outcome: 'taken',
      agent: 'support',
      environment: 'prod',
    },
    {
      name: 'a watcher has no agent, whatever its labels say',
      alert: told('AgentopzDown', 0),
      outcome: 'taken',
      agent: '',
      environment: '',
    },
    {
      name: 'an alert without agent that is no watcher',
      alert: told('AgentQualityDrop', 0, { labels: { agent: '' } }),
      outcome: 'no_agent',
    },
    { name: 'an alert that only inhibits', alert: told('AgentDisabled', 0, { labels: { severity: 'none' } }), outcome: 'not_urgent' },
    { name: 'an alert that is only shown', alert: told('X', 0, { labels: { severity: 'info' } }), outcome: 'not_urgent' },
  ]
  for (const c of cases)
    test(c.name, () => {
      const { state, dispositions, changed } = applyAlerts(NO_INCIDENTS, [c.alert], at(1), settings())
      expect(dispositions.map((d) => d.outcome)).toEqual([c.outcome])
      expect(all(state).map((i) => [i.agent, i.environment])).toEqual(c.agent === undefined ? [] : [[c.agent, c.environment]])
      expect(changed.map((x) => x.why)).toEqual(c.agent === undefined ? [] : ['opened'])
    })
  test('a drill is marked by its label, or by who knows', () => {
    expect(only(after([told('X', 0, { labels: { drill: 'true' } })], 1)).drill).toBe(true)
    expect(only(after([told('X', 0)], 1, NO_INCIDENTS, settings({ isDrill: (a, e) => a === 'support' && e === 'prod' }))).drill).toBe(true)
    expect(only(after([told('X', 0)], 1)).drill).toBe(false)
  })
})

describe('what an incident says of its alerts', () => {
  test('the most urgent severity, the title of the most urgent and earliest alert, the earliest start, the first receipt', () => {
    const one = after([told('AgentInputDrift', 2, { labels: { severity: 'warning' } })], 3)
    expect(only(one)).toMatchObject({
      severity: 'warning',
      title: 'support in prod: users send something else',
      startedMs: at(2),
      openedMs: at(3),
      team: 'blue',
      state: 'open',
    })
    const two = after([told('AgentToolFailing', 1, { labels: { tool: 'search' } })], 9, one)
    expect(only(two)).toMatchObject({ severity: 'critical', title: 'support in prod: a tool fails', startedMs: at(1), openedMs: at(3) })
    expect(lines(only(two))).toEqual([
      '1 alert_fired: AgentToolFailing (critical) fires: AgentToolFailing of support',
      '2 alert_fired: AgentInputDrift (warning) fires: AgentInputDrift of support',
    ])
  })
  test('the cause gives the title, not the symptom that it explains, be that earlier', () => {
    const both = after([told('AgentQualityDrop', 0), told('AgentTruncationSpike', 3), told('AgentRunErrors', 4)], 5)
    expect(only(both).title).toBe('support in prod: answers are cut off')
  })
  test('an alert that is not ours gives its name; the watching itself is called agentopz', () => {
    expect(only(after([told('TheirAlert', 0)], 1)).title).toBe('support in prod: TheirAlert')
    expect(only(after([told('AgentopzDown', 0)], 1)).title).toBe('agentopz: agentopz cannot be scraped')
  })
})

describe('two clocks', () => {
  const cases: readonly { name: string; alerts: readonly [number, ToldAlert][]; firedAt: number; endsAt: number | undefined }[] = [
    { name: 'fires: since it began, by their clock', alerts: [[5, QUALITY]], firedAt: 0, endsAt: undefined },
    { name: 'their clock is ahead: it had begun when we heard', alerts: [[-2, QUALITY]], firedAt: -2, endsAt: undefined },
    { name: 'an end told of one that fires is a lease', alerts: [[5, { ...QUALITY, endsMs: at(9) }]], firedAt: 0, endsAt: undefined },
    {
      name: 'resolved: the end told',
      alerts: [
        [5, QUALITY],
        [9, told('AgentQualityDrop', 0, { endMinute: 8 })],
      ],
      firedAt: 0,
      endsAt: 8,
    },
    {
      name: 'resolved without an end: when we heard',
      alerts: [
        [5, QUALITY],
        [9, { ...QUALITY, status: 'resolved' }],
      ],
      firedAt: 0,
      endsAt: 9,
    },
    {
      name: 'an end to come by our clock: when we heard',
      alerts: [[9, told('AgentQualityDrop', 0, { endMinute: 20 })]],
      firedAt: 0,
      endsAt: 9,
    },
    {
      name: 'and it stays so when told again',
      alerts: [
        [9, told('AgentQualityDrop', 0, { endMinute: 20 })],
        [12, told('AgentQualityDrop', 0, { endMinute: 20 })],
      ],
      firedAt: 0,
      endsAt: 9,
    },
    {
      name: 'an end before the start: no time at all',
      alerts: [[9, told('AgentQualityDrop', 0, { endMinute: -5 })]],
      firedAt: 0,
      endsAt: 0,
    },
    {
      name: 'two ends: the later one',
      alerts: [
        [9, told('AgentQualityDrop', 0, { endMinute: 8 })],
        [9, told('AgentQualityDrop', 0, { endMinute: 6 })],
      ],
      firedAt: 0,
      endsAt: 8,
    },
    {
      name: 'a message that came late does not make it fire again',
      alerts: [
        [9, told('AgentQualityDrop', 0, { endMinute: 8 })],
        [9, QUALITY],
      ],
      firedAt: 0,
      endsAt: 8,
    },
  ]
  for (const c of cases)
    test(c.name, () => {
      const state = c.alerts.reduce((s, [minute, alert]) => after([alert], minute, s), NO_INCIDENTS)
      const incident = only(state)
      expect(incident.alerts.map((a) => a.endsMs)).toEqual([c.endsAt === undefined ? undefined : at(c.endsAt)])
      expect(incident.timeline.filter((e) => e.kind === 'alert_fired').map((e) => e.atMs)).toEqual([at(c.firedAt)])
      expect(incident.timeline.filter((e) => e.kind === 'alert_resolved').map((e) => e.atMs)).toEqual(
        c.endsAt === undefined ? [] : [at(c.endsAt)],
      )
    })
  test('a message of an alert that had ended is doubted, so that Prometheus can be asked', () => {
    const state = after([told('AgentQualityDrop', 0, { endMinute: 8 })], 9)
    expect(applyAlerts(state, [QUALITY], at(9), settings()).dispositions[0]).toMatchObject({ outcome: 'doubted', incident: 'inc_1' })
  })
})

describe('what belongs together', () => {
  const TOGETHER: readonly { name: string; first: ToldAlert; second: ToldAlert; minute: number; incidents: number }[] = [
    {
      name: 'another alert while the first fires, however much later',
      first: QUALITY,
      second: told('AgentLooping', 600),
      minute: 601,
      incidents: 1,
    },
    {
      name: 'an alert within the window after the end',
      first: told('A', 0, { endMinute: 5 }),
      second: told('B', 35),
      minute: 36,
      incidents: 1,
    },
    {
      name: 'an alert beyond the window after the end',
      first: told('A', 0, { endMinute: 5 }),
      second: told('B', 36),
      minute: 36,
      incidents: 2,
    },
    {
      name: 'an alert that ended within the window before',
      first: told('A', 60),
      second: told('B', 0, { endMinute: 30 }),
      minute: 61,
      incidents: 1,
    },
    {
      name: 'an alert that ended before the window',
      first: told('A', 60),
      second: told('B', 0, { endMinute: 29 }),
      minute: 61,
      incidents: 2,
    },
    { name: 'an alert that fires since long before', first: told('A', 600), second: told('B', 0), minute: 601, incidents: 1 },
    { name: 'another agent', first: QUALITY, second: told('B', 1, { labels: { agent: 'shop' } }), minute: 2, incidents: 2 },
    { name: 'another environment', first: QUALITY, second: told('B', 1, { labels: { environment: 'test' } }), minute: 2, incidents: 2 },
    { name: 'a drill of the same agent', first: QUALITY, second: told('B', 1, { labels: { drill: 'true' } }), minute: 2, incidents: 2 },
    { name: 'two watchers', first: told('AgentopzDown', 0), second: told('AgentopzRelayLosing', 1), minute: 2, incidents: 1 },
    { name: 'a watcher and an agent', first: told('AgentopzDown', 0), second: QUALITY, minute: 2, incidents: 2 },
    { name: 'the same alert from another start', first: told('A', 0, { endMinute: 5 }), second: told('A', 10), minute: 11, incidents: 1 },
  ]
  for (const c of TOGETHER)
    test(`${c.name}: ${c.incidents === 1 ? 'one incident' : 'two'}`, () => {
      const s = settings()
      const state = after([c.second], c.minute, after([c.first], c.minute, NO_INCIDENTS, s), s)
      expect(all(state)).toHaveLength(c.incidents)
      expect(all(state).flatMap((i) => i.alerts)).toHaveLength(2)
    })
})

describe('time', () => {
  const s = settings()
  const ended = (): IncidentState => after([told('A', 0, { endMinute: 20 }), told('B', 5, { endMinute: 30 })], 31, NO_INCIDENTS, s)
  test('resolves when the last alert has ended for ten minutes, and not before', () => {
    expect(applyTime(ended(), at(40) - 1, s).changed).toEqual([])
    const { changed, state } = applyTime(ended(), at(40), s)
    expect(changed.map((c) => c.why)).toEqual(['resolved'])
    expect(only(state)).toMatchObject({ state: 'resolved', resolvedMs: at(40) })
    expect(lines(only(state)).at(-1)).toBe(
      '40 resolved: every alert has ended, the last at 2026-12-01 08:30:00 UTC, and none came in the 10 min after',
    )
    expect(applyTime(state, at(999), s).changed).toEqual([])
  })
  test('resolves as of when it became so, also when nobody looked for a night', () => {
    expect(only(applyTime(ended(), at(600), s).state).resolvedMs).toBe(at(40))
  })
  test('does not resolve while one fires', () => {
    expect(applyTime(after([told('B', 6)], 7, ended(), s), at(9999), s).changed).toEqual([])
  })
  test('does not resolve while the agent is switched off, nor in the ten minutes after', () => {
    let offUntil = at(100)
    const off: LifecycleSettings = settings({ lastDisabledMs: (_, __, now) => Math.min(now, offUntil) })
    expect(applyTime(ended(), at(60), off).changed).toEqual([])
    expect(applyTime(ended(), at(110) - 1, off).changed).toEqual([])
    expect(applyTime(ended(), at(110), off).changed.map((c) => c.why)).toEqual(['resolved'])
    offUntil = at(0)
    expect(applyTime(ended(), at(40), off).changed.map((c) => c.why)).toEqual(['resolved'])
  })
})

describe('relapse', () => {
  const s = settings()
  const resolved = (): IncidentState => applyTime(after([told('A', 0, { endMinute: 5 })], 6, NO_INCIDENTS, s), at(20), s).state
  test('a new alert within an hour opens it again; nobody has it then', () => {
    const { state, changed } = applyAlerts(resolved(), [told('A', 75)], at(80), s)
    expect(changed.map((c) => c.why)).toEqual(['reopened'])
    const incident = only(state)
    expect([incident.state, incident.resolvedMs, incident.alerts.length]).toEqual(['open', undefined, 2])
    expect(lines(incident).at(-1)).toBe('80 reopened: A fires after it was resolved')
  })
  test('later, it is another incident', () => expect(all(after([told('A', 76)], 81, resolved(), s))).toHaveLength(2))
  test('what has ended already is noted, and opens nothing', () => {
    const { state, changed } = applyAlerts(resolved(), [told('B', 3, { endMinute: 4 })], at(30), s)
    expect([changed.map((c) => c.why), only(state).state]).toEqual([['alert_fired'], 'resolved'])
  })
  test('of one that is mitigated: an alert that began after, not one that was told late', () => {
    const open = after([told('A', 0)], 1, NO_INCIDENTS, s)
    const incident = { ...only(open), state: 'mitigated' as const, mitigatedMs: at(10), acknowledgedMs: at(2), acknowledgedBy: 'ana' }
    const mitigated: IncidentState = { incidents: new Map([[incident.id, incident]]) }
    expect(only(after([told('B', 9)], 12, mitigated, s)).state).toBe('mitigated')
    const again = only(after([told('B', 11)], 12, mitigated, s))
    expect([again.state, again.mitigatedMs, again.acknowledgedMs, again.acknowledgedBy]).toEqual(['open', undefined, undefined, undefined])
  })
  test('of one that a person resolved while it fired: repeats of what fires open nothing, a new alert does', () => {
    const open = after([told('A', 0)], 1, NO_INCIDENTS, s)
    const incident = { ...only(open), state: 'resolved' as const, resolvedMs: at(10) }
    const byHand: IncidentState = { incidents: new Map([[incident.id, incident]]) }
    expect(applyAlerts(byHand, [told('A', 0)], at(12), s).changed).toEqual([])
    expect(only(after([told('B', 11)], 12, byHand, s)).state).toBe('open')
  })
})

describe('what Prometheus says', () => {
  const s = settings()
  const firing = (): IncidentState => after([QUALITY], 1, NO_INCIDENTS, s)
  test('an end that nobody told, and that it was asked for', () => {
    const { state, changed } = applyObserved(firing(), [{ alert: QUALITY, fires: false, lastMs: at(20) }], at(25), s)
    expect(only(state).alerts[0]).toMatchObject({ endsMs: at(20), endFrom: 'prometheus' })
    expect([changed[0]?.why, lines(only(state)).at(-1)]).toEqual([
      'alert_resolved',
      '20 alert_resolved: AgentQualityDrop has ended; nobody told, Prometheus was asked',
    ])
  })
  test('gives way to the end that is told later, be it earlier', () => {
    const { state } = applyObserved(firing(), [{ alert: QUALITY, fires: false, lastMs: at(20) }], at(25), s)
    const alert = only(after([told('AgentQualityDrop', 0, { endMinute: 19 })], 26, state, s)).alerts[0]!
    expect([alert.endsMs, alert.endFrom]).toEqual([at(19), undefined])
  })
  test('ends that are none again and again are noted at first and at last', () => {
    let state = firing()
    for (const minute of [20, 30, 40, 50]) {
      state = applyObserved(state, [{ alert: QUALITY, fires: false, lastMs: at(minute) }], at(minute), s).state
      state = applyObserved(state, [{ alert: QUALITY, fires: true }], at(minute + 1), s).state
    }
    expect(lines([...state.incidents.values()][0]).filter((l) => l.includes(' note: '))).toEqual([
      expect.stringMatching(/^21 note: \S+ still fires, Prometheus says; its end was not one$/),
      expect.stringMatching(/^51 note: \S+ still fires, Prometheus says; again its end was not one$/),
    ])
  })
  test('an end that was none: it fires, and one that was resolved is open again', () => {
    const over = applyTime(after([told('AgentQualityDrop', 0, { endMinute: 5 })], 6, firing(), s), at(20), s).state
    const { state, changed } = applyObserved(over, [{ alert: QUALITY, fires: true }], at(21), s)
    expect([only(state).state, only(state).alerts[0]?.endsMs, changed[0]?.why]).toEqual(['open', undefined, 'reopened'])
  })
  test('of alerts that are not ours, or what is known already: nothing', () => {
    expect(applyObserved(firing(), [{ alert: told('Other', 3), fires: false, lastMs: at(5) }], at(9), s).changed).toEqual([])
    expect(applyObserved(firing(), [{ alert: QUALITY, fires: true }], at(9), s).changed).toEqual([])
    const ended = after([told('AgentQualityDrop', 0, { endMinute: 5 })], 6, firing(), s)
    expect(applyObserved(ended, [{ alert: QUALITY, fires: false, lastMs: at(4) }], at(9), s).changed).toEqual([])
  })
})

describe('the same alert from another start', () => {
  const s = settings()
  const ends = (state: IncidentState): readonly unknown[] => only(state).alerts.map((a) => [a.startsMs, a.endsMs, a.endFrom])
  const both = [
    [at(0), at(7), 'successor'],
    [at(7), undefined, undefined],
  ]
  test('the former had ended when the latter began, whichever is told first', () => {
    expect(ends(after([told('A', 7)], 8, after([told('A', 0)], 1, NO_INCIDENTS, s), s))).toEqual(both)
    const late = after([told('A', 0)], 9, after([told('A', 7)], 8, NO_INCIDENTS, s), s)
    expect(ends(late)).toEqual(both)
    expect(lines(only(late)).filter((l) => l.includes('ended'))).toEqual(['7 alert_resolved: A has ended; nobody told, it began anew then'])
  })
  test('gives way to the end that is told', () => {
    const state = after([told('A', 7)], 8, after([told('A', 0)], 1, NO_INCIDENTS, s), s)
    expect(ends(after([told('A', 0, { endMinute: 5 })], 9, state, s))[0]).toEqual([at(0), at(5), undefined])
  })
  test('that these labels fire in Prometheus says nothing of the former', () => {
    const state = after([told('A', 0, { endMinute: 5 }), told('A', 7)], 8, NO_INCIDENTS, s)
    expect(applyObserved(state, [{ alert: told('A', 0), fires: true }], at(9), s).changed).toEqual([])
  })
})

describe('bounds', () => {
  test('the oldest resolved incident makes room; one that is not resolved never does', () => {
    const s = settings({ maxIncidents: 2 })
    const agent = (name: string, start: number, endMinute?: number): ToldAlert =>
      told('A', start, { labels: { agent: name }, ...(endMinute === undefined ? {} : { endMinute }) })
    const two = after([agent('one', -1, 1), agent('two', 0)], 2, NO_INCIDENTS, s)
    const full = applyAlerts(two, [agent('three', 3)], at(3), s)
    expect([full.dispositions[0]?.outcome, full.changed, full.state.incidents.size]).toEqual(['too_many_incidents', [], 2])
    const room = applyAlerts(applyTime(two, at(60), s).state, [agent('three', 60)], at(60), s)
    expect([all(room.state).map((i) => i.agent), room.forgotten]).toEqual([['two', 'three'], ['inc_1']])
  })
  test('the oldest alert that has ended makes room, and what the incident says of it stays', () => {
    const s = settings({ maxAlerts: 2 })
    const two = after([told('A', 0, { endMinute: 1 }), told('B', 5, { labels: { severity: 'warning' } })], 6, NO_INCIDENTS, s)
    const { state, lost } = applyAlerts(two, [told('C', 7, { labels: { severity: 'warning' } })], at(8), s)
    expect([only(state).alerts.map((a) => a.name), lost.alerts, only(state).startedMs, only(state).severity]).toEqual([
      ['B', 'C'],
      1,
      T0,
      'critical',
    ])
    const full = applyAlerts(state, [told('D', 8)], at(9), s)
    expect([full.dispositions[0]?.outcome, full.changed]).toEqual(['too_many_alerts', []])
  })
  test('the timeline keeps its beginning and what people did; alerts go first', () => {
    const s = settings({ maxTimeline: 3 })
    const { state, lost } = applyAlerts(
      NO_INCIDENTS,
      [0, 1, 2, 3, 4].map((m) => told(`A${m}`, m)),
      at(5),
      s,
    )
    expect([only(state).timeline.map((e) => e.atMs), lost.entries]).toEqual([[at(0), at(3), at(4)], 2])
  })
})

describe('told in any order, again and again, it is the same incident', () => {
  /** Webhooks about one agent: alerts that begin within a merge window, each told to fire, and of some that they ended. */
  const webhooks = fc
    .array(
      fc.record({
        name: fc.constantFrom('AgentQualityDrop', 'AgentToolFailing', 'AgentLooping', 'TheirAlert'),
        severity: fc.constantFrom('critical', 'warning', 'sev-1'),
        team: fc.constantFrom('blue', 'red', ''),
        start: fc.integer({ min: 0, max: 30 }),
        end: fc.option(fc.integer({ min: 0, max: 60 }), { nil: undefined }),
        otherEnd: fc.option(fc.integer({ min: 0, max: 60 }), { nil: undefined }),
      }),
      { minLength: 1, maxLength: 8 },
    )
    .map((rows) =>
      rows.flatMap(({ name, severity, team, start, end, otherEnd }) => {
        const labels = { severity, team }
        const ends = [end, otherEnd].flatMap((e) => (e === undefined ? [] : [told(name, start, { labels, endMinute: Math.max(e, start) })]))
        return [told(name, start, { labels }), ...ends]
      }),
    )
  const inOrder = (alerts: readonly ToldAlert[], sizes: readonly number[]): Incident => {
    const s = settings()
    let state = NO_INCIDENTS
    let rest = [...alerts]
    // In webhooks of several sizes.
    for (let n = 0; rest.length > 0; n++) {
      const size = sizes[n % sizes.length] ?? 1
      state = applyAlerts(state, rest.slice(0, size), at(61), s).state
      rest = rest.slice(size)
    }
    return only(state)
  }
  test('property', () => {
    fc.assert(
      fc.property(
        webhooks.chain((alerts) =>
          fc.tuple(
            fc.constant(alerts),
            // Every one at least once, in any order, some of them again.
            fc
              .tuple(fc.shuffledSubarray(alerts, { minLength: alerts.length }), fc.array(fc.constantFrom(...alerts), { maxLength: 10 }))
              .chain(([some, again]) => fc.shuffledSubarray([...some, ...again], { minLength: some.length + again.length })),
            fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }),
          ),
        ),
        ([alerts, shuffled, sizes]) => {
          expect(inOrder(shuffled, sizes)).toEqual(inOrder(alerts, [alerts.length]))
        },
      ),
      { numRuns: 500 },
    )
  })
  test('a repeat changes nothing, now or later, whatever became of it', () => {
    const s = settings()
    const webhook = [told('A', 0), told('B', 3, { endMinute: 9 })]
    const state = after(webhook, 10, NO_INCIDENTS, s)
    expect(applyAlerts(state, webhook, at(11), s)).toMatchObject({
      changed: [],
      dispositions: [{ outcome: 'repeated' }, { outcome: 'repeated' }],
    })
    const over = applyTime(after([told('A', 0, { endMinute: 12 })], 13, state, s), at(60), s).state
    const late = applyAlerts(over, webhook, at(6000), s)
    expect([late.changed, late.dispositions.map((d) => d.outcome)]).toEqual([[], ['doubted', 'repeated']])
  })
})

test('the state given stays as it is', () => {
  const s = settings()
  const state = after([QUALITY], 1, NO_INCIDENTS, s)
  const copy = JSON.stringify([...state.incidents])
  applyAlerts(state, [told('AgentQualityDrop', 0, { endMinute: 4 }), told('B', 2)], at(5), s)
  applyTime(state, T0 + 9999 * MINUTE, s)
  expect(JSON.stringify([...state.incidents])).toBe(copy)
})
