/**
 * Facts and links of one trace → a forest. Each fact learns its nearest fact above it (through spans of any kind, HTTP hops included),
 * the nearest ones of the roles that matter, and where its path ends: at a parentless span, at a parent that never came, or in a loop of bad ids.
 * Order of arrival never matters: facts are sorted by start time and id first. Linear in spans, whatever the depth.
 * What rules ask of a span's path is worked out once on the way down, in fields of the node: sets and maps of nodes cost several times more.
 */
import type { Fact, SpanRole } from '../../model/run.ts'
import type { ParentLocation } from '../../model/span.ts'
import { agentNameOf } from './name.ts'

/** A span that is no GenAI: its place in the tree. */
export interface Link {
  readonly parentSpanId: string
  readonly parentLocation: ParentLocation
}

/** Where a path upwards ends. */
export interface PathEnd {
  /** Empty at a parentless span, else the id of the parent that is missing. */
  readonly missingParentId: string
  readonly missingIs: ParentLocation
}

const AT_ROOT: PathEnd = { missingParentId: '', missingIs: 'unknown' }

export class Node {
  readonly fact: Fact
  readonly role: SpanRole
  /** Its place among the nodes of the trace. */
  readonly index: number
  parent: Node | undefined = undefined
  depth = 0
  end: PathEnd = AT_ROOT
  /** The greatest index of a tool or retrieval above it, -1 for none: one that is not before it in order of start is out of order. */
  lastCallAbove = -1
  /** Whether it has from above what `inherit` gives; between the two while it is on the way there. */
  placed: 'no' | 'coming' | 'yes' = 'no'
  /** The highest agent or workflow on its path, itself included, that is not an evaluator's: its run's root (R1). */
  top: Node | undefined = undefined
  /** The nearest above it, not through agents and tools: a call around this call. */
  modelAbove: Node | undefined = undefined
  embeddingAbove: Node | undefined = undefined
  /** The nearest above it, not through agents. */
  toolAbove: Node | undefined = undefined
  retrievalAbove: Node | undefined = undefined
  /** The nearest above it, through anything. */
  evaluatorAbove: Node | undefined = undefined
  agentAbove: Node | undefined = undefined
  /** Its agent's name, where it may be a label. */
  readonly name: string | undefined
  /** Marks of the count (model-calls.ts) that set them last; 0 is none. */
  counted = 0
  modelBelow = 0
  usageBelow = 0
  usageBelowAgent = 0
  lastUnder: Node | undefined = undefined
  /** The outermost per-attempt model span of itself and those around it, null for none; unknown until it was looked for. */
  topAttempt: Node | null | undefined = undefined
  /** Failed attempts before this one, of a call that is counted. */
  failedAttempts = 0
  /** Tokens of its usage where that is counted as a model call's, and of those below it (model-calls.ts). */
  tokens = 0
  tokensBelow = 0
  /** Children as a list, for whoever has to walk down; made by `linkChildren`. */
  firstChild: Node | undefined = undefined
  nextSibling: Node | undefined = undefined

  constructor(fact: Fact, index: number) {
    this.fact = fact
    this.role = fact.reading.role
    this.index = index
    this.name = agentNameOf(fact.reading)
  }
}

/** Whether two nodes may have one id, as `idOf` reads it. Few are compared with each other: a Map of them costs several times more. */
export function mayShare(nodes: readonly Node[], idOf: (node: Node) => string | undefined): boolean {
  if (nodes.length > 8) return true
  for (let i = 1; i < nodes.length; i++) {
    const id = idOf(nodes[i] as Node)
    for (let k = 0; k < i && id !== undefined; k++) if (idOf(nodes[k] as Node) === id) return true
  }
  return false
}

/** Stable order: by start, then id. */
export function byStart(a: Fact, b: Fact): number {
  return a.startMs - b.startMs || (a.spanId < b.spanId ? -1 : a.spanId > b.spanId ? 1 : 0)
}

/** Up to so many spans of a trace are sorted and searched in place: a Map and a sort cost more than the few comparisons (docs/decisions/0021). */
const FEW = 16

/** Builds the forest; nodes come in `byStart` order. Every span id once. */
export function buildTree(facts: readonly Fact[], links: ReadonlyMap<string, Link>): readonly Node[] {
  const nodes = sorted(facts).map((fact, i) => new Node(fact, i))
  const find = finderOf(nodes)
  const linkAbove = new Map<string, Above>()
  let before: Node | undefined
  for (const node of nodes) {
    const { parentSpanId, parentLocation } = node.fact
    if (parentSpanId === '') continue
    // Siblings follow each other.
    const isSibling = before !== undefined && before.fact.parentSpanId === parentSpanId && before.fact.parentLocation === parentLocation
    const parent = isSibling ? before?.parent : find(parentSpanId)
    node.parent = parent
    if (isSibling) node.end = before?.end ?? AT_ROOT
    else if (parent === undefined) setAbove(node, findAbove(node.fact, find, links, linkAbove))
    before = node
  }
  for (const node of nodes) place(node)
  return nodes
}

/** Spans come as they end, so that nearly all are in order of start: the few others are moved. */
function sorted(facts: readonly Fact[]): readonly Fact[] {
  if (facts.length > FEW) return facts.toSorted(byStart)
  const list = facts.slice()
  for (let i = 1; i < list.length; i++) {
    const fact = list[i] as Fact
    let at = i
    for (; at > 0 && byStart(list[at - 1] as Fact, fact) > 0; at--) list[at] = list[at - 1] as Fact
    list[at] = fact
  }
  return list
}

type Find = (spanId: string) => Node | undefined

function finderOf(nodes: readonly Node[]): Find {
  if (nodes.length <= FEW) return (spanId) => nodes.find((n) => n.fact.spanId === spanId)
  const byId = new Map<string, Node>()
  for (const node of nodes) byId.set(node.fact.spanId, node)
  return (spanId) => byId.get(spanId)
}

interface Above {
  readonly node: Node | undefined
  readonly end: PathEnd
}

function setAbove(node: Node, above: Above): void {
  node.parent = above.node
  node.end = above.end
}

/** Walks through links to the next fact above a fact whose parent is none, remembering the answer for every link on the way. */
function findAbove(fact: Fact, find: Find, links: ReadonlyMap<string, Link>, linkAbove: Map<string, Above>): Above {
  let id = fact.parentSpanId
  let location = fact.parentLocation
  if (!links.has(id)) return { node: undefined, end: { missingParentId: id, missingIs: location } }
  const walked = new Set<string>()
  let above: Above | undefined
  while (above === undefined) {
    const known = linkAbove.get(id)
    const link = links.get(id)
    const node = find(id)
    if (id === '') above = { node: undefined, end: AT_ROOT }
    else if (node !== undefined) above = { node, end: AT_ROOT }
    else if (known !== undefined) above = known
    else if (link === undefined || walked.has(id)) above = { node: undefined, end: { missingParentId: id, missingIs: location } }
    else {
      walked.add(id)
      location = link.parentLocation
      id = link.parentSpanId
    }
  }
  for (const w of walked) linkAbove.set(w, above)
  return above
}

/** Makes the lists of children anew. */
export function linkChildren(nodes: readonly Node[]): void {
  for (const node of nodes) node.firstChild = undefined
  for (const node of nodes) {
    if (node.parent === undefined) continue
    node.nextSibling = node.parent.firstChild
    node.parent.firstChild = node
  }
}

/** Every node of the trees of `roots`, parents before their children. */
export function* downFrom(roots: readonly Node[]): Iterable<Node> {
  const stack = [...roots]
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    yield node
    for (let child = node.firstChild; child !== undefined; child = child.nextSibling) stack.push(child)
  }
}

/** Hands down to a node what it has from above, and to those above it first: usually they come before it and have it already. */
function place(node: Node): void {
  if (node.placed === 'yes') return
  if (node.parent === undefined || node.parent.placed === 'yes') return inherit(node)
  const path: Node[] = []
  let at: Node | undefined = node
  for (; at !== undefined && at.placed === 'no'; at = at.parent) {
    at.placed = 'coming'
    path.push(at)
  }
  if (at?.placed === 'coming') {
    // A span id that is its own ancestor is a sender's bug: the loop is cut at its first node, which becomes a root.
    at.parent = undefined
    inherit(at)
  }
  for (let i = path.length - 1; i >= 0; i--) if (path[i]?.placed === 'coming') inherit(path[i] as Node)
}

/** What a node has from its parent, which has its own already. */
function inherit(node: Node): void {
  node.placed = 'yes'
  const up = node.parent
  const isCandidate = isAgentRole(node.role)
  if (up === undefined) {
    if (isCandidate) node.top = node
    return
  }
  const { role } = up
  const isAgent = isAgentRole(role)
  const isBoundary = isAgent || role === 'tool'
  node.depth = up.depth + 1
  node.end = up.end
  node.lastCallAbove = (role === 'tool' || role === 'retrieval') && up.index > up.lastCallAbove ? up.index : up.lastCallAbove
  node.modelAbove = role === 'model' ? up : isBoundary ? undefined : up.modelAbove
  node.embeddingAbove = role === 'embedding' ? up : isBoundary ? undefined : up.embeddingAbove
  node.toolAbove = role === 'tool' ? up : isAgent ? undefined : up.toolAbove
  node.retrievalAbove = role === 'retrieval' ? up : isAgent ? undefined : up.retrievalAbove
  node.evaluatorAbove = role === 'evaluator' ? up : up.evaluatorAbove
  node.agentAbove = isNamedAgent(up) ? up : up.agentAbove
  node.top = up.top ?? (isCandidate && node.evaluatorAbove === undefined ? node : undefined)
}

/** Run-root candidates (R1). */
export function isAgentRole(role: SpanRole): boolean {
  return role === 'agent' || role === 'workflow'
}

export function isNamedAgent(n: Node): boolean {
  return n.role === 'agent' && n.name !== undefined
}

/** Whether a fact failed: the dialect's word, else the span status. */
export function failed(fact: Fact): boolean {
  return fact.reading.failed ?? fact.status === 'error'
}
