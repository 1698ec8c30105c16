/**
 * One storage → another, row by row: from SQLite to PostgreSQL when replicas are to share it, or back. What is copied into must be empty; it gets
 * all of it or nothing. What is copied from is read at one moment, and should be written by nobody: later changes are not in the copy.
 */
import { type Kysely, sql, type Transaction } from 'kysely'
import type { Database } from './storage-database.ts'
import { isPostgres, type Tables } from './storage-migrations.ts'

export interface Copied {
  readonly table: string
  readonly rows: number
}

/** It cannot be copied, and what to do about it. */
export class CopyRefused extends Error {}

/** By what each table is read in order. A table that is not here does not compile. */
const ORDER: { readonly [T in keyof Tables]: keyof Tables[T] & string } = {
  controls: 'id',
  control_audit: 'seq',
  releases: 'position',
  release_activations: 'agent',
  incidents: 'position',
  drills: 'id',
  state_revisions: 'state',
  refused_attempts: 'seq',
}
/** Releases may have a quarter of a megabyte each. */
const AT_ONCE = 50

/** @throws CopyRefused where there is nothing to copy, or something in the way. */
export async function copyStorage(from: Database, to: Database): Promise<readonly Copied[]> {
  if (!from.isThere()) throw new CopyRefused(`there is nothing at ${from.name}; name what storage of agentopz.yaml says`)
  const [source, target] = [await from.open(), await to.open()]
  const read = source.transaction()
  return (isPostgres(source) ? read.setIsolationLevel('repeatable read').setAccessMode('read only') : read).execute((s) =>
    target.transaction().execute(async (t) => {
      await refuseUnlessEmpty(t, to.name)
      const copied: Copied[] = []
      for (const [table, order] of Object.entries(ORDER)) copied.push({ table, rows: await copyTable(s, t, table, order) })
      if (isPostgres(target)) await countOn(t)
      return copied
    }),
  )
}

type Rows = Kysely<Record<string, Record<string, unknown>>>

async function refuseUnlessEmpty(t: Transaction<Tables>, name: string): Promise<void> {
  for (const table of Object.keys(ORDER)) {
    const used = table === 'state_revisions' ? sql`where revision > 0` : sql``
    const { rows } = await sql<object>`select 1 from ${sql.table(table)} ${used} limit 1`.execute(t)
    if (rows.length > 0) throw new CopyRefused(`${name} is not empty: there are ${table}; copy into a new one`)
  }
  await t.deleteFrom('state_revisions').execute()
}

async function copyTable(source: Transaction<Tables>, target: Transaction<Tables>, table: string, order: string): Promise<number> {
  const [from, to] = [source as unknown as Rows, target as unknown as Rows]
  let [rows, last] = [0, undefined as unknown]
  for (;;) {
    const next = from.selectFrom(table).selectAll().orderBy(order).limit(AT_ONCE)
    const some = await (last === undefined ? next : next.where(order, '>', last)).execute()
    if (some.length > 0) await to.insertInto(table).values(some).execute()
    rows += some.length
    last = some.at(-1)?.[order]
    if (some.length < AT_ONCE) return rows
  }
}

/** Keys that count themselves go on after the ones that were copied. */
async function countOn(t: Transaction<Tables>): Promise<void> {
  for (const [table, column] of Object.entries(ORDER)) {
    if (column !== 'seq' && column !== 'position') continue
    const last = sql`(select coalesce(max(${sql.ref(column)}), 0) from ${sql.table(table)})`
    await sql`select setval(pg_get_serial_sequence(${table}, ${column}), ${last} + 1, false)`.execute(t)
  }
}
