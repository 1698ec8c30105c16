/**
 * Handles of all that is recorded for runs, found by what a run says: agent and environment, then model, tool, cohort, check.
 * In: names as runs have them. Out: handles with labels in their safe alphabets (R13). A handle is made when it is first used.
 * Bounded: at `MAX_HANDLES`, and whenever series were dropped, everything is forgotten and found anew.
 */
import { type ModelCall, TOKEN_CLASSES, type ToolCall } from '../model/run.ts'
import { clampValue, safeLabel } from './cardinality.ts'
import { type AgentLabels, branch, Maker } from './handle-maker.ts'
import type { Counter, Gauge, Histogram } from './handles.ts'
import type { Metrics } from './metrics.ts'
import { MakeHandles } from './record-made.ts'

/** 38 for an agent with one model, tool and cohort, seven for one more cohort; measured, 35 MB when all are in use. */
export const MAX_HANDLES = 100_000

export class RecordHandles {
  readonly #metrics: Metrics
  readonly #maxHandles: number
  #agents = new Map<string, Map<string, AgentHandles>>()
  #maker: Maker
  #dropped = 0

  constructor(metrics: Metrics, maxHandles: number) {
    this.#metrics = metrics
    this.#maxHandles = maxHandles
    this.#maker = new Maker(metrics)
  }

  of(agent: string, environment: string): AgentHandles {
    if (this.#maker.count > this.#maxHandles || this.#dropped !== this.#metrics.seriesDropped) {
      this.#agents = new Map()
      this.#maker = new Maker(this.#metrics)
      this.#dropped = this.#metrics.seriesDropped
    }
    let environments = this.#agents.get(agent)
    if (environments === undefined) this.#agents.set(agent, (environments = new Map<string, AgentHandles>()))
    let found = environments.get(environment)
    if (found === undefined) environments.set(environment, (found = new AgentHandles(this.#maker, agent, environment)))
    return found
  }
}

export class AgentHandles {
  readonly #lastRun: Gauge
  readonly steps: Histogram
  readonly modelCalls: Histogram
  readonly toolCalls: Histogram
  readonly durationSeconds: Histogram
  readonly costUsd: Histogram
  readonly #make: Maker
  readonly #labels: AgentLabels
  readonly #tools = new Map<string, ToolHandles>()
  readonly #models = new Map<string, Map<string, ModelHandles>>()
  readonly #makes = new Map<string, Map<string, MakeHandles>>()
  readonly #conflicts = new Map<string, Counter>()
  readonly #features = new Map<string, Map<string, Counter>>()
  #ranMs = Number.NaN
  #lastModel: ModelHandles | undefined

  constructor(make: Maker, agent: string, environment: string) {
    // Clamped here, so that the series are found by these very labels.
    const labels = { agent: clampValue('agent', agent), environment: clampValue('environment', environment) }
    this.#make = make
    this.#labels = labels
    this.#lastRun = make.gauge('agentopz_last_run_timestamp_seconds', labels)
    this.steps = make.histogram('agentopz_run_steps', labels)
    this.modelCalls = make.histogram('agentopz_run_model_calls', labels)
    this.toolCalls = make.histogram('agentopz_run_tool_calls', labels)
    this.durationSeconds = make.histogram('agentopz_run_duration_seconds', labels)
    this.costUsd = make.histogram('agentopz_run_cost_usd', labels)
  }

  /** Notes when it ran; once for all runs of one moment, as what else `start`s something here. */
  ran(now: number): void {
    if (now !== this.#ranMs && this.#lastRun.set(now / 1000, now)) this.#ranMs = now
  }

  tool(name: string): ToolHandles {
    let found = this.#tools.get(name)
    if (found === undefined) this.#tools.set(name, (found = new ToolHandles(this.#make, this.#labels, name)))
    return found
  }

  model(provider: string, model: string): ModelHandles {
    const last = this.#lastModel
    // The calls of a run mostly ask one model.
    if (last !== undefined && last.model === model && last.provider === provider) return last
    const of = branch(this.#models, model)
    let found = of.get(provider)
    if (found === undefined) of.set(provider, (found = new ModelHandles(this.#make, this.#labels, provider, model)))
    this.#lastModel = found
    return found
  }

  /** What has the labels of the prompt and the model that a run was made with. */
  made(promptVersion: string, model: string): MakeHandles {
    const of = branch(this.#makes, model)
    let found = of.get(promptVersion)
    if (found === undefined) of.set(promptVersion, (found = new MakeHandles(this.#make, this.#labels, promptVersion, model)))
    return found
  }

  conflict(kind: string): Counter {
    let found = this.#conflicts.get(kind)
    if (found === undefined)
      this.#conflicts.set(kind, (found = this.#make.counter('agentopz_usage_conflicts_total', { ...this.#labels, kind })))
    return found
  }

  feature(feature: string, bucket: string): Counter {
    const of = branch(this.#features, feature)
    let found = of.get(bucket)
    if (found === undefined)
      of.set(bucket, (found = this.#make.counter('agentopz_input_feature_total', { ...this.#labels, feature, bucket })))
    return found
  }
}

export class ToolHandles {
  readonly ok: Counter
  readonly error: Counter
  readonly seconds: Histogram
  readonly #make: Maker
  readonly #labels: AgentLabels & { readonly tool: string }
  #empty: Counter | undefined
  #blocked: Counter | undefined
  #startedMs = Number.NaN

  constructor(make: Maker, { agent, environment }: AgentLabels, name: string) {
    this.#make = make
    this.#labels = { agent, environment, tool: clampValue('tool', name) }
    this.ok = this.#calls('ok')
    this.error = this.#calls('error')
    this.seconds = make.histogram('agentopz_tool_duration_seconds', this.#labels)
  }

  start(now: number): void {
    if (now === this.#startedMs) return
    const isOkShown = this.ok.start(now)
    if (this.error.start(now) && isOkShown) this.#startedMs = now
  }

  of(outcome: ToolCall['outcome']): Counter {
    switch (outcome) {
      case 'ok':
        return this.ok
      case 'error':
        return this.error
      case 'empty':
        return (this.#empty ??= this.#calls(outcome))
      case 'blocked':
        return (this.#blocked ??= this.#calls(outcome))
    }
  }

  #calls(outcome: ToolCall['outcome']): Counter {
    return this.#make.counter('agentopz_tool_calls_total', { ...this.#labels, outcome })
  }
}

export class ModelHandles {
  readonly provider: string
  readonly model: string
  readonly #error: Counter
  readonly #make: Maker
  readonly #labels: AgentLabels & { readonly provider: string; readonly model: string }
  readonly #calls: { readonly outcome: string; readonly finish: string; readonly counter: Counter }[] = []
  readonly #tokens: (Counter | undefined)[] = []
  #attemptsFailed: Counter | undefined
  #costUsd: Counter | undefined
  #unpriced: Counter | undefined
  #startedMs = Number.NaN

  constructor(make: Maker, { agent, environment }: AgentLabels, provider: string, model: string) {
    this.#make = make
    this.provider = provider
    this.model = model
    this.#labels = { agent, environment, model: safeLabel(model), provider: safeLabel(provider) }
    this.#error = this.of('error', '')
  }

  start(now: number): void {
    if (now !== this.#startedMs && this.#error.start(now)) this.#startedMs = now
  }

  of(outcome: ModelCall['outcome'], finish: string): Counter {
    for (const c of this.#calls) if (c.finish === finish && c.outcome === outcome) return c.counter
    const counter = this.#make.counter('agentopz_model_calls_total', { ...this.#labels, outcome, finish_reason: finish })
    this.#calls.push({ outcome, finish, counter })
    return counter
  }

  /** Tokens of the class at this place in `TOKEN_CLASSES`. */
  tokens(at: number): Counter {
    return (this.#tokens[at] ??= this.#make.counter('agentopz_tokens_total', { ...this.#labels, class: TOKEN_CLASSES[at] ?? '' }))
  }

  get attemptsFailed(): Counter {
    return (this.#attemptsFailed ??= this.#make.counter('agentopz_model_attempts_failed_total', this.#labels))
  }

  get costUsd(): Counter {
    return (this.#costUsd ??= this.#make.counter('agentopz_cost_usd_total', this.#labels))
  }

  get unpriced(): Counter {
    return (this.#unpriced ??= this.#make.counter('agentopz_unpriced_tokens_total', this.#labels))
  }
}
