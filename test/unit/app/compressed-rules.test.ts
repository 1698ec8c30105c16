/** The demo's rules are the shipped ones with shorter durations: the same names, the same queries. */
import { expect, test } from 'vitest'
import { ruleGroups, type RuleGroup } from '../../../alert-rules/rules.ts'
import { compressedGroups } from '../../../app/compressed-rules.ts'

type Rule = RuleGroup['rules'][number]
const nameOf = (rule: Rule): string => ('alert' in rule ? rule.alert : rule.record)
const rulesOf = (groups: readonly RuleGroup[]): readonly Rule[] => groups.flatMap((g) => g.rules)
/** Durations, and the numbers of seconds that are compared with time(), left out. */
const withoutTimes = (rule: Rule): string =>
  rule.expr
    .replaceAll(/\b\d+(\.\d+)?(ms|s|m|h|d)(?=[\]: )\n]|$)/g, 'T')
    .replaceAll(/time\(\) - [\d.]+|(?<=process_start_time_seconds\{[^}]*\}\) < )[\d.]+/g, 'T')

test('nothing is missing but rules that come late and runs far beyond the largest', () => {
  const left = rulesOf(ruleGroups()).filter((r) => nameOf(r) !== 'AgentopzRulesFailing')
  expect(rulesOf(compressedGroups(60, {})).map(nameOf)).toEqual(left.map(nameOf))
})
test('queries differ in durations only', () => {
  const shipped = new Map(rulesOf(ruleGroups()).map((r) => [`${nameOf(r)} ${withoutTimes(r)}`, r]))
  const other = rulesOf(compressedGroups(60, {})).filter((r) => !shipped.has(`${nameOf(r)} ${withoutTimes(r)}`))
  expect(other.map((r) => r.expr)).toEqual([])
})
test('an hour is a minute for agents; the watching itself gets six', () => {
  const unit = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 } as const
  const seconds = (text: string): number => Number.parseFloat(text) * (unit[text.replace(/^[\d.]+/, '') as keyof typeof unit] ?? Number.NaN)
  const waits = (groups: readonly RuleGroup[]): ReadonlyMap<string, number> =>
    new Map(rulesOf(groups).flatMap((r) => ('alert' in r && r.for !== undefined ? [[r.alert, seconds(r.for)] as const] : [])))
  const shipped = waits(ruleGroups())
  const compressed = [...waits(compressedGroups(60, {}))]
  expect(compressed.length).toBeGreaterThan(30)
  for (const [name, wait] of compressed) {
    const divisor = name.startsWith('Agentopz') ? 10 : 60
    expect([name, wait]).toEqual([name, Math.max(1, (shipped.get(name) ?? Number.NaN) / divisor)])
  }
})
