/**
 * Who writes last must have read last. Every state counts its changes; a change says over which count it was decided, and is refused where
 * another process has changed the state since: `StorageConflict`. Whoever gets it reads again, decides again, and writes again.
 * The count is raised in the transaction of the change, so that its row makes writers queue; whoever is overtaken too often takes its place
 * in that queue before it reads.
 */
import { type Kysely, sql, type Transaction } from 'kysely'
import type { Tables } from './storage-migrations.ts'

export const STATES = ['controls', 'incidents'] as const
/** What is read, decided over and written as one. */
export type StateName = (typeof STATES)[number]

/** Somebody else has changed the state since it was read. Nothing of the change was stored. */
export class StorageConflict extends Error {}

/** The connection broke while the answer was on its way: it may have been stored. What is read next says. */
export class StorageUncertain extends Error {}

/** The channel that replicas listen on; what is sent is `STATE REVISION`. */
export const CHANNEL = 'agentopz'

/** Counts a change. @throws StorageConflict when it was decided over another revision than the newest. */
export async function countChange(
  t: Transaction<Tables>,
  state: StateName,
  change: { readonly over: number | undefined; readonly writer: string; readonly isHeard: boolean },
): Promise<number> {
  const { over, writer, isHeard } = change
  const counted = t
    .updateTable('state_revisions')
    .set((e) => ({ revision: e('revision', '+', 1), writer }))
    .where('state', '=', state)
  const row = await (over === undefined ? counted : counted.where('revision', '=', over)).returning('revision').executeTakeFirst()
  if (row === undefined) throw new StorageConflict(`${state} were changed by another process meanwhile`)
  const revision = Number(row.revision)
  // Sent when the transaction is committed, and not at all when it is not.
  if (isHeard) await sql`select pg_notify(${CHANNEL}, ${`${state} ${revision}`})`.execute(t)
  return revision
}

/** The newest revision of a state, and who wrote it. */
export async function newestRevision(
  db: Kysely<Tables>,
  state: StateName,
): Promise<{ readonly revision: number; readonly writer: string }> {
  const row = await db.selectFrom('state_revisions').select(['revision', 'writer']).where('state', '=', state).executeTakeFirst()
  return { revision: Number(row?.revision ?? 0), writer: row?.writer ?? '' }
}

/** Waits until nobody else is changing a state, and has everybody else wait until the transaction ends. SQLite has no `for update`. */
export async function takeTurn(t: Transaction<Tables>, state: StateName): Promise<void> {
  await t
    .updateTable('state_revisions')
    .set((e) => ({ revision: e.ref('revision') }))
    .where('state', '=', state)
    .execute()
}
