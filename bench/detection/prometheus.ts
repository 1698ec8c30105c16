/**
 * A real Prometheus over blocks that promtool made: load, start on a free port, ask, stop. It scrapes nothing and evaluates nothing by
 * itself; every number comes from its query engine. Blocks added to the directory are seen after `restart`, which takes about a second and
 * is faster than waiting for the minute in which Prometheus looks by itself.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort, mapAtOnce, run } from './processes.ts'

export interface Series {
  readonly labels: Readonly<Record<string, string>>
  /** Unix seconds and value, in order. */
  readonly points: readonly (readonly [number, number])[]
}

interface RangeAnswer {
  readonly status: string
  readonly error?: string
  readonly data: {
    readonly result: readonly {
      readonly metric: Record<string, string>
      readonly values: readonly (readonly [number, string])[]
    }[]
  }
}

/** Points of one series that a range query may return. */
const MAX_POINTS = 10_800

export async function loadOpenMetrics(files: readonly string[], tsdb: string, blockDuration: string, width: number): Promise<void> {
  mkdirSync(tsdb, { recursive: true })
  await mapAtOnce(files, width, (file) =>
    run('promtool', ['tsdb', 'create-blocks-from', 'openmetrics', `--max-block-duration=${blockDuration}`, '-q', file, tsdb]),
  )
}

/** Killed with us, however we end. */
const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

export class Prometheus {
  readonly #tsdb: string
  #child: ChildProcess | undefined
  #url = ''

  constructor(tsdb: string) {
    this.#tsdb = tsdb
  }

  get url(): string {
    return this.#url
  }

  async start(): Promise<void> {
    const port = await freePort()
    const config = join(dirname(this.#tsdb), 'prometheus.yml')
    mkdirSync(this.#tsdb, { recursive: true })
    writeFileSync(config, 'global: { scrape_interval: 1h }\n')
    const args = [
      `--config.file=${config}`,
      `--storage.tsdb.path=${this.#tsdb}`,
      '--storage.tsdb.retention.time=100y',
      `--web.listen-address=127.0.0.1:${port}`,
      '--query.max-samples=2000000000',
      '--query.timeout=60m',
      '--log.level=error',
    ]
    const child = spawn('prometheus', args, { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    let failed: Error | undefined
    child.stderr.on('data', (data: Buffer) => (said = (said + data.toString()).slice(-2000)))
    child.on('error', (error) => (failed = error))
    running.add(child)
    child.once('exit', () => running.delete(child))
    this.#child = child
    this.#url = `http://127.0.0.1:${port}`
    for (let waited = 0; waited < 60_000; waited += 100) {
      if (failed !== undefined) throw new Error(`prometheus does not start: ${failed.message}; on Debian: apt-get install prometheus`)
      if (child.exitCode !== null) throw new Error(`prometheus ended at once: ${said}`)
      if (await isReady(this.#url)) return
      await sleep(100)
    }
    throw new Error(`prometheus is not ready after a minute: ${said}`)
  }

  /** Nothing of it needs saving: the blocks are promtool's. */
  async stop(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }

  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }

  /** A range query with both ends, cut where Prometheus would refuse the number of points. */
  async range(expr: string, start: number, end: number, step: number): Promise<Series[]> {
    const merged = new Map<string, { labels: Record<string, string>; points: (readonly [number, number])[] }>()
    for (let from = start; from <= end; from += MAX_POINTS * step) {
      const to = Math.min(end, from + (MAX_POINTS - 1) * step)
      for (const { metric, values } of await this.#query(expr, from, to, step)) {
        const key = JSON.stringify(Object.entries(metric).toSorted(([a], [b]) => (a < b ? -1 : 1)))
        const series = merged.get(key) ?? { labels: metric, points: [] }
        merged.set(key, series)
        for (const [time, value] of values) series.points.push([time, Number(value)])
      }
    }
    return [...merged.values()]
  }

  async #query(expr: string, start: number, end: number, step: number): Promise<RangeAnswer['data']['result']> {
    const body = new URLSearchParams({ query: expr, start: String(start), end: String(end), step: String(step) })
    const response = await fetch(`${this.#url}/api/v1/query_range`, { method: 'POST', body })
    const answer = (await response.json()) as RangeAnswer
    if (answer.status !== 'success') throw new Error(`Prometheus refuses a query: ${answer.error ?? 'no reason given'}\n${expr}`)
    return answer.data.result
  }
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/-/ready`)).ok
  } catch {
    return false
  }
}
