/** A drill's result as it is stored: by a running `serve`, for readiness. The agent was a stand-in in a chain of its own, so none is named. */
import type { DrillRecord } from '../../model/drill.ts'
import { ENVIRONMENT } from './drill-class.ts'
import type { DrillResult } from './observed.ts'

const MAX_MISS = 1000

/** The record of a result. */
export function recordOf({ drill, outcome, misses, observed: o, mitigatedMs }: DrillResult, version: string): DrillRecord {
  return {
    id: `drill_${drill}_${o.startedMs}`,
    drill,
    agent: '',
    environment: ENVIRONMENT,
    startedMs: o.startedMs,
    endedMs: o.endedMs,
    outcome,
    misses: misses.map((m) => m.replaceAll(/\s+/g, ' ').slice(0, MAX_MISS)),
    version,
    ...(o.detectedMs === undefined ? {} : { detectedMs: o.detectedMs }),
    ...(o.named === undefined ? {} : { attributedMs: o.named.atMs }),
    ...(mitigatedMs === undefined ? {} : { mitigatedMs }),
    ...(o.recoveredMs === undefined ? {} : { recoveredMs: o.recoveredMs }),
  }
}
