/**
 * Arrivals → OpenMetrics files, through the real data path with a clock that follows the spans. Runs close as they would have closed live:
 * what is due is closed before each arrival and before each scrape. Nothing waits for real time.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createDecoder } from '../../../processor/decode/index.ts'
import { INTEREST } from '../../../processor/dialects/index.ts'
import { DEFAULT_SETTINGS } from '../../../processor/default-settings.ts'
import { createMetrics } from '../../../processor/metrics.ts'
import { createPipeline, type Pipeline } from '../../../processor/pipeline.ts'
import { UsageError } from '../parameters-input.ts'
import type { Arrival } from './arrivals.ts'

export interface ClosedRun {
  readonly agent: string
  readonly environment: string
  readonly closedMs: number
}

export interface Streamed {
  readonly files: readonly string[]
  readonly runs: readonly ClosedRun[]
  readonly startSeconds: number
  readonly endSeconds: number
  readonly lastArrivalSeconds: number
  readonly samples: number
  readonly refused: number
}

const BLOCK_SECONDS = 54 * 3600
/** Long enough for runs without a root to close. */
const AFTER_SECONDS = 11 * 60
const LONGEST_DAYS = 120

/** Pushes everything through a pipeline of its own, scraping every so many virtual seconds. */
export async function runStream(items: readonly Arrival[], dir: string, scrapeSeconds: number): Promise<Streamed> {
  const startSeconds = Math.floor((items[0]?.atMs ?? 0) / 60_000) * 60 - 60
  const lastArrivalSeconds = Math.ceil((items.at(-1)?.atMs ?? 0) / 1000)
  const endSeconds = Math.ceil((lastArrivalSeconds + AFTER_SECONDS) / 60) * 60
  const days = (endSeconds - startSeconds) / 86_400
  if (days > LONGEST_DAYS)
    throw new UsageError(`the spans lie ${Math.round(days)} days apart; add --spread 1m to begin one trace a minute, or give fewer files`)
  const runs: ClosedRun[] = []
  const metrics = createMetrics({ exemplars: false, version: 'stream' })
  let nowMs = 0
  const settings = { ...DEFAULT_SETTINGS, maxPendingEvaluations: 100_000 }
  const hooks = {
    run: (run: { readonly agent: string; readonly environment: string }): void => {
      runs.push({ agent: run.agent, environment: run.environment, closedMs: nowMs })
    },
  }
  const pipeline = createPipeline(createDecoder(INTEREST), metrics, settings, hooks, 1)
  const chunks = new Chunks(dir)
  let next = 0
  let refused = 0
  let body = ''
  for (let t = startSeconds; t <= endSeconds; t += scrapeSeconds) {
    const before = { next, runs: runs.length }
    for (let item = items[next]; item !== undefined && item.atMs <= t * 1000; item = items[++next]) {
      nowMs = item.atMs
      sweepAll(pipeline, nowMs)
      if (!take(pipeline, item)) refused++
    }
    nowMs = t * 1000
    sweepAll(pipeline, nowMs)
    const expired = t % 60 < scrapeSeconds ? metrics.expire(nowMs) : 0
    // Nothing came, nothing is open, nothing closed or went: the same text, which nights are full of.
    const isSame = next === before.next && runs.length === before.runs && pipeline.runs.openRuns === 0 && expired === 0
    if (!isSame || body === '') ({ body } = await metrics.expose(undefined, nowMs))
    chunks.add(body, t)
  }
  return { files: chunks.finish(), runs, startSeconds, endSeconds, lastArrivalSeconds, samples: chunks.samples, refused }
}

function sweepAll(pipeline: Pipeline, nowMs: number): void {
  while (pipeline.sweep(nowMs));
}

/** False when the processor refuses the body, as it would have answered its sender. */
function take(pipeline: Pipeline, item: Arrival): boolean {
  try {
    pipeline.ingest(item.signal, Buffer.from(item.body), 'json', item.atMs)
    return true
  } catch {
    return false
  }
}

/** Scrapes as OpenMetrics with timestamps, one file per block of Prometheus. */
class Chunks {
  samples = 0
  readonly #dir: string
  readonly #files: string[] = []
  #block = Number.NaN
  #lines: string[] = []

  constructor(dir: string) {
    this.#dir = dir
    mkdirSync(dir, { recursive: true })
  }

  add(body: string, seconds: number): void {
    const block = Math.floor(seconds / BLOCK_SECONDS)
    if (block !== this.#block) this.#flush()
    this.#block = block
    this.#lines.push(`up{job="agentopz",instance="stream"} 1 ${seconds}`)
    for (const line of body.split('\n')) if (line !== '' && !line.startsWith('#')) this.#lines.push(`${line} ${seconds}`)
  }

  finish(): readonly string[] {
    this.#flush()
    return this.#files
  }

  #flush(): void {
    if (this.#lines.length === 0) return
    const file = join(this.#dir, `chunk-${String(this.#files.length).padStart(3, '0')}.om`)
    this.#lines.push('# EOF', '')
    writeFileSync(file, this.#lines.join('\n'))
    this.samples += this.#lines.length - 2
    this.#files.push(file)
    this.#lines = []
  }
}
