/**
 * The response as the app holds it, wired to the configuration, the control plane, incidents and metrics. `tick` is called once a second.
 * A bug in it is logged and counted; incidents are kept and controls work all the same.
 */
import type { Metrics } from '../../processor/metrics.ts'
import type { Config } from '../config-schema.ts'
import type { Controls } from '../controls/controls.ts'
import type { Incidents } from '../incidents/incidents.ts'
import type { Logger } from '../log.ts'
import { createPrometheus } from '../prometheus.ts'
import { merged } from '../settings.ts'
import { evidenceOf } from './evidence.ts'
import { playbooksOf } from './playbook-schema.ts'
import { Response } from './response.ts'
import { standingOf } from './standing.ts'

export interface CreateResponseParts {
  readonly controls: Controls
  readonly incidents: Incidents
  readonly log: Logger
  readonly metrics: Metrics
  readonly clock: () => number
  readonly leads: () => boolean
  /** How many times shorter durations are; 1 outside drills and the demo. */
  readonly scale: number
}

export interface AppResponse {
  readonly response: Response
  readonly knownTools: () => Iterable<string>
  readonly defaultExpirySeconds: () => number | 'never'
  tick(now: number): void
  apply(config: Config): void
  stop(): Promise<void>
}

const PROMETHEUS_TIMEOUT_MS = 10_000
/** Runs in which what no playbook did must have helped. */
const RUNS = 50
/** How long they are waited for, as in a playbook. */
const WITHIN_MS = 14_400_000

export function createResponse(initial: Config, parts: CreateResponseParts): AppResponse {
  const { controls, incidents, log, metrics, clock, leads, scale } = parts
  const { plane } = controls
  let config = initial
  const prometheusOf = (): ReturnType<typeof createPrometheus> => createPrometheus(config.prometheus, { timeoutMs: PROMETHEUS_TIMEOUT_MS })
  let prometheus = prometheusOf()
  let playbooks = playbooksOf(initial.playbooks)
  const response = new Response({
    plane,
    incidents,
    clock,
    leads,
    evidence: evidenceOf(() => prometheus),
    settings: () => ({
      playbooks,
      checkEveryMs: config.response.check_every * 1000,
      settleMs: config.runs.settle_seconds * 1000,
      scale,
      runs: RUNS,
      withinMs: WITHIN_MS,
    }),
    standingOf: (agent, environment, choosing) =>
      standingOf(
        {
          plane,
          choose: (name) => controls.knownGood.choose(name),
          fallbackOf: (name) => merged(config, config.agents[name]).fallback,
        },
        { agent, environment, choosing, now: clock() },
      ),
    knownTools: () => controls.routes.knownTools(),
    events: {
      looked: (outcome) => metrics.add('agentopz_incident_triages_total', { outcome }, 1, clock()),
      failed: (error) => {
        metrics.add('agentopz_internal_errors_total', { stage: 'response' }, 1, clock())
        log.error({ err: error, stage: 'response' }, 'response: a bug')
      },
    },
  })
  return {
    response,
    knownTools: () => controls.routes.knownTools(),
    defaultExpirySeconds: () => config.controls.default_expiry,
    tick: (now) => response.tick(now),
    apply: (next) => {
      config = next
      prometheus = prometheusOf()
      playbooks = playbooksOf(next.playbooks)
    },
    stop: () => response.close(),
  }
}
