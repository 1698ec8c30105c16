/** `agentopz storage copy FROM TO`: what is stored moves to another database. Returns the exit code. */
import { messageOf } from '../storage.ts'
import { copyStorage, CopyRefused } from '../storage-copy.ts'
import type { Database } from '../storage-database.ts'
import { postgresDatabase } from '../storage-postgres.ts'
import { sqliteDatabase } from '../storage-sqlite.ts'
import { isPostgresUrl, maskedUrl, storageProblem } from '../storage-url.ts'
import { printError, say } from './output.ts'

export async function copyCommand(from: string, to: string, options: { readonly json?: true }): Promise<number> {
  for (const url of [from, to]) {
    const problem = storageProblem(url)
    if (problem === undefined) continue
    printError(`agentopz: ${problem}\n`)
    return 2
  }
  const [source, target] = [databaseOf(from), databaseOf(to)]
  try {
    const copied = await copyStorage(source, target)
    if (options.json === true) say(JSON.stringify({ copied }))
    else {
      for (const { table, rows } of copied) say(`${String(rows).padStart(8)}  ${table}`)
      say(`copied; now set  storage: ${isPostgresUrl(to) ? maskedUrl(to) : to}`)
    }
    return 0
  } catch (error) {
    printError(`agentopz: ${error instanceof CopyRefused ? error.message : `nothing was copied: ${messageOf(error)}`}\n`)
    return 1
  } finally {
    await source.close()
    await target.close()
  }
}

function databaseOf(url: string): Database {
  return isPostgresUrl(url) ? postgresDatabase(url) : sqliteDatabase(url, process.cwd())
}
