/**
 * The shipped rules with time compressed, as one rule file, for the demo and the end-to-end test: with 60 an hour is a minute.
 * About agents nothing is changed but durations. The watching itself is compressed less, for a machine's own hiccups (a late first scrape,
 * a busy core) last seconds whatever the scale. One alert is left out, and only it: see LEFT_OUT.
 */
import { stringify } from 'yaml'
import type { AlertName } from '../model/alerts.ts'
import { type RuleGroup, ruleGroups, type RuleOptions } from '../alert-rules/rules.ts'

const WATCH = 'agentopz-watch'
const WATCH_SCALE = 10
/** Rules that run every second do come late. */
const LEFT_OUT: readonly AlertName[] = ['AgentopzRulesFailing']

/** Rule groups at a scale. */
export function compressedGroups(scale: number, options: Omit<RuleOptions, 'scale'>): readonly RuleGroup[] {
  const of = (isWatch: boolean, divisor: number): readonly RuleGroup[] =>
    ruleGroups({ ...options, scale: divisor })
      .filter((g) => (g.name === WATCH) === isWatch)
      .map((g) => ({ ...g, rules: g.rules.filter((r) => !('alert' in r) || !LEFT_OUT.some((name) => name === r.alert)) }))
  return [...of(false, scale), ...of(true, Math.min(scale, WATCH_SCALE))]
}

/** The same as the text of a rule file. */
export function compressedRules(scale: number, options: Omit<RuleOptions, 'scale'> = {}): string {
  return stringify({ groups: compressedGroups(scale, options) }, { lineWidth: 0, blockQuote: 'literal' })
}
