/** The client against a control plane on this host: how it hears, what it keeps, and that it never keeps anybody waiting. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { ControlClient, type ClientOptions } from '../../../../instrumentation/controls/client.ts'
import { until } from '../../../support/app.ts'
import { type ControlPlane, fallback, limit, off, release, startControlPlane } from '../../../support/control-plane.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})
async function plane(options: Parameters<typeof startControlPlane>[0] = {}): Promise<ControlPlane> {
  const made = await startControlPlane(options)
  closing.push(() => made.close())
  return made
}
function client(url: string, more: Partial<ClientOptions> = {}): ControlClient & { readonly changes: () => number } {
  let changes = 0
  const made = new ControlClient({
    url,
    token: undefined,
    cacheFile: undefined,
    coldDeadlineMs: 50,
    neverHeard: 'admit',
    service: 'svc',
    environment: 'prod',
    changed: () => changes++,
    ...more,
  })
  made.start()
  closing.push(() => made.stop())
  return Object.assign(made, { changes: () => changes })
}
const cache = (): string => join(mkdtempSync(join(tmpdir(), 'agentopz-cache-')), 'deep', 'controls.json')
const SOON = { timeout: 20_000 }

describe('hearing', SOON, () => {
  test('by stream: what is in force at once, and every change', async () => {
    const p = await plane({ flags: { 'agent.a.max_steps': limit(5) } })
    const c = client(p.url, { token: 'secret' })
    await until(async () => c.state === 'live', 'a first set')
    expect(c.agent('a')).toMatchObject({ allowed: true, maxSteps: 5 })
    p.set({ 'agent.a.enabled': off('bad answers'), 'agent.a.fallback': fallback('Call us.') })
    await until(async () => c.changes() === 2, 'a change')
    expect(c.agent('a')).toEqual({ allowed: false, reason: 'bad answers', controlId: 'control-1', fallback: 'Call us.' })
    p.set({})
    await until(async () => c.agent('a').allowed, 'taken back')
    expect(p.asked[0]).toMatchObject({ path: '/api/v1/control/stream', authorization: 'Bearer secret', status: 200 })
    expect(Object.fromEntries(p.asked[0]?.query ?? [])).toEqual({ service: 'svc', environment: 'prod', instance: String(process.pid) })
  })
  test('by polling where there is no stream, with an ETag once something is known', async () => {
    const p = await plane({ mode: 'no-stream', flags: { 'agent.a.max_steps': limit(5) } })
    const c = client(p.url)
    await until(async () => c.state === 'polling', 'polling')
    expect(c.agent('a').maxSteps).toBe(5)
    await until(async () => p.asked.some((a) => a.status === 304), 'a poll without news')
    expect(c.changes()).toBe(1)
    const polls = p.asked.filter((a) => a.path === '/api/v1/control/flags')
    expect(polls.map((a) => a.ifNoneMatch).slice(0, 2)).toEqual([undefined, '"1"'])
    p.set({ 'agent.a.max_steps': limit(6) })
    await until(async () => c.agent('a').maxSteps === 6, 'news', 15)
  })
  test('a stream that is cut is opened again, and nothing is forgotten meanwhile', async () => {
    const p = await plane({ flags: { 'agent.a.max_steps': limit(5) } })
    const c = client(p.url)
    await until(async () => p.listeners === 1, 'a listener')
    p.drop()
    expect(c.agent('a').maxSteps).toBe(5)
    await until(async () => p.listeners === 1 && p.asked.length >= 2, 'a listener again')
    p.set({ 'agent.a.max_steps': limit(6) })
    await until(async () => c.agent('a').maxSteps === 6, 'news')
  })
  test('a control plane that comes later is found', async () => {
    const first = await plane()
    const port = Number(new URL(first.url).port)
    await first.close()
    const c = client(first.url)
    await new Promise((r) => setTimeout(r, 100))
    expect(c.state).toBe('cold')
    await plane({ port, flags: { 'agent.a.max_steps': limit(5) } })
    await until(async () => c.agent('a').maxSteps === 5, 'found')
  })
  test('garbage changes nothing and is counted; good sets after it are taken', async () => {
    const p = await plane({ flags: { 'agent.a.max_steps': limit(5) } })
    const c = client(p.url)
    await until(async () => c.agent('a').maxSteps === 5, 'a first set')
    p.behave('garbage')
    await until(async () => c.refused > 0, 'garbage')
    expect(c.agent('a').maxSteps).toBe(5)
    p.behave('well')
    p.set({ 'agent.a.max_steps': limit(6) })
    await until(async () => c.agent('a').maxSteps === 6, 'good again')
  })
  test('a subscriber that fails disturbs nobody', async () => {
    const p = await plane()
    const c = client(p.url, {
      changed: () => {
        throw new Error('oops')
      },
    })
    await until(async () => c.state === 'live', 'live')
  })
})

describe('waiting', SOON, () => {
  async function wait(c: ControlClient): Promise<number> {
    const began = performance.now()
    await c.ready()
    return performance.now() - began
  }
  test('nobody waits once controls are known', async () => {
    const p = await plane()
    const c = client(p.url)
    await until(async () => c.state === 'live', 'live')
    expect(c.ready()).toBeUndefined()
    p.behave('silent')
    expect(c.ready()).toBeUndefined()
  })
  test('the first call waits until they are, even if it comes late', async () => {
    const p = await plane({ flags: { 'agent.a.enabled': off('x') } })
    const c = client(p.url, { coldDeadlineMs: 5000 })
    // A process that starts has no time to hear of anything.
    const until_ = Date.now() + 100
    while (Date.now() < until_);
    expect(await wait(c)).toBeLessThan(4000)
    expect(c.agent('a').allowed).toBe(false)
  })
  test.each(['silent', 'slow'] as const)(
    'a control plane that is %s holds up a call no longer than the deadline, and only once',
    async (mode) => {
      const p = await plane({ mode })
      const c = client(p.url, { coldDeadlineMs: 200 })
      const waited = await Promise.all([wait(c), wait(c), wait(c)])
      for (const ms of waited) {
        expect(ms).toBeGreaterThan(150)
        expect(ms).toBeLessThan(1500)
      }
      expect(c.ready()).toBeUndefined()
      expect(c.agent('a').allowed).toBe(true)
    },
  )
  test.each(['error', 'garbage'] as const)('one that answers with %s is not waited for to the end', async (mode) => {
    const p = await plane({ mode })
    expect(await wait(client(p.url, { coldDeadlineMs: mode === 'error' ? 5000 : 300 }))).toBeLessThan(2500)
  })
  test('one that is not there is not waited for', async () => {
    const p = await plane()
    await p.close()
    expect(await wait(client(p.url, { coldDeadlineMs: 5000 }))).toBeLessThan(2500)
  })
  test('a deadline of 0 waits for nothing', async () => {
    const p = await plane()
    expect(client(p.url, { coldDeadlineMs: 0 }).ready()).toBeUndefined()
  })
  test('what was never heard is admitted, or refused where that was asked for', async () => {
    const p = await plane({ mode: 'silent' })
    expect(client(p.url).agent('a')).toEqual({ allowed: true, reason: '' })
    expect(client(p.url, { neverHeard: 'refuse' }).agent('a')).toMatchObject({ allowed: false, isLost: true })
  })
})

describe('keeping', SOON, () => {
  test('what was heard is on disk, for this user only, and is in force before anything is heard the next time', async () => {
    const file = cache()
    const p = await plane({ flags: { 'agent.a.enabled': off('bad answers') } })
    const c = client(p.url, { cacheFile: file })
    await until(async () => existsSync(file), 'a file')
    expect(statSync(file).mode & 0o077).toBe(0)
    expect(statSync(join(file, '..')).mode & 0o077).toBe(0)
    c.stop()
    await p.close()
    const next = client(p.url, { cacheFile: file })
    expect(next.ready()).toBeUndefined()
    expect(next.state).toBe('kept')
    expect(next.agent('a')).toMatchObject({ allowed: false, reason: 'bad answers' })
  })
  test('many changes at once leave the last one whole, and no other files', async () => {
    const file = cache()
    const p = await plane()
    const c = client(p.url, { cacheFile: file })
    await until(async () => c.state === 'live' && existsSync(file), 'live')
    for (let i = 1; i <= 30; i++) p.set({ 'agent.a.max_steps': limit(i) })
    await until(async () => c.agent('a').maxSteps === 30, 'the last')
    await until(async () => (JSON.parse(readFileSync(file, 'utf8')) as { metadata: { version: string } }).metadata.version === '31', 'kept')
    await until(async () => readdirSync(join(file, '..')).length === 1, 'no other files')
  })
  test('a file that is garbage is as good as none', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'agentopz-cache-')), 'controls.json')
    writeFileSync(file, '{"flags"')
    const p = await plane({ mode: 'silent' })
    const c = client(p.url, { cacheFile: file })
    expect(c.state).toBe('cold')
    expect(c.refused).toBe(1)
  })
  test('a place that cannot be written to disturbs nobody', async () => {
    const p = await plane({ flags: { 'agent.a.max_steps': limit(5) } })
    const c = client(p.url, { cacheFile: '/proc/nowhere/controls.json' })
    await until(async () => c.agent('a').maxSteps === 5, 'heard')
  })
})

describe('losing', SOON, () => {
  test('unheard for too long: each agent by its own word, and found again', async () => {
    const lost = (when_lost: 'keep' | 'admit' | 'refuse'): object => ({ when_lost })
    const p = await plane({
      metadata: { lost_after_seconds: 0.3 },
      flags: {
        'agent.keeps.enabled': off('x', lost('keep')),
        'agent.admits.enabled': off('x', lost('admit')),
        'agent.refuses.enabled': { state: 'ENABLED', variants: { on: true, off: false }, defaultVariant: 'on', metadata: lost('refuse') },
      },
    })
    const c = client(p.url)
    await until(async () => c.state === 'live', 'live')
    const allowed = (): readonly boolean[] => ['keeps', 'admits', 'refuses', 'unknown'].map((a) => c.agent(a).allowed)
    expect(allowed()).toEqual([false, false, true, true])
    p.behave('silent')
    await until(async () => c.state === 'lost', 'lost')
    expect(allowed()).toEqual([false, true, false, true])
    p.behave('well')
    await until(async () => c.state === 'live', 'found', 18)
    expect(allowed()).toEqual([false, false, true, true])
  })
})

test('releases', SOON, async () => {
  const p = await plane({ flags: { 'agent.a.release_document': release({ version: 'v2', prompts: { system: 'Be kind.' } }) } })
  const c = client(p.url)
  await until(async () => c.state === 'live', 'live')
  expect(c.release('a')).toEqual({ agent: 'a', version: 'v2', prompts: { system: 'Be kind.' }, config: {}, known: {} })
  expect(c.release('b')).toBeUndefined()
})
