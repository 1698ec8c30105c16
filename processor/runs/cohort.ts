/**
 * Who a run belongs to: agent name (R2) and cohort (R13), from the root, the outermost named agent and their own calls.
 * Nodes come in order of start, so ties always fall the same way.
 */
import type { Cohort, ModelCall, Spend } from '../../model/run.ts'
import { totalTokens } from '../usage.ts'
import { Nearest, type Node } from './tree.ts'

export interface Identity {
  readonly agent: string
  /** The span that gave the name, else the root. */
  readonly primary: Node
  /** Whether a span is the root agent's own work, not a sub-agent's or a hand-off's. */
  readonly isOwn: (n: Node) => boolean
}

const isAgent = (n: Node): boolean => n.fact.reading.role === 'agent'

/** Ids that some frameworks write where a name belongs: UUIDs and long hex strings never become a label. */
const ID_LIKE = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$|^[0-9a-f]{24,}$/i

function nameOf(n: Node): string | undefined {
  const name = n.fact.reading.agentName?.trim()
  return name === undefined || name === '' || ID_LIKE.test(name) ? undefined : name
}

/** Finds the agent's name by R2. `root` is the run root, or the topmost span of a run without a candidate. */
export function identify(root: Node, members: readonly Node[]): Identity {
  const primary = isAgent(root) && nameOf(root) !== undefined ? root : (outermostNamed(members, isAgent) ?? root)
  // Spans of no agent often carry the agent's name (ADK, Mastra, guards): better than the service when its own span is missing.
  const hinted = nameOf(primary) ?? nameOf(root) ?? nameOfFirst(members)
  const agent = hinted ?? root.fact.mainAgent ?? root.fact.service
  const isNamed = (n: Node): boolean => isAgent(n) && nameOf(n) !== undefined
  const nearest = new Nearest(isNamed)
  const isOwn = (n: Node): boolean => {
    const by = isNamed(n) ? n : nearest.above(n)
    return by === undefined || nameOf(by) === agent
  }
  return { agent, primary, isOwn }
}

function outermostNamed(members: readonly Node[], wanted: (n: Node) => boolean): Node | undefined {
  let best: Node | undefined
  for (const n of members) if (wanted(n) && nameOf(n) !== undefined && (best === undefined || n.depth < best.depth)) best = n
  return best
}

function nameOfFirst(members: readonly Node[]): string | undefined {
  const named = outermostNamed(members, () => true)
  return named === undefined ? undefined : nameOf(named)
}

/** The values of agent version, prompt version, model and tool set that the run was made with (R13); empty when unknown. */
export function cohortOf(
  root: Node,
  identity: Identity,
  members: readonly Node[],
  calls: readonly ModelCall[],
  spend: readonly Spend[],
): Cohort {
  const order = [identity.primary, root, ...members.filter((n) => n.fact.reading.role === 'model' && identity.isOwn(n))]
  const pick = (read: (n: Node) => string | undefined): string | undefined => {
    for (const n of order) {
      const value = read(n)
      if (value !== undefined && value !== '') return value
    }
    return undefined
  }
  const instructions = pick((n) => n.fact.reading.instructionsHash)
  const tools = pick((n) => n.fact.reading.toolsHash)
  return {
    agentVersion: pick((n) => n.fact.reading.agentVersion) ?? root.fact.serviceVersion ?? '',
    promptVersion: pick((n) => n.fact.reading.promptVersion) ?? (instructions === undefined ? '' : `h:${instructions}`),
    model: modelOf(calls, spend),
    toolsVersion: tools === undefined ? '' : `h:${tools}`,
  }
}

/** Responding model of the root agent's calls, by tokens; by number of calls where no tokens are known. */
function modelOf(calls: readonly ModelCall[], spend: readonly Spend[]): string {
  const own = spend.filter((s) => s.own && s.model !== '')
  const byTokens = heaviest(own.map((s) => [s.model, totalTokens(s.usage) ?? 0] as const))
  if (byTokens !== '') return byTokens
  const ownCalls = calls.filter((c) => c.own && c.model !== '')
  const byCalls = heaviest((ownCalls.length > 0 ? ownCalls : calls.filter((c) => c.model !== '')).map((c) => [c.model, 1] as const))
  return byCalls !== '' ? byCalls : heaviest(spend.filter((s) => s.model !== '').map((s) => [s.model, totalTokens(s.usage) ?? 0] as const))
}

function heaviest(weights: readonly (readonly [string, number])[]): string {
  const sums = new Map<string, number>()
  for (const [model, weight] of weights) sums.set(model, (sums.get(model) ?? 0) + weight)
  let best = ''
  for (const [model, sum] of sums) {
    const bestSum = best === '' ? -1 : (sums.get(best) ?? 0)
    if (sum > bestSum || (sum === bestSum && model < best)) best = model
  }
  return best
}
