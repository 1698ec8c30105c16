/** Where the money goes: by agent, by model, per run, what the cache saves, and what nobody has a price for. */
import type { Board } from './board.ts'
import { PROMPT, tokensSection } from './cost-tokens.ts'
import { query, stat, table, timeseries } from './panels.ts'
import { apply, increase, max, rate, share, sum, words } from './query.ts'
import { above, cacheShare, NO_LIMIT, WEEK_NEEDED } from './shares.ts'
import { agents, datasource, environment, MANY, team, toAgent, window } from './variables.ts'

const w = words(MANY)
const NONE = [] as const
const AGENT = ['agent', 'environment'] as const
const ALL_PRICED = 'all tokens may have a price'

const tokens = sum(NONE, increase(w.metric('agentopz_tokens_total'), '1d'))
const unpriced = sum(NONE, increase(w.metric('agentopz_unpriced_tokens_total'), '1d'))
const perHour = (by: 'agent' | 'model'): ReturnType<typeof sum<'agent' | 'model', 'agent' | 'model'>> =>
  apply(sum([by], rate(w.metric('agentopz_cost_usd_total'), '$window')), (x) => `3600 * ${x}`)

export const cost: Board = {
  name: 'cost',
  description: 'Spend by agent and model against what is expected, cost per run, cache efficiency, and tokens nobody has a price for.',
  from: 'now-24h',
  variables: [datasource, environment, team, agents, window],
  annotations: [],
  sections: [
    {
      title: 'Last 24 hours',
      panels: [
        stat(
          {
            title: 'Spend',
            description: 'Priced spend of the last 24 hours, beside what the runs of such a day cost normally.',
            unit: 'currencyUSD',
            decimals: 2,
            width: 8,
          },
          [
            query(sum(NONE, w.recorded('agent:cost_usd:increase1d')), 'spent'),
            query(
              sum(
                NONE,
                apply(w.recorded('agent:cost_usd:expected1h'), (x) => `sum_over_time(${x}[1d:1h])`),
              ),
              'expected',
              {
                mayBeEmpty: WEEK_NEEDED,
                color: 'blue',
              },
            ),
          ],
        ),
        stat(
          {
            title: 'Cost per run',
            description: 'Mean cost of fully priced runs of the last 24 hours, and how many those were (n).',
            unit: 'currencyUSD',
            decimals: 4,
            width: 6,
          },
          [
            query(
              share(
                sum(NONE, increase(w.sumOf('agentopz_run_cost_usd'), '1d')),
                sum(NONE, increase(w.countOf('agentopz_run_cost_usd'), '1d')),
              ),
              'mean',
            ),
            query(sum(NONE, increase(w.countOf('agentopz_run_cost_usd'), '1d')), 'n', { unit: 'short', color: 'text' }),
          ],
        ),
        stat(
          {
            title: 'Read from cache',
            description: 'Share of prompt tokens that came from the provider’s cache, and how many prompt tokens that is of (n).',
            unit: 'percentunit',
            decimals: 1,
            width: 5,
          },
          [
            query(cacheShare(w, NONE, '1d'), 'cached'),
            query(sum(NONE, increase(w.metric('agentopz_tokens_total', { class: PROMPT }), '1d')), 'n', { unit: 'short', color: 'text' }),
          ],
        ),
        stat(
          {
            title: 'Without a price',
            description:
              'Share of all tokens for which no price is known, and how many tokens there were (n). Their cost is unknown, not zero: the spend shown is too low by it.',
            unit: 'percentunit',
            decimals: 1,
            width: 5,
            thresholds: above(0.01, 'yellow', 0.1, 'red'),
          },
          [
            query(
              apply(unpriced, (x) => `(${x} or vector(0)) / (${tokens.promql} > 0)`),
              'unpriced',
            ),
            query(tokens, 'n', { unit: 'short', color: 'text' }),
          ],
        ),
      ],
    },
    {
      title: 'Spend',
      panels: [
        timeseries(
          {
            title: 'Spend per hour by agent',
            description: 'US dollars per hour over the chosen window, by agent; dashed, what all agents would be expected to spend.',
            unit: 'currencyUSD',
            width: 12,
            min: 0,
            stack: 'normal',
            interval: '2m',
          },
          [
            query(perHour('agent'), '{{agent}}'),
            query(sum(NONE, w.recorded('agent:cost_usd:expected1h')), 'expected, all', {
              mayBeEmpty: WEEK_NEEDED,
              dashed: true,
              unstacked: true,
              color: 'text',
            }),
          ],
        ),
        timeseries(
          {
            title: 'Spend per hour by model',
            description: 'US dollars per hour over the chosen window, by the model that answered.',
            unit: 'currencyUSD',
            width: 12,
            min: 0,
            stack: 'normal',
            interval: '2m',
          },
          [query(perHour('model'), '{{model}}')],
        ),
        timeseries(
          {
            title: 'Cost per run by agent',
            description: 'Mean cost of the fully priced runs of the last hour; n is in the table below. A fall is not always good news.',
            unit: 'currencyUSD',
            decimals: 4,
            width: 12,
            min: 0,
            interval: '1m',
          },
          [query(max(['agent'], w.recorded('agent:run_cost_usd:mean1h')), '{{agent}}')],
        ),
        timeseries(
          {
            title: 'Cost per run against normal',
            description: 'The same as a multiple of each agent’s normal; 1 is normal, from 1.5 on it pages if it is also significant.',
            unit: 'none',
            decimals: 2,
            width: 12,
            min: 0,
            softMax: 2,
            interval: '1m',
            thresholds: [
              { color: 'transparent', value: null },
              { color: 'red', value: 1.5 },
            ],
          },
          [
            query(
              max(
                ['agent'],
                apply(w.recorded('agent:run_cost_usd:mean1h'), (x) => `${x} / ${w.recorded('agent:run_cost_usd:mean:baseline').promql}`),
              ),
              '{{agent}}',
            ),
          ],
        ),
        table(
          {
            title: 'Agents by spend, last 24 hours',
            description:
              'Spend, runs with a known cost (n), cost per run, and the share of runs over the cost objective where there is one.',
            unit: 'short',
            width: 12,
            height: 6,
            columns: [
              { from: 'agent', title: 'agent', link: toAgent },
              { from: 'environment', title: 'environment' },
              { from: 'Value #A', title: 'spend', unit: 'currencyUSD', decimals: 2 },
              { from: 'Value #B', title: 'n', unit: 'short', decimals: 0 },
              { from: 'Value #C', title: 'per run', unit: 'currencyUSD', decimals: 4 },
              {
                from: 'Value #D',
                title: 'over objective',
                unit: 'percentunit',
                decimals: 1,
                thresholds: above(0.01, 'yellow', 0.05, 'red'),
                coloured: true,
              },
            ],
            sort: [{ column: 'spend', descending: true }],
          },
          [
            query(sum(AGENT, increase(w.metric('agentopz_cost_usd_total'), '1d')), ''),
            query(sum(AGENT, increase(w.countOf('agentopz_run_cost_usd'), '1d')), ''),
            query(
              share(
                sum(AGENT, increase(w.sumOf('agentopz_run_cost_usd'), '1d')),
                sum(AGENT, increase(w.countOf('agentopz_run_cost_usd'), '1d')),
              ),
              '',
            ),
            query(
              share(
                sum(AGENT, increase(w.metric('agentopz_run_exceeded_total', { objective: 'cost' }), '1d')),
                sum(AGENT, increase(w.metric('agentopz_runs_total'), '1d')),
              ),
              '',
              { mayBeEmpty: NO_LIMIT },
            ),
          ],
        ),
        table(
          {
            title: 'Tokens without a price, last 24 hours',
            description: 'By agent and model, with the share of that model’s tokens. Give them a price in the price override file.',
            unit: 'short',
            width: 12,
            height: 6,
            columns: [
              { from: 'agent', title: 'agent', link: toAgent },
              { from: 'model', title: 'model' },
              { from: 'Value', title: 'tokens', unit: 'short', decimals: 0 },
            ],
            sort: [{ column: 'tokens', descending: true }],
          },
          [
            query(
              apply(sum(['agent', 'model'], increase(w.metric('agentopz_unpriced_tokens_total'), '1d')), (x) => `sort_desc(${x} > 0)`),
              '',
              { mayBeEmpty: ALL_PRICED },
            ),
          ],
        ),
      ],
    },
    tokensSection,
  ],
}
