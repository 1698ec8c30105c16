/**
 * Adaptive bands of grafana/promql-anomaly-detection: a band of two deviations around the last hour's mean, a margin of half of it, and the
 * same hour a day and a week ago; an alert when the value leaves the widest. As shipped, and with wider bands and a longer `for`.
 */
import type { RecordingRule, RuleGroup } from '../../../alert-rules/rules.ts'
import type { RuleSet, RuleSetName } from '../rule-set.ts'
import { failedCalls, failedRuns, failedVerdicts, mean, runs, type SignalName, TELLS } from './words.ts'

const INPUTS: readonly { readonly name: SignalName; readonly type: string; readonly expr: string }[] = [
  { name: 'volume', type: 'requests', expr: runs('5m') },
  { name: 'quality', type: 'errors', expr: failedVerdicts('15m') },
  { name: 'failures', type: 'errors', expr: failedRuns('15m') },
  { name: 'tools', type: 'errors', expr: failedCalls('15m') },
  { name: 'cost', type: 'resource', expr: mean('agentopz_run_cost_usd', '15m') },
  { name: 'steps', type: 'resource', expr: mean('agentopz_run_steps', '15m') },
  { name: 'duration', type: 'latency', expr: mean('agentopz_run_duration_seconds', '15m') },
]

const SELECT = 'anomaly:adaptive:select'
const AVG = 'last_over_time(anomaly:adaptive:avg_1h[2m])'
const DEVIATION = 'last_over_time(anomaly:adaptive:stddev_st[2m])'

function input(type: string): string {
  return `agent_anomaly_input{anomaly_name!="",${type === '' ? '' : `anomaly_type="${type}",`}anomaly_select="",anomaly_strategy=~"^$|adaptive"}`
}

const select: RecordingRule = {
  record: SELECT,
  // The last branch brings back what the sparse filter of the first took out; that is how it is shipped.
  expr: [
    `(${input('requests')} > 0 unless avg_over_time(${input('requests')}[1h]) < 5/60)`,
    ...['latency', 'errors', 'resource', ''].map((type) => `${input(type)} > 0`),
  ].join('\nor\n'),
  labels: { anomaly_select: '1', anomaly_strategy: 'adaptive' },
}

function band(side: '+' | '-'): string {
  const seasonal = (offset: string, name: string): string =>
    `label_replace(avg_over_time(${SELECT}[1h] offset ${offset}) ${side} stddev_over_time(${SELECT}[1h] offset ${offset}) * 2, "look_back", "${name}", "", "")`
  return `${side === '+' ? 'max' : 'min'} without (look_back) (${seasonal('167h30m', '1w')} or ${seasonal('23h30m', '1d')})`
}

const RECORDINGS: readonly RuleGroup[] = [
  {
    name: 'bands-input',
    interval: '1m',
    rules: INPUTS.map((i) => ({ record: 'agent_anomaly_input', expr: i.expr, labels: { anomaly_name: i.name, anomaly_type: i.type } })),
  },
  { name: 'bands-select', interval: '1m', rules: [select] },
  {
    name: 'bands-short',
    interval: '1m',
    rules: [
      { record: 'anomaly:adaptive:avg_1h', expr: `avg_over_time(${SELECT}[1h])` },
      {
        record: 'anomaly:adaptive:stddev_1h:filtered',
        expr: `stddev_over_time(${SELECT}[1h]) > avg_over_time(${SELECT}[1h]) * 0.5`,
      },
      { record: 'anomaly:adaptive:stddev_st', expr: 'avg_over_time(anomaly:adaptive:stddev_1h:filtered[26h])' },
    ],
  },
  {
    name: 'bands-long',
    interval: '5m',
    rules: [
      { record: 'anomaly:adaptive:upper_band_lt', expr: band('+') },
      { record: 'anomaly:adaptive:lower_band_lt', expr: band('-') },
    ],
  },
]

function ruleSet(
  name: RuleSetName,
  title: string,
  width: { readonly deviations: number; readonly margin: number; readonly holds: string },
): RuleSet {
  const edge = (side: '+' | '-'): string => {
    const margin = side === '-' ? Math.min(width.margin, 0.95) : width.margin
    const parts = [
      `label_replace(${AVG} ${side} ${DEVIATION} * ${width.deviations}, "prediction_type", "short_term", "", "")`,
      `label_replace(${AVG} ${side} ${AVG} * ${margin}, "prediction_type", "margin", "", "")`,
      `last_over_time(anomaly:adaptive:${side === '+' ? 'upper' : 'lower'}_band_lt[10m])`,
    ].join('\nor\n')
    return side === '+' ? `max without (prediction_type) (${parts})` : `clamp_min(min without (prediction_type) (${parts}), 0)`
  }
  const value = `last_over_time(${SELECT}[2m])`
  const expr = `${value} < ${edge('-')}\nor\n${value} > ${edge('+')}`
  return {
    name,
    title,
    groups: () => [
      ...RECORDINGS,
      { name: 'bands', interval: '1m', rules: [{ alert: 'AnomalyDetected', expr, for: width.holds, labels: {}, annotations: {} }] },
    ],
    meaning: ({ labels }) => {
      const tells = TELLS[labels['anomaly_name'] as SignalName]
      return { alert: tells[0], tells, severity: 'page' }
    },
    inhibits: () => [],
  }
}

export const BANDS = ruleSet('bands', 'adaptive bands as shipped by promql-anomaly-detection', { deviations: 2, margin: 0.5, holds: '5m' })
export const BANDS_WIDE = ruleSet('bands-wide', 'the same bands, wider (3 deviations, margin 75 %, 10 minutes)', {
  deviations: 3,
  margin: 0.75,
  holds: '10m',
})
