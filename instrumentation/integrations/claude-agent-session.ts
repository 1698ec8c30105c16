/**
 * One `query()` of the Claude Agent SDK: a run with a root span, from the call to the end of its messages. It may be refused before a child is
 * started, and is stopped by closing the query; the application's iteration then ends with a `GuardError`. Messages go by untouched: read are only
 * the session's id and the result (outcome, cost, turns).
 */
import { AGENTOPZ, GEN_AI } from '../../model/semconv.ts'
import { GuardError, isRefusal, type Reservation } from '../guards/guards.ts'
import { recordIntervention } from '../interventions.ts'
import { contained } from '../log.ts'
import type { Span } from '../otel.ts'
import type { Refusal, RunScope } from '../run-scope.ts'
import { runtime } from '../runtime.ts'
import { childEnv, type Env } from './claude-agent-env.ts'
import { guardHooks, type Hooks } from './claude-agent-hooks.ts'
import { refusedQuery } from './claude-agent-refused.ts'
import { type AgentCall, enterAgent, inAgent, leaveAgent, spanOfAgent } from './framework-run.ts'

export interface Options {
  readonly env?: Env
  readonly agent?: string
  readonly hooks?: Hooks
  readonly maxBudgetUsd?: number
  readonly outputFormat?: unknown
}
export interface QueryParams {
  readonly options?: Options
}

interface Message {
  readonly type?: string
  readonly subtype?: string
  readonly session_id?: string
  readonly is_error?: boolean
  readonly total_cost_usd?: number
}
interface Query {
  close?: () => void
  interrupt?: () => Promise<unknown>
  [Symbol.asyncIterator](): AsyncIterator<Message> & Record<string, unknown>
}

/** How long an interrupted child has to say so. */
const INTERRUPT_MS = 1000

/** A query under way. */
export interface Session {
  readonly params: QueryParams
  /** What the application gets in place of a query that may not start. */
  readonly refusedQuery: unknown
  inside<T>(work: () => T): T
  watch(query: unknown): void
  end(error?: unknown): void
}

/** Opens the run of a query; undefined where the instrumentation is off. */
export function openSession(params: QueryParams, events: readonly string[]): Session | undefined {
  const { active, guards, settings } = runtime()
  if (!active) return undefined
  const options = params.options ?? {}
  const name = options.agent ?? settings.agent ?? ''
  const call = spanOfAgent(enterAgent(options.agent), name)
  const run = new ClaudeRun(call)
  const refusal = run.admit()
  if (refusal !== undefined) {
    const answer = options.outputFormat === undefined ? refusal.fallback : undefined
    recordIntervention(call.run, refusal, answer === undefined ? 'refused' : 'fallback', call.span)
    leaveAgent(call)
    return sessionOf(run, params, refusedQuery(refusal, answer))
  }
  const env = childEnv(options.env, call.context)
  const hooks = guards.controls.state === 'none' ? undefined : guardHooks(run, options.hooks, events)
  const budget = run.budget(options.maxBudgetUsd)
  const guarded = {
    ...options,
    ...(env === undefined ? {} : { env }),
    ...(hooks === undefined ? {} : { hooks }),
    ...(budget === undefined ? {} : { maxBudgetUsd: budget }),
  }
  return sessionOf(run, { ...params, options: guarded }, undefined)
}

function sessionOf(run: ClaudeRun, params: QueryParams, refused: unknown): Session {
  return {
    params,
    refusedQuery: refused,
    inside: (work) => inAgent(run.call, work),
    watch: (query) => run.watch(query as Query),
    end: (error) => run.end(error),
  }
}

/** The run of one query, as the guards see it. */
export class ClaudeRun {
  readonly call: AgentCall
  #reservation: Reservation | undefined
  #query: Query | undefined
  #stopped: Refusal | undefined
  #isBudgetOurs = false
  /** Spans that end with the batch of tools under way. */
  readonly #held = new Set<Span>()
  #costUsd = 0
  /** What the child's last result said went wrong. */
  #failure: { readonly name: string; readonly message: string } | undefined

  constructor(call: AgentCall) {
    this.call = call
  }

  get run(): RunScope {
    return this.call.run
  }

  /** May the child make its next model call? While it runs, an operator's stop reaches it through what is set aside here. */
  admit(): Refusal | undefined {
    const { guards } = runtime()
    const now = Date.now()
    this.#settle(undefined)
    const admitted = guards.admit(this.run, undefined, guards.controls.state !== 'none', now)
    if (isRefusal(admitted)) return admitted
    this.#reservation = admitted
    admitted.abort.signal.addEventListener('abort', () => {
      if (admitted === this.#reservation) contained('claude-agent', () => this.#interrupt(this.run.stopped))
    })
    return undefined
  }

  hold(span: Span): void {
    this.#held.add(span)
  }

  release(): void {
    for (const span of this.#held) span.end()
    this.#held.clear()
  }

  #settle(costUsd: number | undefined): void {
    const reservation = this.#reservation
    this.#reservation = undefined
    if (reservation !== undefined) runtime().guards.settle(reservation, costUsd ?? 0, Date.now())
  }

  /** What the child may spend: the application's own bound or the operator's, whichever is less. */
  budget(own: number | undefined): number | undefined {
    const limit = runtime().guards.controls.agent(this.run.agent).maxCostUsd
    if (limit === undefined) return undefined
    const left = Math.max(0, limit - this.run.costUsd)
    this.#isBudgetOurs = own === undefined || left < own
    return this.#isBudgetOurs ? left : undefined
  }

  /** A guard ends the run at a hook: the child is told by the hook's answer, the application at its next message. */
  stop(refusal: Refusal): void {
    this.run.stopped = refusal
    recordIntervention(this.run, refusal, 'refused', this.call.span)
    this.#stopped = refusal
  }

  /**
   * An operator stops the run while the child works. Closing alone would let it go on for two seconds, as fast as it can call the model:
   * it is interrupted first, which ends the call under way.
   */
  #interrupt(refusal: Refusal | undefined): void {
    this.#stopped = refusal
    const query = this.#query
    if (query === undefined) return
    const close = (): void => contained('claude-agent', () => query.close?.())
    setTimeout(close, INTERRUPT_MS).unref()
    void query.interrupt?.().then(close, close)
  }

  /** Reads the messages that the application reads. `query` and its iterator are two objects; the iterator serves both. */
  watch(query: Query): void {
    this.#query = query
    const iterator = query[Symbol.asyncIterator]()
    const next = iterator.next.bind(iterator)
    own(iterator, 'next', (...args: [] | [undefined]) =>
      next(...args).then(
        (step) => {
          if (step.done !== true) contained('claude-agent', () => this.#read(step.value))
          const stopped = this.#stopped
          if (stopped === undefined && step.done !== true) return step
          this.end(this.#thrown())
          if (stopped === undefined) return step
          contained('claude-agent', () => query.close?.())
          throw new GuardError(stopped)
        },
        (error: unknown) => {
          this.end(this.#thrown() ?? error)
          throw this.#stopped === undefined ? error : new GuardError(this.#stopped)
        },
      ),
    )
    for (const [object, name] of [
      [iterator, 'return'],
      [query, 'close'],
    ] as const) {
      const original = (object as Record<string, unknown>)[name]
      if (typeof original !== 'function') continue
      own(object, name, (...args: unknown[]) => {
        const result = Reflect.apply(original, object, args) as unknown
        this.end()
        return result
      })
    }
  }

  #thrown(): unknown {
    return this.#stopped === undefined ? this.#failure : new GuardError(this.#stopped)
  }

  #read(message: Message): void {
    const { span } = this.call
    if (message.type === 'system' && message.subtype === 'init' && message.session_id !== undefined)
      span?.setAttribute(GEN_AI.conversationId, message.session_id)
    if (message.type !== 'result') return
    const total = message.total_cost_usd
    if (typeof total === 'number') {
      // Of the whole query so far; a query with a stream of prompts has many results.
      this.#settle(Math.max(0, total - this.#costUsd))
      this.#costUsd = total
      this.run.unpricedCalls = 0
    }
    const isError = message.is_error === true || (message.subtype ?? 'success') !== 'success'
    this.#failure = isError
      ? { name: message.subtype === 'success' ? 'error_result' : (message.subtype ?? 'error'), message: '' }
      : undefined
    if (message.subtype === 'error_max_budget_usd' && this.#isBudgetOurs) this.#overBudget()
  }

  #overBudget(): void {
    const limit = runtime().guards.controls.agent(this.run.agent).maxCostUsd ?? this.run.costUsd
    const reason = `the run has used $${this.run.costUsd.toPrecision(2)} of $${limit.toPrecision(2)}`
    const refusal: Refusal = { guard: 'cost_guard', cause: 'max_cost_usd', reason }
    this.run.stopped = refusal
    recordIntervention(this.run, refusal, 'refused', this.call.span)
  }

  /** The query is over. */
  end(error?: unknown): void {
    this.#settle(undefined)
    this.release()
    this.call.span?.setAttribute(AGENTOPZ.runId, this.run.id)
    leaveAgent(this.call, error)
  }
}

/** Puts a function of the object's own before its class's. */
function own(object: object, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, configurable: true, writable: true })
}
