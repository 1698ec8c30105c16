/**
 * Reads a journal at the start: the newest snapshot, then every record after it, in order. Damage is reported and stepped over, what is
 * good before and after it is used. Damaged files stay where they are until a snapshot holds that. A record that the process dies of is left
 * out the third time.
 */
import { closeSync, existsSync, fstatSync, openSync, readdirSync, readFileSync, readSync, rmSync, truncateSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { PipelinePart } from '../../processor/pipeline.ts'
import { listAside } from './aside.ts'
import { Deaths, DEATHS } from './deaths.ts'
import { unlessOdd } from './odd.ts'
import { type Damage, decodeSegmentHead, type JournalRecord, scanRecords, SEGMENT_HEAD_BYTES, type SegmentHead } from './record.ts'
import { listSegments, type SegmentFile } from './segments.ts'
import { listSnapshots, readSnapshot, type Snapshot, type SnapshotHead } from './snapshot.ts'

/** `torn_tail` is how an append looks that a kill cut short: nothing acknowledged is lost. */
export type DamageKind =
  | 'torn_tail'
  | 'corrupt_record'
  | 'corrupt_segment'
  | 'corrupt_snapshot'
  | 'missing_records'
  | 'deadly_record'
  | 'refused_record'
  | 'unknown_record'

export interface DamageReport {
  readonly kind: DamageKind
  readonly file: string
  readonly detail: string
}

export interface RecoverHooks {
  snapshot(head: SnapshotHead): void
  restore(part: PipelinePart): void
  /** Applies a record; why not, when it was taken once and cannot be now. Must not throw for what a sender can cause. */
  apply(record: JournalRecord): Promise<string | undefined> | undefined
  damaged(report: DamageReport): void
}

export interface Recovered {
  /** The last record there is. */
  readonly seq: number
  readonly records: number
  /** False when something that may have been counted is gone: then counters cannot continue. */
  readonly isWhole: boolean
  readonly segments: readonly SegmentFile[]
  /** Files to be moved aside, once a snapshot holds what is good in them. */
  readonly damaged: readonly string[]
}

/** This file is there while everything that was applied is written: to remove it takes no room on a disk that is full. */
export const WHOLE = 'whole'

/** Goes through the journal in `dir`. `boot` is this boot of the machine. */
export async function recover(dir: string, boot: string, hooks: RecoverHooks): Promise<Recovered> {
  for (const name of readdirSync(dir)) if (name.endsWith('.tmp')) rmSync(join(dir, name), { recursive: true, force: true })
  const state: State = { seq: 0, records: 0, isWhole: true, damaged: [] }
  const snapshot = newestSnapshot(dir, state, hooks)
  const segments = listSegments(dir)
  if (!existsSync(join(dir, WHOLE)) && (snapshot !== undefined || segments.length > 0)) {
    state.isWhole = false
    hooks.damaged({ kind: 'missing_records', file: WHOLE, detail: 'requests were taken while the journal could not be written' })
  }
  if (snapshot !== undefined) {
    hooks.snapshot(snapshot.head)
    for (const part of snapshot.parts()) hooks.restore(part)
  }
  const last = segments.at(-1)
  // Nothing was begun after it that is still there.
  const isNewest = snapshot !== undefined && (last === undefined || last.first <= snapshot.head.seq)
  const isSaid = isNewest && snapshot.head.boot !== undefined
  if (isSaid && snapshot.head.isEnd !== true) checkBoot(snapshot.head, { file: basename(snapshot.path), boot, state, hooks })
  const kept: SegmentFile[] = []
  const deaths = new Deaths(dir)
  try {
    for (const [i, segment] of segments.entries()) {
      const isLast = i === segments.length - 1
      const after = segments[i + 1]?.first
      // All of it is in the snapshot: it is kept for an endpoint that has not taken its requests.
      if (after !== undefined && after <= state.seq + 1) kept.push(segment)
      else if (await readOne(segment, { isLast, boot: isSaid ? undefined : boot, state, deaths, hooks })) kept.push(listed(segment))
    }
  } finally {
    deaths.close()
  }
  const { records, isWhole, damaged } = state
  return { seq: damaged.length === 0 ? state.seq : beyond(state.seq, segments), records, isWhole, segments: kept, damaged }
}

/** A number that no file is named by yet: what is written next must not overwrite a damaged one. */
function beyond(seq: number, segments: readonly SegmentFile[]): number {
  let last = seq + 1
  while (segments.some(({ first }) => first === last + 1)) last++
  return last
}

interface State {
  seq: number
  records: number
  isWhole: boolean
  readonly damaged: string[]
}

function newestSnapshot(dir: string, state: State, hooks: RecoverHooks): Snapshot | undefined {
  for (const { path, seq } of listSnapshots(dir)) {
    const snapshot = readSnapshot(path)
    // What it stood for is not read again even if it is damaged: those records were counted.
    state.seq = Math.max(state.seq, seq)
    if (snapshot !== undefined) return snapshot
    state.isWhole = false
    hooks.damaged({ kind: 'corrupt_snapshot', file: basename(path), detail: `the snapshot after record ${seq} cannot be read` })
    state.damaged.push(path)
  }
  return undefined
}

interface Reading {
  readonly isLast: boolean
  /** Undefined where it does not matter: a snapshot that is synced holds all there was. */
  readonly boot: string | undefined
  readonly state: State
  readonly deaths: Deaths
  readonly hooks: RecoverHooks
}

/** Applies what a segment holds; false when it is not to be used any more. */
async function readOne(segment: SegmentFile, reading: Reading): Promise<boolean> {
  const { state, hooks } = reading
  const file = basename(segment.path)
  const opened = openSegment(segment.path)
  if (opened === undefined) {
    // Made, and killed before its head was written: nothing can have been acknowledged from it.
    const isNew = reading.isLast && segment.bytes < SEGMENT_HEAD_BYTES && unlessOdd(segment.path, () => true) === true
    hooks.damaged({ kind: isNew ? 'torn_tail' : 'corrupt_segment', file, detail: `${segment.bytes} bytes without a head that can be read` })
    if (isNew) rmSync(segment.path, { force: true })
    else {
      state.isWhole = false
      state.damaged.push(segment.path)
    }
    return false
  }
  const { bytes, head } = opened
  if (reading.isLast && reading.boot !== undefined) checkBoot(head, { file, boot: reading.boot, state, hooks })
  let isDamaged = false
  for (const found of scanRecords(bytes, SEGMENT_HEAD_BYTES, head.salt)) {
    if ('record' in found) await applyOne(found.record, file, reading)
    else isDamaged = (await damage(found, segment, reading)) || isDamaged
  }
  if (isDamaged) state.damaged.push(segment.path)
  return !isDamaged
}

/** What was written last says whether something after it may be gone. */
function checkBoot(
  head: { readonly boot?: string; readonly isLazy?: boolean },
  { file, boot, state, hooks }: { readonly file: string; readonly boot: string; readonly state: State; readonly hooks: RecoverHooks },
): void {
  if (head.isLazy !== true || head.boot === boot) return
  state.isWhole = false
  hooks.damaged({ kind: 'missing_records', file, detail: 'the machine was started anew, and not every record had been synced' })
}

async function applyOne(record: JournalRecord, file: string, { state, deaths, hooks }: Reading): Promise<void> {
  if (record.seq <= state.seq) return
  if (record.seq > state.seq + 1) {
    state.isWhole = false
    hooks.damaged({ kind: 'missing_records', file, detail: `records ${state.seq + 1} to ${record.seq - 1} are not there` })
  }
  state.seq = record.seq
  if (deaths.isDeadly(record.seq)) {
    hooks.damaged({ kind: 'deadly_record', file, detail: `the process died ${DEATHS} times of record ${record.seq}; it is left out` })
    return
  }
  state.records++
  const refused = await hooks.apply(record)
  if (refused === undefined) return
  state.isWhole = false
  hooks.damaged({ kind: 'refused_record', file, detail: `record ${record.seq} was taken once and cannot be now: ${refused}` })
}

/** Reports damage; true when the file should be looked at by somebody. */
async function damage(found: Damage, segment: SegmentFile, { isLast, state, hooks }: Reading): Promise<boolean> {
  const file = basename(segment.path)
  const detail = `${found.bytes} bytes at ${found.offset} cannot be read`
  if (isLast && found.isTail) {
    hooks.damaged({ kind: 'torn_tail', file, detail })
    truncateSync(segment.path, found.offset)
    return false
  }
  state.isWhole = false
  hooks.damaged({ kind: 'corrupt_record', file, detail })
  return true
}

/** All of a segment's file; undefined when it has no head, or is no file that can be read. */
export function openSegment(path: string): { readonly bytes: Buffer; readonly head: SegmentHead } | undefined {
  const bytes = unlessOdd(path, () => readFileSync(path))
  const head = bytes === undefined ? undefined : decodeSegmentHead(bytes)
  return bytes === undefined || head === undefined ? undefined : { bytes, head }
}

function listed(segment: SegmentFile): SegmentFile {
  const fd = openSync(segment.path, 'r')
  try {
    return { ...segment, bytes: fstatSync(fd).size }
  } finally {
    closeSync(fd)
  }
}

/**
 * The records of requests that somebody still waits for, read from the segments again, those that were damaged as well. What is given is
 * taken from `wanted`.
 */
export function* requestsAgain(dir: string, wanted: Set<number>): Iterable<JournalRecord> {
  for (const path of pathsIn(dir)) {
    if (wanted.size === 0) return
    const opened = openSegment(path)
    if (opened === undefined) continue
    for (const found of scanRecords(opened.bytes, SEGMENT_HEAD_BYTES, opened.head.salt))
      if ('record' in found && found.record.kind === 'request' && wanted.delete(found.record.seq)) yield found.record
  }
}

/** Segments in their order, then those that were moved aside: only when something is not in the others they are looked at. */
function* pathsIn(dir: string): Iterable<string> {
  for (const { path } of listSegments(dir)) yield path
  for (const path of listAside(dir)) if (basename(path).startsWith('segment-')) yield path
}

/** For a look at a file without reading all of it into memory at once. */
export function headOf(path: string): SegmentHead | undefined {
  const fd = openSync(path, 'r')
  try {
    const head = Buffer.alloc(SEGMENT_HEAD_BYTES)
    return readSync(fd, head, 0, head.length, 0) === head.length ? decodeSegmentHead(head) : undefined
  } finally {
    closeSync(fd)
  }
}
