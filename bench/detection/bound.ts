/**
 * The least evidence that can prove a fall in quality: ln(verdicts between false alarms) / KL(p₁‖p₀) verdicts, whatever the rule (Lorden's
 * bound). One false alarm in twenty weeks of the agent's verdicts. In minutes at the agent's peak rate of verdicts, so it is a lower bound.
 */
import type { IncidentClass } from './fleet/incident-classes.ts'
import type { AgentParameters } from './fleet/parameters.ts'
import type { TruthAgent } from './fleet/truth.ts'

const WEEKS_BETWEEN_FALSE_ALARMS = 20

export interface Bound {
  readonly normalFail: number
  readonly incidentFail: number
  readonly verdicts: number
  readonly minutes: number
}

/** Undefined where anything but the verdicts of all runs tells of the class, or where it ramps. */
export function leastEvidence(c: IncidentClass, a: AgentParameters, truth: TruthAgent, historyDays: number): Bound | undefined {
  const { passAdd, passTo, ...rest } = c.effect
  if (Object.keys(rest).length > 0 || (passAdd === undefined && passTo === undefined) || a.evaluationRate === 0) return undefined
  const normalFail = truth.normal.failRatio
  const incidentFail = Math.min(0.98, passTo === undefined ? normalFail - (passAdd ?? 0) : 1 - passTo)
  if (incidentFail <= normalFail) return undefined
  const perWeek = (truth.normal.runs * a.evaluationRate * 7) / historyDays
  const divergence =
    incidentFail * Math.log(incidentFail / normalFail) + (1 - incidentFail) * Math.log((1 - incidentFail) / (1 - normalFail))
  const verdicts = Math.log(Math.max(2, perWeek * WEEKS_BETWEEN_FALSE_ALARMS)) / divergence
  return { normalFail, incidentFail, verdicts, minutes: (verdicts / (a.peakRunsPerHour * a.evaluationRate)) * 60 }
}
