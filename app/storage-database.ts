/**
 * Storage over a database that Kysely speaks to, whichever it is. A change and the count of its state are one transaction; what is read
 * together is read at one moment. Where a connection breaks while a change is being committed, the mark that the change left tells whether it was.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Kysely, Transaction, TransactionBuilder } from 'kysely'
import { NO_RELEASES } from '../control/releases.ts'
import type { Shared, Stored, StorageChange, StorageParts } from './storage.ts'
import { loadAudit, loadControls, type ReleaseCache, writeControls } from './storage-controls.ts'
import { loadDrills, writeDrill } from './storage-drills.ts'
import { type IncidentCache, type IncidentChange, loadIncidents, type StoredIncidents, writeIncidents } from './storage-incidents.ts'
import type { Tables } from './storage-migrations.ts'
import { loadRefused, writeRefused } from './storage-refused.ts'
import { countChange, newestRevision, type StateName, StorageUncertain, takeTurn } from './storage-revisions.ts'

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

/** Counts a change that was decided over a revision, or over whatever is there. Returns the revision that it makes. */
type Count = (over: number | undefined) => Promise<number>

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
  const readControls = async (t: Transaction<Tables>): Promise<Stored> => {
    const { revision } = await newestRevision(t, 'controls')
    return { ...(await loadControls(t, releases)), revision }
  }
  const readIncidents = async (t: Transaction<Tables>): Promise<StoredIncidents> => {
    const { revision } = await newestRevision(t, 'incidents')
    return { incidents: await loadIncidents(t, incidents), revision }
  }
  /** Work whose changes are stored together when it has ended; `count` counts a change of the state. */
  const transaction = async <T>(state: StateName, work: (t: Transaction<Tables>, count: Count) => Promise<T>): Promise<T> => {
    const db = await database.open()
    const writer = randomBytes(8).toString('hex')
    let counted: { readonly over: number | undefined } | undefined
    let done: { readonly outcome: T } | undefined
    try {
      return await changing(db).execute(async (t) => {
        const count: Count = (over) => {
          counted = { over }
          return countChange(t, state, { over, writer, isHeard: shared !== undefined })
        }
        done = { outcome: await work(t, count) }
        return done.outcome
      })
    } catch (error) {
      // Before the work has ended no commit was asked for.
      if (done === undefined || database.isBroken?.(error) !== true) throw error
      if (counted !== undefined) await askWhetherCommitted(database, state, { writer, over: counted.over }, error)
      return done.outcome
    }
  }
  const alone: typeof transaction = (state, work) =>
    transaction(state, async (t, count) => {
      await takeTurn(t, state)
      return work(t, count)
    })
  const writeOneControls = async (t: Transaction<Tables>, count: Count, c: StorageChange): Promise<number> => {
    const revision = await count(c.revision)
    await writeControls(t, c)
    return revision
  }
  const writeOneIncidents = async (t: Transaction<Tables>, count: Count, c: IncidentChange): Promise<number> => {
    const revision = await count(c.revision)
    await writeIncidents(t, c, revision)
    return revision
  }
  return {
    name: database.name,
    ...(shared === undefined ? {} : { shared }),
    load: async () => {
      const problem = database.isThere() ? undefined : database.problem()
      if (!database.isThere()) return { ...NOTHING, ...(problem === undefined ? {} : { problem }) }
      // What one process alone writes is read once.
      if (shared === undefined) releases.clear()
      return together(readControls)
    },
    write: (c) => transaction('controls', (t, count) => writeOneControls(t, count, c)),
    alone: (work) => alone('controls', (t, count) => work({ load: () => readControls(t), write: (c) => writeOneControls(t, count, c) })),
    audit: async (limit) => (database.isThere() ? loadAudit(await database.open(), limit) : []),
    incidents: async () => {
      if (!database.isThere()) return { incidents: [], revision: 0 }
      if (shared === undefined) incidents.clear()
      return together(readIncidents)
    },
    writeIncidents: async (c) => {
      const revision = await transaction('incidents', (t, count) => writeOneIncidents(t, count, c))
      if (shared !== undefined) for (const incident of c.put) incidents.set(incident.id, { revision, incident })
      return revision
    },
    incidentsAlone: (work) =>
      alone('incidents', (t, count) => work({ incidents: () => readIncidents(t), writeIncidents: (c) => writeOneIncidents(t, count, c) })),
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

/** Whatever the server's default is, one who has waited for the row must see what it waited for. SQLite has no levels. */
function changing(db: Kysely<Tables>): TransactionBuilder<Tables> {
  return db.transaction().setIsolationLevel('read committed')
}

/**
 * Returns where a change whose answer was lost was stored all the same. The server may still be at its commit, and holds the row of the state
 * until that has ended: who has the row knows. @throws the error where it was not stored, or that nobody can tell.
 */
async function askWhetherCommitted(
  database: Database,
  state: StateName,
  change: { readonly writer: string; readonly over: number | undefined },
  error: unknown,
): Promise<void> {
  const began = performance.now()
  for (const afterMs of ASKED_AGAIN_MS) {
    if (performance.now() - began > ASKED_FOR_MS) break
    await pause(afterMs)
    let newest
    try {
      newest = await changing(await database.open()).execute(async (t) => {
        await takeTurn(t, state)
        return newestRevision(t, state)
      })
    } catch {
      continue
    }
    if (newest.writer === change.writer) return
    // Nobody has written since it was decided, or one has, and it was not we.
    if (change.over !== undefined && newest.revision <= change.over + 1) throw error
    break
  }
  throw new StorageUncertain('the connection broke while the change was being stored, so it may have been; see what is in force', {
    cause: error,
  })
}
