/**
 * Around a time, the four causes side by side: prompt, tools, model, input. One column is one suspect, and in each the question is whether
 * what is wrong follows it. Below, the newest value of every cohort dimension against all others.
 */
import { COHORT, DRIFT, PAGE } from '../model/thresholds.ts'
import type { Board, Section } from './board.ts'
import { query, stateTimeline, table, timeseries } from './panels.ts'
import { apply, increase, max, or, sum, words } from './query.ts'
import { above, passRate, ratedRuns, toolCalls, toolShare, WEEK_NEEDED } from './shares.ts'
import { agent, cohortChanges, controls, datasource, environment, firing, incidents, linkToBoard, ONE, team, window } from './variables.ts'

const w = words(ONE)
const NONE = [] as const
const STEADY = 'only while a value is new, which it is for a day'

const symptom: Section = {
  title: 'Symptom',
  panels: [
    timeseries(
      {
        title: 'Pass rate and how many runs it rests on',
        description:
          'Share of rated runs that passed in the chosen window, dashed its normal; bars, right axis: rated runs (n). Lines mark new prompts, models, versions and tool sets; shades mark alerts and controls. Set the time range around the moment it broke.',
        unit: 'percentunit',
        width: 12,
        max: 1,
        interval: '1m',
        links: [linkToBoard('agent', 'The agent’s board', { agent: '$agent' })],
      },
      [
        query(ratedRuns(w, NONE), 'n', { right: 'rated runs', unit: 'short', bars: true, color: 'blue' }),
        query(passRate(w, NONE), 'passed', { color: 'green' }),
        query(
          apply(max(NONE, w.recorded('agent_sli:bad_ratio:baseline', { sli: 'quality' })), (x) => `1 - ${x}`),
          'normal',
          { dashed: true, color: 'text' },
        ),
      ],
    ),
    stateTimeline(
      {
        title: 'Which signals moved, and which moved first',
        description: 'Distance of each signal’s last hour from its normal, in standard errors. The first to turn is nearest to the cause.',
        unit: 'none',
        decimals: 1,
        width: 12,
        thresholds: above(3, 'yellow', PAGE['1h'].z, 'red'),
      },
      [query(max(['sli'], w.recorded('agent_sli:bad_ratio:zscore1h')), '{{sli}}')],
    ),
  ],
}

const quarter = { width: 6, interval: '1m' } as const

const causes: Section = {
  title: 'Prompt · tools · model · input: which one does it follow?',
  panels: [
    timeseries(
      {
        ...quarter,
        title: 'Prompt: pass rate by version',
        description: 'A version apart from the others is the suspect. n below.',
        unit: 'percentunit',
        max: 1,
      },
      [query(passRate(w, ['prompt_version']), '{{prompt_version}}')],
    ),
    timeseries(
      {
        ...quarter,
        title: 'Tools: failed or empty calls',
        description: 'Share of calls that failed or returned nothing, by tool, in the chosen window. n below.',
        unit: 'percentunit',
        min: 0,
        softMax: 0.2,
      },
      [
        query(
          or(
            apply(toolShare(w, ['tool'], 'error'), (x) => `(${x})`),
            apply(toolCalls(w, ['tool']), (x) => `0 * (${x} > 0)`),
          ),
          '{{tool}} failed',
        ),
        query(toolShare(w, ['tool'], 'empty'), '{{tool}} empty', { mayBeEmpty: 'tools that never returned nothing have no such series' }),
      ],
    ),
    timeseries(
      {
        ...quarter,
        title: 'Model: pass rate by model',
        description: 'A model apart from the others is the suspect. n below.',
        unit: 'percentunit',
        max: 1,
      },
      [query(passRate(w, ['model']), '{{model}}')],
    ),
    timeseries(
      {
        ...quarter,
        title: 'Input: sizes of what users send',
        description:
          'Shares of runs by tokens of their first model call. A mix that changed before quality did points at the input; one that changed with a new prompt may be the prompt itself.',
        unit: 'short',
        min: 0,
        stack: 'percent',
      },
      [query(sum(['bucket'], increase(w.metric('agentopz_input_feature_total', { feature: 'tokens' }), '$window')), '{{bucket}} tokens')],
    ),
    timeseries(
      {
        ...quarter,
        title: 'Prompt: rated runs by version (n)',
        description: 'How many runs each share above rests on.',
        unit: 'short',
        min: 0,
        stack: 'normal',
      },
      [query(ratedRuns(w, ['prompt_version']), '{{prompt_version}}')],
    ),
    timeseries(
      {
        ...quarter,
        title: 'Tools: calls (n)',
        description: 'How many calls each share above rests on.',
        unit: 'short',
        min: 0,
        stack: 'normal',
      },
      [query(toolCalls(w, ['tool']), '{{tool}}')],
    ),
    timeseries(
      {
        ...quarter,
        title: 'Model: rated runs by model (n)',
        description: 'How many runs each share above rests on.',
        unit: 'short',
        min: 0,
        stack: 'normal',
      },
      [query(ratedRuns(w, ['model']), '{{model}}')],
    ),
    timeseries(
      {
        ...quarter,
        title: 'Input: how many runs',
        description: 'Closed runs of the last hour, dashed what the same hour of the week had.',
        unit: 'short',
        min: 0,
      },
      [
        query(sum(NONE, w.recorded('agent:runs:increase1h')), 'runs'),
        query(sum(NONE, w.recorded('agent:runs:expected1h')), 'expected', { dashed: true, color: 'text', mayBeEmpty: WEEK_NEEDED }),
      ],
    ),
    timeseries(
      {
        ...quarter,
        title: 'Prompt: what failed',
        description: 'Failed verdicts of the chosen window by check and prompt version.',
        unit: 'short',
        min: 0,
        stack: 'normal',
      },
      [
        query(
          apply(
            sum(['evaluation', 'prompt_version'], increase(w.metric('agentopz_evaluations_total', { verdict: 'fail' }), '$window')),
            (x) => `${x} > 0`,
          ),
          '{{evaluation}} {{prompt_version}}',
          { mayBeEmpty: 'nothing may have failed' },
        ),
      ],
    ),
    timeseries(
      {
        ...quarter,
        title: 'Tools: pass rate by tool set',
        description: 'A tool that was added, removed or redefined makes a new tool set. How many runs: the sum of n at the left.',
        unit: 'percentunit',
        max: 1,
      },
      [query(passRate(w, ['tools_version']), '{{tools_version}}')],
    ),
    timeseries(
      {
        ...quarter,
        title: 'Model: how calls end',
        description: 'Model calls of the chosen window by finish reason; an empty one is a call that failed.',
        unit: 'short',
        min: 0,
        stack: 'percent',
      },
      [query(sum(['model', 'finish_reason'], increase(w.metric('agentopz_model_calls_total'), '$window')), '{{model}} {{finish_reason}}')],
    ),
    timeseries(
      {
        ...quarter,
        title: 'Input: drift',
        description: `Population stability index of the last 6 hours against normal; from ${DRIFT.psi} on the inputs are other than before.`,
        unit: 'none',
        decimals: 2,
        min: 0,
        softMax: 2 * DRIFT.psi,
        thresholds: [
          { color: 'transparent', value: null },
          { color: 'red', value: DRIFT.psi },
        ],
      },
      [query(max(['feature'], w.recorded('agent:input_drift:psi6h')), '{{feature}}')],
    ),
  ],
}

const COHORT_LABELS = ['dimension', 'value', 'evaluation'] as const

const cohorts: Section = {
  title: 'New against old',
  panels: [
    table(
      {
        title: 'Newest cohort values against all others',
        description: `Failed share of the newest value in the last 6 hours, and in the last day of all other values of the same dimension, each with n. From z ${COHORT.z} on, with ${COHORT.newRuns} new and ${COHORT.restRuns} other runs and ${100 * COHORT.rise} points of difference, it pages as a regression of the version.`,
        unit: 'none',
        width: 14,
        height: 7,
        columns: [
          { from: 'dimension', title: 'dimension' },
          { from: 'value', title: 'newest value' },
          { from: 'evaluation', title: 'evaluation' },
          { from: 'Value #A', title: 'z', unit: 'none', decimals: 1, thresholds: above(2, 'yellow', COHORT.z, 'red'), coloured: true },
          { from: 'Value #B', title: 'new: failed 6h', unit: 'percentunit', decimals: 1 },
          { from: 'Value #C', title: 'new: n', unit: 'short', decimals: 0 },
          { from: 'Value #D', title: 'others: failed 1d', unit: 'percentunit', decimals: 1 },
          { from: 'Value #E', title: 'others: n', unit: 'short', decimals: 0 },
        ],
        sort: [{ column: 'z', descending: true }],
      },
      [
        query(max(COHORT_LABELS, w.recorded('agent:cohort_new:zscore6h')), '', { mayBeEmpty: STEADY }),
        query(max(COHORT_LABELS, w.recorded('agent:cohort_new:bad_ratio6h')), '', { mayBeEmpty: STEADY }),
        query(max(COHORT_LABELS, w.recorded('agent:cohort_new:total6h')), '', { mayBeEmpty: STEADY }),
        query(max(['dimension', 'evaluation'], w.recorded('agent:cohort_rest:bad_ratio')), '', { mayBeEmpty: STEADY }),
        query(max(['dimension', 'evaluation'], w.recorded('agent:cohort_rest:total')), '', { mayBeEmpty: STEADY }),
      ],
    ),
    table(
      {
        title: 'What changed, latest first',
        description: 'When each cohort value was first seen since the processor started: the ledger of changes.',
        unit: 'none',
        width: 10,
        height: 7,
        columns: [
          { from: 'dimension', title: 'dimension' },
          { from: 'value', title: 'value' },
          { from: 'Value', title: 'first seen', unit: 'dateTimeAsIso' },
        ],
        sort: [{ column: 'first seen', descending: true }],
      },
      [
        query(
          apply(max(['dimension', 'value'], w.metric('agentopz_cohort_first_seen_timestamp_seconds')), (x) => `sort_desc(1000 * ${x})`),
          '',
        ),
      ],
    ),
  ],
}

export const incident: Board = {
  name: 'incident',
  description: 'Around a time: the four causes (prompt, tools, model, input) side by side, and the newest cohort against the rest.',
  from: 'now-6h',
  variables: [datasource, environment, { ...team, hide: 2 }, agent, window],
  annotations: [cohortChanges, controls, firing, incidents],
  sections: [symptom, causes, cohorts],
}
