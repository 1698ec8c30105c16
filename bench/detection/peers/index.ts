/** The rule sets that can be compared, by name. */
import { UsageError } from '../parameters-input.ts'
import { OURS, type RuleSet } from '../rule-set.ts'
import { BANDS, BANDS_WIDE } from './bands.ts'
import { SLOTH_30D, SLOTH_7D } from './sloth.ts'
import { STATIC_GLOBAL, STATIC_PER_AGENT } from './static.ts'

export const RULE_SETS: readonly RuleSet[] = [STATIC_GLOBAL, STATIC_PER_AGENT, SLOTH_30D, SLOTH_7D, BANDS, BANDS_WIDE, OURS]

/** `ours`, `all`, or names with commas. */
export function chooseRuleSets(text: string): readonly RuleSet[] {
  if (text === 'all') return RULE_SETS
  return text.split(',').map((name) => {
    const found = RULE_SETS.find((r) => r.name === name)
    if (found === undefined)
      throw new UsageError(`--rules: no rule set "${name}"; write all, or some of ${RULE_SETS.map((r) => r.name).join(',')}`)
    return found
  })
}
