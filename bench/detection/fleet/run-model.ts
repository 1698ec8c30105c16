/**
 * One simulated run: what an agent normally does, its noise of the minute, and what an incident makes of it. Random numbers in, one run
 * out; nothing is counted here. Times are minutes of the fleet.
 */
import type { IncidentEffect } from './incident-classes.ts'
import type { AgentParameters, Parameters } from './parameters.ts'
import type { Random } from './random.ts'

/** Noise of one minute, on the scales it acts on: logits for quality, logarithms for the others. */
export interface Moment {
  readonly quality: number
  readonly cost: number
  readonly steps: number
  readonly toolErrors: number
  readonly duration: number
  /** Tool that blips, and how often it fails then. */
  readonly blipTool?: number
}

export interface SimulatedRun {
  readonly start: number
  readonly end: number
  readonly steps: number
  readonly costUsd: number
  readonly durationSeconds: number
  readonly ending: 'ok' | 'error' | 'refusal' | 'truncated' | 'step_limit'
  readonly isLoopSeen: boolean
  readonly isLooping: boolean
  /** Calls by tool: ok, error, empty. */
  readonly calls: readonly (readonly [ok: number, error: number, empty: number])[]
  readonly inputBucket: number
  /** What a judge would say. */
  readonly passes: boolean
  /** What its user would say. */
  readonly isBadForUser: boolean
}

/** Buckets of the first call's tokens, with their weights in normal times; complaints come in the third. */
export const INPUT_BUCKETS = ['256-1024', '1024-4096', '64-256', '4096-16384', '0-64'] as const
const INPUT_WEIGHTS = [0.42, 0.22, 0.12, 0.18, 0.06] as const
const HARD_INPUT = 2
const TOOL_SHARE = 0.7
const LOOP_STEPS = 6
const STEP_LIMIT = 10

/** Draws one run that starts in a minute. `effect` is what the incident does to this run; none in normal times. */
export function drawRun(
  random: Random,
  a: AgentParameters,
  p: Parameters,
  minute: number,
  at: Moment & { readonly effect?: IncidentEffect; readonly incidentMinute?: number },
): SimulatedRun {
  const e = at.effect ?? {}
  const start = minute + random.uniform()
  const inputBucket = random.pick(e.inputMix ?? INPUT_WEIGHTS)
  const isLooping = e.loop !== undefined && random.uniform() < e.loop
  const factor = Math.exp(at.steps) * (e.stepsFactor ?? 1) * (isLooping ? LOOP_STEPS : 1)
  const wanted = Math.max(1, Math.round(a.steps * factor * Math.exp(a.stepsSpread * random.normal())))
  const isOverLimit = wanted > a.steps * STEP_LIMIT
  const steps = isOverLimit ? a.steps * STEP_LIMIT : wanted
  // One run in 500 costs five times as much: tails that no mean survives.
  const tail = random.uniform() < 0.002 ? 5 : 1
  const costUsd = steps * a.costPerStepUsd * Math.exp(at.cost) * (e.costFactor ?? 1) * Math.exp(a.costSpread * random.normal()) * tail
  const durationSeconds = steps * a.secondsPerStep * Math.exp(at.duration) * (e.durationFactor ?? 1) * Math.exp(0.3 * random.normal())
  const calls = drawCalls(random, a, p, steps, at)
  const ends = isOverLimit ? 'step_limit' : drawEnd(random, p, e, isLooping)
  const passes = random.uniform() < (ends === 'ok' ? passChance(a, at, inputBucket, isLooping) : 0.1)
  return {
    start,
    end: start + durationSeconds / 60,
    steps,
    costUsd,
    durationSeconds,
    ending: ends,
    isLoopSeen: random.uniform() < (isLooping ? 0.9 : p.outcomes.loop),
    isLooping,
    calls,
    inputBucket,
    passes,
    isBadForUser: !passes || ends !== 'ok' || (e.annoyed !== undefined && random.uniform() < e.annoyed),
  }
}

function drawCalls(
  random: Random,
  a: AgentParameters,
  p: Parameters,
  steps: number,
  at: Moment & { readonly effect?: IncidentEffect },
): [number, number, number][] {
  const calls = a.tools.map((): [number, number, number] => [0, 0, 0])
  const normal = p.outcomes.toolError * Math.exp(at.toolErrors)
  for (let s = 0; s < steps; s++) {
    if (random.uniform() >= TOOL_SHARE) continue
    const tool = random.pick(a.toolWeights)
    const counts = calls[tool]
    if (counts === undefined) continue
    const isRetrieval = a.tools[tool] === a.retrieval
    const broken = tool === 0 ? at.effect?.toolError : undefined
    const errors = broken ?? (at.blipTool === tool ? p.healthy.toolBlipErrorRate : normal)
    const empties = isRetrieval ? (at.effect?.retrievalEmpty ?? p.outcomes.retrievalEmpty) : p.outcomes.toolEmpty
    if (random.uniform() < errors) counts[1]++
    else if (random.uniform() < empties) counts[2]++
    else counts[0]++
  }
  return calls
}

function drawEnd(random: Random, p: Parameters, e: IncidentEffect, isLooping: boolean): SimulatedRun['ending'] {
  let u = random.uniform()
  const o = p.outcomes
  const chances = [
    ['error', e.error ?? o.error],
    ['refusal', e.refusal ?? o.refusal],
    ['truncated', e.truncated ?? o.truncated],
    ['step_limit', o.stepLimit * (isLooping ? 30 : 1)],
  ] as const
  for (const [end, chance] of chances) {
    if (u < chance) return end
    u -= chance
  }
  return 'ok'
}

function passChance(
  a: AgentParameters,
  at: Moment & { readonly effect?: IncidentEffect; readonly incidentMinute?: number },
  inputBucket: number,
  isLooping: boolean,
): number {
  // The configured rate is that of all runs; runs that end badly pass one time in ten.
  const rate = Math.min(0.995, (a.passRate - 0.0027) / 0.973)
  const logit = Math.log(rate / (1 - rate)) + at.quality + (inputBucket === HARD_INPUT ? -0.3 : 0.04)
  const e = at.effect ?? {}
  const ramp = e.passRampMinutes === undefined ? 1 : Math.min(1, (at.incidentMinute ?? 0) / e.passRampMinutes)
  const chance = e.passTo ?? 1 / (1 + Math.exp(-logit)) + (e.passAdd ?? 0) * ramp - (isLooping ? 0.5 : 0)
  return Math.max(0.02, Math.min(0.995, chance))
}
