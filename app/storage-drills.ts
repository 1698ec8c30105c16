/**
 * Drills as they are stored: one row each, the record as a JSON document. A record that is there already stays as it is: who ran a drill may
 * tell of it again. The oldest beyond `KEPT` go with the next one that is written.
 */
import type { Kysely, Transaction } from 'kysely'
import type { DrillRecord } from '../model/drill.ts'
import type { Tables } from './storage-migrations.ts'

export const KEPT = 1000

/** Newest first, by when they ended. */
export async function loadDrills(db: Kysely<Tables>): Promise<readonly DrillRecord[]> {
  const rows = await db.selectFrom('drills').select('document').orderBy('ended_ms', 'desc').orderBy('id').execute()
  return rows.map((r) => JSON.parse(r.document) as DrillRecord)
}

export async function writeDrill(t: Transaction<Tables>, drill: DrillRecord): Promise<void> {
  const { id, agent, endedMs: ended_ms } = drill
  await t
    .insertInto('drills')
    .values({ id, drill: drill.drill, agent, ended_ms, document: JSON.stringify(drill) })
    .onConflict((c) => c.column('id').doNothing())
    .execute()
  const rest = t.selectFrom('drills').select('id').orderBy('ended_ms', 'desc').orderBy('id').limit(KEPT)
  await t.deleteFrom('drills').where('id', 'not in', rest).execute()
}
