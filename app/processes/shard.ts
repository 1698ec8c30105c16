/**
 * A process that has its share of the runs: the data path of one process, its own journal, its own series. Started by shards.ts, told what
 * to do by the first process and by nobody else: it ends when that tells it to, or is gone.
 */
import cluster from 'node:cluster'
import { rmSync } from 'node:fs'
import { createDecoder } from '../../processor/decode/index.ts'
import { INTEREST } from '../../processor/dialects/index.ts'
import { createMetrics } from '../../processor/metrics.ts'
import { createAuthorise } from '../auth.ts'
import { createDataPath, type OwnDataPath } from '../data-path.ts'
import { Running } from '../listen.ts'
import { createLog, type Logger } from '../log.ts'
import { metricsOptions } from '../settings.ts'
import { TlsInUse } from '../tls-in-use.ts'
import type { FamilySeries, FromShard, SentEvaluation, SeriesRow, ToShard } from './messages.ts'
import { Peers } from './peers.ts'
import { SeenNews } from './seen.ts'
import { Share } from './share.ts'

type Start = Extract<ToShard, { kind: 'start' }>

/** Series in one message: a millisecond or two of copying. */
const SERIES_SLICE = 2000
const NEWS_MS = 1000

function tell(message: FromShard): void {
  process.send?.(message)
}

class Shard {
  readonly #log: Logger
  readonly #metrics
  readonly #data: OwnDataPath
  readonly #share: Share
  readonly #peers: Peers
  readonly #tls: TlsInUse
  readonly #running: Running
  readonly #seen = new SeenNews()
  #authorise
  #go: (continues: boolean) => void = () => undefined

  constructor({ place, config, dir, version }: Start) {
    const log = (this.#log = createLog(config.log).child({ process: place.index }))
    const metrics = (this.#metrics = createMetrics(metricsOptions(config, version)))
    const clock = (): number => Date.now()
    this.#authorise = createAuthorise(config.auth.tokens)
    this.#tls = new TlsInUse(config, dir, { metrics, log, clock })
    this.#peers = new Peers(place)
    this.#share = new Share({
      place,
      peers: this.#peers,
      decoder: createDecoder(INTEREST, {
        maxItems: config.limits.max_items_per_request,
        ...(config.limits.max_nesting === undefined ? {} : { maxNesting: config.limits.max_nesting }),
      }),
      relays: (signal) => config.relay.some((r) => r.signals.includes(signal)),
      agree: (isWhole) => this.#agree(isWhole),
    })
    this.#data = createDataPath({
      config,
      dir,
      log,
      metrics,
      clock,
      tls: this.#tls,
      authorise: (header) => this.#authorise('ingest', header),
      run: (run) => this.#seen.service(run),
      between: this.#share,
    })
    this.#running = new Running(this.#data)
  }

  async start(): Promise<void> {
    const failed = (error: unknown): void => this.#log.error({ err: error }, 'another process could not be answered because of a bug')
    await this.#peers.listen((frame) => this.#share.answer(frame), failed)
    await this.#data.start()
    this.#share.open(this.#data)
    this.#running.timers = [setInterval(() => this.#tellNews(), NEWS_MS)]
    tell({ kind: 'ready', ...this.#data.ports })
  }

  async heard(message: Exclude<ToShard, Start>): Promise<void> {
    switch (message.kind) {
      case 'go':
        return this.#go(message.continues)
      case 'ping':
        return tell({ kind: 'pong' })
      case 'series':
        return await this.#tellSeries(message.id)
      case 'evaluation':
        return await this.#keep(message.id, message.evaluation)
      case 'apply':
        return this.#apply(message)
      case 'drain':
        await this.#running.stop(message.graceMs)
        return tell({ kind: 'drained' })
      case 'close':
        this.#peers.close()
        await this.#data.close()
        tell({ kind: 'closed' })
        // What was told must be on its way first.
        setTimeout(() => process.exit(0), 50)
    }
  }

  #agree(isWhole: boolean): Promise<boolean> {
    return new Promise((agreed) => {
      this.#go = agreed
      tell({ kind: 'hello', isWhole })
    })
  }

  #tellNews(): void {
    const news = this.#seen.take(this.#data.seenAgents)
    if (news !== undefined) tell({ kind: 'seen', ...news })
  }

  async #tellSeries(id: number): Promise<void> {
    this.#tellNews()
    // It is being worked on, which may take some seconds.
    tell({ kind: 'series', id, series: [] })
    let series: [string, SeriesRow[]][] = []
    let rows = 0
    const send = async (): Promise<void> => {
      tell({ kind: 'series', id, series: series satisfies FamilySeries[] })
      series = []
      rows = 0
      await new Promise((next) => setImmediate(next))
    }
    await this.#metrics.prepared(Date.now())
    for (const { name, series: all } of this.#metrics.families(Date.now())) {
      let told: SeriesRow[] = []
      if (all.size > 0) series.push([name, told])
      for (const s of all.values()) {
        told.push([s.key, s.value, s.lastMs, s.counts, s.exemplars])
        rows += 1 + s.counts.length / 4
        if (rows < SERIES_SLICE) continue
        await send()
        series.push([name, (told = [])])
      }
    }
    tell({ kind: 'series', id, series, last: await this.#metrics.ofProcess() })
  }

  async #keep(id: number, evaluation: SentEvaluation): Promise<void> {
    try {
      tell({ kind: 'evaluation', id, outcome: await this.#share.keep(evaluation), message: '' })
    } catch (error) {
      tell({ kind: 'evaluation', id, outcome: 'refused', message: error instanceof Error ? error.message : String(error) })
    }
  }

  #apply({ config, dir }: Extract<ToShard, { kind: 'apply' }>): void {
    const secured = this.#tls.prepare(config, dir)
    const problems = secured.problems.length > 0 ? secured.problems : this.#data.apply(config, dir)
    this.#metrics.set('agentopz_config_reload_successful', {}, problems.length === 0 ? 1 : 0, Date.now())
    if (problems.length > 0) return this.#log.error({ problems }, 'configuration refused here, though another process took it')
    secured.use(this.#running)
    this.#authorise = createAuthorise(config.auth.tokens)
  }
}

let shard: Shard | undefined
const failed = (error: unknown): void => {
  tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error) })
  setTimeout(() => process.exit(1), 50)
}
// The first process is gone, and this one ends now: nobody else would take the folder away. It may be gone before it said `start`.
const [, , sockets] = process.argv
cluster.worker?.once('disconnect', () => {
  if (sockets !== undefined) rmSync(sockets, { recursive: true, force: true })
})
// What was told in the moment it went: Node would end this process with a stack trace before it has taken the folder away.
cluster.worker?.on('error', () => undefined)
// Signals that a terminal gives to all are the first process's to answer.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)
process.on('message', (message: ToShard) => {
  if (message.kind !== 'start') return void shard?.heard(message).catch(failed)
  try {
    shard = new Shard(message)
    shard.start().catch(failed)
  } catch (error) {
    failed(error)
  }
})
