/**
 * Which indicator an incident is about: that of its most telling alert. Where the alert names none (a runaway, a new version that is worse),
 * the one it is made from. Undefined for alerts about volume and about the telling itself: nothing fails in them that could be compared.
 */
import { type AlertDefinition, ALERTS } from '../model/alerts.ts'
import type { Control } from '../model/control.ts'
import type { Incident, IncidentAlert } from '../model/incident.ts'
import { type Sli, type SliName, SLIS } from '../model/slis.ts'

export interface Indicator {
  readonly sli: SliName
  readonly tool?: string
  readonly evaluation?: string
}

/** Of alerts that carry no label `sli`. Maps, for what is looked up in them was told by others and may be `constructor`. */
const OF: ReadonlyMap<string, SliName> = new Map([
  ['AgentVersionRegression', 'quality'],
  ['AgentObjectiveMissed', 'quality'],
  ['AgentInputDrift', 'quality'],
  ['AgentSpendSurge', 'cost'],
])
const OF_MEASURE: ReadonlyMap<string, SliName> = new Map([
  ['cost_usd', 'cost'],
  ['steps', 'steps'],
  ['age_seconds', 'duration'],
])
const OF_OBJECTIVE: ReadonlyMap<string, SliName> = new Map([
  ['cost', 'cost'],
  ['steps', 'steps'],
  ['duration', 'duration'],
])

/** The indicator of an incident: of the alert that explains the others, the earliest of those. */
export function indicatorOf({ alerts }: Pick<Incident, 'alerts'>): Indicator | undefined {
  const explained = new Set(alerts.flatMap((a) => definitionOf(a.name)?.inhibits ?? []))
  const rank = (a: IncidentAlert): number => (explained.has(a.name) ? 2 : 0) + (a.severity === 'critical' ? 0 : 1)
  const [first] = alerts.toSorted((a, b) => rank(a) - rank(b) || a.startsMs - b.startsMs).flatMap((a) => ofAlert(a) ?? [])
  return first
}

/** Of an incident about a tool that an alert about the runs belongs to as well: that one's, for calls of tools are not counted by version. */
export function ofRuns({ alerts }: Pick<Incident, 'alerts'>): Indicator | undefined {
  return alerts.flatMap((a) => ofAlert(a) ?? []).find(({ sli }) => ofWhat(sli) !== 'tool')
}

/** An open tool makes no calls that could be counted: undefined then, and the runs as a whole are looked at instead. */
export function measurable(indicator: Indicator | undefined, controls: readonly Control[]): Indicator | undefined {
  const isOpen = indicator?.tool !== undefined && controls.some((c) => c.control === 'tool' && c.target === indicator.tool)
  return isOpen ? undefined : indicator
}

function ofAlert({ name, labels }: IncidentAlert): Indicator | undefined {
  const { sli: told = '', tool, evaluation, measure = '', objective = '' } = labels
  const sli = isSli(told) ? told : (OF_MEASURE.get(measure) ?? OF_OBJECTIVE.get(objective) ?? OF.get(name))
  if (sli === undefined) return undefined
  const by = ofWhat(sli)
  return {
    sli,
    ...(by === 'tool' && tool !== undefined ? { tool } : {}),
    ...(by === 'evaluation' && evaluation !== undefined ? { evaluation } : {}),
  }
}

function ofWhat(sli: SliName): Sli['by'] {
  const { by }: Sli = SLIS[sli]
  return by
}

function isSli(name: string): name is SliName {
  return Object.hasOwn(SLIS, name)
}

function definitionOf(name: string): AlertDefinition | undefined {
  return Object.hasOwn(ALERTS, name) ? ALERTS[name as keyof typeof ALERTS] : undefined
}
