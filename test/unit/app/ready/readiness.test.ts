/** When agents are looked at, which ones, and what becomes of checks that fail, hang together or are slow. */
import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../../../app/config.ts'
import { type About, type ReadinessCheck, Unanswered } from '../../../../app/ready/check.ts'
import { Readiness } from '../../../../app/ready/readiness.ts'
import { about } from './support.ts'

const MINUTE = 60_000

function world(
  checks: readonly ReadinessCheck[],
  yaml = 'agents: { a: {}, b: {} }\n',
  seen: Readonly<Record<string, readonly string[]>> = {},
) {
  const loaded = parseConfig(yaml, 'test.yaml', {})
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'))
  const { config } = loaded
  let now = 0
  let rounds = 0
  const bugs: string[] = []
  const readiness = new Readiness({
    clock: () => now,
    config: () => config,
    world: (at) => {
      rounds++
      return { ...about().world, now: at, config }
    },
    seenAgents: () => new Map(Object.entries(seen).map(([agent, environments]) => [agent, new Set(environments)])),
    bug: (check) => bugs.push(check),
    checks,
  })
  return {
    readiness,
    bugs,
    rounds: () => rounds,
    at: (ms: number) => {
      now = ms
      readiness.tick(ms)
    },
    names: async () => (await readiness.now()).map((r) => `${r.agent}/${r.environment}`),
  }
}
const check = (name: string, look: ReadinessCheck['look'], weight = 50): ReadinessCheck => ({ name, weight, look })
const fine = check('fine', () => Promise.resolve({ state: 'ok', text: '' }))

describe('agents', () => {
  test('are those that are configured and those that run, in each of their environments', async () => {
    const w = world([fine], undefined, { b: ['prod', 'test'], c: [''], __overflow__: [''] })
    expect(await w.names()).toEqual(['a/', 'b/prod', 'b/test', 'c/'])
  })
  test('are as many as the bound allows', async () =>
    expect(await world([fine], 'readiness: { max_agents: 1 }\nagents: { a: {}, b: {} }\n').names()).toEqual(['a/']))
  test('are none where there are none', async () => expect(await world([fine], '').names()).toEqual([]))
  test('have the defaults behind what is configured for them alone', async () => {
    const looked: About[] = []
    const see = check('see', (a) => Promise.resolve(looked.push(a)).then(() => ({ state: 'ok', text: '' })))
    await world([see], 'defaults: { fallback: F }\nagents: { a: { team: t } }\n').names()
    expect(looked.map((a) => [a.agentConfig.fallback, a.agentConfig.team, a.own?.fallback])).toEqual([['F', 't', undefined]])
  })
})

describe('a look', () => {
  test('comes a minute after the start, then every so often', async () => {
    const w = world([fine])
    w.at(59_000)
    expect(w.rounds()).toBe(0)
    w.at(MINUTE)
    await w.readiness.now()
    for (const minute of [2, 5, 6]) {
      w.at(minute * MINUTE)
      await new Promise((done) => setImmediate(done))
    }
    expect(w.rounds()).toBe(2)
  })
  test('is one for all who ask at once, and is told again for a moment', async () => {
    const w = world([fine])
    await Promise.all([w.readiness.now(), w.readiness.now(), w.readiness.now()])
    w.at(4000)
    await w.readiness.now()
    expect(w.rounds()).toBe(1)
    w.at(6000)
    await w.readiness.now()
    expect(w.rounds()).toBe(2)
  })
  test('is due at once when the configuration is another, and none comes after the end', async () => {
    const w = world([fine])
    await w.readiness.now()
    w.readiness.apply()
    w.at(1000)
    await w.readiness.now()
    expect(w.rounds()).toBe(2)
    await w.readiness.close()
    w.at(60 * MINUTE)
    await w.readiness.now()
    expect(w.rounds()).toBe(2)
  })
  test('waits for those under way when it ends', async () => {
    let finish = (): void => undefined
    const slow = check('slow', () => new Promise((done) => (finish = () => done({ state: 'ok', text: '' }))))
    const w = world([slow], 'agents: { a: {} }\n')
    void w.readiness.now()
    const ended: string[] = []
    const closing = w.readiness.close().then(() => ended.push('closed'))
    await new Promise((done) => setImmediate(done))
    expect(ended).toEqual([])
    finish()
    await closing
    expect(ended).toEqual(['closed'])
  })
})

describe('a check', () => {
  test('that got no answer is unknown and says what to do; one with a bug too, and it is counted; others are as they are', async () => {
    const down = check('down', () => Promise.reject(new Unanswered('Prometheus is down', 'start it')), 25)
    const bug = check('bug', () => Promise.reject(new TypeError('x')), 25)
    const w = world([fine, down, bug], 'agents: { a: {} }\n')
    const [a] = await w.readiness.now()
    expect(a).toMatchObject({ score: 100, lowest: 50, highest: 100, isEnough: 'unknown' })
    expect(a?.results.map((r) => [r.check, r.state, r.text, r.advice])).toEqual([
      ['fine', 'ok', '', undefined],
      ['down', 'unknown', 'Prometheus is down', 'start it'],
      ['bug', 'unknown', 'a bug of agentopz kept it from looking', 'see its log, and report it'],
    ])
    expect(w.bugs).toEqual(['bug'])
  })
  test('that throws before it promises anything is a bug like others', async () => {
    const w = world([
      check('bug', () => {
        throw new TypeError('x')
      }),
    ])
    await w.readiness.now()
    expect(w.bugs).toEqual(['bug', 'bug'])
  })
})

describe('gauges', () => {
  const half = check('half', () => Promise.resolve({ state: 'weak', text: '', advice: '' }), 50)
  const gone = check('gone', () => Promise.reject(new Unanswered('', '')), 10)
  test('have a row for all that is known, and none for what is not', async () => {
    const w = world([fine, half, gone], 'agents: { a: {} }\n')
    expect([[...w.readiness.rows()], [...w.readiness.scoreRows()]]).toEqual([[], []])
    await w.readiness.now()
    expect([...w.readiness.rows()]).toEqual([
      [{ agent: 'a', environment: '', check: 'fine' }, 1],
      [{ agent: 'a', environment: '', check: 'half' }, 0.5],
    ])
    expect([...w.readiness.scoreRows()]).toEqual([[{ agent: 'a', environment: '' }, 75]])
  })
  test('end when nobody has looked for long', async () => {
    const w = world([fine], 'agents: { a: {} }\nreadiness: { check_every: 60 }\n')
    await w.readiness.now()
    await w.readiness.close()
    w.at(3 * MINUTE)
    expect([...w.readiness.rows()]).toHaveLength(1)
    w.at(3 * MINUTE + 1)
    expect([[...w.readiness.rows()], [...w.readiness.scoreRows()]]).toEqual([[], []])
  })
  test('have no score where nothing is known', async () => {
    const w = world([gone])
    await w.readiness.now()
    expect([...w.readiness.scoreRows()]).toEqual([])
  })
})
