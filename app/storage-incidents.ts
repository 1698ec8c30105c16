/**
 * Incidents as they are stored: one row each, the whole record as a JSON document, with columns for who looks into the file by hand.
 * A change of several incidents is stored whole or not at all.
 */
import type { Kysely, Transaction } from 'kysely'
import type { Incident } from '../model/incident.ts'
import type { Tables } from './storage-migrations.ts'

/** What became of incidents at once. */
export interface IncidentChange {
  readonly put: readonly Incident[]
  readonly removed: readonly string[]
}

/** All of them, in the order they were opened. */
export async function loadIncidents(db: Kysely<Tables>): Promise<readonly Incident[]> {
  const rows = await db.selectFrom('incidents').select('document').orderBy('position').execute()
  return rows.map((r) => JSON.parse(r.document) as Incident)
}

export async function writeIncidents(t: Transaction<Tables>, { put, removed }: IncidentChange): Promise<void> {
  if (removed.length > 0) await t.deleteFrom('incidents').where('id', 'in', removed).execute()
  for (const incident of put) {
    const { id, agent, environment, state, severity, openedMs: opened_ms } = incident
    const row = { agent, environment, state, severity, opened_ms, document: JSON.stringify(incident) }
    await t
      .insertInto('incidents')
      .values({ id, ...row })
      .onConflict((c) => c.column('id').doUpdateSet(row))
      .execute()
  }
}
