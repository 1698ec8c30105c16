/** Alerts on how many runs, how much money, and how large a run still open: against what this time of the week brings. */
import { RUNAWAY, SILENCE_NATS } from '../model/thresholds.ts'
import { alert, lookUp, SAME_AGENT } from './alert.ts'
import { type AlertingRule, type Duration, metric, recorded, type RuleOptions } from './promql.ts'

const A = ['agent', 'environment'] as const
const seen = recorded('agent:runs:increase1h')
const expected = recorded('agent:runs:expected1h')
/**
 * Distance of a count from its expectation on a square-root scale, in standard errors. Hourly counts of a busy agent vary by their own
 * nature, not by chance alone: 17 % were seen, hence the 3 % of variance that grows with the count.
 */
const distance = (count: string, expectation: string): string =>
  `2 * (sqrt(${count} + 0.375) - sqrt(${expectation} + 0.375)) / sqrt(1 + 0.03 * ${expectation})`

/** The alerts on volume, spend and open runs. */
export function volumeAlerts(d: Duration, options: RuleOptions): readonly AlertingRule[] {
  const hour = (text: string): string => `${text} at this time of the week`
  const seen30m = recorded('agent:runs:increase30m')
  const half = `(${expected} / 2)`
  const seen10m = recorded('agent:runs:increase10m')
  const sixth = `(${expected} / 6)`
  const spend = recorded('agent:cost_usd:increase1h')
  const last = `max by (agent, environment) (${metric('agentopz_last_run_timestamp_seconds')})`
  const every = `max by (agent, environment) (${metric('agentopz_objective', 'objective="expect_runs_every_seconds"')})`
  const usualDay = `avg_over_time(${recorded('agent:runs:increase1h')}[${d(86_400)}] offset ${d(3600)})`
  // What the hours before brought, against what they should: an agent on holiday is low from the morning on, a broken one falls.
  const before = `(${recorded('agent:runs:increase6h')} - ${seen})`
  const beforeExpected = `(${recorded('agent:runs:expected6h')} - ${expected})`
  return [
    alert(
      'AgentSilent',
      {
        expr: `
          (time() - ${last} and on (agent, environment) ${recorded('agent:silence:evidence')} > ${SILENCE_NATS})
          or
          (time() - ${last} > ${every})`,
        forSeconds: 120,
        keepSeconds: 1800,
        summary: '{{ $labels.agent }}: no run for {{ $value | humanizeDuration }} although there should be',
        description: `Evidence, in nats (10 is a chance of 1 in 22,000): agent:silence:evidence{${SAME_AGENT}}.\nIs agentopz itself fed? sum by (dialect) (rate(agentopz_spans_received_total[10m])). Other agents at the same time: sum by (agent) (agent:runs:increase10m).`,
      },
      d,
      options,
    ),
    alert(
      'AgentVolumeSurge',
      {
        expr: `
          (
            (${seen30m} / ${half} > 3 and ${distance(seen30m, half)} > 3 and ${seen30m} > 1.5 * ${usualDay} and ${seen30m} > 20)
            or
            (${seen10m} / ${sixth} > 3.5 and ${distance(seen10m, sixth)} > 3.5 and ${seen10m} > 0.6 * ${usualDay} and ${seen10m} > 20)
          )
          and ${distance(seen10m, recorded('agent:runs:expected_high10m'))} > 3`,
        forSeconds: 60,
        keepSeconds: 900,
        summary: `{{ $labels.agent }}: {{ $value | humanize }} times as many runs as usual ${hour('')}`.replace('  ', ' '),
        description: `Often a retry storm or a new caller. Runs: agent:runs:increase1h{${SAME_AGENT}}, expected: agent:runs:expected1h{${SAME_AGENT}}.`,
      },
      d,
      options,
    ),
    alert(
      'AgentVolumeDrop',
      {
        expr: `
          ${seen} / ${expected} < 0.5
          and ${distance(seen, expected)} < -4
          and ${seen} < 0.6 * ${before} / 5
          and ${before} / ${beforeExpected} > 0.65 and ${beforeExpected} > 20`,
        forSeconds: 300,
        keepSeconds: 900,
        summary: '{{ $labels.agent }}: only {{ $value | humanizePercentage }} of the usual runs in the last hour, after normal hours',
        description: `Some callers may have stopped. Runs: agent:runs:increase1h{${SAME_AGENT}}, expected: agent:runs:expected1h{${SAME_AGENT}}.`,
      },
      d,
      options,
    ),
    alert(
      'AgentVolumeLow',
      {
        expr: `${seen} / ${expected} < 0.5 and ${distance(seen, expected)} < -3`,
        forSeconds: 900,
        keepSeconds: 3600,
        summary: '{{ $labels.agent }}: only {{ $value | humanizePercentage }} of the usual runs in the last hour',
        description: `Low since earlier today: a holiday looks the same. Runs: agent:runs:increase1h{${SAME_AGENT}}, expected: agent:runs:expected1h{${SAME_AGENT}}.`,
      },
      d,
      options,
    ),
    alert(
      'AgentSpendSurge',
      {
        expr: `
          ${spend} / ${recorded('agent:cost_usd:expected1h')} > 3
          and ${spend} > 3 * ${usualDay} * ${recorded('agent:run_cost_usd:mean:baseline')}
          and ${spend} > 30 * ${recorded('agent:run_cost_usd:mean:baseline')}
          and (
            ${seen} > 1.5 * ${expected}
            or on (agent, environment) ${recorded('agent_sli:bad_ratio:zscore1h', 'sli="cost"')} > 3
          )`,
        forSeconds: 300,
        keepSeconds: 900,
        summary: `{{ $labels.agent }}: {{ $value | humanize }} times the usual spend; ${lookUp('agent:cost_usd:increase1h', A, 'printf "%.2f"')} USD in the last hour`,
        description: `More runs or dearer runs? agent:runs:increase1h{${SAME_AGENT}} against agent:runs:expected1h, agent:run_cost_usd:mean1h{${SAME_AGENT}} against agent:run_cost_usd:mean:baseline. Which model: sum by (model) (increase(agentopz_cost_usd_total{${SAME_AGENT}}[1h])).`,
      },
      d,
      options,
    ),
    ...(Object.keys(RUNAWAY) as (keyof typeof RUNAWAY)[]).map((measure) =>
      alert(
        'AgentRunaway',
        {
          expr: `max by (agent, environment) (${metric(`agentopz_open_run_max_${measure}`)}) / ${recorded(`agent:open_run_max_${measure}:baseline`)} > ${RUNAWAY[measure]}`,
          forSeconds: 60,
          keepSeconds: 300,
          labels: { measure },
          summary: `{{ $labels.agent }}: a run still open has {{ $value | humanize }} times the ${{ cost_usd: 'cost', steps: 'steps', age_seconds: 'age' }[measure]} that the largest normally reach`,
          description: `No root span has ended, so nothing else shows it. Now: agentopz_open_run_max_cost_usd{${SAME_AGENT}}, agentopz_open_run_max_steps{${SAME_AGENT}}, agentopz_open_run_max_age_seconds{${SAME_AGENT}}, agentopz_open_run_max_streak{${SAME_AGENT}}.`,
        },
        d,
        options,
      ),
    ),
  ]
}
