/** Flag sets are judged by what flagd's own evaluator makes of them, for that is what guards and other languages run. */
import { FlagdCore, MemoryStorage } from '@openfeature/flagd-core'
import { describe, expect, test } from 'vitest'
import { flagSet, type FlagSettings } from '../../../control/flags.ts'
import { activateRelease, NO_RELEASES, publishRelease, type ReleaseState } from '../../../control/releases.ts'
import { type Control, FLAG, type FlagContext, type FlagSet } from '../../../model/control.ts'
import { ASKED, control } from './support.ts'

const SETTINGS: FlagSettings = { lostAfterSeconds: 60, whenLost: 'keep', agents: new Map([['*', {}]]), tools: new Map() }
const LOG = { error: () => undefined, warn: () => undefined, info: () => undefined, debug: () => undefined }
const set = (controls: readonly Control[], settings: Partial<FlagSettings> = {}, releases = NO_RELEASES): FlagSet =>
  flagSet(controls, { ...SETTINGS, ...settings }, releases)

interface Found {
  readonly value?: unknown
  readonly variant?: string
  readonly flagMetadata?: object
}
function evaluate(flags: FlagSet, key: string, context: FlagContext = {}): Found | undefined {
  const core = new FlagdCore(undefined, LOG)
  core.setConfigurations(JSON.stringify(flags))
  return core.getFlag(key)?.evaluate({ ...context })
}
/** Now, as flagd's clock has it. */
const soon = (seconds: number): number => Date.now() + seconds * 1000

describe('a switched-off agent', () => {
  const key = FLAG.agentEnabled('support')
  test('without controls nothing is said of it', () => expect(evaluate(set([]), key)).toBeUndefined())
  test('one that is configured is on', () =>
    expect(evaluate(set([], { agents: new Map([['support', {}]]) }), key)).toMatchObject({ value: true, variant: 'on' }))
  test('for ever and everywhere: off, and the metadata says why', () =>
    expect(evaluate(set([control()]), key)).toMatchObject({
      value: false,
      variant: 'c1',
      flagMetadata: { control_id: 'c1', reason: 'why', actor: 'ana@host', when_lost: 'keep', lost_after_seconds: 60 },
    }))
  const inProd = set([control({ environment: 'prod' })])
  for (const [environment, value] of [
    ['prod', false],
    ['test', true],
    [undefined, true],
  ] as const)
    test(`in prod only: asked from ${environment ?? 'nowhere'} it is ${value ? 'on' : 'off'}`, () =>
      expect(evaluate(inProd, key, environment === undefined ? {} : { environment })?.value).toBe(value))
  test('until a time: the evaluator lets it lapse by its own clock', () => {
    const lapsing = set([control({ expiresMs: soon(60) })])
    const lapsed = set([control({ expiresMs: soon(-2) })])
    expect([evaluate(lapsing, key)?.value, evaluate(lapsed, key)?.value]).toEqual([false, true])
  })
  test('the metadata has the time too', () => {
    const expiresMs = soon(60)
    expect(evaluate(set([control({ expiresMs })]), key)?.flagMetadata).toMatchObject({ expires_ms: expiresMs })
  })
  test('twice: both reasons, the last expiry, and the variant says which one it is', () => {
    const [early, late] = [soon(60), soon(120)]
    const both = set([
      control({ id: 'c1', environment: 'prod', expiresMs: early, reason: 'one' }),
      control({ id: 'c2', environment: 'test', expiresMs: late, reason: 'two', actor: 'bo' }),
    ])
    expect([evaluate(both, key, { environment: 'prod' })?.variant, evaluate(both, key, { environment: 'test' })?.variant]).toEqual([
      'c1',
      'c2',
    ])
    expect(evaluate(both, key, { environment: 'x' })).toMatchObject({
      value: true,
      flagMetadata: { control_id: 'c1 c2', reason: 'one; two', actor: 'ana@host; bo', expires_ms: late },
    })
  })
  test('one that never lapses keeps the other from setting a time', () => {
    const both = set([control({ environment: 'prod', expiresMs: soon(60) }), control({ id: 'c2' })])
    expect(both.flags[key]?.metadata).not.toHaveProperty('expires_ms')
  })
  test('the more particular control goes first', () => {
    const both = set([control({ id: 'all', createdMs: 2 }), control({ id: 'prod', environment: 'prod', createdMs: 1 })])
    expect([evaluate(both, key, { environment: 'prod' })?.variant, evaluate(both, key)?.variant]).toEqual(['prod', 'all'])
  })
  test('of equals the newer one goes first', () => {
    const both = set([control({ id: 'old', environment: 'prod', createdMs: 1 }), control({ id: 'new', environment: 'prod', createdMs: 2 })])
    expect(evaluate(both, key, { environment: 'prod' })?.variant).toBe('new')
  })
})

describe('what answers instead', () => {
  const key = FLAG.agentFallback('support')
  const configured = { agents: new Map([['support', { fallback: 'call us' }]]) }
  const general = { agents: new Map([['*', { fallback: 'general' }]]) }
  const cases: readonly (readonly [string, FlagSet, unknown])[] = [
    ['nothing configured, nothing said', set([control()]), undefined],
    ['the configured text', set([control()], configured), 'call us'],
    ["the control's own text goes before", set([control({ fallback: 'paused' })], configured), 'paused'],
    ['a control without one leaves the configured text', set([control({ environment: 'x' })], configured), 'call us'],
    [
      'not where the control is about another environment',
      set([control({ fallback: 'paused', environment: 'prod' })], configured),
      'call us',
    ],
    ['nor without a configured one: none', set([control({ fallback: 'paused', environment: 'prod' })]), ''],
    ['and the general one is repeated beside it', set([control({ fallback: 'paused', environment: 'prod' })], general), 'general'],
  ]
  for (const [name, flags, value] of cases) test(name, () => expect(evaluate(flags, key)?.value).toBe(value))
  test('the general one has a flag of its own', () => expect(evaluate(set([], general), FLAG.agentFallback('*'))?.value).toBe('general'))
})

describe('an open tool', () => {
  const key = FLAG.toolEnabled('search')
  const all = control({ control: 'tool', agent: '', target: 'search' })
  const ofOne = control({ control: 'tool', target: 'search' })
  const cases: readonly (readonly [string, Control, FlagContext, boolean])[] = [
    ['of every agent', all, { agent: 'x' }, false],
    ['of every agent, asked by nobody', all, {}, false],
    ['of one agent, asked by it', ofOne, { agent: 'support' }, false],
    ['of one agent, asked by another', ofOne, { agent: 'other' }, true],
    ['of one agent in one environment', { ...ofOne, environment: 'prod' }, { agent: 'support', environment: 'prod' }, false],
    ['of one agent in another environment', { ...ofOne, environment: 'prod' }, { agent: 'support', environment: 'test' }, true],
  ]
  for (const [name, c, context, value] of cases) test(name, () => expect(evaluate(set([c]), key, context)?.value).toBe(value))
  test('breakers and fallbacks come from the configuration', () => {
    const tools = new Map([['search', { breaker: { failures: 3, seconds: 60 }, fallback: 'no search today' }]])
    expect([
      evaluate(set([], { tools }), FLAG.toolBreaker('search'))?.value,
      evaluate(set([], { tools }), FLAG.toolFallback('search'))?.value,
      evaluate(set([{ ...all, fallback: 'use the cache' }], { tools }), FLAG.toolFallback('search'))?.value,
    ]).toEqual([{ failures: 3, seconds: 60 }, 'no search today', 'use the cache'])
  })
})

describe('a stopped run', () => {
  test('one by its id', () =>
    expect(evaluate(set([control({ control: 'run', agent: '', target: 'r1' })]), FLAG.runEnabled('r1'))?.value).toBe(false))
  const every = set([control({ control: 'run', target: '*', createdMs: 1000 })])
  const cases: readonly (readonly [string, FlagContext, boolean])[] = [
    ['every run that had started', { agent: 'support', run_started_ms: 1000 }, false],
    ['not one that started later', { agent: 'support', run_started_ms: 1001 }, true],
    ['one that does not say when', { agent: 'support' }, false],
    ['not that of another agent', { agent: 'other', run_started_ms: 1 }, true],
  ]
  for (const [name, context, value] of cases) test(name, () => expect(evaluate(every, FLAG.runEnabled('*'), context)?.value).toBe(value))
})

describe('limits', () => {
  test('each under its key, with the key of the configuration that set it', () => {
    const agents = new Map([
      ['*', { maxCostUsd: 2 }],
      [
        'support',
        { maxCostUsd: 1, maxSteps: 60, maxIdenticalCalls: 8, maxCostWindow: { usd: 50, seconds: 3600 }, whenLost: 'refuse' as const },
      ],
    ])
    const flags = set([], { agents })
    expect([
      evaluate(flags, FLAG.maxCostUsd('support')),
      evaluate(flags, FLAG.maxSteps('support'))?.value,
      evaluate(flags, FLAG.maxIdenticalCalls('support'))?.value,
      evaluate(flags, FLAG.maxCostWindow('support'))?.value,
      evaluate(flags, FLAG.maxCostUsd('*'))?.value,
      evaluate(flags, FLAG.agentEnabled('support'))?.flagMetadata,
    ]).toMatchObject([
      { value: 1, variant: 'limit', flagMetadata: { reason: 'cost_usd.stop_run_at', when_lost: 'refuse' } },
      60,
      8,
      { usd: 50, seconds: 3600 },
      2,
      { when_lost: 'refuse' },
    ])
  })
  test('nothing is switched by the name that stands for all', () =>
    expect(Object.keys(set([], { agents: new Map([['*', { maxSteps: 3 }]]) }).flags)).toEqual(['agent.*.max_steps']))
})

describe('releases', () => {
  const releases = ['v1', 'v2'].reduce<ReleaseState>((state, version) => {
    const outcome = publishRelease(state, { agent: 'support', version, prompts: { system: version }, config: {} }, ASKED, {
      maxReleases: 9,
      maxBytes: 999,
      held: new Set(),
    })
    return outcome.ok ? outcome.state : state
  }, NO_RELEASES)
  const active = activateRelease(releases, 'support', 'v2', ASKED)
  const state = active.ok ? active.state : NO_RELEASES
  const [name, document] = [FLAG.agentRelease('support'), FLAG.agentReleaseDocument('support')]
  test('published but not active: no flag', () => expect(set([], {}, releases).flags).toEqual({}))
  test('the active one, by name and with its content', () => {
    const flags = set([], {}, state)
    expect([evaluate(flags, name)?.value, evaluate(flags, document)?.value]).toMatchObject([
      'v2',
      { version: 'v2', prompts: { system: 'v2' } },
    ])
  })
  test('another one held in an environment', () => {
    const flags = set([control({ control: 'release', target: 'v1', environment: 'prod', expiresMs: soon(60) })], {}, state)
    expect([
      evaluate(flags, name, { environment: 'prod' })?.value,
      evaluate(flags, document, { environment: 'prod' })?.value,
      evaluate(flags, name)?.value,
    ]).toMatchObject(['v1', { prompts: { system: 'v1' } }, 'v2'])
    // A guard that took the flag for absent afterwards would have no release at all.
    expect(flags.flags[name]?.metadata).not.toHaveProperty('expires_ms')
  })
})

describe('the set as a whole', () => {
  const everything = set(
    [
      control({ expiresMs: soon(60), environment: 'prod', fallback: 'x' }),
      control({ id: 'c2', control: 'tool', target: 'search' }),
      control({ id: 'c3', control: 'run', target: '*' }),
      control({ id: 'c4', agent: 'a "quoted" name/with.dots é', expiresMs: soon(60) }),
    ],
    { agents: new Map([['support', { maxCostWindow: { usd: 1, seconds: 2 }, fallback: 'y' }]]) },
  )
  test("keeps flagd's schema", () => {
    expect(() => new MemoryStorage(LOG).setConfigurations(JSON.stringify(everything), true)).not.toThrow()
    const broken = { ...everything, flags: { x: { state: 'ENABLED', targeting: { nonsense: 1 } } } }
    expect(() => new MemoryStorage(LOG).setConfigurations(JSON.stringify(broken), true)).toThrow(/invalid flagd/)
  })
  test('names that are no identifiers are names all the same', () =>
    expect(evaluate(everything, FLAG.agentEnabled('a "quoted" name/with.dots é'))?.value).toBe(false))
  test('its version changes with anything in it, and with nothing else', () => {
    const version = (flags: FlagSet): string => flags.metadata.version
    const one = control()
    expect(version(set([one]))).toBe(version(set([{ ...one }])))
    const others = [set([]), set([{ ...one, reason: 'other' }]), set([one], { lostAfterSeconds: 61 }), set([one], { whenLost: 'admit' })]
    expect(new Set([set([one]), ...others].map(version)).size).toBe(5)
  })
})
