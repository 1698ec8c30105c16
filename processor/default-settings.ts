/** What the pipeline does unless its operator says otherwise: in process, in benchmarks, and where tests care about something else. */
import type { AgentPolicy } from './evaluations/check.ts'
import { DEFAULT_CHECKS } from './evaluations/index.ts'
import type { PipelineSettings } from './pipeline.ts'
import { createPrices } from './prices.ts'
import { DEFAULT_RUN_LIMITS } from './runs/runs.ts'

export const DEFAULT_POLICY: AgentPolicy = { checks: DEFAULT_CHECKS, loop: { identicalCalls: 5, pingPong: 4 }, requiredTools: [] }

export const DEFAULT_SETTINGS: PipelineSettings = {
  limits: DEFAULT_RUN_LIMITS,
  policyOf: () => DEFAULT_POLICY,
  objectivesOf: () => ({}),
  thresholds: new Map(),
  prices: createPrices({}),
  maxPendingEvaluations: 10_000,
  openRunsMs: 5000,
}
