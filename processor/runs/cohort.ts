/**
 * Who a run belongs to: agent name (R2) and cohort (R13), from the root, the outermost named agent and their own calls.
 * Nodes come in order of start, so ties always fall the same way.
 */
import type { Cohort, ModelCall, Reading, Spend } from '../../model/run.ts'
import { totalTokens } from '../usage.ts'
import { isNamedAgent, type Node } from './tree.ts'

export interface Identity {
  readonly agent: string
  /** The span that gave the name, else the root. */
  readonly primary: Node
  /** Whether a span is the root agent's own work, not a sub-agent's or a hand-off's. */
  readonly isOwn: (n: Node) => boolean
}

/** Finds the agent's name by R2. `root` is the run root, or the topmost span of a run without a candidate. */
export function identify(root: Node, members: readonly Node[]): Identity {
  const primary = isNamedAgent(root) ? root : (outermostNamed(members, true) ?? root)
  // Spans of no agent often carry the agent's name (ADK, Mastra, guards): better than the service when its own span is missing.
  const hinted = primary.name ?? root.name ?? outermostNamed(members, false)?.name
  const agent = hinted ?? root.fact.mainAgent ?? root.fact.service
  const isOwn = (n: Node): boolean => {
    const by = isNamedAgent(n) ? n : n.agentAbove
    return by === undefined || by.name === agent
  }
  return { agent, primary, isOwn }
}

function outermostNamed(members: readonly Node[], isAgent: boolean): Node | undefined {
  let best: Node | undefined
  for (const n of members)
    if (n.name !== undefined && (!isAgent || n.role === 'agent') && (best === undefined || n.depth < best.depth)) best = n
  return best
}

/** The values of agent version, prompt version, model and tool set that the run was made with (R13); empty when unknown. */
export function cohortOf(
  root: Node,
  identity: Identity,
  members: readonly Node[],
  calls: readonly ModelCall[],
  spend: readonly Spend[],
): Cohort {
  const found: Found = { version: '', prompt: '', instructions: '', tools: '' }
  look(identity.primary.fact.reading, found)
  look(root.fact.reading, found)
  for (const n of members) if (n.role === 'model' && identity.isOwn(n)) look(n.fact.reading, found)
  return {
    agentVersion: found.version !== '' ? found.version : (root.fact.serviceVersion ?? ''),
    promptVersion: found.prompt !== '' || found.instructions === '' ? found.prompt : `h:${found.instructions}`,
    model: modelOf(calls, spend),
    toolsVersion: found.tools === '' ? '' : `h:${found.tools}`,
  }
}

interface Found {
  version: string
  prompt: string
  instructions: string
  tools: string
}

/** Takes from a reading what is not known yet. */
function look(r: Reading, found: Found): void {
  if (found.version === '') found.version = r.agentVersion ?? ''
  if (found.prompt === '') found.prompt = r.promptVersion ?? ''
  if (found.instructions === '') found.instructions = r.instructionsHash ?? ''
  if (found.tools === '') found.tools = r.toolsHash ?? ''
}

/** Responding model of the root agent's calls, by tokens; by number of calls where no tokens are known. */
function modelOf(calls: readonly ModelCall[], spend: readonly Spend[]): string {
  const byTokens = heaviest(spend, isOwn, tokensOf)
  if (byTokens !== '') return byTokens
  const byCalls = heaviest(calls, calls.some(isNamedOwn) ? isOwn : isAny, once)
  return byCalls !== '' ? byCalls : heaviest(spend, isAny, tokensOf)
}

const isOwn = ({ own }: { readonly own: boolean }): boolean => own
const isNamedOwn = ({ own, model }: ModelCall): boolean => own && model !== ''
const isAny = (): boolean => true
const tokensOf = ({ usage }: Spend): number => totalTokens(usage) ?? 0
const once = (): number => 1

/** The model with the greatest sum, of equal ones the first by name; empty where none is named. */
function heaviest<T extends { readonly model: string }>(
  items: readonly T[],
  isWanted: (item: T) => boolean,
  weightOf: (item: T) => number,
): string {
  let first = ''
  let isOne = true
  for (const item of items) {
    if (item.model === '' || item.model === first || !isWanted(item)) continue
    if (first === '') first = item.model
    else isOne = false
  }
  if (isOne) return first
  const sums = new Map<string, number>()
  for (const item of items) if (item.model !== '' && isWanted(item)) sums.set(item.model, (sums.get(item.model) ?? 0) + weightOf(item))
  let best = ''
  for (const [model, sum] of sums) {
    const bestSum = best === '' ? -1 : (sums.get(best) ?? 0)
    if (sum > bestSum || (sum === bestSum && model < best)) best = model
  }
  return best
}
