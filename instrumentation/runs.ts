/**
 * Which run does the code that runs right now belong to? Asked by every guard, in this order: the scope that runAgent() or a framework
 * opened, what an integration knows, the active trace, the incoming HTTP request, what a model call refers to (tool call ids, an earlier
 * answer, a retried body), else a run of its own. Everything held is bounded; the oldest is forgotten first and its run closed.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { BoundedMap } from './bounded-map.ts'
import { contained } from './log.ts'
import { type Context, otel, type Span } from './otel.ts'
import { RunScope } from './run-scope.ts'

/** What an integration knows about the code that runs right now. */
export interface Located {
  readonly run?: RunScope
  /** Parent for spans made here. */
  readonly parent?: Context
  /** The span of a model call that an outer layer already made: inner layers guard, but make no span. */
  readonly modelCall?: Span
}
export type Locator = () => Located | undefined

const MAX_TRACES = 10_000
const MAX_KEYS = 20_000

interface Trace {
  open: number
  run: RunScope | undefined
}

export interface RunDefaults {
  readonly agent: string
  readonly agentVersion?: string
}

/** The runs of this process. One per process; a class so that tests can have their own. */
export class Runs {
  readonly #scope = new AsyncLocalStorage<RunScope>()
  readonly #locators: Locator[] = []
  readonly #traces = new BoundedMap<string, Trace>(MAX_TRACES)
  /** Implied runs by what a later call may refer to: `tool:ID`, `answer:ID`, `retry:HASH`. */
  readonly #keys = new BoundedMap<string, RunScope>(MAX_KEYS)
  #defaults: RunDefaults = { agent: '' }

  setDefaults(defaults: RunDefaults): void {
    this.#defaults = defaults
  }

  get defaults(): RunDefaults {
    return this.#defaults
  }

  /** Adds what an integration knows; asked in order of addition. */
  addLocator(locator: Locator): void {
    this.#locators.push(locator)
  }

  /** A new run; its agent is the default one until something names it. */
  create(
    kind: RunScope['kind'],
    now: number,
    options: { readonly agent?: string; readonly version?: string; readonly id?: string } = {},
  ): RunScope {
    const run = new RunScope(kind, options.agent ?? this.#defaults.agent, now, {
      isNamed: options.agent !== undefined,
      ...(options.id === undefined ? {} : { id: options.id }),
    })
    run.agentVersion = options.version ?? this.#defaults.agentVersion
    return run
  }

  /** Runs `work` inside the scope; asynchronous work started in it stays inside. */
  within<T>(run: RunScope, work: () => T): T {
    return this.#scope.run(run, work)
  }

  /** The scope that runAgent() or a framework opened around this code. */
  get explicit(): RunScope | undefined {
    return this.#scope.getStore()
  }

  /** Puts the code after this call, up to the end of its asynchronous context, into the scope: for callers that cannot wrap. */
  enter(run: RunScope): void {
    this.#scope.enterWith(run)
  }

  /** What is known about the code that runs right now. */
  locate(now: number): Located {
    const explicit = this.#scope.getStore()
    let located: Located | undefined
    for (const locator of this.#locators) {
      located = contained('locator', locator)
      if (located !== undefined) break
    }
    const run = explicit !== undefined && explicit.kind === 'explicit' ? explicit : (located?.run ?? this.#ofActiveTrace(now) ?? explicit)
    return { ...located, ...(run === undefined ? {} : { run }) }
  }

  #ofActiveTrace(now: number): RunScope | undefined {
    const context = otel().trace.getActiveSpan()?.spanContext()
    return context === undefined || /^0+$/.test(context.traceId) ? undefined : this.ofTrace(context.traceId, now)
  }

  /** The run of a trace, made when it is new. */
  ofTrace(traceId: string, now: number): RunScope {
    let trace = this.#traces.get(traceId)
    if (trace === undefined) this.#traces.set(traceId, (trace = { open: 0, run: undefined }))
    return (trace.run ??= this.create('trace', now))
  }

  /** The run of a trace, when one was made. */
  knownOfTrace(traceId: string): RunScope | undefined {
    return this.#traces.get(traceId)?.run
  }

  /** Binds a trace to a run that was opened otherwise, so that its spans and calls find it. */
  bindTrace(traceId: string, run: RunScope): void {
    const trace = this.#traces.get(traceId)
    if (trace === undefined) this.#traces.set(traceId, { open: 0, run })
    else trace.run = run
  }

  /** A recording span of this trace started. */
  spanStarted(traceId: string): void {
    const trace = this.#traces.get(traceId)
    if (trace === undefined) this.#traces.set(traceId, { open: 1, run: undefined })
    else trace.open++
  }

  /** A span of this trace ended; the run of a trace without open spans is over in this process. */
  spanEnded(traceId: string): void {
    const trace = this.#traces.get(traceId)
    if (trace !== undefined && --trace.open <= 0) this.#traces.delete(traceId)
  }

  /** The implied run that a key belongs to. */
  byKey(key: string): RunScope | undefined {
    return this.#keys.get(key)
  }

  /** Remembers that a later call with this key goes on with the run. */
  remember(key: string, run: RunScope): void {
    this.#keys.set(key, run)
  }

  forget(key: string): void {
    this.#keys.delete(key)
  }

  /** Drops keys of implied runs that are closed. */
  forgetClosed(): void {
    for (const [key, run] of this.#keys.entries()) if (run.root === undefined) this.#keys.delete(key)
  }

  /** True where some later call may go on with a run. */
  get isWaitedFor(): boolean {
    return this.#keys.size > 0
  }

  /** Runs that later calls may go on with, each once. */
  get waiting(): ReadonlySet<RunScope> {
    return new Set(this.#keys.values())
  }
}
