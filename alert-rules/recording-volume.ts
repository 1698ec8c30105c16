/**
 * How many runs and how much money to expect, and the evidence that an agent is silent.
 * Expectation comes from the same time a week ago; with less than a week of history from yesterday, on days whose yesterday was a day of
 * the same kind (Tuesday to Friday, Sunday); else there is none and nothing is said.
 * Silence is measured in nats of surprise, never in minutes: a fixed gap was the largest source of false pages of all rules tried
 * (nights and weekends). docs/detection.md.
 */
import { type Duration, metric, promql, recorded, type RecordingRule, type RuleGroup } from './promql.ts'
import { EVERY } from './recording-sli.ts'

const DAY = 86_400
const WEEK = 7 * DAY
const HOUR = 3600

/** Gaps that are looked for, in minutes; a third longer each, so that no silence waits for the next step for long. */
export const GAPS = [10, 15, 20, 30, 40, 60, 80, 120, 160, 240, 320, 480, 720, 1440] as const

/** Groups, in the order they build on each other. */
export function volumeGroups(d: Duration): readonly RuleGroup[] {
  const runs = (window: number): string => `sum by (agent, environment) (increase(${metric('agentopz_runs_total')}[${d(window)}]))`
  const summed = (window: number): string => `sum_over_time(${recorded('agent:runs:increase5m')}[${d(window - 300)}]) / ${300 / EVERY}`
  return [
    {
      name: 'agentopz-volume',
      interval: d(EVERY),
      rules: [
        { record: recorded('agent:runs:increase5m'), expr: runs(300) },
        { record: recorded('agent:runs:increase10m'), expr: runs(600) },
        { record: recorded('agent:runs:increase30m'), expr: summed(1800) },
        { record: recorded('agent:runs:increase1h'), expr: summed(HOUR) },
        { record: recorded('agent:runs:increase6h'), expr: summed(6 * HOUR) },
        {
          record: recorded('agent:runs:increase1d'),
          expr: `sum_over_time(${recorded('agent:runs:increase1h')}[${d(DAY - HOUR)}:${d(900)}]) / 4`,
        },
        { record: recorded('agent:runs:expected1h'), expr: lastWeekOr((ago) => around(d, ago, 0)) },
        { record: recorded('agent:runs:expected_high10m'), expr: lastWeekOr((ago) => most(d, ago)) },
        { record: recorded('agent:runs:expected_low1h'), expr: lastWeekOr((ago) => lowest(d, ago)) },
        {
          record: recorded('agent:runs:expected6h'),
          expr: `avg_over_time(${recorded('agent:runs:expected1h')}[${d(6 * HOUR)}]) * 6`,
        },
        ...silence(d),
        {
          record: recorded('agent:cost_usd:increase1h'),
          expr: `sum by (agent, environment) (increase(${metric('agentopz_cost_usd_total')}[${d(HOUR)}]))`,
        },
        {
          record: recorded('agent:cost_usd:increase1d'),
          expr: `sum_over_time(${recorded('agent:cost_usd:increase1h')}[${d(DAY - HOUR)}:${d(HOUR)}])`,
        },
        {
          record: recorded('agent:cost_usd:expected1h'),
          expr: `${recorded('agent:runs:expected1h')} * ${recorded('agent:run_cost_usd:mean:baseline')}`,
        },
      ],
    },
  ]
}

/** Runs of an hour `ago` seconds back, two hours of them weighted to the middle: smoother than one hour, no later than it. */
function around(d: Duration, ago: number, shift: number): string {
  return `avg_over_time(${recorded('agent:runs:increase1h')}[${d(HOUR)}] offset ${d(ago - HOUR / 2 + shift)})`
}

/** The least of three neighbouring hours: an office that opens at eight is not silent at seven minutes past. */
function lowest(d: Duration, ago: number): string {
  const hours = recorded('agent:runs:increase1h')
  // Hours of a quiet agent differ by chance, and the least of three would be too low: five hours instead of two for it.
  const wide = (shift: number): string => `avg_over_time(${hours}[${d(4 * HOUR)}] offset ${d(ago - 2.5 * HOUR + shift)})`
  const least = (of: (shift: number) => string, step: number): string =>
    `min without (shift) (
    label_replace(${of(step)}, "shift", "before", "", "")
    or label_replace(${of(0)}, "shift", "at", "", "")
    or label_replace(${of(-step)}, "shift", "after", "", "")
  )`
  return `(
  ${least(wide, 2 * HOUR)} and max_over_time(${hours}[${d(8 * HOUR)}] offset ${d(ago - 4.5 * HOUR)}) < 20
  or
  ${least((shift) => around(d, ago, shift), HOUR)}
)`
}

/** The most in ten minutes of the hour around: a nightly batch that comes a little early is no surge. */
function most(d: Duration, ago: number): string {
  return `max_over_time(${recorded('agent:runs:increase10m')}[${d(HOUR)}] offset ${d(ago - HOUR / 2)})`
}

function lastWeekOr(expected: (ago: number) => string): string {
  return promql(`
    ${expected(WEEK)}
    or
    (${expected(DAY)} and on () ((day_of_week() >= 2) <= 5 or day_of_week() == 0))`)
}

/**
 * Expected runs in the longest gap without any. Discounted for how thin the expectation is (Gamma-Poisson: c ln(1 + E/c), where c, the
 * runs it rests on, are those of the gap and four hours more). Then for days that were quiet before the gap began, such as holidays.
 */
function silence(d: Duration): readonly RecordingRule[] {
  const last = `max by (agent, environment) (${metric('agentopz_last_run_timestamp_seconds')})`
  const gaps = [...GAPS].reverse().map((minutes) => {
    const seconds = minutes * 60
    const basis = 1 + (4 * HOUR) / seconds
    const nats = ((seconds / HOUR) * basis * Math.log(1 + 1 / basis)).toPrecision(4)
    const expected = `avg_over_time(${recorded('agent:runs:expected_low1h')}[${d(seconds)}]) * ${nats}`
    const seen =
      minutes <= 10 ? recorded('agent:runs:increase10m') : `sum_over_time(${recorded('agent:runs:increase5m')}[${d(seconds - 300)}])`
    return `(${expected} unless ${seen} > 0 unless ${last} > time() - ${d.seconds(seconds)})`
  })
  const gap = recorded('agent:silence:gap')
  const day = `avg_over_time(${recorded('agent:runs:expected1h')}[${d(DAY)}]) * 24`
  return [
    { record: gap, expr: gaps.join('\nor\n') },
    {
      record: recorded('agent:silence:evidence'),
      expr: `${gap} * clamp_max((${recorded('agent:runs:increase1d')} + 5) / (clamp_min(${day} - ${gap}, 0) + 5) / 0.6, 1) ^ 2`,
    },
  ]
}
