/**
 * Alerting rules over the past: each expression as a range query at its group's interval, `for` and `keep_firing_for` as Prometheus has
 * them. Answers are kept under the key of everything they depend on.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { firings } from './alert-states.ts'
import { mapAtOnce } from './processes.ts'
import type { Prometheus } from './prometheus.ts'
import { type PlannedAlert, secondsOf } from './rule-plan.ts'

export interface FiredAlert {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly start: number
  readonly end: number
}

/** Evaluations at which an expression held, by label set. */
interface Held {
  readonly labels: Readonly<Record<string, string>>
  readonly times: readonly number[]
}

export interface Evaluation {
  readonly prometheus: Prometheus
  readonly kept: string
  readonly start: number
  readonly end: number
  readonly width: number
}

export async function evaluateAlerts(alerts: readonly PlannedAlert[], e: Evaluation): Promise<FiredAlert[]> {
  mkdirSync(e.kept, { recursive: true })
  const fired = await mapAtOnce(alerts, e.width, async ({ rule, intervalSeconds, key }) => {
    const file = join(e.kept, `${key}.json`)
    const held = existsSync(file)
      ? (JSON.parse(readFileSync(file, 'utf8')) as readonly Held[])
      : await askHeld(e.prometheus, rule.expr, e, intervalSeconds)
    writeFileSync(file, JSON.stringify(held))
    const timing = {
      start: e.start,
      end: e.end,
      step: intervalSeconds,
      forSeconds: secondsOf(rule.for) ?? 0,
      keepFiringSeconds: secondsOf(rule.keep_firing_for) ?? 0,
    }
    return held.flatMap(({ labels, times }) => {
      const all = { ...labels, ...plainLabels(rule.labels) }
      return firings(new Set(times), timing).map((f): FiredAlert => ({ name: rule.alert, labels: all, ...f }))
    })
  })
  return fired.flat()
}

/** Branches of an `or` may keep different metric names; as alerts they are one. */
async function askHeld(prometheus: Prometheus, expr: string, e: Evaluation, step: number): Promise<readonly Held[]> {
  const merged = new Map<string, { labels: Record<string, string>; times: Set<number> }>()
  for (const series of await prometheus.range(expr, e.start, e.end, step)) {
    const { __name__: _, ...labels } = series.labels
    const key = JSON.stringify(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)))
    const held = merged.get(key) ?? { labels, times: new Set() }
    merged.set(key, held)
    for (const [time] of series.points) held.times.add(time)
  }
  return [...merged.values()].map(({ labels, times }) => ({ labels, times: [...times].toSorted((a, b) => a - b) }))
}

/** Labels of the rule but for templates, which say nothing without the alert's own text. */
function plainLabels(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([, value]) => !value.includes('{{')))
}
