/**
 * Facts and links of one trace → a forest. Each fact learns its nearest fact above it (through spans of any kind, HTTP hops included)
 * and where its path ends: at a parentless span, at a parent that never came, or in a loop of bad ids.
 * Order of arrival never matters: facts are sorted by start time and id first. Linear in spans, whatever the depth.
 */
import type { Fact } from '../../model/run.ts'
import type { ParentLocation } from '../../model/span.ts'

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

export interface Node {
  readonly fact: Fact
  readonly parent: Node | undefined
  readonly children: readonly Node[]
  readonly depth: number
  readonly end: PathEnd
  /** Its place among the nodes of the trace. */
  readonly index: number
}

interface MutableNode extends Node {
  parent: MutableNode | undefined
  children: MutableNode[]
  depth: number
  end: PathEnd
}

interface Above {
  readonly node: MutableNode | undefined
  readonly end: PathEnd
}

const AT_ROOT: PathEnd = { missingParentId: '', missingIs: 'unknown' }

/** Stable order: by start, then id. */
export function byStart(a: Fact, b: Fact): number {
  return a.startMs - b.startMs || (a.spanId < b.spanId ? -1 : a.spanId > b.spanId ? 1 : 0)
}

/** Builds the forest; nodes come in `byStart` order. */
export function buildTree(facts: Iterable<Fact>, links: ReadonlyMap<string, Link>): readonly Node[] {
  const nodes = new Map<string, MutableNode>()
  for (const fact of [...facts].sort(byStart))
    nodes.set(fact.spanId, { fact, parent: undefined, children: [], depth: 0, end: AT_ROOT, index: nodes.size })
  const linkAbove = new Map<string, Above>()
  for (const node of nodes.values()) {
    const above = findAbove(node.fact, nodes, links, linkAbove)
    node.parent = above.node
    node.end = above.end
  }
  breakLoops(nodes)
  const ordered = [...nodes.values()]
  for (const node of ordered) node.parent?.children.push(node)
  settleDown(ordered)
  return ordered
}

/** Walks through links to the next fact above, remembering the answer for every link on the way. */
function findAbove(
  fact: Fact,
  nodes: ReadonlyMap<string, MutableNode>,
  links: ReadonlyMap<string, Link>,
  linkAbove: Map<string, Above>,
): Above {
  let id = fact.parentSpanId
  let location = fact.parentLocation
  const walked: string[] = []
  const seen = new Set<string>()
  let above: Above | undefined
  while (above === undefined) {
    const known = linkAbove.get(id)
    const link = links.get(id)
    const node = nodes.get(id)
    if (id === '') above = { node: undefined, end: AT_ROOT }
    else if (node !== undefined) above = { node, end: AT_ROOT }
    else if (known !== undefined) above = known
    else if (link === undefined || seen.has(id)) above = { node: undefined, end: { missingParentId: id, missingIs: location } }
    else {
      walked.push(id)
      seen.add(id)
      location = link.parentLocation
      id = link.parentSpanId
    }
  }
  for (const w of walked) linkAbove.set(w, above)
  return above
}

/** A span id that is its own ancestor is a sender's bug: the loop is cut at its first node, which becomes a root. */
function breakLoops(nodes: ReadonlyMap<string, MutableNode>): void {
  const done = new Set<MutableNode>()
  for (const start of nodes.values()) {
    const path = new Set<MutableNode>()
    let node: MutableNode | undefined = start
    while (node !== undefined && !done.has(node) && !path.has(node)) {
      path.add(node)
      node = node.parent
    }
    if (node !== undefined && path.has(node)) node.parent = undefined
    for (const p of path) done.add(p)
  }
}

/** Hands depth and path end down from the roots. */
function settleDown(nodes: readonly MutableNode[]): void {
  const stack = nodes.filter((n) => n.parent === undefined)
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    for (const child of node.children) {
      child.depth = node.depth + 1
      child.end = node.end
      stack.push(child)
    }
  }
}

/**
 * Finds the nearest node above that is `wanted`, giving up at one that is a `boundary`. Answers are remembered along the path,
 * so asking for every node of a trace is linear even for a chain of 20,000 nested spans.
 */
export class Nearest {
  readonly #wanted: (n: Node) => boolean
  readonly #boundary: (n: Node) => boolean
  /** By index of the node; null where there is none above. */
  readonly #known: (Node | null | undefined)[] = []

  constructor(wanted: (n: Node) => boolean, boundary: (n: Node) => boolean = () => false) {
    this.#wanted = wanted
    this.#boundary = boundary
  }

  above(node: Node): Node | undefined {
    let at = node
    let found = this.#known[at.index]
    while (found === undefined) {
      const up = at.parent
      if (up === undefined) found = null
      else if (this.#wanted(up)) found = up
      else if (this.#boundary(up)) found = null
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

/** Whether a fact failed: the dialect's word, else the span status. */
export function failed(fact: Fact): boolean {
  return fact.reading.failed ?? fact.status === 'error'
}
