/** Readiness as the app holds it: questions, checks, gauges and routes wired to the configuration and what the other parts know. */
import type { Run } from '../../model/run.ts'
import type { Metrics } from '../../processor/metrics.ts'
import type { Config } from '../config-schema.ts'
import type { Access } from '../controls/access.ts'
import type { Controls } from '../controls/controls.ts'
import type { ControlPlaneParts } from '../controls/routes.ts'
import type { SeenAgents } from '../data-path.ts'
import type { IncidentRouteParts } from '../incidents/routes.ts'
import type { Logger } from '../log.ts'
import type { DrillStorage } from '../storage.ts'
import { Unanswered } from './check.ts'
import { Readiness } from './readiness.ts'
import type { ReadinessRouteParts } from './routes.ts'
import { createWorld } from './world.ts'

export interface ReadinessApp {
  readonly readiness: Readiness
  /** Routes of controls and incidents that tell of what arrives there, and those of readiness. */
  routesWith<C extends ControlPlaneParts, I extends IncidentRouteParts>(
    controls: C,
    incidents: I,
  ): { readonly controls: C; readonly incidents: I; readonly readiness: ReadinessRouteParts }
  /** A run was closed: its agent runs in that service. */
  sawRun(run: Pick<Run, 'agent' | 'service'>): void
  tick(now: number): void
  apply(config: Config): void
  stop(): Promise<void>
}

export interface ReadinessAppParts {
  readonly storage: DrillStorage
  readonly controls: Controls
  readonly runs: Pick<SeenAgents, 'seenAgents'>
  readonly metrics: Metrics
  readonly log: Logger
  readonly clock: () => number
  readonly access: Access
}

/** What is remembered of where agents run; names come from telemetry. */
const MAX_AGENTS = 10_000
const MAX_SERVICES = 20
const LIST = 'the file of storage in agentopz.yaml; agentopz asks it again every ten seconds'

export function createReadiness(initial: Config, parts: ReadinessAppParts): ReadinessApp {
  const { storage, controls, runs, metrics, log, clock, access } = parts
  const { plane, streams } = controls.routes
  let config = initial
  let webhookMs: number | undefined
  let pollMs: number | undefined
  const services = new Map<string, Set<string>>()
  const startedMs = clock()
  const storageFailed = (operation: 'read' | 'write', error: unknown): void => {
    metrics.add('agentopz_storage_errors_total', { operation }, 1, clock())
    log.error({ err: error, operation, storage: storage.name }, 'storage failed; drills cannot be told or recorded until it works again')
  }
  const readiness = new Readiness({
    clock,
    config: () => config,
    seenAgents: () => runs.seenAgents,
    bug: (check, error) => {
      metrics.add('agentopz_internal_errors_total', { stage: 'readiness' }, 1, clock())
      log.error({ err: error, check }, 'readiness: a bug')
    },
    world: (now) =>
      createWorld(
        {
          config,
          startedMs,
          webhookMs,
          releases: (agent) => {
            if (plane.notLoaded !== undefined) throw new Unanswered(`what is stored cannot be read: ${plane.notLoaded}`, `see ${LIST}`)
            return plane.releases(agent)
          },
          rollback: (agent) => controls.knownGood.choose(agent),
          guards: () => streams.byService(),
          pollMs,
          services: (agent) => [...(services.get(agent) ?? [])],
          drills: async () => {
            try {
              return await storage.drills()
            } catch (error) {
              storageFailed('read', error)
              throw new Unanswered(`stored drills cannot be read: ${error instanceof Error ? error.message : String(error)}`, `see ${LIST}`)
            }
          },
        },
        now,
      ),
  })
  metrics.gauge('agentopz_readiness', () => readiness.rows())
  metrics.gauge('agentopz_readiness_score', () => readiness.scoreRows())
  metrics.gauge('agentopz_webhook_received_timestamp_seconds', () => (webhookMs === undefined ? [] : [[{}, webhookMs / 1000]]))
  return {
    readiness,
    routesWith: (ofControls, ofIncidents) => ({
      controls: {
        ...ofControls,
        polled: (protocol, code) => {
          pollMs = clock()
          ofControls.polled(protocol, code)
        },
      },
      incidents: {
        ...ofIncidents,
        answered: (outcome) => {
          if (outcome === 'taken') webhookMs = clock()
          ofIncidents.answered(outcome)
        },
      },
      readiness: { ...access, readiness, drills: storage, clock, storageFailed, minScore: () => config.readiness.min_score },
    }),
    sawRun: ({ agent, service }) => {
      const known = services.get(agent)
      if (known === undefined && services.size < MAX_AGENTS) services.set(agent, new Set([service]))
      else if (known !== undefined && known.size < MAX_SERVICES) known.add(service)
    },
    tick: (now) => readiness.tick(now),
    apply: (next) => {
      config = next
      readiness.apply()
    },
    stop: () => readiness.close(),
  }
}
