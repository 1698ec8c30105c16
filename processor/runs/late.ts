/**
 * What comes late for a trace whose runs have closed → what of it was counted before (R3, R4, R8). The spans that said it are gone: known are
 * the ids of those that were counted, of the spans above them, and of the plain spans below them (`ClosedTrace`).
 */
import type { Fact, ModelCall, Run, SpanRole, Spend, ToolCall } from '../../model/run.ts'
import { type CountedCalls, countModelCalls } from './model-calls.ts'
import type { RememberedSpans } from './remember.ts'
import { countToolCalls } from './tool-calls.ts'
import type { ClosedRun, ClosedTrace, OpenTrace } from './trace.ts'
import { buildTree, type Link } from './tree.ts'

/** Paths longer than this are a sender's bug, or a loop. */
const MOST_STEPS = 64

type Spans = Pick<OpenTrace, 'facts' | 'links' | 'has'>

const isAgent = (role: SpanRole | undefined): boolean => role === 'agent' || role === 'workflow'
const isCall = (role: SpanRole | undefined): boolean => role === 'model' || role === 'embedding'
/** Where a call ends that is told by several spans: what is beyond is another call. */
const isBorder = (role: SpanRole | undefined): boolean => isAgent(role) || role === 'tool' || role === 'evaluator'

/** Whether a span whose parent was counted, or which is itself around what was, says the same again. */
export function isSaid({ spanId, parentSpanId, reading }: Fact, before: ClosedTrace): boolean {
  if (isCall(reading.role)) return (reading.role === 'model' && before.envelopes.has(spanId)) || before.counted.has(parentSpanId)
  return reading.role === 'tool' && reading.serverSide === true && before.tools.has(parentSpanId)
}

/** The work of one late span by itself. An agent's own sum is late news of calls that were counted one by one. */
export function lateWorkOf(fact: Fact): Work & Pick<CountedCalls, 'conflicts'> {
  const nodes = buildTree([fact], NO_LINKS)
  const { calls, spend, conflicts } = countModelCalls(nodes, () => true)
  return { modelCalls: calls, toolCalls: countToolCalls(nodes), spend: isCall(fact.reading.role) ? spend : [], conflicts }
}

const NO_LINKS: ReadonlyMap<string, Link> = new Map()

interface Work {
  readonly modelCalls: readonly ModelCall[]
  readonly toolCalls: readonly ToolCall[]
  readonly spend: readonly Spend[]
}

/** Of the work of a trace that is open again, what was not counted before its runs closed. */
export function newWork<W extends Work>(work: W, trace: Spans, before: ClosedTrace | undefined): W {
  if (before === undefined) return work
  const around = aroundCounted(trace, before)
  const isNew = ({ spanId }: { readonly spanId: string }): boolean => {
    const fact = trace.facts.get(spanId)
    if (fact === undefined) return true
    if (isAgent(fact.reading.role) || isCall(fact.reading.role)) {
      if (around.has(spanId)) return false
      return isAgent(fact.reading.role) || !isBelow(trace, fact, before.counted)
    }
    return fact.reading.role !== 'tool' || fact.reading.serverSide !== true || !isBelow(trace, fact, before.tools)
  }
  return { ...work, modelCalls: work.modelCalls.filter(isNew), toolCalls: work.toolCalls.filter(isNew), spend: work.spend.filter(isNew) }
}

/** Spans around counted usage: calls up to the next agent or tool, and every agent above, whose own sum repeats it. */
function aroundCounted(trace: Spans, before: ClosedTrace): ReadonlySet<string> {
  const around = new Set<string>()
  const note = (from: string, isNear: boolean): void => {
    let isOfCall = isNear
    climb(trace, from, (id, role) => {
      // What an evaluator asks is in nobody's sum.
      if (role === 'evaluator' || !trace.has(id)) return false
      if (isBorder(role)) isOfCall = false
      if (isAgent(role) || (isOfCall && role === 'model')) around.add(id)
      return true
    })
  }
  for (const id of before.envelopes) note(id, true)
  for (const id of before.missingAbove) note(id, false)
  return around
}

type Seen = Pick<RememberedSpans, 'has'>

/** The closed run that a span belongs to. */
export function holderOf(seen: Seen, traceId: string, { runs }: ClosedTrace, spanId: string): ClosedRun | undefined {
  if (spanId === '') return undefined
  // The one that closed when it was alone has what no other has.
  const run = runs.find((r) => r.spanIds?.has(spanId) === true) ?? runs.find((r) => r.spanIds === undefined)
  return run?.spanIds !== undefined || seen.has(traceId, spanId) ? run : undefined
}

/**
 * The closed run that the work of a trace that is open again belongs to: a root above or below it, or steps without a root of their own, are no
 * further run. `above` is the missing parent that the run's path ends at, empty for none, undefined for a run without a root.
 */
export function lateHome(seen: Seen, trace: OpenTrace, run: Run, above: string | undefined): ClosedRun | undefined {
  const before = trace.closed
  if (before === undefined) return undefined
  if (above === undefined || isAboveClosed(trace, run, before)) return before.runs[0]
  return above === '' ? undefined : holderOf(seen, trace.traceId, before, above)
}

/** Whether a run has a span above what closed before: a parent that was missing then, or one above such a parent. */
function isAboveClosed(trace: Spans, run: Run, before: ClosedTrace): boolean {
  const come = [...before.missingParents].filter((id) => trace.has(id))
  if (come.length === 0) return false
  const ids = new Set(run.spanIds)
  return come.some((missing) => ids.has(climb(trace, missing, (id) => !ids.has(id) && trace.has(id))))
}

/** Whether one of the given spans is above, not through an agent or a tool. */
function isBelow(trace: Spans, fact: Fact, these: ReadonlySet<string>): boolean {
  return these.has(climb(trace, fact.parentSpanId, (id, role) => !these.has(id) && !isBorder(role)))
}

/** Goes up from a span for as long as `goesOn` says; where it stopped, empty beyond a span without a parent. */
function climb(trace: Spans, from: string, goesOn: (id: string, role: SpanRole | undefined) => boolean): string {
  let id = from
  for (let steps = 0; id !== '' && steps < MOST_STEPS && goesOn(id, trace.facts.get(id)?.reading.role); steps++) id = parentOf(trace, id)
  return id
}

function parentOf(trace: Spans, spanId: string): string {
  return trace.facts.get(spanId)?.parentSpanId ?? trace.links.get(spanId)?.parentSpanId ?? ''
}

/** Notes every span above a counted call up to the next agent or tool: should one come late, it is an envelope. */
export function noteAbove(trace: Spans, spanId: string, into: Set<string>): void {
  climb(trace, parentOf(trace, spanId), (id, role) => {
    if (isBorder(role)) return false
    into.add(id)
    return true
  })
}

/** The id of the parent that is missing at the end of the path up from a span; empty where none is, or an evaluator is on the path. */
export function endAbove(trace: Spans, spanId: string): string {
  const end = climb(trace, spanId, (id, role) => role !== 'evaluator' && trace.has(id))
  return trace.has(end) ? '' : end
}

/** Adds to some spans the plain ones below them: what comes late below such a one is below them too. */
export function notePlainBelow(trace: Spans, into: Set<string>): void {
  if (into.size === 0) return
  for (const spanId of trace.links.keys()) {
    const { path, end } = plainPath(trace, spanId, into)
    if (into.has(end)) for (const id of path) into.add(id)
  }
}

/** The plain spans from one upwards that are not known, and what they end at. */
function plainPath(
  trace: Spans,
  spanId: string,
  known: Pick<ReadonlySet<string>, 'has'>,
): { readonly path: readonly string[]; readonly end: string } {
  const path: string[] = []
  const end = climb(trace, spanId, (id) => trace.links.has(id) && !known.has(id) && path.push(id) > 0)
  return { path, end }
}

/** The spans of each of several runs, plain ones with the run that the nearest GenAI span above is of. */
export function spansOfRuns(trace: Spans, runs: readonly Run[]): readonly Set<string>[] {
  const spans = runs.map((run) => new Set(run.spanIds))
  if (trace.links.size === 0) return spans
  const runOf = new Map<string, Set<string>>()
  for (const ids of spans) for (const id of ids) runOf.set(id, ids)
  for (const spanId of trace.links.keys()) {
    const { path, end } = plainPath(trace, spanId, runOf)
    const run = runOf.get(end)
    if (run === undefined) continue
    for (const plain of path) {
      runOf.set(plain, run)
      run.add(plain)
    }
  }
  return spans
}
