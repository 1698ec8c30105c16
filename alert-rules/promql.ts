/**
 * Words that the rules are written in: metric and recorded names that must exist, and durations that can be made shorter all at once.
 * PromQL stays PromQL: these return text with the name spelled by the catalogue.
 */
import type { MetricName } from '../model/metrics.ts'
import type { RecordedName } from '../model/recorded.ts'

export type Labels = Readonly<Record<string, string>>

export interface RecordingRule {
  readonly record: string
  readonly expr: string
  readonly labels?: Labels
}

export interface AlertingRule {
  readonly alert: string
  readonly expr: string
  readonly for?: string
  readonly keep_firing_for?: string
  readonly labels: Labels
  readonly annotations: Labels
}

export interface RuleGroup {
  readonly name: string
  readonly interval: string
  readonly rules: readonly (RecordingRule | AlertingRule)[]
}

export interface RuleOptions {
  /** Divides every window, interval and `for`: with 60 an hour is a minute. For demos and tests; 1 is what is shipped. */
  readonly scale?: number
  /** Base URLs that annotations link to. */
  readonly grafanaUrl?: string
  readonly agentopzUrl?: string
}

/** Seconds as a Prometheus duration, divided by the scale: 3600 is 1h. `seconds` gives the bare number, for arithmetic with time(). */
export type Duration = ((seconds: number) => string) & { readonly seconds: (seconds: number) => number }

/** Durations at a scale; never shorter than a second, for that is the shortest interval worth evaluating. */
export function durations(scale = 1): Duration {
  const scaledMs = (seconds: number): number => Math.max(1000, Math.round((seconds * 1000) / scale))
  const text = (seconds: number): string => {
    const ms = scaledMs(seconds)
    if (ms % 1000 !== 0) return `${ms}ms`
    const s = ms / 1000
    if (s % 86_400 === 0) return `${s / 86_400}d`
    if (s % 3600 === 0) return `${s / 3600}h`
    return s % 60 === 0 ? `${s / 60}m` : `${s}s`
  }
  return Object.assign(text, { seconds: (seconds: number) => scaledMs(seconds) / 1000 })
}

/** A metric of the catalogue with matchers, a histogram's parts included. */
export function metric(name: MetricName, matchers = '', part: '' | '_bucket' | '_sum' | '_count' = ''): string {
  return `${name}${part}${matchers === '' ? '' : `{${matchers}}`}`
}

/** A recorded series with matchers. */
export function recorded(name: RecordedName, matchers = ''): string {
  return `${name}${matchers === '' ? '' : `{${matchers}}`}`
}

/** Lines of PromQL with the common indentation removed, as they should look in the file. */
export function promql(text: string): string {
  const lines = text.replace(/^\n/, '').trimEnd().split('\n')
  const indent = Math.min(...lines.filter((l) => l.trim() !== '').map((l) => l.length - l.trimStart().length))
  return lines.map((l) => l.slice(indent)).join('\n')
}
