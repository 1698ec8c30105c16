/**
 * The fleet at a glance, in the order of two in the morning: what is on fire, since when, whose it is; then objectives; then volume and money.
 * One row of a table or timeline is one agent; a click leads to its board.
 */
import { PAGE, TICKET } from '../model/thresholds.ts'
import type { Board } from './board.ts'
import { query, stat, stateTimeline, table, timeseries } from './panels.ts'
import { apply, count, max, orZero, sum, type Vector, words } from './query.ts'
import { above, below, firingSince, NEUTRAL, passRate, ratedRuns, WEEK_NEEDED } from './shares.ts'
import { agents, datasource, environment, linkToBoard, MANY, runbooks, team, toAgent, toRunbook } from './variables.ts'

const w = words(MANY)
const AGENT = ['agent', 'environment'] as const
const QUIET = 'no alert may be firing'
const ALERT = ['severity', 'alertname', 'agent', 'environment', 'team', 'tool', 'cause'] as const

/** An alert of an agent is one, however many signals or tools it fires for. */
const firingAlerts = (severity: 'critical' | 'warning'): Vector<'alertname' | 'agent' | 'environment'> =>
  max(['alertname', ...AGENT], w.alerts('ALERTS', { alertstate: 'firing', severity }))
const target = max([...AGENT], w.metric('agentopz_objective', { objective: 'quality' }))
/** Failed and rated runs of 28 days, from recorded hours: a raw range of 28 days would be too much to ask every minute. */
const month = (name: 'agent_sli:bad:increase1h' | 'agent_sli:total:increase1h'): Vector<'agent' | 'environment'> =>
  sum(
    [...AGENT],
    apply(w.recorded(name, { sli: 'quality' }), (x) => `sum_over_time(${x}[28d:1h])`),
  )
const budgetLeft = apply(
  month('agent_sli:bad:increase1h'),
  (bad) => `1 - ${bad} / (${month('agent_sli:total:increase1h').promql} > 0) / (1 - ${target.promql} < 1 > 0)`,
)

export const fleet: Board = {
  name: 'fleet',
  description: 'What is on fire, whose it is and since when; objectives and budgets; runs and spend against what is expected.',
  from: 'now-6h',
  variables: [datasource, environment, team, agents, runbooks],
  annotations: [],
  sections: [
    {
      title: 'On fire',
      panels: [
        stat(
          {
            title: 'Pages',
            description: 'Alerts that fire and page somebody. All teams and environments, whatever is chosen above.',
            unit: 'short',
            width: 3,
            thresholds: above(1, 'red'),
          },
          [query(orZero(count([], firingAlerts('critical'))), '')],
        ),
        stat(
          {
            title: 'Tickets',
            description: 'Alerts that fire and page nobody: work for office hours.',
            unit: 'short',
            width: 3,
            thresholds: above(1, 'yellow'),
          },
          [query(orZero(count([], firingAlerts('warning'))), '')],
        ),
        stat({ title: 'Agents', description: 'Agents that closed a run in the last 24 hours.', unit: 'short', width: 3 }, [
          query(
            count(
              [],
              apply(max([...AGENT], w.metric('agentopz_last_run_timestamp_seconds')), (x) => `${x} > time() - 86400`),
            ),
            '',
          ),
        ]),
        stat(
          {
            title: 'Runs, last hour',
            description: 'Closed runs, beside what the same hour of the week had.',
            unit: 'short',
            decimals: 0,
            width: 7,
          },
          [
            query(sum([], w.recorded('agent:runs:increase1h')), 'runs'),
            query(sum([], w.recorded('agent:runs:expected1h')), 'expected', { mayBeEmpty: WEEK_NEEDED, color: 'blue' }),
          ],
        ),
        stat(
          {
            title: 'Spend, last 24 hours',
            description:
              'Priced spend, beside what the runs of such a day cost normally. Tokens without a price are not in it: board Cost.',
            unit: 'currencyUSD',
            decimals: 2,
            width: 8,
          },
          [
            query(sum([], w.recorded('agent:cost_usd:increase1d')), 'spent'),
            query(
              sum(
                [],
                apply(w.recorded('agent:cost_usd:expected1h'), (x) => `sum_over_time(${x}[1d:1h])`),
              ),
              'expected',
              { mayBeEmpty: WEEK_NEEDED, color: 'blue' },
            ),
          ],
        ),
        table(
          {
            title: 'Firing alerts, worst first',
            description:
              'Pages before tickets, the oldest first. The alert’s name opens its runbook, the agent’s its board. Alerts without an agent are about the watching itself: board Processor.',
            unit: 'none',
            width: 24,
            height: 8,
            columns: [
              {
                from: 'severity',
                title: 'severity',
                width: 110,
              },
              { from: 'alertname', title: 'alertname', link: toRunbook, width: 240 },
              { from: 'agent', title: 'agent', link: toAgent, width: 200 },
              { from: 'Value', title: 'since', unit: 'dateTimeAsIso', width: 200 },
              { from: 'cause', title: 'points at', width: 110 },
              { from: 'tool', title: 'tool', width: 150 },
              { from: 'team', title: 'team', width: 120 },
              { from: 'environment', title: 'environment', width: 130 },
            ],
            sort: [{ column: 'severity' }, { column: 'since' }],
          },
          [query(firingSince(w, ALERT), '', { mayBeEmpty: QUIET })],
        ),
        stateTimeline(
          {
            title: 'Worst signal of each agent',
            description:
              'How far the worst of an agent’s signals (quality, errors, refusals, tools, loops, cost, steps, duration) is from its own baseline, in standard errors of the last hour. From 3 on it is worth a look; from 4.2 on it pages, if it is also large enough.',
            unit: 'short',
            decimals: 1,
            width: 24,
            height: 7,
            thresholds: above(3, 'yellow', TICKET['6h'].z, 'orange', PAGE['1h'].z, 'red'),
          },
          [query(max(['agent'], w.recorded('agent_sli:bad_ratio:zscore1h')), '{{agent}}')],
        ),
      ],
    },
    {
      title: 'Objectives',
      panels: [
        table(
          {
            title: 'Agents against their objectives',
            description:
              'Share of rated runs that passed in the last day and n, how many those were; the configured target; the share of the error budget of 28 days that is left (below 0 it is overspent); runs of the last hour against what is expected; how ready the agent is for an incident, from 0 to 100 (agentopz ready says why).',
            unit: 'short',
            width: 24,
            height: 7,
            hidden: ['environment 1'],
            columns: [
              { from: 'agent', title: 'agent', link: toAgent, width: 220 },
              { from: 'environment', title: 'environment', width: 130 },
              { from: 'Value #A', title: 'pass rate 1d', unit: 'percentunit', decimals: 1, thresholds: below(0.85, 0.95), coloured: true },
              { from: 'Value #B', title: 'n', unit: 'short', decimals: 0 },
              { from: 'Value #C', title: 'target', unit: 'percentunit', decimals: 1 },
              { from: 'Value #D', title: 'budget left 28d', unit: 'percentunit', decimals: 0, thresholds: below(0, 0.25), coloured: true },
              { from: 'Value #E', title: 'runs 1h', unit: 'short', decimals: 0 },
              { from: 'Value #F', title: 'expected 1h', unit: 'short', decimals: 0 },
              { from: 'Value #G', title: 'spend 1d', unit: 'currencyUSD', decimals: 2 },
              { from: 'Value #H', title: 'ready', unit: 'short', decimals: 0, thresholds: below(50, 70), coloured: true },
            ],
            sort: [{ column: 'budget left 28d' }],
          },
          [
            query(passRate(w, AGENT, '1d'), ''),
            query(ratedRuns(w, AGENT, '1d'), ''),
            query(target, ''),
            query(budgetLeft, ''),
            query(max([...AGENT], w.recorded('agent:runs:increase1h')), ''),
            query(max([...AGENT], w.recorded('agent:runs:expected1h')), '', { mayBeEmpty: WEEK_NEEDED }),
            query(max([...AGENT], w.recorded('agent:cost_usd:increase1d')), ''),
            query(max([...AGENT], w.metric('agentopz_readiness_score')), '', {
              mayBeEmpty: 'agents are first looked at a minute after the start',
            }),
          ],
        ),
        timeseries(
          {
            title: 'Pass rate, last hour',
            description: 'Share of rated runs of the last hour that passed, by agent. How many they were is beside it.',
            unit: 'percentunit',
            width: 12,
            max: 1,
            interval: '1m',
          },
          [
            query(
              apply(max(['agent'], w.recorded('agent_sli:bad_ratio:1h', { sli: 'quality' })), (x) => `1 - ${x}`),
              '{{agent}}',
            ),
          ],
        ),
        timeseries(
          {
            title: 'Rated runs, last hour (n)',
            description: 'How many runs the pass rate beside it rests on. With few of them a share jumps by chance.',
            unit: 'short',
            width: 12,
            min: 0,
            interval: '1m',
          },
          [query(sum(['agent'], w.recorded('agent_sli:total:increase1h', { sli: 'quality' })), '{{agent}}')],
        ),
      ],
    },
    {
      title: 'Volume and spend',
      panels: [
        timeseries(
          {
            title: 'Runs against expected',
            description:
              'Runs of the last hour over those expected at this time of the week; 100 % is normal. How many they are is beside it. Absent while an agent has too little history.',
            unit: 'percentunit',
            width: 8,
            min: 0,
            interval: '1m',
            links: [linkToBoard('incident', 'Look around a time')],
          },
          [
            query(
              max(
                ['agent'],
                apply(w.recorded('agent:runs:increase1h'), (x) => `${x} / ${w.recorded('agent:runs:expected1h').promql}`),
              ),
              '{{agent}}',
              { mayBeEmpty: WEEK_NEEDED },
            ),
          ],
        ),
        timeseries(
          {
            title: 'Runs per hour (n)',
            description: 'Closed runs of the last hour, by agent.',
            unit: 'short',
            width: 8,
            min: 0,
            stack: 'normal',
            interval: '1m',
          },
          [query(sum(['agent'], w.recorded('agent:runs:increase1h')), '{{agent}}')],
        ),
        timeseries(
          {
            title: 'Spend per hour against expected',
            description: 'Priced spend of the last hour by agent, and the dashed sum that all agents would be expected to spend.',
            unit: 'currencyUSD',
            width: 8,
            min: 0,
            stack: 'normal',
            interval: '1m',
            thresholds: NEUTRAL,
            links: [linkToBoard('cost', 'Where the money goes')],
          },
          [
            query(sum(['agent'], w.recorded('agent:cost_usd:increase1h')), '{{agent}}'),
            query(sum([], w.recorded('agent:cost_usd:expected1h')), 'expected, all', {
              mayBeEmpty: WEEK_NEEDED,
              dashed: true,
              unstacked: true,
              color: 'text',
            }),
          ],
        ),
      ],
    },
  ],
}
