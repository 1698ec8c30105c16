/**
 * One open trace: the facts and links that arrived, and what is remembered of a trace after its runs closed.
 */
import type { Assembled, TraceView } from './assemble.ts'
import { assemble } from './assemble.ts'
import type { ExternalEvaluation, Fact } from '../../model/run.ts'
import { FactList } from './fact-list.ts'
import type { Link } from './tree.ts'

const NO_LINKS: ReadonlyMap<string, Link> = new Map()

/** A fact as its trace holds it. */
export interface HeldFact extends Fact {
  /** Number of the claim of its response (responses.ts); without one it is looked for. */
  claim?: number
}

export class OpenTrace implements TraceView {
  readonly traceId: string
  /** Its place in the table of traces. */
  readonly slot: number
  readonly facts = new FactList()
  /** Shared by all that have none: `setLink` adds. */
  links: ReadonlyMap<string, Link> = NO_LINKS
  readonly evaluations: { readonly spanId: string; readonly evaluation: ExternalEvaluation }[] = []
  /** Whether it has an agent or workflow span. */
  hasCandidate = false
  /** The trace this one continues, when some of its runs have closed already. */
  closed: ClosedTrace | undefined
  #assembled: Assembled | undefined
  #own: Map<string, Link> | undefined
  /** The links as they were handed out by `keepLinks`: not to be changed but at the end. */
  #kept: ReadonlyMap<string, Link> | undefined

  constructor(traceId: string, slot: number) {
    this.traceId = traceId
    this.slot = slot
  }

  get spans(): number {
    return this.facts.size + this.links.size
  }

  has(spanId: string): boolean {
    return this.facts.has(spanId) || this.links.has(spanId)
  }

  /** The links, to be read later: whatever is dropped from now on is dropped from a copy. */
  keepLinks(): ReadonlyMap<string, Link> {
    this.#kept = this.links
    return this.links
  }

  /** Notes the place of a span that is no GenAI. */
  setLink(spanId: string, link: Link): void {
    this.#own ??= new Map<string, Link>()
    this.links = this.#own.set(spanId, link)
  }

  /** Forgets a link that turned out to be a GenAI span. */
  dropLink(spanId: string): void {
    if (this.#own?.has(spanId) !== true) return
    if (this.#kept === this.#own) this.links = this.#own = new Map(this.#own)
    this.#own.delete(spanId)
  }

  /** Notes that its runs are no longer as they were. */
  changed(): void {
    this.#assembled = undefined
  }

  /** The runs as known now; computed once between additions. */
  assembled(): Assembled {
    return (this.#assembled ??= assemble(this))
  }

  /** Whether the last assembly is still good: nothing was added since. */
  get isFresh(): boolean {
    return this.#assembled !== undefined
  }
}

/** What late spans and evaluations of a closed trace are counted under. */
export interface ClosedRun {
  readonly agent: string
  readonly environment: string
  readonly promptVersion: string
  readonly model: string
  /** How often it counts: of a sampled run, what it stands for. */
  readonly weight: number
  /** Only where the trace has several runs. Without them it has all that is remembered of the trace and no other run has. */
  readonly spanIds: Set<string> | undefined
}

export interface ClosedTrace {
  readonly closedMs: number
  readonly runs: readonly ClosedRun[]
  /** Spans whose usage was counted, and the plain ones below: a late model span below one says the same again. */
  readonly counted: Set<string>
  /** Spans above those, up to the next agent or tool: a late model span among them is an envelope. */
  readonly envelopes: Set<string>
  /** Parents that had not come and are above counted usage, through agents: the sum of an agent up there repeats it. */
  readonly missingAbove: Set<string>
  /** Spans of tool calls that were counted, and the plain ones below: the late span of a tool's server below one is of the same call. */
  readonly tools: Set<string>
  /** Parents that had not come when the trace closed: they are above its runs, not beside them. */
  readonly missingParents: ReadonlySet<string>
}
