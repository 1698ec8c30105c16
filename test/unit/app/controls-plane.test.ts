import { describe, expect, test } from 'vitest'
import { ControlPlane, type FlagDocument, type PlaneSettings } from '../../../app/controls/plane.ts'
import { createStorage, type Storage } from '../../../app/storage.ts'
import type { AuditEntry } from '../../../control/audit.ts'
import { FLAG } from '../../../model/control.ts'
import { request } from '../control/support.ts'

const SETTINGS: PlaneSettings = {
  flags: { lostAfterSeconds: 60, whenLost: 'keep', agents: new Map(), tools: new Map() },
  maxControls: 10,
  maxReleases: 10,
  maxReleaseBytes: 1000,
  maxDocumentBytes: 3000,
}
const WHO = { actor: 'ana@host', reason: 'why', via: 'loopback' }

interface World {
  readonly plane: ControlPlane
  readonly done: AuditEntry[]
  readonly sent: FlagDocument[]
  readonly failed: string[]
  readonly recovered: number[]
  now: number
  /** The clock, for actions. */
  readonly at: () => number
}
function world(storage: Storage): World {
  const w = { done: [], sent: [], failed: [], recovered: [], now: 1000 } as unknown as World
  const plane = new ControlPlane(storage, SETTINGS, {
    done: (entry) => w.done.push(entry),
    changed: (document) => w.sent.push(document),
    storageFailed: (operation) => w.failed.push(operation),
    storageRecovered: () => w.recovered.push(w.now),
  })
  return Object.assign(w, { plane, at: () => w.now })
}
const memory = (): Storage => createStorage('sqlite::memory:', '/')
/** A storage that fails as long as it is told to. */
function failing(): Storage & { broken: 'load' | 'write' | undefined } {
  const inner = memory()
  const storage = {
    broken: undefined as 'load' | 'write' | undefined,
    name: 'somewhere',
    load: async () => (storage.broken === 'load' ? Promise.reject(new Error('disk on fire')) : inner.load()),
    write: async (change: Parameters<Storage['write']>[0]) =>
      storage.broken === 'write' ? Promise.reject(new Error('disk full')) : inner.write(change),
    alone: (work: Parameters<Storage['alone']>[0]) => inner.alone(work),
    audit: (limit: number) => inner.audit(limit),
    close: () => inner.close(),
  } as Storage & { broken: 'load' | 'write' | undefined }
  return storage
}
const isOff = (d: FlagDocument | undefined): boolean => d?.set.flags[FLAG.agentEnabled('support')] !== undefined

describe('a change', () => {
  test('is stored, then in force, then announced', async () => {
    const storage = memory()
    const w = world(storage)
    await w.plane.load(w.now)
    expect(w.sent.map(isOff)).toEqual([false])
    const outcome = await w.plane.set(request(), WHO, w.at)
    expect([outcome.ok, w.sent.map(isOff), (await storage.load()).controls.length, w.done.map((e) => e.action)]).toEqual([
      true,
      [false, true],
      1,
      ['set'],
    ])
  })
  test('that is refused is neither stored nor announced', async () => {
    const storage = memory()
    const w = world(storage)
    await w.plane.load(w.now)
    expect(await w.plane.set(request({ agent: '' }), WHO, w.at)).toMatchObject({ ok: false, because: 'no_agent' })
    expect([(await storage.audit(9)).length, w.done, w.sent.length]).toEqual([0, [], 1])
  })
  test('that cannot be stored did not happen', async () => {
    const storage = failing()
    const w = world(storage)
    await w.plane.load(w.now)
    storage.broken = 'write'
    expect(await w.plane.set(request(), WHO, w.at)).toEqual({ ok: false, because: 'not_stored', detail: 'somewhere: disk full' })
    expect([w.plane.controls(w.now), w.failed, w.sent.length, w.done]).toEqual([[], ['write'], 1, []])
    storage.broken = undefined
    expect(await w.plane.set(request(), WHO, w.at)).toMatchObject({ ok: true })
  })
  test('two at once about the same: the second replaces the first', async () => {
    const w = world(memory())
    await w.plane.load(w.now)
    const [first, second] = await Promise.all([w.plane.set(request(), WHO, w.at), w.plane.set(request(), WHO, w.at)])
    expect([first.ok && first.entry.action, second.ok && second.entry.action, w.plane.controls(w.now).length]).toEqual([
      'set',
      'replace',
      1,
    ])
  })
  test('after stopping is refused', async () => {
    const w = world(memory())
    await w.plane.load(w.now)
    const [before, , after] = await Promise.all([
      w.plane.set(request(), WHO, w.at),
      w.plane.close(),
      w.plane.set(request({ agent: 'other' }), WHO, w.at),
    ])
    expect([before.ok, after]).toMatchObject([true, { ok: false, because: 'not_loaded', detail: ':memory:: agentopz is stopping' }])
  })
})

describe('time', () => {
  test('what lapses is announced by the next tick, once', async () => {
    const w = world(memory())
    await w.plane.load(w.now)
    await w.plane.set(request({ expiresMs: 5000 }), WHO, w.at)
    for (w.now of [2000, 4999, 5000, 6000]) w.plane.tick(w.now)
    expect(w.sent.map(isOff)).toEqual([false, true, false])
  })
  test('whoever asks between ticks is told the truth', async () => {
    const w = world(memory())
    await w.plane.load(w.now)
    await w.plane.set(request({ expiresMs: 5000 }), WHO, w.at)
    expect([isOff(w.plane.flags(4999)), isOff(w.plane.flags(5000))]).toEqual([true, false])
  })
  test('nothing new, nothing announced', async () => {
    const w = world(memory())
    await w.plane.load(w.now)
    for (let i = 0; i < 5; i++) w.plane.tick(w.now + i)
    w.plane.apply(SETTINGS, w.now)
    expect(w.sent).toHaveLength(1)
  })
  test('another configuration is announced', async () => {
    const w = world(memory())
    await w.plane.load(w.now)
    w.plane.apply({ ...SETTINGS, flags: { ...SETTINGS.flags, whenLost: 'refuse' } }, w.now)
    expect(w.sent.map((d) => d.set.metadata.when_lost)).toEqual(['keep', 'refuse'])
  })
})

describe('what is stored cannot be read', () => {
  test('then there are no flags, not empty ones, and nothing can be changed', async () => {
    const storage = failing()
    storage.broken = 'load'
    const w = world(storage)
    await w.plane.load(w.now)
    expect([w.plane.flags(w.now), w.sent, w.failed, w.plane.notLoaded]).toEqual([undefined, [], ['open'], 'somewhere: disk on fire'])
    expect(await w.plane.set(request(), WHO, w.at)).toMatchObject({ ok: false, because: 'not_loaded' })
  })
  test('it is tried again every ten seconds, and announced when it works', async () => {
    const storage = failing()
    const w = world(storage)
    await w.plane.load(w.now)
    await w.plane.set(request(), WHO, w.at)
    const again = world(storage)
    storage.broken = 'load'
    await again.plane.load(again.now)
    storage.broken = undefined
    again.plane.tick(again.now + 9999)
    await again.plane.undo('nothing, but it waits its turn', WHO, again.at)
    expect(again.sent).toEqual([])
    again.plane.tick(again.now + 10_000)
    await again.plane.undo('nothing, but it waits its turn', WHO, again.at)
    expect([again.sent.map(isOff), again.recovered.length, again.plane.notLoaded]).toEqual([[true], 1, undefined])
  })
})

test('releases: published, activated, rolled back, and held ones kept', async () => {
  const storage = memory()
  const w = world(storage)
  await w.plane.load(w.now)
  for (const version of ['v1', 'v2']) {
    await w.plane.publish({ agent: 'support', version, prompts: { system: version }, config: {} }, WHO, w.at)
    await w.plane.activate('support', version, WHO, w.at)
  }
  const document = FLAG.agentReleaseDocument('support')
  expect(w.plane.flags(w.now)?.set.flags[document]?.variants).toMatchObject({ v2: { prompts: { system: 'v2' } } })
  await w.plane.rollback('support', WHO, w.at)
  expect([w.plane.flags(w.now)?.set.flags[FLAG.agentRelease('support')]?.defaultVariant, w.plane.agentsWithReleases]).toEqual([
    'v1',
    ['support'],
  ])
  expect(await w.plane.set(request({ control: 'release', target: 'v9' }), WHO, w.at)).toMatchObject({ because: 'unknown_release' })
  expect(await w.plane.set(request({ control: 'release', target: 'v2', environment: 'prod' }), WHO, w.at)).toMatchObject({ ok: true })
  const stored = await storage.load()
  expect(stored.releases.get('support')?.activations).toEqual(['v1'])
})

test('a release that guards could not be sent is not activated, and a control gets through all the same', async () => {
  const w = world(memory())
  await w.plane.load(w.now)
  const publish = async (agent: string): Promise<unknown> => {
    await w.plane.publish({ agent, version: 'v1', prompts: { system: 'x'.repeat(900) }, config: {} }, WHO, w.at)
    return w.plane.activate(agent, 'v1', WHO, w.at)
  }
  expect([await publish('a'), await publish('b'), await publish('c')]).toMatchObject([
    { ok: true },
    { ok: true },
    { ok: false, because: 'document_too_large', detail: expect.stringContaining('controls.max_document_bytes') as string },
  ])
  expect(w.plane.releases('c')?.activations).toEqual([])
  expect(await w.plane.set(request({ fallback: 'y'.repeat(3000) }), WHO, w.at)).toMatchObject({ ok: true })
})
