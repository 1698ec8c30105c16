/**
 * Which records the process died of at starts, in a small file: first the one being applied, then those of starts before, the newest
 * first. The next start so knows what the last one died of, and does not forget the others over it: two such records would have it die for
 * ever. Not synced: it is there for a process that dies, not for a machine that does.
 */
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** Deaths after which a record is left out. */
export const DEATHS = 3
/** Records remembered: those of the last starts that ended so. */
const MAX_REMEMBERED = 1024
/** Of one note: sequence and count. */
const BYTES = 12

export class Deaths {
  readonly #path: string
  /** Deaths at starts before this one, by the record's sequence. */
  readonly #before: ReadonlyMap<number, number>
  /** Undefined where it cannot be written: the journal must be read on a disk that is full, too. */
  #fd: number | undefined

  constructor(dir: string) {
    this.#path = join(dir, 'replaying')
    const found = readNotes(this.#path)
    this.#before = found ?? new Map()
    try {
      this.#fd = openSync(this.#path, found === undefined ? 'w' : 'r+', 0o600)
      // In one write: a process killed here leaves the list as it was, or as it is to be.
      const notes = [note(-1, 0), ...Array.from(this.#before, ([seq, count]) => note(seq, count))]
      writeSync(this.#fd, Buffer.concat(notes), 0, notes.length * BYTES, 0)
    } catch {
      this.#stop()
    }
  }

  /** Notes that a record is about to be applied; true when it is not to be. */
  isDeadly(seq: number): boolean {
    const count = (this.#before.get(seq) ?? 0) + 1
    if (count > DEATHS) return true
    try {
      if (this.#fd !== undefined) writeSync(this.#fd, note(seq, count), 0, BYTES, 0)
    } catch {
      this.#stop()
    }
    return false
  }

  /** The end was reached, or told of as an error. */
  close(): void {
    this.#stop()
    try {
      rmSync(this.#path, { force: true })
    } catch {
      // It is no file, so nothing was noted in it.
    }
  }

  #stop(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }
}

/** What earlier starts left; undefined where there is nothing to read. */
function readNotes(path: string): ReadonlyMap<number, number> | undefined {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch {
    return undefined
  }
  const notes = new Map<number, number>()
  for (let at = 0; at + BYTES <= bytes.length && notes.size < MAX_REMEMBERED; at += BYTES) {
    const seq = bytes.readDoubleLE(at)
    // The record being applied is in the list as well when it was not its first death: its own note is first, and counts.
    if (seq >= 0 && !notes.has(seq)) notes.set(seq, bytes.readUInt32LE(at + 8))
  }
  return notes
}

function note(seq: number, count: number): Buffer {
  const bytes = Buffer.alloc(BYTES)
  bytes.writeDoubleLE(seq)
  bytes.writeUInt32LE(count, 8)
  return bytes
}
