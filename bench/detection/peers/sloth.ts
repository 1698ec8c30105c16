/**
 * Error budgets as Sloth writes them (github.com/slok/sloth, windows of 30 days and its own 7-day example): ratio of errors over seven
 * windows, a page and a ticket from two pairs of burn rates each, no `for`. Objectives are kind to it: what each agent normally reaches.
 */
import type { AlertingRule, RecordingRule, RuleGroup } from '../../../alert-rules/rules.ts'
import { METRICS } from '../../../model/metrics.ts'
import type { Sizes } from '../fleet/normal.ts'
import type { Truth } from '../fleet/truth.ts'
import type { RuleSet, RuleSetName } from '../rule-set.ts'
import { failedCalls, failedRuns, failedVerdicts, over, perAgent, type SignalName, TELLS } from './words.ts'

const WINDOWS = ['5m', '30m', '1h', '2h', '6h', '1d', '3d'] as const
type Window = (typeof WINDOWS)[number]

interface Slo {
  readonly signal: SignalName
  readonly errors: (window: Window, truth: Truth) => string
  /** Share of errors allowed; undefined where it is the agent's own. */
  readonly budget: number | undefined
}

const SLOS: readonly Slo[] = [
  { signal: 'quality', errors: failedVerdicts, budget: undefined },
  { signal: 'failures', errors: failedRuns, budget: 0.04 },
  { signal: 'tools', errors: failedCalls, budget: 0.03 },
  {
    signal: 'cost',
    errors: (w, t) => over('agentopz_run_cost_usd', w, t, (a) => bound('agentopz_run_cost_usd', a.normal.costUsd)),
    budget: 0.03,
  },
  { signal: 'steps', errors: (w, t) => over('agentopz_run_steps', w, t, (a) => bound('agentopz_run_steps', a.normal.steps)), budget: 0.03 },
  {
    signal: 'duration',
    errors: (w, t) => over('agentopz_run_duration_seconds', w, t, (a) => bound('agentopz_run_duration_seconds', a.normal.durationSeconds)),
    budget: 0.03,
  },
]

/** The bucket above a fifth more than what 95 of 100 runs stay under: fewer than three in a hundred normal runs are over it. */
function bound(metric: 'agentopz_run_cost_usd' | 'agentopz_run_steps' | 'agentopz_run_duration_seconds', sizes: Sizes): string {
  const buckets: readonly number[] = METRICS[metric].buckets
  const found = buckets.find((b) => b >= sizes.p95 * 1.2) ?? buckets.at(-1) ?? 0
  return Number.isInteger(found) ? `${found}.0` : String(found)
}

type Burn = readonly (readonly [short: Window, long: Window, factor: number])[]
interface Period {
  readonly page: Burn
  readonly ticket: Burn
}

const DAYS_30: Period = {
  page: [
    ['5m', '1h', 14.4],
    ['30m', '6h', 6],
  ],
  ticket: [
    ['2h', '1d', 3],
    ['6h', '3d', 1],
  ],
}
const DAYS_7: Period = {
  page: [
    ['5m', '1h', 13.44],
    ['30m', '6h', 3.5],
  ],
  ticket: [
    ['2h', '1d', 1.4],
    ['6h', '3d', 0.98],
  ],
}

function groups(truth: Truth, period: Period): readonly RuleGroup[] {
  const recordings = WINDOWS.map((w): RuleGroup => {
    const rules = SLOS.map((slo): RecordingRule => ({
      record: `slo:sli_error:ratio_rate${w}`,
      expr: slo.errors(w, truth),
      labels: { sloth_slo: slo.signal, sloth_window: w },
    }))
    return { name: `sloth-${w}`, interval: w === '1d' || w === '3d' ? '4m' : '1m', rules }
  })
  const alerts = SLOS.flatMap((slo) => (['page', 'ticket'] as const).map((severity) => burnAlert(slo, severity, period[severity])))
  return [
    ...recordings,
    { name: 'budget', interval: '4m', rules: [perAgent('peer:quality:budget', truth, (a) => a.normal.failRatio + 0.02)] },
    { name: 'sloth', interval: '1m', rules: alerts },
  ]
}

function burnAlert(slo: Slo, severity: 'page' | 'ticket', burn: Burn): AlertingRule {
  const burning = (w: Window, factor: number): string => {
    const errors = `slo:sli_error:ratio_rate${w}{sloth_slo="${slo.signal}"}`
    const over =
      slo.budget === undefined
        ? `${errors} > on (agent, environment) group_left () (${factor} * peer:quality:budget)`
        : `${errors} > ${factor * slo.budget}`
    return `max(${over}) without (sloth_window)`
  }
  const expr = burn.map(([short, long, factor]) => `(${burning(short, factor)} and ${burning(long, factor)})`).join('\nor\n')
  return { alert: `Slo_${slo.signal}_${severity}`, expr, labels: { sloth_severity: severity }, annotations: {} }
}

function ruleSet(name: RuleSetName, title: string, period: Period): RuleSet {
  return {
    name,
    title,
    groups: (truth) => groups(truth, period),
    meaning: ({ name: alert }) => {
      const [, signal = '', severity] = alert.split('_')
      const tells = TELLS[signal as SignalName]
      return { alert: tells[0], tells, severity: severity === 'page' ? 'page' : 'ticket' }
    },
    inhibits: () => [],
  }
}

export const SLOTH_30D = ruleSet('sloth-30d', 'burn rate as Sloth writes it, 30-day budget', DAYS_30)
export const SLOTH_7D = ruleSet('sloth-7d', 'burn rate as Sloth writes it, 7-day budget', DAYS_7)
