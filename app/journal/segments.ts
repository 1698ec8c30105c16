/**
 * The journal's segment files: appended to in groups, one sync for a group; removed when they are not needed.
 * A group that could not be written leaves no trace: the file is cut back before anything else is written. A segment that was closed
 * is never opened for writing again.
 */
import { createHash, randomBytes } from 'node:crypto'
import { constants, readdirSync, readFileSync } from 'node:fs'
import { type FileHandle, open, rm, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { bytesOf } from './odd.ts'
import { encodeRecord, encodeSegmentHead, type JournalRecord, SEGMENT_HEAD_BYTES } from './record.ts'

export type FsyncPolicy = 'always' | 'second' | 'never'

export interface SegmentFile {
  readonly path: string
  /** Sequence of its first record. */
  readonly first: number
  readonly bytes: number
}

/** What of the disk is used, so that a test can be a disk that is full. */
export interface Disk {
  open(path: string, flags: string | number, mode: number): Promise<Pick<FileHandle, 'writev' | 'datasync' | 'sync' | 'truncate' | 'close'>>
}
export const DISK: Disk = { open }
type Handle = Awaited<ReturnType<Disk['open']>>

/**
 * Linux syncs with the write itself: one wait for the thread pool instead of two, and 145 µs of CPU for a group of 70 kB where it was 190. Not used
 * elsewhere, where it promises less than a sync.
 */
const SYNCING = process.platform === 'linux' ? constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_DSYNC : undefined

const NAME = /^segment-(\d{15})\.log$/

export function segmentName(first: number): string {
  return `segment-${String(first).padStart(15, '0')}.log`
}

/** The segment files of a folder, oldest first. */
export function listSegments(dir: string): readonly SegmentFile[] {
  return readdirSync(dir)
    .flatMap((name) => {
      const first = NAME.exec(name)?.[1]
      const path = join(dir, name)
      return first === undefined ? [] : [{ path, first: Number(first), bytes: bytesOf(path) }]
    })
    .toSorted((a, b) => a.first - b.first)
}

/** Names this boot of the machine: what was written but not synced in another boot may be gone. */
export function bootName(): string {
  try {
    return createHash('sha256').update(readFileSync('/proc/sys/kernel/random/boot_id')).digest('hex').slice(0, 12)
  } catch {
    // No way to tell: every start counts as another boot.
    return randomBytes(6).toString('hex')
  }
}

interface Current {
  readonly path: string
  readonly first: number
  readonly handle: Handle
  readonly salt: number
  bytes: number
  isDirty: boolean
}

export interface SegmentsOptions {
  readonly dir: string
  readonly segmentBytes: number
  readonly fsync: FsyncPolicy
  readonly boot: string
  readonly disk: Disk
}

export class Segments {
  readonly #options: SegmentsOptions
  #closed: SegmentFile[]
  #current: Current | undefined
  /** A file whose last group failed and is still to be cut off. */
  #broken: Current | undefined

  /** `existing` are the segments found at the start. */
  constructor(options: SegmentsOptions, existing: readonly SegmentFile[]) {
    this.#options = options
    this.#closed = [...existing]
  }

  get bytes(): number {
    return this.#closed.reduce((sum, s) => sum + s.bytes, this.#current?.bytes ?? 0)
  }
  get count(): number {
    return this.#closed.length + (this.#current === undefined ? 0 : 1)
  }
  /** Those that nothing is written to any more. */
  get closed(): readonly SegmentFile[] {
    return this.#closed
  }
  get files(): readonly SegmentFile[] {
    return this.#current === undefined ? this.#closed : [...this.#closed, this.#current]
  }

  /** Writes a group, all or nothing. @throws what the disk says; nothing of the group is left then. */
  async append(records: readonly JournalRecord[]): Promise<number> {
    const [oldest] = records
    if (oldest === undefined) return 0
    await this.#mend()
    if (this.#current !== undefined && this.#current.bytes >= this.#options.segmentBytes) await this.rotate()
    const current = (this.#current ??= await this.#begin(oldest.seq))
    const parts = records.flatMap((r) => encodeRecord(r, current.salt))
    try {
      const written = await writeAll(current.handle, parts)
      if (this.#options.fsync !== 'always') current.isDirty = true
      else if (SYNCING === undefined) await current.handle.datasync()
      current.bytes += written
      return written
    } catch (error) {
      this.#broken = current
      this.#current = undefined
      await this.#mend().catch(() => undefined)
      throw error
    }
  }

  /** Writes what is held back by the policy `second`. */
  async sync(): Promise<void> {
    const current = this.#current
    if (current === undefined || !current.isDirty || this.#options.fsync !== 'second') return
    current.isDirty = false
    await current.handle.datasync()
  }

  /** Ends the current segment; the next group begins another. */
  async rotate(): Promise<void> {
    const current = this.#current
    if (current === undefined) return
    this.#current = undefined
    this.#closed.push({ path: current.path, first: current.first, bytes: current.bytes })
    if (current.isDirty && this.#options.fsync === 'second') await current.handle.datasync()
    await current.handle.close()
  }

  /** Removes segments all of whose records come before `seq`; `next` is the first sequence that is not written yet. */
  async removeBefore(seq: number, next: number): Promise<void> {
    while (this.#closed.length > 0) {
      const [oldest, second] = this.#closed
      if (oldest === undefined || (second?.first ?? this.#current?.first ?? next) > seq) return
      this.#closed.shift()
      await unlink(oldest.path).catch(() => undefined)
    }
  }

  async close(): Promise<void> {
    await this.#mend().catch(() => undefined)
    await this.rotate()
  }

  async #begin(first: number): Promise<Current> {
    const { dir, boot, fsync, disk } = this.#options
    const path = join(dir, segmentName(first))
    const salt = randomBytes(4).readUInt32LE()
    // It was found at the start with no record in it, and is begun anew: listed twice, it would seem to end where it begins.
    this.#closed = this.#closed.filter((s) => s.path !== path)
    // Prompts and answers are in it: for its owner's eyes.
    const handle = await disk.open(path, (fsync === 'always' ? SYNCING : undefined) ?? 'w', 0o600)
    const current: Current = { path, first, handle, salt, bytes: 0, isDirty: false }
    try {
      current.bytes = await writeAll(handle, [encodeSegmentHead({ salt, boot, isLazy: fsync !== 'always' })])
      if (fsync === 'always') {
        await handle.sync()
        await syncFolder(dir)
      }
    } catch (error) {
      this.#broken = { ...current, bytes: 0 }
      throw error
    }
    return current
  }

  /** Cuts off a group that failed. @throws when that fails too: then nothing may be written yet. */
  async #mend(): Promise<void> {
    const broken = this.#broken
    if (broken === undefined) return
    const isEmpty = broken.bytes <= SEGMENT_HEAD_BYTES
    // Somebody who makes room may have removed it.
    if (isEmpty) await rm(broken.path, { force: true })
    else await broken.handle.truncate(broken.bytes)
    this.#broken = undefined
    if (!isEmpty) this.#closed.push({ path: broken.path, first: broken.first, bytes: broken.bytes })
    await broken.handle.close().catch(() => undefined)
  }
}

async function writeAll(handle: Handle, parts: readonly Uint8Array[]): Promise<number> {
  let left = parts.filter((p) => p.length > 0)
  let total = 0
  while (left.length > 0) {
    // The kernel takes at most 1024 pieces at once.
    let { bytesWritten } = await handle.writev(left.slice(0, 1024))
    if (bytesWritten === 0) throw new Error('the disk takes no more bytes')
    total += bytesWritten
    let done = 0
    while (done < left.length && bytesWritten >= (left[done]?.length ?? 0)) bytesWritten -= left[done++]?.length ?? 0
    left = left.slice(done)
    if (bytesWritten > 0 && left[0] !== undefined) left[0] = left[0].subarray(bytesWritten)
  }
  return total
}

/** Makes names in a folder last: a file that was made or renamed is found again after a loss of power. */
export async function syncFolder(dir: string): Promise<void> {
  const handle = await open(dir, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
