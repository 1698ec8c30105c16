/**
 * What `agentopz baseline` measured and proposes, as text for people and as JSON with everything. Unknown is a dash or null, never 0.
 * Times are UTC.
 */
import type { Interval } from '../baseline/counts.ts'
import { type Detectable, HORIZON_NAMES } from '../baseline/detectable.ts'
import type { SizeName } from '../baseline/history.ts'
import { indicatorsOf, type Measured, type MeasuredSize, type Measurement, pagesOf } from '../baseline/measure.ts'
import type { PastPage } from '../baseline/paging.ts'
import { falsePages, type Proposals } from '../baseline/propose.ts'
import { written } from '../baseline/edit.ts'
import type { Quantile } from '../baseline/sizes.ts'
import { count, factor, minute, per, percent, points, printable, size, span } from '../baseline/words.ts'

/** One agent in one environment, and what is proposed of it; nothing when another environment of the agent has more runs. */
export interface AgentReport extends Proposals {
  readonly measurement: Measurement
}

/** The report of one agent, without the diff. */
export function agentText({ measurement: m, proposals, notes }: AgentReport): string {
  const where = m.environment === '' ? 'no environment' : `environment ${printable(m.environment)}`
  const rate = `${count(m.volume.medianPerHour)} an hour when the middle one came`
  const lines = [
    `${printable(m.agent)} · ${where} · ${minute(m.fromSeconds)} to ${minute(m.toSeconds)} UTC · ${per(m.volume.runs, 'run')}, ${rate}`,
    '',
    ...(indicatorsOf(m).length === 0 ? [] : [...table([HEAD, ...rowsOf(m)]), '', ...inTotal(m)]),
    ...(m.thin.length === 0
      ? []
      : [`  too few events to say what is normal: ${m.thin.map((t) => `${nameOf(t)} ${Math.round(t.events)}`).join(', ')}`]),
    ...[...m.sizes].map(([name, s]) => `  ${name}: ${sizeWords(name, s)}`),
    ...unusual(m),
    ...volumeChart(m),
    ...proposals.map((p) => `  proposed: ${p.section} ${written(p)}`),
    ...notes.map((n) => `  ${n}`),
  ]
  return `${lines.join('\n')}\n`
}

const HEAD = [
  'indicator',
  'normal',
  'of',
  'spread',
  'false pages/week',
  `pages on +, within ${HORIZON_NAMES.join(' / ')}`,
  'would have paged',
]

function rowsOf(m: Measurement): readonly (readonly string[])[] {
  const shares = [...(m.quality === undefined ? [] : [m.quality]), ...m.others]
  return [
    ...shares.map((s) => rowOf(s, `${percent(s.share)} bad`, points)),
    ...[...m.sizes].map(([name, s]) => rowOf(s, `mean ${size(name, s.mean)}`, factor)),
  ]
}

function rowOf(m: Measured, normal: string, change: (v: number | undefined) => string): readonly string[] {
  const found = HORIZON_NAMES.map((h) => change(m.detectable[h].nineInTen)).join(' / ')
  const [first, ...more] = m.pastPages
  const paged = first === undefined ? 'never' : `${pageWords(first)}${more.length === 0 ? '' : `; ${more.length} more below`}`
  return [nameOf(m), normal, count(m.events), m.dispersion.toPrecision(2), `≤ ${falsePages(m.falsePagesPerWeek)}`, found, paged]
}

function nameOf({ sli, of }: { readonly sli: string; readonly of?: string }): string {
  return of === undefined ? sli : `${sli} ${printable(of)}`
}

function pageWords(p: PastPage): string {
  const what =
    p.mean === undefined ? `${percent(p.share)} of ${count(p.events)} bad` : `mean ${Number(p.mean.toPrecision(3))} of ${count(p.events)}`
  return `${minute(p.fromSeconds)} to ${minute(p.toSeconds)} (${p.window}: ${what})`
}

function sizeWords(name: SizeName, s: MeasuredSize): string {
  const q = (label: string, v: Quantile | undefined): string =>
    v === undefined
      ? `${label} over ${size(name, s.histogram.bounds.at(-1) ?? 0)}`
      : `${label} ${size(name, v.value)} (between ${size(name, v.between[0])} and ${size(name, v.between[1])})`
  return `mean ${size(name, s.mean)}, ${q('p50', s.p50)}, ${q('p90', s.p90)}, ${q('p99', s.p99)}`
}

/** False pages of all indicators: by chance, and if nothing in the history was an incident. */
function inTotal(m: Measurement): readonly string[] {
  const all = indicatorsOf(m)
  const chance = all.reduce((s, i) => s + i.falsePagesPerWeek, m.volume.falsePagesPerWeek)
  const past = pagesOf(m).length
  const perWeek = Number(((past * 7) / Math.max(m.days, 1)).toFixed(2))
  const inPast =
    past === 0
      ? 'none in this history'
      : `${past} in this history, taken together, which is ${perWeek} a week if none of them was an incident`
  return [`  pages of all indicators: by chance at most ${falsePages(chance)} a week; ${inPast}`]
}

/** Further pages, and what was left out of the normal, one line each. */
function unusual(m: Measurement): readonly string[] {
  return indicatorsOf(m).flatMap((s) => [
    ...s.pastPages.slice(1).map((p) => `  ${nameOf(s)} would have paged: ${pageWords(p)}`),
    ...(s.leftOut.length === 0 ? [] : [`  ${nameOf(s)}: left out as unusual: ${listed(s.leftOut)}`]),
  ])
}

const SHOWN = 6

function listed(intervals: readonly Interval[]): string {
  const shown = intervals.slice(0, SHOWN).map((i) => `${minute(i.fromSeconds)} for ${span(i.toSeconds - i.fromSeconds)}`)
  return intervals.length > SHOWN ? `${shown.join(', ')} and ${intervals.length - SHOWN} more` : shown.join(', ')
}

const BARS = ' ▁▂▃▄▅▆▇█'
const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const

function volumeChart({ volume }: Measurement): readonly string[] {
  const most = Math.max(...volume.byHourOfWeek.map((v) => v ?? 0))
  if (most <= 0) return []
  const bar = (v: number | undefined): string =>
    v === undefined ? '·' : (BARS[v <= 0 ? 0 : Math.max(1, Math.round((v / most) * 8))] ?? ' ')
  const row = (day: number): string =>
    volume.byHourOfWeek
      .slice(day * 24, day * 24 + 24)
      .map(bar)
      .join('')
  return [
    `  runs by hour of the week, UTC, ${count(most)} an hour at most (· not measured):`,
    ...DAYS.map((d, i) => `    ${d} |${row(i)}|`),
  ]
}

/** Columns of equal width, two spaces apart and in. */
function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((r) => (r[i] ?? '').length)))
  return rows.map((r) => `  ${r.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}`.trimEnd())
}

/** Everything, for machines. */
export function agentJson({ measurement: m, proposals, notes }: AgentReport): Readonly<Record<string, unknown>> {
  const at = (seconds: number): string => new Date(seconds * 1000).toISOString()
  const interval = (i: Interval): object => ({ from: at(i.fromSeconds), to: at(i.toSeconds) })
  const detectable = (d: Detectable): object =>
    Object.fromEntries(HORIZON_NAMES.map((h) => [h, { nine_in_ten: d[h].nineInTen ?? null, every_other: d[h].everyOther ?? null }]))
  const indicator = (s: Measured): object => ({
    sli: s.sli,
    ...(s.of === undefined ? {} : { of: s.of }),
    alert: s.alert,
    bad_share: s.share,
    bad: s.bad,
    events: s.events,
    dispersion: s.dispersion,
    events_per_hour: s.eventsPerHour,
    false_pages_per_week: s.falsePagesPerWeek,
    smallest_detectable: detectable(s.detectable),
    would_have_paged: s.pastPages.map((p) => ({
      ...interval(p),
      window: p.window,
      z: p.distance,
      bad_share: p.share,
      events: p.events,
      ...(p.mean === undefined ? {} : { mean: p.mean }),
    })),
    left_out: s.leftOut.map(interval),
  })
  const quantile = (q: Quantile | undefined): object | null => (q === undefined ? null : { value: q.value, between: q.between })
  return {
    agent: m.agent,
    environment: m.environment,
    from: at(m.fromSeconds),
    to: at(m.toSeconds),
    days: m.days,
    runs: m.volume.runs,
    runs_per_hour: m.volume.medianPerHour,
    pages_in_history: pagesOf(m).map(interval),
    quality: m.quality === undefined ? null : { pass_share: 1 - m.quality.share, ...indicator(m.quality) },
    sizes: Object.fromEntries(
      [...m.sizes].map(([name, s]) => [
        name,
        { mean: s.mean, p50: quantile(s.p50), p90: quantile(s.p90), p99: quantile(s.p99), ...indicator(s) },
      ]),
    ),
    others: m.others.map(indicator),
    too_few_events: m.thin,
    volume: {
      by_hour_of_week: m.volume.byHourOfWeek.map((v) => v ?? null),
      longest_gaps: m.volume.longestGaps.map(interval),
      silences: m.volume.pastSilences.map(interval),
      silence_seen_after_seconds: m.volume.seenAfterSeconds ?? null,
      false_pages_per_week: m.volume.falsePagesPerWeek,
    },
    proposals: proposals.map((p) => ({ section: p.section, values: p.values, because: p.because })),
    notes,
  }
}
