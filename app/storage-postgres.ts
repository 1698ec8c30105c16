/**
 * PostgreSQL behind Kysely's dialect and `pg`. In: a URL; the password may come with it, from PGPASSWORD, or from the file that PGPASSFILE
 * names. Out: a database that several replicas share. The password is in no message. A commit is on the server's disk before it returns,
 * whatever the server's default is, and nothing waits for ever: not for a connection, a lock, or an answer.
 */
import { Kysely, PostgresDialect, sql } from 'kysely'
import type { ClientBase, ClientConfig, Pool, PoolClient } from 'pg'
import type { Database } from './storage-database.ts'
import { migrate, type Tables } from './storage-migrations.ts'
import { Replicas } from './storage-replicas.ts'
import { newestRevision } from './storage-revisions.ts'
import { maskedUrl } from './storage-url.ts'

const CONNECT_MS = 3000
const ANSWER_MS = 10_000
/** Actions are done one after another; what reads beside them is little. */
const MAX_CONNECTIONS = 4

/** The database behind a `postgres:` URL. */
export function postgresDatabase(url: string): Database {
  const name = maskedUrl(url)
  const config: ClientConfig = {
    connectionString: url,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: ANSWER_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: ANSWER_MS,
    application_name: 'agentopz',
  }
  const clients = new Set<PoolClient>()
  let isClosed = false
  let opened: Promise<Kysely<Tables>> | undefined
  const open = (): Promise<Kysely<Tables>> => {
    if (isClosed) return Promise.reject(new Error('agentopz is stopping'))
    // A failure is not remembered: the next one who asks tries again.
    opened ??= openPool(config, clients).catch((error: unknown) => {
      opened = undefined
      throw error
    })
    return opened
  }
  const shared = new Replicas({
    connect: async () => {
      await open()
      const { Client } = (await import('pg')).default
      return new Client({ ...config, query_timeout: CONNECT_MS })
    },
    revision: async (state) => (await newestRevision(await open(), state)).revision,
    // A network that swallows everything is noticed here first; the others would wait for much longer.
    unanswered: () => {
      for (const client of clients) void (client as unknown as { end(): Promise<void> }).end().catch(() => undefined)
    },
  })
  return {
    name,
    open,
    isThere: () => true,
    problem: () => undefined,
    shared,
    isBroken,
    close: async () => {
      isClosed = true
      await shared.close()
      const db = await opened?.catch(() => undefined)
      opened = undefined
      await db?.destroy()
    },
  }
}

async function openPool(config: ClientConfig, clients: Set<PoolClient>): Promise<Kysely<Tables>> {
  const { Pool } = (await import('pg')).default
  // Prepared by the pool and not by Kysely, which would keep a connection whose preparation failed for ever.
  // oxlint-disable-next-line no-misused-promises -- the pool waits for it, which its types do not say
  const pool: Pool = new Pool({ ...config, max: MAX_CONNECTIONS, idleTimeoutMillis: 60_000, onConnect: prepare })
  // A connection that breaks tells whoever uses it, and is replaced by the next one who asks; told to nobody, it would end the process.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => {
    client.on('error', () => undefined)
    clients.add(client)
  })
  pool.on('remove', (client) => void clients.delete(client))
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
  try {
    const encoding = await sql<{ server_encoding: string }>`show server_encoding`.execute(db)
    const found = encoding.rows[0]?.server_encoding ?? ''
    if (found !== 'UTF8') throw new Error(`the database has the encoding ${found}; create it with encoding UTF8`)
    await migrate(db)
  } catch (error) {
    await db.destroy().catch(() => undefined)
    throw error
  }
  return db
}

/** Told to the server by a statement: poolers in between refuse most of these when a connection begins. */
async function prepare(client: ClientBase): Promise<void> {
  await client.query(PREPARE)
}

const PREPARE = `select set_config('statement_timeout', '10s', false), set_config('lock_timeout', '5s', false),
  set_config('idle_in_transaction_session_timeout', '10s', false),
  set_config('synchronous_commit', case current_setting('synchronous_commit') when 'off' then 'on' else current_setting('synchronous_commit') end, false)`

/**
 * Whether the connection broke rather than the server refused. Errors of the server have a code of five characters; those of classes 08 and
 * 57 are about the connection or a server that stops.
 */
function isBroken(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code !== 'string' || !/^[0-9A-Z]{5}$/.test(code) || /^(08|57)/.test(code)
}
