/**
 * What must outlive a restart: controls in force, their audit, releases, incidents, drills. In: changes, each durable before its promise resolves, whole or
 * not at all. Out: everything, once, at start; the audit when asked. Queries go through Kysely, so that another database is another dialect.
 * The file is created with the first thing that is stored.
 */
import { accessSync, closeSync, constants, existsSync, openSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { Kysely, type Transaction } from 'kysely'
import type { AuditEntry } from '../control/audit.ts'
import { type AgentReleases, NO_RELEASES, type PublishedRelease, type ReleaseState } from '../control/releases.ts'
import type { Control } from '../model/control.ts'
import type { DrillRecord } from '../model/drill.ts'
import type { Incident } from '../model/incident.ts'
import { loadDrills, writeDrill } from './storage-drills.ts'
import { type IncidentChange, loadIncidents, writeIncidents } from './storage-incidents.ts'
import { migrate, type Tables } from './storage-migrations.ts'
import { sqliteDialect } from './storage-sqlite.ts'

export interface Stored {
  readonly controls: readonly Control[]
  readonly releases: ReleaseState
  /** Why nothing could be stored, where nothing is stored yet. */
  readonly problem?: string
}

/** One action's effect. */
export interface StorageChange {
  readonly audit: AuditEntry
  readonly putControl?: Control
  readonly removedControls?: readonly string[]
  readonly putRelease?: PublishedRelease
  readonly removedReleases?: { readonly agent: string; readonly versions: readonly string[] }
  readonly activations?: { readonly agent: string; readonly versions: readonly string[] }
}

export interface Storage {
  /** Everything that is stored; nothing when there is no file yet. @throws when there is one that cannot be used. */
  load(): Promise<Stored>
  /** @throws when the change could not be made durable; nothing of it is stored then. */
  write(change: StorageChange): Promise<void>
  /** The newest entries, newest first. */
  audit(limit: number): Promise<readonly AuditEntry[]>
  close(): Promise<void>
  /** What messages call it. */
  readonly name: string
}

/** What is stored of incidents. */
export interface IncidentStorage extends Pick<Storage, 'name'> {
  /** Every incident, oldest first; none when there is no file yet. @throws when there is one that cannot be used. */
  incidents(): Promise<readonly Incident[]>
  /** @throws when the change could not be made durable; nothing of it is stored then. */
  writeIncidents(change: IncidentChange): Promise<void>
}

/** What is stored of drills. */
export interface DrillStorage extends Pick<Storage, 'name'> {
  /** Newest first; none when there is no file yet. @throws when there is one that cannot be used. */
  drills(): Promise<readonly DrillRecord[]>
  /** A record of the same id again changes nothing. @throws when it could not be made durable. */
  recordDrill(drill: DrillRecord): Promise<void>
}

/** Storage behind a `sqlite:PATH` URL; the path is relative to `dir`. */
export function createStorage(url: string, dir: string): Storage & IncidentStorage & DrillStorage {
  const given = url.replace(/^sqlite:/, '')
  const path = given === ':memory:' ? given : resolve(dir, given)
  let opened: Promise<Kysely<Tables>> | undefined
  const open = (): Promise<Kysely<Tables>> => {
    // A failure is not remembered: the next one who asks tries again.
    opened ??= openDatabase(path).catch((error: unknown) => {
      opened = undefined
      throw error
    })
    return opened
  }
  const isThere = (): boolean => opened !== undefined || existsSync(path)
  return {
    name: path,
    load: async () => (isThere() ? loadAll(await open()) : { controls: [], releases: NO_RELEASES, ...folderProblem(path) }),
    write: async (change) => {
      const db = await open()
      await db.transaction().execute((t) => writeChange(t, change))
    },
    audit: async (limit) => {
      if (!isThere()) return []
      const rows = await (await open()).selectFrom('control_audit').select('document').orderBy('seq', 'desc').limit(limit).execute()
      return rows.map((r) => JSON.parse(r.document) as AuditEntry)
    },
    incidents: async () => (isThere() ? loadIncidents(await open()) : []),
    writeIncidents: async (change) => {
      const db = await open()
      await db.transaction().execute((t) => writeIncidents(t, change))
    },
    drills: async () => (isThere() ? loadDrills(await open()) : []),
    recordDrill: async (drill) => {
      const db = await open()
      await db.transaction().execute((t) => writeDrill(t, drill))
    },
    close: async () => {
      const db = await opened?.catch(() => undefined)
      opened = undefined
      await db?.destroy()
    },
  }
}

function folderProblem(path: string): { readonly problem?: string } {
  if (path === ':memory:') return {}
  try {
    accessSync(dirname(path), constants.W_OK)
    return {}
  } catch {
    return { problem: `${dirname(path)} is no folder that can be written to; make it one, or set storage to another path` }
  }
}

async function openDatabase(path: string): Promise<Kysely<Tables>> {
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

async function loadAll(db: Kysely<Tables>): Promise<Stored> {
  const controls = await db.selectFrom('controls').select('document').execute()
  const releases = await db.selectFrom('releases').select(['agent', 'document']).orderBy('position').execute()
  const activations = await db.selectFrom('release_activations').selectAll().execute()
  const byAgent = new Map<string, AgentReleases>()
  for (const [agent, rows] of Map.groupBy(releases, (r) => r.agent)) {
    const published = rows.map((r) => JSON.parse(r.document) as PublishedRelease)
    byAgent.set(agent, { releases: new Map(published.map((r) => [r.version, r])), activations: [] })
  }
  for (const { agent, versions } of activations) {
    const known = byAgent.get(agent)
    if (known !== undefined) byAgent.set(agent, { ...known, activations: JSON.parse(versions) as string[] })
  }
  return {
    controls: controls.map((r) => JSON.parse(r.document) as Control).sort((a, b) => a.createdMs - b.createdMs),
    releases: byAgent,
  }
}

async function writeChange(t: Transaction<Tables>, change: StorageChange): Promise<void> {
  const { audit, putControl, removedControls = [], putRelease, removedReleases, activations } = change
  if (removedControls.length > 0) await t.deleteFrom('controls').where('id', 'in', removedControls).execute()
  if (putControl !== undefined)
    await t
      .insertInto('controls')
      .values({ id: putControl.id, document: JSON.stringify(putControl) })
      .execute()
  if (removedReleases !== undefined && removedReleases.versions.length > 0)
    await t.deleteFrom('releases').where('agent', '=', removedReleases.agent).where('version', 'in', removedReleases.versions).execute()
  if (putRelease !== undefined) {
    const { agent, version } = putRelease
    await t
      .insertInto('releases')
      .values({ agent, version, document: JSON.stringify(putRelease) })
      .execute()
  }
  if (activations !== undefined) {
    const versions = JSON.stringify(activations.versions)
    await t
      .insertInto('release_activations')
      .values({ agent: activations.agent, versions })
      .onConflict((c) => c.column('agent').doUpdateSet({ versions }))
      .execute()
  }
  const { atMs, action, control, agent, target, actor } = audit
  await t
    .insertInto('control_audit')
    .values({ at_ms: atMs, action, control, agent, target, actor, document: JSON.stringify(audit) })
    .execute()
}
