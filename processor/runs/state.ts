/**
 * The run state as plain data: taken at one moment (`capture`), written out part by part afterwards, and put back at the next start.
 * Taking it copies references and sizes only, for it stops everything else: facts, evaluations and the sets of a closed trace only
 * ever grow at their end, so the first `n` of them are what there was. Invariant: restored state answers every later span alike.
 */
import type { ExternalEvaluation, Fact } from '../../model/run.ts'
import type { RememberedSpans, RememberedState } from './remember.ts'
import type { ClaimState, Responses } from './responses.ts'
import { type ClosedRun, type ClosedTrace, OpenTrace } from './trace.ts'
import type { Link } from './tree.ts'

/** The traces by what they wait for. */
export interface Held {
  /** Traces touched less than `settleMs` ago, least recently touched first. */
  readonly settling: Map<string, OpenTrace>
  /** Quiet traces whose roots may have ended, least recently touched first. */
  readonly orphans: Map<string, OpenTrace>
  /** Quiet traces whose roots have not ended, least recently touched first. */
  readonly waiting: Map<string, OpenTrace>
  /** All open traces with facts, oldest first: each is in one of those above, too. */
  readonly open: Map<string, OpenTrace>
  /** Traces with links only, least recently touched first. */
  readonly plain: Map<string, OpenTrace>
  readonly closed: Map<string, ClosedTrace>
}

export function emptyHeld(): Held {
  return { settling: new Map(), orphans: new Map(), waiting: new Map(), open: new Map(), plain: new Map(), closed: new Map() }
}

const PLACES = ['settling', 'orphans', 'waiting', 'plain'] as const
type Place = (typeof PLACES)[number]

export interface ClosedRunState extends Omit<ClosedRun, 'spanIds'> {
  readonly spanIds?: readonly string[]
}

export interface ClosedTraceState {
  readonly traceId: string
  readonly closedMs: number
  readonly runs: readonly ClosedRunState[]
  readonly counted: readonly string[]
  readonly envelopes: readonly string[]
  readonly missingParents: readonly string[]
  readonly responses: readonly (readonly [string, string])[]
}

export interface OpenTraceState {
  readonly traceId: string
  readonly place: Place
  readonly firstMs: number
  readonly lastMs: number
  readonly facts: readonly Fact[]
  readonly links: readonly (readonly [string, Link])[]
  readonly evaluations: readonly { readonly spanId: string; readonly evaluation: ExternalEvaluation }[]
  /** What had closed of it before. */
  readonly closed?: ClosedTraceState
}

/** One part of the state. Parts come, and must be put back, in this order: closed, open, order, claims, remembered. */
export type RunsPart =
  | { readonly kind: 'closed'; readonly traces: readonly ClosedTraceState[] }
  | { readonly kind: 'open'; readonly traces: readonly OpenTraceState[] }
  | { readonly kind: 'order'; readonly traceIds: readonly string[] }
  | { readonly kind: 'claims'; readonly claims: readonly ClaimState[] }
  | { readonly kind: 'remembered'; readonly spans: RememberedState }

/** Spans, or closed traces, in one part: a few milliseconds of writing. */
const PART = 1000

/** What was seen of a closed trace at the moment: sizes, for its sets may grow. */
interface ClosedMark {
  readonly traceId: string
  readonly trace: ClosedTrace
  readonly counted: number
  readonly envelopes: number
  readonly spanIds: readonly number[] | undefined
}

interface OpenMark {
  readonly trace: OpenTrace
  readonly place: Place
  readonly lastMs: number
  readonly facts: number
  readonly links: ReadonlyMap<string, Link>
  readonly linkCount: number
  readonly evaluations: number
  readonly closed: ClosedMark | undefined
}

export interface RunsCapture {
  readonly closed: readonly ClosedMark[]
  readonly open: readonly OpenMark[]
  readonly order: readonly string[]
  readonly claims: readonly ClaimState[]
  readonly remembered: RememberedState
}

export function captureHeld(held: Held, responses: Responses, seen: RememberedSpans): RunsCapture {
  return {
    closed: Array.from(held.closed, ([traceId, trace]) => markClosed(traceId, trace)),
    open: PLACES.flatMap((place) => Array.from(held[place].values(), (trace) => markOpen(trace, place))),
    order: [...held.open.keys()],
    claims: responses.capture(),
    remembered: seen.capture(),
  }
}

/** Puts back what a part holds of the traces and what they claim. */
export function restorePart(part: Exclude<RunsPart, { kind: 'remembered' }>, held: Held, responses: Responses): void {
  switch (part.kind) {
    case 'closed':
      for (const state of part.traces) held.closed.set(state.traceId, closedFrom(state))
      break
    case 'open':
      for (const state of part.traces) held[state.place].set(state.traceId, openFrom(state, held.closed.get(state.traceId)))
      break
    case 'order':
      for (const id of part.traceIds) {
        const trace = held.settling.get(id) ?? held.orphans.get(id) ?? held.waiting.get(id)
        if (trace !== undefined) held.open.set(id, trace)
      }
      break
    case 'claims':
      responses.restore(part.claims, (id) => held.open.get(id))
  }
}

export function spansIn(traces: ReadonlyMap<string, OpenTrace>): number {
  let spans = 0
  for (const trace of traces.values()) spans += trace.spans
  return spans
}

function markClosed(traceId: string, trace: ClosedTrace): ClosedMark {
  const isSeveral = trace.runs.some((r) => r.spanIds !== undefined)
  return {
    traceId,
    trace,
    counted: trace.counted.size,
    envelopes: trace.envelopes.size,
    spanIds: isSeveral ? trace.runs.map((r) => r.spanIds?.size ?? 0) : undefined,
  }
}

function markOpen(trace: OpenTrace, place: Place): OpenMark {
  return {
    trace,
    place,
    lastMs: trace.lastMs,
    facts: trace.facts.size,
    links: trace.keepLinks(),
    linkCount: trace.links.size,
    evaluations: trace.evaluations.length,
    closed: trace.closed === undefined ? undefined : markClosed(trace.traceId, trace.closed),
  }
}

/** The capture as parts of bounded size, made one at a time. */
export function* partsOf(capture: RunsCapture): Iterable<RunsPart> {
  for (let at = 0; at < capture.closed.length; at += PART)
    yield { kind: 'closed', traces: capture.closed.slice(at, at + PART).map(closedState) }
  let traces: OpenTraceState[] = []
  let spans = 0
  for (const mark of capture.open) {
    traces.push(openState(mark))
    spans += mark.facts + mark.linkCount
    if (spans < PART) continue
    yield { kind: 'open', traces }
    traces = []
    spans = 0
  }
  if (traces.length > 0) yield { kind: 'open', traces }
  for (let at = 0; at < capture.order.length; at += 10 * PART) yield { kind: 'order', traceIds: capture.order.slice(at, at + 10 * PART) }
  for (let at = 0; at < capture.claims.length; at += 10 * PART) yield { kind: 'claims', claims: capture.claims.slice(at, at + 10 * PART) }
  yield { kind: 'remembered', spans: capture.remembered }
}

function closedState({ traceId, trace, counted, envelopes, spanIds }: ClosedMark): ClosedTraceState {
  return {
    traceId,
    closedMs: trace.closedMs,
    runs: trace.runs.map(({ agent, environment, promptVersion, model, spanIds: ids }, at) => ({
      agent,
      environment,
      promptVersion,
      model,
      ...(ids === undefined ? {} : { spanIds: firstOf(ids, spanIds?.[at] ?? 0) }),
    })),
    counted: firstOf(trace.counted, counted),
    envelopes: firstOf(trace.envelopes, envelopes),
    missingParents: [...trace.missingParents],
    responses: trace.responses,
  }
}

function openState(mark: OpenMark): OpenTraceState {
  const { trace } = mark
  return {
    traceId: trace.traceId,
    place: mark.place,
    firstMs: trace.firstMs,
    lastMs: mark.lastMs,
    facts: firstOf(trace.facts.values(), mark.facts),
    links: firstOf(mark.links, mark.linkCount),
    evaluations: trace.evaluations.slice(0, mark.evaluations),
    ...(mark.closed === undefined ? {} : { closed: closedState(mark.closed) }),
  }
}

function firstOf<T>(items: Iterable<T>, n: number): T[] {
  const first: T[] = []
  if (n === 0) return first
  for (const item of items) if (first.push(item) >= n) break
  return first
}

function closedFrom(state: ClosedTraceState): ClosedTrace {
  return {
    closedMs: state.closedMs,
    runs: state.runs.map((r) => ({ ...r, spanIds: r.spanIds === undefined ? undefined : new Set(r.spanIds) })),
    counted: new Set(state.counted),
    envelopes: new Set(state.envelopes),
    missingParents: new Set(state.missingParents),
    responses: state.responses,
  }
}

/** An open trace as it was. `known` is what is remembered of it already, if it is. */
function openFrom(state: OpenTraceState, known: ClosedTrace | undefined): OpenTrace {
  const closed = state.closed === undefined ? undefined : (known ?? closedFrom(state.closed))
  const trace = new OpenTrace(state.traceId, state.firstMs, closed)
  trace.lastMs = state.lastMs
  for (const fact of state.facts) {
    trace.facts.set(fact.spanId, fact)
    trace.hasCandidate ||= fact.reading.role === 'agent' || fact.reading.role === 'workflow'
  }
  for (const [id, link] of state.links) trace.links.set(id, link)
  trace.evaluations.push(...state.evaluations)
  return trace
}
