/** `agentopz storage copy`: what is stored moves to the other database and back, whole, and is written on there. */
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { createStorage, type StorageChange, type StorageParts } from '../../app/storage.ts'
import { clusterOfFile, PASSWORD } from '../support/postgres.ts'
import { storedChange, storedIncident } from '../support/stored.ts'
import { control } from '../unit/control/support.ts'

const TOP = join(import.meta.dirname, '../..')
const cleanup: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const c of cleanup.splice(0).toReversed()) await c()
})
const cluster = clusterOfFile()

function file(): string {
  const dir = mkdtempSync(join(tmpdir(), 'agentopz-copy-'))
  cleanup.push(() => rmSync(dir, { recursive: true, force: true }))
  return `sqlite:${join(dir, 'a.db')}`
}
async function using<T>(url: string, work: (storage: StorageParts) => Promise<T>): Promise<T> {
  const storage = createStorage(url, '/')
  try {
    return await work(storage)
  } finally {
    await storage.close()
  }
}
function copy(...args: readonly string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  return new Promise((done) => {
    execFile(process.execPath, [join(TOP, 'app/cli.ts'), 'storage', 'copy', ...args], (error, out, err) =>
      done({ code: error === null ? 0 : Number(error.code), out, err }),
    )
  })
}
const change = (n: number, more: Partial<StorageChange> = {}): StorageChange =>
  storedChange(more, { atMs: n, id: `c${n}`, environment: 'ünï' })
const everything = (url: string): Promise<unknown> =>
  using(url, async (s) => [await s.load(), await s.incidents(), await s.audit(1000), await s.drills(), await s.refused(100)])

describe('what is stored', () => {
  test('moves from a file to PostgreSQL and on to another file, and is written on', async () => {
    const [one, database, two] = [file(), await cluster.database(), file()]
    await using(one, async (s) => {
      // More than is copied at once, and some of it gone again, so that positions have gaps.
      for (let n = 0; n < 130; n++)
        await s.write(change(n, { putControl: control({ id: `c${n}` }), ...(n % 3 === 0 ? { removedControls: [`c${n - 1}`] } : {}) }))
      for (const version of ['v2', 'v1'])
        await s.write(
          change(1, {
            putRelease: { agent: 'support', version, prompts: { p: version }, config: {}, hash: version, publishedMs: 5, actor: 'ci' },
          }),
        )
      await s.write(change(2, { activations: { agent: 'support', versions: ['v2', 'v1'] } }))
      await s.writeIncidents({ put: ['b', 'a', 'c'].map((id) => storedIncident(id)), removed: [] })
      await s.writeIncidents({ put: [], removed: ['a'] })
      await s.recordDrill({
        id: 'd',
        drill: 'loop',
        agent: '',
        environment: '',
        startedMs: 1,
        endedMs: 2,
        outcome: 'passed',
        misses: [],
        version: '1',
      })
    })
    const before = await everything(one)
    const first = await copy(one, database)
    expect([first.code, first.err]).toEqual([0, ''])
    expect(first.out).toContain('     133  control_audit\n')
    expect(first.out).not.toContain(encodeURIComponent(PASSWORD))
    expect(await everything(database)).toEqual(before)
    await using(database, async (s) => {
      expect(await s.write(change(7, { revision: 133 }))).toBe(134)
      await s.writeIncidents({ put: [storedIncident('e')], removed: [], revision: 2 })
      expect((await s.incidents()).incidents.map((i) => i.id)).toEqual(['b', 'c', 'e'])
    })
    const second = await copy(database, two, '--json')
    expect((JSON.parse(second.out) as { copied: object[] }).copied).toContainEqual({ table: 'incidents', rows: 3 })
    expect(await everything(two)).toEqual(await everything(database))
  })
  test('is not written over', async () => {
    const [one, database] = [file(), await cluster.database()]
    await using(one, (s) => s.write(change(1)))
    await using(database, (s) => s.write(change(2)))
    const { code, err } = await copy(one, database)
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(/^agentopz: postgres:\/\/\S+ is not empty: there are control_audit; copy into a new one\n$/),
    ])
    expect(await using(database, (s) => s.audit(9))).toHaveLength(1)
  })
  test('is all there, or nothing is: a database that ends in between gets none of it', async () => {
    const [one, database] = [file(), await cluster.database()]
    await using(one, async (s) => {
      for (let n = 0; n < 60; n++) await s.write(change(n))
    })
    // Refuses the fiftieth, as a full disk would.
    await using(database, (s) => s.load())
    await cluster.query(
      database,
      `create function full_disk() returns trigger language plpgsql as $$ begin if new.at_ms = 55 then raise exception 'no space left'; end if; return new; end $$;
       create trigger full_disk before insert on control_audit for each row execute function full_disk()`,
    )
    const { code, err } = await copy(one, database)
    expect([code, err]).toEqual([1, 'agentopz: nothing was copied: no space left\n'])
    expect(await using(database, (s) => s.audit(99))).toEqual([])
    expect(await using(database, (s) => s.write(change(1, { revision: 0 })))).toBe(1)
  })
})

describe('what is written wrongly', () => {
  test('a file that is not there is not made', async () => {
    const [one, two] = [file(), file()]
    const { code, err } = await copy(one, two)
    expect([code, err]).toEqual([
      1,
      `agentopz: there is nothing at ${one.replace('sqlite:', '')}; name what storage of agentopz.yaml says\n`,
    ])
    expect([one, two].map((url) => existsSync(url.replace('sqlite:', '')))).toEqual([false, false])
  })
  test('what is no storage', async () => {
    const { code, err } = await copy('a.db', 'sqlite:b.db')
    expect([code, err]).toEqual([2, 'agentopz: "a.db" is no storage; write sqlite:./agentopz.db, or postgres://USER@HOST:5432/DATABASE\n'])
  })
})
