/**
 * The data path as the app holds it, in this process: receivers and relay, the pipeline between them, the journal around it, their clocks.
 * In: OTLP on the addresses of the configuration. Out: metrics, and who was seen. `drain` takes nothing in any more and gives away what was
 * taken; `close` comes last. Where the work is shared with other processes (app/processes/), `between` says what of it is this one's.
 */
import { randomBytes } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { ExternalEvaluation, Run } from '../model/run.ts'
import type { Decoder, Encoding } from '../processor/decode/decode.ts'
import { createDecoder } from '../processor/decode/index.ts'
import { createOutline } from '../processor/decode/json-check.ts'
import { INTEREST } from '../processor/dialects/index.ts'
import type { Metrics } from '../processor/metrics.ts'
import { createPipeline, type Pipeline } from '../processor/pipeline.ts'
import {
  InflightBytes,
  type IngestResult,
  Place,
  type Received,
  type Receiver,
  type ReceiverParts,
  type Signal,
  type Tls,
  type Within,
} from '../processor/receive.ts'
import { startGrpcReceiver } from '../processor/receive-grpc.ts'
import { startHttpReceiver } from '../processor/receive-http.ts'
import { ingestBody, ingestWithin } from '../processor/receive-take.ts'
import { createRelay, type Relay } from '../processor/relay.ts'
import { createSlices } from '../processor/slices.ts'
import { createSenders } from './auth.ts'
import type { Config } from './config-schema.ts'
import { checkLayout } from './journal/layout.ts'
import { openJournal, type OpenJournal } from './journal/open.ts'
import type { Rules } from './journal/rules.ts'
import { journalSettings } from './journal/settings.ts'
import { failed, guarded, listening } from './listen.ts'
import type { Logger } from './log.ts'
import { setHeapFlags } from './heap.ts'
import { createMemoryGuard, memoryGauges } from './memory-guard.ts'
import { receiveEvents, relayEvents, relayGauges } from './receive-events.ts'
import { boundsWithin, pipelineSettings, receiveLimits, relayEndpoints, SettingsError } from './settings.ts'
import { createSweeping, SWEEP_MS } from '../processor/sweeping.ts'
import type { TlsInUse } from './tls-in-use.ts'

/** What the rest of the app wants to know of the runs, in whichever process they are. */
export interface SeenAgents {
  /** Agents that closed a run, with the environments they ran in. */
  readonly seenAgents: ReadonlyMap<string, ReadonlySet<string>>
  /** Agents with a run now open. */
  openAgents(): Iterable<string>
  /** Tools that were called. */
  seenTools(): Iterable<string>
}

export interface DataPath extends SeenAgents {
  /** Where the runs are in this process. */
  readonly pipeline?: Pipeline
  readonly ports: { readonly otlpHttp: number | undefined; readonly otlpGrpc: number | undefined }
  /** @throws when a port or the journal cannot be taken; `drain` and `close` may be called all the same. */
  start(): Promise<void>
  /** Text of all metrics for a scraper. */
  stream(accept: string | undefined, now: number): ReturnType<Metrics['stream']>
  /** An evaluation that came by another way than OTLP. @throws when it cannot be kept. */
  evaluation(evaluation: ExternalEvaluation, traceId: string, spanId: string): unknown
  /** Empty while everything is taken in, else why not. */
  readonly notReady: string
  /** Takes over what can change while running; the problems when it cannot. */
  apply(config: Config, dir: string): readonly string[]
  /** Serves another certificate to connections from now on. */
  secure(tls: Tls): void
  drain(graceMs: number): Promise<void>
  close(): Promise<void>
}

/** What stands between receivers and pipeline where other processes have runs too. */
export interface Between {
  /** What of a body is this process's own. */
  readonly own: (signal: Signal, body: Uint8Array, encoding: Encoding) => Uint8Array
  /** Has a request taken in everywhere it belongs; `own` takes in what is this process's, piece by piece within it. @throws Refusal */
  readonly take: (received: Received, own: (within: Within) => Promise<IngestResult>) => Promise<IngestResult>
  /** True when an evaluation in a request is of another process's run. */
  readonly elsewhere: (evaluation: ExternalEvaluation, traceId: string, spanId: string) => boolean
  /** Whether counters may continue: only if no process lost any. */
  readonly continues: (isWhole: boolean) => Promise<boolean>
}

export interface DataPathParts {
  readonly config: Config
  readonly dir: string
  readonly log: Logger
  readonly metrics: Metrics
  readonly clock: () => number
  readonly tls: TlsInUse
  /** Whether a sender may ingest, from its Authorization header. */
  readonly authorise: (authorization: string | undefined) => boolean
  /** A run was closed. */
  readonly run: (run: Pick<Run, 'agent' | 'service'>) => void
  readonly between?: Between
}

/** The data path of one process, with the door that other processes use. */
export interface OwnDataPath extends DataPath {
  readonly pipeline: Pipeline
  /** Takes in what another process received, piece by piece within that request. @throws DecodeError, or Refusal `overload`. */
  takeShared(received: Received, within: Within): Promise<IngestResult>
}

const JOURNAL_MS = 1000
const EXPIRE_MS = 60_000
const MEMORY_MS = 250
/** Traces assembled for the names of agents that have a run open, when somebody asks for them: some 20 ms. */
const OPEN_BUDGET = 2000

/** Wires the parts. @throws SettingsError for files named by the configuration that cannot be used. */
export function createDataPath(parts: DataPathParts): OwnDataPath {
  const { config, dir, log, metrics, clock, between } = parts
  setHeapFlags()
  let settings = pipelineSettings(config, dir)
  const decodeLimits = {
    maxItems: config.limits.max_items_per_request,
    ...(config.limits.max_nesting === undefined ? {} : { maxNesting: config.limits.max_nesting }),
  }
  let current = createDecoder(INTEREST, decodeLimits)
  // Requests in the journal are read as they were: by what a body could hold then.
  const decoder: Decoder = {
    traces: (body, encoding, sink) => current.traces(body, encoding, sink),
    logs: (body, encoding, sink) => current.logs(body, encoding, sink),
    metrics: (body, encoding) => current.metrics(body, encoding),
  }
  const slices = createSlices(decoder, createOutline(decodeLimits))
  const pipeline = createPipeline(
    decoder,
    metrics,
    settings,
    {
      run: parts.run,
      internalError: (stage, error) => log.error({ err: error, stage }, 'an item was dropped because of a bug'),
      ...(between === undefined ? {} : { elsewhere: between.elsewhere }),
    },
    randomBytes(4).readInt32LE(),
  )
  metrics.gauge('agentopz_price_table_info', () => [[{ version: settings.prices.tableVersion }, 1]])
  const memory = createMemoryGuard({ limits: config.limits, log })
  memoryGauges(metrics, memory)
  const { maxInflightBytes, limits } = boundsWithin(config, memory.limitBytes)
  let senders = createSenders(config.auth.tokens)
  const inflight = new InflightBytes(maxInflightBytes, config.limits.max_concurrent_requests, () => senders.areSeveral)
  metrics.gauge('agentopz_inflight_bytes', () => [[{}, inflight.bytes]])

  let journal: OpenJournal | undefined
  let relay: Relay | undefined
  let http: Receiver | undefined
  let grpc: Receiver | undefined
  let timers: readonly NodeJS.Timeout[] = []

  const ingest = (signal: Signal, body: Uint8Array, encoding: Encoding, at?: number): IngestResult =>
    pipeline.ingest(signal, body, encoding, at ?? clock())
  const ended = (): void => pipeline.requestEnded()
  let decodes: Rules['decode'] = decodeLimits
  const useRules = ({ runs, decode }: Rules): void => {
    if (!isDeepStrictEqual(decode, decodes)) current = createDecoder(INTEREST, (decodes = decode))
    pipeline.apply((settings = { ...settings, limits: runs }))
  }
  type Take = NonNullable<ReceiverParts['journal']>
  const take: Take = async (received, apply) => (journal === undefined ? apply(clock(), 0) : await journal.take(received, apply))
  const taking = (): { readonly journal?: Take } => {
    if (between !== undefined)
      return {
        journal: (received, apply) => between.take(received, (within) => take(received, (at, ticket) => apply(at, ticket, within))),
      }
    return journal === undefined ? {} : { journal: journal.take }
  }
  const receiverParts = (to: Relay): ReceiverParts => ({
    ingest,
    slices,
    ended,
    ...(between === undefined ? {} : { own: between.own }),
    // oxlint-disable-next-line max-params -- as the relay's
    forward: (signal, body, type, encoding, ticket) => to.offer(signal, body, type, encoding, ticket),
    ...taking(),
    authorise: parts.authorise,
    ...parts.tls.option(),
    events: receiveEvents(metrics, log, clock),
    sender: (header) => senders.nameOf(header),
    memory: () => memory.refusesNow(),
    inflight,
    limits,
  })

  return {
    pipeline,
    seenAgents: pipeline.seenAgents,
    *openAgents() {
      const finding = pipeline.runs.findViews()
      for (let left = OPEN_BUDGET; left > 0 && finding.next().done !== true;) left--
      for (const { agent } of pipeline.runs.openMaxima()) yield agent
    },
    seenTools: () => metrics.valuesOf('agentopz_tool_calls_total', 'tool'),
    get ports() {
      return { otlpHttp: http?.port, otlpGrpc: grpc?.port }
    },
    notReady: '',
    stream: (accept, now) => metrics.stream(accept, now),
    start: async () => {
      const endpoints = relayEndpoints(config)
      const kept = journalSettings(config, dir)
      const ofAll = between === undefined ? {} : { continues: between.continues, own: between.own }
      const rules = { now: { runs: settings.limits, decode: decodeLimits }, use: useRules }
      // Before anything is taken in, and before anybody can ask how much was.
      if (kept !== undefined && between === undefined) checkLayout(kept.dir, 1)
      if (kept !== undefined)
        journal = await openJournal({
          settings: kept,
          pipeline,
          metrics,
          log,
          clock,
          limits: receiveLimits(config),
          endpoints,
          rules,
          ...ofAll,
        })
      else await between?.continues(false)
      const settled = (endpoint: string, ticket: number): void => journal?.settled(endpoint, ticket)
      relay = createRelay(endpoints, { ...relayEvents(metrics, log, clock), settled })
      relayGauges(metrics, relay)
      journal?.forward(relay)
      const shared = receiverParts(relay)
      const { otlp_http: httpAddress, otlp_grpc: grpcAddress, cors_origins: corsOrigins } = config.receive
      if (httpAddress !== undefined)
        http = await listening('receive.otlp_http', httpAddress, (address) => startHttpReceiver({ ...shared, address, corsOrigins }))
      if (grpcAddress !== undefined)
        grpc = await listening('receive.otlp_grpc', grpcAddress, (address) => startGrpcReceiver({ ...shared, address }))
      const sweeping = createSweeping(
        (limit) => pipeline.sweep(clock(), limit),
        (error) => failed('sweep', error, metrics, log),
      )
      timers = [
        setInterval(() => (journal === undefined ? sweeping() : journal.sweep()), SWEEP_MS),
        setInterval(() => journal?.tick(), JOURNAL_MS),
        setInterval(() => guarded('memory', () => memory.look(), metrics, log), MEMORY_MS),
        setInterval(() => (journal === undefined ? metrics.expire(clock()) : journal.expire()), EXPIRE_MS),
      ]
    },
    takeShared: async (received, within) => {
      const { signal, unpacked, encoding } = received
      const place = new Place(inflight)
      try {
        place.hold(unpacked.length)
        const parts = { ingest: ingestWithin(ingest, within), slices, limits, ended }
        return await take(received, (at) => ingestBody(parts, { signal, encoding, body: unpacked }, at))
      } finally {
        place.leave()
      }
    },
    evaluation: (e, traceId, spanId) =>
      journal === undefined ? pipeline.evaluation(e, traceId, spanId, clock()) : journal.evaluation(e, traceId, spanId),
    apply: (next, nextDir) => {
      try {
        const { limits: runs, ...rest } = pipelineSettings(next, nextDir)
        settings = { ...rest, limits: journal === undefined ? runs : settings.limits }
        pipeline.apply(settings)
        // What closes runs is an event: a start closes the same.
        journal?.apply({ runs, decode: decodeLimits })
        senders = createSenders(next.auth.tokens)
        return []
      } catch (error) {
        if (error instanceof SettingsError) return error.problems
        throw error
      }
    },
    secure: (tls) => {
      http?.secure?.(tls)
      grpc?.secure?.(tls)
    },
    // Receivers first, then what they fed: nothing that was acknowledged is thrown away before the grace ends.
    drain: async (graceMs) => {
      for (const timer of timers) clearInterval(timer)
      const [a, b, c] = [http, grpc, relay]
      http = grpc = relay = undefined
      await Promise.all([a?.close(graceMs), b?.close(graceMs)])
      await c?.close(graceMs)
    },
    close: async () => {
      // With a journal open runs go on after the next start.
      if (journal === undefined) pipeline.flush(clock(), 'shutdown')
      await journal?.close()
      journal = undefined
    },
  }
}
