/**
 * Samples → text in Prometheus's two formats. One renderer, because prom-client ties a registry to one format and a scraper chooses
 * per request. Exemplars exist only in OpenMetrics.
 * Sources: Prometheus exposition formats 0.0.4; OpenMetrics 1.0.0.
 */
import type { MetricType } from '../model/metrics.ts'

export interface Sample {
  /** Name with its suffix (`_bucket`, `_sum`, `_count`); the family's own name when absent. */
  readonly metricName?: string | undefined
  readonly labels: Readonly<Record<string, string | number | undefined>>
  readonly value: number
  readonly exemplar?: { readonly labelSet: Readonly<Record<string, string | number | undefined>>; readonly value: number; readonly timestamp?: number } | undefined
}

export interface Family {
  readonly name: string
  readonly help: string
  readonly type: MetricType | 'summary' | 'untyped'
  readonly samples: readonly Sample[]
}

export type Format = 'text' | 'openmetrics'

export const CONTENT_TYPE: Readonly<Record<Format, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
}

/** The format a scraper asks for: OpenMetrics when it is accepted with a weight no lower than plain text's. */
export function negotiate(accept: string | undefined): Format {
  let openmetrics = 0
  let text = 0
  for (const part of (accept ?? '').split(',')) {
    const [type = '', ...params] = part.split(';').map((p) => p.trim().toLowerCase())
    const q = Number(params.find((p) => p.startsWith('q='))?.slice(2) ?? '1')
    if (type === 'application/openmetrics-text') openmetrics = Math.max(openmetrics, q)
    else if (type === 'text/plain' || type === '*/*' || type === 'text/*') text = Math.max(text, q)
  }
  return openmetrics > 0 && openmetrics >= text ? 'openmetrics' : 'text'
}

/** Renders one family; empty when it has no sample. */
export function renderFamily(family: Family, format: Format): string {
  if (family.samples.length === 0) return ''
  const isCounter = family.type === 'counter'
  const name = format === 'openmetrics' && isCounter ? family.name.replace(/_total$/, '') : family.name
  const type = family.type === 'untyped' && format === 'openmetrics' ? 'unknown' : family.type
  let out = `# HELP ${name} ${escapeHelp(family.help, format)}\n# TYPE ${name} ${type}\n`
  for (const sample of family.samples) {
    const own = sample.metricName ?? family.name
    // OpenMetrics wants `_total` on every counter; prom-client's process metrics have it already.
    const full = format === 'openmetrics' && isCounter && !own.endsWith('_total') ? `${own}_total` : own
    out += `${full}${labels(sample.labels)} ${number(sample.value)}${format === 'openmetrics' ? exemplar(sample) : ''}\n`
  }
  return out
}

function labels(of: Readonly<Record<string, string | number | undefined>>): string {
  let out = ''
  for (const key in of) {
    const value = of[key]
    if (value === undefined) continue
    const text = key === 'le' || key === 'quantile' ? number(Number(value === '+Inf' ? Number.POSITIVE_INFINITY : value)) : escapeValue(String(value))
    out += `${out === '' ? '{' : ','}${key}="${text}"`
  }
  return out === '' ? '' : `${out}}`
}

function exemplar(sample: Sample): string {
  const e = sample.exemplar
  if (e === undefined || e === null) return ''
  return ` # ${labels(e.labelSet) || '{}'} ${number(e.value)}${e.timestamp === undefined ? '' : ` ${e.timestamp.toFixed(3)}`}`
}

function number(v: number): string {
  if (v === Number.POSITIVE_INFINITY) return '+Inf'
  if (v === Number.NEGATIVE_INFINITY) return '-Inf'
  return String(v)
}

function escapeValue(text: string): string {
  return /[\\"\n]/.test(text) ? text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n') : text
}

function escapeHelp(text: string, format: Format): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
  return format === 'openmetrics' ? escaped.replaceAll('"', '\\"') : escaped
}
