/**
 * A rule set under test: its groups, and what each of its alerts says in the words of model/alerts.ts, so that all are scored by one table.
 * Peers that need to know an agent's normal numbers are given the simulator's own; ours is given nothing.
 */
import { ruleGroups, type RuleGroup } from '../../alert-rules/rules.ts'
import { ALERTS, type AlertDefinition, type AlertName } from '../../model/alerts.ts'
import type { FiredAlert } from './evaluate.ts'
import type { Truth } from './fleet/truth.ts'
import { hash } from './rule-plan.ts'

export interface Meaning {
  readonly alert: AlertName
  /** All it may tell of, where a peer's alert is as good as several of ours. */
  readonly tells: readonly AlertName[]
  readonly severity: 'page' | 'ticket'
}

export interface RuleSet {
  readonly name: RuleSetName
  readonly title: string
  groups(truth: Truth): readonly RuleGroup[]
  /** What an alert says; undefined when it is neither page nor ticket. */
  meaning(fired: FiredAlert): Meaning | undefined
  /** Alerts that a firing alert silences for the same agent. */
  inhibits(alert: AlertName): readonly string[]
}

/** Of the rule sets in peers/, in the order of the report. */
export const RULE_SET_NAMES = ['static-global', 'static-per-agent', 'sloth-30d', 'sloth-7d', 'bands', 'bands-wide', 'ours'] as const
export type RuleSetName = (typeof RULE_SET_NAMES)[number]

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

/** Names the shipped rules as they decide, so that a report can say which it is of: their texts do not count. */
export function rulesFingerprint(): string {
  const groups = ruleGroups().map(({ name, interval, rules }) => [
    name,
    interval,
    rules.map((r) => ('alert' in r ? { ...r, annotations: {} } : r)),
  ])
  return hash(groups).slice(0, 12)
}

export function isAlertName(name: string): name is AlertName {
  return Object.hasOwn(ALERTS, name)
}
