/**
 * Series → text in Prometheus's two formats, chosen per request. Exemplars and units exist only in OpenMetrics.
 * Bucket bounds are written alike in both (`le="1.0"`): Prometheus before 3.0 keeps them as they come, and a rule must not depend on
 * which format was negotiated.
 * Sources: Prometheus text format 0.0.4; OpenMetrics 1.0.0; client_golang's negotiation.
 */
import type { MetricType } from '../model/metrics.ts'
import type { Exemplar, Series } from './series.ts'

export type Format = 'text' | 'openmetrics'

export interface Negotiated {
  readonly format: Format
  readonly contentType: string
}

const TEXT: Negotiated = { format: 'text', contentType: 'text/plain; version=0.0.4; charset=utf-8' }
const VERSIONS = new Set(['1.0.0', '0.0.1'])
const PLAIN = new Set(['text/plain', 'text/*', '*/*'])

/** What a scraper's Accept header asks for: OpenMetrics 1.0.0 or 0.0.1 where accepted no less than plain text, else plain text. */
export function negotiate(accept: string | undefined): Negotiated {
  const ranges = (accept ?? '').slice(0, 4096).split(',').map(rangeOf)
  const text = Math.max(0, ...ranges.filter((r) => PLAIN.has(r.type)).map((r) => r.q))
  const [best] = ranges.filter((r) => r.type === 'application/openmetrics-text' && VERSIONS.has(r.version)).sort((a, b) => b.q - a.q)
  if (best === undefined || best.q === 0 || best.q < text) return TEXT
  return { format: 'openmetrics', contentType: `application/openmetrics-text; version=${best.version}; charset=utf-8` }
}

/** One media range of an Accept header; an unusable weight is none. */
function rangeOf(part: string): { readonly type: string; readonly version: string; readonly q: number } {
  const [type = '', ...params] = part.split(';').map((p) => p.trim().toLowerCase())
  const q = Number(valueOf(params, 'q') ?? 1)
  return { type, version: valueOf(params, 'version') ?? '1.0.0', q: q > 0 ? q : 0 }
}

function valueOf(params: readonly string[], name: string): string | undefined {
  return params
    .find((p) => p.startsWith(`${name}=`))
    ?.slice(name.length + 1)
    .replaceAll('"', '')
}

export interface Head {
  readonly name: string
  readonly help: string
  readonly type: MetricType | 'summary' | 'unknown'
}

/** HELP, TYPE and, in OpenMetrics, UNIT lines of a metric. */
export function renderHead({ name, help, type }: Head, format: Format): string {
  const escaped = help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
  if (format === 'text') return `# HELP ${name} ${escaped}\n# TYPE ${name} ${type === 'unknown' ? 'untyped' : type}\n`
  const family = type === 'counter' ? name.replace(/_total$/, '') : name
  const unit = /_(seconds|bytes|usd)$/.exec(family)?.[1]
  const unitLine = unit === undefined ? '' : `# UNIT ${family} ${unit}\n`
  return `# HELP ${family} ${escaped.replaceAll('"', '\\"')}\n# TYPE ${family} ${type}\n${unitLine}`
}

/** `le` labels of a histogram's buckets, `+Inf` last. */
export function bucketLabels(bounds: readonly number[]): readonly string[] {
  return [...bounds.map((b) => `le="${boundText(b)}"`), 'le="+Inf"']
}

/** The lines of one series; a histogram's buckets, labelled by `buckets`, are cumulated here. */
export function renderSeries(name: string, buckets: readonly string[], series: Series, format: Format): string {
  const withExemplars = format === 'openmetrics'
  const labels = series.text === '' ? '' : `{${series.text}}`
  if (series.counts.length === 0)
    return `${name}${labels} ${numberText(series.value)}${withExemplars ? exemplarText(series.exemplars[0]) : ''}\n`
  const start = `${name}_bucket{${series.text === '' ? '' : `${series.text},`}`
  let out = ''
  let count = 0
  for (let at = 0; at < buckets.length; at++) {
    count += series.counts[at] ?? 0
    out += `${start}${buckets[at] ?? ''}} ${count}${withExemplars ? exemplarText(series.exemplars[at]) : ''}\n`
  }
  return `${out}${name}_sum${labels} ${numberText(series.value)}\n${name}_count${labels} ${count}\n`
}

/** `agent="a",environment=""`, values escaped. */
export function labelText(names: readonly string[], values: readonly string[]): string {
  return names.map((name, at) => `${name}="${escapeValue(values[at] ?? '')}"`).join(',')
}

/** A bound as OpenMetrics wants it: always a float. */
export function boundText(bound: number): string {
  const text = numberText(bound)
  return /^-?\d+$/.test(text) ? `${text}.0` : text
}

export function numberText(v: number): string {
  if (v === Number.POSITIVE_INFINITY) return '+Inf'
  return v === Number.NEGATIVE_INFINITY ? '-Inf' : String(v)
}

function exemplarText(e: Exemplar | undefined): string {
  return e === undefined ? '' : ` # {trace_id="${e.traceId}"} ${numberText(e.value)} ${(e.atMs / 1000).toFixed(3)}`
}

function escapeValue(text: string): string {
  return /[\\"\n]/.test(text) ? text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n') : text
}
