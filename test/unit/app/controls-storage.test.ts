import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, describe, expect, test } from 'vitest'
import { createStorage, type Storage, type StorageChange } from '../../../app/storage.ts'
import { storedChange, storedRelease } from '../../support/stored.ts'
import { control } from '../control/support.ts'

const cleanup: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const c of cleanup.splice(0).toReversed()) await c()
})
function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'agentopz-storage-'))
  cleanup.push(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}
function open(dir: string, url = 'sqlite:./a.db'): Storage {
  const storage = createStorage(url, dir)
  cleanup.push(() => storage.close())
  return storage
}
const change = (more: Partial<StorageChange> = {}, atMs = 1): StorageChange => storedChange(more, { atMs })

describe('the file', () => {
  test('is made by the first thing that is stored, for its owner only', async () => {
    const dir = folder()
    const storage = open(dir)
    expect(await storage.load()).toEqual({ controls: [], releases: new Map(), revision: 0 })
    expect([await storage.audit(5), readdirSync(dir)]).toEqual([[], []])
    await storage.write(change())
    expect(readdirSync(dir)).toContain('a.db')
    for (const file of readdirSync(dir)) expect((statSync(join(dir, file)).mode & 0o777).toString(8), file).toBe('600')
  })
  test('holds what was stored when it is opened again, in order', async () => {
    const dir = folder()
    const one = open(dir)
    await one.write(change({ putControl: control({ id: 'c1' }) }))
    await one.write(
      change({ putControl: control({ id: 'c0', createdMs: 2_000_000, environment: 'prod', expiresMs: 7, fallback: 'x' }) }, 2),
    )
    for (const version of ['v2', 'v1']) await one.write(change({ putRelease: storedRelease(version) }, 3))
    await one.write(change({ activations: { agent: 'support', versions: ['v1'] } }, 4))
    await one.write(change({ activations: { agent: 'support', versions: ['v1', 'v2'] } }, 5))
    await one.close()
    const stored = await open(dir).load()
    expect(stored.controls).toEqual([
      control({ id: 'c1' }),
      control({ id: 'c0', createdMs: 2_000_000, environment: 'prod', expiresMs: 7, fallback: 'x' }),
    ])
    expect([...stored.releases]).toEqual([
      [
        'support',
        {
          releases: new Map([
            ['v2', storedRelease('v2')],
            ['v1', storedRelease('v1')],
          ]),
          activations: ['v1', 'v2'],
        },
      ],
    ])
    expect((await open(dir).audit(3)).map((e) => e.atMs)).toEqual([5, 4, 3])
  })
  test('what was taken away is gone, and its audit is not', async () => {
    const storage = open(folder())
    await storage.write(change({ putControl: control(), putRelease: storedRelease('v1') }))
    await storage.write(change({ removedControls: ['c1', 'unheard of'], removedReleases: { agent: 'support', versions: ['v1'] } }, 2))
    expect([await storage.load(), (await storage.audit(9)).length]).toEqual([{ controls: [], releases: new Map(), revision: 2 }, 2])
  })
  test('a change is stored whole or not at all', async () => {
    const storage = open(folder())
    await storage.write(change({ putControl: control() }))
    await expect(
      storage.write(change({ removedControls: ['other'], putRelease: storedRelease('v1'), putControl: control() }, 2)),
    ).rejects.toThrow('UNIQUE')
    expect([(await storage.load()).releases.size, (await storage.audit(9)).length]).toEqual([0, 1])
  })
  test('the audit cannot be rewritten, whoever opens the file', async () => {
    const dir = folder()
    await open(dir).write(change())
    const other = new DatabaseSync(join(dir, 'a.db'))
    expect(() => other.exec('delete from control_audit')).toThrow('only added to')
    expect(() => other.exec("update control_audit set actor = 'nobody'")).toThrow('only added to')
    other.close()
  })
  test('memory keeps nothing on disk', async () => {
    const dir = folder()
    const storage = open(dir, 'sqlite::memory:')
    await storage.write(change({ putControl: control() }))
    expect([(await storage.load()).controls.length, readdirSync(dir)]).toEqual([1, []])
  })
})

describe('what cannot be used', () => {
  test('a file that is no database', async () => {
    const dir = folder()
    writeFileSync(join(dir, 'a.db'), 'a letter to somebody '.repeat(100))
    await expect(open(dir).load()).rejects.toThrow('file is not a database')
  })
  test('a file that was written over', async () => {
    const dir = folder()
    const one = open(dir)
    await one.write(change({ putControl: control() }))
    await one.close()
    const whole = statSync(join(dir, 'a.db')).size
    writeFileSync(join(dir, 'a.db'), Buffer.alloc(whole, 7), { flag: 'r+' })
    await expect(open(dir).load()).rejects.toThrow('file is not a database')
  })
  test('a file of a newer version', async () => {
    const dir = folder()
    const one = open(dir)
    await one.write(change())
    await one.close()
    const other = new DatabaseSync(join(dir, 'a.db'))
    other.exec("insert into kysely_migration values ('9999-later', '2031-01-01')")
    other.close()
    await expect(open(dir).load()).rejects.toThrow('written by a newer version of agentopz')
  })
  test('a folder that is not there is told before anything is lost, and works once it is', async () => {
    const dir = folder()
    const storage = open(dir, 'sqlite:./later/a.db')
    expect(await storage.load()).toMatchObject({
      controls: [],
      problem: `${join(dir, 'later')} is no folder that can be written to; make it one, or set storage to another path`,
    })
    await expect(storage.write(change())).rejects.toThrow('ENOENT')
    const { mkdirSync } = await import('node:fs')
    mkdirSync(join(dir, 'later'))
    await storage.write(change())
    expect(await storage.audit(1)).toHaveLength(1)
  })
})
