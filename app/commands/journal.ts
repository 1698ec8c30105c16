/**
 * `agentopz journal inspect DIR`: what a journal holds and what of it is damaged, without changing anything. One that several processes
 * keep has a folder for each; each is told under its heading.
 */
import { existsSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { bytesOf } from '../journal/odd.ts'
import { KINDS, scanRecords, SEGMENT_HEAD_BYTES } from '../journal/record.ts'
import { writtenBy } from '../journal/layout.ts'
import { openSegment, WHOLE } from '../journal/recover.ts'
import { listSegments } from '../journal/segments.ts'
import { listSnapshots, readSnapshot } from '../journal/snapshot.ts'
import { print, printError, say } from './output.ts'

interface SegmentReport {
  readonly file: string
  readonly bytes: number
  readonly first?: number
  readonly last?: number
  readonly from?: string
  readonly to?: string
  readonly records: Readonly<Record<string, number>>
  readonly damage: readonly string[]
}

interface Report {
  readonly whole: boolean
  readonly snapshots: readonly {
    readonly file: string
    readonly bytes: number
    readonly after: number
    readonly good: boolean
    readonly waiting: number
  }[]
  readonly segments: readonly SegmentReport[]
}

/** Prints the report; 0 when all is good, 1 when something is damaged or there is no journal. */
export function journalInspect(dir: string, isJson: boolean): number {
  if (!existsSync(dir) || !statSync(dir).isDirectory()) {
    printError(`agentopz: ${dir} is no folder; give the one that the key journal names\n`)
    return 1
  }
  const count = writtenBy(dir) ?? 1
  if (count > 1) return inspectAll(dir, count, isJson)
  const report = inspect(dir)
  if (isJson) print(`${JSON.stringify(report, null, 2)}\n`)
  else tell(report)
  return isGood(report) ? 0 : 1
}

/** Of several processes: a folder that is missing is told like one that holds nothing. */
function inspectAll(dir: string, count: number, isJson: boolean): number {
  const reports = Array.from({ length: count }, (_, process) => {
    const folder = join(dir, String(process))
    return { process, dir: folder, ...(existsSync(folder) ? inspect(folder) : { whole: false, snapshots: [], segments: [] }) }
  })
  if (isJson) print(`${JSON.stringify({ processes: reports }, null, 2)}\n`)
  else
    for (const report of reports) {
      say(`${report.process === 0 ? '' : '\n'}Process ${report.process} of ${count}, numbered from 0, in ${report.dir}:`)
      tell(report)
    }
  return reports.every(isGood) ? 0 : 1
}

function isGood({ whole, snapshots, segments }: Report): boolean {
  const isWhole = whole && snapshots.every((s) => s.good) && segments.every((s) => s.damage.length === 0)
  return isWhole && snapshots.length + segments.length > 0
}

function inspect(dir: string): Report {
  return {
    whole: existsSync(join(dir, WHOLE)),
    snapshots: listSnapshots(dir).map(({ path, seq }) => {
      const snapshot = readSnapshot(path)
      const waiting = new Set(Object.values(snapshot?.head.outbox ?? {}).flat()).size
      return { file: basename(path), bytes: bytesOf(path), after: seq, good: snapshot !== undefined, waiting }
    }),
    segments: listSegments(dir).map(({ path, bytes }, i, all) => segmentReport(path, bytes, i === all.length - 1)),
  }
}

function segmentReport(path: string, bytes: number, isLast: boolean): SegmentReport {
  const opened = openSegment(path)
  const file = basename(path)
  if (opened === undefined) return { file, bytes, records: {}, damage: ['it has no head that can be read'] }
  const records: Record<string, number> = {}
  const damage: string[] = []
  let first: { seq: number; at: number } | undefined
  let last: { seq: number; at: number } | undefined
  for (const found of scanRecords(opened.bytes, SEGMENT_HEAD_BYTES, opened.head.salt)) {
    if ('record' in found) {
      const { kind, seq, at } = found.record
      records[kind] = (records[kind] ?? 0) + 1
      last = { seq, at }
      first ??= last
    } else
      damage.push(`${found.bytes} bytes at ${found.offset} cannot be read${isLast && found.isTail ? ': a write that was cut short' : ''}`)
  }
  if (first === undefined || last === undefined) return { file, bytes, records, damage }
  const time = (ms: number): string => new Date(ms).toISOString()
  return { file, bytes, first: first.seq, last: last.seq, from: time(first.at), to: time(last.at), records, damage }
}

function tell({ whole, snapshots, segments }: Report): void {
  if (snapshots.length + segments.length === 0) return say('There is no journal in this folder.')
  if (!whole) say('Requests were taken that are not in it: at the next start runs go on, and counters begin again at 0.')
  for (const s of snapshots)
    say(
      `${s.file}  ${s.bytes} bytes  ${s.good ? `the state after record ${s.after}; ${s.waiting} requests wait for relay endpoints` : 'DAMAGED'}`,
    )
  for (const s of segments) {
    const kinds = KINDS.filter((k) => s.records[k] !== undefined).map((k) => `${s.records[k]} ${k}`)
    const range = s.first === undefined ? 'no records' : `records ${s.first} to ${s.last}, ${s.from} to ${s.to}: ${kinds.join(', ')}`
    say(`${s.file}  ${s.bytes} bytes  ${range}`)
    for (const d of s.damage) say(`  DAMAGED: ${d}`)
  }
}
