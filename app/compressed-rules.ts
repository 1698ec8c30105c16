/**
 * The shipped rules with time compressed, as one rule file, for the demo and the end-to-end test: with 60 an hour is a minute.
 * About agents nothing is changed but durations. The watching itself is compressed less, for a machine's own hiccups (a late first scrape,
 * a busy core) last seconds whatever the scale; and AgentopzRulesFailing is left out, for rules that run every second do come late.
 */
import { stringify } from 'yaml'
import type { AlertName } from '../model/alerts.ts'
import { type RuleGroup, ruleGroups, type RuleOptions } from '../alert-rules/rules.ts'

const WATCH = 'agentopz-watch'
const WATCH_SCALE = 10
const LEFT_OUT: AlertName = 'AgentopzRulesFailing'

/** Rule groups at a scale. */
export function compressedGroups(scale: number, options: Omit<RuleOptions, 'scale'>): readonly RuleGroup[] {
  const watch = ruleGroups({ ...options, scale: Math.min(scale, WATCH_SCALE) }).filter((g) => g.name === WATCH)
  const agents = ruleGroups({ ...options, scale }).filter((g) => g.name !== WATCH)
  return [...agents, ...watch.map((g) => ({ ...g, rules: g.rules.filter((r) => !('alert' in r) || r.alert !== LEFT_OUT) }))]
}

/** The same as the text of a rule file. */
export function compressedRules(scale: number, options: Omit<RuleOptions, 'scale'> = {}): string {
  return stringify({ groups: compressedGroups(scale, options) }, { lineWidth: 0, blockQuote: 'literal' })
}
