/**
 * Raw metrics → every SLI in one shape: bad and total over 5m to 1d, the share, and how far it is from the baseline.
 * Sums first, ratios last: shares are never averaged, and replicas add up. The windows from 30m on are sums of the 5m increases recorded
 * once a minute, so an event is in five of them and the sum is divided by five.
 * Statistics: likelihood ratio with measured dispersion, ../docs/detection.md.
 */
import { METRICS } from '../model/metrics.ts'
import type { RecordedName } from '../model/recorded.ts'
import { SLIS, type SliName, type Window, WINDOWS } from '../model/slis.ts'
import { type Duration, metric, promql, recorded, type RecordingRule, type RuleGroup } from './promql.ts'

const EVALUATED = 'verdict=~"pass|fail"'
const builtin = (name: string, verdict: string): string =>
  metric('agentopz_evaluations_total', `evaluation="${name}",source="builtin",${verdict}`)

interface Counters {
  /** Counter of bad events and of all, or the histogram whose bounds are counted. */
  readonly bad: string
  readonly total: string
}

const check = (name: string): Counters => ({ bad: builtin(name, 'verdict="fail"'), total: builtin(name, EVALUATED) })
const toolCalls = (outcome: string): string => metric('agentopz_tool_calls_total', outcome)

/** Where the counts of each ratio SLI come from. */
export const RATIOS: Readonly<Record<Exclude<SliName, 'cost' | 'steps' | 'duration'>, Counters>> = {
  quality: { bad: metric('agentopz_runs_total', 'quality="fail"'), total: metric('agentopz_runs_total', 'quality=~"pass|fail"') },
  evaluation: {
    bad: metric('agentopz_evaluations_total', 'source!="builtin",verdict="fail"'),
    total: metric('agentopz_evaluations_total', `source!="builtin",${EVALUATED}`),
  },
  run_error: { bad: metric('agentopz_runs_total', 'outcome="error"'), total: metric('agentopz_runs_total') },
  refusal: check('not_refused'),
  filtered: check('not_filtered'),
  truncation: check('not_truncated'),
  empty: check('not_empty'),
  loop: check('no_loop'),
  tool_error: { bad: toolCalls('outcome="error"'), total: toolCalls('outcome!="blocked"') },
  tool_empty: { bad: toolCalls('outcome="empty"'), total: toolCalls('outcome=~"ok|empty"') },
  no_tool: {
    bad: metric('agentopz_run_tool_calls', 'le=~"0|0.0"', '_bucket'),
    total: metric('agentopz_run_tool_calls', '', '_count'),
  },
}

/** The histogram of each level SLI. */
export const LEVELS = {
  cost: 'agentopz_run_cost_usd',
  steps: 'agentopz_run_steps',
  duration: 'agentopz_run_duration_seconds',
} as const

/** Matches the level SLIs, whose dispersion is far below 1 because a size says more than a yes or no. */
export const LEVEL = `sli=~"${Object.keys(LEVELS).join('|')}"`
export const RATIO = `sli!~"${Object.keys(LEVELS).join('|')}"`

/** One minute: what the divisors below rest on. */
export const EVERY = 60
const BASE = 300

/** bad and total of one SLI over a window of raw counters. */
function fromCounters(sli: SliName, window: string): { readonly bad: string; readonly total: string } {
  const definition = SLIS[sli]
  const by = `agent, environment${'by' in definition ? `, ${definition.by}` : ''}`
  const sum = (counter: string): string => `sum by (${by}) (increase(${counter}[${window}]))`
  if (sli === 'cost' || sli === 'steps' || sli === 'duration') {
    const bounds = METRICS[LEVELS[sli]].buckets.length
    const count = sum(metric(LEVELS[sli], '', '_count'))
    const under = sum(metric(LEVELS[sli], 'le!="+Inf"', '_bucket'))
    // Buckets are cumulative: their sum over all bounds is how many bounds the runs stayed under.
    return { bad: `clamp_min(${count} - ${under} / ${bounds}, 0)`, total: count }
  }
  const { bad, total } = RATIOS[sli]
  // Nothing bad so far is 0 of so many, not unknown.
  return { bad: `${sum(bad)}\nor\n${sum(total)} * 0`, total: sum(total) }
}

function counted(sli: SliName, name: '5m' | '10m', window: string): readonly RecordingRule[] {
  const { bad, total } = fromCounters(sli, window)
  return [
    { record: recorded(`agent_sli:bad:increase${name}`), expr: bad, labels: { sli } },
    { record: recorded(`agent_sli:total:increase${name}`), expr: total, labels: { sli } },
    ...(sli === 'cost' || sli === 'steps' || sli === 'duration'
      ? [
          {
            record: recorded(`agent_sli:size:increase${name}`),
            expr: `sum by (agent, environment) (increase(${metric(LEVELS[sli], '', '_sum')}[${window}]))`,
            labels: { sli },
          },
        ]
      : []),
  ]
}

const COUNTS = ['bad', 'total', 'size'] as const

/** A window of the recorded 5m increases: it reaches back so far that the whole is as long as its name says. */
function summed(name: Exclude<Window, '10m' | '1d'>, d: Duration): readonly RecordingRule[] {
  return COUNTS.map((what) => ({
    record: recorded(`agent_sli:${what}:increase${name}`),
    expr: `sum_over_time(${recorded(`agent_sli:${what}:increase5m`)}[${d(WINDOWS[name] - BASE)}]) / ${BASE / EVERY}`,
  }))
}

/** A day is summed from hours, a quarter of an hour apart: 96 samples instead of 1,440. */
function day(d: Duration): readonly RecordingRule[] {
  return COUNTS.map((what) => ({
    record: recorded(`agent_sli:${what}:increase1d`),
    expr: `sum_over_time(${recorded(`agent_sli:${what}:increase1h`)}[${d(82_800)}:${d(900)}]) / 4`,
  }))
}

function ratio(window: Window): RecordingRule {
  // increase() extrapolates, so a few events can come out as more than all.
  return {
    record: recorded(`agent_sli:bad_ratio:${window}`),
    expr: `clamp_max(${recorded(`agent_sli:bad:increase${window}`)} / (${recorded(`agent_sli:total:increase${window}`)} > 0), 1)`,
  }
}

/**
 * Distance from the baseline in standard errors: the signed root of the likelihood ratio (G-test), 2 n KL(share || baseline), over the
 * dispersion. Against exact binomial tails it is right where arcsine is too slow and the score test far too quick: rare events, few runs.
 */
function zscore(window: Window): RecordingRule {
  const long = window === '3h' || window === '6h' || window === '1d'
  const dispersion: RecordedName = long ? 'agent_sli:dispersion6h:baseline' : 'agent_sli:dispersion1h:baseline'
  // Away from 0 and 1, where x ln x is not a number to Prometheus.
  const r = `clamp(${recorded(`agent_sli:bad_ratio:${window}`)}, 1e-9, 1 - 1e-9)`
  const q = `clamp_max(${recorded('agent_sli:bad_ratio:baseline')}, 1 - 1e-9)`
  return {
    record: recorded(`agent_sli:bad_ratio:zscore${window}`),
    expr: promql(`
      sgn(${r} - ${q})
      * sqrt(
        2 * clamp_min(${r} * ln(${r} / ${q}) + (1 - ${r}) * ln((1 - ${r}) / (1 - ${q})), 0)
        / (${recorded(dispersion)} * (1 / ${recorded(`agent_sli:total:increase${window}`)} + 1 / ${recorded('agent_sli:total:baseline')}))
      )`),
  }
}

const SHORT: readonly Window[] = ['10m', '30m', '1h', '3h']
const LONG: readonly Window[] = ['6h', '1d']

/** The groups, in the order they build on each other. */
export function sliGroups(d: Duration): readonly RuleGroup[] {
  const names = Object.keys(SLIS) as SliName[]
  return [
    {
      name: 'agentopz-sli',
      interval: d(EVERY),
      rules: [
        ...names.flatMap((sli) => counted(sli, '5m', d(BASE))),
        ...names.flatMap((sli) => counted(sli, '10m', d(WINDOWS['10m']))),
        ...(['30m', '1h', '3h'] as const).flatMap((w) => summed(w, d)),
        ...SHORT.map(ratio),
        ...SHORT.map(zscore),
      ],
    },
    { name: 'agentopz-sli-long', interval: d(2 * EVERY), rules: [...summed('6h', d), ...day(d), ...LONG.map(ratio), ...LONG.map(zscore)] },
  ]
}
