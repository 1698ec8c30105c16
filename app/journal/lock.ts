/**
 * One process per journal. The lock is SQLite's lock of a small file, which the kernel takes from a process that dies, however it dies:
 * nothing is left behind by kill -9, and no process id is trusted that may be another's by now.
 */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

export interface Lock {
  release(): void
}

/** @throws when another process holds the journal. */
export function lockJournal(dir: string): Lock {
  const db = new DatabaseSync(join(dir, 'lock'))
  try {
    db.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE')
  } catch (error) {
    db.close()
    if (error instanceof Error && /locked|busy/i.test(error.message))
      throw new Error(`the journal in ${dir} is in use by another agentopz; stop that one, or give this one a journal of its own`, {
        cause: error,
      })
    throw error
  }
  return { release: () => db.close() }
}
