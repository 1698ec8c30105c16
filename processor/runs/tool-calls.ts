/**
 * Tool and retrieval spans of one run → calls, each counted once (R3): a tool span and the MCP client span inside it, the server side
 * of a call, a retriever and the vector store below it, and two instrumentations of one call are one.
 */
import { endOf, type Reading, type ToolCall } from '../../model/run.ts'
import { taken } from '../dialects/whole.ts'
import { failed, mayShare, type Node } from './tree.ts'

const isTool = (n: Node): boolean => n.role === 'tool'
const isRetrieval = (n: Node): boolean => n.role === 'retrieval'
const isCall = (n: Node): boolean => isTool(n) || isRetrieval(n)
/** The nearest span above of its own kind, not through agents: a sub-agent's tool of the same name is another call. */
const above = (n: Node, isOfTool: boolean): Node | undefined => (isOfTool ? n.toolAbove : n.retrievalAbove)

/** What several spans of one call say together. */
interface Merged {
  readonly node: Node
  failed: boolean
  blocked: boolean
  empty: boolean | undefined
  argumentsHash: string | undefined
  errorType: string | undefined
  name: string | undefined
}

/** Counts the tool calls and retrievals of `members` (in order of start). */
export function countToolCalls(members: readonly Node[]): readonly ToolCall[] {
  let nodes: Node[] | undefined
  let areApart = true
  for (const n of members) {
    if (n.lastCallAbove > n.index) areApart = false
    if (!isCall(n)) continue
    if (above(n, isTool(n)) !== undefined) areApart = false
    ;(nodes ??= []).push(n)
  }
  if (nodes === undefined) return NONE
  // As it nearly always is: a span a call.
  if (areApart && !mayShare(nodes, (n) => n.fact.reading.toolCallId)) return nodes.map((n) => callOf(startOf(n)))
  return merge(members)
}

const NONE: readonly ToolCall[] = []

/** Calls, each from the spans that say the same. */
function merge(members: readonly Node[]): readonly ToolCall[] {
  const merged = new Map<Node, Merged>()
  /** The span above that a node went into. */
  const outers = new Map<Node, Node>()
  const byCallId = new Map<string, Node>()
  for (const node of outerFirst(members)) {
    if (!isCall(node)) continue
    const outer = outerSpanOf(node, merged, outers)
    if (outer !== undefined) outers.set(node, outer)
    const same = outer ?? siblingOf(node, byCallId, merged)
    const into = same === undefined ? undefined : merged.get(same)
    if (into === undefined) merged.set(node, startOf(node))
    else mergeInto(into, node)
    const callId = node.fact.reading.toolCallId
    if (callId !== undefined && into === undefined) byCallId.set(callId, node)
  }
  return Array.from(merged.values(), callOf)
}

/**
 * In order of start, but no span before one above it: spans that start in the same millisecond come in any order, and the clock of another
 * process (an MCP server's) may be behind.
 */
function outerFirst(members: readonly Node[]): readonly Node[] {
  if (members.every((n) => n.lastCallAbove < n.index)) return members
  const inside = new Set(members)
  const seen = new Set<Node>()
  const ordered: Node[] = []
  for (const member of members) {
    const path: Node[] = []
    for (let at: Node | undefined = member; at !== undefined && !seen.has(at); at = at.parent) {
      seen.add(at)
      path.push(at)
    }
    ordered.push(...path.reverse().filter((node) => inside.has(node)))
  }
  return ordered
}

/**
 * The span above that reports the same call, if any. Only the nearest one is asked, which was placed before: what it went into is what
 * this one goes into. A walk to the top from each of 40,000 nested tools took 16 seconds.
 */
function outerSpanOf(node: Node, merged: ReadonlyMap<Node, Merged>, outers: ReadonlyMap<Node, Node>): Node | undefined {
  const isOfTool = isTool(node)
  const up = above(node, isOfTool)
  if (up === undefined || (isOfTool && !saysTheSame(node.fact.reading, up.fact.reading))) return undefined
  return merged.has(up) ? up : outers.get(up)
}

function saysTheSame(inner: Reading, outer: Reading): boolean {
  // Two different call ids are two calls, whatever the names: an agent's tool holds the calls of its sub-agent.
  if (inner.toolCallId !== undefined && outer.toolCallId !== undefined && inner.toolCallId !== outer.toolCallId) return false
  const sameName = inner.toolName === undefined || outer.toolName === undefined || inner.toolName === outer.toolName
  const sameId = inner.toolCallId !== undefined && inner.toolCallId === outer.toolCallId
  return sameName || sameId || inner.serverSide === true
}

/** A span beside this one with the same call id that ran at the same time: two instrumentations of one call. */
function siblingOf(node: Node, byCallId: ReadonlyMap<string, Node>, merged: ReadonlyMap<Node, Merged>): Node | undefined {
  const id = node.fact.reading.toolCallId
  const other = id === undefined ? undefined : byCallId.get(id)
  if (other === undefined || !merged.has(other)) return undefined
  const overlaps = node.fact.startMs <= endOf(other.fact)
  const sameName = node.fact.reading.toolName === undefined || node.fact.reading.toolName === other.fact.reading.toolName
  return overlaps && sameName ? other : undefined
}

function startOf(node: Node): Merged {
  const r = node.fact.reading
  return {
    node,
    failed: failed(node.fact),
    blocked: r.blocked === true,
    empty: r.resultEmpty,
    argumentsHash: r.argumentsHash,
    errorType: r.errorType,
    name: r.toolName,
  }
}

function mergeInto(into: Merged, node: Node): void {
  const r = node.fact.reading
  into.failed ||= failed(node.fact)
  into.blocked ||= r.blocked === true
  into.empty ??= r.resultEmpty
  into.argumentsHash ??= r.argumentsHash
  into.errorType ??= r.errorType
  into.name ??= r.toolName
}

function callOf(m: Merged): ToolCall {
  const { fact } = m.node
  return taken<ToolCall>({
    spanId: fact.spanId,
    startMs: fact.startMs,
    durationMs: fact.durationMs,
    tool: m.name ?? (isRetrieval(m.node) ? 'retrieval' : ''),
    outcome: m.blocked ? 'blocked' : m.failed ? 'error' : m.empty === true ? 'empty' : 'ok',
    retrieval: isRetrieval(m.node),
    argumentsHash: m.argumentsHash,
    errorType: m.errorType,
    resultEmpty: m.empty,
  })
}
