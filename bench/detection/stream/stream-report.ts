/**
 * What a stream with a known change came to, per agent: alerts before the change (false), the first ones after it in minutes and in runs,
 * or that nothing fired and which change could have been seen at this traffic. Pure but for the text it writes.
 */
import { ALERTS, type AlertName } from '../../../model/alerts.ts'
import type { FiredAlert } from '../evaluate.ts'
import { percent, time, whole } from '../numbers.ts'
import { episodesOf, type Signal, signalsOf } from '../pages.ts'
import { OURS } from '../rule-set.ts'
import type { ClosedRun } from './run-stream.ts'

export interface Told {
  readonly alert: AlertName
  readonly severity: 'page' | 'ticket'
  readonly labels: Readonly<Record<string, string>>
  readonly start: number
  readonly end: number
}

export interface ToldAfter extends Told {
  readonly minutes: number
  readonly runs: number
}

export interface Seen {
  /** Indicator, with the tool or evaluation it is about. */
  readonly indicator: string
  /** Share of bad events; of sizes the mean. */
  readonly normal: number
  readonly events: number
  readonly eventsPerHour: number
  /** Rise of the share, or factor on the size, seen nine times in ten; undefined where none would be. */
  readonly smallest: Readonly<Record<'30m' | '2h' | '1d', number | undefined>>
  readonly isFactor: boolean
}

export interface AgentOutcome {
  readonly agent: string
  readonly environment: string
  readonly runsBefore: number
  readonly runsAfter: number
  readonly falsePages: number
  readonly before: readonly Told[]
  readonly after: readonly ToldAfter[]
  readonly detectable: readonly Seen[]
}

export interface StreamTimesOut {
  readonly changeSeconds: number
  readonly lastArrivalSeconds: number
}

/** Alerts by agent, cut at the change. What fires only because the recording ends is left out. */
export function outcomesOf(
  fired: readonly FiredAlert[],
  runs: readonly ClosedRun[],
  times: StreamTimesOut,
  detectable: ReadonlyMap<string, readonly Seen[]>,
): AgentOutcome[] {
  const keyOf = (r: { readonly agent: string; readonly environment: string }): string => `${r.environment}/${r.agent}`
  return [...Map.groupBy(runs, keyOf)].map(([key, of]): AgentOutcome => {
    const { agent = '', environment = '' } = of[0] ?? {}
    const signals = signalsOf(fired, OURS, environment).signals.filter((s) => s.agent === agent && !isEnd(s, times))
    const isAfter = (s: Signal): boolean => s.start >= times.changeSeconds
    const early = signals.filter((s) => !isAfter(s))
    return {
      agent,
      environment,
      runsBefore: of.filter((r) => r.closedMs < times.changeSeconds * 1000).length,
      runsAfter: of.filter((r) => r.closedMs >= times.changeSeconds * 1000).length,
      falsePages: episodesOf(early.filter((s) => s.severity === 'page')).length,
      before: early.map(toldOf),
      after: signals.filter(isAfter).map((s) => ({
        ...toldOf(s),
        minutes: (s.start - times.changeSeconds) / 60,
        runs: of.filter((r) => r.closedMs >= times.changeSeconds * 1000 && r.closedMs <= s.start * 1000).length,
      })),
      detectable: detectable.get(key) ?? [],
    }
  })
}

/** Recordings end; that is no silence. */
function isEnd(s: Signal, { lastArrivalSeconds }: StreamTimesOut): boolean {
  return s.start > lastArrivalSeconds && ALERTS[s.alert].family === 'volume'
}

function toldOf(s: Signal): Told {
  const labels = Object.fromEntries(Object.entries(s.labels).filter(([name]) => ALERTS[s.alert].labels.some((l) => l === name)))
  return { alert: s.alert, severity: s.severity, labels, start: s.start, end: s.end }
}

export function streamText(outcomes: readonly AgentOutcome[], times: StreamTimesOut): string {
  const lines = [`change at ${time(times.changeSeconds)}`]
  for (const o of outcomes) {
    const name = o.environment === '' ? o.agent : `${o.agent} (${o.environment})`
    lines.push('', `${name}: ${o.runsBefore} runs before the change, ${o.runsAfter} after`)
    lines.push(`  before, so false: ${o.before.length === 0 ? 'nothing' : `${o.falsePages} pages`}`)
    for (const t of o.before)
      lines.push(`    ${t.severity.padEnd(6)} ${told(t)}, ${time(t.start)} for ${whole((t.end - t.start) / 60)} min`)
    for (const severity of ['page', 'ticket'] as const) {
      const own = o.after.filter((t) => t.severity === severity)
      lines.push(
        `  first ${severity}: ${own[0] === undefined ? 'none' : `${told(own[0])} after ${whole(own[0].minutes)} min and ${own[0].runs} runs`}`,
      )
      for (const t of own.slice(1)) lines.push(`    then ${told(t)} after ${whole(t.minutes)} min and ${t.runs} runs`)
    }
    lines.push(...detectableText(o))
  }
  return `${lines.join('\n')}\n`
}

function told(t: Told): string {
  const labels = Object.entries(t.labels).map(([name, value]) => `${name}="${value}"`)
  return labels.length === 0 ? t.alert : `${t.alert}{${labels.join(',')}}`
}

function detectableText(o: AgentOutcome): string[] {
  if (o.detectable.length === 0)
    return [
      '  no indicator had the events before the change that a baseline needs: nothing could be compared. More runs before the change are needed',
    ]
  return [
    '  smallest change seen nine times in ten within 30 min, 2 h, 1 d:',
    ...o.detectable.map((s) => {
      const size = (n: number | undefined): string =>
        n === undefined ? 'none' : s.isFactor ? `× ${n.toFixed(2)}` : `+${Math.round(100 * n)} points`
      const { '30m': half, '2h': two, '1d': day } = s.smallest
      return `    ${s.indicator}: ${[half, two, day].map(size).join(', ')} (normal ${s.isFactor ? `mean ${Number(s.normal.toPrecision(3))}` : percent(s.normal)} of ${whole(s.events)}, ${s.eventsPerHour.toFixed(1)} an hour)`
    }),
  ]
}
