/**
 * A rule set → what must be recorded, in which order, from when. A recorded name is needed when an alert or another needed rule mentions it,
 * from as early as the longest window that looks back at it; a rule comes after every rule whose name it mentions. Pure.
 */
import { createHash } from 'node:crypto'
import type { AlertingRule, RecordingRule, RuleGroup } from '../../alert-rules/rules.ts'

export interface PlannedRule {
  readonly rule: RecordingRule
  readonly intervalSeconds: number
  readonly level: number
  readonly start: number
  readonly end: number
  /** Names what it holds: same key, same samples. */
  readonly key: string
}

export interface PlannedAlert {
  readonly rule: AlertingRule
  readonly intervalSeconds: number
  readonly key: string
}

export interface RulePlan {
  readonly recorded: readonly PlannedRule[]
  readonly alerts: readonly PlannedAlert[]
}

export interface Period {
  /** First sample there is. */
  readonly dataStart: number
  /** The time alerts are evaluated in. */
  readonly start: number
  readonly end: number
  /** Names the samples. */
  readonly dataKey: string
}

const DEFAULT_INTERVAL_SECONDS = 60
const INSTANT_LOOKBACK_SECONDS = 300

/** Plans a rule set; `alsoRecord` are names wanted for themselves. @throws when rules depend on each other in a circle. */
export function planRules(groups: readonly RuleGroup[], period: Period, alsoRecord: readonly string[] = []): RulePlan {
  const all = groups.flatMap((g) => g.rules.map((rule) => ({ rule, intervalSeconds: secondsOf(g.interval) ?? DEFAULT_INTERVAL_SECONDS })))
  const recording = all.filter((r): r is { rule: RecordingRule; intervalSeconds: number } => 'record' in r.rule)
  const alerting = all.filter((r): r is { rule: AlertingRule; intervalSeconds: number } => 'alert' in r.rule)
  const names = [...new Set(recording.map((r) => r.rule.record))]
  const mentions = mentionsOf(names)
  const levels = levelsOf(recording, mentions)
  const starts = startsOf(recording, alerting, levels, { mentions, period, alsoRecord })

  const keys = new Map<string, string[]>()
  const keyOf = (expr: string, parts: readonly unknown[]): string =>
    hash([
      'one moment a group',
      period.dataKey,
      period.end,
      expr,
      ...parts,
      ...mentions(expr).flatMap((name) => [name, ...(keys.get(name) ?? [])]),
    ])
  const recorded = recording
    .filter((r) => starts.has(r.rule.record))
    .map((r) => ({ ...r, level: levels.get(r.rule.record) ?? 0, start: starts.get(r.rule.record) ?? period.start }))
    .toSorted((a, b) => a.level - b.level)
    .map((r): PlannedRule => {
      const key = keyOf(r.rule.expr, [r.rule.record, r.rule.labels, r.intervalSeconds, r.start])
      keys.set(r.rule.record, [...(keys.get(r.rule.record) ?? []), key])
      return { ...r, end: period.end, key }
    })
  const alerts = alerting.map((a) => ({ ...a, key: keyOf(a.rule.expr, [period.start, a.intervalSeconds]) }))
  return { recorded, alerts }
}

/** Recorded names an expression mentions. */
function mentionsOf(names: readonly string[]): (expr: string) => readonly string[] {
  const known = new Map<string, readonly string[]>()
  const wanted = new Set(names)
  return (expr) => {
    const cached = known.get(expr)
    if (cached !== undefined) return cached
    // Strings hold label values, not names.
    const words = expr.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""').match(/[a-zA-Z_:][a-zA-Z0-9_:]*/g) ?? []
    const found = [...new Set(words.filter((w) => wanted.has(w)))]
    known.set(expr, found)
    return found
  }
}

function levelsOf(
  recording: readonly { readonly rule: RecordingRule }[],
  mentions: (expr: string) => readonly string[],
): Map<string, number> {
  const byName = Map.groupBy(recording, (r) => r.rule.record)
  const levels = new Map<string, number>()
  const visit = (name: string, path: readonly string[]): number => {
    const known = levels.get(name)
    if (known !== undefined) return known
    if (path.includes(name))
      throw new Error(`recording rules depend on themselves and cannot be backfilled: ${[...path, name].join(' → ')}`)
    const below = (byName.get(name) ?? []).flatMap((r) => mentions(r.rule.expr)).map((n) => visit(n, [...path, name]))
    const level = Math.max(-1, ...below) + 1
    levels.set(name, level)
    return level
  }
  for (const name of byName.keys()) visit(name, [])
  return levels
}

/** From when each needed name is needed; those on top first, so that every user of a name is known before it. */
function startsOf(
  recording: readonly { readonly rule: RecordingRule; readonly intervalSeconds: number }[],
  alerting: readonly { readonly rule: AlertingRule }[],
  levels: ReadonlyMap<string, number>,
  context: { readonly mentions: (expr: string) => readonly string[]; readonly period: Period; readonly alsoRecord: readonly string[] },
): Map<string, number> {
  const { mentions, period } = context
  const starts = new Map<string, number>()
  const need = (expr: string, from: number): void => {
    const start = Math.max(period.dataStart, from - lookbackSeconds(expr))
    for (const name of mentions(expr)) starts.set(name, Math.min(start, starts.get(name) ?? start))
  }
  for (const a of alerting) need(a.rule.expr, period.start)
  for (const name of context.alsoRecord) if (levels.has(name)) starts.set(name, Math.min(period.start, starts.get(name) ?? period.start))
  for (const r of recording.toSorted((a, b) => (levels.get(b.rule.record) ?? 0) - (levels.get(a.rule.record) ?? 0))) {
    const own = starts.get(r.rule.record)
    if (own !== undefined) need(r.rule.expr, own - r.intervalSeconds)
  }
  return starts
}

/** At least as far as an expression can look back: its longest range, offset and subquery one after the other. */
export function lookbackSeconds(expr: string): number {
  const all = (pattern: RegExp): number[] => [...expr.matchAll(pattern)].map((m) => secondsOf(m[1]) ?? 0)
  const ranges = Math.max(0, ...all(/\[([0-9a-z]+)\]/g))
  const offsets = Math.max(0, ...all(/offset ([0-9a-z]+)/g))
  const subqueries = all(/\[([0-9a-z]+):[0-9a-z]*\]/g).reduce((a, b) => Math.max(a, b), 0)
  return ranges + offsets + subqueries + INSTANT_LOOKBACK_SECONDS
}

const UNITS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800, y: 31_536_000 }

/** Seconds of a Prometheus duration like 1h30m; undefined for none. */
export function secondsOf(duration: string | undefined): number | undefined {
  if (duration === undefined || duration === '') return undefined
  return [...duration.matchAll(/(\d+)(ms|[smhdwy])/g)].reduce((sum, [, n, unit]) => sum + Number(n) * (UNITS[unit ?? ''] ?? 0), 0)
}

export function hash(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 24)
}
