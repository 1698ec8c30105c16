/**
 * The control plane as the app holds it: storage, plane, streams and routes wired to the configuration, the metrics and what the pipeline
 * has seen. `tick` is called once a second. A storage that fails is logged, counted and answered with 503; nothing else notices.
 */
import type { Metrics } from '../../processor/metrics.ts'
import type { AuditEntry } from '../../control/audit.ts'
import { CONTROL_STATE, type Control } from '../../model/control.ts'
import type { Config } from '../config-schema.ts'
import type { SeenAgents } from '../data-path.ts'
import type { Logger } from '../log.ts'
import { createPrometheus, type Prometheus } from '../prometheus.ts'
import { isLeader, type Storage } from '../storage.ts'
import type { RefusedAttempt } from '../storage-refused.ts'
import { createKnownGood, DEADLINE_MS, type KnownGood } from './known-good.ts'
import type { Access } from './access.ts'
import { Ofrep } from './ofrep.ts'
import { ControlPlane, type PlaneSettings } from './plane.ts'
import type { ControlPlaneParts } from './routes.ts'
import { flagSettings, limitsOf } from './settings.ts'
import { Streams } from './streams.ts'

export interface Controls {
  readonly plane: ControlPlane
  /** Which release to roll back to. */
  readonly knownGood: KnownGood
  readonly routes: ControlPlaneParts
  start(): Promise<void>
  tick(now: number): void
  apply(config: Config): void
  stop(): Promise<void>
}

export interface ControlsParts {
  /** Closed when the controls are stopped. */
  readonly storage: Storage
  readonly log: Logger
  readonly metrics: Metrics
  readonly runs: SeenAgents
  readonly clock: () => number
  readonly access: Access
  /** Refused attempts to act, newest first. */
  readonly refused: (limit: number) => Promise<readonly RefusedAttempt[]>
  /** Told of every action that was done. */
  readonly done: (entry: AuditEntry) => void
  /** Told when another replica has changed something. */
  readonly heard?: () => void
}

const HEARTBEAT_MS = 10_000
const SLOW_MS = 30_000

export function createControls(initial: Config, parts: ControlsParts): Controls {
  const { storage, log, metrics, runs, clock, access, refused } = parts
  let config = initial
  let beatAtMs = 0
  let isStorageUp = true
  const heartbeatMs = (): number => Math.min(HEARTBEAT_MS, (config.controls.lost_after_seconds * 1000) / 3)
  const streams = new Streams(streamOptions(initial), {
    dropped: (reason) => {
      metrics.add('agentopz_control_streams_dropped_total', { reason }, 1, clock())
      log.warn({ reason }, 'a guard was sent away from the control stream')
    },
  })
  const plane = new ControlPlane(storage, planeSettings(initial), {
    done: (entry) => {
      isStorageUp = true
      const { agent, environment, control, action, actor, reason } = entry
      metrics.add('agentopz_control_actions_total', { agent, environment, control, action, actor, reason }, 1, clock())
      log.info({ action, control, agent, target: entry.target, environment, reason, actor, id: entry.id, via: entry.via }, 'control')
      parts.done(entry)
    },
    changed: ({ set, json }) => streams.send(set.metadata.version, json, clock()),
    storageFailed: (operation, error) => {
      isStorageUp = false
      metrics.add('agentopz_storage_errors_total', { operation }, 1, clock())
      log.error({ err: error, operation, storage: storage.name }, 'storage failed; controls cannot be changed until it works again')
    },
    storageRecovered: () => {
      isStorageUp = true
      log.info({ storage: storage.name }, 'stored controls can be read again')
    },
    heard: () => parts.heard?.(),
    conflicted: () => metrics.add('agentopz_storage_conflicts_total', { state: 'controls' }, 1, clock()),
  })
  let prometheus = prometheusOf(initial)
  const knownGood = createKnownGood({
    plane,
    prometheus: () => prometheus,
    config: () => config,
    clock,
    failed: (error) => {
      metrics.add('agentopz_internal_errors_total', { stage: 'known_good' }, 1, clock())
      log.error({ err: error }, 'whether releases are good could not be told: a bug')
    },
  })
  const environmentsOf = (agent: string): readonly string[] => [...(runs.seenAgents.get(agent) ?? [])]
  metrics.gauge('agentopz_storage_up', () => [[{}, isStorageUp && storage.shared?.problem === undefined ? 1 : 0]])
  metrics.gauge('agentopz_storage_leader', () => [[{}, isLeader(storage) ? 1 : 0]])
  metrics.gauge('agentopz_control_streams', () => [...streams.byService()].map(([service, n]) => [{ service }, n] as const))
  metrics.gauge('agentopz_control', () => plane.controls(clock()).flatMap((c) => controlRows(c, environmentsOf(c.agent))))
  return {
    plane,
    knownGood,
    routes: {
      plane,
      knownGood,
      streams,
      ofrep: new Ofrep(),
      clock,
      ...access,
      refusedAttempts: refused,
      defaultExpirySeconds: () => config.controls.default_expiry,
      maxReleaseBytes: () => config.controls.max_release_bytes,
      fallbackOf: (agent) => limitsOf(config, agent).fallback,
      knownAgents: () => knownAgents(config, runs, plane, clock()),
      knownTools: () => knownTools(config, runs),
      polled: (protocol, code) => metrics.add('agentopz_control_polls_total', { protocol, code: String(code) }, 1, clock()),
    },
    start: async () => {
      await plane.load(clock())
      plane.follow()
    },
    tick: (now) => {
      plane.tick(now)
      if (now - beatAtMs < heartbeatMs()) return
      beatAtMs = now
      streams.heartbeat(now)
    },
    apply: (next) => {
      config = next
      prometheus = prometheusOf(next)
      streams.apply(streamOptions(next))
      plane.apply(planeSettings(next), clock())
    },
    stop: async () => {
      streams.close()
      await plane.close()
    },
  }
}

function prometheusOf(config: Config): Prometheus {
  return createPrometheus(config.prometheus, { timeoutMs: DEADLINE_MS })
}

function planeSettings(config: Config): PlaneSettings {
  const { max_controls, max_releases, max_release_bytes, max_document_bytes } = config.controls
  return {
    flags: flagSettings(config),
    maxControls: max_controls,
    maxReleases: max_releases,
    maxReleaseBytes: max_release_bytes,
    maxDocumentBytes: max_document_bytes,
  }
}

function streamOptions(config: Config): { readonly max: number; readonly slowMs: number } {
  return { max: config.controls.max_streams, slowMs: SLOW_MS }
}

type ControlRow = readonly [Readonly<Record<'agent' | 'environment' | 'control' | 'target' | 'state' | 'reason', string>>, number]

/** A control of every environment is one of each that the agent was seen in: alerts are joined by agent and environment. */
function controlRows(c: Control, seen: readonly string[]): readonly ControlRow[] {
  const environments = c.environment !== '' || seen.length === 0 ? [c.environment] : seen
  // Ids of runs are without end, and labels are not.
  const target = c.control === 'run' && c.target !== '*' ? '' : c.target
  return environments.map((environment) => [
    { agent: c.agent, environment, control: c.control, target, state: CONTROL_STATE[c.control], reason: c.reason },
    1,
  ])
}

function* knownAgents(config: Config, runs: SeenAgents, plane: ControlPlane, now: number): Iterable<string> {
  yield* Object.keys(config.agents)
  yield* runs.seenAgents.keys()
  yield* plane.agentsWithReleases
  for (const { agent } of plane.controls(now)) if (agent !== '') yield agent
  yield* runs.openAgents()
}

function* knownTools(config: Config, runs: SeenAgents): Iterable<string> {
  yield* Object.keys(config.tools)
  for (const agent of Object.values(config.agents)) yield* agent.required_tools ?? []
  yield* runs.seenTools()
}
