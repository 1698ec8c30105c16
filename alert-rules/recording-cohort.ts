/**
 * What changed: the newest cohort value against all others, the mix of inputs against the normal mix, the largest open runs, the team.
 * A cohort value is new when it was not there in the six days before yesterday, so a restart of the processor makes nothing new.
 * Needs counters that begin at 0 with a cohort's first run, as the processor's do.
 */
import type { RecordedName } from '../model/recorded.ts'
import { BASELINE_EVENTS, COHORT } from '../model/thresholds.ts'
import { type Duration, metric, promql, recorded, type RecordingRule, type RuleGroup } from './promql.ts'
import { EVERY } from './recording-sli.ts'

const DAY = 86_400
const HOUR = 3600
const WEEK = 7 * DAY

/** Dimensions by which runs are told apart, and those that verdicts from outside carry. */
const DIMENSIONS = ['agent_version', 'prompt_version', 'model', 'tools_version'] as const
const VERDICT_DIMENSIONS = ['prompt_version', 'model'] as const
/** Joins a new value to the rest of its dimension. */
const PEERS = 'agent, environment, dimension, evaluation'

/** Groups, in the order they build on each other. */
export function cohortGroups(d: Duration): readonly RuleGroup[] {
  return [
    { name: 'agentopz-cohorts', interval: d(EVERY), rules: [...counts(d), ...newest(d)] },
    { name: 'agentopz-inputs', interval: d(4 * EVERY), rules: inputs(d) },
    { name: 'agentopz-open-runs', interval: d(4 * EVERY), rules: openRuns(d) },
    { name: 'agentopz-teams', interval: d(2 * EVERY), rules: [team(d)] },
  ]
}

function counts(d: Duration): readonly RecordingRule[] {
  const by = (dimension: string, counter: string, more: string): string =>
    `label_replace(sum by (agent, environment, ${dimension}${more}) (increase(${counter}[${d(300)}])), "value", "$1", "${dimension}", "(.+)")`
  const summed = (dimension: string, counter: string, more = ''): string =>
    `sum by (agent, environment, value${more}) (${by(dimension, counter, more)})`
  const rows = (dimension: string, runs: string, verdicts: string): string =>
    (VERDICT_DIMENSIONS as readonly string[]).includes(dimension)
      ? `${summed(dimension, runs)}\nor\n${summed(dimension, verdicts, ', evaluation')}`
      : summed(dimension, runs)
  const rated = (dimension: string): string =>
    rows(
      dimension,
      metric('agentopz_runs_total', 'quality=~"pass|fail"'),
      metric('agentopz_evaluations_total', 'source!="builtin",verdict=~"pass|fail"'),
    )
  const failed = (dimension: string): string =>
    rows(
      dimension,
      metric('agentopz_runs_total', 'quality="fail"'),
      metric('agentopz_evaluations_total', 'source!="builtin",verdict="fail"'),
    )
  return [
    ...DIMENSIONS.flatMap((dimension) => [
      { record: recorded('agent_cohort:total:increase5m'), expr: rated(dimension), labels: { dimension } },
      {
        record: recorded('agent_cohort:bad:increase5m'),
        expr: `${failed(dimension)}\nor\n(${rated(dimension)}) * 0`,
        labels: { dimension },
      },
    ]),
    {
      record: recorded('agent_cohort:total:increase1h'),
      expr: `sum_over_time(${recorded('agent_cohort:total:increase5m')}[${d(HOUR - 300)}]) / ${300 / EVERY}`,
    },
  ]
}

/** The newest value and all others, as shares and as a test between them. */
function newest(d: Duration): readonly RecordingRule[] {
  const hours = (seconds: number, offset = 0): string =>
    `sum_over_time(${recorded('agent_cohort:total:increase1h')}[${d(seconds)}:${d(HOUR)}]${offset === 0 ? '' : ` offset ${d(offset)}`})`
  const sum = (name: RecordedName, seconds: number): string => `sum_over_time(${recorded(name)}[${d(seconds - 300)}]) / ${300 / EVERY}`
  const isNew = `(${sum('agent_cohort:total:increase5m', 6 * HOUR)} > 0 unless ${hours(6 * DAY, DAY)} > 0)`
  const isOld = `${hours(6 * DAY, DAY)} > 0`
  const over = (name: RecordedName, seconds: number): string => `sum by (${PEERS}) (${sum(name, seconds)} and ${isOld})`
  const share = (bad: string, total: string): string => `clamp_max(${bad} / (${total} > 0), 1)`
  const total = 'agent_cohort:total:increase5m'
  const bad = 'agent_cohort:bad:increase5m'
  const enough = `${over(total, 6 * HOUR)} >= ${COHORT.restRuns}`
  return [
    { record: recorded('agent:cohort_new:total6h'), expr: isNew },
    { record: recorded('agent:cohort_new:bad_ratio6h'), expr: share(sum(bad, 6 * HOUR), recorded('agent:cohort_new:total6h')) },
    // The same hours are the fairest comparison; where the new value has replaced all others, the day before it.
    {
      record: recorded('agent:cohort_rest:total'),
      expr: `(${enough} or ${over(total, DAY)}) and on (${PEERS}) ${recorded('agent:cohort_new:total6h')}`,
    },
    {
      record: recorded('agent:cohort_rest:bad_ratio'),
      expr: share(`((${over(bad, 6 * HOUR)} and ${enough}) or ${over(bad, DAY)})`, recorded('agent:cohort_rest:total')),
    },
    {
      record: recorded('agent:cohort_new:zscore6h'),
      expr: promql(`
        2 * (
          asin(sqrt(${recorded('agent:cohort_new:bad_ratio6h')}))
          - on (${PEERS}) group_left () asin(sqrt(${recorded('agent:cohort_rest:bad_ratio')}))
        )
        / sqrt(1 / ${recorded('agent:cohort_new:total6h')} + on (${PEERS}) group_left () 1 / ${recorded('agent:cohort_rest:total')})`),
    },
  ]
}

/** Population stability index of each feature: sum of (share - normal) ln(share / normal), half an event added so that none is 0. */
function inputs(d: Duration): readonly RecordingRule[] {
  const by = 'agent, environment, feature'
  const week = `sum_over_time(${recorded('agent_input:count:increase1h')}[${d(WEEK)}:${d(HOUR)}] offset ${d(6 * HOUR)})`
  const now = `sum_over_time(${recorded('agent_input:count:increase1h')}[${d(5 * HOUR)}:${d(HOUR / 2)}]) / 2`
  const share = (count: string, least: number): string =>
    `((${count}) + 0.5) / on (${by}) group_left () (sum by (${by}) ((${count}) + 0.5) >= ${least})`
  return [
    {
      record: recorded('agent_input:count:increase1h'),
      expr: `sum by (${by}, bucket) (increase(${metric('agentopz_input_feature_total')}[${d(HOUR)}]))`,
    },
    { record: recorded('agent_input:share:6h'), expr: share(now, BASELINE_EVENTS) },
    { record: recorded('agent_input:share:baseline'), expr: share(week, 5 * BASELINE_EVENTS) },
    {
      record: recorded('agent:input_drift:psi6h'),
      expr: promql(`
        sum by (${by}) (
          (${recorded('agent_input:share:6h')} - ${recorded('agent_input:share:baseline')})
          * ln(${recorded('agent_input:share:6h')} / ${recorded('agent_input:share:baseline')})
        )`),
    },
  ]
}

/** Hours whose largest runs must be known before a run can be far beyond them. */
const HOURS = 12

/** What the largest runs reach: nearly the largest of the hourly maxima, so that one runaway does not hide the next. */
function openRuns(d: Duration): readonly RecordingRule[] {
  return (['cost_usd', 'steps', 'age_seconds'] as const).flatMap((measure): readonly RecordingRule[] => [
    {
      record: recorded(`agent:open_run_max_${measure}:max1h`),
      expr: `max by (agent, environment) (max_over_time(${metric(`agentopz_open_run_max_${measure}`)}[${d(HOUR)}]))`,
    },
    {
      record: recorded(`agent:open_run_max_${measure}:baseline`),
      expr: promql(`
        quantile_over_time(0.97, ${recorded(`agent:open_run_max_${measure}:max1h`)}[${d(WEEK)}:${d(HOUR)}] offset ${d(2 * HOUR)})
        and count_over_time(${recorded(`agent:open_run_max_${measure}:max1h`)}[${d(WEEK)}:${d(HOUR)}] offset ${d(2 * HOUR)}) >= ${HOURS}
        and on (agent, environment) ${recorded('agent_sli:total:baseline', 'sli="steps"')}`),
    },
  ])
}

/** One team an agent: what the processor says now, else what it last said today, else none, so that a join never loses an alert. */
function team(d: Duration): RecordingRule {
  const info = (series: string): string =>
    `topk by (agent, environment) (1, max by (agent, environment, team, agent_severity) (label_replace(${series}, "agent_severity", "$1", "severity", "(.+)")))`
  const known = `sum by (agent, environment) (last_over_time(${recorded('agent:runs:increase1d')}[${d(HOUR)}])) * 0 + 1`
  return {
    record: recorded('agent:team:info'),
    expr: promql(`
      ${info(metric('agentopz_objective_info'))}
      or on (agent, environment)
      ${info(`last_over_time(${metric('agentopz_objective_info')}[${d(DAY)}])`)}
      or on (agent, environment)
      ${known}`),
  }
}
