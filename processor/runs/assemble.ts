/**
 * The facts and links of one trace → its runs. Pure: any order, repetition or batching of the same spans gives the same runs.
 * The run root is the highest agent or workflow on its path (R1); a trace with steps but no such span is one run.
 */
import {
  endOf,
  type ExternalEvaluation,
  type Fact,
  type Intervention,
  type ModelCall,
  type Run,
  type RunOutcome,
  type Spend,
  type ToolCall,
} from '../../model/run.ts'
import type { Draft } from '../dialects/reading.ts'
import { inputTokens } from '../usage.ts'
import { cohortOf, identify } from './cohort.ts'
import { countModelCalls } from './model-calls.ts'
import type { Facts } from './fact-list.ts'
import { integerWeight } from './sampling.ts'
import { countToolCalls } from './tool-calls.ts'
import { buildTree, downFrom, failed, type Link, linkChildren, type Node } from './tree.ts'

export interface Assembled {
  readonly runs: readonly Run[]
  /** Steps and spend outside every run (beside an agent, in evaluators, embeddings only): counted, but in no run. */
  readonly loose: Loose | undefined
  /** Whether every run's root is known to have ended (R7). */
  readonly rootsEnded: RootsEnded
  /** Ids of parents that never came: a span with such an id is above what was assembled. */
  readonly missingParents: readonly string[]
  /** Per run the id of the missing parent its root's path ends at, empty for none; undefined for a run without a root of its own. */
  readonly aboveRoot: readonly (string | undefined)[]
}

/**
 * `yes`: every path ends at a parentless span, or at a parent in another process that may never be exported.
 * `perhaps`: every agent span that came has ended, but one's parent is missing: an agent still running around it, or a span that was
 * filtered out. `no`: steps came whose agent span has not.
 */
export type RootsEnded = 'yes' | 'perhaps' | 'no'

export interface Loose {
  readonly agent: string
  readonly environment: string
  readonly modelCalls: readonly ModelCall[]
  readonly toolCalls: readonly ToolCall[]
  readonly spend: readonly Spend[]
}

/** What assembly needs of an open trace. */
export interface TraceView {
  readonly traceId: string
  readonly facts: Facts<Fact>
  readonly links: ReadonlyMap<string, Link>
  /** Evaluations that came apart from the spans they judge, with the span id they name or an empty one. */
  readonly evaluations: readonly { readonly spanId: string; readonly evaluation: ExternalEvaluation }[]
}

/** Paths of plain spans longer than this are a sender's bug, or a loop. */
const MOST_STEPS = 64

const isStep = (n: Node): boolean => n.role === 'model' || n.role === 'tool' || n.role === 'retrieval'
const inEvaluator = (n: Node): boolean => n.evaluatorAbove !== undefined
const isOrphan = (n: Node): boolean => n.parent === undefined && n.end.missingParentId !== '' && n.top === undefined

/** Assembles everything that is known of a trace. Linear in its spans, however deep they are nested. */
export function assemble(trace: TraceView): Assembled {
  const nodes = buildTree(withoutShadowedLogs(trace.facts), trace.links)
  adoptOrphans(nodes)
  const { roots, members, outside } = membersOf(nodes)
  const shares = shareOut(trace, members)
  const runs = members.map((list, i) => runOf(trace, roots[i] as Node, list, true, shares?.[i]))
  const aboveRoot: (string | undefined)[] = roots.map((root) => root.end.missingParentId)
  const lone = members.length > 0 ? NO_NODES : outside.some(inEvaluator) ? outside.filter((n) => !inEvaluator(n)) : outside
  const isRun = lone.some(isStep)
  if (isRun) runs.push(runOf(trace, topmost(lone), lone, false))
  const rest = !isRun ? outside : lone === outside ? NO_NODES : outside.filter(inEvaluator)
  return { runs, loose: looseOf(rest), rootsEnded: rootsEnded(nodes), missingParents: missingParentsOf(nodes), aboveRoot }
}

const NO_NODES: readonly Node[] = []

interface Members {
  readonly roots: readonly Node[]
  /** Per root. */
  readonly members: readonly (readonly Node[])[]
  readonly outside: readonly Node[]
}

/** Which spans belong to which run root, all in order of start. */
function membersOf(nodes: readonly Node[]): Members {
  const top = nodes[0]?.top
  // One run is all of its trace, nearly always.
  if (nodes.every((n) => n.top === top && !(isStep(n) && inEvaluator(n))))
    return top === undefined ? { roots: [], members: [], outside: nodes } : { roots: [top], members: [nodes], outside: NO_NODES }
  const byRoot = new Map<Node, Node[]>()
  const outside: Node[] = []
  for (const node of nodes) {
    const root = node.top
    if (root === undefined || (isStep(node) && inEvaluator(node))) {
      outside.push(node)
      continue
    }
    const list = byRoot.get(root)
    if (list === undefined) byRoot.set(root, [node])
    else list.push(node)
  }
  return { roots: [...byRoot.keys()], members: [...byRoot.values()], outside }
}

function missingParentsOf(nodes: readonly Node[]): readonly string[] {
  const missing: string[] = []
  for (const { parent, end } of nodes)
    if (parent === undefined && end.missingParentId !== '' && end.missingParentId !== missing.at(-1)) missing.push(end.missingParentId)
  return missing.length < 2 ? missing : [...new Set(missing)]
}

/** Facts read from logs say the same as spans, later and worse: they count only where the run has no model span. */
function withoutShadowedLogs(facts: Facts<Fact>): readonly Fact[] {
  const all = [...facts.values()]
  if (!all.some((f) => f.fromLog === true)) return all
  const fromSpans = all.filter((f) => f.fromLog !== true)
  return fromSpans.some((f) => f.reading.role === 'model' || f.reading.usage !== undefined) ? fromSpans : all
}

/** The span that stands for a run without a candidate: the highest, of several the first. */
function topmost(nodes: readonly Node[]): Node {
  let best = nodes[0] as Node
  for (const n of nodes) if (n.depth < best.depth) best = n
  return best
}

/**
 * A span whose parent was lost or filtered out before export (processors that let only GenAI spans pass do that) belongs to the one run
 * that was under way when it started; with several or none it stays outside. A span beside the root, under the same missing parent, is no orphan.
 */
function adoptOrphans(nodes: readonly Node[]): void {
  if (!nodes.some(isOrphan) || nodes.every((n) => n.top === undefined)) return
  const orphans = nodes.filter(isOrphan)
  const roots = [...new Set(nodes.flatMap((n) => n.top ?? []))]
  if (roots.length > 64) return
  linkChildren(nodes)
  for (const orphan of orphans) {
    const at = orphan.fact.startMs
    const around = roots.filter((r) => r.fact.startMs <= at && at <= endOf(r.fact) && r.end.missingParentId !== orphan.end.missingParentId)
    const [home] = around
    if (home === undefined || around.length > 1) continue
    for (const n of downFrom([orphan])) n.top ??= home
  }
}

/** SDKs export a span when it ends: a parent of the same process that is missing has not ended, or never will be seen (R7). */
function rootsEnded(nodes: readonly Node[]): RootsEnded {
  let answer: RootsEnded = 'yes'
  for (const n of nodes) {
    const root = n.top
    const { end } = root ?? n
    if (n.fact.fromLog === true) return 'no'
    if (end.missingParentId === '' || end.missingIs === 'remote') continue
    if (root === undefined) return 'no'
    answer = 'perhaps'
  }
  return answer
}

/** `apart` are the run's evaluations that came apart from their spans, where those of the trace are not all its own. */
function runOf(trace: TraceView, root: Node, members: readonly Node[], hasCandidate: boolean, apart = trace.evaluations): Run {
  const identity = identify(root, members)
  const { calls, spend, conflicts, embeddings } = countModelCalls(members, identity.isOwn)
  const rootEnded = hasCandidate || root.fact.fromLog === true || root.end.missingParentId === '' || root.end.missingIs === 'remote'
  const told = toldBy(members)
  const first = firstSpend(spend, calls)
  const firstInputTokens = first === undefined ? undefined : inputTokens(first.usage)
  const extent = hasCandidate || told.tops === 1 ? root.fact.durationMs : extentOf(members)
  const run: Draft<Run> = {
    traceId: trace.traceId,
    rootSpanId: root.fact.spanId,
    agent: identity.agent,
    environment: root.fact.environment,
    service: root.fact.service,
    dialect: root.fact.dialect,
    startMs: startOf(root, members),
    durationMs: extent,
    rootEnded,
    outcome: outcomeOf({ root, primary: identity.primary, calls, spend, rootEnded, hasCandidate, stopped: told.stoppedBy !== undefined }),
    weight: integerWeight(root.fact.weight, trace.traceId),
    cohort: cohortOf(root, identity, members, calls, spend),
    modelCalls: withOutputVerdict(calls, root),
    toolCalls: countToolCalls(members),
    embeddings,
    spend,
    conflicts,
    interventions: told.hasIntervened ? members.flatMap((n) => n.fact.reading.intervention ?? []) : NO_INTERVENTIONS,
    evaluations: told.isEvaluated || apart.length > 0 ? evaluationsOf(members, apart) : NO_EVALUATIONS,
    spanIds: told.spanIds,
  }
  if (told.stoppedBy !== undefined) run.stoppedBy = told.stoppedBy
  if (firstInputTokens !== undefined) run.firstInputTokens = firstInputTokens
  const asked = root.fact.reading.inputText ?? told.inputText
  if (asked !== undefined) run.inputText = asked
  return run
}

interface Told {
  /** Of the first that say it. */
  stoppedBy: string | undefined
  inputText: string | undefined
  hasIntervened: boolean
  isEvaluated: boolean
  /** Members with nothing above them. */
  tops: number
  readonly spanIds: string[]
}

/** What is asked of every member, in one pass. */
function toldBy(members: readonly Node[]): Told {
  const told: Told = { stoppedBy: undefined, inputText: undefined, hasIntervened: false, isEvaluated: false, tops: 0, spanIds: [] }
  for (const { fact, parent } of members) {
    const { stoppedBy, inputText, intervention, evaluations } = fact.reading
    told.stoppedBy ??= stoppedBy
    told.inputText ??= inputText
    if (intervention !== undefined) told.hasIntervened = true
    if (evaluations !== undefined) told.isEvaluated = true
    if (parent === undefined) told.tops++
    told.spanIds.push(fact.spanId)
  }
  return told
}

/** The spend of the first of the agent's own calls that is known, else the first. */
function firstSpend(spend: readonly Spend[], calls: readonly ModelCall[]): Spend | undefined {
  const [head] = spend
  // As it nearly always is.
  if (head === undefined || (head.own && calls[0]?.spanId === head.spanId)) return head
  const ids = new Set(calls.map((c) => c.spanId))
  return spend.find((s) => s.own && ids.has(s.spanId)) ?? head
}

/** Some SDKs tell on the agent's span that the output could not be parsed (Vercel generateObject): it is the last call's answer. */
function withOutputVerdict(calls: readonly ModelCall[], root: Node): readonly ModelCall[] {
  const { outputInvalid } = root.fact.reading
  if (outputInvalid === undefined) return calls
  const last = calls.findLastIndex((c) => c.own)
  return calls.map((c, i) => (i === last && c.outputInvalid === undefined ? { ...c, outputInvalid } : c))
}

/** A root that does not say when it began did so no later than its first span: they are in order of start. */
function startOf(root: Node, members: readonly Node[]): number {
  return (Number.isNaN(root.fact.durationMs) ? (members[0] ?? root) : root).fact.startMs
}

function extentOf(members: readonly Node[]): number {
  const start = members[0]?.fact.startMs ?? 0
  let end = start
  for (const n of members) end = Math.max(end, endOf(n.fact))
  return end - start
}

interface OutcomeFacts {
  readonly root: Node
  readonly primary: Node
  readonly calls: readonly ModelCall[]
  readonly spend: readonly Spend[]
  readonly rootEnded: boolean
  readonly hasCandidate: boolean
  readonly stopped: boolean
}

/** R10. The final model call is the one that ended last. */
function outcomeOf(f: OutcomeFacts): RunOutcome {
  if (f.stopped) return 'stopped'
  let final: ModelCall | undefined
  for (const call of f.calls) if (final === undefined || endOf(call) >= endOf(final)) final = call
  if (f.hasCandidate && failed(f.root.fact)) return 'error'
  // A workflow that says nothing around an agent that failed: the agent's word counts.
  if (f.root.fact.reading.role === 'workflow' && f.root.fact.status === 'unset' && f.primary !== f.root && failed(f.primary.fact))
    return 'error'
  if (final?.outcome === 'error') return 'error'
  if (!f.hasCandidate && f.calls.length === 0 && failed(f.root.fact)) return 'error'
  if (!f.rootEnded) return 'abandoned'
  return f.root.fact.status === 'unset' && saysNothing(f.root, final) ? 'unknown' : 'ok'
}

/** The last call was aborted, or there was none because the run was left before it. */
function saysNothing(root: Node, final: ModelCall | undefined): boolean {
  return final === undefined ? root.fact.reading.incomplete === true : final.outcome === 'unknown'
}

const NO_EVALUATIONS: readonly ExternalEvaluation[] = []
const NO_INTERVENTIONS: readonly Intervention[] = []

/**
 * Per run the evaluations that came apart; undefined where one run has them all. Each is one run's: of the span it names, or of the
 * nearest above that where it is a plain one, else of its response, else the first's, as one that comes after the close is (`Runs.evaluate`).
 * That its span is in no run, as an HTTP span around the agent or a log record's, is no reason to lose it.
 */
function shareOut({ evaluations, links }: TraceView, runs: readonly (readonly Node[])[]): readonly TraceView['evaluations'][] | undefined {
  if (evaluations.length === 0 || runs.length < 2) return undefined
  const bySpan = new Map<string, number>()
  const byResponse = new Map<string, number>()
  for (const [i, members] of runs.entries())
    for (const { spanId, reading } of members.map((n) => n.fact)) {
      bySpan.set(spanId, i)
      if (reading.responseId !== undefined && !byResponse.has(reading.responseId)) byResponse.set(reading.responseId, i)
    }
  const runAt = (spanId: string): number | undefined => {
    let id = spanId
    for (let steps = 0; !bySpan.has(id) && steps < MOST_STEPS; steps++) id = links.get(id)?.parentSpanId ?? ''
    return bySpan.get(id)
  }
  const shares = runs.map((): TraceView['evaluations'][number][] => [])
  for (const apart of evaluations) {
    const { responseId } = apart.evaluation
    shares[runAt(apart.spanId) ?? (responseId === undefined ? 0 : (byResponse.get(responseId) ?? 0))]?.push(apart)
  }
  return shares
}

/** Evaluations on member spans and those that came apart, each once. */
function evaluationsOf(members: readonly Node[], apart: TraceView['evaluations']): readonly ExternalEvaluation[] {
  const found = new Map<string, ExternalEvaluation>()
  const add = (spanId: string, e: ExternalEvaluation): void => {
    found.set(e.idempotencyKey ?? `${spanId}\0${e.name}\0${e.score ?? ''}\0${e.label ?? ''}`, e)
  }
  for (const n of members) for (const e of n.fact.reading.evaluations ?? []) if (e.target === undefined) add(n.fact.spanId, e)
  for (const { spanId, evaluation } of apart) add(spanId, evaluation)
  return [...found.values()]
}

function looseOf(nodes: readonly Node[]): Loose | undefined {
  const [head] = nodes
  if (head === undefined) return undefined
  const { calls, spend } = countModelCalls(nodes, () => true)
  const toolCalls = countToolCalls(nodes)
  if (calls.length === 0 && spend.length === 0 && toolCalls.length === 0) return undefined
  const named = identify(topmost(nodes), nodes)
  return { agent: named.agent, environment: head.fact.environment, modelCalls: calls, toolCalls, spend }
}
