/**
 * Calls that another trace of the same service reports too (equal `gen_ai.response.id`): who keeps them is settled in responses.ts.
 */
import type { ModelCall, Run } from '../../model/run.ts'
import type { Responses } from './responses.ts'
import type { OpenTrace } from './trace.ts'

/** Span ids of calls that another trace counts. */
export function foreignCalls(responses: Responses, trace: OpenTrace, calls: readonly ModelCall[]): ReadonlySet<string> {
  const foreign = new Set<string>()
  for (const call of calls) {
    if (call.responseId === undefined) continue
    const fact = trace.facts.get(call.spanId)
    if (!responses.keep(fact?.service ?? '', call.responseId, trace.traceId, fact?.claim)) foreign.add(call.spanId)
  }
  return foreign
}

/** Drops what another trace counts: its usage always, the call itself only where this trace has no agent that made it. */
export function withoutForeignCalls(responses: Responses, trace: OpenTrace, run: Run): Run {
  const foreign = foreignCalls(responses, trace, run.modelCalls)
  if (foreign.size === 0) return run
  return {
    ...run,
    spend: run.spend.filter((s) => !foreign.has(s.spanId)),
    modelCalls: trace.hasCandidate ? run.modelCalls : run.modelCalls.filter((c) => !foreign.has(c.spanId)),
    conflicts: [...run.conflicts, ...Array.from(foreign, () => 'duplicate_response' as const)],
  }
}

/** Notes that a trace closes with what it claimed: the claims' numbers. */
export function settleClaims(responses: Responses, trace: OpenTrace): readonly number[] {
  const claims: number[] = []
  for (const { service, reading, claim } of trace.facts.values()) {
    const { responseId, role } = reading
    if (responseId === undefined || role !== 'model') continue
    const settled = responses.settle(service, responseId, trace.traceId, claim, trace.hasCandidate)
    if (settled !== undefined) claims.push(settled)
  }
  return claims
}
