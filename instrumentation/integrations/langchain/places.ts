/**
 * LangChain's run tree → where spans and guards belong. A graph is an agent: its root is a run, a graph inside it a sub-agent. Other chains
 * are collapsed into what they run in; an outermost chain is a run once a model, a tool or a retriever is called in it, and nothing before.
 * A place is known by LangChain's run id, which every callback manager carries; everything held is bounded.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { AGENTOPZ, GEN_AI, GENERAL } from '../../../model/semconv.ts'
import { BoundedMap } from '../../bounded-map.ts'
import { thrown } from '../../model-call.ts'
import { activeSpan, type Context, otel, type Span, SpanKind, SpanStatusCode, tracer } from '../../otel.ts'
import { RunScope } from '../../run-scope.ts'
import { runtime } from '../../runtime.ts'

const MAX_PLACES = 20_000
/** Marks contexts that were entered for a place, so that spans of the application's own inside it are not skipped. */
const ENTERED = Symbol.for('agentopz.langchain.place')

interface More {
  readonly agent?: string | undefined
  readonly signal?: AbortSignal | undefined
  readonly make?: () => Span
}

/** Somewhere in the run tree; several LangChain runs share one. */
export class Place {
  readonly run: RunScope | undefined
  readonly agent: string | undefined
  readonly signal: AbortSignal | undefined
  readonly #outer: Context
  readonly #make: (() => Span) | undefined
  #span: Span | undefined
  #context: Context
  /** Changes with the context, so that what was entered before the span was made is entered anew. */
  #token: object = {}

  constructor(outer: Context, run: RunScope | undefined, more: More = {}) {
    this.run = run
    this.agent = more.agent
    this.signal = more.signal
    this.#make = more.make
    this.#outer = outer
    this.#context = outer.setValue(ENTERED, this.#token)
  }

  /** The span made here, once there is one. */
  get span(): Span | undefined {
    return this.#span
  }

  /** Makes the span, once. */
  open(): void {
    if (this.#make === undefined || this.#span !== undefined) return
    this.#span = this.#make()
    this.#token = {}
    this.#context = otel().trace.setSpan(this.#outer, this.#span).setValue(ENTERED, this.#token)
  }

  /** The active context where it lies in this place, else the place's own. */
  get context(): Context {
    const active = otel().context.active()
    return active.getValue(ENTERED) === this.#token ? active : this.#context
  }

  /** Runs `work` here: its model calls, tools and spans belong to this place. */
  within<T>(work: () => T): T {
    const enter = (): T => otel().context.with(this.context, work)
    return this.run === undefined ? enter() : runtime().runs.within(this.run, enter)
  }
}

/** The run of an outermost chain; its root span may wait for the first call in it. */
class ChainRun extends RunScope {
  place: Place | undefined

  override open(): void {
    this.place?.open()
  }
}

export interface Graph {
  readonly name: string | undefined
  readonly thread: string | undefined
  /** Aborted when the caller gives up. */
  readonly signal: AbortSignal | undefined
}

/** What a graph or a stream that starts says of itself; its own run is the first that LangChain reports inside. */
export interface Starting {
  readonly graph?: Graph
  place?: Place
  runId?: string
}
export const starting = new AsyncLocalStorage<Starting>()

/** The tool or retriever that is being called: LangChain's run of it lies there. */
export const calling = new AsyncLocalStorage<Place>()

const places = new BoundedMap<string, Place>(MAX_PLACES)
/** Runs whose end ends the place's span. */
const owners = new BoundedMap<string, Place>(MAX_PLACES)

/** The place that a callback manager's runs lie in. */
export function placeOf(callbacks: unknown): Place | undefined {
  const id = (callbacks as { _parentRunId?: unknown } | undefined)?._parentRunId
  return typeof id === 'string' ? places.get(id) : undefined
}

/** A run of LangChain's lies in this place. */
export function lies(runId: string, place: Place): void {
  places.set(runId, place)
}

export interface ChainFacts {
  readonly runId: string
  readonly parentRunId: string | undefined
  /** `lc_agent_name`, which children inherit. */
  readonly agent: string | undefined
  readonly runName: string | undefined
}

/** A chain started. */
export function chainStarted(facts: ChainFacts, now: number): void {
  const start = starting.getStore()
  const isFirst = start !== undefined && start.runId === undefined
  const parent = facts.parentRunId === undefined ? undefined : places.get(facts.parentRunId)
  const graph = isFirst ? start.graph : undefined
  const place = parent !== undefined && graph === undefined ? parent : opened(facts, parent, graph, now)
  places.set(facts.runId, place)
  if (place !== parent) owners.set(facts.runId, place)
  if (!isFirst) return
  start.runId = facts.runId
  start.place = place
}

function opened(facts: ChainFacts, parent: Place | undefined, graph: Graph | undefined, now: number): Place {
  const inherited = facts.agent === parent?.agent ? undefined : facts.agent
  const name = inherited ?? given(graph?.name) ?? given(facts.runName)
  if (parent !== undefined) openAround(parent, name)
  const outer = parent?.context ?? otel().context.active()
  const enclosing = parent === undefined ? enclosingRun() : parent.run
  if (enclosing !== undefined && graph === undefined) return new Place(outer, enclosing, { agent: facts.agent })
  const defaults = runtime().runs.defaults
  const root = enclosing === undefined ? new ChainRun('explicit', name ?? defaults.agent, now, { isNamed: name !== undefined }) : undefined
  if (root !== undefined) root.agentVersion = defaults.agentVersion
  const run = enclosing ?? root
  const make = (): Span => agentSpan({ name: root?.isNamed === true ? root.agent : name, run, root, outer, thread: graph?.thread, now })
  const place = new Place(outer, run, { agent: facts.agent, signal: graph?.signal, make })
  if (root !== undefined) root.place = place
  if (graph !== undefined) place.open()
  return place
}

/** A graph starts in a chain that had no call yet: the chain is a run from here, and the graph's where nobody named it. */
function openAround(parent: Place, name: string | undefined): void {
  const { run } = parent
  if (run instanceof ChainRun && run.place === parent && parent.span === undefined && !run.isNamed && name !== undefined) {
    run.agent = name
    run.isNamed = true
  }
  parent.open()
}

/** The run of what this chain is called from: `runAgent()`, or an agent of another framework whose span is active. */
function enclosingRun(): RunScope | undefined {
  const { runs } = runtime()
  if (runs.explicit?.kind === 'explicit') return runs.explicit
  const active = activeSpan()
  const run = active === undefined ? undefined : runs.knownOfTrace(active.spanContext().traceId)
  return run?.root === undefined ? undefined : run
}

/** A name that somebody gave, not one that LangChain made up. */
function given(name: string | undefined): string | undefined {
  return name === undefined || name === '' || /^(Runnable|StructuredOutput|LangGraph$|ChannelWrite|Branch<)/.test(name) ? undefined : name
}

interface AgentSpan {
  readonly name: string | undefined
  readonly run: RunScope | undefined
  readonly root: RunScope | undefined
  readonly outer: Context
  readonly thread: string | undefined
  readonly now: number
}

function agentSpan({ name, run, root, outer, thread, now }: AgentSpan): Span {
  const { runs, settings } = runtime()
  const shown = name ?? settings.agent
  const make = (): Span =>
    tracer().startSpan(
      `invoke_agent ${shown ?? ''}`.trim(),
      {
        kind: SpanKind.INTERNAL,
        startTime: now,
        attributes: {
          [GEN_AI.operation]: 'invoke_agent',
          ...(shown === undefined ? {} : { [GEN_AI.agentName]: shown }),
          ...(run === undefined ? {} : { [AGENTOPZ.runId]: run.id }),
          ...(root?.agentVersion === undefined ? {} : { [GEN_AI.agentVersion]: root.agentVersion }),
          ...(thread === undefined ? {} : { [GEN_AI.conversationId]: thread }),
        },
      },
      outer,
    )
  if (root === undefined) return make()
  const span = runs.within(root, make)
  root.root = span
  const { traceId } = span.spanContext()
  // In a trace that was there before, other runs may come after this one.
  if (otel().trace.getSpanContext(outer) === undefined && !/^0+$/.test(traceId)) runs.bindTrace(traceId, root)
  return span
}

/** A chain ended, by an error where one is given. */
export function chainEnded(runId: string, error?: unknown): void {
  places.delete(runId)
  const place = owners.take(runId)
  if (place === undefined) return
  if (error === undefined || isBubbleUp(error)) close(place, 'ok')
  else if (isGivenUp(place, error)) close(place, 'left')
  else close(place, 'error', error)
}

/** A stream was left by its reader before its chain ended. */
export function chainLeft({ runId, place }: Starting): void {
  if (runId === undefined || place === undefined || owners.take(runId) === undefined) return
  places.delete(runId)
  close(place, 'left')
}

/** A run of a tool or a retriever ended. */
export function lay(runId: string): void {
  places.delete(runId)
}

function close(place: Place, how: 'ok' | 'error' | 'left', error?: unknown): void {
  const { span, run } = place
  if (span === undefined) return
  if (how === 'left') span.setAttribute(AGENTOPZ.incomplete, true)
  if (how === 'error') {
    const { type, message } = thrown(error)
    span.setAttribute(GENERAL.errorType, type)
    span.setStatus({ code: SpanStatusCode.ERROR, message })
  }
  if (run instanceof ChainRun && run.place === place) {
    if (run.release !== undefined)
      span.setAttributes({
        [GEN_AI.promptVersion]: run.release,
        ...(run.promptName === undefined ? {} : { [GEN_AI.promptName]: run.promptName }),
      })
    if (run.stopped !== undefined) span.setAttribute(AGENTOPZ.stoppedBy, run.stopped.guard)
    const outcome = run.stopped === undefined ? how : 'stopped'
    if (outcome !== 'left') span.setAttribute(AGENTOPZ.outcome, outcome)
    run.root = undefined
  }
  span.end()
}

/** LangGraph's way out of a node that is no failure: an interrupt for a person, a command to the parent graph, a drained graph. */
export function isBubbleUp(error: unknown): boolean {
  return (error as { is_bubble_up?: unknown } | undefined)?.is_bubble_up === true
}

/** The caller gave up; a chain's signal is out of sight, there the exception tells. A time limit that passed is a failure. */
function isGivenUp({ signal }: Place, error: unknown): boolean {
  if (signal === undefined) return nameOf(error) === 'AbortError'
  return signal.aborted && nameOf(signal.reason) !== 'TimeoutError'
}

function nameOf(error: unknown): unknown {
  return (error as { name?: unknown } | undefined)?.name
}
