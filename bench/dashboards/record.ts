/**
 * The shipped rules over a past: recording rules level by level as range queries whose answers are loaded as samples, then alerts, as ALERTS
 * and ALERTS_FOR_STATE like Prometheus writes them. Every number is Prometheus's own; only the time it is asked for is past.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ruleGroups } from '../../alert-rules/rules.ts'
import { firings } from '../detection/alert-states.ts'
import { mapAtOnce } from '../detection/processes.ts'
import { loadOpenMetrics, type Prometheus, type Series } from '../detection/prometheus.ts'
import { type PlannedAlert, planRules, secondsOf } from '../detection/rule-plan.ts'

export interface RecordOptions {
  readonly prometheus: Prometheus
  readonly tsdb: string
  readonly dir: string
  readonly dataStart: number
  /** From when recorded series must be there for whoever draws them. */
  readonly start: number
  readonly end: number
  /** Recorded series that are wanted besides those alerts need. */
  readonly wanted: readonly string[]
  readonly say: (message: string) => void
}

const AT_ONCE = 3
const BLOCK = '24h'

/** Records all that is needed and evaluates the alerts; Prometheus is restarted and sees it all. */
export async function record(o: RecordOptions): Promise<void> {
  const plan = planRules(ruleGroups(), { dataStart: o.dataStart, start: o.start, end: o.end, dataKey: '' }, o.wanted)
  for (const [level, rules] of Map.groupBy(plan.recorded, (r) => r.level)) {
    const began = performance.now()
    const lines = await mapAtOnce(rules, AT_ONCE, async (r) => {
      const step = r.intervalSeconds
      const first = Math.ceil(r.start / step) * step
      const answer = await o.prometheus.range(r.rule.expr, first, o.end, step)
      return linesOf(r.rule.record, answer, r.rule.labels ?? {})
    })
    await load(o, `level-${level}`, lines.flat())
    o.say(`level ${level}: ${rules.length} rules, ${((performance.now() - began) / 1000).toFixed(1)} s`)
  }
  const alerts = await mapAtOnce(plan.alerts, AT_ONCE, (a) => alertLines(a, o))
  await load(o, 'alerts', alerts.flat())
}

async function load(o: RecordOptions, name: string, lines: readonly string[]): Promise<void> {
  if (lines.length === 0) return
  const file = join(o.dir, `${name}.om`)
  writeFileSync(file, `${lines.join('\n')}\n# EOF\n`)
  await loadOpenMetrics([file], o.tsdb, BLOCK, 1)
  await o.prometheus.restart()
}

/** Samples as OpenMetrics. Branches of an `or` may keep different metric names: recorded, they are one series. */
function linesOf(name: string, series: readonly Series[], labels: Readonly<Record<string, string>>): readonly string[] {
  const merged = new Map<string, Map<number, number>>()
  for (const s of series) {
    const { __name__: _, ...own } = s.labels
    const head = `${name}${labelText({ ...own, ...labels })}`
    const points = merged.get(head) ?? new Map<number, number>()
    merged.set(head, points)
    for (const [at, value] of s.points) points.set(at, value)
  }
  return [...merged].flatMap(([head, points]) =>
    [...points].toSorted(([a], [b]) => a - b).map(([at, value]) => `${head} ${numberText(value)} ${at}`),
  )
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const escaped = (value: string): string => value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
  const pairs = Object.entries(labels).flatMap(([k, v]) => (v === '' ? [] : [`${k}="${escaped(v)}"`]))
  return `{${pairs.join(',')}}`
}

function numberText(value: number): string {
  return Number.isFinite(value) ? String(value) : Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}

/** ALERTS while it is pending or fires, ALERTS_FOR_STATE with the time it became active. */
async function alertLines({ rule, intervalSeconds }: PlannedAlert, o: RecordOptions): Promise<readonly string[]> {
  const first = Math.ceil(o.start / intervalSeconds) * intervalSeconds
  const answer = await o.prometheus.range(rule.expr, first, o.end, intervalSeconds)
  return answer.flatMap((s) => {
    const { __name__: _, ...own } = s.labels
    const labels = { ...own, ...resolved(rule.labels, own), alertname: rule.alert }
    const holds = new Set(s.points.map(([at]) => at))
    const timing = { start: first, end: o.end, step: intervalSeconds, keepFiringSeconds: secondsOf(rule.keep_firing_for) ?? 0 }
    const active = firings(holds, { ...timing, forSeconds: 0 })
    const fires = firings(holds, { ...timing, forSeconds: secondsOf(rule.for) ?? 0 })
    const lines: string[] = []
    for (const a of active)
      for (let at = a.start; at <= a.end; at += intervalSeconds) {
        const alertstate = fires.some((f) => f.start <= at && at <= f.end) ? 'firing' : 'pending'
        if (alertstate === 'pending' && !holds.has(at)) continue
        lines.push(`ALERTS${labelText({ ...labels, alertstate })} 1 ${at}`, `ALERTS_FOR_STATE${labelText(labels)} ${a.start} ${at}`)
      }
    return lines
  })
}

/** The one template that our rules have in a label: the severity that the agent's owner caps it at. */
function resolved(labels: Readonly<Record<string, string>>, own: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).map(([k, v]) => [k, v.includes('{{') ? (own['agent_severity'] ?? 'critical') : v]))
}
