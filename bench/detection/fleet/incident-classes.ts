/**
 * The incident classes: what each does to runs, which agents it can hit, how long it lasts, what caused it, and which alerts tell of it.
 * A class is one row of effects (data, so that a JSON file can change or add one). An alert that is not in `alerts` is no detection,
 * however loud it is. Kinds, sizes and durations follow the published comparison this project started from.
 */
import type { AlertName, Cause } from '../../../model/alerts.ts'

export interface IncidentEffect {
  /** Change of the pass rate, reached at once or over a ramp of minutes. */
  readonly passAdd?: number
  readonly passRampMinutes?: number
  /** The pass rate itself. */
  readonly passTo?: number
  readonly costFactor?: number
  readonly stepsFactor?: number
  readonly durationFactor?: number
  readonly volumeFactor?: number
  /** Share of runs that end so. */
  readonly error?: number
  readonly refusal?: number
  readonly truncated?: number
  /** Share of runs that loop: six times the steps and half the chance to pass. */
  readonly loop?: number
  /** Error rate of the agent's first tool. */
  readonly toolError?: number
  /** Share of retrievals that come back empty. */
  readonly retrievalEmpty?: number
  /** Rolled out to all runs as a new prompt version, for as long as the incident lasts. */
  readonly newPrompt?: true
  /** Share of runs made with a new prompt version; only those change. */
  readonly canary?: number
  /** Weights of the input buckets. */
  readonly inputMix?: readonly number[]
  /** Another model answers; half of the swaps show in the model label. */
  readonly modelSwap?: true
  /** One run that never ends, until the incident does. */
  readonly runaway?: true
  /** Share of runs that users find bad besides those that fail. */
  readonly annoyed?: number
}

export interface IncidentClass {
  readonly name: string
  /** Agents it can hit; when the fleet has none of them, any that it makes sense for. */
  readonly agents: readonly string[]
  readonly minutes: number
  readonly cause: Cause
  readonly effect: IncidentEffect
  /** Alerts, pages and tickets, that tell of it. */
  readonly alerts: readonly AlertName[]
}

const FROM_120 = ['support-chat', 'rag-search', 'coding'] as const
const FROM_40 = [...FROM_120, 'sales-email'] as const
const FROM_20 = [...FROM_40, 'invoice'] as const
/** A regression of a version is told of by its failed share, so it tells of any loss of quality. */
const QUALITY = ['AgentQualityDrop', 'AgentVersionRegression', 'AgentQualityDrift', 'AgentObjectiveMissed'] as const
const SIZES = ['AgentCostShift', 'AgentDurationShift', 'AgentSpendSurge', 'AgentBehaviourChanged'] as const
const VOLUME = ['AgentSilent', 'AgentVolumeDrop', 'AgentVolumeLow'] as const
const TOOLS = ['AgentToolFailing', 'AgentToolDegraded'] as const

// prettier-ignore
export const INCIDENT_CLASSES: readonly IncidentClass[] = [
  { name: 'quality_slow', agents: FROM_120, minutes: 720, cause: 'prompt', effect: { passAdd: -0.3, passRampMinutes: 480 }, alerts: QUALITY },
  { name: 'quality_fast', agents: FROM_40, minutes: 240, cause: 'prompt', effect: { passAdd: -0.3 }, alerts: QUALITY },
  { name: 'quality_total', agents: FROM_20, minutes: 180, cause: 'prompt', effect: { passTo: 0.05 }, alerts: QUALITY },
  { name: 'quality_low5', agents: ['legal-review'], minutes: 720, cause: 'prompt', effect: { passTo: 0.35 }, alerts: QUALITY },
  { name: 'quality_low20', agents: ['invoice'], minutes: 360, cause: 'prompt', effect: { passTo: 0.6 }, alerts: QUALITY },
  { name: 'cost_x3', agents: FROM_20, minutes: 240, cause: 'prompt', effect: { costFactor: 3 }, alerts: ['AgentCostShift', 'AgentSpendSurge', 'AgentBehaviourChanged'] },
  { name: 'cost_runaway', agents: ['coding', 'sales-email', 'legal-review'], minutes: 150, cause: 'prompt', effect: { runaway: true }, alerts: ['AgentRunaway', 'AgentCostShift', 'AgentSpendSurge'] },
  { name: 'steps_x2', agents: FROM_20, minutes: 240, cause: 'prompt', effect: { stepsFactor: 2 }, alerts: ['AgentStepsShift', ...SIZES] },
  { name: 'loop', agents: ['rag-search', 'coding', 'sales-email', 'invoice'], minutes: 180, cause: 'prompt', effect: { loop: 0.25 }, alerts: ['AgentLooping', 'AgentOutcomeDrift', 'AgentStepsShift', ...SIZES, ...QUALITY, 'AgentRunaway'] },
  { name: 'tool30', agents: FROM_40, minutes: 180, cause: 'tools', effect: { toolError: 0.3, stepsFactor: 1.15, passAdd: -0.08 }, alerts: [...TOOLS, ...QUALITY] },
  { name: 'tool100', agents: [...FROM_20, 'legal-review'], minutes: 120, cause: 'tools', effect: { toolError: 1, stepsFactor: 1.3, passAdd: -0.35, error: 0.05 }, alerts: [...TOOLS, ...QUALITY, 'AgentRunErrors'] },
  { name: 'empty_retrieval', agents: ['support-chat', 'rag-search', 'legal-review'], minutes: 240, cause: 'tools', effect: { retrievalEmpty: 0.8, passAdd: -0.25 }, alerts: ['AgentToolEmpty', 'AgentToolDegraded', ...QUALITY] },
  { name: 'silent', agents: ['support-chat', 'rag-search', 'coding', 'invoice'], minutes: 180, cause: 'input', effect: { volumeFactor: 0 }, alerts: VOLUME },
  { name: 'silent_low5', agents: ['legal-review'], minutes: 420, cause: 'input', effect: { volumeFactor: 0 }, alerts: VOLUME },
  { name: 'refusal', agents: FROM_20, minutes: 180, cause: 'model', effect: { refusal: 0.2 }, alerts: ['AgentRefusalSpike', 'AgentOutcomeDrift', ...QUALITY] },
  { name: 'truncation', agents: FROM_20, minutes: 180, cause: 'model', effect: { truncated: 0.25 }, alerts: ['AgentTruncationSpike', 'AgentOutcomeDrift', ...QUALITY] },
  { name: 'prompt_regress', agents: FROM_120, minutes: 360, cause: 'prompt', effect: { newPrompt: true, passAdd: -0.15 }, alerts: ['AgentVersionRegression', ...QUALITY] },
  { name: 'prompt_canary', agents: ['support-chat', 'rag-search'], minutes: 480, cause: 'prompt', effect: { canary: 0.2, passAdd: -0.35 }, alerts: ['AgentVersionRegression', ...QUALITY] },
  { name: 'model_swap', agents: FROM_120, minutes: 360, cause: 'model', effect: { modelSwap: true, costFactor: 1.6, durationFactor: 1.5, passAdd: -0.1 }, alerts: [...SIZES, ...QUALITY, 'AgentVersionRegression'] },
  { name: 'input_drift', agents: FROM_120, minutes: 480, cause: 'input', effect: { inputMix: [0.28, 0.14, 0.3, 0.1, 0.18], passAdd: -0.12 }, alerts: ['AgentInputDrift', ...QUALITY] },
  { name: 'latency_x3', agents: FROM_40, minutes: 120, cause: 'model', effect: { durationFactor: 3, annoyed: 0.25 }, alerts: ['AgentDurationShift', 'AgentBehaviourChanged'] },
  { name: 'volume_drop70', agents: ['support-chat', 'rag-search', 'sales-email'], minutes: 240, cause: 'input', effect: { volumeFactor: 0.3 }, alerts: VOLUME },
  { name: 'storm_x6', agents: ['support-chat', 'rag-search', 'sales-email', 'invoice'], minutes: 120, cause: 'input', effect: { volumeFactor: 6 }, alerts: ['AgentVolumeSurge', 'AgentSpendSurge'] },
]
