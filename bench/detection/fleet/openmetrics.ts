/**
 * Series → files of OpenMetrics text, one per 54 hours (a block size of Prometheus, so that promtool reads each file for one block only).
 * A minute that was not scraped has no samples; `up` says so.
 */
import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { EPOCH_SECONDS, SCRAPE_SECOND } from './parameters.ts'
import type { ExposedSeries } from './series.ts'

const BLOCK_SECONDS = 54 * 3600
export const BLOCK_DURATION = '54h'
const FLUSH_CHARACTERS = 8_000_000

export interface WrittenChunks {
  readonly files: readonly string[]
  readonly samples: number
}

/** Writes the scraped minutes of all series; `isScraped` is 0 where the scrape failed. */
export function writeOpenMetrics(dir: string, series: readonly ExposedSeries[], isScraped: Uint8Array): WrittenChunks {
  const files: string[] = []
  let samples = 0
  const end = EPOCH_SECONDS + isScraped.length * 60
  for (let from = Math.floor(EPOCH_SECONDS / BLOCK_SECONDS) * BLOCK_SECONDS; from < end; from += BLOCK_SECONDS) {
    const minuteOf = (seconds: number): number => Math.ceil((seconds - EPOCH_SECONDS - SCRAPE_SECOND) / 60)
    const first = Math.max(0, minuteOf(from))
    const last = Math.min(isScraped.length, minuteOf(from + BLOCK_SECONDS))
    const file = join(dir, `chunk-${String(files.length).padStart(2, '0')}.om`)
    samples += writeChunk(file, series, isScraped, first, last)
    files.push(file)
  }
  return { files, samples }
}

function writeChunk(file: string, series: readonly ExposedSeries[], isScraped: Uint8Array, first: number, last: number): number {
  const out = openSync(file, 'w')
  let samples = 0
  let text = ''
  const write = (line: string): void => {
    text += line
    samples++
    if (text.length > FLUSH_CHARACTERS) {
      writeSync(out, text)
      text = ''
    }
  }
  for (let m = first; m < last; m++) {
    const time = ` ${EPOCH_SECONDS + m * 60 + SCRAPE_SECOND}\n`
    write(`up{job="agentopz",instance="agentopz:9464"} ${isScraped[m] ?? 0}${time}`)
    if (isScraped[m] === 0) continue
    for (const s of series) {
      const value = s.values[m] ?? Number.NaN
      if (!Number.isNaN(value)) write(s.head + String(value) + time)
    }
  }
  writeSync(out, `${text}# EOF\n`)
  closeSync(out)
  return samples
}
