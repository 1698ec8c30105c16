/**
 * node:sqlite behind Kysely's SQLite dialect, which asks for a database shaped like better-sqlite3's; Kysely has no dialect for
 * node:sqlite itself. A file is opened in WAL mode, and a commit is on the disk before it returns.
 */
import { accessSync, closeSync, constants, existsSync, openSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { Kysely, SqliteDialect, type SqliteDatabase } from 'kysely'
import type { Database } from './storage-database.ts'
import { migrate, type Tables } from './storage-migrations.ts'

/** The database behind a `sqlite:PATH` URL, the path relative to `dir`. The file is made by the first thing that is stored. */
export function sqliteDatabase(url: string, dir: string): Database {
  const given = url.replace(/^sqlite:/, '')
  const path = given === ':memory:' ? given : resolve(dir, given)
  let opened: Promise<Kysely<Tables>> | undefined
  return {
    name: path,
    open: () => {
      // A failure is not remembered: the next one who asks tries again.
      opened ??= openFile(path).catch((error: unknown) => {
        opened = undefined
        throw error
      })
      return opened
    },
    isThere: () => opened !== undefined || existsSync(path),
    problem: () => folderProblem(path),
    close: async () => {
      const db = await opened?.catch(() => undefined)
      opened = undefined
      await db?.destroy()
    },
  }
}

function folderProblem(path: string): string | undefined {
  if (path === ':memory:') return undefined
  try {
    accessSync(dirname(path), constants.W_OK)
    return undefined
  } catch {
    return `${dirname(path)} is no folder that can be written to; make it one, or set storage to another path`
  }
}

async function openFile(path: string): Promise<Kysely<Tables>> {
  // Prompts are in it: for its owner's eyes, and SQLite makes the files beside it alike.
  if (path !== ':memory:' && !existsSync(path)) closeSync(openSync(path, 'a', 0o600))
  const db = new Kysely<Tables>({ dialect: await sqliteDialect(path) })
  try {
    await migrate(db)
  } catch (error) {
    await db.destroy()
    throw error
  }
  return db
}

/** A dialect over a file, or over `:memory:`. The file is created when there is none. @throws when it cannot be opened or is no database. */
export async function sqliteDialect(path: string): Promise<SqliteDialect> {
  // Imported when it is needed: some versions of Node warn about it, and most of those who run this store nothing.
  const { DatabaseSync } = await import('node:sqlite')
  // The timeout is for whoever else has the file open; waiting holds up the whole process, so it is short.
  const database = new DatabaseSync(path, { timeout: 250 })
  try {
    // The first statement that reads the file: what is no database is told here.
    database.exec('pragma journal_mode = wal')
    database.exec('pragma synchronous = full')
    database.exec('pragma foreign_keys = on')
  } catch (error) {
    database.close()
    throw error
  }
  return new SqliteDialect({ database: bridge(database) })
}

function bridge(database: DatabaseSync): SqliteDatabase {
  return {
    close: () => database.close(),
    prepare: (sql) => {
      const statement = database.prepare(sql)
      const values = (parameters: readonly unknown[]): SQLInputValue[] => parameters.map(valueOf)
      return {
        reader: statement.columns().length > 0,
        all: (parameters) => statement.all(...values(parameters)),
        run: (parameters) => statement.run(...values(parameters)),
        iterate: (parameters) => statement.iterate(...values(parameters)),
      }
    },
  }
}

/** What SQLite can bind. Anything else is a bug of ours, told before it is stored as something else. */
function valueOf(value: unknown): SQLInputValue {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' || value instanceof Uint8Array)
    return value
  throw new TypeError(`SQLite cannot bind a ${typeof value}`)
}
