/** @module agentopz/processor: the data path in process. */
export { DEFAULT_POLICY } from './default-settings.ts'
export { createSpanProcessor, type InProcess, type InProcessOptions } from './in-process.ts'
export type { AgentPolicy } from './evaluations/check.ts'
export type { Metrics, MetricsOptions } from './metrics.ts'
export type { PipelineHooks } from './pipeline.ts'
export type { RunLimits } from './runs/runs.ts'
export type { Quality, Run, RunOutcome } from '../model/run.ts'
