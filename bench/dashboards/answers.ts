/**
 * Panels' targets → what Prometheus answers, as Grafana would ask: variables put in, instant or range, $__rate_interval by its formula.
 */
import type { Panel, Target } from '../../dashboards/grafana.ts'

export interface Answer {
  readonly labels: Readonly<Record<string, string>>
  /** Unix seconds and value; one point for an instant query. */
  readonly points: readonly (readonly [number, number])[]
}

export interface Asking {
  readonly url: string
  readonly start: number
  readonly end: number
  /** Values of the dashboard's variables, ready to be put into a query. */
  readonly variables: Readonly<Record<string, string>>
  /** Pixels a panel is wide: its range has no more points. */
  readonly points: number
}

/** Our own scrapes of the past are a minute apart. */
const SCRAPE_SECONDS = 60

/** Asks one target. @throws with the query when Prometheus refuses it. */
export async function ask(target: Target, panel: Pick<Panel, 'interval'>, a: Asking): Promise<readonly Answer[]> {
  const step = stepOf(panel.interval, a)
  const expr = substituted(target.expr, step, a)
  const body = new URLSearchParams(
    target.instant
      ? { query: expr, time: String(a.end) }
      : { query: expr, start: String(Math.ceil(a.start / step) * step), end: String(a.end), step: String(step) },
  )
  const response = await fetch(`${a.url}/api/v1/${target.instant ? 'query' : 'query_range'}`, { method: 'POST', body })
  const answer = (await response.json()) as {
    readonly status: string
    readonly error?: string
    readonly data: {
      readonly result: readonly {
        readonly metric: Record<string, string>
        readonly value?: readonly [number, string]
        readonly values?: readonly (readonly [number, string])[]
      }[]
    }
  }
  if (answer.status !== 'success') throw new Error(`${answer.error ?? 'refused'}\n${expr}`)
  return answer.data.result.map(({ metric, value, values }) => ({
    labels: metric,
    points: (values ?? (value === undefined ? [] : [value])).map(([at, v]) => [at, Number(v)] as const),
  }))
}

/** Seconds between points: never shorter than the panel's own interval, a scrape, or what it has room for. */
export function stepOf(interval: string | undefined, a: Pick<Asking, 'start' | 'end' | 'points'>): number {
  const least = interval === undefined ? SCRAPE_SECONDS : Number.parseInt(interval, 10) * (interval.endsWith('m') ? 60 : 1)
  const room = Math.ceil((a.end - a.start) / a.points / 60) * 60
  return Math.max(least, room)
}

/** A query with variables put in. @throws for a variable that has no value. */
export function substituted(expr: string, step: number, a: Pick<Asking, 'variables'>): string {
  const builtin = { __rate_interval: `${Math.max(step + SCRAPE_SECONDS, 4 * SCRAPE_SECONDS)}s`, __interval: `${step}s` }
  const known: Readonly<Record<string, string>> = { ...builtin, ...a.variables }
  return expr.replaceAll(/\$\{?(\w+)\}?/g, (_, name: string) => {
    const value = known[name]
    if (value === undefined) throw new Error(`no value for $${name} in ${expr}`)
    return value
  })
}
