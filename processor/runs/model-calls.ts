/**
 * Model-call spans of one run → calls and spend, each counted once (R3, R4).
 * Calls are the leaves: a model span with a model span below it (not through an agent or tool) is an envelope. Usage comes from the
 * innermost span that reports it. Equal response ids are one call. Failed attempts that were tried again are folded into the next.
 */
import { endOf, type Fact, type FinishReason, type ModelCall, type Reading, type Spend, type UsageConflict } from '../../model/run.ts'
import { blankReading, taken } from '../dialects/whole.ts'
import { normaliseUsage, totalTokens } from '../usage.ts'
import { failed, isAgentRole, mayShare, type Node } from './tree.ts'

export interface CountedCalls {
  readonly calls: readonly ModelCall[]
  readonly spend: readonly Spend[]
  readonly conflicts: readonly UsageConflict[]
  readonly embeddings: number
}

/** Every count marks nodes with a number of its own: marks of another one, over other members of the same trace, mean nothing to it. */
let counts = 0

const NO_NODES: readonly Node[] = []
const NOBODY: ReadonlySet<Node> = new Set()

/** Counts the model calls, embeddings and usage of `members` (in order of start). `isOwn` tells the root agent's work from a sub-agent's. */
export function countModelCalls(members: readonly Node[], isOwn: (n: Node) => boolean): CountedCalls {
  const mark = ++counts
  const conflicts: UsageConflict[] = []
  const models = membersThat(isCountedModel, members)
  for (const node of models) {
    node.counted = mark
    node.topAttempt = undefined
  }
  for (const node of models) markAbove(node, mark)
  const leaves = dropSuperseded(
    all(models, (n) => n.modelBelow !== mark),
    mark,
    members,
  )
  const twins = twinsAmong(leaves, conflicts)
  const calls: ModelCall[] = []
  for (const node of leaves) if (!twins.has(node)) calls.push(callOf(node, mark, isOwn(node)))

  const reporting = all(models, (n) => n.fact.reading.usage !== undefined && n.usageBelow !== mark)
  // The same spans, as they nearly always are, have the same twins.
  const toldTwice = reporting === leaves ? twins : twinsAmong(reporting, [])
  const spend: Spend[] = []
  for (const n of reporting) if (!toldTwice.has(n)) n.tokens = addSpend(n, isOwn(n), spend, conflicts)
  const embeddings = innerEmbeddings(members)
  for (const n of embeddings) addSpend(n, isOwn(n), spend, conflicts)
  addAgentSpend(members, mark, spend, conflicts, isOwn)
  return { calls, spend, conflicts, embeddings: embeddings.length }
}

const isEmbedding = (n: Node): boolean => n.role === 'embedding'
const isCountedModel = (n: Node): boolean => n.role === 'model' && !isProviderSide(n)

/** `filter` that makes no list of nothing. */
function membersThat(are: (n: Node) => boolean, members: readonly Node[]): readonly Node[] {
  let found: Node[] | undefined
  for (const n of members) if (are(n)) (found ??= []).push(n)
  return found ?? NO_NODES
}

/** `filter` that makes no new list where all are wanted. */
function all(nodes: readonly Node[], areWanted: (n: Node) => boolean): readonly Node[] {
  return nodes.every(areWanted) ? nodes : nodes.filter(areWanted)
}

/** Embedding calls, an outer and an inner span of one call counted once: the inner where it reports usage. */
function innerEmbeddings(members: readonly Node[]): readonly Node[] {
  const embeddings = membersThat(isEmbedding, members)
  if (embeddings.length < 2) return embeddings
  const dropped = new Set<Node>()
  for (const node of embeddings) {
    const outer = node.embeddingAbove
    if (outer !== undefined) dropped.add(node.fact.reading.usage === undefined ? node : outer)
  }
  return embeddings.filter((n) => !dropped.has(n))
}

/** A provider's own span under the client's: the same call, so it goes when the client's side reports usage. */
function isProviderSide({ fact, modelAbove }: Node): boolean {
  return fact.reading.serverSide === true && modelAbove?.fact.reading.usage !== undefined
}

/** The model span around one that is counted. */
function envelopeOf(node: Node, mark: number): Node | undefined {
  return node.counted === mark ? node.modelAbove : undefined
}

/** Marks what is above a model span: it has another model span, or reported usage, below it. */
function markAbove(node: Node, mark: number): void {
  // The model span that started last directly under an envelope: what the envelope says of the answer is about that one.
  if (node.modelAbove !== undefined) node.modelAbove.lastUnder = node
  const reports = node.fact.reading.usage !== undefined
  for (let up = node.modelAbove; up !== undefined; up = up.modelAbove) {
    if (up.modelBelow === mark && (!reports || up.usageBelow === mark)) break
    up.modelBelow = mark
    if (reports) up.usageBelow = mark
  }
  for (let up = reports ? node.parent : undefined; up !== undefined && up.usageBelowAgent !== mark; up = up.parent) {
    up.usageBelowAgent = mark
  }
}

/**
 * A failed attempt that was tried again is no call of its own (R3). Attempts are siblings under one parent, or leaves of one envelope,
 * of a dialect that says so; the next one starts after the failed one ended with no tool call between them.
 */
function dropSuperseded(leaves: readonly Node[], mark: number, members: readonly Node[]): readonly Node[] {
  if (leaves.every((node) => attemptGroup(node, mark) === undefined)) return leaves
  const toolStarts = toolStartsOf(members)
  const pending = new Map<string, Node>()
  const kept = new Set<Node>()
  for (const node of leaves) {
    const group = attemptGroup(node, mark)
    const before = group === undefined ? undefined : pending.get(group)
    if (group !== undefined && before !== undefined && isRetryOf(node, before, toolStarts.get(group) ?? [])) {
      node.failedAttempts = before.failedAttempts + 1
      kept.delete(before)
    }
    kept.add(node)
    if (group === undefined) continue
    if (failed(topAttempt(node, mark).fact)) pending.set(group, node)
    else pending.delete(group)
  }
  return [...kept]
}

/** When tool calls started, in order, by the span above them. */
function toolStartsOf(members: readonly Node[]): ReadonlyMap<string, readonly number[]> {
  const toolStarts = new Map<string, number[]>()
  for (const n of members) {
    if (n.role !== 'tool') continue
    const key = n.parent?.fact.spanId ?? ''
    const starts = toolStarts.get(key)
    if (starts === undefined) toolStarts.set(key, [n.fact.startMs])
    else starts.push(n.fact.startMs)
  }
  return toolStarts
}

/**
 * The span that stands for the attempt: the leaf's outermost per-attempt span, else the leaf itself. Answers are remembered along the path,
 * so that leaves at every depth of one path of envelopes climb it once.
 */
function topAttempt(node: Node, mark: number): Node {
  if (node.modelAbove === undefined) return node
  let top: Node | null = null
  let at: Node | undefined = node
  for (; at !== undefined && (at.counted !== mark || at.topAttempt === undefined); at = envelopeOf(at, mark))
    if (at.fact.reading.perAttempt === true) top = at
  top = at?.topAttempt ?? top
  let answer = top
  for (let on: Node | undefined = node; on !== at && on !== undefined; on = envelopeOf(on, mark)) {
    on.topAttempt = answer
    // What is above the outermost has none.
    if (on === top) answer = null
  }
  return top ?? node
}

/** Attempts of one call share a parent: the span above a per-attempt span, or the envelope of plain leaves. */
function attemptGroup(node: Node, mark: number): string | undefined {
  const top = topAttempt(node, mark)
  if (top.fact.reading.perAttempt === true) return top.fact.parentSpanId
  return envelopeOf(node, mark)?.fact.spanId
}

function isRetryOf(next: Node, before: Node, toolStarts: readonly number[]): boolean {
  // One millisecond of slack: SDKs round start and end differently.
  return next.fact.startMs >= endOf(before.fact) - 1 && !isAnyWithin(toolStarts, before.fact.startMs, next.fact.startMs)
}

/** Whether any of some times in order is within two others. By halves: a span may have thousands of attempts and of tools below it. */
function isAnyWithin(times: readonly number[], from: number, to: number): boolean {
  let [low, high] = [0, times.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((times[middle] as number) < from) low = middle + 1
    else high = middle
  }
  return low < times.length && (times[low] as number) <= to
}

/** Of spans with equal response id one is kept: with usage rather than without, deeper rather than higher. These are the others. */
function twinsAmong(nodes: readonly Node[], conflicts: UsageConflict[]): ReadonlySet<Node> {
  if (!mayShare(nodes, (n) => n.fact.reading.responseId)) return NOBODY
  const best = new Map<string, Node>()
  const dropped = new Set<Node>()
  for (const node of nodes) {
    const id = node.fact.reading.responseId
    if (id === undefined) continue
    const other = best.get(id)
    if (other === undefined) best.set(id, node)
    else if (sayTheSame(node, other)) {
      conflicts.push('duplicate_response')
      const isBetter = preferred(node, other)
      dropped.add(isBetter ? other : node)
      if (isBetter) best.set(id, node)
    }
  }
  return dropped
}

/** Equal ids one after the other with different usage are two calls: some assistants put the id of the whole run there. */
function sayTheSame(later: Node, earlier: Node): boolean {
  if (later.fact.startMs <= endOf(earlier.fact)) return true
  const a = later.fact.reading.usage
  const b = earlier.fact.reading.usage
  return a === undefined || b === undefined || (a.input === b.input && a.output === b.output)
}

function preferred(a: Node, b: Node): boolean {
  const usage = Number(a.fact.reading.usage !== undefined) - Number(b.fact.reading.usage !== undefined)
  return usage !== 0 ? usage > 0 : a.depth > b.depth
}

function callOf(node: Node, mark: number, own: boolean): ModelCall {
  const fact = node.fact
  const outer = envelopeOf(node, mark)
  // What an envelope says of the answer is about the call that started last in it.
  const answer = outer !== undefined && outer.lastUnder === node ? outer.fact.reading : NOTHING_SAID
  const around = outer?.fact.reading ?? NOTHING_SAID
  const { reading } = fact
  const finish = reading.finish ?? answer.finish
  const requestModel = reading.requestModel ?? around.requestModel
  return taken<ModelCall>({
    spanId: fact.spanId,
    startMs: fact.startMs,
    durationMs: fact.durationMs,
    provider: reading.provider ?? around.provider ?? '',
    model: reading.responseModel ?? around.responseModel ?? requestModel ?? '',
    outcome: outcomeOf(fact, finish, around),
    failedAttempts: node.failedAttempts,
    own,
    finish,
    outputEmpty: reading.outputEmpty ?? answer.outputEmpty,
    outputInvalid: reading.outputInvalid ?? answer.outputInvalid,
    outputText: reading.outputText ?? answer.outputText,
    errorType: reading.errorType ?? answer.errorType,
    requestModel,
    responseId: reading.responseId,
  })
}

const NOTHING_SAID: Reading = blankReading('other')

function outcomeOf(fact: Fact, finish: FinishReason | undefined, around: Reading): ModelCall['outcome'] {
  if (failed(fact) || finish === 'error') return 'error'
  const hasSpoken = finish !== undefined || fact.reading.usage !== undefined || around.usage !== undefined || fact.status === 'ok'
  return hasSpoken ? 'ok' : 'unknown'
}

/** Adds what a span reports of its usage, if anything; returns its tokens. */
function addSpend(node: Node, own: boolean, to: Spend[], conflicts: UsageConflict[]): number {
  const r = node.fact.reading
  if (r.usage === undefined) return 0
  const { usage, conflicts: found } = normaliseUsage(r.usage)
  for (const conflict of found) conflicts.push(conflict)
  to.push(
    taken<Spend>({
      spanId: node.fact.spanId,
      atMs: node.fact.startMs,
      provider: r.provider ?? '',
      model: r.responseModel ?? r.requestModel ?? '',
      usage,
      own,
      requestModel: r.requestModel,
      serviceTier: r.serviceTier,
      givenCostUsd: r.givenCostUsd,
    }),
  )
  return totalTokens(usage) ?? 0
}

const reportsSum = (n: Node): boolean => isAgentRole(n.role) && n.fact.reading.usage !== undefined

/** Agent spans' own sums: the only truth where no model call below reported any, otherwise compared (R4). */
function addAgentSpend(
  members: readonly Node[],
  mark: number,
  spend: Spend[],
  conflicts: UsageConflict[],
  isOwn: (n: Node) => boolean,
): void {
  const reporting = membersThat(reportsSum, members)
  if (reporting.length === 0) return
  if (reporting.some((n) => n.usageBelowAgent === mark)) addUp(members)
  const countedAbove = new Nearest((n) => n.counted === mark && isAgentRole(n.role))
  for (const node of reporting.length === 1 ? reporting : reporting.toSorted((a, b) => a.depth - b.depth)) {
    const { usage } = node.fact.reading
    if (node.usageBelowAgent === mark) {
      const own = usage === undefined ? undefined : totalTokens(normaliseUsage(usage).usage)
      if (differs(own ?? 0, node.tokensBelow)) conflicts.push('agent_sum')
    } else if (countedAbove.above(node) === undefined) {
      node.counted = mark
      addSpend(node, isOwn(node), spend, conflicts)
    }
  }
}

/** Tokens of counted model calls below every member, embeddings apart: agents do not add those to their sum. */
function addUp(members: readonly Node[]): void {
  for (const node of members) node.tokensBelow = 0
  // From below: the other way round than they start, unless one starts before its parent does.
  const isOuterFirst = members.every((n) => n.parent === undefined || n.parent.index < n.index)
  const ordered = isOuterFirst ? members : members.toSorted((a, b) => a.depth - b.depth)
  for (let i = ordered.length - 1; i >= 0; i--) {
    const node = ordered[i] as Node
    if (node.parent !== undefined) node.parent.tokensBelow += node.tokens + node.tokensBelow
  }
}

/** Finds whether a node above is `wanted`; answers are remembered along the path, so that asking for every node is linear however deep they are. */
class Nearest {
  readonly #wanted: (n: Node) => boolean
  /** By index of the node; null where there is none above. */
  readonly #known: (Node | null | undefined)[] = []

  constructor(wanted: (n: Node) => boolean) {
    this.#wanted = wanted
  }

  above(node: Node): Node | undefined {
    let at = node
    let found = this.#known[at.index]
    while (found === undefined) {
      const up = at.parent
      if (up === undefined) found = null
      else if (this.#wanted(up)) found = up
      else {
        at = up
        found = this.#known[at.index]
      }
    }
    // Every node on the way has the same answer.
    for (let on = node; on !== at; on = on.parent as Node) this.#known[on.index] = found
    this.#known[at.index] = found
    return found ?? undefined
  }
}

/** More than 1 % apart (R4). */
function differs(a: number, b: number): boolean {
  return Math.abs(a - b) > 0.01 * Math.max(a, b)
}
