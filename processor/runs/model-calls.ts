/**
 * Model-call spans of one run → calls and spend, each counted once (R3, R4).
 * Calls are the leaves: a model span with a model span below it (not through an agent or tool) is an envelope. Usage comes from the
 * innermost span that reports it. Equal response ids are one call. Failed attempts that were tried again are folded into the next.
 */
import type { ModelCall, RawUsage, Reading, Spend, UsageConflict } from '../../model/run.ts'
import { type Draft, put } from '../dialects/reading.ts'
import { normaliseUsage, totalTokens } from '../usage.ts'
import { failed, Nearest, type Node } from './tree.ts'

const isModel = (n: Node): boolean => n.fact.reading.role === 'model'
/** Agents and tools end an envelope: what is below them is other work. */
const isBoundary = (n: Node): boolean => {
  const role = n.fact.reading.role
  return role === 'agent' || role === 'workflow' || role === 'tool'
}

export interface CountedCalls {
  readonly calls: readonly ModelCall[]
  readonly spend: readonly Spend[]
  readonly conflicts: readonly UsageConflict[]
}

/** Counts the model calls, embeddings and usage of `members` (in order of start). `isOwn` tells the root agent's work from a sub-agent's. */
export function countModelCalls(members: readonly Node[], isOwn: (n: Node) => boolean): CountedCalls {
  const conflicts: UsageConflict[] = []
  const nearest = new Nearest(isModel, isBoundary)
  const models = dropProviderSide(members.filter(isModel), nearest)
  const shape = new Shape(models, nearest)
  const leaves = dropSuperseded(
    models.filter((n) => !shape.hasModelBelow.has(n)),
    shape,
    members,
  )
  const keptLeaves = onePerResponse(
    leaves.map((l) => l.node),
    conflicts,
  )
  const calls = leaves.filter((l) => keptLeaves.has(l.node)).map((l) => callOf(l.node, l.failedAttempts, shape, isOwn(l.node)))

  const reporting = models.filter((n) => n.fact.reading.usage !== undefined && !shape.hasUsageBelow.has(n))
  const keptUsage = onePerResponse(reporting, [])
  const counted = [...reporting.filter((n) => keptUsage.has(n)), ...innerEmbeddings(members)]
  const spend = counted.flatMap((n) => spendOf(n, n.fact.reading.usage, isOwn(n), conflicts))
  spend.push(...agentSpend(members, shape, spend, conflicts, isOwn))
  return { calls, spend, conflicts }
}

const isEmbedding = (n: Node): boolean => n.fact.reading.role === 'embedding'

/** Embedding calls, an outer and an inner span of one call counted once: the inner where it reports usage. */
export function innerEmbeddings(members: readonly Node[]): readonly Node[] {
  const dropped = new Set<Node>()
  const embeddings = members.filter(isEmbedding)
  const nearest = new Nearest(isEmbedding, isBoundary)
  for (const node of embeddings) {
    const outer = nearest.above(node)
    if (outer !== undefined) dropped.add(node.fact.reading.usage === undefined ? node : outer)
  }
  return embeddings.filter((n) => !dropped.has(n))
}

/** A provider's own span under the client's: the same call, so it goes when the client's side reports usage. */
function dropProviderSide(models: readonly Node[], nearest: Nearest): readonly Node[] {
  return models.filter((n) => n.fact.reading.serverSide !== true || nearest.above(n)?.fact.reading.usage === undefined)
}

/** Which model spans have another model span, or reported usage, below them. */
class Shape {
  readonly hasModelBelow = new Set<Node>()
  readonly hasUsageBelow = new Set<Node>()
  /** Agents and workflows with a model call below them that reports usage. */
  readonly agentHasUsageBelow = new Set<Node>()
  readonly envelope = new Map<Node, Node>()
  /** The model span that started last directly under an envelope: what the envelope says of the answer is about that one. */
  readonly lastUnder = new Map<Node, Node>()

  constructor(models: readonly Node[], nearest: Nearest) {
    for (const node of models) {
      const above = nearest.above(node)
      if (above !== undefined) {
        this.envelope.set(node, above)
        this.lastUnder.set(above, node)
      }
      const reports = node.fact.reading.usage !== undefined
      for (let up = above; up !== undefined; up = nearest.above(up)) {
        if (this.hasModelBelow.has(up) && (!reports || this.hasUsageBelow.has(up))) break
        this.hasModelBelow.add(up)
        if (reports) this.hasUsageBelow.add(up)
      }
      for (let up = reports ? node.parent : undefined; up !== undefined && !this.agentHasUsageBelow.has(up); up = up.parent) {
        this.agentHasUsageBelow.add(up)
      }
    }
  }
}

interface Leaf {
  readonly node: Node
  readonly failedAttempts: number
}

/**
 * A failed attempt that was tried again is no call of its own (R3). Attempts are siblings under one parent, or leaves of one envelope,
 * of a dialect that says so; the next one starts after the failed one ended with no tool call between them.
 */
function dropSuperseded(leaves: readonly Node[], shape: Shape, members: readonly Node[]): readonly Leaf[] {
  const toolStarts = new Map<string, number[]>()
  for (const n of members) {
    if (n.fact.reading.role !== 'tool') continue
    const key = n.parent?.fact.spanId ?? ''
    const starts = toolStarts.get(key)
    if (starts === undefined) toolStarts.set(key, [n.fact.startMs])
    else starts.push(n.fact.startMs)
  }
  const pending = new Map<string, Leaf>()
  const kept = new Set<Leaf>()
  for (const node of leaves) {
    const group = attemptGroup(node, shape)
    const before = group === undefined ? undefined : pending.get(group)
    let failedAttempts = 0
    if (group !== undefined && before !== undefined && isRetryOf(node, before.node, toolStarts.get(group) ?? [])) {
      failedAttempts = before.failedAttempts + 1
      kept.delete(before)
    }
    const leaf: Leaf = { node, failedAttempts }
    kept.add(leaf)
    if (group === undefined) continue
    if (failed(topAttempt(node, shape).fact)) pending.set(group, leaf)
    else pending.delete(group)
  }
  return [...kept]
}

/** The span that stands for the attempt: the leaf's outermost per-attempt span, else the leaf itself. */
function topAttempt(node: Node, shape: Shape): Node {
  let top = node
  for (let up: Node | undefined = node; up !== undefined; up = shape.envelope.get(up)) if (up.fact.reading.perAttempt === true) top = up
  return top
}

/** Attempts of one call share a parent: the span above a per-attempt span, or the envelope of plain leaves. */
function attemptGroup(node: Node, shape: Shape): string | undefined {
  const top = topAttempt(node, shape)
  if (top.fact.reading.perAttempt === true) return top.fact.parentSpanId
  return shape.envelope.get(node)?.fact.spanId
}

function isRetryOf(next: Node, before: Node, toolStarts: readonly number[]): boolean {
  const from = before.fact.startMs + before.fact.durationMs
  // One millisecond of slack: SDKs round start and end differently.
  return next.fact.startMs >= from - 1 && !toolStarts.some((t) => t >= before.fact.startMs && t <= next.fact.startMs)
}

/** Of spans with equal response id one is kept: with usage rather than without, deeper rather than higher. */
function onePerResponse(nodes: readonly Node[], conflicts: UsageConflict[]): ReadonlySet<Node> {
  const best = new Map<string, Node>()
  const kept = new Set<Node>()
  for (const node of nodes) {
    const id = node.fact.reading.responseId
    const other = id === undefined ? undefined : best.get(id)
    if (id === undefined) kept.add(node)
    else if (other === undefined) best.set(id, node)
    else if (!sayTheSame(node, other)) kept.add(node)
    else {
      conflicts.push('duplicate_response')
      if (preferred(node, other)) best.set(id, node)
    }
  }
  for (const node of best.values()) kept.add(node)
  return kept
}

/** Equal ids one after the other with different usage are two calls: some assistants put the id of the whole run there. */
function sayTheSame(later: Node, earlier: Node): boolean {
  if (later.fact.startMs <= earlier.fact.startMs + earlier.fact.durationMs) return true
  const a = later.fact.reading.usage
  const b = earlier.fact.reading.usage
  return a === undefined || b === undefined || (a.input === b.input && a.output === b.output)
}

function preferred(a: Node, b: Node): boolean {
  const usage = Number(a.fact.reading.usage !== undefined) - Number(b.fact.reading.usage !== undefined)
  return usage !== 0 ? usage > 0 : a.depth > b.depth
}

function callOf(node: Node, failedAttempts: number, shape: Shape, own: boolean): ModelCall {
  const fact = node.fact
  const outer = shape.envelope.get(node)
  // What an envelope says of the answer is about the call that started last in it.
  const isLast = outer !== undefined && shape.lastUnder.get(outer) === node
  const reading = isLast ? { ...answerOf(outer.fact.reading), ...fact.reading } : fact.reading
  const around: Partial<Reading> = outer?.fact.reading ?? {}
  const requestModel = reading.requestModel ?? around.requestModel
  const hasSpoken = reading.finish !== undefined || reading.usage !== undefined || around.usage !== undefined || fact.status === 'ok'
  const call: Draft<ModelCall> = {
    spanId: fact.spanId,
    startMs: fact.startMs,
    durationMs: fact.durationMs,
    provider: reading.provider ?? around.provider ?? '',
    model: reading.responseModel ?? around.responseModel ?? requestModel ?? '',
    outcome: failed(fact) || reading.finish === 'error' ? 'error' : hasSpoken ? 'ok' : 'unknown',
    failedAttempts,
    own,
  }
  addAnswer(call, reading)
  put(call, 'requestModel', requestModel)
  put(call, 'responseId', reading.responseId)
  return call
}

type Answer = Pick<ModelCall, 'finish' | 'outputEmpty' | 'outputInvalid' | 'outputText' | 'errorType'>

/** What a reading says of the answer, absent where it says nothing. */
function answerOf(r: Partial<Reading>): Answer {
  const answer: Draft<Answer> = {}
  addAnswer(answer, r)
  return answer
}

function addAnswer(to: Draft<Answer>, r: Partial<Reading>): void {
  put(to, 'finish', r.finish)
  put(to, 'outputEmpty', r.outputEmpty)
  put(to, 'outputInvalid', r.outputInvalid)
  put(to, 'outputText', r.outputText)
  put(to, 'errorType', r.errorType)
}

function spendOf(node: Node, raw: RawUsage | undefined, own: boolean, conflicts: UsageConflict[]): readonly Spend[] {
  if (raw === undefined) return []
  const { usage, conflicts: found } = normaliseUsage(raw)
  conflicts.push(...found)
  const r = node.fact.reading
  const spend: Draft<Spend> = {
    spanId: node.fact.spanId,
    atMs: node.fact.startMs,
    provider: r.provider ?? '',
    model: r.responseModel ?? r.requestModel ?? '',
    usage,
    own,
  }
  put(spend, 'requestModel', r.requestModel)
  put(spend, 'serviceTier', r.serviceTier)
  put(spend, 'givenCostUsd', r.givenCostUsd)
  return [spend]
}

/** Agent spans' own sums: the only truth where no model call below reported any, otherwise compared (R4). */
function agentSpend(
  members: readonly Node[],
  shape: Shape,
  spend: readonly Spend[],
  conflicts: UsageConflict[],
  isOwn: (n: Node) => boolean,
): Spend[] {
  const found: Spend[] = []
  const counted = new Set<Node>()
  const countedAbove = new Nearest((n) => counted.has(n))
  const sums = sumsBelow(members, spend)
  for (const node of [...members].sort((a, b) => a.depth - b.depth)) {
    const { role, usage } = node.fact.reading
    if ((role !== 'agent' && role !== 'workflow') || usage === undefined) continue
    if (shape.agentHasUsageBelow.has(node)) {
      if (differs(totalTokens(normaliseUsage(usage).usage) ?? 0, sums.get(node) ?? 0)) conflicts.push('agent_sum')
    } else if (countedAbove.above(node) === undefined) {
      counted.add(node)
      found.push(...spendOf(node, usage, isOwn(node), conflicts))
    }
  }
  return found
}

/** Tokens of counted model calls below every member, embeddings apart: agents do not add those to their sum. */
function sumsBelow(members: readonly Node[], spend: readonly Spend[]): ReadonlyMap<Node, number> {
  const tokensOf = new Map(spend.map((s) => [s.spanId, totalTokens(s.usage) ?? 0]))
  const sums = new Map<Node, number>()
  for (const node of [...members].sort((a, b) => b.depth - a.depth)) {
    const own = isEmbedding(node) ? 0 : (tokensOf.get(node.fact.spanId) ?? 0)
    const total = own + (sums.get(node) ?? 0)
    if (node.parent !== undefined && total > 0) sums.set(node.parent, (sums.get(node.parent) ?? 0) + total)
  }
  return sums
}

/** More than 1 % apart (R4). */
function differs(a: number, b: number): boolean {
  return Math.abs(a - b) > 0.01 * Math.max(a, b)
}
