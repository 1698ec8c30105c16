/**
 * Incidents as the app holds them: storage, records, the watch that keeps them current, and routes, wired to the configuration and the
 * metrics. `tick` is called once a second. A storage or a Prometheus that fails is logged, counted and told; nothing else notices.
 */
import { randomBytes } from 'node:crypto'
import type { AuditEntry } from '../../control/audit.ts'
import { keyOf } from '../../incidents/alert.ts'
import type { LifecycleSettings } from '../../incidents/state.ts'
import type { Metrics } from '../../processor/metrics.ts'
import type { Config } from '../config-schema.ts'
import type { Controls } from '../controls/controls.ts'
import type { ControlPlane } from '../controls/plane.ts'
import type { Access } from '../controls/access.ts'
import type { Logger } from '../log.ts'
import { createPrometheus, type Prometheus } from '../prometheus.ts'
import { countActions } from '../response/counts.ts'
import { createResponse } from '../response/create.ts'
import type { Response } from '../response/response.ts'
import type { ResponseRouteParts } from '../response/routes.ts'
import { merged } from '../settings.ts'
import { type IncidentStorage, isLeader } from '../storage.ts'
import { Incidents } from './incidents.ts'
import type { IncidentRouteParts } from './routes.ts'
import { observeTimes, openRows } from './times.ts'
import { IncidentWatch } from './watch.ts'

export interface IncidentResponse {
  readonly incidents: Incidents
  readonly watch: IncidentWatch
  readonly routes: IncidentRouteParts
  /** What is done about them. */
  readonly response: Response
  readonly responseRoutes: ResponseRouteParts
  /** Told of every action on controls and releases; of another replica's without the agent. */
  controlDone(entry: Pick<AuditEntry, 'agent'>): void
  start(): Promise<void>
  tick(now: number): void
  apply(config: Config): void
  stop(): Promise<void>
}

export interface IncidentsParts {
  readonly storage: IncidentStorage
  readonly controls: Controls
  readonly access: Access
  readonly log: Logger
  readonly metrics: Metrics
  readonly clock: () => number
  /** How many times shorter the rules' durations are; 1 outside drills and the demo. */
  readonly scale?: number
}

const AUDIT_LIMIT = 500
const PROMETHEUS_TIMEOUT_MS = 10_000

export function createIncidents(initial: Config, parts: IncidentsParts): IncidentResponse {
  const { storage, controls, access, log, metrics, clock, scale = 1 } = parts
  const { plane } = controls
  let config = initial
  let prometheus = prometheusOf(initial)
  const disabledMs = new Map<string, number>()
  const settings = (): LifecycleSettings => ({
    ...lifecycleSettings(config),
    newId: () => `inc_${randomBytes(5).toString('hex')}`,
    isDrill: (agent, environment) => inForce(plane, agent, environment, clock()).includes('drill'),
    lastDisabledMs: (agent, environment, now) => {
      const key = JSON.stringify([agent, environment])
      if (agent !== '' && inForce(plane, agent, environment, now).includes('agent')) disabledMs.set(key, now)
      return disabledMs.get(key)
    },
  })
  const failed = (stage: string, error: unknown): void => {
    metrics.add('agentopz_internal_errors_total', { stage }, 1, clock())
    log.error({ err: error, stage }, 'incidents: a bug')
  }
  const incidents = new Incidents(storage, settings(), clock, {
    changed: (after, why, before) => {
      observeTimes(metrics, after, why, before, clock())
      countActions(metrics, after, before, clock())
      if (why === 'refreshed') return
      const { id, agent, environment, state, severity, title, drill } = after
      log.info({ why, id, agent, environment, state, severity, title, ...(drill ? { drill } : {}) }, 'incident')
    },
    storageFailed: (operation, error) => {
      metrics.add('agentopz_storage_errors_total', { operation }, 1, clock())
      log.error({ err: error, operation, storage: storage.name }, 'storage failed; incidents cannot be changed until it works again')
    },
    conflicted: () => metrics.add('agentopz_storage_conflicts_total', { state: 'incidents' }, 1, clock()),
    dropped: (what, count) => {
      metrics.add('agentopz_incident_dropped_total', { what }, count, clock())
      if (what !== 'incident') log.warn({ what, count }, 'a bound of incidents.* is hit: records are not complete')
    },
    listenerFailed: (error) => failed('incident', error),
  })
  const watch = new IncidentWatch({
    incidents,
    clock,
    prometheus: () => prometheus,
    leads: () => isLeader(storage),
    settings: () => ({
      checkEveryMs: config.incidents.check_every * 1000,
      changesBeforeMs: config.incidents.changes_before * 1000,
      maxTimeline: config.incidents.max_timeline,
    }),
    audit: () => plane.audit(AUDIT_LIMIT),
    standing: (agent) => ({
      fallback: merged(config, config.agents[agent]).fallback,
      activations: plane.notLoaded === undefined ? (plane.releases(agent)?.activations ?? []) : undefined,
    }),
    events: {
      looked: (outcome) => metrics.add('agentopz_incident_refreshes_total', { outcome }, 1, clock()),
      failing: (error) =>
        log.warn(
          { why: error instanceof Error ? error.message : String(error) },
          'incidents cannot be looked up; what is known of them stays',
        ),
      recovered: () => log.info('incidents can be looked up again'),
    },
  })
  incidents.subscribe((_, why) => {
    if (why === 'opened' || why === 'reopened') watch.soon()
  })
  const response = createResponse(initial, { controls, incidents, log, metrics, clock, scale, leads: () => isLeader(storage) })
  metrics.gauge('agentopz_incidents', () => openRows(incidents.list()))
  return {
    incidents,
    watch,
    response: response.response,
    responseRoutes: { ...access, incidents, clock, response: response.response, defaultExpirySeconds: response.defaultExpirySeconds },
    routes: {
      ...access,
      incidents,
      clock,
      log,
      maxWebhookBytes: () => config.incidents.max_webhook_bytes,
      answered: (outcome) => metrics.add('agentopz_webhook_requests_total', { outcome }, 1, clock()),
      told: (outcome, count) => metrics.add('agentopz_webhook_alerts_total', { outcome }, count, clock()),
      doubted: (alert) => watch.doubt(keyOf(alert)),
    },
    controlDone: ({ agent }) => {
      // The record takes it from the audit, where it is already: the same way after a crash.
      if (incidents.list().some((i) => i.state !== 'resolved' && (agent === '' || i.agent === agent))) watch.soon()
    },
    start: async () => {
      await incidents.load()
      incidents.follow()
    },
    tick: (now) => {
      incidents.tick(now)
      watch.tick(now)
      response.tick(now)
    },
    apply: (next) => {
      config = next
      prometheus = prometheusOf(next)
      incidents.apply(settings())
      response.apply(next)
    },
    stop: async () => {
      await response.stop()
      await watch.close()
      await incidents.close()
    },
  }
}

function prometheusOf(config: Config): Prometheus {
  return createPrometheus(config.prometheus, { timeoutMs: PROMETHEUS_TIMEOUT_MS })
}

function lifecycleSettings({ incidents: i }: Config): Omit<LifecycleSettings, 'newId' | 'isDrill' | 'lastDisabledMs'> {
  return {
    mergeWindowMs: i.merge_window * 1000,
    resolveAfterMs: i.resolve_after * 1000,
    reopenWithinMs: i.reopen_within * 1000,
    maxIncidents: i.max_incidents,
    maxAlerts: i.max_alerts,
    maxTimeline: i.max_timeline,
  }
}

/** Kinds of the controls that are about the agent as a whole. */
function inForce(plane: ControlPlane, agent: string, environment: string, now: number): readonly string[] {
  return plane
    .controls(now)
    .filter((c) => c.agent === agent && (c.environment === '' || c.environment === environment))
    .map((c) => c.control)
}
