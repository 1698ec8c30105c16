/**
 * Alerts on shifts of an SLI from the agent's own baseline, all by one test: significant in one of five windows, large enough to matter,
 * and not already over. A page takes the share's rise (or, for sizes, the mean's); a ticket the same at lower thresholds and longer windows.
 */
import type { AlertName } from '../model/alerts.ts'
import { SLIS, type SliName, type Window } from '../model/slis.ts'
import { EFFECTS, OVER, PAGE, TICKET } from '../model/thresholds.ts'
import { alert, lookUp, SAME_AGENT } from './alert.ts'
import { type AlertingRule, type Duration, recorded, type RuleOptions } from './promql.ts'

const PAGE_WINDOWS = Object.keys(PAGE) as readonly (keyof typeof PAGE)[]

const share = (w: Window, m: string): string => recorded(`agent_sli:bad_ratio:${w}`, m)
const z = (w: Window, m: string): string => recorded(`agent_sli:bad_ratio:zscore${w}`, m)
const total = (w: Window, m: string): string => recorded(`agent_sli:total:increase${w}`, m)
/** `+ 0` drops the series' name: branches of an alert must not differ in it. */
const rise = (w: Window, m: string): string => `(${share(w, m)} - ${recorded('agent_sli:bad_ratio:baseline', m)})`
const growth = (w: Window, m: string): string =>
  `(${recorded(`agent_sli:size:increase${w}`, m)} / ${total(w, m)} / ${recorded('agent_sli:mean:baseline', m)})`

/** Whether the window shows a shift of at least the effect; its value is the share, or the mean as a multiple of the normal one. */
function shifted(sli: SliName, w: Window, test: { readonly z: number; readonly n: number }, effect: number): string {
  const m = `sli="${sli}"`
  const sure = `${z(w, m)} > ${test.z} and ${total(w, m)} >= ${test.n}`
  if (SLIS[sli].kind === 'level') return `(${growth(w, m)} > ${effect} and ${sure})`
  return `(${share(w, m)} + 0 and ${rise(w, m)} > ${effect} and ${sure})`
}

/** A page's condition: any window; the longer ones only while the shorter still show it. */
export function pageOn(sli: SliName): string {
  const { page, page10m, mean, surer } = EFFECTS[sli]
  const m = `sli="${sli}"`
  return PAGE_WINDOWS.map((w) => {
    const test = { ...PAGE[w], z: Number((PAGE[w].z + surer).toFixed(2)) }
    const condition = shifted(sli, w, test, mean ?? (w === '10m' ? page10m : page))
    // `unless … < x` lets a window without events pass, which a quiet agent often has; a few good runs are no recovery either.
    const over = OVER[w].flatMap((o) => [
      o.n === 0 ? `unless ${z(o.window, m)} < ${o.z}` : `unless (${z(o.window, m)} < ${o.z} and ${total(o.window, m)} >= ${o.n})`,
      ...(o.part === undefined ? [] : [`unless ${rise(o.window, m)} < ${o.part} * ${rise(w, m)}`]),
    ])
    return over.length === 0 ? condition : `(${condition} ${over.join(' ')})`
  }).join('\nor\n')
}

/** A ticket's condition. */
export function ticketOn(sli: SliName): string {
  const { ticket, meanTicket } = EFFECTS[sli]
  const m = `sli="${sli}"`
  const effect = meanTicket ?? ticket
  return [
    `(${shifted(sli, '6h', TICKET['6h'], effect)} and ${z('1h', m)} > 1.5)`,
    `(${shifted(sli, '1d', TICKET['1d'], effect)} and ${z('6h', m)} > 2)`,
  ].join('\nor\n')
}

/** Away from normal in either direction; the value is the distance in standard errors. */
function moved(sli: SliName): string {
  const m = `sli="${sli}"`
  const by = EFFECTS[sli].meanTicket ?? 1.25
  const far =
    SLIS[sli].kind === 'level'
      ? `(${growth('6h', m)} > ${by} or ${growth('6h', m)} < ${Number((1 / by).toFixed(3))})`
      : `abs${rise('6h', m)} > ${EFFECTS[sli].ticket}`
  return `(${z('6h', m)} + 0 and abs(${z('6h', m)}) > ${TICKET['6h'].z} and ${total('6h', m)} >= 20 and abs(${z('1h', m)}) > 1 and ${far})`
}

const FOR_PAGE = { forSeconds: 60, keepSeconds: 900 }
const FOR_TICKET = { forSeconds: 900, keepSeconds: 3600 }

const NORMAL = lookUp('agent_sli:bad_ratio:baseline', ['agent', 'environment', 'sli', 'tool', 'evaluation'], 'humanizePercentage')
const EVENTS = lookUp('agent_sli:total:increase1h', ['agent', 'environment', 'sli', 'tool', 'evaluation'], 'humanize')
const WHICH_COHORT = `Since which version: sum by (prompt_version, model, tools_version, agent_version, quality) (increase(agentopz_runs_total{${SAME_AGENT}}[1h])).`

interface Shift {
  readonly name: AlertName
  readonly slis: readonly SliName[]
  readonly says: string
  readonly next: string
}

const CHECKS = `Which checks fail: sum by (evaluation, source) (increase(agentopz_evaluations_total{${SAME_AGENT},verdict="fail"}[1h])).`
const CALLS = `Calls by outcome: sum by (model, outcome, finish_reason) (increase(agentopz_model_calls_total{${SAME_AGENT}}[1h])).`
const TOOL = `Calls by outcome: sum by (outcome) (increase(agentopz_tool_calls_total{${SAME_AGENT},tool={{ printf "%q" $labels.tool }}}[1h])).`

/** Pages on shares. */
const SHARES: readonly Shift[] = [
  {
    name: 'AgentQualityDrop',
    slis: ['quality', 'evaluation'],
    says: '{{ $value | humanizePercentage }} of rated runs fail{{ if $labels.evaluation }} {{ $labels.evaluation }}{{ end }}',
    next: `${CHECKS}\n${WHICH_COHORT}`,
  },
  {
    name: 'AgentRunErrors',
    slis: ['run_error'],
    says: '{{ $value | humanizePercentage }} of runs end in an error',
    next: `${CALLS}\n${WHICH_COHORT}`,
  },
  {
    name: 'AgentRefusalSpike',
    slis: ['refusal', 'filtered'],
    says: '{{ $value | humanizePercentage }} of answers are {{ if eq $labels.sli "filtered" }}cut off by a content filter{{ else }}refusals{{ end }}',
    next: `${CALLS}\n${WHICH_COHORT}`,
  },
  {
    name: 'AgentTruncationSpike',
    slis: ['truncation'],
    says: '{{ $value | humanizePercentage }} of answers are cut off',
    next: `${CALLS}\n${WHICH_COHORT}`,
  },
  {
    name: 'AgentEmptyAnswers',
    slis: ['empty'],
    says: '{{ $value | humanizePercentage }} of answers are empty',
    next: `${CALLS}\n${WHICH_COHORT}`,
  },
  {
    name: 'AgentToolFailing',
    slis: ['tool_error'],
    says: '{{ $value | humanizePercentage }} of calls to {{ $labels.tool }} fail',
    next: TOOL,
  },
  {
    name: 'AgentToolEmpty',
    slis: ['tool_empty'],
    says: '{{ $value | humanizePercentage }} of calls to {{ $labels.tool }} return nothing',
    next: TOOL,
  },
  {
    name: 'AgentLooping',
    slis: ['loop'],
    says: '{{ $value | humanizePercentage }} of runs repeat identical tool calls',
    next: `Open runs: agentopz_open_run_max_streak{${SAME_AGENT}}. Which tools: sum by (tool) (increase(agentopz_tool_calls_total{${SAME_AGENT}}[1h])).\n${WHICH_COHORT}`,
  },
]

interface Size {
  readonly name: AlertName
  readonly sli: 'cost' | 'steps' | 'duration'
  readonly says: string
  readonly next: string
}

/** Pages on sizes. */
const SIZES: readonly Size[] = [
  {
    name: 'AgentCostShift',
    sli: 'cost',
    says: 'cost',
    next: `What grew, tokens or price: sum by (model, class) (increase(agentopz_tokens_total{${SAME_AGENT}}[1h])), sum by (model) (increase(agentopz_cost_usd_total{${SAME_AGENT}}[1h])).`,
  },
  {
    name: 'AgentStepsShift',
    sli: 'steps',
    says: 'take as many steps',
    next: `Which tools: sum by (tool, outcome) (increase(agentopz_tool_calls_total{${SAME_AGENT}}[1h])).`,
  },
  {
    name: 'AgentDurationShift',
    sli: 'duration',
    says: 'take',
    next: `Which tools are slow: sum by (tool) (rate(agentopz_tool_duration_seconds_sum{${SAME_AGENT}}[1h])) / sum by (tool) (rate(agentopz_tool_duration_seconds_count{${SAME_AGENT}}[1h])).`,
  },
]

/** All shift alerts. */
export function shiftAlerts(d: Duration, options: RuleOptions): readonly AlertingRule[] {
  const make = (name: AlertName, text: Parameters<typeof alert>[1]): AlertingRule => alert(name, text, d, options)
  const pages = SHARES.map((s) =>
    make(s.name, {
      ...FOR_PAGE,
      expr: s.slis.map((sli) => (sli === 'tool_error' ? `${outage(sli)}\nor\n${pageOn(sli)}` : pageOn(sli))).join('\nor\n'),
      summary: `{{ $labels.agent }}: ${s.says}; ${NORMAL} is normal`,
      description: `${EVENTS} events in the last hour. The share is far from this agent's own baseline in at least one window of 10 minutes to 6 hours.\n${s.next}`,
    }),
  )
  const sizes = SIZES.map((s) =>
    make(s.name, {
      ...FOR_PAGE,
      expr: pageOn(s.sli),
      summary: `{{ $labels.agent }}: runs ${s.says} {{ $value | humanize }} times ${s.sli === 'steps' ? 'as normal' : s.sli === 'duration' ? 'as long as normal' : 'as much as normal'}`,
      description: `The mean is compared with the agent's own baseline; significance comes from the whole distribution, not from a few large runs.\n${s.next}\n${WHICH_COHORT}`,
    }),
  )
  return [...pages, ...sizes, ...tickets(make)]
}

/** Most calls of a tool fail now: five minutes are enough to know. */
function outage(sli: 'tool_error'): string {
  const m = `sli="${sli}"`
  const bad = recorded('agent_sli:bad:increase5m', m)
  const all = recorded('agent_sli:total:increase5m', m)
  return `(clamp_max(${bad} / ${all}, 1) > 0.5 and ${all} >= 8 and ${rise('10m', m)} > 0.25 and ${z('10m', m)} > ${PAGE['10m'].z})`
}

function tickets(make: (name: AlertName, text: Parameters<typeof alert>[1]) => AlertingRule): readonly AlertingRule[] {
  const drift = (name: AlertName, slis: readonly SliName[], says: string, next: string): AlertingRule =>
    make(name, {
      ...FOR_TICKET,
      expr: slis.map(ticketOn).join('\nor\n'),
      summary: `{{ $labels.agent }}: ${says} for hours: {{ $value | humanizePercentage }}, ${NORMAL} is normal`,
      description: `Too small or too slow for a page, too sure for chance.\n${next}`,
    })
  return [
    drift(
      'AgentQualityDrift',
      ['quality', 'evaluation'],
      'fewer runs pass{{ if $labels.evaluation }} {{ $labels.evaluation }}{{ end }}',
      `${CHECKS}\n${WHICH_COHORT}`,
    ),
    drift(
      'AgentOutcomeDrift',
      ['run_error', 'refusal', 'filtered', 'truncation', 'empty', 'loop'],
      'more {{ $labels.sli }}',
      `${CHECKS}\n${WHICH_COHORT}`,
    ),
    drift('AgentToolDegraded', ['tool_error', 'tool_empty'], '{{ $labels.tool }} is worse ({{ $labels.sli }})', TOOL),
    make('AgentBehaviourChanged', {
      ...FOR_TICKET,
      expr: (['cost', 'steps', 'duration', 'no_tool'] as const).map(moved).join('\nor\n'),
      summary:
        '{{ $labels.agent }}: {{ $labels.sli }} of runs has moved {{ if lt $value 0.0 }}down{{ else }}up{{ end }} by {{ $value | humanize }} standard errors',
      description: `Says that runs are different, not that they are worse: a fall in quality often looks like a saving.\nThe mean against normal: agent_sli:size:increase6h{${SAME_AGENT}} / agent_sli:total:increase6h / agent_sli:mean:baseline.\n${WHICH_COHORT}`,
    }),
  ]
}
