/** Alerts on what changed around an agent: a new version that is worse, other inputs, objectives, evaluators, accounting, controls. */
import { COHORT, DRIFT } from '../model/thresholds.ts'
import type { AlertName, Cause } from '../model/alerts.ts'
import { alert, type AlertText, lookUp, SAME_AGENT } from './alert.ts'
import { type AlertingRule, type Duration, metric, promql, recorded, type RuleOptions } from './promql.ts'

/** What a new value of each cohort dimension points at. A new agent version may be anything, most often its prompt. */
const DIMENSIONS: Readonly<Record<string, Cause>> = {
  prompt_version: 'prompt',
  model: 'model',
  tools_version: 'tools',
  agent_version: 'prompt',
}
const COHORT_LABELS = ['agent', 'environment', 'dimension', 'evaluation'] as const

/** The alerts of this file. */
export function changeAlerts(d: Duration, options: RuleOptions): readonly AlertingRule[] {
  const make: Make = (name, text) => alert(name, text, d, options)
  return [
    ...Object.entries(DIMENSIONS).map(([dimension, cause]) => {
      const m = `dimension="${dimension}"`
      const peers = 'on (agent, environment, dimension, evaluation)'
      const fresh = `sum_over_time(${recorded('agent_cohort:total:increase5m', m)}[${d(1500)}]) > 0`
      return make('AgentVersionRegression', {
        expr: `
          ${recorded('agent:cohort_new:bad_ratio6h', m)} + 0
          and ${recorded('agent:cohort_new:zscore6h', m)} > ${COHORT.z}
          and ${recorded('agent:cohort_new:total6h', m)} >= ${COHORT.newRuns}
          and ${peers} ${recorded('agent:cohort_rest:total', m)} >= ${COHORT.restRuns}
          and ${recorded('agent:cohort_new:bad_ratio6h', m)} - ${peers} group_left () ${recorded('agent:cohort_rest:bad_ratio', m)} > ${COHORT.rise}
          and ${fresh}`,
        forSeconds: 120,
        keepSeconds: 900,
        labels: { cause, dimension },
        summary: `{{ $labels.agent }}: {{ $value | humanizePercentage }} of runs with ${dimension} {{ $labels.value }} fail, ${lookUp('agent:cohort_rest:bad_ratio', COHORT_LABELS, 'humanizePercentage')} with the others`,
        description: `The value was first seen within a day and still gets runs. Side by side: sum by (${dimension}, quality) (increase(agentopz_runs_total{${SAME_AGENT}}[6h])).`,
      })
    }),
    make('AgentInputDrift', {
      expr: `
        ${recorded('agent:input_drift:psi6h')} + 0 > ${DRIFT.psi}
        and on (agent, environment, feature) sum by (agent, environment, feature) (increase(${metric('agentopz_input_feature_total')}[${d(21_600)}])) > ${DRIFT.runs}`,
      forSeconds: 600,
      keepSeconds: 3600,
      summary:
        '{{ $labels.agent }}: the mix of inputs by {{ $labels.feature }} has moved (stability index {{ $value | humanize }}, 0.1 is moderate)',
      description: `Which inputs: agent_input:share:6h{${SAME_AGENT}} against agent_input:share:baseline{${SAME_AGENT}}.`,
    }),
    make('AgentObjectiveMissed', {
      expr: promql(`
        label_replace(
          ${recorded('agent_sli:bad_ratio:1d', 'sli="quality"')} + 0
          and on (agent, environment) ${recorded('agent_sli:total:increase1d', 'sli="quality"')} >= 50
          and on (agent, environment) ${recorded('agent_sli:bad_ratio:1d', 'sli="quality"')}
            > on (agent, environment) group_left () 2 * (1 - max by (agent, environment) (${metric('agentopz_objective', 'objective="quality"')})),
          "objective", "quality", "", ""
        )
        or
        ${['cost', 'steps', 'duration'].map((o) => missed(d, o)).join('\nor\n')}`),
      forSeconds: 1800,
      keepSeconds: 3600,
      summary:
        '{{ $labels.agent }}: {{ $value | humanizePercentage }} of the runs of a day missed the {{ $labels.objective }} objective, more than twice what it allows',
      description: `Objectives: agentopz_objective{${SAME_AGENT}}. They are set in agentopz.yaml; \`agentopz baseline\` proposes ones that fit this agent.`,
    }),
    make('AgentEvaluationStalled', {
      expr: `
        ${recorded('agent_sli:total:increase1d', 'sli="evaluation"')} + 0 >= 48
        unless ${recorded('agent_sli:total:increase3h', 'sli="evaluation"')} > 0
        and on (agent, environment) ${recorded('agent:runs:increase1h')} > 0.5 * ${recorded('agent:runs:expected1h')}
        and on (agent, environment) ${recorded('agent:runs:increase1h')} > 10`,
      forSeconds: 1800,
      keepSeconds: 3600,
      summary: '{{ $labels.agent }}: {{ $labels.evaluation }} has given no verdict for 3 hours although runs go on',
      description: `Quality is not watched by it meanwhile. Verdicts: sum by (verdict) (increase(agentopz_evaluations_total{${SAME_AGENT},evaluation={{ printf "%q" $labels.evaluation }}}[3h])).`,
    }),
    make('AgentReadinessDecayed', {
      // By the hour: a week of every scrape would be a great many samples. The last hour is left out, for there the fall itself lies.
      expr: `
        max by (agent, environment, check) (${metric('agentopz_readiness')})
        < max by (agent, environment, check) (max_over_time(${metric('agentopz_readiness')}[${d(604_800)}:${d(3600)}] offset ${d(3600)}))`,
      forSeconds: 3600,
      keepSeconds: 3600,
      summary:
        '{{ $labels.agent }}: {{ $labels.check }} was ready for an incident within the last week and is {{ if gt $value 0.0 }}so only in part{{ else }}missing{{ end }} now',
      description: `What exactly, and what to type: agentopz ready {{ printf "%q" $labels.agent }}. All checks: agentopz_readiness{${SAME_AGENT}}.`,
    }),
    ...accounting(make, d),
    make('AgentDisabled', {
      expr: `max by (agent, environment) (${metric('agentopz_control', 'control="agent",state="disabled"')}) == 1`,
      forSeconds: 0,
      keepSeconds: 0,
      summary: '{{ $labels.agent }} is disabled by a control',
      description: 'Silences the other alerts of the agent while it holds.',
    }),
    make('AgentDrill', {
      expr: `max by (agent, environment) (${metric('agentopz_control', 'control="drill"')}) == 1`,
      forSeconds: 0,
      keepSeconds: 0,
      summary: 'A drill is running on {{ $labels.agent }}',
      description: 'Its alerts page nobody.',
    }),
  ]
}

/** Runs over a threshold of their own, more than twice what the objective's target allows. */
function missed(d: Duration, objective: string): string {
  const all = { cost: 'agentopz_run_cost_usd', steps: 'agentopz_run_steps', duration: 'agentopz_run_duration_seconds' } as const
  const unit = { cost: 'cost_usd', steps: 'steps', duration: 'duration_seconds' } as const
  const o = objective as keyof typeof all
  const count = `sum by (agent, environment) (increase(${metric(all[o], '', '_count')}[${d(86_400)}]))`
  const over = `sum by (agent, environment, objective) (increase(${metric('agentopz_run_exceeded_total', `objective="${o}"`)}[${d(86_400)}]))`
  return `(
  ${over} / on (agent, environment) group_left () (${count} >= 50)
  > on (agent, environment) group_left () 2 * (1 - max by (agent, environment) (${metric('agentopz_objective', `objective="${unit[o]}_target"`)}))
)`
}

type Make = (name: AlertName, text: AlertText) => AlertingRule

function accounting(make: Make, d: Duration): readonly AlertingRule[] {
  const day = d(86_400)
  const unpriced = `sum by (agent, environment, model) (increase(${metric('agentopz_unpriced_tokens_total')}[${day}]))`
  const tokens = `sum by (agent, environment, model) (increase(${metric('agentopz_tokens_total')}[${day}]))`
  const conflicts = `sum by (agent, environment, kind) (increase(${metric('agentopz_usage_conflicts_total')}[${day}]))`
  const calls = `sum by (agent, environment) (increase(${metric('agentopz_model_calls_total')}[${day}]))`
  return [
    make('AgentUnpricedSpend', {
      expr: `${unpriced} / ${tokens} > 0.01 and ${unpriced} > 10000`,
      forSeconds: 3600,
      keepSeconds: 3600,
      summary: '{{ $labels.agent }}: {{ $value | humanizePercentage }} of the tokens of {{ $labels.model }} have no known price',
      description: `The agent's cost is a lower bound. Add a price: docs/prices.md. Tokens: sum by (model, provider) (increase(agentopz_unpriced_tokens_total{${SAME_AGENT}}[1d])).`,
    }),
    make('AgentUsageConflicts', {
      expr: `${conflicts} / on (agent, environment) group_left () (${calls} >= 100) > 0.05`,
      forSeconds: 3600,
      keepSeconds: 3600,
      summary: '{{ $labels.agent }}: spans disagree about usage ({{ $labels.kind }}) on {{ $value | humanizePercentage }} of model calls',
      description: `Counted once by the rules in docs/runs.md; two instrumentations of one call are the usual reason. sum by (kind) (increase(agentopz_usage_conflicts_total{${SAME_AGENT}}[1d])).`,
    }),
  ]
}
