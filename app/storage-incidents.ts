/**
 * Incidents as they are stored: one row each, the whole record as a JSON document, with columns for who looks at the tables by hand.
 * A change of several incidents is stored whole or not at all. A row says at which revision it was written, so that one that was read
 * before is read again only when it changed.
 */
import type { Kysely, Transaction } from 'kysely'
import type { Incident } from '../model/incident.ts'
import type { Tables } from './storage-migrations.ts'

/** What became of incidents at once. */
export interface IncidentChange {
  readonly put: readonly Incident[]
  readonly removed: readonly string[]
  /** Of what it was decided over; without, it is written over whatever is there. */
  readonly revision?: number
}

export interface StoredIncidents {
  /** In the order they were opened. */
  readonly incidents: readonly Incident[]
  /** Counts the changes; what is decided over it is written over it. */
  readonly revision: number
}

/** Incidents that were read before, by id. */
export type IncidentCache = Map<string, { readonly revision: number; readonly incident: Incident }>

/** Rows asked for at once: databases bound the number of parameters. */
const AT_ONCE = 500

/** All of them, in the order they were opened. */
export async function loadIncidents(t: Kysely<Tables>, cache: IncidentCache): Promise<readonly Incident[]> {
  const rows = await t.selectFrom('incidents').select(['id', 'revision']).orderBy('position').execute()
  const there = new Set(rows.map((r) => r.id))
  for (const id of cache.keys()) if (!there.has(id)) cache.delete(id)
  const changed = rows.filter((r) => cache.get(r.id)?.revision !== Number(r.revision)).map((r) => r.id)
  for (let i = 0; i < changed.length; i += AT_ONCE) {
    const some = changed.slice(i, i + AT_ONCE)
    const found = await t.selectFrom('incidents').select(['id', 'revision', 'document']).where('id', 'in', some).execute()
    for (const { id, revision, document } of found)
      cache.set(id, { revision: Number(revision), incident: JSON.parse(document) as Incident })
  }
  return rows.flatMap((r) => cache.get(r.id)?.incident ?? [])
}

export async function writeIncidents(t: Transaction<Tables>, { put, removed }: IncidentChange, revision: number): Promise<void> {
  if (removed.length > 0) await t.deleteFrom('incidents').where('id', 'in', removed).execute()
  for (const incident of put) {
    const { id, agent, environment, state, severity, openedMs: opened_ms } = incident
    const row = { agent, environment, state, severity, opened_ms, document: JSON.stringify(incident), revision }
    await t
      .insertInto('incidents')
      .values({ id, ...row })
      .onConflict((c) => c.column('id').doUpdateSet(row))
      .execute()
  }
}
