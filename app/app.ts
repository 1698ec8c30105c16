/**
 * The app: wires the parts, starts them, reloads and stops them. `start` may fail and then leaves nothing running; `stop` may be called
 * at any time and twice. Tests run it in process on port 0.
 */
import { readFileSync } from 'node:fs'
import type { Hono } from 'hono'
import { createMetrics, type Metrics } from '../processor/metrics.ts'
import type { Pipeline } from '../processor/pipeline.ts'
import { createAuthorise } from './auth.ts'
import type { Config } from './config-schema.ts'
import { createAccess } from './controls/access-of.ts'
import { type Controls, createControls } from './controls/controls.ts'
import { RefusedAttempts } from './controls/refused-attempts.ts'
import { createIncidents, type IncidentResponse } from './incidents/create.ts'
import { createDataPath, type DataPath, type DataPathParts } from './data-path.ts'
import { guarded, listen, listening, Running } from './listen.ts'
import type { Logger } from './log.ts'
import { objectiveGauges } from './objective-gauges.ts'
import { createReadiness } from './ready/create.ts'
import { createRoutes } from './routes.ts'
import { metricsOptions } from './settings.ts'
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
  /** @throws where the runs are in other processes. */
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
  /** Where spans are taken in; in this process when left out. */
  readonly dataPath?: (parts: DataPathParts) => DataPath
}

export const VERSION = versionOf()
const TICK_MS = 1000

/** Wires the parts. @throws SettingsError for files named by the configuration that cannot be used. */
export function createApp({ config, dir, log, reload, scale = 1, dataPath = createDataPath }: AppOptions): App {
  let current = config
  let authorise = createAuthorise(config.auth.tokens)
  const clock = (): number => Date.now()
  const metrics = createMetrics(metricsOptions(config, VERSION))
  metrics.set('agentopz_config_reload_successful', {}, 1, clock())
  metrics.set('agentopz_config_reload_timestamp_seconds', {}, clock() / 1000, clock())
  const tls = new TlsInUse(config, dir, { metrics, log, clock })
  const data = dataPath({
    config,
    dir,
    log,
    metrics,
    clock,
    tls,
    authorise: (header) => authorise('ingest', header),
    run: (run) => readiness.sawRun(run),
  })
  objectiveGauges(metrics, data, () => current)
  const running = new Running(data)
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
    runs: data,
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
  const readiness = createReadiness(config, { storage, controls, runs: data, metrics, log, clock, access })
  const routes = createRoutes({
    metrics: data,
    clock,
    version: VERSION,
    protectMetrics: () => current.auth.protect_metrics,
    access,
    impaired: () => storageProblem(controls.plane.notLoaded, storage),
    notReady: () => (running.isReady ? data.notReady : 'starting or stopping'),
    reload: () => reload?.() ?? ['there is no configuration file to read again'],
    feedback: (e, traceId, spanId) => data.evaluation(e, traceId, spanId),
    ...readiness.routesWith(controls.routes, response.routes),
    response: response.responseRoutes,
  })

  return {
    metrics,
    get pipeline() {
      if (data.pipeline === undefined) throw new Error('the runs are in other processes')
      return data.pipeline
    },
    controls,
    incidents: response,
    routes,
    tls,
    get ports() {
      return { ...data.ports, listen: running.listenPort }
    },
    start: async () => {
      try {
        await data.start()
        // Before anybody can ask: a guard must not hear of nothing while controls are in force.
        await controls.start()
        await response.start()
        if (config.listen !== undefined)
          running.server = await listening('listen', config.listen, (address) => listen(routes.fetch, address, tls.options('api')))
        running.timers = [
          setInterval(() => guarded('controls', () => controls.tick(clock()), metrics, log), TICK_MS),
          setInterval(() => guarded('incidents', () => response.tick(clock()), metrics, log), TICK_MS),
          setInterval(() => guarded('readiness', () => readiness.tick(clock()), metrics, log), TICK_MS),
        ]
        running.isReady = true
      } catch (error) {
        await running.stop(0)
        await data.close()
        await response.stop()
        await controls.stop()
        throw error
      }
    },
    apply: (next, nextDir) => {
      const secured = tls.prepare(next, nextDir)
      const problems = secured.problems.length > 0 ? secured.problems : data.apply(next, nextDir)
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
      await data.close()
    },
  }
}

/** Why controls and incidents cannot be changed, or are not heard of. */
function storageProblem(notLoaded: string | undefined, { name, shared }: Storage): string | undefined {
  return notLoaded ?? (shared?.problem === undefined ? undefined : `${name}: ${shared.problem}`)
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
