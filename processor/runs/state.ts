/**
 * The run state as plain data: taken at one moment (`capture`), written out part by part afterwards, and put back at the next start.
 * Taking it copies references and sizes only, for it stops everything else: facts, evaluations and the sets of a closed trace only
 * ever grow at their end, so the first `n` of them are what there was. Invariant: restored state answers every later span alike.
 */
import type { ExternalEvaluation, Fact } from '../../model/run.ts'
import type { Held } from './held.ts'
import type { CapturedClaims, ClaimsState } from './packed/claim-rows.ts'
import { LIST, type List } from './packed/slots.ts'
import type { PlainCapture } from './packed/plain-links.ts'
import type { RememberedSpans, RememberedState } from './remember.ts'
import type { Responses } from './responses.ts'
import { type ClosedRun, type ClosedTrace, type HeldFact, OpenTrace } from './trace.ts'
import type { Link } from './tree.ts'

/** What a trace waits for: to settle, for an agent around it, for its root, for its first GenAI span. */
type Place = 'settling' | 'orphans' | 'waiting' | 'plain'
/** The lists that make up a place, oldest first. */
const PLACES: readonly (readonly [Place, readonly List[]])[] = [
  ['settling', [LIST.settling, LIST.hot]],
  ['orphans', [LIST.orphans]],
  ['waiting', [LIST.waiting]],
  ['plain', [LIST.plain, LIST.plainHot]],
]

export interface ClosedRunState extends Omit<ClosedRun, 'spanIds' | 'weight'> {
  /** Not in snapshots of earlier versions, nor where it is 1. */
  readonly weight?: number
  readonly spanIds?: readonly string[]
}

export interface ClosedTraceState {
  readonly traceId: string
  readonly closedMs: number
  readonly runs: readonly ClosedRunState[]
  readonly counted: readonly string[]
  readonly envelopes: readonly string[]
  /** These two are not in snapshots of earlier versions. */
  readonly missingAbove?: readonly string[]
  readonly tools?: readonly string[]
  readonly missingParents: readonly string[]
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
  | { readonly kind: 'claims'; readonly state: ClaimsState }
  /** And when the last sweep was, which tells whether the clock was set back; not in snapshots of earlier versions. */
  | { readonly kind: 'remembered'; readonly spans: RememberedState; readonly sweptMs?: number }

/** Spans, or closed traces, in one part: a few milliseconds of writing. */
const PART = 1000

/** What was seen of a closed trace at the moment: sizes, for its sets may grow. */
interface ClosedMark {
  readonly traceId: string
  readonly trace: ClosedTrace
  readonly counted: number
  readonly envelopes: number
  readonly missingAbove: number
  readonly tools: number
  readonly spanIds: readonly number[] | undefined
}

interface OpenMark {
  readonly traceId: string
  readonly slot: number
  readonly place: Place
  readonly firstMs: number
  readonly lastMs: number
  readonly spans: number
  readonly closed: ClosedMark | undefined
  /** Where its bytes are held, its newest row where it has rows, or what there was of its objects. */
  readonly contents: { readonly ref: number } | { readonly newest: number } | ObjectsMark
}

interface ObjectsMark {
  readonly trace: OpenTrace
  readonly facts: number
  readonly links: ReadonlyMap<string, Link>
  readonly linkCount: number
  readonly evaluations: number
}

export interface RunsCapture {
  readonly held: Held
  /** Lets go of the bytes that were kept for this. */
  readonly release: () => void
  /** Where the closed traces are held, oldest first. */
  readonly closed: Int32Array
  readonly open: readonly OpenMark[]
  readonly plain: PlainCapture
  readonly order: readonly string[]
  readonly claims: CapturedClaims
  readonly remembered: RememberedState
  readonly sweptMs: number
}

/** Releases what a capture holds that nobody has written out. */
const abandoned = new FinalizationRegistry<() => void>((release) => release())

export function captureHeld(held: Held, responses: Responses, seen: RememberedSpans, sweptMs: number): RunsCapture {
  const release = held.hold()
  const plain = held.capturePlain()
  const capture = {
    held,
    release,
    closed: held.closed.refs(),
    open: PLACES.flatMap(([place, lists]) =>
      lists.flatMap((list) => Array.from(held.slots.of(list), (slot) => markOpen(held, slot, place, plain))),
    ),
    plain,
    order: Array.from(held.slots.of(LIST.age), (slot) => held.slots.idOf(slot)),
    claims: responses.capture(),
    remembered: seen.capture(),
    sweptMs,
  }
  abandoned.register(capture, release)
  return capture
}

/** Puts back what a part holds of the traces and what they claim. */
export function restorePart(part: Exclude<RunsPart, { kind: 'remembered' }>, held: Held, responses: Responses): void {
  switch (part.kind) {
    case 'closed':
      for (const state of part.traces) held.closed.add(state.traceId, closedFrom(state))
      break
    case 'open':
      for (const state of part.traces) openFrom(held, state)
      break
    case 'order':
      for (const id of part.traceIds) {
        const slot = held.slots.find(id)
        if (held.isOpen(slot)) held.slots.joinAge(slot)
      }
      break
    case 'claims':
      responses.restore(part.state, (id) => held.isOpen(held.slots.find(id)))
  }
}

function markClosed(traceId: string, trace: ClosedTrace): ClosedMark {
  const isSeveral = trace.runs.some((r) => r.spanIds !== undefined)
  return {
    traceId,
    trace,
    counted: trace.counted.size,
    envelopes: trace.envelopes.size,
    missingAbove: trace.missingAbove.size,
    tools: trace.tools.size,
    spanIds: isSeveral ? trace.runs.map((r) => r.spanIds?.size ?? 0) : undefined,
  }
}

function markOpen(held: Held, slot: number, place: Place, plain: PlainCapture): OpenMark {
  const traceId = held.slots.idOf(slot)
  const closed = held.closedBefore(slot)
  const ref = held.slots.ref[slot] ?? -1
  const newest = plain.newest(slot)
  return {
    traceId,
    slot,
    place,
    firstMs: held.slots.firstMs[slot] ?? 0,
    lastMs: held.slots.lastMs[slot] ?? 0,
    spans: held.slots.spans[slot] ?? 0,
    closed: closed === undefined ? undefined : markClosed(traceId, closed),
    contents: ref !== -1 ? { ref } : newest !== -1 ? { newest } : markObjects(held.peek(slot)),
  }
}

function markObjects(trace: OpenTrace): ObjectsMark {
  return { trace, facts: trace.facts.size, links: trace.keepLinks(), linkCount: trace.links.size, evaluations: trace.evaluations.length }
}

/** The capture as parts of bounded size, made one at a time. */
export function* partsOf(capture: RunsCapture): Iterable<RunsPart> {
  try {
    for (let at = 0; at < capture.closed.length; at += PART)
      yield { kind: 'closed', traces: Array.from(capture.closed.subarray(at, at + PART), (ref) => stateAt(capture.held, ref)) }
    yield* openParts(capture)
    for (let at = 0; at < capture.order.length; at += 10 * PART) yield { kind: 'order', traceIds: capture.order.slice(at, at + 10 * PART) }
    const { seed, count, part } = capture.claims
    for (let at = 0; at < count; at += 10 * PART) yield { kind: 'claims', state: { seed, claims: part(at, at + 10 * PART) } }
    yield { kind: 'remembered', spans: capture.remembered, sweptMs: capture.sweptMs }
  } finally {
    capture.release()
  }
}

function* openParts({ open, held, plain }: RunsCapture): Iterable<RunsPart> {
  let traces: OpenTraceState[] = []
  let spans = 0
  for (const mark of open) {
    traces.push(openState(mark, held, plain))
    spans += mark.spans
    if (spans < PART) continue
    yield { kind: 'open', traces }
    traces = []
    spans = 0
  }
  if (traces.length > 0) yield { kind: 'open', traces }
}

function stateAt(held: Held, ref: number): ClosedTraceState {
  const { traceId, trace } = held.closed.readAt(ref)
  return closedState(markClosed(traceId, trace))
}

function closedState({ traceId, trace, counted, envelopes, missingAbove, tools, spanIds }: ClosedMark): ClosedTraceState {
  return {
    traceId,
    closedMs: trace.closedMs,
    runs: trace.runs.map(({ agent, environment, promptVersion, model, weight, spanIds: ids }, at) => ({
      agent,
      environment,
      promptVersion,
      model,
      ...(weight === 1 ? {} : { weight }),
      ...(ids === undefined ? {} : { spanIds: firstOf(ids, spanIds?.[at] ?? 0) }),
    })),
    counted: firstOf(trace.counted, counted),
    envelopes: firstOf(trace.envelopes, envelopes),
    missingAbove: firstOf(trace.missingAbove, missingAbove),
    tools: firstOf(trace.tools, tools),
    missingParents: [...trace.missingParents],
  }
}

function openState(mark: OpenMark, held: Held, plain: PlainCapture): OpenTraceState {
  const { traceId, slot, place, firstMs, lastMs, contents } = mark
  const m = 'trace' in contents ? contents : markObjects(readMarked(contents, new OpenTrace(traceId, slot), held, plain))
  return {
    traceId,
    place,
    firstMs,
    lastMs,
    facts: firstOf(m.trace.facts.values(), m.facts).map(knownOf),
    links: firstOf(m.links, m.linkCount),
    evaluations: m.trace.evaluations.slice(0, m.evaluations),
    ...(mark.closed === undefined ? {} : { closed: closedState(mark.closed) }),
  }
}

function readMarked(contents: Exclude<OpenMark['contents'], ObjectsMark>, trace: OpenTrace, held: Held, plain: PlainCapture): OpenTrace {
  if ('ref' in contents) return held.readAt(contents.ref, trace)
  plain.read(contents.newest, trace)
  return trace
}

/** A fact without its fields that are undefined, which would be written out by name. */
function knownOf(fact: Fact): Fact {
  const { usage } = fact.reading
  const reading = { ...present(fact.reading), ...(usage === undefined ? {} : { usage: present(usage) }) }
  return { ...present(fact), reading }
}

function present<T extends object>(fields: T): T {
  const found: Partial<T> = {}
  for (const name in fields) if (fields[name] !== undefined) found[name] = fields[name]
  return found as T
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
    runs: state.runs.map((r) => ({ ...r, weight: r.weight ?? 1, spanIds: r.spanIds === undefined ? undefined : new Set(r.spanIds) })),
    counted: new Set(state.counted),
    envelopes: new Set(state.envelopes),
    missingAbove: new Set(state.missingAbove),
    tools: new Set(state.tools),
    missingParents: new Set(state.missingParents),
  }
}

/** A fact without the number of its claim: claims are numbered anew. */
function unclaimed(fact: HeldFact): Fact {
  const { claim: _, ...rest } = fact
  return rest
}

/** Puts an open trace back as it was: with what is remembered of it, if anything is. */
function openFrom(held: Held, state: OpenTraceState): void {
  const closed = state.closed === undefined ? undefined : closedFrom(state.closed)
  if (state.place === 'plain') {
    const places = state.links.map(([spanId, link]) => ({ traceId: state.traceId, spanId, ...link }))
    if (held.putBackPlain(places, state.firstMs, state.lastMs)) return
  }
  const trace = held.start(state.traceId, state.firstMs)
  for (const fact of state.facts) {
    trace.facts.add(unclaimed(fact))
    trace.hasCandidate ||= fact.reading.role === 'agent' || fact.reading.role === 'workflow'
  }
  for (const [id, link] of state.links) trace.setLink(id, link)
  trace.evaluations.push(...state.evaluations)
  held.putBack(trace, LIST[state.place], state.lastMs, closed)
}
