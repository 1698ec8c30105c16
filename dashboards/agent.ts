/**
 * One agent: how it does now against its own normal, then each signal over time with the changes of its cohorts marked, then why it paged.
 * Sections are lists in files of their own; this one holds the row of numbers and the quality.
 */
import { query, stat, table, timeseries, type PanelSpec, type PanelText } from './panels.ts'
import type { Board, Section } from './board.ts'
import { agentSizes } from './agent-sizes.ts'
import { agentWhy } from './agent-why.ts'
import { apply, divide, increase, max, or, rate, sum, type Vector, words } from './query.ts'
import { above, below, passRate, ratedRuns, toolCalls, toolShare, WEEK_NEEDED } from './shares.ts'
import {
  agent,
  cohortChanges,
  controls,
  datasource,
  environment,
  firing,
  incidents,
  linkToBoard,
  ONE,
  runbooks,
  team,
  window,
} from './variables.ts'

const w = words(ONE)
const NONE = [] as const
const NO_BASELINE = 'an agent’s first hours have no baseline'

const normalPass = apply(max(NONE, w.recorded('agent_sli:bad_ratio:baseline', { sli: 'quality' })), (x) => `1 - ${x}`)
const objective = max(NONE, w.metric('agentopz_objective', { objective: 'quality' }))

/** A mean beside how many times its normal it is. */
function size(text: Pick<PanelText, 'title' | 'unit' | 'decimals'>, what: string, mean: Vector<never>, normal: Vector<never>): PanelSpec {
  return stat(
    {
      ...text,
      description: `${what} of the last hour, and how many times its normal that is (the baseline of the last 7 days, unusual hours left out). Less is not always better: a fall in quality often looks like a saving.`,
      width: 4,
      thresholds: above(1.3, 'yellow', 1.5, 'red'),
    },
    [query(mean, 'mean', { color: 'text' }), query(divide(mean, normal), '× normal', { unit: 'none' })],
  )
}

const now: Section = {
  title: 'Now',
  panels: [
    stat(
      {
        title: 'Pass rate',
        description: 'Share of rated runs in the chosen window that passed, how many those were (n), and what is normal for this agent.',
        unit: 'percentunit',
        decimals: 1,
        width: 5,
        thresholds: below(0.85, 0.95),
      },
      [
        query(passRate(w, NONE), 'passed'),
        query(ratedRuns(w, NONE), 'n', { unit: 'short', color: 'text' }),
        query(normalPass, 'normal', { color: 'blue' }),
      ],
    ),
    stat(
      {
        title: 'Runs, last hour',
        description: 'Closed runs of the last hour, and what the same hour of the week had.',
        unit: 'short',
        decimals: 0,
        width: 4,
      },
      [
        query(sum(NONE, w.recorded('agent:runs:increase1h')), 'runs'),
        query(sum(NONE, w.recorded('agent:runs:expected1h')), 'expected', { mayBeEmpty: WEEK_NEEDED, color: 'blue' }),
      ],
    ),
    size(
      { title: 'Cost per run', unit: 'currencyUSD', decimals: 4 },
      'Mean cost of the fully priced runs',
      max(NONE, w.recorded('agent:run_cost_usd:mean1h')),
      max(NONE, w.recorded('agent:run_cost_usd:mean:baseline')),
    ),
    size(
      { title: 'Steps per run', unit: 'short', decimals: 1 },
      'Mean number of steps of the runs',
      max(NONE, w.recorded('agent:run_steps:mean1h')),
      max(NONE, w.recorded('agent:run_steps:mean:baseline')),
    ),
    size(
      { title: 'Duration', unit: 's', decimals: 1 },
      'Mean duration of the runs',
      max(NONE, w.recorded('agent:run_duration_seconds:mean1h')),
      max(NONE, w.recorded('agent:run_duration_seconds:mean:baseline')),
    ),
    stat(
      {
        title: 'Open now',
        description: 'Runs that are open, and the most steps that one of them has made. A runaway shows here before it ends.',
        unit: 'short',
        decimals: 0,
        width: 3,
      },
      [
        query(sum(NONE, w.metric('agentopz_open_runs')), 'runs'),
        query(max(NONE, w.metric('agentopz_open_run_max_steps')), 'max steps', { color: 'blue' }),
      ],
    ),
  ],
}

const OUTCOME_COLOURS = { ok: 'green', error: 'red', stopped: 'orange', abandoned: 'purple', unknown: 'blue' } as const
const cohort = ['prompt_version', 'model'] as const

const quality: Section = {
  title: 'Quality',
  panels: [
    timeseries(
      {
        title: 'Pass rate and how many runs it rests on',
        description:
          'Share of rated runs that passed in the chosen window; dashed, what is normal and what the objective asks. Bars, right axis: rated runs (n). Lines mark the first run of a new prompt, model, version or tool set.',
        unit: 'percentunit',
        width: 16,
        height: 9,
        max: 1,
        interval: '1m',
      },
      [
        query(ratedRuns(w, NONE), 'n', { right: 'rated runs', unit: 'short', bars: true, color: 'blue' }),
        query(passRate(w, NONE), 'passed', { color: 'green' }),
        query(normalPass, 'normal', { dashed: true, color: 'text', mayBeEmpty: NO_BASELINE }),
        query(objective, 'objective', { dashed: true, color: 'red' }),
      ],
    ),
    timeseries(
      {
        title: 'Outcomes',
        description: 'Closed runs per minute by outcome. Dots are runs: a click opens the trace.',
        unit: 'short',
        width: 8,
        height: 9,
        min: 0,
        stack: 'normal',
        interval: '2m',
        colours: OUTCOME_COLOURS,
      },
      [
        query(
          apply(sum(['outcome'], rate(w.metric('agentopz_runs_total'))), (x) => `60 * ${x}`),
          '{{outcome}}',
          { exemplar: true },
        ),
      ],
    ),
    timeseries(
      {
        title: 'Pass rate by prompt and model',
        description: 'The same share for each version apart. How many runs each rests on is beside it.',
        unit: 'percentunit',
        width: 8,
        max: 1,
        interval: '1m',
        links: [linkToBoard('incident', 'Compare the four causes', { agent: '$agent' })],
      },
      [query(passRate(w, cohort), '{{prompt_version}} {{model}}')],
    ),
    timeseries(
      {
        title: 'Rated runs by prompt and model (n)',
        description: 'How many rated runs each version had in the chosen window: how far to trust the share beside it.',
        unit: 'short',
        width: 8,
        min: 0,
        stack: 'normal',
        interval: '1m',
      },
      [query(ratedRuns(w, cohort), '{{prompt_version}} {{model}}')],
    ),
    timeseries(
      {
        title: 'What failed',
        description:
          'Verdicts that are fail in the chosen window, by check. The pass rate counts a run once, however many of its checks failed.',
        unit: 'short',
        width: 8,
        min: 0,
        stack: 'normal',
        interval: '1m',
      },
      [
        query(
          apply(sum(['evaluation'], increase(w.metric('agentopz_evaluations_total', { verdict: 'fail' }), '$window')), (x) => `${x} > 0`),
          '{{evaluation}}',
          { exemplar: true, mayBeEmpty: 'nothing may have failed' },
        ),
      ],
    ),
  ],
}

const bad = or(
  apply(toolShare(w, ['tool'], 'error'), (x) => `(${x})`),
  apply(toolCalls(w, ['tool']), (x) => `0 * (${x} > 0)`),
)

const tools: Section = {
  title: 'Tools',
  panels: [
    timeseries(
      {
        title: 'Failed calls by tool',
        description: 'Share of a tool’s calls that failed in the chosen window. How many calls that is of is in the table.',
        unit: 'percentunit',
        width: 8,
        min: 0,
        softMax: 0.2,
        interval: '1m',
      },
      [query(bad, '{{tool}}')],
    ),
    timeseries(
      {
        title: 'Empty results by tool',
        description:
          'Share of a tool’s calls that worked and returned nothing: a retrieval whose index is stale looks like this. How many calls that is of is in the table.',
        unit: 'percentunit',
        width: 8,
        min: 0,
        softMax: 0.2,
        interval: '1m',
      },
      [query(toolShare(w, ['tool'], 'empty'), '{{tool}}', { mayBeEmpty: 'tools that never returned nothing have no such series' })],
    ),
    table(
      {
        title: 'Tools in the chosen window',
        description: 'Calls (n), failed and empty shares, and the time that 95 % of calls stay under, by tool.',
        unit: 'short',
        width: 8,
        columns: [
          { from: 'tool', title: 'tool' },
          { from: 'Value #A', title: 'calls (n)', unit: 'short', decimals: 0 },
          {
            from: 'Value #B',
            title: 'failed',
            unit: 'percentunit',
            decimals: 1,
            thresholds: above(0.05, 'yellow', 0.12, 'red'),
            coloured: true,
          },
          { from: 'Value #C', title: 'empty', unit: 'percentunit', decimals: 1 },
          { from: 'Value #D', title: 'p95', unit: 's' },
        ],
        sort: [{ column: 'failed', descending: true }],
      },
      [
        query(toolCalls(w, ['tool']), ''),
        query(bad, ''),
        query(toolShare(w, ['tool'], 'empty'), '', { mayBeEmpty: 'tools that never returned nothing have no such series' }),
        query(
          apply(
            sum(['tool', 'le'], increase(w.bucket('agentopz_tool_duration_seconds'), '$window')),
            (x) => `histogram_quantile(0.95, ${x})`,
          ),
          '',
        ),
      ],
    ),
  ],
}

export const agentBoard: Board = {
  name: 'agent',
  description: 'One agent against its own normal: quality, outcomes, tools, cost, steps, duration, inputs, open runs, and why it paged.',
  from: 'now-6h',
  variables: [datasource, environment, { ...team, hide: 2 }, agent, window, runbooks],
  annotations: [cohortChanges, controls, firing, incidents],
  sections: [now, quality, tools, ...agentSizes, agentWhy],
}
