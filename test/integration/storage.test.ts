/** What is stored, on SQLite and on PostgreSQL alike: one suite, both databases, real ones. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, describe, expect, test } from 'vitest'
import { createStorage, type Stored, StorageConflict, type StorageChange, type StorageParts } from '../../app/storage.ts'
import type { RefusedAttempt } from '../../app/storage-refused.ts'
import type { DrillRecord } from '../../model/drill.ts'
import { clusterOfFile } from '../support/postgres.ts'
import { storedChange, storedIncident, storedRelease } from '../support/stored.ts'
import { control } from '../unit/control/support.ts'

const cleanup: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const c of cleanup.splice(0).toReversed()) await c()
})

const cluster = clusterOfFile()

const change = (more: Partial<StorageChange> = {}, atMs = 1): StorageChange => storedChange(more, { atMs })
/** What JSON and SQL may each stumble over. */
const WORDS = 'ünï\u0000 "quoted" \\ \ud83d\ude80 \ud800 \u2028 \'; drop table incidents; --'

const DIALECTS = {
  SQLite: {
    url: () => {
      const dir = mkdtempSync(join(tmpdir(), 'agentopz-storage-'))
      cleanup.push(() => rmSync(dir, { recursive: true, force: true }))
      return Promise.resolve(`sqlite:${join(dir, 'a.db')}`)
    },
    query: (url: string, text: string) => {
      const db = new DatabaseSync(url.replace('sqlite:', ''))
      try {
        db.exec(text)
      } finally {
        db.close()
      }
      return Promise.resolve()
    },
  },
  PostgreSQL: {
    url: () => cluster.database(),
    query: (url: string, text: string) => cluster.query(url, text).then(() => undefined),
  },
}

for (const [dialect, { url: newUrl, query }] of Object.entries(DIALECTS)) {
  const open = (url: string): StorageParts => {
    const storage = createStorage(url, '/')
    cleanup.push(() => storage.close())
    return storage
  }
  describe(dialect, () => {
    test('holds what was stored when it is opened again, in order', async () => {
      const url = await newUrl()
      const one = open(url)
      const second = control({ id: 'c0', createdMs: 2_000_000, environment: 'prod', expiresMs: 7, fallback: WORDS })
      await one.write(change({ putControl: control({ id: 'c1' }) }))
      await one.write(change({ putControl: second }, 1_790_000_000_000))
      for (const version of ['v2', 'v1']) await one.write(change({ putRelease: storedRelease(version, WORDS) }, 3))
      await one.write(change({ activations: { agent: 'support', versions: ['v1'] } }, 4))
      await one.write(change({ activations: { agent: 'support', versions: ['v1', 'v2'] } }, 5))
      await one.close()
      const stored: Stored = await open(url).load()
      const releases = new Map([
        ['v2', storedRelease('v2', WORDS)],
        ['v1', storedRelease('v1', WORDS)],
      ])
      expect(stored).toEqual({
        controls: [control({ id: 'c1' }), second],
        releases: new Map([['support', { releases, activations: ['v1', 'v2'] }]]),
        revision: 6,
      })
      const audit = await open(url).audit(5)
      expect(audit.map((e) => e.atMs)).toEqual([5, 4, 3, 3, 1_790_000_000_000])
    })
    test('what was taken away is gone, and its audit is not', async () => {
      const storage = open(await newUrl())
      await storage.write(change({ putControl: control(), putRelease: storedRelease('v1') }))
      await storage.write(change({ removedControls: ['c1', 'unheard of'], removedReleases: { agent: 'support', versions: ['v1'] } }, 2))
      expect([await storage.load(), (await storage.audit(9)).length]).toEqual([{ controls: [], releases: new Map(), revision: 2 }, 2])
    })
    test('a version that is published again after it was forgotten is read as it is now', async () => {
      const url = await newUrl()
      const [one, other] = [open(url), open(url)]
      await one.write(change({ putRelease: storedRelease('v1', 'first') }))
      await other.load()
      await one.write(change({ removedReleases: { agent: 'support', versions: ['v1'] }, putRelease: storedRelease('v1', 'second') }))
      const { releases } = await other.load()
      expect(releases.get('support')?.releases.get('v1')?.prompts).toEqual({ system: 'second' })
    })
    test('a change is stored whole or not at all, and does not count when it is not', async () => {
      const storage = open(await newUrl())
      await storage.write(change({ putControl: control() }))
      const again = change({ removedControls: ['other'], putRelease: storedRelease('v1'), putControl: control() }, 2)
      await expect(storage.write(again)).rejects.toThrow(/unique/i)
      const { releases, revision } = await storage.load()
      expect([releases.size, (await storage.audit(9)).length, revision]).toEqual([0, 1, 1])
    })
    test('a change that was decided over what is no longer so is refused', async () => {
      const url = await newUrl()
      const [one, other] = [open(url), open(url)]
      expect(await one.write(change({ putControl: control({ id: 'c1' }), revision: 0 }))).toBe(1)
      await expect(other.write(change({ putControl: control({ id: 'c2' }), revision: 0 }))).rejects.toThrow(StorageConflict)
      expect((await other.load()).controls.map((c) => c.id)).toEqual(['c1'])
      // Controls and incidents count by themselves.
      expect(await other.writeIncidents({ put: [storedIncident('a')], removed: [], revision: 0 })).toBe(1)
      await expect(one.writeIncidents({ put: [storedIncident('b')], removed: [], revision: 0 })).rejects.toThrow(StorageConflict)
      expect(await other.write(change({ putControl: control({ id: 'c2' }), revision: 1 }))).toBe(2)
    })
    test('what is done alone is decided over the newest state, and stored whole or not at all', async () => {
      const url = await newUrl()
      const [one, other] = [open(url), open(url)]
      await one.write(change({ putControl: control({ id: 'c1' }) }))
      const seen = await other.alone(async (turn) => {
        const { controls, revision } = await turn.load()
        await turn.write(change({ putControl: control({ id: 'c2' }), revision }))
        return controls.map((c) => c.id)
      })
      expect([seen, (await one.load()).revision]).toEqual([['c1'], 2])
      const failing = other.alone(async (turn) => {
        await turn.write(change({ putControl: control({ id: 'c3' }) }))
        throw new Error('mine')
      })
      await expect(failing).rejects.toThrow('mine')
      const { controls, revision } = await one.load()
      expect([controls.map((c) => c.id), revision]).toEqual([['c1', 'c2'], 2])
      await one.writeIncidents({ put: [storedIncident('a')], removed: [] })
      await other.incidentsAlone(async (turn) => {
        const { incidents, revision: over } = await turn.incidents()
        await turn.writeIncidents({ put: [storedIncident(`${incidents.length}`)], removed: [], revision: over })
      })
      expect((await one.incidents()).incidents.map((i) => i.id)).toEqual(['a', '1'])
    })
    test('incidents keep their order, change, and go', async () => {
      const url = await newUrl()
      const [one, other] = [open(url), open(url)]
      await one.writeIncidents({ put: ['c', 'a', 'b'].map((id) => storedIncident(id)), removed: [] })
      expect((await other.incidents()).incidents.map((i) => i.id)).toEqual(['c', 'a', 'b'])
      const changed = storedIncident('a', { state: 'resolved', title: WORDS, resolvedMs: 7 })
      await one.writeIncidents({ put: [changed, storedIncident('d')], removed: ['b'] })
      for (const storage of [one, other, open(url)])
        expect(await storage.incidents()).toEqual({ incidents: [storedIncident('c'), changed, storedIncident('d')], revision: 2 })
    })
    test('more incidents than one question may name, and one of them again', async () => {
      const url = await newUrl()
      const [one, other] = [open(url), open(url)]
      const many = Array.from({ length: 1200 }, (_, n) => storedIncident(`i${n}`))
      await one.writeIncidents({ put: many, removed: [] })
      expect((await other.incidents()).incidents).toEqual(many)
      await one.writeIncidents({ put: [storedIncident('i700', { title: 'y' })], removed: [] })
      expect((await other.incidents()).incidents.filter((i) => i.title === 'y').map((i) => i.id)).toEqual(['i700'])
    })
    test('drills are kept once each, newest first', async () => {
      const storage = open(await newUrl())
      const drill = (id: string, endedMs: number): DrillRecord => ({
        id,
        drill: 'loop',
        agent: 'support',
        environment: 'prod',
        startedMs: 1,
        endedMs,
        outcome: 'passed',
        misses: [WORDS],
        version: '1',
      })
      for (const d of [drill('a', 1_790_000_000_000), drill('b', 5), { ...drill('a', 7), outcome: 'failed' as const }])
        await storage.recordDrill(d)
      expect(await storage.drills()).toEqual([drill('a', 1_790_000_000_000), drill('b', 5)])
    })
    test('the audit cannot be rewritten, whoever opens the database', async () => {
      const url = await newUrl()
      await open(url).write(change())
      await expect((async () => query(url, 'delete from control_audit'))()).rejects.toThrow('only added to')
      await expect((async () => query(url, "update control_audit set actor = 'nobody'"))()).rejects.toThrow('only added to')
      expect(await open(url).audit(9)).toHaveLength(1)
    })
    test('of refused attempts the newest are kept, newest first', async () => {
      const storage = open(await newUrl())
      const attempt = (endpoint: string): RefusedAttempt => ({
        atMs: 1_790_000_000_000,
        roles: ['operate'],
        status: 401,
        endpoint,
        leftOut: 0,
      })
      expect(await storage.refused(10)).toEqual([])
      for (const path of ['a', 'b', 'c', 'd']) await storage.recordRefused(attempt(path), 3)
      expect((await storage.refused(10)).map((r) => r.endpoint)).toEqual(['d', 'c', 'b'])
      expect(await storage.refused(1)).toEqual([attempt('d')])
    })
    test('what a newer version wrote is refused', async () => {
      const url = await newUrl()
      const one = open(url)
      await one.write(change())
      await one.close()
      await query(url, "insert into kysely_migration values ('9999-later', '2031-01-01')")
      await expect(open(url).load()).rejects.toThrow('written by a newer version of agentopz')
    })
    test('a name that is an attack is a name', async () => {
      const storage = open(await newUrl())
      const agent = "x'; drop table controls; --"
      await storage.write(change({ putRelease: { ...storedRelease('v1'), agent }, activations: { agent, versions: ['v1'] } }))
      expect((await storage.load()).releases.get(agent)?.activations).toEqual(['v1'])
    })
  })
}
