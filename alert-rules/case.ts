/**
 * Words for promtool cases: the series a case feeds, and which alerts must fire or must not. Cases give recorded series as input, so a
 * case says exactly what the alert decides by; raw metrics through all rules are tested in recording.test.yaml.
 */
import type { AlertName } from '../model/alerts.ts'
import type { MetricName } from '../model/metrics.ts'
import type { RecordedName } from '../model/recorded.ts'
import { WINDOWS, type SliName, type Window } from '../model/slis.ts'

/** Values as promtool writes them (`0+5x30`), a minute apart. */
export type InputSeries = Readonly<Record<string, string>>

export interface AlertCase {
  /** A sentence: what happens. */
  readonly name: string
  readonly alert: AlertName
  readonly series: InputSeries
  /** Minutes at which it is looked at. */
  readonly minute: number
  /** Labels of every alert of this name that fires then, besides the fixed ones; empty: none may. */
  readonly fires: readonly Readonly<Record<string, string>>[]
}

const MINUTES = 40
const AGENT = { agent: 'shop', environment: 'prod' } as const
/** Labels that every alert about the cases' agent carries. */
export const OF_AGENT = { ...AGENT, team: 'sales' } as const

/** `name{label="value"}`, labels in the order given. */
export function series(
  name:
    | MetricName
    | RecordedName
    | `${MetricName}_bucket`
    | `${MetricName}_sum`
    | `${MetricName}_count`
    | 'up'
    | 'process_start_time_seconds'
    | `prometheus_${string}`,
  labels: Readonly<Record<string, string>>,
): string {
  return `${name}{${Object.entries(labels)
    .map(([k, v]) => `${k}=${JSON.stringify(v)}`)
    .join(',')}}`
}

/** The same of the cases' agent. */
export function ofAgent(name: Parameters<typeof series>[0], labels: Readonly<Record<string, string>> = {}): string {
  return series(name, { ...AGENT, ...labels })
}

/** A value that stays. */
export function steady(value: number, minutes = MINUTES): string {
  return `${value}x${minutes}`
}

/** Team of the cases' agent; `severity` is what its owner allows at most. */
export function owner(severity = ''): InputSeries {
  return { [ofAgent('agent:team:info', { team: 'sales', ...(severity === '' ? {} : { agent_severity: severity }) })]: steady(1) }
}

export interface ShiftInput {
  readonly sli: SliName
  readonly labels?: Readonly<Record<string, string>>
  readonly baseline: number
  /** Per window: share, standard errors, events; windows left out saw nothing unusual. */
  readonly windows: Partial<Record<Window, { readonly share: number; readonly z: number; readonly n: number; readonly size?: number }>>
  readonly mean?: number
}

/** Recorded series of one SLI: unusual windows as given, the others at the baseline. */
export function shift({ sli, labels = {}, baseline, windows, mean }: ShiftInput): InputSeries {
  const by = { sli, ...labels }
  const out: Record<string, string> = { [ofAgent('agent_sli:bad_ratio:baseline', by)]: steady(baseline) }
  if (mean !== undefined) out[ofAgent('agent_sli:mean:baseline', by)] = steady(mean)
  for (const w of Object.keys(WINDOWS) as Window[]) {
    const { share, z, n, size } = windows[w] ?? { share: baseline, z: 0, n: 50, size: mean === undefined ? undefined : mean * 50 }
    out[ofAgent(`agent_sli:bad_ratio:${w}`, by)] = steady(share)
    out[ofAgent(`agent_sli:bad_ratio:zscore${w}`, by)] = steady(z)
    out[ofAgent(`agent_sli:total:increase${w}`, by)] = steady(n)
    if (size !== undefined) out[ofAgent(`agent_sli:size:increase${w}`, by)] = steady(size)
  }
  return out
}
