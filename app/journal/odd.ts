/**
 * Entries of the folder that have the name of a segment or snapshot and are no file, or that the disk cannot give: they are damage, and must
 * not stop every start. What an operator can mend by rights is still an error.
 */
import { statSync } from 'node:fs'

const ODD: ReadonlySet<string> = new Set(['EISDIR', 'EIO', 'ELOOP', 'ENOENT', 'ENXIO'])

/** What `read` makes of the file; undefined where it is none, or cannot be read. */
export function unlessOdd<T>(path: string, read: (bytes: number) => T): T | undefined {
  try {
    const stat = statSync(path)
    return stat.isFile() ? read(stat.size) : undefined
  } catch (error) {
    if (error instanceof Error && 'code' in error && ODD.has(String(error.code))) return undefined
    throw error
  }
}

/** Bytes of a file; 0 for what is none. */
export function bytesOf(path: string): number {
  return unlessOdd(path, (bytes) => bytes) ?? 0
}
