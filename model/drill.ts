/**
 * The record of one drill: which class of incident was made on purpose, for which agent, and whether the chain from alert to recovery did
 * what it should. Stored, told over HTTP, and read by readiness. Times are Unix milliseconds; what was not reached is absent.
 */

export const DRILL_OUTCOMES = ['passed', 'failed', 'interrupted'] as const
/** `passed`: nothing was missed. `failed`: see `misses`. `interrupted`: ended before it could tell, which says nothing either way. */
export type DrillOutcome = (typeof DRILL_OUTCOMES)[number]

export interface DrillRecord {
  /** Chosen by who ran it; a record of the same id again changes nothing. */
  readonly id: string
  /** Name of the class, as `agentopz drill NAME`. */
  readonly drill: string
  /** The agent whose own chain was drilled; empty where it was a stand-in in a chain of its own, which rehearses the product and no agent. */
  readonly agent: string
  readonly environment: string
  readonly startedMs: number
  readonly endedMs: number
  readonly outcome: DrillOutcome
  /** What was missed, a sentence each; empty when it passed. */
  readonly misses: readonly string[]
  /** When the first alert came, the cause was named, an action was in force, the runs were well again. */
  readonly detectedMs?: number
  readonly attributedMs?: number
  readonly mitigatedMs?: number
  readonly recoveredMs?: number
  /** Version of agentopz that was drilled. */
  readonly version: string
}
