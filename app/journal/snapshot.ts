/**
 * Snapshots: the whole state after a certain record, so that the records up to it need not be kept.
 * Written beside its name, synced, then renamed: a snapshot is there whole or not at all. Frames of length, CRC-32 and bytes; the first
 * is the head, the last says how many there were. Bytes are V8's serialisation, which later versions of Node can read.
 */
import { closeSync, openSync, readdirSync, readSync } from 'node:fs'
import { rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { deserialize, serialize } from 'node:v8'
import { crc32 } from 'node:zlib'
import type { PipelinePart } from '../../processor/pipeline.ts'
import { unlessOdd } from './odd.ts'
import type { OutboxState } from './outbox.ts'
import type { Rules } from './rules.ts'
import { type Disk, syncFolder } from './segments.ts'

export interface SnapshotHead {
  /** The last record that is in it. */
  readonly seq: number
  readonly at: number
  /** What relay endpoints had not taken. */
  readonly outbox: OutboxState
  /** What holds after it; older versions did not say. */
  readonly rules?: Rules | undefined
  /** The boot of the machine it was written in; older versions did not say. */
  readonly boot?: string
  /** Whether losing power may lose what comes after it and was acknowledged. */
  readonly isLazy?: boolean
  /** Nothing comes after it: the process ended. */
  readonly isEnd?: boolean
}

const NAME = /^snapshot-(\d{15})\.snap$/
const MAGIC = Buffer.from('AGZSNAP1', 'latin1')
const END = 'end'
/** Of what the parts hold. A snapshot of another form cannot be put back. */
const FORM = 1

export interface SnapshotFile {
  readonly path: string
  readonly seq: number
}

/** The snapshots of a folder, newest first. */
export function listSnapshots(dir: string): readonly SnapshotFile[] {
  return readdirSync(dir)
    .flatMap((name) => {
      const seq = NAME.exec(name)?.[1]
      return seq === undefined ? [] : [{ path: join(dir, name), seq: Number(seq) }]
    })
    .toSorted((a, b) => b.seq - a.seq)
}

/** Writes a snapshot and returns its size. Yields to the event loop between parts. */
export async function writeSnapshot(dir: string, head: SnapshotHead, parts: Iterable<PipelinePart>, disk: Disk): Promise<number> {
  const path = join(dir, `snapshot-${String(head.seq).padStart(15, '0')}.snap`)
  const temporary = `${path}.tmp`
  const handle = await disk.open(temporary, 'w', 0o600)
  let bytes = 0
  const write = async (...buffers: Buffer[]): Promise<void> => {
    const length = buffers.reduce((n, b) => n + b.length, 0)
    const { bytesWritten } = await handle.writev(buffers)
    if (bytesWritten !== length) throw new Error('the disk takes no more bytes')
    bytes += length
  }
  try {
    await write(MAGIC, ...frame({ ...head, form: FORM }))
    let count = 1
    for (const part of parts) {
      await write(...frame(part))
      count++
      await nextTurn()
    }
    await write(...frame({ [END]: count }))
    await handle.sync()
  } catch (error) {
    await handle.close().catch(() => undefined)
    await unlink(temporary).catch(() => undefined)
    throw error
  }
  await handle.close()
  await rename(temporary, path)
  await syncFolder(dir)
  return bytes
}

/** Removes all but the snapshot after `seq`. */
export async function removeOthers(dir: string, seq: number): Promise<void> {
  for (const old of listSnapshots(dir)) if (old.seq !== seq) await unlink(old.path).catch(() => undefined)
}

function frame(value: unknown): [Buffer, Buffer] {
  const body = serialize(value)
  const head = Buffer.alloc(8)
  head.writeUInt32LE(body.length)
  head.writeUInt32LE(crc32(body), 4)
  return [head, body]
}

export interface Snapshot {
  readonly path: string
  readonly head: SnapshotHead
  /** Read from the file one by one. */
  readonly parts: () => Iterable<PipelinePart>
}

/** Opens a snapshot after checking all of it; undefined when any of it is damaged or cannot be read, or it is of another form. */
export function readSnapshot(path: string): Snapshot | undefined {
  return unlessOdd(path, () => checked(path))
}

function checked(path: string): Snapshot | undefined {
  let count = 0
  let head: SnapshotHead | undefined
  let last: unknown
  for (const body of framesOf(path)) {
    if (body === undefined) return undefined
    if (count === 0) head = valueOf(body) as SnapshotHead | undefined
    last = body
    count++
  }
  const end = last instanceof Uint8Array ? (valueOf(last) as Readonly<Record<string, unknown>> | undefined) : undefined
  if (head === undefined || (head as { form?: number }).form !== FORM || end?.[END] !== count - 1) return undefined
  return { path, head, parts: () => partsIn(path, count) }
}

function* partsIn(path: string, count: number): Iterable<PipelinePart> {
  let n = 0
  for (const body of framesOf(path)) {
    n++
    if (body !== undefined && n > 1 && n < count) yield deserialize(body) as PipelinePart
  }
}

function valueOf(bytes: Uint8Array): unknown {
  try {
    return deserialize(bytes)
  } catch {
    return undefined
  }
}

/** The frames of a file; undefined where one is damaged, and nothing after that. */
function* framesOf(path: string): Iterable<Buffer | undefined> {
  const fd = openSync(path, 'r')
  try {
    let at = 0
    const read = (length: number): Buffer | undefined => {
      const buffer = Buffer.allocUnsafe(length)
      const n = readSync(fd, buffer, 0, length, at)
      at += n
      return n === length ? buffer : n === 0 && length === 8 ? Buffer.alloc(0) : undefined
    }
    if (read(8)?.equals(MAGIC) !== true) {
      yield undefined
      return
    }
    for (;;) {
      const head = read(8)
      if (head?.length === 0) return
      // No frame is larger than this: a length beyond it is damage, and must not be reserved.
      const length = head?.readUInt32LE() ?? 2 ** 31
      const body = length < 2 ** 30 ? read(length) : undefined
      if (head === undefined || body === undefined || crc32(body) !== head.readUInt32LE(4)) {
        yield undefined
        return
      }
      yield body
    }
  } finally {
    closeSync(fd)
  }
}
