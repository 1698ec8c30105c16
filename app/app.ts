/**
 * The app: wires the parts, starts them, reloads and stops them. `start` may fail and then leaves nothing running; `stop` may be called
 * at any time and twice. Tests run it in process on port 0.
 */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Hono } from 'hono'
import { createDecoder } from '../processor/decode/index.ts'
import { INTEREST } from '../processor/dialects/index.ts'
import { createMetrics, type Metrics } from '../processor/metrics.ts'
import { createPipeline, type Pipeline } from '../processor/pipeline.ts'
import { InflightBytes, type ReceiverParts } from '../processor/receive.ts'
import { startGrpcReceiver } from '../processor/receive-grpc.ts'
import { startHttpReceiver } from '../processor/receive-http.ts'
import { createRelay, type Relay } from '../processor/relay.ts'
import { createAuthorise } from './auth.ts'
import type { Config } from './config-schema.ts'
import { createAccess } from './controls/access-of.ts'
import { type Controls, createControls } from './controls/controls.ts'
import { RefusedAttempts } from './controls/refused-attempts.ts'
import { createIncidents, type IncidentResponse } from './incidents/create.ts'
import { listen, listening, Running } from './listen.ts'
import type { Logger } from './log.ts'
import { openJournal, type OpenJournal } from './journal/open.ts'
import { journalSettings } from './journal/settings.ts'
import { objectiveGauges } from './objective-gauges.ts'
import { receiveEvents, relayEvents, relayGauges } from './receive-events.ts'
import { createReadiness } from './ready/create.ts'
import { createRoutes } from './routes.ts'
import { pipelineSettings, receiveLimits, relayEndpoints, SettingsError } from './settings.ts'
import { createStorage, type Storage } from './storage.ts'
import { TlsInUse } from './tls-in-use.ts'

export interface App {
  /** @throws when a port cannot be taken; nothing is left running then. */
  start(): Promise<void>
  /** Takes over what can change while running; the problems when it is refused and the old configuration stays. */
  apply(config: Config, dir: string): readonly string[]
  stop(): Promise<void>
  readonly ports: { readonly otlpHttp: number | undefined; readonly otlpGrpc: number | undefined; readonly listen: number }
  readonly metrics: Metrics
  readonly pipeline: Pipeline
  readonly controls: Controls
  readonly incidents: IncidentResponse
  /** HTTP on `listen`, askable without a port. */
  readonly routes: Hono
  readonly tls: TlsInUse
}

export interface AppOptions {
  readonly config: Config
  /** Folder that relative paths in the configuration start from. */
  readonly dir: string
  readonly log: Logger
  /** Reads the configuration again, for /-/reload; absent where there is no file. */
  readonly reload?: () => readonly string[]
  /** How many times shorter the durations of the rules are that this app is used with; 1 when left out. Only drills and the demo have another. */
  readonly scale?: number
}

export const VERSION = versionOf()
const SWEEP_MS = 1000
const EXPIRE_MS = 60_000

/** Wires the parts. @throws SettingsError for files named by the configuration that cannot be used. */
export function createApp({ config, dir, log, reload, scale = 1 }: AppOptions): App {
  let current = config
  let authorise = createAuthorise(config.auth.tokens)
  const clock = (): number => Date.now()
  const metrics = createMetrics({
    maxAgents: config.metrics.max_agents,
    maxValuesPerLabel: config.metrics.max_values_per_label,
    maxSeriesPerMetric: config.metrics.max_series_per_metric,
    seriesIdleSeconds: config.metrics.series_idle_seconds,
    standardNames: config.metrics.standard_names,
    exemplars: config.metrics.exemplars,
    version: VERSION,
    processMetrics: true,
  })
  const settings = pipelineSettings(config, dir)
  const pipeline = createPipeline(
    createDecoder(INTEREST, {
      maxItems: config.limits.max_items_per_request,
      ...(config.limits.max_nesting === undefined ? {} : { maxNesting: config.limits.max_nesting }),
    }),
    metrics,
    settings,
    {
      run: (run) => readiness.sawRun(run),
      internalError: (stage, error) => log.error({ err: error, stage }, 'an item was dropped because of a bug'),
    },
    randomBytes(4).readInt32LE(),
  )
  metrics.gauge('agentopz_price_table_info', () => [[{ version: settings.prices.tableVersion }, 1]])
  objectiveGauges(metrics, pipeline, () => current)
  metrics.set('agentopz_config_reload_successful', {}, 1, clock())
  metrics.set('agentopz_config_reload_timestamp_seconds', {}, clock() / 1000, clock())

  const inflight = new InflightBytes(config.limits.max_inflight_bytes, config.limits.max_concurrent_requests)
  metrics.gauge('agentopz_inflight_bytes', () => [[{}, inflight.bytes]])
  const tls = new TlsInUse(config, dir, { metrics, log, clock })
  const running = new Running()
  let journal: OpenJournal | undefined
  const parts = (relay: Relay): ReceiverParts => ({
    ingest: (signal, body, encoding, at) => pipeline.ingest(signal, body, encoding, at ?? clock()),
    // oxlint-disable-next-line max-params -- as the relay's
    forward: (signal, body, type, encoding, ticket) => relay.offer(signal, body, type, encoding, ticket),
    ...(journal === undefined ? {} : { journal: journal.take }),
    authorise: (header) => authorise('ingest', header),
    ...tls.option(),
    events: receiveEvents(metrics, log, clock),
    inflight,
    limits: receiveLimits(config),
  })
  const storage = createStorage(config.storage, dir)
  const refused = new RefusedAttempts({ storage, metrics, log, clock, settings: () => current.auth })
  const access = createAccess({
    config: () => current,
    listen: config.listen,
    authorise: (role, header) => authorise(role, header),
    refused: (request) => refused.saw(request),
  })
  const controls = createControls(config, {
    storage,
    log,
    metrics,
    pipeline,
    clock,
    access,
    refused: (limit) => storage.refused(limit),
    done: (entry) => response.controlDone(entry),
    heard: () => response.controlDone({ agent: '' }),
  })
  const response: IncidentResponse = createIncidents(config, {
    storage,
    controls,
    access,
    log,
    metrics,
    clock,
    scale,
  })
  const readiness = createReadiness(config, { storage, controls, pipeline, metrics, log, clock, access })
  const routes = createRoutes({
    metrics,
    clock,
    version: VERSION,
    protectMetrics: () => current.auth.protect_metrics,
    access,
    impaired: () => storageProblem(controls.plane.notLoaded, storage),
    notReady: () => (running.isReady ? '' : 'starting or stopping'),
    reload: () => reload?.() ?? ['there is no configuration file to read again'],
    feedback: (e, traceId, spanId) =>
      journal === undefined ? pipeline.evaluation(e, traceId, spanId, clock()) : journal.evaluation(e, traceId, spanId),
    ...readiness.routesWith(controls.routes, response.routes),
    response: response.responseRoutes,
  })

  return {
    metrics,
    pipeline,
    controls,
    incidents: response,
    routes,
    tls,
    get ports() {
      return { otlpHttp: running.http?.port, otlpGrpc: running.grpc?.port, listen: running.listenPort }
    },
    start: async () => {
      try {
        const endpoints = relayEndpoints(config)
        const kept = journalSettings(config, dir)
        // Before anything is taken in, and before anybody can ask how much was.
        if (kept !== undefined)
          journal = await openJournal({ settings: kept, pipeline, metrics, log, clock, limits: receiveLimits(config), endpoints })
        const settled = (endpoint: string, ticket: number): void => journal?.settled(endpoint, ticket)
        running.relay = createRelay(endpoints, { ...relayEvents(metrics, log, clock), settled })
        relayGauges(metrics, running.relay)
        journal?.forward(running.relay)
        const shared = parts(running.relay)
        if (config.receive.otlp_http !== undefined)
          running.http = await listening('receive.otlp_http', config.receive.otlp_http, (address) =>
            startHttpReceiver({ ...shared, address, corsOrigins: config.receive.cors_origins }),
          )
        if (config.receive.otlp_grpc !== undefined)
          running.grpc = await listening('receive.otlp_grpc', config.receive.otlp_grpc, (address) =>
            startGrpcReceiver({ ...shared, address }),
          )
        // Before anybody can ask: a guard must not hear of nothing while controls are in force.
        await controls.start()
        await response.start()
        if (config.listen !== undefined)
          running.server = await listening('listen', config.listen, (address) => listen(routes.fetch, address, tls.options('api')))
        running.timers = [
          setInterval(() => (journal === undefined ? sweep(pipeline, metrics, log) : journal.tick()), SWEEP_MS),
          setInterval(() => guarded('controls', () => controls.tick(clock()), metrics, log), SWEEP_MS),
          setInterval(() => guarded('incidents', () => response.tick(clock()), metrics, log), SWEEP_MS),
          setInterval(() => guarded('readiness', () => readiness.tick(clock()), metrics, log), SWEEP_MS),
          setInterval(() => (journal === undefined ? metrics.expire(clock()) : journal.expire()), EXPIRE_MS),
        ]
        running.isReady = true
      } catch (error) {
        await running.stop(0)
        await journal?.close()
        await response.stop()
        await controls.stop()
        throw error
      }
    },
    apply: (next, nextDir) => {
      const secured = tls.prepare(next, nextDir)
      const problems = secured.problems.length > 0 ? secured.problems : applied(pipeline, next, nextDir)
      metrics.set('agentopz_config_reload_successful', {}, problems.length === 0 ? 1 : 0, clock())
      if (problems.length > 0) return problems
      secured.use(running)
      current = next
      authorise = createAuthorise(next.auth.tokens)
      controls.apply(next)
      response.apply(next)
      readiness.apply(next)
      metrics.set('agentopz_config_reload_timestamp_seconds', {}, clock() / 1000, clock())
      return []
    },
    stop: async () => {
      await running.stop(current.shutdown.grace_seconds * 1000)
      await readiness.stop()
      // Incidents first: the storage is closed with the controls.
      await response.stop()
      await refused.close()
      await controls.stop()
      // With a journal open runs go on after the next start.
      if (journal === undefined) pipeline.flush(clock(), 'shutdown')
      await journal?.close()
      journal = undefined
    },
  }
}

function applied(pipeline: Pipeline, config: Config, dir: string): readonly string[] {
  try {
    pipeline.apply(pipelineSettings(config, dir))
    return []
  } catch (error) {
    if (error instanceof SettingsError) return error.problems
    throw error
  }
}

/** Why controls and incidents cannot be changed, or are not heard of. */
function storageProblem(notLoaded: string | undefined, { name, shared }: Storage): string | undefined {
  return notLoaded ?? (shared?.problem === undefined ? undefined : `${name}: ${shared.problem}`)
}

function sweep(pipeline: Pipeline, metrics: Metrics, log: Logger): void {
  // A great many runs due at once are closed in slices, so that ingestion goes on between them.
  const work = (): unknown => pipeline.sweep(Date.now()) && setImmediate(() => sweep(pipeline, metrics, log))
  guarded('sweep', work, metrics, log)
}

/** Work of a timer: a bug in it is counted, and the timer goes on. */
function guarded(stage: string, work: () => unknown, metrics: Metrics, log: Logger): void {
  try {
    work()
  } catch (error) {
    log.error({ err: error }, `${stage} failed`)
    metrics.add('agentopz_internal_errors_total', { stage }, 1, Date.now())
  }
}

/** The package's version: sources and dist sit at different depths. */
function versionOf(): string {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as { name?: string; version?: string }
      if (name === 'agentopz') return version ?? ''
    } catch {
      continue
    }
  }
  return ''
}
