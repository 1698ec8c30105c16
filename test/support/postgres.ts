/**
 * A PostgreSQL cluster of a test's own: in a temporary folder, on a free port of 127.0.0.1, run as an unprivileged user, for the server refuses
 * root. Needs Debian's `postgresql` (scripts/setup-test-deps.sh installs it); a test without it fails and is not left out.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll } from 'vitest'
import { freePort } from '../../app/free-port.ts'

export interface Cluster {
  readonly port: number
  /** A new empty database; its URL, with user and password. */
  database(options?: string): Promise<string>
  /** What whoever the URL names types. */
  query<T extends object>(url: string, text: string): Promise<readonly T[]>
  /** What an administrator types. */
  admin(text: string): void
  /** As a crash or `pg_ctl stop -m immediate` ends it. */
  kill(): Promise<void>
  start(): Promise<void>
  /** The server neither answers nor closes connections, and then does again. */
  freeze(): void
  thaw(): void
  end(): Promise<void>
}

/** A machine that is busy takes its time. */
const START_MS = 50_000

export const PASSWORD = 'p@ss word/#?'

/** Where Debian has the programs, or wherever they are on PATH. */
function program(name: string): string {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : []
  const found = versions.map((v) => join(debian, v, 'bin', name)).find((path) => existsSync(path))
  return found ?? name
}

/** Whom the server runs as: whoever runs the test, unless that is root. */
function user(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

export async function startPostgres(): Promise<Cluster> {
  const dir = mkdtempSync(join(tmpdir(), 'agentopz-postgres-'))
  const as = user()
  if (as !== undefined) chownSync(dir, as.uid, as.gid)
  const data = join(dir, 'data')
  execFileSync(
    program('initdb'),
    ['-D', data, '-U', 'admin', '--auth-local=trust', '--auth-host=scram-sha-256', '-E', 'UTF8', '--locale=C'],
    {
      ...as,
      cwd: dir,
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
  const port = await freePort(0, () => undefined)
  let server: ChildProcess | undefined
  let databases = 0
  const local = (text: string): string =>
    execFileSync(program('psql'), ['-h', dir, '-p', String(port), '-U', 'admin', '-d', 'postgres', '-tAc', text], {
      ...as,
      cwd: dir,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  const start = async (): Promise<void> => {
    const flags = ['-D', data, '-p', String(port), '-k', dir, '-c', 'listen_addresses=127.0.0.1', '-c', 'log_min_messages=fatal']
    server = spawn(program('postgres'), flags, { ...as, cwd: dir, stdio: 'ignore' })
    for (const began = performance.now(); ;) {
      try {
        local('select 1')
        return
      } catch (error) {
        if (performance.now() - began > START_MS) throw error
        await new Promise((done) => setTimeout(done, 50))
      }
    }
  }
  const kill = async (): Promise<void> => {
    const running = server
    server = undefined
    if (running === undefined || running.exitCode !== null) return
    const ended = new Promise((done) => running.once('exit', done))
    running.kill('SIGQUIT')
    await ended
  }
  let frozen: readonly number[] = []
  // A test that is ended from outside leaves no server behind.
  process.once('exit', () => server?.kill('SIGQUIT'))
  await start()
  return {
    port,
    database: async (options = '') => {
      const name = `agentopz_${++databases}`
      local(`create role ${name} login password '${PASSWORD}'`)
      local(`create database ${name} owner ${name} ${options}`)
      return `postgres://${name}:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/${name}`
    },
    query: async <T extends object>(url: string, text: string) => {
      const client = new pg.Client(url)
      await client.connect()
      try {
        return (await client.query<T>(text)).rows
      } finally {
        await client.end()
      }
    },
    admin: (text) => void local(text),
    kill,
    start,
    freeze: () => {
      frozen = [
        Number(server?.pid),
        ...execFileSync('pgrep', ['-P', String(server?.pid)], { encoding: 'utf8' })
          .trim()
          .split('\n')
          .map(Number),
      ]
      for (const pid of frozen) process.kill(pid, 'SIGSTOP')
    },
    thaw: () => {
      for (const pid of frozen) process.kill(pid, 'SIGCONT')
      frozen = []
    },
    end: async () => {
      for (const pid of frozen) process.kill(pid, 'SIGCONT')
      await kill()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** One for all tests of a file: started before the first of them, ended after the last. */
export function clusterOfFile(): Omit<Cluster, 'end'> {
  let started: Cluster | undefined
  const cluster = (): Cluster => {
    if (started === undefined) throw new Error('clusterOfFile(): the cluster runs while tests do, not before')
    return started
  }
  beforeAll(async () => {
    started = await startPostgres()
  })
  afterAll(() => started?.end())
  return {
    get port() {
      return cluster().port
    },
    database: (options) => cluster().database(options),
    query: (url, text) => cluster().query(url, text),
    admin: (text) => cluster().admin(text),
    kill: () => cluster().kill(),
    start: () => cluster().start(),
    freeze: () => cluster().freeze(),
    thaw: () => cluster().thaw(),
  }
}
