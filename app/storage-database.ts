/**
 * Storage over a database that Kysely speaks to, whichever it is. A change and the count of its state are one transaction; what is read
 * together is read at one moment. Where a connection breaks while a change is being committed, the mark that the change left tells whether it was.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Kysely, Transaction } from 'kysely'
import { NO_RELEASES } from '../control/releases.ts'
import type { Shared, StorageParts } from './storage.ts'
import { loadAudit, loadControls, type ReleaseCache, writeControls } from './storage-controls.ts'
import { loadDrills, writeDrill } from './storage-drills.ts'
import { type IncidentCache, loadIncidents, writeIncidents } from './storage-incidents.ts'
import type { Tables } from './storage-migrations.ts'
import { loadRefused, writeRefused } from './storage-refused.ts'
import { countChange, newestRevision, StorageConflict, type StateName, StorageUncertain } from './storage-revisions.ts'

/** One database, opened when it is first needed. */
export interface Database {
  /** What messages call it. Never with a password. */
  readonly name: string
  /** Opens it, with its tables up to date. @throws */
  open(): Promise<Kysely<Tables>>
  /** False while nothing was stored yet, so that reading makes no file. */
  isThere(): boolean
  /** Why nothing could be stored, where nothing is stored yet. */
  problem(): string | undefined
  close(): Promise<void>
  /** Present where other processes write too. */
  readonly shared?: Shared
  /** Whether an error may have hidden the answer to a commit. */
  readonly isBroken?: (error: unknown) => boolean
}

const NOTHING = { controls: [], releases: NO_RELEASES, revision: 0 }
/** When it is asked whether a change was committed after all; a server that is restarted is back by then. */
const ASKED_AGAIN_MS = [50, 250, 700, 2000]
const ASKED_FOR_MS = 5000

export function storageOver(database: Database): StorageParts {
  const { shared } = database
  const releases: ReleaseCache = new Map()
  const incidents: IncidentCache = new Map()
  const together = async <T>(read: (t: Transaction<Tables>) => Promise<T>): Promise<T> => {
    const transaction = (await database.open()).transaction()
    return (shared === undefined ? transaction : transaction.setIsolationLevel('repeatable read').setAccessMode('read only')).execute(read)
  }
  const change = async (
    state: StateName,
    expected: number | undefined,
    write: (t: Transaction<Tables>, revision: number) => Promise<void>,
  ): Promise<number> => {
    const db = await database.open()
    const writer = randomBytes(8).toString('hex')
    const about = { writer, isHeard: shared !== undefined, ...(expected === undefined ? {} : { revision: expected }) }
    try {
      return await db.transaction().execute(async (t) => {
        const revision = await countChange(t, state, about)
        await write(t, revision)
        return revision
      })
    } catch (error) {
      if (error instanceof StorageConflict || database.isBroken?.(error) !== true) throw error
      return committed(database, state, writer, expected, error)
    }
  }
  return {
    name: database.name,
    ...(shared === undefined ? {} : { shared }),
    load: async () => {
      const problem = database.isThere() ? undefined : database.problem()
      if (!database.isThere()) return { ...NOTHING, ...(problem === undefined ? {} : { problem }) }
      // What one process alone writes is read once.
      if (shared === undefined) releases.clear()
      return together(async (t) => {
        const { revision } = await newestRevision(t, 'controls')
        return { ...(await loadControls(t, releases)), revision }
      })
    },
    write: (c) => change('controls', c.revision, (t) => writeControls(t, c)),
    audit: async (limit) => (database.isThere() ? loadAudit(await database.open(), limit) : []),
    incidents: async () => {
      if (!database.isThere()) return { incidents: [], revision: 0 }
      if (shared === undefined) incidents.clear()
      return together(async (t) => {
        const { revision } = await newestRevision(t, 'incidents')
        return { incidents: await loadIncidents(t, incidents), revision }
      })
    },
    writeIncidents: async (c) => {
      const revision = await change('incidents', c.revision, (t, at) => writeIncidents(t, c, at))
      if (shared !== undefined) for (const incident of c.put) incidents.set(incident.id, { revision, incident })
      return revision
    },
    drills: async () => (database.isThere() ? loadDrills(await database.open()) : []),
    recordDrill: async (drill) => {
      const db = await database.open()
      await db.transaction().execute((t) => writeDrill(t, drill))
    },
    refused: async (limit) => (database.isThere() ? loadRefused(await database.open(), limit) : []),
    recordRefused: async (attempt, keep) => {
      const db = await database.open()
      await db.transaction().execute((t) => writeRefused(t, attempt, keep))
    },
    close: () => database.close(),
  }
}

/** The revision that a change made, where its answer was lost and it was stored all the same. @throws the error, or that nobody can tell. */
async function committed(
  database: Database,
  state: StateName,
  writer: string,
  expected: number | undefined,
  error: unknown,
): Promise<number> {
  const began = performance.now()
  for (const afterMs of ASKED_AGAIN_MS) {
    if (performance.now() - began > ASKED_FOR_MS) break
    await pause(afterMs)
    let newest
    try {
      newest = await newestRevision(await database.open(), state)
    } catch {
      continue
    }
    if (newest.writer === writer) return newest.revision
    // Nobody has written since it was decided, so neither did we.
    if (newest.revision === expected) throw error
    break
  }
  throw new StorageUncertain('the connection broke while the change was being stored, so it may have been; see what is in force', {
    cause: error,
  })
}
