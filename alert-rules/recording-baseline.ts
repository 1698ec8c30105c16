/**
 * What is normal for each agent, from its own last seven days but the newest hour, so that an agent nobody configured is watched.
 * Hours over three standard errors from the raw share are left out: an incident must not become normal, nor hide the next one. A change
 * that stays moves the raw share, and is normal after some days.
 * Thin history is not hidden: the test carries 1/n of the baseline, and under a few dozen events there is no baseline at all.
 */
import type { RecordedName } from '../model/recorded.ts'
import { BASELINE_EVENTS } from '../model/thresholds.ts'
import { type Duration, metric, promql, recorded, type RecordingRule, type RuleGroup } from './promql.ts'
import { LEVEL, LEVELS, RATIO } from './recording-sli.ts'

/** An instant query sees five minutes back: anything recorded less often would flicker. */
const EVERY = 240
const WEEK = 604_800
const HOUR = 3600

/** Median and 60 % point of chi-squared with one degree of freedom: a median of squared distances becomes a variance. */
const CHI2_MEDIAN = 0.455
const CHI2_60 = 0.708

/** Prior for the dispersion, as so many hours of it: a size spreads far less than a yes or no. */
const PRIOR = { ratio: { value: 1, hours: 5, least: 1 }, level: { value: 0.1, hours: 3, least: 0.005 } } as const

/** Groups, in the order they build on each other. */
export function baselineGroups(d: Duration): readonly RuleGroup[] {
  const hours = (name: RecordedName, fn = 'sum_over_time', matchers = ''): string =>
    `${fn}(${recorded(name, matchers)}[${d(WEEK)}:${d(HOUR)}] offset ${d(HOUR)})`
  return [
    {
      name: 'agentopz-usual-hours',
      interval: d(EVERY),
      rules: [
        {
          record: recorded('agent_sli:total:raw'),
          expr: `${hours('agent_sli:total:increase1h')} > 0`,
        },
        {
          record: recorded('agent_sli:bad_ratio:raw'),
          // Half an event: nothing bad in so few says little.
          expr: `clamp_max((${hours('agent_sli:bad:increase1h')} + 0.5) / (${recorded('agent_sli:total:raw')} + 1), 1)`,
        },
        ...residual('1h'),
        ...residual('6h'),
        {
          record: recorded('agent_sli:dispersion1h:raw'),
          expr: promql(`
            clamp_min(quantile_over_time(0.5, ${recorded('agent_sli:residual1h:raw', RATIO)}[${d(WEEK)}:${d(HOUR)}]) / ${CHI2_MEDIAN}, ${PRIOR.ratio.least})
            or
            clamp_min(quantile_over_time(0.5, ${recorded('agent_sli:residual1h:raw', LEVEL)}[${d(WEEK)}:${d(HOUR)}]) / ${CHI2_MEDIAN}, ${PRIOR.level.least})`),
        },
        usual('agent_sli:usual_bad:increase1h', 'agent_sli:bad:increase1h'),
        usual('agent_sli:usual_total:increase1h', 'agent_sli:total:increase1h'),
        usual('agent_sli:usual_size:increase1h', 'agent_sli:size:increase1h'),
        usual('agent_sli:usual_residual1h:raw', 'agent_sli:residual1h:raw'),
      ],
    },
    {
      name: 'agentopz-baseline',
      interval: d(EVERY),
      rules: [
        {
          record: recorded('agent_sli:total:baseline'),
          expr: `${hours('agent_sli:usual_total:increase1h')} >= ${BASELINE_EVENTS}`,
        },
        {
          record: recorded('agent_sli:bad_ratio:baseline'),
          // One bad event more than was seen: none in a hundred is no proof of none in a thousand, and must not make the second look certain.
          expr: `clamp((${hours('agent_sli:usual_bad:increase1h')} + 1) / (${recorded('agent_sli:total:baseline')} + 2), 0.002, 1)`,
        },
        {
          record: recorded('agent_sli:mean:baseline'),
          expr: `${hours('agent_sli:usual_size:increase1h')} / ${recorded('agent_sli:total:baseline')}`,
        },
        {
          record: recorded('agent_sli:dispersion1h:baseline'),
          expr: [dispersion(hours, 'ratio'), dispersion(hours, 'level')].join('\nor\n'),
        },
        {
          record: recorded('agent_sli:dispersion6h:baseline'),
          // The larger of the two: shares of six hours are never less dispersed by anything but chance.
          expr: promql(`
            (
              quantile_over_time(0.6, ${recorded('agent_sli:residual6h:raw')}[${d(WEEK)}:${d(3 * HOUR)}] offset ${d(6 * HOUR)}) / ${CHI2_60}
              > ${recorded('agent_sli:dispersion1h:baseline')}
            )
            or
            ${recorded('agent_sli:dispersion1h:baseline')}`),
        },
        ...Object.entries(LEVELS).flatMap(([sli, name]): readonly RecordingRule[] => {
          const words = { cost: 'cost_usd', steps: 'steps', duration: 'duration_seconds' } as const
          const series = `agent:run_${words[sli as keyof typeof words]}:mean` as const
          return [
            {
              record: recorded(`${series}:baseline`),
              expr: `sum by (agent, environment) (${recorded('agent_sli:mean:baseline', `sli="${sli}"`)})`,
            },
            {
              record: recorded(`${series}1h`),
              expr: `sum by (agent, environment) (increase(${metric(name, '', '_sum')}[${d(HOUR)}])) / (sum by (agent, environment) (increase(${metric(name, '', '_count')}[${d(HOUR)}])) > 0)`,
            },
          ]
        }),
      ],
    },
  ]
}

/** Squared distance from the raw share in variances of chance; Anscombe's 3/8 keeps small counts honest. Too few events tell nothing. */
function residual(window: '1h' | '6h'): readonly RecordingRule[] {
  const bad = recorded(`agent_sli:bad:increase${window}`, RATIO)
  const n = (matchers: string): string => recorded(`agent_sli:total:increase${window}`, matchers)
  const raw = recorded('agent_sli:bad_ratio:raw')
  const square = (share: string, matchers: string): string =>
    `(4 * (asin(sqrt(clamp_max(${share}, 1))) - asin(sqrt(${raw}))) ^ 2 / (1 / ${n(matchers)} + 1 / ${recorded('agent_sli:total:raw')}) and ${n(matchers)} >= 3)`
  return [
    {
      record: recorded(`agent_sli:residual${window}:raw`),
      expr: promql(`
        ${square(`(${bad} + 0.375) / (${n(RATIO)} + 0.75)`, RATIO)}
        or
        ${square(recorded(`agent_sli:bad_ratio:${window}`, LEVEL), LEVEL)}`),
    },
  ]
}

function usual(record: RecordedName, of: RecordedName): RecordingRule {
  return {
    record: recorded(record),
    expr: `${recorded(of)} unless ${recorded('agent_sli:residual1h:raw')} > 9 * ${recorded('agent_sli:dispersion1h:raw')}`,
  }
}

/** Mean residual of the usual hours, held to the prior while they are few. */
function dispersion(hours: (name: RecordedName, fn?: string, matchers?: string) => string, kind: 'ratio' | 'level'): string {
  const { value, hours: weight, least } = PRIOR[kind]
  const matchers = kind === 'ratio' ? RATIO : LEVEL
  const prior = value * weight
  return promql(`
    clamp_min(
      (${hours('agent_sli:usual_residual1h:raw', 'sum_over_time', matchers)} + ${prior})
      / (${hours('agent_sli:usual_residual1h:raw', 'count_over_time', matchers)} + ${weight}),
      ${least}
    )
    or
    ${recorded('agent_sli:total:baseline', matchers)} * 0 + ${value}`)
}
