/**
 * Configuration → what the parts want: limits in their units, policies and objectives per agent, price list, relay endpoints.
 * Files that the configuration names (prices, JSON Schemas) are read here; a bad one is a problem like any other.
 */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import type { AgentPolicy } from '../processor/evaluations/check.ts'
import type { ScoreThreshold } from '../processor/evaluations/external.ts'
import { DEFAULT_CHECKS } from '../processor/evaluations/index.ts'
import type { MetricsOptions } from '../processor/metrics.ts'
import type { PipelineSettings } from '../processor/pipeline.ts'
import { createPrices, type Prices } from '../processor/prices.ts'
import { type PriceOverride, priceOverrideSchema } from '../processor/prices-override.ts'
import { DEFAULT_RECEIVE_LIMITS, type ReceiveLimits } from '../processor/receive.ts'
import type { Objectives } from '../processor/record.ts'
import { DEFAULT_RELAY, type RelayEndpoint } from '../processor/relay.ts'
import type { RunLimits } from '../processor/runs/runs.ts'
import { DEFAULT_LOOP } from './agent-schema.ts'
import type { AgentConfig, Config } from './config-schema.ts'
import { limitsOf } from './controls/settings.ts'
import { fileProblem } from './file-problem.ts'

/** A file that the configuration names is wrong. `problems` are ready to print. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError'
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}

/** Settings for the pipeline. @throws SettingsError for price or schema files that cannot be used. */
export function pipelineSettings(config: Config, dir: string): PipelineSettings {
  const problems: string[] = []
  const prices = pricesOf(config, dir, problems)
  const policies = new Map<string, AgentPolicy>()
  const policyFor = (agent: AgentConfig | undefined, name: string): AgentPolicy => policyOf(merged(config, agent), name, dir, problems)
  const fallback = policyFor(undefined, 'defaults')
  for (const [name, agent] of Object.entries(config.agents)) policies.set(name, policyFor(agent, name))
  if (problems.length > 0) throw new SettingsError(problems)
  return {
    limits: runLimits(config),
    policyOf: (agent) => policies.get(agent) ?? fallback,
    objectivesOf: (agent) => objectivesOf(config, agent),
    thresholds: thresholdsOf(config),
    prices,
    maxPendingEvaluations: config.runs.max_pending_evaluations,
    openRunsMs: config.metrics.open_runs_seconds * 1000,
  }
}

/** What is exported, and its bounds. */
export function metricsOptions({ metrics }: Config, version: string): Partial<MetricsOptions> {
  return {
    maxAgents: metrics.max_agents,
    ...(metrics.max_values_per_label === undefined ? {} : { maxValuesPerLabel: metrics.max_values_per_label }),
    maxSeriesPerMetric: metrics.max_series_per_metric,
    seriesIdleSeconds: metrics.series_idle_seconds,
    standardNames: metrics.standard_names,
    exemplars: metrics.exemplars,
    version,
    processMetrics: true,
  }
}

/** Timers of Node that are set to more than 24 days fire at once. */
const LONGEST_SECONDS = 2_000_000

/** What a request may be. */
export function receiveLimits({ limits }: Config): ReceiveLimits {
  return {
    ...DEFAULT_RECEIVE_LIMITS,
    maxBodyBytes: limits.max_body_bytes,
    maxDecompressedBytes: limits.max_decompressed_bytes,
    maxCompressionRatio: limits.max_compression_ratio,
    maxConcurrentRequests: limits.max_concurrent_requests,
    requestTimeoutSeconds: Math.min(limits.request_timeout_seconds, LONGEST_SECONDS),
    grpcIdleSeconds: Math.min(limits.grpc_idle_seconds, LONGEST_SECONDS),
    unpackInlineBytes: limits.unpack_inline_bytes,
    sliceAboveBytes: limits.slice_above_bytes,
    sliceBytes: Math.min(limits.slice_bytes, limits.slice_above_bytes),
  }
}

/**
 * What may be in memory of requests, and of one of them, where memory is limited: what is under way when the mark is reached must fit above it.
 * A journal is read within the configured limits: what was taken once is taken again.
 */
export function boundsWithin(
  config: Config,
  memoryBytes: number | undefined,
): { readonly maxInflightBytes: number; readonly limits: ReceiveLimits } {
  const most = memoryBytes === undefined ? Number.POSITIVE_INFINITY : Math.floor(memoryBytes * (1 - config.limits.refuse_above_memory))
  const limits = receiveLimits(config)
  return {
    maxInflightBytes: Math.min(config.limits.max_inflight_bytes, most),
    limits: {
      ...limits,
      maxBodyBytes: Math.min(limits.maxBodyBytes, most),
      maxDecompressedBytes: Math.min(limits.maxDecompressedBytes, most),
    },
  }
}

/** An agent's configuration with the defaults behind it. */
export function merged(config: Config, agent: AgentConfig | undefined): AgentConfig {
  const d = config.defaults
  if (agent === undefined) return d
  return { ...d, ...agent, quality: { ...qualityOf(d), ...qualityOf(agent) }, loop: { ...d.loop, ...agent.loop } }
}

function qualityOf(agent: AgentConfig): { target?: number | undefined; checks?: string[] | undefined } {
  return agent.quality ?? {}
}

function policyOf(agent: AgentConfig, name: string, dir: string, problems: string[]): AgentPolicy {
  const checks = qualityOf(agent).checks ?? DEFAULT_CHECKS
  const accepts = outputTest(agent, name, dir, problems)
  return {
    checks,
    loop: {
      identicalCalls: agent.loop?.identical_calls ?? DEFAULT_LOOP.identical_calls,
      pingPong: agent.loop?.ping_pong ?? DEFAULT_LOOP.ping_pong,
    },
    requiredTools: agent.required_tools ?? [],
    ...(accepts === undefined ? {} : { acceptsOutput: accepts }),
  }
}

/** The test that an agent's answers must pass, from its `output` section. */
function outputTest(agent: AgentConfig, name: string, dir: string, problems: string[]): ((text: string) => boolean) | undefined {
  const { output } = agent
  if (output === undefined) return undefined
  const tests: ((text: string) => boolean)[] = []
  const parsed = (text: string): unknown => {
    try {
      return JSON.parse(text) as unknown
    } catch {
      return undefined
    }
  }
  if (output.format === 'json') tests.push((text) => parsed(text) !== undefined)
  try {
    if (output.pattern !== undefined) {
      const pattern = new RegExp(`^(?:${output.pattern})$`, 'su')
      tests.push((text) => pattern.test(text))
    }
    if (output.schema !== undefined) {
      const schema = z.fromJSONSchema(
        JSON.parse(readFileSync(resolve(dir, output.schema), 'utf8')) as Parameters<typeof z.fromJSONSchema>[0],
      )
      tests.push((text) => schema.safeParse(parsed(text)).success)
    }
  } catch (error) {
    problems.push(`agents.${name}.output: ${error instanceof Error ? error.message : String(error)}`)
  }
  return (text) => tests.every((t) => t(text))
}

/** Thresholds per run of an agent. */
export function objectivesOf(config: Config, agent: string): Objectives {
  const a = merged(config, config.agents[agent])
  return {
    ...(a.cost_usd?.per_run === undefined ? {} : { cost_usd: a.cost_usd.per_run }),
    ...(a.steps?.per_run === undefined ? {} : { steps: a.steps.per_run }),
    ...(a.duration_seconds?.per_run === undefined ? {} : { duration_seconds: a.duration_seconds.per_run }),
  }
}

/** Every objective of an agent as rows of agentopz_objective: targets, and thresholds per run. */
export function objectiveRows(config: Config, agent: string): readonly (readonly [objective: string, value: number])[] {
  const a = merged(config, config.agents[agent])
  const limits = limitsOf(config, agent)
  const rows: (readonly [string, number | undefined])[] = [
    ['quality', qualityOf(a).target],
    ['cost_usd_per_run', a.cost_usd?.per_run],
    ['cost_usd_target', a.cost_usd?.target],
    ['cost_usd_stop_run_at', limits.maxCostUsd],
    ['steps_per_run', a.steps?.per_run],
    ['steps_target', a.steps?.target],
    ['steps_stop_run_at', limits.maxSteps],
    ['duration_seconds_per_run', a.duration_seconds?.per_run],
    ['duration_seconds_target', a.duration_seconds?.target],
    ['expect_runs_every_seconds', typeof a.expect_runs?.every === 'number' ? a.expect_runs.every : undefined],
  ]
  return rows.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]))
}

function pricesOf(config: Config, dir: string, problems: string[]): Prices {
  const file = config.prices.override
  if (file === undefined) return createPrices({})
  return createPrices({ override: readOverride(resolve(dir, file), problems) })
}

function readOverride(file: string, problems: string[]): PriceOverride {
  try {
    const parsed = priceOverrideSchema.safeParse(parse(readFileSync(file, 'utf8')) ?? {})
    if (parsed.success) return parsed.data
    for (const issue of parsed.error.issues) problems.push(`${file}  ${issue.path.map(String).join('.') || 'the file'}: ${issue.message}`)
  } catch (error) {
    problems.push(`prices.override: ${file}: ${fileProblem(error)}`)
  }
  return {}
}

function runLimits({ runs }: Config): RunLimits {
  return {
    settleMs: runs.settle_seconds * 1000,
    orphanMs: Math.min(runs.orphan_seconds ?? 6 * runs.settle_seconds, runs.idle_seconds) * 1000,
    idleMs: runs.idle_seconds * 1000,
    maxRunMs: runs.max_run_seconds * 1000,
    rememberMs: runs.remember_seconds * 1000,
    maxOpen: runs.max_open,
    maxOpenSpans: runs.max_open_spans,
    maxSpansPerRun: runs.max_spans_per_run,
    maxLinkSpans: runs.max_link_spans,
    maxRememberedSpans: runs.max_remembered_spans,
    maxRememberedTraces: runs.max_remembered_traces,
    maxWeight: runs.max_weight,
  }
}

function thresholdsOf(config: Config): ReadonlyMap<string, ScoreThreshold> {
  return new Map(
    Object.entries(config.evaluations).map(([name, t]) => [
      name,
      {
        ...(t.pass_at_least === undefined ? {} : { passAtLeast: t.pass_at_least }),
        ...(t.pass_at_most === undefined ? {} : { passAtMost: t.pass_at_most }),
      },
    ]),
  )
}

/** Relay endpoints with their names made distinct. */
export function relayEndpoints(config: Config): readonly RelayEndpoint[] {
  const used = new Set<string>()
  return config.relay.map((r) => {
    let name = r.name ?? new URL(r.otlp_http).host
    while (used.has(name)) name += "'"
    used.add(name)
    return {
      ...DEFAULT_RELAY,
      name,
      url: r.otlp_http,
      headers: r.headers,
      signals: r.signals,
      maxQueueBytes: r.max_queue_bytes,
      maxQueueRequests: r.max_queue_requests,
      maxAgeSeconds: r.max_age_seconds,
      timeoutSeconds: r.timeout_seconds,
      concurrency: r.concurrency,
      initialBackoffMs: r.initial_backoff_seconds * 1000,
      maxBackoffMs: r.max_backoff_seconds * 1000,
    }
  })
}
