/** PostgreSQL as it can be: refused, slow, gone at the worst moment, of less rights, with settings of its own. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createStorage, type StorageChange, StorageConflict, type StorageParts, StorageUncertain } from '../../app/storage.ts'
import { until } from '../support/app.ts'
import { clusterOfFile, PASSWORD } from '../support/postgres.ts'
import { storedChange } from '../support/stored.ts'
import { control } from '../unit/control/support.ts'

vi.setConfig({ testTimeout: 120_000 })

const cleanup: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const c of cleanup.splice(0).toReversed()) await c()
})
const cluster = clusterOfFile()

function open(url: string): StorageParts {
  const storage = createStorage(url, '/')
  cleanup.push(() => storage.close())
  return storage
}
const change = (id: string, more: Partial<StorageChange> = {}): StorageChange =>
  storedChange({ putControl: control({ id }), ...more }, { id })
const messageOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'it worked',
    (error: unknown) => (error as Error).message,
  )

/** A network between storage and server that a test breaks. */
interface Network {
  readonly url: string
  /**
   * What happens to the next commit: its connection is cut before it arrives, while the server is at it, or before its answer arrives, and then all of
   * the network is `down`.
   */
  cut: 'before' | 'while' | 'after' | 'down' | undefined
  /** Whoever has logged in is cut off. */
  onlyLogins: boolean
  /** From now on nothing arrives, and nobody is told. */
  swallow: boolean
  /** Cuts what is connected, and refuses whoever comes. */
  down(isDown: boolean): void
}
async function network(url: string): Promise<Network> {
  const sockets = new Set<Socket>()
  let isDown = false
  const server = createServer((near) => {
    if (isDown) return near.destroy()
    const far = connect(cluster.port, '127.0.0.1')
    let isDeaf = false
    const end = (): void => {
      near.destroy()
      far.destroy()
    }
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', end)
      socket.on('close', end)
    }
    near.on('data', (bytes) => {
      if (net.swallow) return
      const cut = bytes.includes('commit\0') ? net.cut : undefined
      if (cut !== undefined) net.cut = undefined
      if (cut === 'before' || (net.onlyLogins && bytes.includes('set_config'))) return end()
      if (cut === 'while') setTimeout(end, 5)
      isDeaf ||= cut !== undefined
      isDown ||= cut === 'down'
      far.write(bytes)
    })
    far.on('data', (bytes) => {
      if (isDeaf) end()
      else if (!net.swallow) near.write(bytes)
    })
    return undefined
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  cleanup.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const net: Network = {
    url: url.replace(`:${cluster.port}/`, `:${(server.address() as AddressInfo).port}/`),
    cut: undefined,
    onlyLogins: false,
    swallow: false,
    down: (down) => {
      isDown = down
      if (down) for (const socket of sockets) socket.destroy()
    },
  }
  return net
}

describe('a connection that breaks while a change is committed', () => {
  test('before the commit arrives: it is refused, and nothing is stored', async () => {
    const net = await network(await cluster.database())
    const storage = open(net.url)
    await storage.load()
    net.cut = 'before'
    await expect(storage.write(change('c1', { revision: 0 }))).rejects.toThrow(/connection/i)
    expect([(await storage.load()).controls, await storage.audit(9)]).toEqual([[], []])
  })
  test('before the answer arrives: it is known to be stored', async () => {
    const net = await network(await cluster.database())
    const storage = open(net.url)
    await storage.load()
    net.cut = 'after'
    expect(await storage.write(change('c1', { revision: 0 }))).toBe(1)
    expect([(await storage.load()).controls.map((c) => c.id), (await storage.audit(9)).length]).toEqual([['c1'], 1])
  })
  test('while the server is slow at it: it is known to be stored', async () => {
    const net = await network(await cluster.database())
    const storage = open(net.url)
    await storage.load()
    cluster.admin('alter system set commit_delay = 100000')
    cluster.admin('alter system set commit_siblings = 0')
    cluster.admin('select pg_reload_conf()')
    try {
      net.cut = 'while'
      expect(await storage.write(change('c1', { revision: 0 }))).toBe(1)
    } finally {
      cluster.admin('alter system reset all')
      cluster.admin('select pg_reload_conf()')
    }
    expect((await storage.load()).controls.map((c) => c.id)).toEqual(['c1'])
  })
  test('that was decided alone: it is known to be stored', async () => {
    const net = await network(await cluster.database())
    const storage = open(net.url)
    await storage.load()
    net.cut = 'after'
    const alone = storage.alone(async (turn) => turn.write(change('c1', { revision: (await turn.load()).revision })))
    expect(await alone).toBe(1)
    net.cut = 'before'
    await expect(storage.alone((turn) => turn.write(change('c2', { revision: 1 })))).rejects.toThrow(/connection/i)
    // Nothing was to be stored.
    net.cut = 'before'
    expect(await storage.alone(async (turn) => (await turn.load()).revision)).toBe(1)
    expect((await storage.load()).controls.map((c) => c.id)).toEqual(['c1'])
  })
  test('and nobody can be asked: it is said that nobody knows', async () => {
    const url = await cluster.database()
    const net = await network(url)
    const storage = open(net.url)
    await storage.load()
    net.cut = 'down'
    await expect(storage.write(change('c1', { revision: 0 }))).rejects.toThrow(StorageUncertain)
    net.down(false)
    expect((await storage.load()).controls.map((c) => c.id)).toEqual(['c1'])
  })
  test('and another replica has written meanwhile: it is said that nobody knows', async () => {
    const url = await cluster.database()
    const net = await network(url)
    const [storage, other] = [open(net.url), open(url)]
    await storage.load()
    net.cut = 'down'
    const written = expect(storage.write(change('c1', { revision: 0 }))).rejects.toThrow(StorageUncertain)
    await until(async () => (await cluster.query(url, 'select 1 from controls')).length === 1, 'it is stored')
    await other.write(change('c2'))
    net.down(false)
    await written
  })
})

for (const isolation of ['read committed', 'repeatable read'])
  test(`while one decides alone the others wait, and are then too late: ${isolation} by default`, async () => {
    const url = await cluster.database()
    cluster.admin(`alter database ${new URL(url).pathname.slice(1)} set default_transaction_isolation = '${isolation}'`)
    const [one, other] = [open(url), open(url)]
    await one.write(change('c0'))
    let late: Promise<unknown> = Promise.resolve()
    await one.alone(async (turn) => {
      const { revision } = await turn.load()
      late = expect(other.write(change('c1', { revision }))).rejects.toThrow(StorageConflict)
      await until(async () => {
        const waiting = await cluster.query(
          url,
          "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()",
        )
        return waiting.length === 1
      }, 'the other one waits')
      await turn.write(change('c2', { revision }))
    })
    await late
    expect((await other.load()).controls.map((c) => c.id)).toEqual(['c0', 'c2'])
  })

test('a server that lets nobody past the login is gone, and not for ever', async () => {
  const net = await network(await cluster.database())
  const storage = open(net.url)
  net.onlyLogins = true
  for (let n = 0; n < 6; n++) expect(await messageOf(storage.load())).toMatch(/connection/i)
  net.onlyLogins = false
  expect(await storage.write(change('c1', { revision: 0 }))).toBe(1)
})

describe('a network that swallows everything', () => {
  test('is noticed within seconds, and what hangs in it ends', async () => {
    const url = await cluster.database()
    const net = await network(url)
    const storage = open(net.url)
    await storage.write(change('c1'))
    storage.shared?.watch(() => undefined)
    await until(async () => storage.shared?.leads === true, 'it leads')
    net.swallow = true
    const began = performance.now()
    const hung = messageOf(storage.write(change('c2')))
    await until(async () => storage.shared?.leads === false, 'it does not lead any more', 6)
    expect(await hung).not.toBe('it worked')
    expect(performance.now() - began).toBeLessThan(15_000)
    expect(storage.shared?.problem).toMatch(/timeout/i)
    net.down(true)
    net.swallow = false
    net.down(false)
    await until(async () => storage.shared?.problem === undefined, 'it hears again')
    expect(await storage.write(change('c3'))).toBeGreaterThan(1)
  })
})

describe('hearing of others', () => {
  test('when no notification comes, within a second or so', async () => {
    const url = await cluster.database()
    const storage = open(url)
    const heard: string[] = []
    storage.shared?.watch((state, revision) => heard.push(`${state} ${revision}`))
    await until(async () => heard.includes('controls 0'), 'it listens')
    // As if the notification had been lost.
    await cluster.query(url, "update state_revisions set revision = 7 where state = 'controls'")
    await until(async () => heard.includes('controls 7'), 'it was asked for', 2)
  })
  test('after its connection was ended, by itself', async () => {
    const url = await cluster.database()
    const storage = open(url)
    const heard: string[] = []
    storage.shared?.watch((state, revision) => heard.push(`${state} ${revision}`))
    await until(async () => storage.shared?.leads === true, 'it leads')
    await cluster.query(
      url,
      `select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and usename = current_user`,
    )
    await until(async () => storage.shared?.leads === false, 'it was told')
    // One that finds its connection ended is refused, and the next one has another.
    await until(
      async () =>
        storage.write(change('c1', { revision: 0 })).then(
          (n) => n === 1,
          () => false,
        ),
      'it is stored',
    )
    await until(async () => storage.shared?.leads === true && heard.includes('controls 1'), 'it hears and leads again')
  })
  test('does not go through a pooler of transactions, and says so', async () => {
    // Two connections of the same replica's are given to one session by turns: what such a pooler does to whoever listens.
    const { Replicas } = await import('../../app/storage-replicas.ts')
    const url = await cluster.database()
    await open(url).write(change('c1'))
    const pg = (await import('pg')).default
    const pool = new pg.Pool({ connectionString: url, max: 2 })
    cleanup.push(() => pool.end())
    const [one, two] = [await pool.connect(), await pool.connect()]
    cleanup.push(() => [one, two].forEach((c) => c.release()))
    let n = 0
    const client = {
      on: () => undefined,
      connect: async () => undefined,
      end: async () => undefined,
      query: async (...args: [string]) => (args[0].startsWith('select state') && n++ % 2 === 1 ? two : one).query(...args),
    }
    const replicas = new Replicas({ connect: async () => client as never, revision: async () => 0, unanswered: () => undefined })
    cleanup.push(() => replicas.close())
    replicas.watch(() => undefined)
    await until(async () => /pooler/.test(replicas.problem ?? ''), 'it is said', 4)
    expect(replicas.leads).toBe(false)
  })
})

describe('what cannot be used is told, without the password', () => {
  const wrong: readonly (readonly [name: string, url: (url: string) => string, says: RegExp])[] = [
    ['a wrong password', (url) => url.replace(/:[^:@/]+@/, ':wr0ng@'), /password authentication failed/],
    ['a database that is not there', (url) => `${url}x`, /database "agentopz_\d+x" does not exist/],
    ['a server that is not there', (url) => url.replace(/:\d+\//, ':1/'), /ECONNREFUSED/],
    ['TLS with a server that has none', (url) => `${url}?sslmode=verify-full`, /SSL/],
  ]
  for (const [name, change_, says] of wrong)
    test(name, async () => {
      const storage = open(change_(await cluster.database()))
      const message = await messageOf(storage.load())
      expect(message).toMatch(says)
      for (const text of [message, storage.name]) {
        expect(text).not.toContain('wr0ng')
        expect(text).not.toContain(PASSWORD)
        expect(text).not.toContain(encodeURIComponent(PASSWORD))
      }
    })
  test('an encoding that cannot hold every text', async () => {
    const storage = open(await cluster.database("encoding 'LATIN1' template template0"))
    expect(await messageOf(storage.load())).toBe('the database has the encoding LATIN1; create it with encoding UTF8')
  })
  test('the password may come from a file that PGPASSFILE names', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'agentopz-pgpass-'))
    cleanup.push(() => rmSync(dir, { recursive: true, force: true }))
    const url = new URL(await cluster.database())
    const file = join(dir, 'pgpass')
    writeFileSync(file, `127.0.0.1:${cluster.port}:*:${url.username}:${PASSWORD}\n`)
    chmodSync(file, 0o600)
    url.password = ''
    process.env['PGPASSFILE'] = file
    cleanup.push(() => void delete process.env['PGPASSFILE'])
    expect(await open(url.href).write(change('c1'))).toBe(1)
  })
})

describe('a database with settings of its own', () => {
  test('that commits later: not what we were told is stored', async () => {
    const url = await cluster.database()
    const name = new URL(url).username
    await cluster.query(url, `alter database ${name} set synchronous_commit = off`)
    const storage = open(url)
    await storage.write(change('c1'))
    const settings = await cluster.query<{ synchronous_commit: string }>(url, 'show synchronous_commit')
    expect(settings[0]?.synchronous_commit).toBe('off')
    // A crash loses what was committed later; what was acknowledged is there.
    for (let n = 2; n < 20; n++) await storage.write(change(`c${n}`))
    await cluster.kill()
    await cluster.start()
    expect((await storage.audit(99)).length).toBe(19)
  })
  test('of a role that may read and write, and make nothing', async () => {
    const url = await cluster.database()
    await open(url).write(change('c1'))
    const owner = new URL(url)
    const role = `${owner.username}_app`
    cluster.admin(`create role ${role} login password '${PASSWORD}'`)
    await cluster.query(url, `grant select, insert, update, delete on all tables in schema public to ${role}`)
    await cluster.query(url, `revoke update, delete on control_audit from ${role}`)
    owner.username = role
    const storage = open(owner.href)
    expect((await storage.load()).controls.map((c) => c.id)).toEqual(['c1'])
    expect(await storage.write(change('c2', { removedControls: ['c1'] }))).toBe(2)
    storage.shared?.watch(() => undefined)
    await until(async () => storage.shared?.leads === true, 'it leads')
  })
  test('two installations in two schemas of one database do not know of each other', async () => {
    const url = await cluster.database()
    await cluster.query(url, 'create schema one; create schema two')
    const [one, two] = ['one', 'two'].map((schema) => open(`${url}?options=-c%20search_path%3D${schema}`))
    await one?.write(change('c1'))
    expect((await two?.load())?.controls).toEqual([])
    for (const s of [one, two]) s?.shared?.watch(() => undefined)
    await until(async () => one?.shared?.leads === true && two?.shared?.leads === true, 'both lead')
  })
})
