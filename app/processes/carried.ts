/**
 * What is carried of processes' counters (merge.ts), in a file beside their journals, so that totals continue over a restart as well.
 * In: the series to keep. Out: those that were kept; undefined when the file is damaged or not there: then all counters begin again, for
 * something that was shown is gone. To take the file away needs no room on a disk that is full.
 */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { SeriesState } from '../../processor/metrics-state.ts'

const FILE = 'carried'

/** Whole, or not at all. @throws when it cannot be written. */
export function writeCarried(dir: string, series: readonly SeriesState[]): void {
  const text = JSON.stringify(series)
  const path = join(dir, FILE)
  writeFileSync(`${path}.tmp`, `${crc32(text)}\n${text}`, { mode: 0o600, flush: true })
  renameSync(`${path}.tmp`, path)
}

export function readCarried(dir: string): readonly SeriesState[] | undefined {
  const path = join(dir, FILE)
  if (!existsSync(path)) return undefined
  const [sum = '', text = ''] = readFileSync(path, 'utf8').split('\n', 2)
  return Number(sum) === crc32(text) ? (JSON.parse(text) as readonly SeriesState[]) : undefined
}

export function dropCarried(dir: string): void {
  rmSync(join(dir, FILE), { force: true })
}
