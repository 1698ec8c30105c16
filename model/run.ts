/**
 * Words for what an agent did: a span's reading by its dialect, and the run that readings add up to.
 * Unknown has its own case everywhere: an absent optional field means "the telemetry did not say".
 * Contract: design §3, rules R1 to R13.
 */

/**
 * What a span is, in normal form.
 * `agent` and `workflow` are run-root candidates (R1). `model`, `tool` and `retrieval` are steps (R3).
 * `embedding` is priced but is no step. `step`, `handoff`, `guardrail`, `evaluator` and `other` only shape the tree.
 */
export type SpanRole =
  | 'agent'
  | 'workflow'
  | 'model'
  | 'tool'
  | 'retrieval'
  | 'embedding'
  | 'step'
  | 'handoff'
  | 'guardrail'
  | 'evaluator'
  | 'other'

/** Normal form of every provider's finish or stop reason. */
export type FinishReason = 'stop' | 'length' | 'content_filter' | 'refusal' | 'tool_call' | 'error' | 'cancelled' | 'other'

/** Whether cached tokens are already inside the emitter's input number. `unknown` is settled by arithmetic (R5). */
export type CacheAccounting = 'included' | 'excluded' | 'unknown'

/** Token numbers as the emitter wrote them, with what the dialect knows about their meaning. */
export interface RawUsage {
  readonly input?: number
  readonly output?: number
  readonly cacheRead?: number
  readonly cacheWrite?: number
  /** The part of `cacheWrite` with a one-hour life, where the emitter says (Anthropic). */
  readonly cacheWrite1h?: number
  readonly reasoning?: number
  readonly total?: number
  readonly cacheAccounting: CacheAccounting
  /** True where reasoning tokens are not inside `output` (Gemini counts thoughts apart). Default: inside. */
  readonly reasoningOutsideOutput?: boolean
}

/** Disjoint token classes (R5). A class the emitter did not report is absent, not 0. */
export interface Usage {
  /** Fresh input tokens, neither read from nor written to a cache. */
  readonly input?: number
  readonly cache_read?: number
  readonly cache_write?: number
  /** Part of `cache_write` billed at the one-hour rate; never added to it. */
  readonly cache_write_1h?: number
  /** Visible output tokens. */
  readonly output?: number
  readonly reasoning?: number
}

export const TOKEN_CLASSES = ['input', 'cache_read', 'cache_write', 'output', 'reasoning'] as const
export type TokenClass = (typeof TOKEN_CLASSES)[number]

/** A score or verdict from outside: a log record, a span event, an annotation, feedback. */
export interface ExternalEvaluation {
  readonly name: string
  readonly score?: number
  readonly label?: string
  /** Set when the evaluator itself failed. */
  readonly errorType?: string
  readonly source: 'external' | 'judge' | 'feedback'
  /** Joins by response id when the record is not tied to the span it judges. */
  readonly responseId?: string
  /** What it judges when that is not the span that carries it. */
  readonly target?: { readonly traceId: string; readonly spanId?: string }
  /** Distinguishes two genuine evaluations of equal name and score; equal keys are one evaluation. */
  readonly idempotencyKey?: string
}

/** One span as its dialect reads it. Everything but `role` is optional; absent means unknown. */
export interface Reading {
  readonly role: SpanRole
  /** Name of the agent this span is, or belongs to. Never an id, a model or a UUID (R2). */
  readonly agentName?: string
  readonly agentVersion?: string
  readonly promptName?: string
  readonly promptVersion?: string
  /** 8 hex digits: hash of the system instructions, see `shortHash`. */
  readonly instructionsHash?: string
  /** 8 hex digits: hash of the tool definitions, else of the sorted set of tool names. */
  readonly toolsHash?: string

  readonly provider?: string
  readonly requestModel?: string
  readonly responseModel?: string
  readonly responseId?: string
  /** On `model` and `embedding`: that call's own. On `agent`: only if it is this run's own sum, else leave it out (R4). */
  readonly usage?: RawUsage
  /** Cost in USD as the emitter gives it; only ever compared (R6). */
  readonly givenCostUsd?: number
  readonly serviceTier?: 'batch' | 'flex' | 'priority'
  readonly finish?: FinishReason
  /** True: the answer had no text, no tool call and no other part. False: it had. Absent: cannot be told. */
  readonly outputEmpty?: boolean
  /** True: the dialect emits one span per attempt, retries are sibling spans (R3). */
  readonly perAttempt?: boolean
  /** True: output had to be JSON and could not be parsed or did not fit its schema. False: it did. */
  readonly outputInvalid?: boolean
  /** First 4096 characters of the answer, only where content is present; kept until the run closes, never stored. */
  readonly outputText?: string
  /** First 512 characters of the newest user message, only where content is present; never stored. */
  readonly inputText?: string

  readonly toolName?: string
  readonly toolCallId?: string
  /** Hash of the call's arguments, for loop detection without content. */
  readonly argumentsHash?: string
  /** True: the tool or retrieval answered with nothing. */
  readonly resultEmpty?: boolean
  /** True: an admission control refused the call. */
  readonly blocked?: boolean
  /** True on the MCP or provider side of a call that the client side also reports. */
  readonly serverSide?: boolean

  /** Overrides the span status where the dialect knows better. */
  readonly failed?: boolean
  /** Low-cardinality error type. */
  readonly errorType?: string
  /** Why a control ended the run, on any span of it (`kill_switch`, `breaker`, `cost_guard`, `step_guard`). */
  readonly stoppedBy?: string
  /** True: it was left before it was complete, by an abort or a reader who went. */
  readonly incomplete?: boolean
  /** A guard inside the agent stepped in on this span. */
  readonly intervention?: Intervention
  readonly evaluations?: readonly ExternalEvaluation[]
}

/** Which guard stepped in and what moved it (`operator`, `lost`, the name of a limit). */
export interface Intervention {
  readonly guard: string
  readonly cause: string
}

/** A reading with its place in the trace: what an open run keeps of a span. */
export interface Fact {
  readonly spanId: string
  readonly parentSpanId: string
  readonly parentLocation: 'local' | 'remote' | 'unknown'
  /** When it came, at the latest, where the span does not say. */
  readonly startMs: number
  /** Of facts, calls and runs: NaN where it is unknown; `endOf` adds it up. */
  readonly durationMs: number
  readonly status: 'unset' | 'ok' | 'error'
  readonly dialect: string
  readonly reading: Reading
  readonly service: string
  readonly serviceVersion?: string
  readonly mainAgent?: string
  readonly environment: string
  /** Sampling weight from `ot=th:` (R12), 1 when absent. */
  readonly weight: number
  /** True when the fact was read from a log record; dropped when the run also has spans. */
  readonly fromLog?: boolean
}

export type RunOutcome = 'ok' | 'error' | 'stopped' | 'abandoned' | 'unknown'
export type Quality = 'pass' | 'fail' | 'unrated'
export type Verdict = 'pass' | 'fail' | 'abstain' | 'error'

/** Cost of one call or one run. */
export type Cost = { readonly known: true; readonly usd: number } | { readonly known: false; readonly reason: string }

export interface ModelCall {
  readonly spanId: string
  readonly startMs: number
  readonly durationMs: number
  readonly provider: string
  /** Responding model, else requested model, else empty. */
  readonly model: string
  readonly requestModel?: string
  readonly outcome: 'ok' | 'error' | 'unknown'
  readonly finish?: FinishReason
  readonly outputEmpty?: boolean
  readonly outputInvalid?: boolean
  readonly outputText?: string
  readonly errorType?: string
  readonly responseId?: string
  /** Failed attempts folded into this call, where the dialect reports attempts as spans. */
  readonly failedAttempts: number
  /** True when the root agent made it, false when a sub-agent did. */
  readonly own: boolean
}

/** A usage record that counts, with what is needed to price it. Not one-to-one with calls: an envelope may report for several. */
export interface Spend {
  readonly spanId: string
  readonly atMs: number
  readonly provider: string
  readonly model: string
  readonly requestModel?: string
  readonly serviceTier?: 'batch' | 'flex' | 'priority'
  readonly usage: Usage
  readonly givenCostUsd?: number
  readonly own: boolean
}

export interface ToolCall {
  readonly spanId: string
  readonly startMs: number
  readonly durationMs: number
  readonly tool: string
  readonly outcome: 'ok' | 'error' | 'empty' | 'blocked'
  readonly retrieval: boolean
  readonly argumentsHash?: string
  readonly errorType?: string
  /** Whether emptiness of the result could be told at all. */
  readonly resultEmpty?: boolean
}

export interface Cohort {
  readonly agentVersion: string
  readonly promptVersion: string
  readonly model: string
  readonly toolsVersion: string
}

export type UsageConflict = 'agent_sum' | 'cache_exceeds_input' | 'reasoning_exceeds_output' | 'given_cost' | 'duplicate_response'

/** Why a run was closed (R7). */
export type CloseReason = 'settled' | 'idle' | 'max_age' | 'evicted_runs' | 'evicted_spans' | 'span_limit' | 'shutdown'

/** One closed (or, for gauges, still open) run. */
export interface Run {
  readonly traceId: string
  readonly rootSpanId: string
  readonly agent: string
  readonly environment: string
  readonly service: string
  readonly dialect: string
  readonly startMs: number
  readonly durationMs: number
  readonly rootEnded: boolean
  readonly outcome: RunOutcome
  readonly stoppedBy?: string
  /** Integer weight after stochastic rounding. */
  readonly weight: number
  readonly cohort: Cohort
  /** In order of start. */
  readonly modelCalls: readonly ModelCall[]
  /** Tool calls and retrievals, in order of start. */
  readonly toolCalls: readonly ToolCall[]
  readonly embeddings: number
  readonly spend: readonly Spend[]
  readonly conflicts: readonly UsageConflict[]
  readonly interventions: readonly Intervention[]
  readonly evaluations: readonly ExternalEvaluation[]
  /** Input tokens of the first model call, for drift (absent when unknown). */
  readonly firstInputTokens?: number
  readonly inputText?: string
  /** Ids of every span that belongs to the run, root included. */
  readonly spanIds: readonly string[]
}

/** When a span, call or run ended, as far as it is known: not before it began. */
export function endOf({ startMs, durationMs }: { readonly startMs: number; readonly durationMs: number }): number {
  return durationMs > 0 ? startMs + durationMs : startMs
}

/** Steps of a run: model calls + tool calls + retrievals (R3). */
export function stepsOf(run: Pick<Run, 'modelCalls' | 'toolCalls'>): number {
  return run.modelCalls.length + run.toolCalls.length
}
