/**
 * What can happen to a simulated agent, and what caused it. A history is a list of changes, each from a minute on (0 is when it begins): what it
 * does to runs, and what it shows in the labels. `causes` is the truth; none of it reaches triage but through the metrics. Effects are those of
 * bench/detection where it has them.
 */
import type { TriageCause } from '../../model/incident.ts'
import type { SliName } from '../../model/slis.ts'
import type { IncidentEffect } from '../detection/fleet/incident-classes.ts'

export interface Change {
  /** Minutes after the beginning. */
  readonly at: number
  readonly effect?: IncidentEffect
  /** Share of the runs that it reaches; all when left out. */
  readonly share?: number
  /** Labels of the runs that it reaches. */
  readonly prompt?: true
  readonly tools?: true
  readonly model?: true
  readonly agent?: true
  /** Factor of the tokens that a model call puts out. */
  readonly tokens?: number
}

export interface Asked {
  readonly sli: SliName
  readonly tool?: string
  readonly evaluation?: string
}

export interface TriageClass {
  readonly name: string
  /** What happens, as a reader of the report is told. */
  readonly what: string
  readonly asked: readonly Asked[]
  readonly changes: readonly Change[]
  /** Any of these is right to be named first; none for controls. */
  readonly causes: readonly TriageCause[]
  /** Rise of the SLI among what is reached, its normal share and its events per run: whether there are enough. Sizes always show. */
  readonly expected?: { readonly normal: number; readonly rise: number; readonly eventsPerRun?: number }
  /** Minute after the beginning at which the processor restarts. */
  readonly restartAt?: number
  /** Beginning in minutes of the day, where it matters; between 8 and 15 o'clock otherwise. */
  readonly minuteOfDay?: number
}

const JUDGED: Asked = { sli: 'evaluation', evaluation: 'answer_quality' }
const QUALITY = [JUDGED] as const
/** Controls are asked about everything. */
const ALL: readonly Asked[] = [
  JUDGED,
  { sli: 'quality' },
  { sli: 'refusal' },
  { sli: 'tool_error', tool: 'retrieve' },
  { sli: 'cost' },
  { sli: 'steps' },
  { sli: 'duration' },
]
const judged = (rise: number): { readonly normal: number; readonly rise: number } => ({ normal: 0.14, rise })
const DRIFT = [0.28, 0.14, 0.3, 0.1, 0.18] as const

// prettier-ignore
export const TRIAGE_CLASSES: readonly TriageClass[] = [
  { name: 'prompt_rollout', what: 'new prompt for all runs, 25 points of quality lost', asked: QUALITY, causes: ['prompt'], expected: judged(0.25), changes: [{ at: 0, prompt: true, effect: { passAdd: -0.25 } }] },
  { name: 'prompt_small', what: 'new prompt for all runs, 12 points lost', asked: QUALITY, causes: ['prompt'], expected: judged(0.12), changes: [{ at: 0, prompt: true, effect: { passAdd: -0.12 } }] },
  { name: 'prompt_canary', what: 'new prompt for a fifth of the runs, 35 points lost there', asked: QUALITY, causes: ['prompt'], expected: judged(0.35), changes: [{ at: 0, prompt: true, share: 0.2, effect: { passAdd: -0.35 } }] },
  { name: 'prompt_restart', what: 'as prompt_rollout; the processor restarts 20 minutes later and sees every version anew', asked: QUALITY, causes: ['prompt'], restartAt: 20, expected: judged(0.25), changes: [{ at: 0, prompt: true, effect: { passAdd: -0.25 } }] },
  { name: 'cost_prompt', what: 'new prompt, three times the cost per run', asked: [{ sli: 'cost' }], causes: ['prompt'], changes: [{ at: 0, prompt: true, tokens: 3, effect: { costFactor: 3 } }] },
  { name: 'loop_prompt', what: 'new prompt, a quarter of the runs loop', asked: [{ sli: 'loop' }], causes: ['prompt'], expected: { normal: 0.002, rise: 0.22 }, changes: [{ at: 0, prompt: true, effect: { loop: 0.25 } }] },
  { name: 'tool_30', what: 'a tool fails three times in ten', asked: [{ sli: 'tool_error', tool: 'retrieve' }], causes: ['tools'], expected: { normal: 0.012, rise: 0.29 }, changes: [{ at: 0, effect: { toolError: 0.3, stepsFactor: 1.15, passAdd: -0.08 } }] },
  { name: 'tool_100', what: 'a tool fails always', asked: QUALITY, causes: ['tools'], expected: judged(0.35), changes: [{ at: 0, effect: { toolError: 1, stepsFactor: 1.3, passAdd: -0.35, error: 0.05 } }] },
  { name: 'tool_empty', what: 'retrieval comes back empty eight times in ten, without an error', asked: QUALITY, causes: ['tools'], expected: judged(0.25), changes: [{ at: 0, effect: { retrievalEmpty: 0.8, passAdd: -0.25 } }] },
  { name: 'tool_schema', what: 'new tool set, four calls in ten of one tool fail', asked: QUALITY, causes: ['tools'], expected: judged(0.2), changes: [{ at: 0, tools: true, effect: { toolError: 0.4, passAdd: -0.2 } }] },
  { name: 'tool_meaning', what: 'new tool set, no call fails, 25 points lost', asked: QUALITY, causes: ['tools'], expected: judged(0.25), changes: [{ at: 0, tools: true, effect: { passAdd: -0.25 } }] },
  { name: 'model_announced', what: 'another model answers and says so, 20 points lost', asked: QUALITY, causes: ['model'], expected: judged(0.2), changes: [{ at: 0, model: true, tokens: 1.6, effect: { costFactor: 1.6, durationFactor: 1.5, passAdd: -0.2 } }] },
  { name: 'model_swap', what: 'another model answers under the same name, 20 points lost', asked: QUALITY, causes: ['model'], expected: judged(0.2), changes: [{ at: 0, tokens: 1.6, effect: { costFactor: 1.6, durationFactor: 1.5, passAdd: -0.2 } }] },
  { name: 'refusal', what: 'the model refuses a fifth of the runs; nothing else changed', asked: [{ sli: 'refusal' }], causes: ['model'], expected: { normal: 0.005, rise: 0.195 }, changes: [{ at: 0, effect: { refusal: 0.2 } }] },
  { name: 'truncation', what: 'a quarter of the answers is cut off; nothing else changed', asked: [{ sli: 'truncation' }], causes: ['model'], expected: { normal: 0.008, rise: 0.24 }, changes: [{ at: 0, effect: { truncated: 0.25 } }] },
  { name: 'latency', what: 'the model takes three times as long', asked: [{ sli: 'duration' }], causes: ['model'], changes: [{ at: 0, effect: { durationFactor: 3 } }] },
  { name: 'input_drift', what: 'other inputs, 20 points lost', asked: QUALITY, causes: ['input'], expected: judged(0.2), changes: [{ at: 0, effect: { inputMix: DRIFT, passAdd: -0.2 } }] },
  { name: 'overlapping', what: 'new prompt, 20 minutes later a tool fails three times in ten, 15 later another model under the same name', asked: QUALITY, causes: ['prompt', 'tools', 'model'], expected: judged(0.2), changes: [{ at: 0, prompt: true, effect: { passAdd: -0.15 } }, { at: 20, effect: { toolError: 0.3, passAdd: -0.1 } }, { at: 35, tokens: 1.6, effect: { durationFactor: 1.5, passAdd: -0.1 } }] },
  { name: 'tool_after_deploy', what: 'harmless new prompt 40 minutes before a tool fails always', asked: QUALITY, causes: ['tools'], expected: judged(0.3), changes: [{ at: -40, prompt: true }, { at: 0, effect: { toolError: 1, passAdd: -0.3 } }] },
  { name: 'swap_after_deploy', what: 'harmless new prompt two hours before another model answers under the same name', asked: QUALITY, causes: ['model'], expected: judged(0.25), changes: [{ at: -120, prompt: true }, { at: 0, tokens: 1.6, effect: { costFactor: 1.6, durationFactor: 1.5, passAdd: -0.25 } }] },
  { name: 'deploy_too_late', what: 'inputs change; a new prompt comes 40 minutes after', asked: QUALITY, causes: ['input'], expected: judged(0.25), changes: [{ at: 0, effect: { inputMix: DRIFT, passAdd: -0.25 } }, { at: 40, prompt: true }] },
  { name: 'no_change', what: 'nothing', asked: ALL, causes: [], changes: [] },
  { name: 'season', what: 'nothing; traffic rises threefold in the morning', asked: ALL, causes: [], changes: [], minuteOfDay: 450 },
  { name: 'volume_x4', what: 'four times the runs', asked: ALL, causes: [], changes: [{ at: 0, effect: { volumeFactor: 4 } }] },
  { name: 'volume_drop', what: 'three runs in ten are left', asked: ALL, causes: [], changes: [{ at: 0, effect: { volumeFactor: 0.3 } }] },
  { name: 'deploy_harmless', what: 'new prompt, tool set and agent version for all runs, nothing changes', asked: ALL, causes: [], changes: [{ at: 0, prompt: true, tools: true, agent: true }] },
  { name: 'canary_harmless', what: 'new prompt for a fifth of the runs, nothing changes', asked: ALL, causes: [], changes: [{ at: 0, prompt: true, share: 0.2 }] },
  { name: 'inputs_harmless', what: 'other inputs, answered as well', asked: ALL, causes: [], changes: [{ at: 0, effect: { inputMix: DRIFT } }] },
]
