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
  /** Whether every span above it comes before it in order of start. */
  isOuterFirst = true
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

/** Stable order: by start, then id. */
export function byStart(a: Fact, b: Fact): number {
  return a.startMs - b.startMs || (a.spanId < b.spanId ? -1 : a.spanId > b.spanId ? 1 : 0)
}

/** Builds the forest; nodes come in `byStart` order. */
export function buildTree(facts: readonly Fact[], links: ReadonlyMap<string, Link>): readonly Node[] {
  const nodes = facts.toSorted(byStart).map((fact, i) => new Node(fact, i))
  const byId = new Map<string, Node>()
  for (const node of nodes) byId.set(node.fact.spanId, node)
  const linkAbove = new Map<string, Above>()
  let isOrdered = true
  for (const node of nodes) {
    const { parentSpanId } = node.fact
    if (parentSpanId === '') continue
    const parent = byId.get(parentSpanId)
    if (parent !== undefined) node.parent = parent
    else {
      const above = findAbove(node.fact, byId, links, linkAbove)
      node.parent = above.node
      node.end = above.end
    }
    if (node.parent !== undefined && node.parent.index >= node.index) isOrdered = false
  }
  // Where every parent starts before its children there is no loop, and their order is an order from the top down.
  if (isOrdered) for (const node of nodes) inherit(node)
  else inheritFromRoots(nodes)
  return nodes
}

interface Above {
  readonly node: Node | undefined
  readonly end: PathEnd
}

/** Walks through links to the next fact above, remembering the answer for every link on the way. */
function findAbove(fact: Fact, nodes: ReadonlyMap<string, Node>, links: ReadonlyMap<string, Link>, linkAbove: Map<string, Above>): Above {
  let id = fact.parentSpanId
  let location = fact.parentLocation
  const walked = new Set<string>()
  let above: Above | undefined
  while (above === undefined) {
    const known = linkAbove.get(id)
    const link = links.get(id)
    const node = nodes.get(id)
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

function inheritFromRoots(nodes: readonly Node[]): void {
  breakLoops(nodes)
  linkChildren(nodes)
  for (const node of downFrom(nodes.filter((n) => n.parent === undefined))) inherit(node)
}

/** A span id that is its own ancestor is a sender's bug: the loop is cut at its first node, which becomes a root. */
function breakLoops(nodes: readonly Node[]): void {
  const done = new Set<Node>()
  for (const start of nodes) {
    const path = new Set<Node>()
    let node: Node | undefined = start
    while (node !== undefined && !done.has(node) && !path.has(node)) {
      path.add(node)
      node = node.parent
    }
    if (node !== undefined && path.has(node)) node.parent = undefined
    for (const p of path) done.add(p)
  }
}

/** What a node has from its parent, which has its own already. */
function inherit(node: Node): void {
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
  node.isOuterFirst = up.isOuterFirst && up.index < node.index
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
