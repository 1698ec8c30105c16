/**
 * What a simulated fleet is: agents, their normal behaviour and its noise, healthy events, incident classes, days. All of it can be
 * overridden by a JSON file or options (parameters-input.ts); the defaults are the fleet that docs/detection.md reports on.
 * Everything a rule could be tuned to is here and nowhere else.
 */
import { INCIDENT_CLASSES, type IncidentClass } from './incident-classes.ts'

export type Profile = 'global' | 'office' | 'flat' | 'day'

export interface AgentParameters {
  readonly name: string
  readonly team: string
  /** Runs an hour when the profile is at 1. */
  readonly peakRunsPerHour: number
  readonly profile: Profile
  /** Share of normal runs that a judge would pass. */
  readonly passRate: number
  /** Share of runs that are judged. */
  readonly evaluationRate: number
  /** Mean minutes from a run's end to its verdict (exponential). */
  readonly verdictDelayMinutes: number
  readonly steps: number
  readonly stepsSpread: number
  readonly costPerStepUsd: number
  readonly costSpread: number
  readonly secondsPerStep: number
  readonly tools: readonly string[]
  readonly toolWeights: readonly number[]
  /** The tool that retrieves and may normally come back empty. */
  readonly retrieval?: string
}

export interface NoiseParameters {
  /** Multiplies every standard deviation below: 0 is a fleet of pure chance. */
  readonly dispersion: number
  readonly quality: number
  readonly cost: number
  readonly steps: number
  readonly volume: number
  readonly toolErrors: number
  readonly duration: number
  /** Standard deviations of the move of the whole test period against the history. */
  readonly shift: { readonly quality: number; readonly cost: number; readonly volume: number; readonly steps: number }
}

/** Shares of normal runs that end otherwise than well. */
export interface OutcomeParameters {
  readonly error: number
  readonly refusal: number
  readonly truncated: number
  readonly stepLimit: number
  readonly loop: number
  readonly toolError: number
  readonly toolEmpty: number
  readonly retrievalEmpty: number
}

/** Healthy events, each of which a good rule lets pass. */
export interface HealthyParameters {
  readonly processorRestarts: number
  readonly scrapeGaps: number
  readonly scrapeGapMinutes: number
  /** Of each agent, in the test period. */
  readonly deploys: number
  /** Times two for two hours, agents at or above `surgeFromRunsPerHour`: one in the history, one in the test period. */
  readonly surgeFactor: number
  readonly surgeFromRunsPerHour: number
  /** Tool that fails four times in ten for three minutes: one in the history, one in the test period. */
  readonly toolBlipErrorRate: number
  readonly toolBlipMinutes: number
  /** One weekday at this share of the usual traffic, for one agent of office hours; 1 is none. */
  readonly holidayFactor: number
}

/** Who complains, and when: the yardstick for "before your users". */
export interface ComplaintParameters {
  readonly share: number
  readonly medianMinutes: number
  readonly spread: number
}

export interface Parameters {
  readonly agents: readonly AgentParameters[]
  readonly noise: NoiseParameters
  readonly outcomes: OutcomeParameters
  readonly healthy: HealthyParameters
  readonly complaints: ComplaintParameters
  readonly classes: readonly IncidentClass[]
  readonly historyDays: number
  readonly testDays: number
  /** Every class this often per seven test days. */
  readonly incidentRounds: number
}

export const DAY_MINUTES = 1440
/** Monday, 2 November 2026, 00:00 UTC: fleets begin here, whenever they are simulated. */
export const EPOCH_SECONDS = Date.UTC(2026, 10, 2) / 1000
/** Second of the minute at which the simulated Prometheus scrapes. */
export const SCRAPE_SECOND = 17

// prettier-ignore
const AGENTS: readonly AgentParameters[] = [
  { name: 'support-chat', team: 'support', peakRunsPerHour: 2000, profile: 'global', passRate: 0.92, evaluationRate: 0.1, verdictDelayMinutes: 1.5, steps: 5, stepsSpread: 0.4, costPerStepUsd: 0.004, costSpread: 0.35, secondsPerStep: 4, tools: ['kb_search', 'order_api', 'refund_api'], toolWeights: [0.5, 0.35, 0.15], retrieval: 'kb_search' },
  { name: 'rag-search', team: 'search', peakRunsPerHour: 600, profile: 'global', passRate: 0.88, evaluationRate: 0.25, verdictDelayMinutes: 1.5, steps: 3, stepsSpread: 0.35, costPerStepUsd: 0.003, costSpread: 0.3, secondsPerStep: 3, tools: ['retrieve', 'rerank', 'web'], toolWeights: [0.6, 0.3, 0.1], retrieval: 'retrieve' },
  { name: 'coding', team: 'devx', peakRunsPerHour: 120, profile: 'office', passRate: 0.75, evaluationRate: 1, verdictDelayMinutes: 4, steps: 18, stepsSpread: 0.6, costPerStepUsd: 0.05, costSpread: 0.45, secondsPerStep: 10, tools: ['shell', 'edit', 'web'], toolWeights: [0.5, 0.4, 0.1] },
  { name: 'sales-email', team: 'sales', peakRunsPerHour: 40, profile: 'office', passRate: 0.85, evaluationRate: 1, verdictDelayMinutes: 3, steps: 7, stepsSpread: 0.4, costPerStepUsd: 0.012, costSpread: 0.35, secondsPerStep: 5, tools: ['crm', 'email', 'enrich'], toolWeights: [0.5, 0.3, 0.2] },
  { name: 'invoice', team: 'finance', peakRunsPerHour: 20, profile: 'flat', passRate: 0.97, evaluationRate: 1, verdictDelayMinutes: 3, steps: 6, stepsSpread: 0.3, costPerStepUsd: 0.009, costSpread: 0.3, secondsPerStep: 6, tools: ['ocr', 'erp', 'vendor_db'], toolWeights: [0.4, 0.4, 0.2] },
  { name: 'legal-review', team: 'legal', peakRunsPerHour: 5, profile: 'day', passRate: 0.9, evaluationRate: 1, verdictDelayMinutes: 5, steps: 12, stepsSpread: 0.45, costPerStepUsd: 0.12, costSpread: 0.4, secondsPerStep: 12, tools: ['doc_search', 'clause_db', 'redline'], toolWeights: [0.5, 0.3, 0.2], retrieval: 'doc_search' },
]

export const DEFAULT_PARAMETERS: Parameters = {
  agents: AGENTS,
  noise: {
    dispersion: 1,
    quality: 0.15,
    cost: 0.06,
    steps: 0.04,
    volume: 0.12,
    toolErrors: 0.3,
    duration: 0.08,
    shift: { quality: 0.1, cost: 0.05, volume: 0.08, steps: 0.03 },
  },
  outcomes: {
    error: 0.01,
    refusal: 0.005,
    truncated: 0.008,
    stepLimit: 0.004,
    loop: 0.002,
    toolError: 0.012,
    toolEmpty: 0.005,
    retrievalEmpty: 0.05,
  },
  healthy: {
    processorRestarts: 4,
    scrapeGaps: 2,
    scrapeGapMinutes: 6,
    deploys: 2,
    surgeFactor: 2,
    surgeFromRunsPerHour: 500,
    toolBlipErrorRate: 0.4,
    toolBlipMinutes: 3,
    holidayFactor: 0.35,
  },
  complaints: { share: 0.02, medianMinutes: 20, spread: 0.8 },
  classes: INCIDENT_CLASSES,
  historyDays: 7,
  testDays: 7,
  incidentRounds: 1,
}

/** Traffic at a minute of the fleet's time, 1 at the peak; the batch of `flat` goes above it. */
export function trafficAt(profile: Profile, minute: number): number {
  const hour = (minute % DAY_MINUTES) / 60
  const isWeekend = Math.floor(minute / DAY_MINUTES) % 7 >= 5
  switch (profile) {
    case 'global':
      return (isWeekend ? 0.6 : 1) * (0.3 + 0.7 * Math.min(1, bell(hour, 10.5, 3) + 0.95 * bell(hour, 16, 3.5)))
    case 'office':
      return isWeekend || hour < 7 || hour >= 20 ? 0.02 : Math.min(1, bell(hour, 10.5, 2.2) + bell(hour, 15, 2.2))
    case 'flat':
      return hour >= 2 && hour < 2.5 ? 5 : 1
    case 'day':
      return (hour >= 6 && hour < 22 ? 1 : 0.15) * (isWeekend ? 0.7 : 1)
  }
}

function bell(hour: number, middle: number, width: number): number {
  return Math.exp(-((hour - middle) ** 2) / (2 * width * width))
}
