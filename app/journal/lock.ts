/**
 * One process per journal. The lock is SQLite's lock of a small file, which the kernel takes from a process that dies, however it dies:
 * nothing is left behind by kill -9, and no process id is trusted that may be another's by now.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

export interface Lock {
  release(): void
}

/** Makes the folder where there is none. @throws when it cannot be used, or another process holds the journal. */
export function lockFolder(dir: string): Lock {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    return lockJournal(dir)
  } catch (error) {
    if (error instanceof Error && 'code' in error && ['EACCES', 'ENOTDIR', 'EEXIST', 'EROFS'].includes(String(error.code)))
      throw new Error(
        `the journal cannot be kept in ${dir} (${String(error.code)}); make it a folder that can be written to, or set journal.dir to another`,
        { cause: error },
      )
    throw error
  }
}

function lockJournal(dir: string): Lock {
  const db = new DatabaseSync(join(dir, 'lock'))
  try {
    // SQLite would make a file for its own journal, for which a full disk has no room.
    db.exec('PRAGMA busy_timeout = 0; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
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
