/** promtool cases of the alerts on versions, inputs, objectives, evaluators, accounting, controls. */
import type { AlertName } from '../model/alerts.ts'
import { type AlertCase, type InputSeries, ofAgent, owner, steady } from './case.ts'

const own = owner()
const c = (name: string, alert: AlertName, input: InputSeries, fires: AlertCase['fires'], minute = 12): AlertCase => ({
  name,
  alert,
  series: { ...own, ...input },
  minute,
  fires,
})
interface Cohort {
  readonly dimension: string
  readonly fresh: { readonly share: number; readonly n: number }
  readonly rest: { readonly share: number; readonly n: number }
  readonly z: number
  readonly stillRuns?: boolean
}

function cohort({ dimension, fresh, rest, z, stillRuns = true }: Cohort): InputSeries {
  const by = { dimension, value: '8' }
  return {
    [ofAgent('agent:cohort_new:bad_ratio6h', by)]: steady(fresh.share),
    [ofAgent('agent:cohort_new:total6h', by)]: steady(fresh.n),
    [ofAgent('agent:cohort_new:zscore6h', by)]: steady(z),
    [ofAgent('agent:cohort_rest:bad_ratio', { dimension })]: steady(rest.share),
    [ofAgent('agent:cohort_rest:total', { dimension })]: steady(rest.n),
    [ofAgent('agent_cohort:total:increase5m', by)]: steady(stillRuns ? 2 : 0),
  }
}

const HOURS = 2
const long = (value: string): string => value.replace('N', String(HOURS * 60))
const minute = HOURS * 60 - 10
/** Four hours: a fall is seen against the hours before it. */
const ready = (name: string, values: string, fires: AlertCase['fires']): AlertCase => ({
  name,
  alert: 'AgentReadinessDecayed',
  series: { [ofAgent('agent:team:info', { team: 'sales' })]: '1x240', [ofAgent('agentopz_readiness', { check: 'fallback' })]: values },
  minute: 230,
  fires,
})
const longOwner: InputSeries = { [ofAgent('agent:team:info', { team: 'sales' })]: long('1xN') }
const at = (name: string, alert: AlertName, input: InputSeries, fires: AlertCase['fires']): AlertCase => ({
  name,
  alert,
  series: { ...longOwner, ...input },
  minute,
  fires,
})

/** All cases of this file. */
export const CHANGE_CASES: readonly AlertCase[] = [
  ...['prompt_version', 'model', 'tools_version', 'agent_version'].map((dimension) =>
    c(
      `a new ${dimension} is worse than the others`,
      'AgentVersionRegression',
      cohort({ dimension, fresh: { share: 0.4, n: 30 }, rest: { share: 0.05, n: 400 }, z: 5 }),
      [{ dimension, value: '8' }],
      5,
    ),
  ),
  c(
    'a new version is as good',
    'AgentVersionRegression',
    cohort({ dimension: 'prompt_version', fresh: { share: 0.06, n: 300 }, rest: { share: 0.05, n: 400 }, z: 0.6 }),
    [],
  ),
  c(
    'a new version has three runs',
    'AgentVersionRegression',
    cohort({ dimension: 'prompt_version', fresh: { share: 1, n: 3 }, rest: { share: 0.05, n: 400 }, z: 4 }),
    [],
  ),
  c(
    'a bad version was rolled back',
    'AgentVersionRegression',
    cohort({ dimension: 'prompt_version', fresh: { share: 0.4, n: 30 }, rest: { share: 0.05, n: 400 }, z: 5, stillRuns: false }),
    [],
  ),
  c(
    'inputs of another size',
    'AgentInputDrift',
    {
      [ofAgent('agent:input_drift:psi6h', { feature: 'tokens' })]: steady(0.3),
      [ofAgent('agentopz_input_feature_total', { feature: 'tokens', bucket: '64-256' })]: '0+30x40',
    },
    [{ feature: 'tokens' }],
    18,
  ),
  c(
    'the same mix',
    'AgentInputDrift',
    {
      [ofAgent('agent:input_drift:psi6h', { feature: 'tokens' })]: steady(0.02),
      [ofAgent('agentopz_input_feature_total', { feature: 'tokens', bucket: '64-256' })]: '0+30x40',
    },
    [],
  ),
  c(
    'ten inputs are no mix',
    'AgentInputDrift',
    {
      [ofAgent('agent:input_drift:psi6h', { feature: 'tokens' })]: steady(0.5),
      [ofAgent('agentopz_input_feature_total', { feature: 'tokens', bucket: '64-256' })]: '0+0.1x40',
    },
    [],
  ),
  at(
    'a day with twice the failures the objective allows',
    'AgentObjectiveMissed',
    {
      [ofAgent('agent_sli:bad_ratio:1d', { sli: 'quality' })]: long('0.2xN'),
      [ofAgent('agent_sli:total:increase1d', { sli: 'quality' })]: long('500xN'),
      [ofAgent('agentopz_objective', { objective: 'quality' })]: long('0.95xN'),
    },
    [{ sli: 'quality', objective: 'quality' }],
  ),
  at(
    'a day within the objective',
    'AgentObjectiveMissed',
    {
      [ofAgent('agent_sli:bad_ratio:1d', { sli: 'quality' })]: long('0.06xN'),
      [ofAgent('agent_sli:total:increase1d', { sli: 'quality' })]: long('500xN'),
      [ofAgent('agentopz_objective', { objective: 'quality' })]: long('0.95xN'),
    },
    [],
  ),
  at(
    'a tenth of the runs over their cost objective',
    'AgentObjectiveMissed',
    {
      [ofAgent('agentopz_run_exceeded_total', { objective: 'cost' })]: long('0+1xN'),
      [ofAgent('agentopz_run_cost_usd_count')]: long('0+10xN'),
      [ofAgent('agentopz_objective', { objective: 'cost_usd_target' })]: long('0.99xN'),
    },
    [{ objective: 'cost' }],
  ),
  at(
    'over the cost objective without a target',
    'AgentObjectiveMissed',
    {
      [ofAgent('agentopz_run_exceeded_total', { objective: 'cost' })]: long('0+1xN'),
      [ofAgent('agentopz_run_cost_usd_count')]: long('0+10xN'),
    },
    [],
  ),
  at(
    'a judge is quiet although runs go on',
    'AgentEvaluationStalled',
    {
      [ofAgent('agent_sli:total:increase1d', { sli: 'evaluation', evaluation: 'judge' })]: long('480xN'),
      [ofAgent('agent_sli:total:increase3h', { sli: 'evaluation', evaluation: 'judge' })]: long('0xN'),
      [ofAgent('agent:runs:increase1h')]: long('100xN'),
      [ofAgent('agent:runs:expected1h')]: long('100xN'),
    },
    [{ sli: 'evaluation', evaluation: 'judge' }],
  ),
  at(
    'a judge and its agent are quiet at night',
    'AgentEvaluationStalled',
    {
      [ofAgent('agent_sli:total:increase1d', { sli: 'evaluation', evaluation: 'judge' })]: long('480xN'),
      [ofAgent('agent_sli:total:increase3h', { sli: 'evaluation', evaluation: 'judge' })]: long('0xN'),
      [ofAgent('agent:runs:increase1h')]: long('1xN'),
      [ofAgent('agent:runs:expected1h')]: long('1xN'),
    },
    [],
  ),
  at(
    'a model without a price',
    'AgentUnpricedSpend',
    {
      [ofAgent('agentopz_unpriced_tokens_total', { model: 'new-model' })]: long('0+1000xN'),
      [ofAgent('agentopz_tokens_total', { model: 'new-model', class: 'input' })]: long('0+1000xN'),
    },
    [{ model: 'new-model' }],
  ),
  at(
    'everything has a price',
    'AgentUnpricedSpend',
    {
      [ofAgent('agentopz_unpriced_tokens_total', { model: 'm' })]: long('0xN'),
      [ofAgent('agentopz_tokens_total', { model: 'm', class: 'input' })]: long('0+1000xN'),
    },
    [],
  ),
  at(
    'a fifth of the calls disagree about usage',
    'AgentUsageConflicts',
    {
      [ofAgent('agentopz_usage_conflicts_total', { kind: 'agent_sum' })]: long('0+2xN'),
      [ofAgent('agentopz_model_calls_total', { outcome: 'ok' })]: long('0+10xN'),
    },
    [{ kind: 'agent_sum' }],
  ),
  at(
    'one conflict in a thousand calls',
    'AgentUsageConflicts',
    {
      [ofAgent('agentopz_usage_conflicts_total', { kind: 'agent_sum' })]: long('0+0.01xN'),
      [ofAgent('agentopz_model_calls_total', { outcome: 'ok' })]: long('0+10xN'),
    },
    [],
  ),
  ready('the fallback no longer answers', '1x130 0x110', [{ check: 'fallback' }]),
  ready('a drill has become too old', '1x130 0.5x110', [{ check: 'fallback' }]),
  ready('there never was a fallback', '0x240', []),
  ready('the fallback did not answer for a moment', '1x130 0x20 1x90', []),
  ready('whether it answers can no longer be told', '1x130 _x110', []),
  ready('there is a fallback at last', '0x130 1x110', []),
  c(
    'an agent is disabled',
    'AgentDisabled',
    { [ofAgent('agentopz_control', { control: 'agent', target: 'shop', state: 'disabled', reason: 'incident' })]: steady(1) },
    [{}],
  ),
  c(
    'an agent is enabled',
    'AgentDisabled',
    { [ofAgent('agentopz_control', { control: 'agent', target: 'shop', state: 'enabled', reason: '' })]: steady(1) },
    [],
  ),
  c(
    'a drill runs',
    'AgentDrill',
    { [ofAgent('agentopz_control', { control: 'drill', target: 'shop', state: 'running', reason: 'rehearsal' })]: steady(1) },
    [{}],
  ),
  c(
    'no drill runs',
    'AgentDrill',
    { [ofAgent('agentopz_control', { control: 'drill', target: 'shop', state: 'running', reason: '' })]: steady(0) },
    [],
  ),
]
