/**
 * A journal is kept by as many processes as wrote it: one in the folder itself, several in a folder each, named by their number. In: the
 * folder and how many processes there are now. Out: why not, and what to type; traces belong to processes by how many there are, so what
 * one number of them wrote is nothing that another can read.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { listSegments } from './segments.ts'
import { listSnapshots } from './snapshot.ts'

/** Holds the number of processes, where it is not one. */
const FILE = 'processes'

/** How many processes wrote it; undefined for a new one. @throws when the journal was written by another number of processes. */
export function checkLayout(dir: string, processes: number): number | undefined {
  const before = writtenBy(dir)
  if (before === undefined || before === processes) return before
  throw new Error(
    `the journal in ${dir} was written by ${before === 1 ? '1 process' : `${before} processes`}, and there are to be ${processes} now; ` +
      `set processes: ${before}, or begin a new journal with: mv ${dir} ${dir}.before (open runs are left behind then, and counters begin again at 0)`,
  )
}

/** Notes how many processes write it, where that is not noted: whole, or not at all. @throws when the folder cannot be used. */
export function noteLayout(dir: string, processes: number): void {
  const path = join(dir, FILE)
  if (noted(path) === processes) return
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  writeFileSync(`${path}.tmp`, `${processes}\n`, { flush: true })
  renameSync(`${path}.tmp`, path)
}

/** How many processes wrote the journal in a folder; undefined where there is none. */
export function writtenBy(dir: string): number | undefined {
  if (!existsSync(dir)) return undefined
  const path = join(dir, FILE)
  if (existsSync(path)) return noted(path) ?? foldersIn(dir)
  return listSegments(dir).length > 0 || listSnapshots(dir).length > 0 ? 1 : undefined
}

/** The number in the file; undefined where there is none, as after a kill while an older version wrote it. */
function noted(path: string): number | undefined {
  const number = existsSync(path) ? Number(readFileSync(path, 'utf8')) : 0
  return Number.isSafeInteger(number) && number > 0 ? number : undefined
}

/** Each process has a folder, made when it first starts. */
function foldersIn(dir: string): number | undefined {
  const folders = readdirSync(dir).filter((name) => /^\d+$/.test(name)).length
  return folders > 0 ? folders : undefined
}
