/** Tables of the report, from scores. */
import { ALERTS } from '../../model/alerts.ts'
import { leastEvidence } from './bound.ts'
import type { IncidentEffect } from './fleet/incident-classes.ts'
import type { Parameters } from './fleet/parameters.ts'
import { fixed, percent, time, whole } from './numbers.ts'
import type { Result } from './report-text.ts'
import { OURS } from './rule-set.ts'
import type { ScoredIncident } from './score.ts'
import { detection, quantile, summarize } from './summary.ts'

/** First row is the head. */
export type Rows = readonly (readonly string[])[]

export function table([head = [], ...rows]: Rows): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)].join('\n')
}

export function ruleSetTable(results: readonly Result[], which: 'pages' | 'withTickets'): string {
  const rows = results.map((r) => {
    const s = summarize(r[which])
    const title = r.rules === OURS ? `**${r.rules.title}**` : r.rules.title
    return [
      title,
      `${percent(s.detected / s.incidents)}`,
      `${whole(s.medianMinutes)} / ${whole(s.p90Minutes)}`,
      `${fixed(s.falsePerWeek)} (${s.falseInterval.map((x) => fixed(x)).join(' to ')})`,
      `${s.falseQuiet} / ${s.falseEcho} / ${s.falseOther}`,
      percent(s.precision, 0),
      fixed(s.pagesPerIncident),
      `${s.beforeThirdComplaint} of ${s.userVisible}`,
    ]
  })
  return table([
    [
      'rule set',
      'detected',
      'median / p90 min',
      'false per agent-week',
      'quiet / echo / other',
      'precision',
      'per incident',
      'before third complaint',
    ],
    ...rows,
  ])
}

export function classTable(ours: Result, p: Parameters): string {
  const all = ours.pages.flatMap((s) => s.incidents)
  const withTickets = ours.withTickets.flatMap((s) => s.incidents)
  const rows = p.classes
    .map((c) => ({ c, of: all.filter((i) => i.incidentClass === c.name) }))
    .filter(({ of }) => of.length > 0)
    .map(({ c, of }) => {
      const d = detection(of)
      const tickets = detection(withTickets.filter((i) => i.incidentClass === c.name))
      return [
        c.name,
        effectText(c.effect),
        `${d.detected} of ${d.incidents}${tickets.detected > d.detected ? ` (${tickets.detected})` : ''}`,
        `${whole(d.medianMinutes)} / ${whole(d.p90Minutes)} / ${whole(d.worstMinutes)}`,
        fixed(d.pagesPerIncident, 1),
        firstAlerts(of),
      ]
    })
  return table([['class', 'what happens', 'paged', 'median / p90 / worst min', 'pages', 'first to page'], ...rows])
}

/** Effects in words, from the numbers. */
export function effectText(e: IncidentEffect): string {
  const factors = [
    ['cost', e.costFactor],
    ['steps', e.stepsFactor],
    ['duration', e.durationFactor],
    ['traffic', e.volumeFactor],
  ] as const
  const shares = [
    ['of runs refused', e.refusal],
    ['of answers cut off', e.truncated],
    ['of runs fail', e.error],
    ['of runs loop', e.loop],
    ['errors of one tool', e.toolError],
    ['of retrievals empty', e.retrievalEmpty],
  ] as const
  return [
    ...(e.newPrompt === true ? ['new prompt'] : []),
    ...(e.canary === undefined ? [] : [`new prompt for ${percent(e.canary, 0)}`]),
    ...(e.modelSwap === true ? ['another model'] : []),
    ...(e.inputMix === undefined ? [] : ['other inputs']),
    ...(e.runaway === true ? ['one run without end'] : []),
    ...(e.passTo === undefined ? [] : [`pass rate ${percent(e.passTo, 0)}`]),
    ...shares.flatMap(([name, share]) => (share === undefined ? [] : [`${percent(share, 0)} ${name}`])),
    ...factors.flatMap(([name, factor]) => (factor === undefined ? [] : [factor === 0 ? `no ${name}` : `${name} × ${factor}`])),
    ...(e.passAdd === undefined
      ? []
      : [`pass ${Math.round(e.passAdd * 100)} points${e.passRampMinutes === undefined ? '' : ` over ${e.passRampMinutes / 60} h`}`]),
  ].join(', ')
}

function firstAlerts(incidents: readonly ScoredIncident[]): string {
  const counts = Map.groupBy(
    incidents.flatMap((i) => (i.first === undefined ? [] : [i.first.name])),
    (name) => name,
  )
  return [...counts]
    .toSorted(([, a], [, b]) => b.length - a.length)
    .map(([name, of]) => (of.length > 1 ? `${name} ${of.length}` : name))
    .join(', ')
}

export function trafficTable(ours: Result, p: Parameters): string {
  const rows = p.agents.map((a) => {
    const only = (row: { readonly agent: string }): boolean => row.agent === a.name
    const s = summarize(ours.pages, only)
    return [
      a.name,
      String(a.peakRunsPerHour),
      `${s.detected} of ${s.incidents}`,
      `${whole(s.medianMinutes)} / ${whole(s.p90Minutes)}`,
      `${fixed(s.falsePerWeek)} (${s.falsePages} in ${fixed(s.agentWeeks, 1)} weeks)`,
      fixed(s.pagesPerIncident, 1),
      `${s.beforeThirdComplaint} of ${s.userVisible}`,
    ]
  })
  return table([
    ['agent', 'runs/h at peak', 'paged', 'median / p90 min', 'false per agent-week', 'pages per incident', 'before third complaint'],
    ...rows,
  ])
}

export function missed(ours: Result): string {
  const keyOf = (i: ScoredIncident): string => `${i.environment}/${i.agent}/${i.start}`
  const tickets = new Map(ours.withTickets.flatMap((s) => s.incidents).map((i) => [keyOf(i), i]))
  const rows = ours.pages
    .flatMap((s) => s.incidents)
    .filter((i) => i.first === undefined)
    .map((i) => {
      const ticket = tickets.get(keyOf(i))
      return [
        i.incidentClass,
        i.agent,
        i.environment,
        ticket?.first === undefined ? 'nothing' : `${ticket.first.name} after ${whole(ticket.minutes)} min`,
      ]
    })
  return rows.length === 0 ? 'Nothing.' : table([['class', 'agent', 'fleet', 'ticket'], ...rows])
}

const LISTED = 60

export function falsePages(ours: Result): string {
  const all = ours.pages.flatMap((s) => s.falsePages)
  const watchers = ours.pages.flatMap((s) => s.watchers)
  const titles = Map.groupBy(watchers, (w) => w.name)
  const about = [...titles].map(
    ([name, of]) => `${name} ${of.length} (${(ALERTS as Record<string, { title: string }>)[name]?.title ?? ''})`,
  )
  const note =
    about.length === 0
      ? ''
      : `\n\nPages about the watching itself, which are right about the gaps and restarts simulated and are not in the tables: ${about.join(', ')}.`
  if (all.length === 0) return `None.${note}`
  const rows = all
    .toSorted((a, b) => a.start - b.start)
    .slice(0, LISTED)
    .map((f) => [
      f.kind === 'quiet' ? 'quiet time' : f.kind === 'echo' ? `echo of ${f.incidentClass ?? ''}` : `during ${f.incidentClass ?? ''}`,
      f.agent,
      f.environment,
      time(f.start),
      whole(f.minutes),
      f.alerts.join(', '),
    ])
  const rest = all.length > LISTED ? `\n\n${all.length - LISTED} more.` : ''
  return `${table([['when', 'agent', 'fleet', 'from', 'minutes', 'alerts'], ...rows])}${rest}${note}`
}

export function boundTable(ours: Result, p: Parameters): string {
  const found = ours.pages.flatMap((s) => s.incidents)
  const rows = p.classes.flatMap((c) =>
    p.agents.flatMap((a) => {
      const hit = found.filter((i) => i.incidentClass === c.name && i.agent === a.name)
      const normal = ours.truths[0]?.agents.find((t) => t.name === a.name)
      const bound = normal === undefined ? undefined : leastEvidence(c, a, normal, p.historyDays)
      if (hit.length === 0 || bound === undefined) return []
      const minutes = hit.flatMap((i) => (i.minutes === undefined ? [] : [i.minutes]))
      return [
        [
          c.name,
          a.name,
          `${percent(bound.normalFail, 0)} → ${percent(bound.incidentFail, 0)}`,
          whole(Math.ceil(bound.verdicts)),
          whole(bound.minutes),
          `${whole(quantile(minutes, 0.5))} (${hit.length})`,
        ],
      ]
    }),
  )
  return table([['class', 'agent', 'verdicts that fail', 'verdicts needed', 'minutes at least', 'median minutes (incidents)'], ...rows])
}
