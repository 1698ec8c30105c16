/**
 * What must outlive a restart: controls in force, their audit, releases, incidents, drills. In: changes, each durable before its promise resolves,
 * whole or not at all. Out: everything at start, and again when another process has changed it; the audit when asked.
 * One schema on SQLite, the default, and on PostgreSQL, for several replicas that share it. See docs/storage.md.
 */
import type { AuditEntry } from '../control/audit.ts'
import type { DrillRecord } from '../model/drill.ts'
import type { Stored, StorageChange } from './storage-controls.ts'
import { storageOver } from './storage-database.ts'
import type { IncidentChange, StoredIncidents } from './storage-incidents.ts'
import { postgresDatabase } from './storage-postgres.ts'
import type { RefusedStorage } from './storage-refused.ts'
import type { StateName } from './storage-revisions.ts'
import { sqliteDatabase } from './storage-sqlite.ts'
import { isPostgresUrl } from './storage-url.ts'

export type { Stored, StorageChange } from './storage-controls.ts'
export type { IncidentChange, StoredIncidents } from './storage-incidents.ts'
export { StorageConflict, StorageUncertain } from './storage-revisions.ts'

/** What replicas that share a database know of each other. */
export interface Shared {
  /** The newest revision of a state. @throws when it cannot be asked for. */
  revision(state: StateName): Promise<number>
  /** Tells the newest revision of a state when it is heard, at least once a second while the database answers. Returns how to end it. */
  watch(listener: (state: StateName, revision: number) => void): () => void
  /** Whether this replica does what is done by time and by itself. At most one does, and a few seconds after its end another one. */
  readonly leads: boolean
  /** Why nothing is heard of other replicas; undefined when all is well. */
  readonly problem: string | undefined
}

/** Whether this process does what is done by time: the only one there is, or the one that leads. */
export function isLeader({ shared }: Pick<Storage, 'shared'>): boolean {
  return shared === undefined || shared.leads
}

export interface Storage {
  /** Everything that is stored; nothing when there is no file yet. @throws when there is one that cannot be used. */
  load(): Promise<Stored>
  /**
   * Returns the revision that the change made.
   * @throws when the change could not be made durable; nothing of it is stored then. StorageConflict when it was decided over what is no
   * longer so; StorageUncertain when nobody can tell whether it was stored.
   */
  write(change: StorageChange): Promise<number>
  /**
   * Loads and writes while nobody else writes, so that nobody can come between; stored when `work` has ended. One that others overtake each
   * time gets its turn so. @throws as `write` does.
   */
  alone<T>(work: (turn: Pick<Storage, 'load' | 'write'>) => Promise<T>): Promise<T>
  /** The newest entries, newest first. */
  audit(limit: number): Promise<readonly AuditEntry[]>
  close(): Promise<void>
  /** What messages call it. */
  readonly name: string
  /** Present where several replicas may share it. */
  readonly shared?: Shared
}

/** What is stored of incidents. */
export interface IncidentStorage extends Pick<Storage, 'name' | 'shared'> {
  /** Every incident, oldest first; none when there is no file yet. @throws when there is one that cannot be used. */
  incidents(): Promise<StoredIncidents>
  /** Returns the revision that the change made. @throws as `write` of Storage does. */
  writeIncidents(change: IncidentChange): Promise<number>
  /** As `alone` of Storage. */
  incidentsAlone<T>(work: (turn: Pick<IncidentStorage, 'incidents' | 'writeIncidents'>) => Promise<T>): Promise<T>
}

/** What is stored of drills. */
export interface DrillStorage extends Pick<Storage, 'name'> {
  /** Newest first; none when there is no file yet. @throws when there is one that cannot be used. */
  drills(): Promise<readonly DrillRecord[]>
  /** A record of the same id again changes nothing. @throws when it could not be made durable. */
  recordDrill(drill: DrillRecord): Promise<void>
}

export interface StorageParts extends Storage, IncidentStorage, DrillStorage, RefusedStorage {}

/** Storage behind a `sqlite:PATH` URL, the path relative to `dir`, or behind a `postgres:` URL. */
export function createStorage(url: string, dir: string): StorageParts {
  return storageOver(isPostgresUrl(url) ? postgresDatabase(url) : sqliteDatabase(url, dir))
}

/** What an error says. Errors of several attempts to connect say nothing together. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ')
  return error instanceof Error ? error.message : String(error)
}
