/** Sections of the agent's board: what its runs cost and how large they are, which tokens they use, what users send. */
import type { Section } from './board.ts'
import { heatmap, query, timeseries } from './panels.ts'
import { increase, max, rate, sum, words } from './query.ts'
import { NO_LIMIT } from './shares.ts'
import { linkToBoard, ONE } from './variables.ts'

const w = words(ONE)
const NONE = [] as const
const CELL = '5m'
const PINK = 'Dots are runs: a click opens the trace.'

/** A configured threshold of one run, for the panels that have room for a line. */
const limit = (objective: string): ReturnType<typeof max<'objective', never>> => max(NONE, w.metric('agentopz_objective', { objective }))

const sizes: Section = {
  title: 'Cost, steps and duration of runs',
  panels: [
    heatmap(
      {
        title: 'Cost of runs',
        description: `How many runs cost how much. Only runs all of whose model calls had a price. ${PINK}`,
        unit: 'currencyUSD',
        width: 8,
        interval: CELL,
      },
      sum(['le'], increase(w.bucket('agentopz_run_cost_usd'))),
    ),
    heatmap(
      {
        title: 'Steps of runs',
        description: `How many runs took how many steps (model calls, tool calls, retrievals). ${PINK}`,
        unit: 'short',
        width: 8,
        interval: CELL,
      },
      sum(['le'], increase(w.bucket('agentopz_run_steps'))),
    ),
    heatmap(
      {
        title: 'Duration of runs',
        description: `How many runs took how long, by their root span. ${PINK}`,
        unit: 's',
        width: 8,
        interval: CELL,
      },
      sum(['le'], increase(w.bucket('agentopz_run_duration_seconds'))),
    ),
    timeseries(
      {
        title: 'Mean cost per run',
        description: 'Mean of the last hour, dashed its normal, and the threshold of the objective where one is configured.',
        unit: 'currencyUSD',
        width: 8,
        min: 0,
        interval: '1m',
        links: [linkToBoard('cost', 'Where the money goes')],
      },
      [
        query(max(NONE, w.recorded('agent:run_cost_usd:mean1h')), 'last hour'),
        query(max(NONE, w.recorded('agent:run_cost_usd:mean:baseline')), 'normal', { dashed: true, color: 'text' }),
        query(limit('cost_usd_per_run'), 'objective', { dashed: true, color: 'red', mayBeEmpty: NO_LIMIT }),
      ],
    ),
    timeseries(
      {
        title: 'Mean steps per run',
        description: 'Mean of the last hour, dashed its normal, and the threshold of the objective where one is configured.',
        unit: 'short',
        decimals: 1,
        width: 8,
        min: 0,
        interval: '1m',
      },
      [
        query(max(NONE, w.recorded('agent:run_steps:mean1h')), 'last hour'),
        query(max(NONE, w.recorded('agent:run_steps:mean:baseline')), 'normal', { dashed: true, color: 'text' }),
        query(limit('steps_per_run'), 'objective', { dashed: true, color: 'red', mayBeEmpty: NO_LIMIT }),
      ],
    ),
    timeseries(
      {
        title: 'Mean duration',
        description: 'Mean of the last hour, dashed its normal, and the threshold of the objective where one is configured.',
        unit: 's',
        decimals: 1,
        width: 8,
        min: 0,
        interval: '1m',
      },
      [
        query(max(NONE, w.recorded('agent:run_duration_seconds:mean1h')), 'last hour'),
        query(max(NONE, w.recorded('agent:run_duration_seconds:mean:baseline')), 'normal', { dashed: true, color: 'text' }),
        query(limit('duration_seconds_per_run'), 'objective', { dashed: true, color: 'red', mayBeEmpty: NO_LIMIT }),
      ],
    ),
  ],
}

const rest: Section = {
  title: 'Tokens, inputs and open runs',
  panels: [
    timeseries(
      {
        title: 'Tokens by class',
        description:
          'Tokens per second: fresh input, read from the cache, written to it, visible output, reasoning. The classes do not overlap.',
        unit: 'short',
        width: 8,
        min: 0,
        stack: 'normal',
        interval: '2m',
      },
      [query(sum(['class'], rate(w.metric('agentopz_tokens_total'))), '{{class}}')],
    ),
    timeseries(
      {
        title: 'Inputs by size',
        description:
          'Runs of the chosen window by tokens of their first model call. A mix that changes is other users, other data, or another prompt.',
        unit: 'short',
        width: 8,
        min: 0,
        stack: 'percent',
        interval: '2m',
      },
      [query(sum(['bucket'], increase(w.metric('agentopz_input_feature_total', { feature: 'tokens' }), '$window')), '{{bucket}} tokens')],
    ),
    timeseries(
      {
        title: 'Open runs',
        description:
          'Runs now open, the most steps of one, and, dashed, what the longest runs normally reach. Right axis: age of the oldest.',
        unit: 'short',
        width: 8,
        min: 0,
        interval: '1m',
      },
      [
        query(sum(NONE, w.metric('agentopz_open_runs')), 'open'),
        query(max(NONE, w.metric('agentopz_open_run_max_steps')), 'max steps'),
        query(max(NONE, w.recorded('agent:open_run_max_steps:baseline')), 'normal max steps', { dashed: true, color: 'text' }),
        query(max(NONE, w.metric('agentopz_open_run_max_age_seconds')), 'max age', { right: 'age', unit: 's' }),
      ],
    ),
  ],
}

export const agentSizes: readonly Section[] = [sizes, rest]
