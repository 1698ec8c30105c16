/**
 * A rule set under test: its groups, and what each of its alerts says in the words of model/alerts.ts, so that all are scored by one table.
 * Peers that need to know an agent's normal numbers are given the simulator's own; ours is given nothing.
 */
import { ruleGroups, type RuleGroup } from '../../alert-rules/rules.ts'
import { ALERTS, type AlertDefinition, type AlertName } from '../../model/alerts.ts'
import type { FiredAlert } from './evaluate.ts'
import type { Truth } from './fleet/truth.ts'

export interface Meaning {
  readonly alert: AlertName
  /** All it may tell of, where a peer's alert is as good as several of ours. */
  readonly tells: readonly AlertName[]
  readonly severity: 'page' | 'ticket'
}

export interface RuleSet {
  readonly name: string
  readonly title: string
  groups(truth: Truth): readonly RuleGroup[]
  /** What an alert says; undefined when it is neither page nor ticket. */
  meaning(fired: FiredAlert): Meaning | undefined
  /** Alerts that a firing alert silences for the same agent. */
  inhibits(alert: AlertName): readonly string[]
}

const SEVERITY = { critical: 'page', warning: 'ticket', info: undefined, none: undefined } as const

export const OURS: RuleSet = {
  name: 'ours',
  title: 'agentopz',
  groups: () => ruleGroups(),
  meaning: ({ name, labels }) => {
    if (!isAlertName(name)) return undefined
    // An agent's owner may cap its severity; the label then carries it.
    const severity = SEVERITY[(labels['agent_severity'] as keyof typeof SEVERITY | undefined) ?? ALERTS[name].severity]
    return severity === undefined || ALERTS[name].severity === 'none' ? undefined : { alert: name, tells: [name], severity }
  },
  inhibits: (alert) => (ALERTS[alert] as AlertDefinition).inhibits ?? [],
}

export function isAlertName(name: string): name is AlertName {
  return Object.hasOwn(ALERTS, name)
}
