import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { AuditEntry } from '../../../control/audit.ts'
import {
  applyControl,
  CONTROL_REFUSALS,
  type ControlAction,
  type ControlRefusal,
  type ControlState,
  inForce,
  nextLapseMs,
  NO_CONTROLS,
  replayControls,
} from '../../../control/controls.ts'
import { after, ASKED, LIMITS, setting } from './support.ts'

const NOW = ASKED.now
const idsAt = (state: ControlState, now: number): readonly string[] => inForce(state, now).map((c) => c.id)

describe('what is set is in force until it lapses or is undone', () => {
  test('set: the control as it was asked for, and who, why and when', () => {
    const { state, outcomes } = after([setting({ fallback: 'paused', expiresMs: NOW + 10 }, 'c1')])
    const control = {
      id: 'c1',
      control: 'agent',
      agent: 'support',
      target: '',
      environment: '',
      reason: 'answers are cut off',
      actor: 'ana@host',
      createdMs: NOW,
      expiresMs: NOW + 10,
      fallback: 'paused',
    }
    expect(inForce(state, NOW)).toEqual([control])
    expect(outcomes[0]?.entry).toEqual({
      atMs: NOW,
      action: 'set',
      control: 'agent',
      id: 'c1',
      agent: 'support',
      target: '',
      environment: '',
      reason: 'answers are cut off',
      actor: 'ana@host',
      via: 'loopback',
      put: control,
    })
  })
  test('it lapses at its time, to the millisecond, with nobody doing anything', () => {
    const { state } = after([setting({ expiresMs: NOW + 10 }, 'c1')])
    expect([idsAt(state, NOW + 9), idsAt(state, NOW + 10), nextLapseMs(state, NOW + 9), nextLapseMs(state, NOW + 10)]).toEqual([
      ['c1'],
      [],
      NOW + 10,
      undefined,
    ])
  })
  test('a time to last counts from when it was set', () =>
    expect(inForce(after([setting({ lastsMs: 10 }, 'c1')]).state, NOW)).toMatchObject([{ expiresMs: NOW + 10 }]))
  test('without an expiry it never lapses', () => {
    const { state } = after([setting({}, 'c1')])
    expect([idsAt(state, NOW + 1e15), nextLapseMs(state, NOW)]).toEqual([['c1'], undefined])
  })
  test('undone it is gone, and the audit says by whom', () => {
    const { state, outcomes } = after(
      [setting({}, 'c1')],
      [
        { action: 'undo', id: 'c1' },
        { actor: 'bo@host', reason: 'fixed' },
      ],
    )
    expect([idsAt(state, NOW), outcomes[1]?.entry]).toMatchObject([
      [],
      { action: 'undo', id: 'c1', agent: 'support', actor: 'bo@host', reason: 'fixed', removed: ['c1'] },
    ])
  })
  test('the next about the same replaces it: reason, expiry and fallback are the new ones', () => {
    const { state, outcomes } = after([setting({ expiresMs: NOW + 5 }, 'c1')], [setting({ fallback: 'x' }, 'c2'), { reason: 'still bad' }])
    expect(inForce(state, NOW + 5)).toMatchObject([{ id: 'c2', reason: 'still bad', fallback: 'x' }])
    expect(outcomes[1]?.entry).toMatchObject({ action: 'replace', removed: ['c1'] })
  })
  test('after the former lapsed it is no replacement, and the lapsed one is tidied away', () => {
    const { state, outcomes } = after([setting({ expiresMs: NOW + 5 }, 'c1')], [setting({}, 'c2'), { now: NOW + 5 }])
    expect([outcomes[1]?.entry.action, outcomes[1]?.entry.removed, [...state.controls.keys()]]).toEqual(['set', ['c1'], ['c2']])
  })
  test('the state that was given stays as it was', () => {
    const { state } = after([setting({}, 'c1')])
    applyControl(state, { action: 'undo', id: 'c1' }, ASKED, LIMITS)
    applyControl(state, setting({ agent: 'other' }), ASKED, LIMITS)
    expect(idsAt(state, NOW)).toEqual(['c1'])
  })
})

describe('what is not the same stands side by side', () => {
  const cases = [
    ['another environment', { environment: 'prod' }, {}],
    ['another agent', { agent: 'other' }, {}],
    ['another tool', { control: 'tool', target: 'search' }, { control: 'tool', target: 'fetch' }],
    ['a tool of one agent and of all', { control: 'tool', target: 'search' }, { control: 'tool', target: 'search', agent: '' }],
    ['another kind with the same target', { control: 'tool', target: 'v1' }, { control: 'release', target: 'v1' }],
    ['one run and all of them', { control: 'run', target: 'r1' }, { control: 'run', target: '*' }],
  ] as const
  for (const [name, a, b] of cases)
    test(name, () => expect(idsAt(after([setting(a, 'c1')], [setting(b, 'c2')]).state, NOW)).toEqual(['c1', 'c2']))
  test('but one agent holds one release at a time', () =>
    expect(
      idsAt(after([setting({ control: 'release', target: 'v1' }, 'c1')], [setting({ control: 'release', target: 'v2' }, 'c2')]).state, NOW),
    ).toEqual(['c2']))
  test('and is drilled for one thing at a time', () =>
    expect(
      idsAt(
        after([setting({ control: 'drill', target: 'loop' }, 'c1')], [setting({ control: 'drill', target: 'silent' }, 'c2')]).state,
        NOW,
      ),
    ).toEqual(['c2']))
})

describe('what is refused says why', () => {
  const held = after([setting({}, 'person')]).state
  const full = after([setting({ agent: 'a' })], [setting({ agent: 'b' })], [setting({ agent: 'c', expiresMs: NOW + 5 })]).state
  const lapsed = after([setting({ expiresMs: NOW + 5 }, 'c1')]).state
  const cases: readonly (readonly [name: string, because: ControlRefusal, action: ControlAction, asked?: object, state?: ControlState])[] =
    [
      ['a kind that does not exist', 'unknown_control', setting({ control: 'planet' })],
      ['an agent control without an agent', 'no_agent', setting({ agent: '' })],
      ['a release without an agent', 'no_agent', setting({ control: 'release', agent: '', target: 'v1' })],
      ['every run of nobody', 'no_agent', setting({ control: 'run', agent: '', target: '*' })],
      ['a drill of nobody', 'no_agent', setting({ control: 'drill', agent: '', target: 'loop' })],
      ['a drill without a name', 'no_target', setting({ control: 'drill' })],
      ['an agent with a target', 'target_not_allowed', setting({ target: 'search' })],
      ['a tool without a name', 'no_target', setting({ control: 'tool' })],
      ['a run without an id', 'no_target', setting({ control: 'run' })],
      ['a run with a fallback', 'fallback_not_allowed', setting({ control: 'run', target: 'r1', fallback: 'x' })],
      ['no reason', 'no_reason', setting(), { reason: '  ' }],
      ['an undo without a reason', 'no_reason', { action: 'undo', id: 'person' }, { reason: '' }, held],
      ['an expiry that is now', 'already_expired', setting({ expiresMs: NOW })],
      ['a release nobody published', 'unknown_release', setting({ control: 'release', target: 'vX' })],
      ['an id that is taken', 'id_taken', setting({ agent: 'other' }, 'person'), {}, held],
      ['a playbook over a person', 'held_by_person', setting(), { actor: 'playbook:stop' }, held],
      ['a rule that undoes what a person did', 'held_by_person', { action: 'undo', id: 'person' }, { actor: 'rule:cost' }, held],
      ['one over the bound', 'too_many', setting({ agent: 'd' }), {}, full],
      ['an undo of nothing', 'not_in_force', { action: 'undo', id: 'nope' }],
      ['an undo of what lapsed', 'not_in_force', { action: 'undo', id: 'c1' }, { now: NOW + 5 }, lapsed],
    ]
  for (const [name, because, action, asked = {}, state = NO_CONTROLS] of cases)
    test(`${name}: ${because}`, () => {
      const outcome = applyControl(state, action, { ...ASKED, ...asked }, LIMITS)
      expect(outcome).toMatchObject({ ok: false, because })
      expect(outcome.ok ? '' : outcome.detail).toMatch(/\S \S/)
    })
  test('every reason has a case', () => expect(new Set(cases.map((c) => c[1]))).toEqual(new Set(CONTROL_REFUSALS)))
  test('a person may replace and undo what a rule did', () => {
    const byRule = after([setting({}, 'r'), { actor: 'rule:cost' }]).state
    expect([
      applyControl(byRule, setting({}), ASKED, LIMITS).ok,
      applyControl(byRule, { action: 'undo', id: 'r' }, ASKED, LIMITS).ok,
      applyControl(byRule, setting({}), { ...ASKED, actor: 'rule:other' }, LIMITS).ok,
    ]).toEqual([true, true, true])
  })
  test('at the bound the same may still be replaced, and what lapsed makes room', () => {
    expect([
      applyControl(full, setting({ agent: 'a' }), ASKED, LIMITS).ok,
      applyControl(full, setting({ agent: 'd' }), { ...ASKED, now: NOW + 5 }, LIMITS).ok,
    ]).toEqual([true, true])
  })
})

describe('whatever happens, in whatever order', () => {
  type Step = typeof step extends fc.Arbitrary<infer T> ? T : never
  const step = fc.record({
    about: fc.constantFrom(
      { control: 'agent', agent: 'support', target: '' },
      { control: 'tool', agent: '', target: 'search' },
      { control: 'tool', agent: 'support', target: 'search' },
      { control: 'run', agent: 'support', target: '*' },
      { control: 'release', agent: 'support', target: 'v1' },
      { control: 'release', agent: 'support', target: 'v2' },
      { control: 'nonsense', agent: '', target: '' },
    ),
    environment: fc.constantFrom('', 'prod'),
    lapsesInMs: fc.option(fc.integer({ min: -5, max: 20 }), { nil: undefined }),
    undo: fc.option(fc.nat({ max: 12 }), { nil: undefined }),
    actor: fc.constantFrom('ana@host', 'rule:cost'),
    reason: fc.constantFrom('why', ''),
    waitMs: fc.nat({ max: 8 }),
  })
  const run = (steps: readonly Step[]): { readonly state: ControlState; readonly audit: AuditEntry[]; readonly now: number } => {
    let [state, now] = [NO_CONTROLS, 0]
    const audit: AuditEntry[] = []
    for (const [at, s] of steps.entries()) {
      now += s.waitMs
      const request = {
        ...s.about,
        environment: s.environment,
        ...(s.lapsesInMs === undefined ? {} : { expiresMs: now + s.lapsesInMs }),
      }
      const action: ControlAction = s.undo === undefined ? { action: 'set', id: `c${at}`, request } : { action: 'undo', id: `c${s.undo}` }
      const outcome = applyControl(state, action, { actor: s.actor, reason: s.reason, via: 'test', now }, LIMITS)
      if (!outcome.ok) continue
      state = outcome.state
      audit.push(outcome.entry)
    }
    return { state, audit, now }
  }
  test('the audit alone leads to the state', () =>
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { state, audit } = run(steps)
        expect([...replayControls(audit).controls.values()]).toEqual([...state.controls.values()])
      }),
      { numRuns: 500 },
    ))
  test('one control per subject, none over the bound, none past its time', () =>
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { state, now } = run(steps)
        const controls = inForce(state, now)
        const subjects = controls.map((c) => [c.control, c.agent, c.environment, c.control === 'release' ? '' : c.target].join('\0'))
        expect(new Set(subjects).size).toBe(subjects.length)
        expect(controls.length).toBeLessThanOrEqual(LIMITS.maxControls)
        expect(controls.filter((c) => (c.expiresMs ?? Number.POSITIVE_INFINITY) <= now)).toEqual([])
      }),
      { numRuns: 500 },
    ))
  test('sequences reach every action, so that the properties say something', () => {
    const reached = new Set<string>()
    for (const steps of fc.sample(fc.array(step, { minLength: 20, maxLength: 40 }), { numRuns: 100, seed: 1 }))
      for (const { action } of run(steps).audit) reached.add(action)
    expect([...reached].sort()).toEqual(['replace', 'set', 'undo'])
  })
})
