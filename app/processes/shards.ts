/**
 * The data path as the app holds it where several processes share the work: `count` processes take spans in on the same addresses, each
 * trace is one process's, and this one puts their series together and brings evaluations to their runs. Ends them in order.
 * Contract: docs/processes.md; why so: docs/decisions/0020-processes.md.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExternalEvaluation } from '../../model/run.ts'
import { negotiate } from '../../processor/exposition.ts'
import { DEFAULT_METRICS_OPTIONS, type ProcessMetric, renderAll } from '../../processor/metrics.ts'
import type { SeriesState } from '../../processor/metrics-state.ts'
import { Refusal } from '../../processor/receive.ts'
import type { Config } from '../config-schema.ts'
import type { DataPath, DataPathParts } from '../data-path.ts'
import { checkLayout, noteLayout } from '../journal/layout.ts'
import { type Lock, lockFolder } from '../journal/lock.ts'
import { journalSettings } from '../journal/settings.ts'
import { metricsOptions, pipelineSettings, SettingsError } from '../settings.ts'
import { dropCarried, readCarried, writeCarried } from './carried.ts'
import type { Ports } from './child.ts'
import { configOf } from './divide.ts'
import { Merged } from './merge.ts'
import { joinProcessMetrics } from './merge-rules.ts'
import { type Place, Places } from './places.ts'
import { rowsOf } from './rows.ts'
import { route } from './share.ts'

export { processesOf } from './divide.ts'

export interface ShardsOptions {
  readonly count: number
  readonly version: string
}

/** Wires them; nothing runs before `start`. @throws SettingsError for files named by the configuration that cannot be used. */
export function createShards(parts: DataPathParts, options: ShardsOptions): DataPath {
  return new Shards(parts, options)
}

/** Why not all are ready, in a sentence; numbers of processes begin at 0, so how many there are is said apart. */
export function startingText(down: readonly number[], count: number): string {
  if (down.length === 0) return ''
  const which = `process${down.length === 1 ? '' : 'es'} ${down.join(', ')}`
  return `${down.length} of ${count} processes ${down.length === 1 ? 'is' : 'are'} starting: ${which}; senders are told to come back`
}

/** The same of those that do not answer. */
export function silentText(silent: readonly number[], count: number): string {
  if (silent.length === 0) return ''
  const which = `process${silent.length === 1 ? '' : 'es'} ${silent.join(', ')}`
  return `${silent.length} of ${count} processes ${silent.length === 1 ? 'does' : 'do'} not answer: ${which}; senders are told to come back`
}

class Shards implements DataPath {
  readonly #parts: DataPathParts
  readonly #count: number
  readonly #merged: Merged
  readonly #places: Places
  /** What the counters of processes that have ended came to. */
  #ended: readonly ProcessMetric[] = []
  readonly seenAgents = new Map<string, Set<string>>()
  #config: Config
  #dir: string
  #sockets: string | undefined
  #lock: Lock | undefined
  #ports: Ports = { otlpHttp: undefined, otlpGrpc: undefined }
  #collecting: Promise<void> | undefined

  constructor(parts: DataPathParts, { count, version }: ShardsOptions) {
    const { metrics, log, clock } = parts
    this.#parts = parts
    this.#count = count
    this.#config = parts.config
    this.#dir = parts.dir
    // What a process would refuse is refused here, before there is one.
    pipelineSettings(parts.config, parts.dir)
    this.#merged = new Merged({
      ...DEFAULT_METRICS_OPTIONS,
      ...metricsOptions(parts.config, version),
      sources: count + 1,
      folded: (metric, agent, environment) => metrics.add('agentopz_series_overflow_total', { agent, environment, metric }, 1, clock()),
    })
    this.#places = new Places({
      count,
      log,
      clock,
      start: (index) => {
        const place = { index, count, sockets: this.#sockets ?? '' }
        return { kind: 'start', place, config: configOf(this.#config, index, count), dir: this.#dir, version }
      },
      again: (place, isWhole) => this.#again(place, isWhole),
      seen: ({ agents, services }) => {
        for (const [agent, environment] of agents) this.#saw(agent, environment)
        for (const seen of services) parts.run(seen)
      },
      ended: (place) => this.#left(place),
      restarted: () => metrics.add('agentopz_process_restarts_total', {}, 1, clock()),
    })
    metrics.start('agentopz_process_restarts_total', {}, clock())
    metrics.gauge('agentopz_processes', () => {
      const up = this.#places.all.filter((p) => p.isReady).length
      return [
        [{ state: 'up' }, up],
        [{ state: 'down' }, count - up],
      ]
    })
  }

  get ports(): Ports {
    return this.#ports
  }

  get notReady(): string {
    const down = (isSilent: boolean): readonly number[] =>
      this.#places.all.filter((p) => !p.isReady && p.isSilent === isSilent).map((p) => p.index)
    return [startingText(down(false), this.#count), silentText(down(true), this.#count)].filter((text) => text !== '').join('; ')
  }

  *openAgents(): Iterable<string> {
    yield* this.#merged.valuesOf('agentopz_open_runs', 'agent')
  }

  seenTools(): Iterable<string> {
    return this.#merged.valuesOf('agentopz_tool_calls_total', 'tool')
  }

  async start(): Promise<void> {
    const journal = this.#journal
    let carried: readonly SeriesState[] | undefined = []
    let isWritten = false
    if (journal !== undefined) {
      const isNew = checkLayout(journal, this.#count) === undefined
      this.#lock = lockFolder(journal)
      noteLayout(journal, this.#count)
      if (!isNew) carried = readCarried(journal)
      isWritten = !isNew
    }
    this.#sockets = mkdtempSync(join(tmpdir(), 'agentopz-'))
    let kept: readonly SeriesState[] = []
    const ports = await this.#places.start((areWhole) => {
      // Counters of some that go on and of others that begin again would look like a reset of all: all go on, or all begin again.
      const continues = journal !== undefined && carried !== undefined && areWhole.every(Boolean)
      if (continues) this.#merged.restoreCarried((kept = carried ?? []))
      // Until every process has begun again, the next start must as well.
      else if (journal !== undefined) dropCarried(journal)
      return continues
    })
    // What continues is in the file as it was read, which a full disk has no room for twice.
    if (!isWritten || kept !== carried) this.#writeCarried(kept)
    this.#ports = ports ?? this.#ports
  }

  stream(accept: string | undefined, now: number): ReturnType<DataPath['stream']> {
    const { format, contentType } = negotiate(accept)
    return { contentType, pieces: this.#pieces(format, now) }
  }

  async evaluation(evaluation: ExternalEvaluation, traceId: string, spanId: string): Promise<void> {
    await route({ evaluation, traceId, spanId }, this.#count, async (index, sent) => {
      const place = this.#places.all[index]
      if (place?.child === undefined || !place.isReady) throw new Refusal('overload', `process ${index} is starting`)
      return await place.child.keep(sent)
    })
  }

  apply(config: Config, dir: string): readonly string[] {
    try {
      pipelineSettings(config, dir)
    } catch (error) {
      if (error instanceof SettingsError) return error.problems
      throw error
    }
    // A process that is started again must be as the others are: what changes at the next start stays as it was.
    const { receive, limits, relay, journal, metrics } = this.#parts.config
    const { journal: _next, ...rest } = config
    this.#config = { ...rest, receive, limits, relay, metrics, ...(journal === undefined ? {} : { journal }) }
    this.#dir = dir
    for (const { child, index } of this.#places.all) child?.tell({ kind: 'apply', config: configOf(this.#config, index, this.#count), dir })
    return []
  }

  /** The processes read the files themselves, with `apply`. */
  secure(): void {
    // Nothing is listened on here.
  }

  async drain(graceMs: number): Promise<void> {
    this.#places.stop()
    // Those that still take spans in need all the others: nobody goes before all have drained.
    await Promise.all(this.#places.children.map((child) => child.drain(graceMs)))
  }

  async close(): Promise<void> {
    this.#places.stop()
    await Promise.all(this.#places.children.map((child) => child.close()))
    if (this.#sockets !== undefined) rmSync(this.#sockets, { recursive: true, force: true })
    this.#lock?.release()
    this.#lock = undefined
  }

  get #journal(): string | undefined {
    return journalSettings(this.#parts.config, this.#parts.dir)?.dir
  }

  async *#pieces(format: ReturnType<typeof negotiate>['format'], now: number): AsyncIterable<string> {
    await (this.#collecting ??= this.#collect(now).finally(() => (this.#collecting = undefined)))
    const own = await this.#parts.metrics.ofProcess()
    const ofProcess = (): readonly ProcessMetric[] => joinProcessMetrics([own, this.#ended, ...this.#places.all.map((p) => p.process)])
    yield* renderAll(this.#merged.shown(), () => Promise.resolve(ofProcess()), format)
  }

  #saw(agent: string, environment: string): void {
    const known = this.seenAgents.get(agent)
    if (known === undefined) this.seenAgents.set(agent, new Set([environment]))
    else known.add(environment)
  }

  #left(place: Place): void {
    this.#merged.left(place.index)
    this.#ended = joinProcessMetrics([this.#ended, place.process.filter((m) => m.type === 'counter' || m.type === 'histogram')])
    place.process = []
  }

  /** What the process before had counted is carried on where this one cannot continue it. */
  #again(place: Place, isWhole: boolean): void {
    this.#merged.replaced(place.index, isWhole)
    this.#keepCarried()
    place.child?.tell({ kind: 'go', continues: isWhole })
  }

  /** Asks every process for its series; of one that does not answer, what it told last stays. */
  async #collect(now: number): Promise<void> {
    const { metrics, log } = this.#parts
    const own = this.#count
    this.#merged.begin(own)
    await metrics.prepared(now)
    for (const family of metrics.families(now)) this.#merged.add(own, [rowsOf(family)])
    this.#merged.end(own, now)
    await Promise.all(
      this.#places.all.map(async (place) => {
        const { child, index } = place
        if (child === undefined || !place.isReady) return
        try {
          this.#merged.begin(index)
          place.process = await child.series((families) => this.#merged.add(index, families))
          this.#merged.end(index, now)
        } catch (error) {
          log.warn({ process: index, err: error }, 'a process did not tell its metrics; what it told last is shown')
        }
      }),
    )
    this.#keepCarried()
  }

  #keepCarried(): void {
    const carried = this.#merged.takeCarried()
    if (carried !== undefined) this.#writeCarried(carried)
  }

  #writeCarried(carried: readonly SeriesState[]): void {
    const journal = this.#journal
    if (journal === undefined) return
    try {
      writeCarried(journal, carried)
    } catch (error) {
      dropCarried(journal)
      this.#parts.log.error({ err: error }, 'what is carried of counters could not be written; they begin again at the next start')
    }
  }
}
