/**
 * Calls that another trace of the same service reports too (equal `gen_ai.response.id`): who keeps them is settled in responses.ts.
 */
import type { Fact, ModelCall, Run, UsageConflict } from '../../model/run.ts'
import type { Loose } from './assemble.ts'
import type { Responses } from './responses.ts'
import type { OpenTrace } from './trace.ts'

/** Span ids of calls that another trace counts, or that this one counted when it closed before. */
function foreignCalls(
  responses: Responses,
  trace: OpenTrace,
  calls: readonly ModelCall[],
  before: ReadonlySet<string>,
): ReadonlySet<string> {
  const foreign = new Set<string>()
  for (const call of calls) {
    if (call.responseId === undefined) continue
    const fact = trace.facts.get(call.spanId)
    if (before.has(call.spanId)) foreign.add(call.spanId)
    else if (!responses.keep(fact?.service ?? '', call.responseId, trace.traceId, fact?.claim)) foreign.add(call.spanId)
  }
  return foreign
}

/** Drops what another trace counts: its usage always, the call itself only where this trace has no agent that made it. */
export function withoutForeignCalls(responses: Responses, trace: OpenTrace, run: Run, before: ReadonlySet<string>): Run {
  const foreign = foreignCalls(responses, trace, run.modelCalls, before)
  if (foreign.size === 0) return run
  return {
    ...run,
    spend: run.spend.filter((s) => !foreign.has(s.spanId)),
    modelCalls: run.modelCalls.filter((c) => (trace.hasCandidate ? !before.has(c.spanId) : !foreign.has(c.spanId))),
    conflicts: [...run.conflicts, ...Array.from(foreign, () => 'duplicate_response' as const)],
  }
}

/** The same of work beside every run, and how many late spans that is. */
export function withoutForeignLoose(
  responses: Responses,
  trace: OpenTrace,
  loose: Loose,
  before: ReadonlySet<string>,
): Pick<Loose, 'modelCalls' | 'toolCalls' | 'spend'> & { readonly conflicts: readonly UsageConflict[]; readonly lateSpans: number } {
  const foreign = foreignCalls(responses, trace, loose.modelCalls, before)
  const modelCalls = loose.modelCalls.filter((c) => !foreign.has(c.spanId))
  return {
    modelCalls,
    toolCalls: loose.toolCalls,
    spend: loose.spend.filter((s) => !foreign.has(s.spanId)),
    conflicts: Array.from(foreign, () => 'duplicate_response' as const),
    lateSpans: trace.closed === undefined ? 0 : modelCalls.length + loose.toolCalls.length,
  }
}

/**
 * Whether the call of a late span of a closed trace is counted elsewhere by its response id, in this trace or in another; claims it where it is
 * not. `life` is since which closing the trace has been remembered.
 */
export function isCountedResponse(responses: Responses, traceId: string, { service, reading, parentSpanId }: Fact, life: number): boolean {
  const { responseId, role } = reading
  if (responseId === undefined || role !== 'model') return false
  const claim = responses.claim(service, responseId, traceId, parentSpanId !== '')
  if (responses.isCounted(service, responseId, traceId, claim)) return true
  const isKept = responses.keep(service, responseId, traceId, claim)
  const settled = claim === undefined ? undefined : responses.settle(service, responseId, traceId, claim, false)
  if (settled !== undefined) responses.remember(settled, life)
  return !isKept
}

/** What a trace claimed, when it closes. */
export interface Settled {
  readonly claims: readonly number[]
  /** Spans of calls that the trace counted when it closed before. */
  readonly before: ReadonlySet<string>
}

const NONE: ReadonlySet<string> = new Set()

/** Notes that a trace closes with what it claimed. */
export function settleClaims(responses: Responses, trace: OpenTrace): Settled {
  const claims: number[] = []
  const before = trace.closed === undefined ? undefined : new Set<string>()
  for (const { spanId, service, reading, claim } of trace.facts.values()) {
    const { responseId, role } = reading
    if (responseId === undefined || role !== 'model') continue
    if (before !== undefined && responses.isCounted(service, responseId, trace.traceId, claim)) before.add(spanId)
    const settled = responses.settle(service, responseId, trace.traceId, claim, trace.hasCandidate)
    if (settled !== undefined) claims.push(settled)
  }
  return { claims, before: before ?? NONE }
}
