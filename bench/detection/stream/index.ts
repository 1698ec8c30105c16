/**
 * `npm run bench:detection -- --stream FILE… --change-at TIME`: recorded spans of real agents with a known change, through the real
 * processor with time compressed, then the shipped rules on a real Prometheus, like a simulated fleet.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ruleGroups } from '../../../alert-rules/rules.ts'
import { CELL } from '../../../app/baseline/counts.ts'
import { agentsIn, readHistory, watchedCells } from '../../../app/baseline/history.ts'
import { indicatorsOf, measure } from '../../../app/baseline/measure.ts'
import { createPrometheus } from '../../../app/prometheus.ts'
import { seconds } from '../backfill.ts'
import { alertsOf } from '../fleet-alerts.ts'
import { BLOCK_DURATION } from '../fleet/openmetrics.ts'
import { UsageError } from '../parameters-input.ts'
import { loadOpenMetrics } from '../prometheus.ts'
import { hash, secondsOf } from '../rule-plan.ts'
import { readArrivals } from './arrivals.ts'
import { runStream } from './run-stream.ts'
import { outcomesOf, type Seen, streamText } from './stream-report.ts'

export const STREAM_USAGE = `npm run bench:detection -- --stream FILE… --change-at TIME [options]

Files are OTLP/JSON lines (.gz is unpacked), traces and logs, of one or more agents that changed at a known time. Says which alerts fired
before the change (false) and after it, how soon in minutes and in runs, and which change could have been seen at this traffic.

  --change-at TIME    2026-11-20T12:00:00Z, Unix seconds, or trace:120 (the first changed trace, counted in the files)
  --spread 1m         begin one trace a minute, for recordings whose times mean nothing
  --scrape 60         virtual seconds between scrapes (15 or 60)
  --json              everything found, on standard output
  --width N           processes at once (2)
`

export interface StreamOptions {
  readonly files: readonly string[]
  readonly changeAt: string
  readonly spreadMs: number | undefined
  readonly scrapeSeconds: number
  readonly isJson: boolean
  readonly width: number
}

export function readStreamOptions(args: readonly string[]): StreamOptions | 'help' {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const options = { stream: flag, 'change-at': text, spread: text, scrape: text, json: flag, width: text, help: flag } as const
  const { values: v, positionals } = parsed(() => parseArgs({ args: [...args], allowPositionals: true, options }))
  if (v.help === true) return 'help'
  if (positionals.length === 0) throw new UsageError('--stream: no files; write --stream spans.jsonl')
  if (v['change-at'] === undefined) throw new UsageError('--change-at is missing; write --change-at 2026-11-20T12:00:00Z, or trace:120')
  const spread = secondsOf(v.spread)
  if (v.spread !== undefined && !((spread ?? 0) > 0)) throw new UsageError(`--spread: "${v.spread}" is no duration; write 1m`)
  const scrapeSeconds = Number(v.scrape ?? '60')
  if (![15, 60].includes(scrapeSeconds)) throw new UsageError(`--scrape: "${v.scrape ?? ''}" is neither 15 nor 60`)
  return {
    files: positionals,
    changeAt: v['change-at'],
    spreadMs: spread === undefined ? undefined : spread * 1000,
    scrapeSeconds,
    isJson: v.json === true,
    width: Number(v.width ?? '2'),
  }
}

function parsed<T>(parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)}\n\n${STREAM_USAGE}`)
  }
}

/** Runs a stream; the text or JSON for standard output. */
export async function benchStream(o: StreamOptions, progress: (message: string) => void): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'agentopz-stream-'))
  try {
    let began = performance.now()
    const arrivals = await readArrivals(o.files, o)
    progress(`${arrivals.starts.length} traces in ${arrivals.items.length} requests read in ${seconds(began)}`)
    began = performance.now()
    const streamed = await runStream(arrivals.items, join(dir, 'chunks'), o.scrapeSeconds)
    const hours = (streamed.endSeconds - streamed.startSeconds) / 3600
    progress(`${streamed.runs.length} runs, ${streamed.samples} samples of ${hours.toFixed(1)} hours in ${seconds(began)}`)
    if (streamed.refused > 0) progress(`${streamed.refused} requests were refused by the processor, as their sender would have been told`)
    began = performance.now()
    await loadOpenMetrics(streamed.files, join(dir, 'raw'), BLOCK_DURATION, o.width)
    progress(`loaded in ${seconds(began)}`)
    const changeSeconds = arrivals.changeMs / 1000
    const times = { changeSeconds, lastArrivalSeconds: streamed.lastArrivalSeconds }
    const period = { dataStart: streamed.startSeconds, start: streamed.startSeconds, end: streamed.endSeconds, dataKey: hash([dir]) }
    let detectable: ReadonlyMap<string, readonly Seen[]> = new Map()
    const fired = await alertsOf({ dir, raw: join(dir, 'raw'), kept: dir, period }, ruleGroups(), {
      width: o.width,
      progress,
      inspect: async (prometheus) => {
        detectable = await detectableBefore(prometheus.url, streamed.startSeconds, changeSeconds)
      },
    })
    const outcomes = outcomesOf(fired, streamed.runs, times, detectable)
    return o.isJson ? `${JSON.stringify({ ...times, spread: arrivals.isSpread, agents: outcomes })}\n` : streamText(outcomes, times)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/** What `agentopz baseline` would have said the day of the change, by agent. */
async function detectableBefore(url: string, startSeconds: number, changeSeconds: number): Promise<ReadonlyMap<string, readonly Seen[]>> {
  const start = Math.floor(startSeconds / 3600) * 3600
  const grid = { startSeconds: start, cells: Math.floor((changeSeconds - start) / CELL) }
  const out = new Map<string, readonly Seen[]>()
  if (grid.cells < 1) return out
  const prometheus = createPrometheus(url)
  const watched = await watchedCells(prometheus, grid)
  for (const name of await agentsIn(prometheus, grid, undefined)) {
    const history = await readHistory(prometheus, name, { grid, watched })
    if (history === undefined) continue
    const m = measure(history)
    const means = new Map<string, number>([...m.sizes.values()].map((s) => [s.sli, s.mean]))
    out.set(
      `${name.environment}/${name.agent}`,
      indicatorsOf(m).map((i) => {
        const { '30m': half, '2h': two, '1d': day } = i.detectable
        return {
          indicator: i.of === undefined ? i.sli : `${i.sli} of ${i.of}`,
          normal: means.get(i.sli) ?? i.share,
          events: i.events,
          eventsPerHour: i.eventsPerHour,
          smallest: { '30m': half.nineInTen, '2h': two.nineInTen, '1d': day.nineInTen },
          isFactor: means.has(i.sli),
        }
      }),
    )
  }
  return out
}
