/** The owner of incidents: stored before it counts, one change at a time, storage that fails, who is told, restarts. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, describe, expect, test } from 'vitest'
import { Incidents, type IncidentsEvents } from '../../../app/incidents/incidents.ts'
import { createStorage, type IncidentStorage, type Storage } from '../../../app/storage.ts'
import { mitigated } from '../../../incidents/commands.ts'
import type { LifecycleSettings } from '../../../incidents/state.ts'
import { at, settings, told } from '../incidents/support.ts'

const cleanup: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const c of cleanup.splice(0).toReversed()) await c()
})
function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'agentopz-incidents-'))
  cleanup.push(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** The real storage, which breaks when a test says so. */
type Breaking = IncidentStorage & { broken: 'read' | 'write' | undefined; readonly real: Storage & IncidentStorage }
function breaking(dir: string): Breaking {
  const real = createStorage('sqlite:./a.db', dir)
  cleanup.push(() => real.close())
  const storage: Breaking = {
    real,
    broken: undefined,
    name: real.name,
    incidents: () => (storage.broken === 'read' ? Promise.reject(new Error('it is locked')) : real.incidents()),
    writeIncidents: (change) => (storage.broken === 'write' ? Promise.reject(new Error('disk full')) : real.writeIncidents(change)),
    incidentsAlone: (work) => real.incidentsAlone(work),
  }
  return storage
}

interface World {
  readonly incidents: Incidents
  readonly storage: Breaking
  readonly heard: string[]
  readonly clock: { now: number }
}
async function world(more: Partial<LifecycleSettings> = {}, dir = folder()): Promise<World> {
  const heard: string[] = []
  const clock = { now: at(1) }
  const storage = breaking(dir)
  const events: IncidentsEvents = {
    changed: (after, why, before) => heard.push(`${why} ${after.id} (${before?.state ?? 'new'} → ${after.state})`),
    storageFailed: (operation, error) => heard.push(`storage ${operation}: ${(error as Error).message}`),
    dropped: (what, count) => heard.push(`dropped ${count} ${what}`),
    listenerFailed: (error) => heard.push(`listener: ${(error as Error).message}`),
  }
  const incidents = new Incidents(storage, settings(more), () => clock.now, events)
  await incidents.load()
  return { incidents, storage, heard, clock }
}

describe('a change', () => {
  test('is stored before it counts and before anybody is told', async () => {
    const { incidents, storage, heard } = await world()
    const seen: number[] = []
    incidents.subscribe((i, why) => {
      heard.push(`told of ${why} ${i.id}`)
      // What is told of is in the file by then: another program can read it.
      const other = new DatabaseSync(storage.name, { readOnly: true })
      seen.push(Number(other.prepare('select count(*) as n from incidents').get()?.['n']))
      other.close()
    })
    await incidents.receive([told('A', 0)])
    expect([heard, seen]).toEqual([['opened inc_1 (new → open)', 'told of opened inc_1'], [1]])
  })
  test('comes after the one before: both see what the other left', async () => {
    const { incidents } = await world()
    await incidents.receive([told('A', 0)])
    await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        incidents.update('inc_1', (i) => ({ ...i, timeline: [...i.timeline, { atMs: at(2), kind: 'note', text: `note ${n}` }] })),
      ),
    )
    expect(incidents.get('inc_1')?.timeline).toHaveLength(21)
  })
  test('that cannot be stored did not happen, and can be made again', async () => {
    const { incidents, storage, heard } = await world()
    storage.broken = 'write'
    expect(await incidents.receive([told('A', 0)])).toMatchObject({ ok: false, because: 'not_stored' })
    expect([incidents.list(), heard]).toEqual([[], ['storage write: disk full']])
    storage.broken = undefined
    expect(await incidents.receive([told('A', 0)])).toMatchObject({ ok: true })
    storage.broken = 'write'
    const id = incidents.list()[0]?.id ?? ''
    expect(await incidents.command({ command: 'acknowledge', id, actor: 'ana' })).toMatchObject({ ok: false, because: 'not_stored' })
    expect(incidents.get(id)?.state).toBe('open')
  })
  test('a listener that throws is told of, and the others hear all the same', async () => {
    const { incidents, heard } = await world()
    incidents.subscribe(() => {
      throw new Error('a bug')
    })
    const end = incidents.subscribe((i) => heard.push(`second: ${i.id}`))
    await incidents.receive([told('A', 0)])
    end()
    await incidents.receive([told('B', 1)])
    expect(heard).toEqual([
      'opened inc_1 (new → open)',
      'listener: a bug',
      'second: inc_1',
      'alert_fired inc_1 (open → open)',
      'listener: a bug',
    ])
  })
  test("that throws is its caller's mistake, and the next one goes on", async () => {
    const { incidents } = await world()
    await incidents.receive([told('A', 0)])
    const bad = incidents.update('inc_1', () => {
      throw new Error('mine')
    })
    await expect(bad).rejects.toThrow('mine')
    expect(await incidents.update('inc_1', (i) => mitigated(i, 'ana', 'well', at(2)))).toMatchObject({
      ok: true,
      incident: { state: 'mitigated' },
    })
  })
})

describe('time', () => {
  test('a tick resolves what is over, once', async () => {
    const { incidents, heard, clock } = await world()
    await incidents.receive([told('A', 0, { endMinute: 5 })])
    clock.now = at(20)
    incidents.tick(at(20))
    await incidents.update('inc_1', (i) => i)
    incidents.tick(at(20) + 1000)
    await incidents.update('inc_1', (i) => i)
    expect(heard).toEqual(['opened inc_1 (new → open)', 'resolved inc_1 (open → resolved)'])
  })
  test('where that cannot be stored it is tried again ten seconds later', async () => {
    const { incidents, storage, heard, clock } = await world()
    await incidents.receive([told('A', 0, { endMinute: 5 })])
    storage.broken = 'write'
    for (let second = 0; second < 15; second++) {
      clock.now = at(20) + second * 1000
      incidents.tick(clock.now)
      await incidents.update('inc_1', (i) => i)
    }
    expect(heard.filter((h) => h.startsWith('storage'))).toHaveLength(2)
    storage.broken = undefined
    clock.now = at(21)
    incidents.tick(clock.now)
    await incidents.update('inc_1', (i) => i)
    expect(incidents.get('inc_1')?.state).toBe('resolved')
  })
})

describe('what is stored', () => {
  test('is all there after a restart, in order', async () => {
    const dir = folder()
    const one = await world({}, dir)
    for (const agent of ['c', 'a', 'b']) await one.incidents.receive([told('A', 0, { labels: { agent } })])
    await one.incidents.command({ command: 'acknowledge', id: 'inc_1', actor: 'ana' })
    const before = one.incidents.list()
    await one.incidents.close()
    await one.storage.real.close()
    const two = await world({}, dir)
    expect(two.incidents.list()).toEqual(before)
    expect(before.map((i) => [i.agent, i.state])).toEqual([
      ['b', 'open'],
      ['a', 'open'],
      ['c', 'acknowledged'],
    ])
  })
  test('has columns for who looks by hand, and loses what was forgotten', async () => {
    const { incidents, storage, clock, heard } = await world({ maxIncidents: 1 })
    await incidents.receive([told('A', 0, { endMinute: 2 })])
    clock.now = at(30)
    incidents.tick(at(30))
    await incidents.receive([told('A', 30, { labels: { agent: 'shop', severity: 'warning' } })])
    const other = new DatabaseSync(storage.name, { readOnly: true })
    expect(
      other
        .prepare('select id, agent, environment, state, severity, opened_ms from incidents')
        .all()
        .map((r) => ({ ...r })),
    ).toEqual([{ id: 'inc_2', agent: 'shop', environment: 'prod', state: 'open', severity: 'warning', opened_ms: at(30) }])
    other.close()
    expect(heard).toContain('dropped 1 incident')
  })
  test('that cannot be read: nothing is taken or told until it can be', async () => {
    const dir = folder()
    const one = await world({}, dir)
    await one.incidents.receive([told('A', 0)])
    const { incidents, storage, clock } = await world({}, dir)
    storage.broken = 'read'
    await incidents.close()
    const again = new Incidents(storage, settings(), () => clock.now, {
      changed: () => undefined,
      storageFailed: () => undefined,
      dropped: () => undefined,
      listenerFailed: () => undefined,
    })
    await again.load()
    expect(await again.receive([told('B', 1)])).toMatchObject({ ok: false, because: 'not_loaded' })
    expect(again.notLoaded).toContain('it is locked')
    storage.broken = undefined
    again.tick(clock.now + 9000)
    await again.update('x', (i) => i)
    expect(again.notLoaded).toContain('it is locked')
    again.tick(clock.now + 10_000)
    await again.update('x', (i) => i)
    expect([again.notLoaded, again.list().map((i) => i.id)]).toEqual([undefined, ['inc_1']])
  })
})

test('an incident is told of by age, state and agent', async () => {
  const { incidents, clock } = await world()
  await incidents.receive([told('A', 0)])
  clock.now = at(5)
  await incidents.receive([told('A', 0, { labels: { agent: 'shop' } })])
  const ids = (filter: Parameters<Incidents['list']>[0]): readonly string[] => incidents.list(filter).map((i) => i.id)
  expect([ids({}), ids({ sinceMs: at(5) }), ids({ agent: 'support' }), ids({ states: ['resolved'] })]).toEqual([
    ['inc_2', 'inc_1'],
    ['inc_2'],
    ['inc_1'],
    [],
  ])
})
