/**
 * Damaged files are moved to a folder of their own, to be looked at; the newest are kept. Never before a snapshot holds what was good in
 * them: a process killed in between would have lost it without a word.
 */
import { existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'

const ASIDE = 'damaged'
/** Files kept. */
const MAX_ASIDE = 8

export function moveAside(dir: string, path: string): void {
  const aside = join(dir, ASIDE)
  const to = unused(join(aside, basename(path)))
  try {
    mkdirSync(aside, { recursive: true, mode: 0o700 })
    renameSync(path, to)
  } catch {
    // A full disk has no room for a folder: the file stays, and is met again at the next start.
    return
  }
  const others = listAside(dir).filter((p) => p !== to)
  for (const old of others.slice(0, Math.max(0, others.length + 1 - MAX_ASIDE))) rmSync(old, { recursive: true, force: true })
}

/** What was moved aside, that which was written last at the end: names begin again with a new journal, and say nothing of that. */
export function listAside(dir: string): readonly string[] {
  const aside = join(dir, ASIDE)
  if (!existsSync(aside)) return []
  return readdirSync(aside)
    .map((name) => ({ path: join(aside, name), at: lstatSync(join(aside, name)).mtimeMs }))
    .toSorted((a, b) => a.at - b.at || (a.path < b.path ? -1 : 1))
    .map(({ path }) => path)
}

/** The path, or with a number where something of that name was moved before. */
function unused(path: string): string {
  let free = path
  for (let n = 1; existsSync(free); n++) free = `${path}.${n}`
  return free
}
