/**
 * Series that the shipped recording rules write, by name, with their labels: the words alerts, dashboards, `agentopz baseline` and the
 * detection harness share. Names follow Prometheus's level:metric:operations. Like the metric catalogue, a name that is not here does
 * not compile.
 */
import { SLI_LABELS, WINDOWS, type Window } from './slis.ts'

export interface RecordedSeries {
  readonly labels: readonly string[]
  readonly help: string
}

const A = ['agent', 'environment'] as const

type SliSeries =
  | `agent_sli:${'bad' | 'total' | 'size'}:increase${Window}`
  | `agent_sli:bad_ratio:${Window}`
  | `agent_sli:bad_ratio:zscore${Window}`

function perWindow(): Record<SliSeries, RecordedSeries> {
  const out: Record<string, RecordedSeries> = {}
  for (const w of Object.keys(WINDOWS)) {
    out[`agent_sli:bad:increase${w}`] = { labels: SLI_LABELS, help: `Bad events of an SLI in the last ${w}.` }
    out[`agent_sli:total:increase${w}`] = { labels: SLI_LABELS, help: `Events of an SLI in the last ${w}.` }
    out[`agent_sli:size:increase${w}`] = {
      labels: SLI_LABELS,
      help: `Sum of the sizes (US dollars, steps, seconds) of the runs of the last ${w}; cost, steps and duration only.`,
    }
    out[`agent_sli:bad_ratio:${w}`] = { labels: SLI_LABELS, help: `Share of bad events in the last ${w}, 0 to 1.` }
    out[`agent_sli:bad_ratio:zscore${w}`] = {
      labels: SLI_LABELS,
      help: `How far the share of the last ${w} is from the baseline, in standard errors (signed root of the likelihood ratio, dispersion included); above 0 is worse or more.`,
    }
  }
  return out
}

export const RECORDED = {
  ...perWindow(),
  'agent_sli:bad:increase5m': { labels: SLI_LABELS, help: 'Bad events of an SLI in the last 5m; the windows from 30m on are sums of it.' },
  'agent_sli:size:increase5m': { labels: SLI_LABELS, help: 'Sum of the sizes of the runs of the last 5m.' },
  'agent_sli:total:increase5m': { labels: SLI_LABELS, help: 'Events of an SLI in the last 5m.' },
  'agent_sli:bad_ratio:baseline': {
    labels: SLI_LABELS,
    help: 'Normal share of bad events: the last 7 days but the newest hours, unusual hours left out.',
  },
  'agent_sli:total:baseline': { labels: SLI_LABELS, help: 'Events the baseline rests on.' },
  'agent_sli:dispersion1h:baseline': { labels: SLI_LABELS, help: 'Variance of hourly shares over what pure chance would give.' },
  'agent_sli:dispersion6h:baseline': { labels: SLI_LABELS, help: 'The same for windows of 6 hours.' },
  'agent_sli:mean:baseline': {
    labels: SLI_LABELS,
    help: 'Normal mean size (US dollars, steps, seconds) of a run; cost, steps and duration only.',
  },
  'agent_sli:bad_ratio:raw': {
    labels: SLI_LABELS,
    help: 'Share of bad events of the last 7 days but the newest hour, unusual hours included: what hours are told unusual by.',
  },
  'agent_sli:total:raw': { labels: SLI_LABELS, help: 'Events of the last 7 days but the newest hour.' },
  'agent_sli:residual1h:raw': {
    labels: SLI_LABELS,
    help: 'Squared distance of the last hour from the raw share, in variances of pure chance.',
  },
  'agent_sli:residual6h:raw': { labels: SLI_LABELS, help: 'The same of the last 6 hours.' },
  'agent_sli:dispersion1h:raw': { labels: SLI_LABELS, help: 'Median of the hourly residuals, as a dispersion.' },
  'agent_sli:usual_bad:increase1h': {
    labels: SLI_LABELS,
    help: 'Bad events of the last hour unless the hour is unusual (over 3 standard errors from the raw share).',
  },
  'agent_sli:usual_total:increase1h': { labels: SLI_LABELS, help: 'Events of the last hour unless the hour is unusual.' },
  'agent_sli:usual_size:increase1h': { labels: SLI_LABELS, help: 'Sum of sizes of the last hour unless the hour is unusual.' },
  'agent_sli:usual_residual1h:raw': { labels: SLI_LABELS, help: 'Residual of the last hour unless the hour is unusual.' },
  'agent:runs:increase5m': { labels: A, help: 'Closed runs in the last 5m.' },
  'agent:runs:increase30m': { labels: A, help: 'Closed runs in the last 30m.' },
  'agent:runs:increase10m': { labels: A, help: 'Closed runs in the last 10m.' },
  'agent:runs:increase1h': { labels: A, help: 'Closed runs in the last hour.' },
  'agent:runs:increase1d': { labels: A, help: 'Closed runs in the last day.' },
  'agent:runs:expected1h': {
    labels: A,
    help: 'Runs to expect in an hour at this time of the week; absent with less than a week of history.',
  },
  'agent:runs:expected_low1h': {
    labels: A,
    help: 'Fewest runs to expect in an hour at this time of the week: the least of the hours around it.',
  },
  'agent:runs:expected_high10m': { labels: A, help: 'Most runs to expect in ten minutes around this time of the week.' },
  'agent:runs:expected6h': { labels: A, help: 'Runs to expect in the last 6 hours.' },
  'agent:runs:increase6h': { labels: A, help: 'Closed runs in the last 6 hours.' },
  'agent:silence:gap': { labels: A, help: 'Runs to expect in the time since the last run, discounted for how thin the expectation is.' },
  'agent:silence:evidence': { labels: A, help: 'Evidence that the agent is silent, in nats: a silence of chance would be exp(-x) likely.' },
  'agent:cost_usd:increase1h': { labels: A, help: 'Priced spend of the last hour, US dollars.' },
  'agent:cost_usd:increase1d': { labels: A, help: 'Priced spend of the last day, US dollars.' },
  'agent:cost_usd:expected1h': { labels: A, help: 'Spend to expect in an hour at this time of the week, US dollars.' },
  'agent:run_cost_usd:mean1h': { labels: A, help: 'Mean cost of the fully priced runs of the last hour, US dollars.' },
  'agent:run_steps:mean1h': { labels: A, help: 'Mean steps of the runs of the last hour.' },
  'agent:run_duration_seconds:mean1h': { labels: A, help: 'Mean duration of the runs of the last hour, seconds.' },
  'agent:run_cost_usd:mean:baseline': { labels: A, help: 'Normal mean cost of a run, US dollars.' },
  'agent:run_steps:mean:baseline': { labels: A, help: 'Normal mean number of steps of a run.' },
  'agent:run_duration_seconds:mean:baseline': { labels: A, help: 'Normal mean duration of a run, seconds.' },
  'agent:open_run_max_cost_usd:max1h': { labels: A, help: 'Costliest open run of the last hour, US dollars.' },
  'agent:open_run_max_steps:max1h': { labels: A, help: 'Longest open run of the last hour, steps.' },
  'agent:open_run_max_age_seconds:max1h': { labels: A, help: 'Oldest open run of the last hour, seconds.' },
  'agent:open_run_max_cost_usd:baseline': { labels: A, help: 'What the costliest runs normally reach, US dollars.' },
  'agent:open_run_max_steps:baseline': { labels: A, help: 'What the longest runs normally reach, steps.' },
  'agent:open_run_max_age_seconds:baseline': { labels: A, help: 'What the oldest runs normally reach, seconds.' },
  'agent_input:count:increase1h': { labels: [...A, 'feature', 'bucket'], help: 'Inputs by feature in the last hour.' },
  'agent_input:share:6h': { labels: [...A, 'feature', 'bucket'], help: 'Share of a bucket in the inputs of the last 6h.' },
  'agent_input:share:baseline': { labels: [...A, 'feature', 'bucket'], help: 'Normal share of a bucket.' },
  'agent_cohort:bad:increase5m': {
    labels: [...A, 'dimension', 'value', 'evaluation'],
    help: 'Failed runs or verdicts by cohort value in the last 5m.',
  },
  'agent_cohort:total:increase5m': {
    labels: [...A, 'dimension', 'value', 'evaluation'],
    help: 'Rated runs or verdicts by cohort value in the last 5m.',
  },
  'agent_cohort:total:increase1h': {
    labels: [...A, 'dimension', 'value', 'evaluation'],
    help: 'Rated runs or verdicts by cohort value in the last hour.',
  },
  'agent:input_drift:psi6h': {
    labels: [...A, 'feature'],
    help: 'Population stability index of the inputs of the last 6h against the baseline.',
  },
  'agent:cohort_new:bad_ratio6h': {
    labels: [...A, 'dimension', 'value', 'evaluation'],
    help: 'Failed share of rated runs of the newest cohort value (first seen within a day), last 6h.',
  },
  'agent:cohort_new:total6h': {
    labels: [...A, 'dimension', 'value', 'evaluation'],
    help: 'Rated runs or verdicts of the newest cohort value, last 6h.',
  },
  'agent:cohort_rest:total': {
    labels: [...A, 'dimension', 'evaluation'],
    help: 'The same of all other values: the last 6h, or the last day where those have too few.',
  },
  'agent:cohort_rest:bad_ratio': {
    labels: [...A, 'dimension', 'evaluation'],
    help: 'The same of all other values: the last 6h, or the last day where those have too few.',
  },
  'agent:cohort_new:zscore6h': {
    labels: [...A, 'dimension', 'value', 'evaluation'],
    help: 'Newest against the others, in standard errors; above 0 is worse.',
  },
  'agent:team:info': { labels: [...A, 'team', 'agent_severity'], help: 'Team of each agent with data; always 1.' },
} as const satisfies Record<string, RecordedSeries>

export type RecordedName = keyof typeof RECORDED | SliSeries
