/**
 * Rule groups → Prometheus rule files as YAML that a person can read and diff. Same input, same text: no dates, order of declaration.
 * What is committed in alert-rules/ equals what this writes (test/unit/generated.test.ts).
 */
import { stringify } from 'yaml'
import { RULE_FILES, type RuleGroup, type RuleOptions } from '../alert-rules/rules.ts'

const HEADS: Readonly<Record<string, string>> = {
  'recording.rules.yaml': `Recording rules of agentopz: every signal about an agent in one shape, its baseline, and its distance from it.
What each series means: docs/recorded.md. Load this file together with alerts.rules.yaml.`,
  'alerts.rules.yaml': `Alerting rules of agentopz. What each alert means and what to do: runbooks/<Alert>.md. Routes: alertmanager.example.yml.
How well they detect, and how often they are wrong: docs/detection.md. Thresholds on objectives come from agentopz_objective.`,
}

/** The rule files by name. */
export function ruleFiles(options: RuleOptions = {}): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(RULE_FILES).map(([name, groups]) => [name, ruleFile(HEADS[name] ?? '', groups(options))]))
}

function ruleFile(head: string, groups: readonly RuleGroup[]): string {
  const comment = [
    ...head.split('\n'),
    'Works on Prometheus 2.42 and later. Written by `agentopz generate` from alert-rules/*.ts; change those, not this file.',
  ].map((l) => `# ${l}`)
  // A YAML library folds long lines by default; a PromQL expression must keep its own.
  return `${comment.join('\n')}\n${stringify({ groups }, { lineWidth: 0, blockQuote: 'literal' })}`
}
