/**
 * The app: wires the parts, starts them, reloads and stops them. `start` may fail and then leaves nothing running; `stop` may be called
 * at any time and twice. Tests run it in process on port 0.
 */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type ServerType, serve } from '@hono/node-server'
import type { AddressInfo } from 'node:net'
import { createDecoder } from '../processor/decode/index.ts'
import { INTEREST } from '../processor/dialects/index.ts'
import { createMetrics, type Metrics } from '../processor/metrics.ts'
import { createPipeline, type Pipeline } from '../processor/pipeline.ts'
import { DEFAULT_RECEIVE_LIMITS, InflightBytes, type Receiver, type ReceiverParts } from '../processor/receive.ts'
import { startGrpcReceiver } from '../processor/receive-grpc.ts'
import { startHttpReceiver } from '../processor/receive-http.ts'
import { createRelay, type Relay } from '../processor/relay.ts'
import { createAuthorise, createIdentify } from './auth.ts'
import type { Config } from './config-schema.ts'
import { type Controls, createControls } from './controls/controls.ts'
import { createIncidents, type IncidentResponse } from './incidents/create.ts'
import type { Logger } from './log.ts'
import { objectiveGauges } from './objective-gauges.ts'
import { receiveEvents, relayEvents, relayGauges } from './receive-events.ts'
import { createReadiness } from './ready/create.ts'
import { createRoutes } from './routes.ts'
import { createStorage } from './storage.ts'
import { pipelineSettings, relayEndpoints, SettingsError } from './settings.ts'

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
  const running = new Running()
  const parts = (relay: Relay): ReceiverParts => ({
    ingest: (signal, body, encoding) => pipeline.ingest(signal, body, encoding, clock()),
    forward: (signal, body, type, encoding) => relay.offer(signal, body, type, encoding),
    authorise: (header) => authorise('ingest', header),
    events: receiveEvents(metrics, log, clock),
    inflight,
    limits: {
      ...DEFAULT_RECEIVE_LIMITS,
      maxBodyBytes: config.limits.max_body_bytes,
      maxDecompressedBytes: config.limits.max_decompressed_bytes,
      maxCompressionRatio: config.limits.max_compression_ratio,
      maxConcurrentRequests: config.limits.max_concurrent_requests,
      requestTimeoutSeconds: config.limits.request_timeout_seconds,
    },
  })
  const storage = createStorage(config.storage, dir)
  const controls = createControls(config, {
    storage,
    log,
    metrics,
    pipeline,
    clock,
    authorise: (role, header) => authorise(role, header),
    done: (entry) => response.controlDone(entry),
  })
  const response: IncidentResponse = createIncidents(config, {
    storage,
    controls,
    access: {
      authorise: (role, header) => authorise(role, header),
      identify: (header) => createIdentify(current.auth.tokens)(header),
      hasTokens: () => current.auth.tokens.length > 0,
    },
    log,
    metrics,
    clock,
    scale,
  })
  const readiness = createReadiness(config, { storage, controls, pipeline, metrics, log, clock, access: response.routes })
  const routes = createRoutes({
    metrics,
    clock,
    version: VERSION,
    protectMetrics: config.auth.protect_metrics,
    authorise: (role, header) => authorise(role, header),
    notReady: () => (running.isReady ? '' : 'starting or stopping'),
    reload: () => reload?.() ?? ['there is no configuration file to read again'],
    feedback: (e, traceId, spanId) => pipeline.evaluation(e, traceId, spanId, clock()),
    ...readiness.routesWith(controls.routes, response.routes),
    response: response.responseRoutes,
  })

  return {
    metrics,
    pipeline,
    controls,
    incidents: response,
    get ports() {
      return { otlpHttp: running.http?.port, otlpGrpc: running.grpc?.port, listen: running.listenPort }
    },
    start: async () => {
      try {
        running.relay = createRelay(relayEndpoints(config), relayEvents(metrics, log, clock))
        relayGauges(metrics, running.relay)
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
          running.server = await listening('listen', config.listen, (address) => listen(routes.fetch, address))
        running.timers = [
          setInterval(() => sweep(pipeline, metrics, log), SWEEP_MS),
          setInterval(() => guarded('controls', () => controls.tick(clock()), metrics, log), SWEEP_MS),
          setInterval(() => guarded('incidents', () => response.tick(clock()), metrics, log), SWEEP_MS),
          setInterval(() => guarded('readiness', () => readiness.tick(clock()), metrics, log), SWEEP_MS),
          setInterval(() => metrics.expire(clock()), EXPIRE_MS),
        ]
        running.isReady = true
      } catch (error) {
        await running.stop(0)
        await response.stop()
        await controls.stop()
        throw error
      }
    },
    apply: (next, nextDir) => {
      const problems = applied(pipeline, next, nextDir)
      metrics.set('agentopz_config_reload_successful', {}, problems.length === 0 ? 1 : 0, clock())
      if (problems.length > 0) return problems
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
      await controls.stop()
      pipeline.flush(clock(), 'shutdown')
    },
  }
}

/** What is running, so that it can be stopped from any state. */
class Running {
  isReady = false
  relay: Relay | undefined
  http: Receiver | undefined
  grpc: Receiver | undefined
  server: ServerType | undefined
  timers: readonly NodeJS.Timeout[] = []

  get listenPort(): number {
    const address = this.server?.address() as AddressInfo | null | undefined
    return address?.port ?? 0
  }

  /** Receivers first, then what they fed: nothing that was acknowledged is thrown away before the grace ends. */
  async stop(graceMs: number): Promise<void> {
    this.isReady = false
    for (const timer of this.timers) clearInterval(timer)
    const { http, grpc, relay, server } = this
    this.http = this.grpc = this.relay = this.server = undefined
    await Promise.all([http?.close(graceMs), grpc?.close(graceMs)])
    await relay?.close(graceMs)
    if (server === undefined) return
    await new Promise<void>((done) => {
      server.close(() => done())
      if ('closeAllConnections' in server) server.closeAllConnections()
    })
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

function listen(fetch: (request: Request) => Response | Promise<Response>, address: { host: string; port: number }): Promise<ServerType> {
  return new Promise((done, fail) => {
    const server = serve({ fetch, hostname: address.host, port: address.port }, () => done(server))
    server.once('error', fail)
  })
}

/** Starts something that listens; a taken port is told with the key that changes it. */
async function listening<T>(
  key: string,
  address: { host: string; port: number },
  begin: (address: { host: string; port: number }) => Promise<T>,
): Promise<T> {
  try {
    return await begin(address)
  } catch (error) {
    const code = (error as { code?: string }).code
    if (code === 'EADDRINUSE')
      throw new Error(`${address.host}:${address.port} is taken; stop what listens there, or set ${key} to another address`)
    if (code === 'EACCES' || code === 'EADDRNOTAVAIL')
      throw new Error(`cannot listen on ${address.host}:${address.port} (${code}); set ${key} to another address`)
    throw error
  }
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
