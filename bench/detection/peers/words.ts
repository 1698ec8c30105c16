/**
 * What the peers' rule sets share: the ratios they watch over our metrics, what each signal says in the words of model/alerts.ts, and an
 * agent's normal numbers as constants, for sets that want a number per agent.
 */
import type { RecordingRule } from '../../../alert-rules/rules.ts'
import type { AlertName } from '../../../model/alerts.ts'
import type { LabelOf, MetricName } from '../../../model/metrics.ts'
import { JUDGE } from '../fleet/record-agent.ts'
import type { Truth, TruthAgent } from '../fleet/truth.ts'

export type SignalName = 'quality' | 'failures' | 'tools' | 'cost' | 'steps' | 'duration' | 'volume'

/** Alerts of ours that a peer's alert about this signal is as good as. The first is its name in our words. */
export const TELLS: Readonly<Record<SignalName, readonly [AlertName, ...AlertName[]]>> = {
  quality: ['AgentQualityDrop'],
  failures: ['AgentRunErrors', 'AgentRefusalSpike', 'AgentTruncationSpike', 'AgentLooping'],
  tools: ['AgentToolFailing'],
  cost: ['AgentCostShift', 'AgentSpendSurge'],
  steps: ['AgentStepsShift'],
  duration: ['AgentDurationShift'],
  volume: ['AgentSilent', 'AgentVolumeDrop', 'AgentVolumeSurge'],
}

const BY = 'agent, environment'

function select<M extends MetricName>(name: M, matchers: Partial<Record<LabelOf<M>, string>>): string {
  return `${name}{${Object.entries(matchers)
    .map(([label, value]) => `${label}="${String(value)}"`)
    .join(',')}}`
}

function ratio(bad: string, total: string, window: string, by = BY): string {
  return `sum by (${by}) (rate(${bad}[${window}])) / sum by (${by}) (rate(${total}[${window}]))`
}

/** Share of the judge's verdicts that are fail. */
export function failedVerdicts(window: string): string {
  return ratio(select('agentopz_evaluations_total', { ...JUDGE, verdict: 'fail' }), select('agentopz_evaluations_total', JUDGE), window)
}

/** Share of runs that a built-in check fails. */
export function failedRuns(window: string): string {
  return ratio(select('agentopz_runs_total', { quality: 'fail' }), 'agentopz_runs_total', window)
}

export function failedCalls(window: string): string {
  return ratio(select('agentopz_tool_calls_total', { outcome: 'error' }), 'agentopz_tool_calls_total', window, `${BY}, tool`)
}

export function runs(window: string): string {
  return `sum by (${BY}) (rate(agentopz_runs_total[${window}]))`
}

type Size = 'agentopz_run_cost_usd' | 'agentopz_run_steps' | 'agentopz_run_duration_seconds'

export function mean(size: Size, window: string): string {
  return ratio(`${size}_sum`, `${size}_count`, window)
}

export function p95(size: Size, window: string): string {
  return `histogram_quantile(0.95, sum by (${BY}, le) (rate(${size}_bucket[${window}])))`
}

/** Share of runs over a bound of each agent's own. */
export function over(size: Size, window: string, truth: Truth, bound: (agent: TruthAgent) => string): string {
  const under = truth.agents.map((a) => `rate(${size}_bucket{agent="${a.name}",le="${bound(a)}"}[${window}])`).join(' or ')
  return `1 - sum by (${BY}) (${under}) / sum by (${BY}) (rate(${size}_count[${window}]))`
}

/** A number per agent as a series, the way a team would write down its thresholds. */
export function perAgent(record: string, truth: Truth, value: (agent: TruthAgent) => number): RecordingRule {
  const one = (a: TruthAgent): string =>
    `label_replace(label_replace(vector(${value(a)}), "agent", "${a.name}", "", ""), "environment", "${truth.environment}", "", "")`
  return { record, expr: truth.agents.map(one).join('\nor\n') }
}
