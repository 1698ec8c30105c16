/** promtool cases of the alerts on versions, inputs, objectives, evaluators, accounting, controls, and on the watching itself. */
import type { AlertName } from '../model/alerts.ts'
import { type AlertCase, type InputSeries, ofAgent, owner, series, steady } from './case.ts'

const own = owner()
const c = (name: string, alert: AlertName, input: InputSeries, fires: AlertCase['fires'], minute = 30): AlertCase => ({
  name,
  alert,
  series: { ...own, ...input },
  minute,
  fires,
})
/** A case of the watching itself; the dead man's switch of the others does not matter. */
const w = (name: string, alert: AlertName, input: InputSeries, fires: AlertCase['fires'], minute = 30): AlertCase => ({
  name,
  alert,
  series: input,
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
    [ofAgent('agent:cohort_rest:bad_ratio1d', { dimension })]: steady(rest.share),
    [ofAgent('agent:cohort_rest:total1d', { dimension })]: steady(rest.n),
    [ofAgent('agent_cohort:total:increase5m', by)]: steady(stillRuns ? 2 : 0),
  }
}

const HOURS = 3
const long = (value: string): string => value.replace('N', String(HOURS * 60))
const minute = HOURS * 60 - 10
const longOwner: InputSeries = { [ofAgent('agent:team:info', { team: 'sales' })]: long('1xN') }
const at = (name: string, alert: AlertName, input: InputSeries, fires: AlertCase['fires']): AlertCase => ({
  name,
  alert,
  series: { ...longOwner, ...input },
  minute,
  fires,
})

const received = (dialect: string, values: string): InputSeries => ({
  [series('agentopz_spans_received_total', { dialect, signal: 'traces' })]: values,
})

/** All cases of this file. */
export const CHANGE_CASES: readonly AlertCase[] = [
  ...['prompt_version', 'model', 'tools_version', 'agent_version'].map((dimension) =>
    c(
      `a new ${dimension} is worse than the others`,
      'AgentVersionRegression',
      cohort({ dimension, fresh: { share: 0.4, n: 30 }, rest: { share: 0.05, n: 400 }, z: 5 }),
      [{ dimension, value: '8' }],
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
      [ofAgent('agentopz_input_feature_total', { feature: 'tokens', bucket: '64-256' })]: '0+10x40',
    },
    [{ feature: 'tokens' }],
  ),
  c(
    'the same mix',
    'AgentInputDrift',
    {
      [ofAgent('agent:input_drift:psi6h', { feature: 'tokens' })]: steady(0.02),
      [ofAgent('agentopz_input_feature_total', { feature: 'tokens', bucket: '64-256' })]: '0+10x40',
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
  w('agentopz cannot be scraped', 'AgentopzDown', { [series('up', { job: 'agentopz', instance: 'x:9464' })]: '1x10 0x30' }, [
    { job: 'agentopz', instance: 'x:9464' },
  ]),
  w('one scrape failed', 'AgentopzDown', { [series('up', { job: 'agentopz', instance: 'x:9464' })]: '1x28 0 1x10' }, []),
  w('nothing of agentopz was ever scraped', 'AgentopzNoSamples', { [series('up', { job: 'other', instance: 'y' })]: steady(1) }, [{}]),
  w('agentopz is there', 'AgentopzNoSamples', { [series('agentopz_build_info', { version: '1', node_version: '24' })]: steady(1) }, []),
  w(
    'all agents stop at once',
    'AgentopzNoSpans',
    { ...received('gen_ai', '0+100x60 6000x60'), [ofAgent('agent:runs:expected_low1h')]: steady(100, 120) },
    [{}],
    90,
  ),
  w(
    'a night without agents',
    'AgentopzNoSpans',
    { ...received('gen_ai', '0+100x60 6000x60'), [ofAgent('agent:runs:expected_low1h')]: steady(0.5, 120) },
    [],
    90,
  ),
  w(
    'the relay drops requests',
    'AgentopzRelayLosing',
    { [series('agentopz_relay_dropped_requests_total', { endpoint: 'tempo', signal: 'traces', reason: 'queue_full' })]: '0+1x40' },
    [{ endpoint: 'tempo', reason: 'queue_full' }],
  ),
  w(
    'the relay delivers',
    'AgentopzRelayLosing',
    { [series('agentopz_relay_dropped_requests_total', { endpoint: 'tempo', signal: 'traces', reason: 'queue_full' })]: steady(3) },
    [],
  ),
  w(
    'requests are refused',
    'AgentopzRejecting',
    { [series('agentopz_requests_rejected_total', { protocol: 'http', signal: 'traces', reason: 'unauthorized' })]: '0+5x40' },
    [{ reason: 'unauthorized' }],
  ),
  w(
    'one bad request',
    'AgentopzRejecting',
    { [series('agentopz_requests_rejected_total', { protocol: 'http', signal: 'traces', reason: 'undecodable' })]: '0 1x40' },
    [],
  ),
  w('spans of an unknown dialect', 'AgentopzUnknownDialect', received('unknown', '0+10x180'), [{}], 170),
  w('spans of a known dialect', 'AgentopzUnknownDialect', received('gen_ai', '0+10x180'), [], 170),
  w('runs are closed early', 'AgentopzBoundsHit', { [ofAgent('agentopz_runs_evicted_total', { reason: 'evicted_runs' })]: '0+1x40' }, [
    { bound: 'evicted_runs' },
  ]),
  w('no bound is hit', 'AgentopzBoundsHit', { [ofAgent('agentopz_runs_evicted_total', { reason: 'evicted_runs' })]: steady(5) }, []),
  w('a bug drops items', 'AgentopzInternalErrors', { [series('agentopz_internal_errors_total', { stage: 'record' })]: '0x20 2x20' }, [
    { stage: 'record' },
  ]),
  w('an old bug, none since', 'AgentopzInternalErrors', { [series('agentopz_internal_errors_total', { stage: 'record' })]: steady(2) }, []),
  w('a reload was refused', 'AgentopzConfigRefused', { [series('agentopz_config_reload_successful', { instance: 'x:9464' })]: steady(0) }, [
    { instance: 'x:9464' },
  ]),
  w(
    'a reload was taken',
    'AgentopzConfigRefused',
    { [series('agentopz_config_reload_successful', { instance: 'x:9464' })]: steady(1) },
    [],
  ),
  w(
    'a rule fails',
    'AgentopzRulesFailing',
    { [series('prometheus_rule_evaluation_failures_total', { rule_group: 'r.yaml;agentopz-sli' })]: '0+1x40' },
    [{ rule_group: 'r.yaml;agentopz-sli' }],
  ),
  w(
    "somebody else's rule fails",
    'AgentopzRulesFailing',
    { [series('prometheus_rule_evaluation_failures_total', { rule_group: 'r.yaml;node' })]: '0+1x40' },
    [],
  ),
  w('always', 'AgentopzWatchdog', {}, [{}]),
]
