/**
 * Every configuration key, once: type, default, meaning. The file reader, docs/configuration.md and the JSON Schema for editors are made
 * from it. Contract: design §5. Every key is optional; unknown keys are mistakes.
 */
import { z } from 'zod'
import { DEFAULT_VALUES_PER_LABEL } from '../processor/cardinality.ts'
import { agentShape, count, defaultsShape, ratio, url, WHEN_LOST } from './agent-schema.ts'
import { duration } from './duration.ts'
import { limitsSchema } from './limits-schema.ts'
import { journalSchema } from './journal/schema.ts'
import { relaySchema } from './relay-schema.ts'
import { playbooksSchema } from './response/playbook-schema.ts'
import { storageProblem } from './storage-url.ts'

export { duration } from './duration.ts'

const VALUES_LEFT_OUT = Object.entries(DEFAULT_VALUES_PER_LABEL)
  .map(([label, n]) => `${n} ${label === 'other' ? 'of any other label' : `of \`${label}\``}`)
  .join(', ')

/** Each has a connection to each other, and at least some 80 MiB. */
export const MAX_PROCESSES = 64

/** host:port to listen on; `off` for not at all. */
const address = z.union([z.string(), z.literal(false), z.null()], { error: 'expected host:port or off' }).transform((v, context) => {
  if (v === false || v === null || v === 'off') return undefined
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:]*)):(\d{1,5})$/i.exec(v)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) {
    context.addIssue({ code: 'custom', message: `"${v}" is no host:port; write something like 127.0.0.1:4318, or off` })
    return z.NEVER
  }
  return { host: match[1] ?? (match[2] === '' ? '0.0.0.0' : (match[2] ?? '')), port }
})

/** A section whose keys all have defaults. */
function section<S extends z.ZodRawShape>(shape: S): z.ZodPrefault<z.ZodObject<S, z.core.$strict>> {
  return z.strictObject(shape).prefault({} as never)
}

export const configSchema = z.strictObject({
  receive: section({
    otlp_http: address.prefault('127.0.0.1:4318').describe('Where OTLP over HTTP is received; off for not at all'),
    otlp_grpc: address.prefault('127.0.0.1:4317').describe('Where OTLP over gRPC is received; off for not at all'),
    cors_origins: z.array(z.string()).default([]).describe('Origins that browser SDKs may send from'),
  }).describe('Where spans come in'),
  listen: address.prefault('127.0.0.1:9464').describe('Metrics, health and API'),
  relay: relaySchema,
  storage: z
    .string()
    .superRefine((v, c) => {
      const problem = storageProblem(v)
      if (problem !== undefined) c.addIssue({ code: 'custom', message: problem })
    })
    .default('sqlite:./agentopz.db')
    .describe(
      'Where controls, their audit, releases and incidents are kept: `sqlite:PATH`, made when there is something to keep, or `postgres://USER@HOST/DATABASE` for replicas that share it; see storage.md',
    ),
  journal: journalSchema,
  prometheus: url.default('http://127.0.0.1:9090').describe('Prometheus to query'),
  alertmanager: url.default('http://127.0.0.1:9093').describe('Alertmanager'),
  processes: z
    .union(
      [
        z
          .int()
          .min(1, { error: ({ input }) => `${String(input)} is too small; write 1 or more, or auto` })
          .max(MAX_PROCESSES, { error: ({ input }) => `${String(input)} is too large; write ${MAX_PROCESSES} or less, or auto` }),
        z.literal('auto'),
      ],
      { error: 'expected a number of processes, or auto for one per core' },
    )
    .default(1)
    .describe('Processes that share the work on the same addresses; `auto` for as many as there are cores; see processes.md'),
  runs: section({
    settle_seconds: duration.prefault(10).describe('A run closes so long after its last span when its root has ended'),
    orphan_seconds: duration
      .describe('… and so long when its agent span has ended but the parent of that never came; 6 × settle_seconds when left out')
      .optional(),
    idle_seconds: duration.prefault(600).describe('… and so long when its agent span has not come'),
    max_run_seconds: duration.prefault(86_400).describe('… and at this age in any case'),
    remember_seconds: duration.prefault(3600).describe('Repeated and late spans are known for so long'),
    max_open: count.default(200_000).describe('Open traces with GenAI spans'),
    max_open_spans: count.default(2_000_000).describe('Spans held for open runs'),
    max_spans_per_run: count.default(50_000).describe('Spans of one trace'),
    max_link_spans: count.default(500_000).describe('Other spans, held for the paths between GenAI spans'),
    max_remembered_spans: count.default(4_000_000),
    max_remembered_traces: count.default(500_000),
    max_weight: count.default(1000).describe('Largest sampling weight of a run'),
    max_pending_evaluations: count.default(100_000).describe('Evaluations waiting for their run'),
  }).describe('When runs close, and bounds on what is held for them'),
  limits: limitsSchema,
  prices: section({ override: z.string().describe('File with prices of your own, see docs/prices.md').optional() }),
  metrics: section({
    standard_names: z.boolean().default(false).describe("Also export the GenAI conventions' own metrics"),
    exemplars: z.boolean().default(true).describe('Trace ids as exemplars in OpenMetrics'),
    series_idle_seconds: duration.prefault(86_400).describe('Series of values not seen for so long are dropped'),
    open_runs_seconds: duration
      .prefault(5)
      .describe('For how long a scrape looks for what changed of open runs, in turns; what it does not get to shows as it was'),
    max_agents: count.default(1000),
    max_values_per_label: count.describe(`Per agent and label, whatever the label; when left out ${VALUES_LEFT_OUT}`).optional(),
    max_series_per_metric: count.default(20_000),
  }).describe('Bounds on series; what is over them is folded into __overflow__ and counted'),
  tls: z
    .strictObject({
      cert_file: z.string().min(1).describe('PEM file with the certificate, and those between it and its authority'),
      key_file: z.string().min(1).describe('PEM file with its private key, without a passphrase'),
      client_ca_file: z.string().min(1).describe('Clients must show a certificate of this authority').optional(),
    })
    .describe('TLS on `listen` and both receivers, see docs/security.md; files are read again with a reload')
    .optional(),
  auth: section({
    tokens: z
      .array(z.strictObject({ name: z.string().min(1), role: z.enum(['ingest', 'read', 'operate']), token: z.string().min(1) }))
      .default([])
      .describe(
        'Bearer tokens; with none, everybody who can connect may send and read; what acts (controls, releases, incidents, drills, reload) is taken from this machine only, see docs/http.md',
      ),
    operate_without_token: z
      .enum(['loopback', 'never'])
      .default('loopback')
      .describe('While no tokens are configured: whether this machine may act all the same when `listen` is a loopback address'),
    refused_per_minute: count
      .default(10)
      .describe('Refused attempts to act that are recorded one by one in any minute; beyond it each time they have doubled'),
    max_refused: count.default(10_000).describe('Refused attempts kept; the oldest goes first'),
    protect_metrics: z.boolean().default(false).describe('Ask for a read token at /metrics too'),
  }),
  controls: section({
    lost_after_seconds: duration.prefault(60).describe('Guards that hear nothing from here for so long take the control plane for lost'),
    when_lost: z
      .enum(WHEN_LOST)
      .default('keep')
      .describe('What they do then: keep what they last heard, admit everything, or refuse everything'),
    default_expiry: z
      .union([z.literal('never'), duration], { error: 'expected seconds, a duration such as 4h, or never' })
      .prefault('4h')
      .describe('A control lapses after this unless it says otherwise'),
    max_controls: count.default(1000).describe('Controls in force'),
    max_streams: count.default(1000).describe('Guards connected at once; more get 503 and ask again'),
    max_releases: count.default(100).describe('Releases kept of one agent; the oldest that is not needed for rolling back goes first'),
    max_release_bytes: count.default(262_144).describe('Prompts and configuration of one release'),
    known_good_runs: count
      .default(100)
      .describe('Runs of a release that must have met the objectives of its agent for it to be known to be good'),
    known_good_since: duration.prefault('30d').describe('… within such time, as far as Prometheus remembers'),
    max_document_bytes: count
      .default(4_194_304)
      .describe('Everything guards are sent, active releases of all agents included; activating one that goes over it is refused'),
  }).describe('Controls over running agents, see docs/controls.md'),
  incidents: section({
    merge_window: duration.prefault('30m').describe('Alerts of an agent so near to an incident that is not resolved belong to it'),
    resolve_after: duration.prefault('10m').describe('An incident is resolved when all its alerts have ended for so long'),
    reopen_within: duration.prefault('1h').describe('… and opened again, rather than a new one, by an alert within such time after'),
    check_every: duration.prefault(60).describe('How often Prometheus is asked about incidents that are not resolved'),
    changes_before: duration.prefault('6h').describe('Changes are told in the timeline from so long before the first alert'),
    max_incidents: count.default(1000).describe('Incidents kept; the oldest that is resolved goes first'),
    max_alerts: count.default(200).describe('Alerts kept of one incident; the oldest that has ended goes first'),
    max_timeline: count.default(1000).describe('Entries in the timeline of one incident'),
    max_webhook_bytes: count.default(4_194_304).describe("Body of one of Alertmanager's webhooks"),
  }).describe('Incidents made of alerts, see docs/incidents.md'),
  response: section({
    check_every: duration.prefault(60).describe('How often the cause of an incident is looked for, and the effect of actions'),
  }).describe('What is done about incidents, see docs/playbooks.md'),
  playbooks: playbooksSchema,
  readiness: section({
    check_every: duration.prefault('5m').describe('How often every agent is looked at, for agentopz_readiness'),
    timeout: duration.prefault(5).describe('For each answer of Prometheus, Alertmanager, a fallback or a runbook'),
    min_score: z.number().min(0).max(100).default(70).describe('`agentopz ready` exits with 1 under it'),
    smallest_drop: ratio.default(0.2).describe('Smallest fall of quality that matters: it should page within 2 hours'),
    drill_max_age: duration.prefault('90d').describe('A drill should have been held within such time'),
    max_agents: count.default(500).describe('Agents looked at, in each of their environments'),
  }).describe('Whether an incident would find agents prepared, see docs/readiness.md'),
  tools: z
    .record(
      z.string(),
      z.strictObject({
        open_after_failures: count.describe('Failures in a row after which guards refuse the tool by themselves').optional(),
        open_seconds: duration.prefault(60).describe('… for so long; then one call may try'),
        fallback: z.string().describe('What the model is told instead of the answer of a refused tool').optional(),
      }),
    )
    .default({})
    .describe('By tool name'),
  evaluations: z
    .record(z.string(), z.strictObject({ pass_at_least: z.number().optional(), pass_at_most: z.number().optional() }))
    .default({})
    .describe('Thresholds that turn scores of an evaluation from outside into verdicts'),
  defaults: z.strictObject(defaultsShape).prefault({}).describe('Applies to every agent'),
  agents: z
    .record(
      z.string(),
      z.strictObject({
        ...agentShape,
        when_lost: z.enum(WHEN_LOST).describe('Instead of controls.when_lost, for this agent').optional(),
      }),
    )
    .default({})
    .describe('By agent name; what is left out is as in defaults'),
  log: section({
    level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
    format: z.enum(['auto', 'json', 'pretty']).default('auto'),
  }),
  shutdown: section({ grace_seconds: duration.prefault(10).describe('For requests and relays under way') }),
})

export type Config = z.output<typeof configSchema>
export type AgentConfig = Config['agents'][string]
