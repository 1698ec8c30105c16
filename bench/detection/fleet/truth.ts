/**
 * What really happened to a simulated fleet: incidents with their complaints, healthy events, what was normal. Written beside the samples
 * by the simulator, read only by the scoring and by peers that need a number per agent. Times are Unix seconds.
 */
import type { AlertName, Cause } from '../../../model/alerts.ts'
import type { Normal } from './normal.ts'
import { type ComplaintParameters, EPOCH_SECONDS } from './parameters.ts'
import type { Random } from './random.ts'
import type { HealthyEvent } from './schedule.ts'
import type { IncidentTruth } from './simulate-agent.ts'

export interface TruthIncident {
  readonly agent: string
  readonly incidentClass: string
  readonly cause: Cause
  readonly alerts: readonly AlertName[]
  readonly start: number
  readonly end: number
  /** Times of complaints, in order. */
  readonly complaints: readonly number[]
  /** Whether three users complained: what "before your users" is measured against. */
  readonly isUserVisible: boolean
  readonly badRuns: number
  readonly runs: number
}

export interface TruthAgent {
  readonly name: string
  readonly peakRunsPerHour: number
  readonly runs: number
  readonly normal: Normal
}

export interface Truth {
  readonly seed: number
  readonly environment: string
  readonly testStart: number
  readonly testEnd: number
  readonly agents: readonly TruthAgent[]
  readonly incidents: readonly TruthIncident[]
  readonly healthy: readonly (Omit<HealthyEvent, 'start'> & { readonly start: number })[]
  readonly unplaced: readonly string[]
  readonly samples: number
}

export function secondsOf(minute: number): number {
  return EPOCH_SECONDS + minute * 60
}

/**
 * The complaint model: 2 % of the bad runs that would not have been bad anyway make somebody complain, a lognormal while later. Runs that
 * never started are all bad.
 */
export function truthOf(
  { incident, badMinutes, runs }: IncidentTruth,
  normal: Normal,
  c: ComplaintParameters,
  random: Random,
): TruthIncident {
  const isMissing = (incident.incidentClass.effect.volumeFactor ?? 1) < 1
  const observed = runs > 0 ? Math.max(1, badMinutes.length) / runs : 1
  const extra = isMissing ? 1 : Math.max(0, 1 - normal.badRatio / observed)
  const complaints: number[] = []
  for (const m of badMinutes)
    if (random.uniform() < c.share * extra)
      complaints.push(Math.round(secondsOf(m + Math.exp(Math.log(c.medianMinutes) + c.spread * random.normal()))))
  complaints.sort((a, b) => a - b)
  return {
    agent: incident.agent,
    incidentClass: incident.incidentClass.name,
    cause: incident.incidentClass.cause,
    alerts: incident.incidentClass.alerts,
    start: secondsOf(incident.start),
    end: secondsOf(incident.end),
    complaints,
    isUserVisible: complaints.length >= 3,
    badRuns: badMinutes.length,
    runs,
  }
}
