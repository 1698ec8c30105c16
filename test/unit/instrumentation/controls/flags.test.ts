/** Flag sets as the control plane really makes them (control/flags.ts), read by the guards' evaluator. */
import { describe, expect, test } from 'vitest'
import { flagSet, type FlagSettings } from '../../../../control/flags.ts'
import { Flags } from '../../../../instrumentation/controls/flags.ts'
import type { Control, WhenLost } from '../../../../model/control.ts'

// flagd's core reads the clock for itself where a rule compares times.
const NOW = Date.now()

function control(c: Partial<Control> & Pick<Control, 'id' | 'control'>): Control {
  return { agent: '', target: '', environment: '', reason: `because of ${c.id}`, actor: 'me', createdMs: NOW - 1000, ...c }
}
function set(controls: readonly Control[], settings: Partial<FlagSettings> = {}): string {
  return JSON.stringify(
    flagSet(controls, { lostAfterSeconds: 60, whenLost: 'keep', agents: new Map(), tools: new Map(), ...settings }, new Map()),
  )
}
const flags = (controls: readonly Control[], settings: Partial<FlagSettings> = {}, environment = ''): Flags =>
  new Flags(set(controls, settings), environment)

describe('agents', () => {
  test('nothing is said of an agent that nobody mentions', () => expect(flags([]).agent('a', NOW)).toEqual({ allowed: true, reason: '' }))
  test('switched off: reason, control, fallback', () =>
    expect(flags([control({ id: 'c1', control: 'agent', agent: 'a', fallback: 'Call us.' })]).agent('a', NOW)).toEqual({
      allowed: false,
      reason: 'because of c1',
      controlId: 'c1',
      fallback: 'Call us.',
    }))
  test('another agent is not concerned', () =>
    expect(flags([control({ id: 'c1', control: 'agent', agent: 'a' })]).agent('b', NOW).allowed).toBe(true))
  test('in one environment only', () => {
    const off = [control({ id: 'c1', control: 'agent', agent: 'a', environment: 'prod' })]
    expect(flags(off, {}, 'prod').agent('a', NOW).allowed).toBe(false)
    expect(flags(off, {}, 'stage').agent('a', NOW).allowed).toBe(true)
  })
  test('of two controls on one flag the one that holds here is named', () => {
    const two = [
      control({ id: 'c1', control: 'agent', agent: 'a', environment: 'prod' }),
      control({ id: 'c2', control: 'agent', agent: 'a', environment: 'stage' }),
    ]
    expect(flags(two, {}, 'stage').agent('a', NOW)).toMatchObject({ allowed: false, controlId: 'c2' })
    expect(flags(two, {}, 'prod').agent('a', NOW)).toMatchObject({ allowed: false, controlId: 'c1' })
  })
  test('limits of its own, else those of any agent', () => {
    const agents = new Map([
      ['*', { maxSteps: 50, maxCostUsd: 2, fallback: 'general' }],
      ['a', { maxSteps: 5, maxIdenticalCalls: 4, maxCostWindow: { usd: 1, seconds: 60 } }],
    ])
    const f = flags([], { agents })
    expect(f.agent('a', NOW)).toEqual({
      allowed: true,
      reason: '',
      maxSteps: 5,
      maxCostUsd: 2,
      maxIdenticalCalls: 4,
      costWindow: { usd: 1, seconds: 60 },
    })
    expect(f.agent('b', NOW)).toEqual({ allowed: true, reason: '', maxSteps: 50, maxCostUsd: 2 })
  })
  test('an agent that is switched off without a text of its own gets the general one', () => {
    const f = flags([control({ id: 'c1', control: 'agent', agent: 'a' })], { agents: new Map([['*', { fallback: 'general' }]]) })
    expect(f.agent('a', NOW)).toMatchObject({ allowed: false, fallback: 'general' })
  })
  test('a control lapses in process, by its own time', () => {
    const f = flags([control({ id: 'c1', control: 'agent', agent: 'a', expiresMs: NOW + 500 })])
    expect(f.agent('a', NOW).allowed).toBe(false)
    expect(f.agent('a', NOW + 499).allowed).toBe(false)
    expect(f.agent('a', NOW + 501).allowed).toBe(true)
  })
  test('names that look like something else are names', () => {
    const odd = 'a.enabled.*"\\ü'
    expect(flags([control({ id: 'c1', control: 'agent', agent: odd })]).agent(odd, NOW).allowed).toBe(false)
    for (const name of ['constructor', '__proto__', 'toString', '']) expect(flags([]).agent(name, NOW).allowed).toBe(true)
  })
})

describe('tools', () => {
  const open = [
    control({ id: 'c1', control: 'tool', target: 'search' }),
    control({ id: 'c2', control: 'tool', target: 'pay', agent: 'a', fallback: 'later' }),
  ]
  test('of every agent, and of one', () => {
    const f = flags(open)
    expect(f.tool('a', 'search', NOW)).toMatchObject({ allowed: false, controlId: 'c1' })
    expect(f.tool('b', 'search', NOW).allowed).toBe(false)
    expect(f.tool('a', 'pay', NOW)).toMatchObject({ allowed: false, fallback: 'later' })
    expect(f.tool('b', 'pay', NOW).allowed).toBe(true)
    expect(f.tool('a', 'other', NOW)).toEqual({ allowed: true, reason: '' })
  })
  test('breakers', () =>
    expect(flags([], { tools: new Map([['search', { breaker: { failures: 3, seconds: 60 } }]]) }).tool('a', 'search', NOW)).toEqual({
      allowed: true,
      reason: '',
      breaker: { failures: 3, seconds: 60 },
    }))
})

describe('runs', () => {
  test('one by its id', () => {
    const f = flags([control({ id: 'c1', control: 'run', target: 'run-1' })])
    expect(f.run('a', 'run-1', NOW, NOW)).toMatchObject({ allowed: false, controlId: 'c1' })
    expect(f.run('a', 'run-2', NOW, NOW).allowed).toBe(true)
  })
  test('all of an agent that had started by then, and none after', () => {
    const f = flags([control({ id: 'c1', control: 'run', target: '*', agent: 'a', createdMs: NOW })])
    expect(f.run('a', 'x', NOW - 5000, NOW).allowed).toBe(false)
    expect(f.run('a', 'x', NOW + 5000, NOW).allowed).toBe(true)
    expect(f.run('b', 'x', NOW - 5000, NOW).allowed).toBe(true)
  })
})

describe('a control plane that is lost', () => {
  function lost(whenLost: WhenLost, controls: readonly Control[] = []): Flags {
    const f = flags(controls, { agents: new Map([['a', { maxSteps: 5, whenLost }]]) })
    f.setLost(true)
    return f
  }
  const off = [control({ id: 'c1', control: 'agent', agent: 'a' })]
  test('keep: what was last known holds', () => {
    expect(lost('keep').agent('a', NOW)).toEqual({ allowed: true, reason: '', maxSteps: 5 })
    expect(lost('keep', off).agent('a', NOW).allowed).toBe(false)
  })
  test('admit: nothing holds any more', () => expect(lost('admit', off).agent('a', NOW)).toEqual({ allowed: true, reason: '' }))
  test('refuse: the agent is refused, and it is said that nobody switched it off', () =>
    expect(lost('refuse').agent('a', NOW)).toMatchObject({
      allowed: false,
      isLost: true,
      reason: 'the control plane is lost and this fails closed',
    }))
  test('found again, all is as before', () => {
    const f = lost('refuse')
    expect(f.agent('a', NOW).allowed).toBe(false)
    f.setLost(false)
    expect(f.agent('a', NOW).allowed).toBe(true)
  })
})

describe('a set that is none changes nothing, and says what is wrong', () => {
  test.each([
    '',
    'x',
    '5',
    'null',
    '[]',
    '{}',
    '{"flags":{}}',
    '{"flags":5,"metadata":{"version":"1"}}',
    '{"flags":{},"metadata":{}}',
    '{"flags":{"a":5},"metadata":{"version":"1"}}',
    '{"flags":{"a":{"state":"ENABLED","variants":{},"defaultVariant":"x"}},"metadata":{"version":"1"}}',
  ])('%s', (text) => {
    expect(() => new Flags(text, '')).toThrow()
  })
  test('what is said of being lost has defaults', () => {
    const f = new Flags('{"flags":{},"metadata":{"version":"1","lost_after_seconds":-5,"when_lost":"never"}}', '')
    expect(f).toMatchObject({ version: '1', lostAfterMs: 60_000 })
  })
  test('a flag of another type than it should have is none', () => {
    const flag = (value: unknown): object => ({ state: 'ENABLED', variants: { v: value }, defaultVariant: 'v' })
    const f = new Flags(
      JSON.stringify({
        flags: {
          'agent.a.enabled': flag('no'),
          'agent.a.max_steps': flag('5'),
          'agent.a.max_cost_window': flag({ usd: 'x', seconds: 1 }),
          'agent.a.max_cost_usd': flag(-1),
        },
        metadata: { version: '1' },
      }),
      '',
    )
    expect(f.agent('a', NOW)).toEqual({ allowed: true, reason: '' })
  })
})

test('an answer costs microseconds', () => {
  const f = flags([control({ id: 'c1', control: 'agent', agent: 'a' })], { agents: new Map([['*', { maxSteps: 5 }]]) })
  const began = performance.now()
  for (let i = 0; i < 10_000; i++) f.agent('b', NOW + i / 100)
  // Kept for a second: a hundred look-ups behind ten thousand answers.
  expect(performance.now() - began).toBeLessThan(1000)
})
