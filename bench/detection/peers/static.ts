/**
 * Static thresholds, as most teams begin: one set for all agents over five minutes, and one per agent (its own normal numbers times a factor)
 * over a quarter of an hour. No sample sizes, no seasons.
 */
import type { AlertingRule, RecordingRule } from '../../../alert-rules/rules.ts'
import type { RuleSet } from '../rule-set.ts'
import { failedCalls, failedRuns, failedVerdicts, mean, p95, perAgent, runs, type SignalName, TELLS } from './words.ts'

const NAMES: Readonly<Record<string, SignalName>> = {
  LowPassRate: 'quality',
  HighCostPerRun: 'cost',
  HighSteps: 'steps',
  HighLatency: 'duration',
  ToolErrors: 'tools',
  RunFailures: 'failures',
  NoRuns: 'volume',
}

function alert(name: string, expr: string, holds: string): AlertingRule {
  return { alert: name, expr, for: holds, labels: {}, annotations: {} }
}

const shared: Pick<RuleSet, 'meaning' | 'inhibits'> = {
  meaning: ({ name }) => {
    const signal = NAMES[name]
    return signal === undefined ? undefined : { alert: TELLS[signal][0], tells: TELLS[signal], severity: 'page' }
  },
  inhibits: () => [],
}

export const STATIC_GLOBAL: RuleSet = {
  ...shared,
  name: 'static-global',
  title: 'static thresholds, one for all agents',
  groups: () => [
    {
      name: 'static-global',
      interval: '1m',
      rules: [
        alert('LowPassRate', `${failedVerdicts('5m')} > 0.30`, '5m'),
        alert('HighCostPerRun', `${mean('agentopz_run_cost_usd', '5m')} > 5`, '5m'),
        alert('HighSteps', `${p95('agentopz_run_steps', '5m')} > 60`, '5m'),
        alert('HighLatency', `${p95('agentopz_run_duration_seconds', '5m')} > 900`, '5m'),
        alert('ToolErrors', `${failedCalls('5m')} > 0.10`, '5m'),
        alert('RunFailures', `${failedRuns('5m')} > 0.10`, '5m'),
        alert('NoRuns', `${runs('5m')} == 0`, '15m'),
      ],
    },
  ],
}

const ON = 'on (agent, environment)'

export const STATIC_PER_AGENT: RuleSet = {
  ...shared,
  name: 'static-per-agent',
  title: 'static thresholds per agent, from its own history',
  groups: (truth) => {
    const normal: readonly RecordingRule[] = [
      perAgent('peer:fail_ratio:normal', truth, (a) => a.normal.failRatio),
      perAgent('peer:cost:normal', truth, (a) => a.normal.costUsd.mean),
      perAgent('peer:steps:normal', truth, (a) => a.normal.steps.p95),
      perAgent('peer:duration:normal', truth, (a) => a.normal.durationSeconds.p95),
    ]
    const rules = [
      alert('LowPassRate', `(${failedVerdicts('15m')}) - ${ON} peer:fail_ratio:normal > 0.10`, '5m'),
      alert('HighCostPerRun', `(${mean('agentopz_run_cost_usd', '15m')}) / ${ON} peer:cost:normal > 2`, '5m'),
      alert('HighSteps', `(${p95('agentopz_run_steps', '15m')}) / ${ON} peer:steps:normal > 1.5`, '5m'),
      alert('HighLatency', `(${p95('agentopz_run_duration_seconds', '15m')}) / ${ON} peer:duration:normal > 2`, '5m'),
      alert('ToolErrors', `${failedCalls('15m')} > 0.10`, '5m'),
      alert('RunFailures', `${failedRuns('15m')} > 0.10`, '5m'),
      alert('NoRuns', `${runs('30m')} == 0`, '5m'),
    ]
    return [
      { name: 'normal', interval: '4m', rules: normal },
      { name: 'static-per-agent', interval: '1m', rules },
    ]
  },
}
