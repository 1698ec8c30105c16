// TEAM NOTE (remove later): this file, exposition.ts, cardinality.ts, record.ts and input-features.ts are done and used by pipeline.ts; keep their API, improve inside, write tests and docs/metrics.md around them.
/**
 * The metric registry: the catalogue's counters, gauges and histograms behind typed words. The only file that knows prom-client.
 * Label values are bounded (cardinality.ts), idle series are dropped, gauges over state are computed at scrape.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { METRICS, type LabelsOf, type MetricDefinition, type MetricName, type NameOfType, OVERFLOW } from '../model/metrics.ts'
import { STANDARD_METRICS } from '../model/metrics-standard.ts'
import { Cardinality, type CardinalityLimits } from './cardinality.ts'
import { CONTENT_TYPE, type Family, negotiate, renderFamily, type Sample } from './exposition.ts'

export interface MetricsOptions extends CardinalityLimits {
  /** Series of values not seen for so long are dropped. */
  readonly seriesIdleSeconds: number
  /** Also export the conventions' own metrics under their standard names. */
  readonly standardNames: boolean
  readonly exemplars: boolean
  readonly version: string
  /** prom-client's process metrics (CPU, memory, event loop) beside ours. */
  readonly processMetrics: boolean
}

export const DEFAULT_METRICS_OPTIONS: MetricsOptions = {
  maxAgents: 1000, maxValuesPerLabel: 100, maxSeriesPerMetric: 20_000, seriesIdleSeconds: 86_400, standardNames: false, exemplars: true, version: '', processMetrics: false,
}

export type StandardName = keyof typeof STANDARD_METRICS
type StandardLabels<M extends StandardName> = { readonly [L in (typeof STANDARD_METRICS)[M]['labels'][number]]: string }

export interface Metrics {
  /** Adds to a counter; `traceId` becomes its exemplar. */
  add<M extends NameOfType<'counter'>>(name: M, labels: LabelsOf<M>, value: number, now: number, traceId?: string): void
  /** Observes `value` as often as `weight` says. */
  observe<M extends NameOfType<'histogram'>>(name: M, labels: LabelsOf<M>, value: Observation, now: number): void
  /** Observes under a standard name; does nothing unless standard names are exported. */
  observeStandard<M extends StandardName>(name: M, labels: StandardLabels<M>, value: Observation, now: number): void
  set<M extends NameOfType<'gauge'>>(name: M, labels: LabelsOf<M>, value: number, now: number): void
  /** Notes when a cohort value was first seen; later sightings keep the time and keep the series alive. */
  firstSeen(labels: LabelsOf<'agentopz_cohort_first_seen_timestamp_seconds'>, now: number): void
  /** A gauge computed at scrape: its rows replace all former series. */
  gauge<M extends NameOfType<'gauge'>>(name: M, rows: () => Iterable<readonly [LabelsOf<M>, number]>): void
  /** Text for a scraper, in the format it accepts. */
  expose(accept: string | undefined, now: number): Promise<{ readonly contentType: string; readonly body: string }>
  /** Drops idle series and returns how many. */
  expire(now: number): number
  seriesCount(): number
}

export interface Observation {
  readonly value: number
  readonly weight: number
  readonly traceId?: string
}

interface Instrument {
  readonly definition: MetricDefinition
  readonly metric: Counter | Gauge | Histogram
  /** Label values → when last touched. Gauges computed at scrape have none. */
  readonly series: Map<string, { labels: Record<string, string>; lastMs: number }>
  rows?: () => Iterable<readonly [Readonly<Record<string, string>>, number]>
}

/** Series rendered between two turns of the event loop: about 5 ms of work. */
const RENDER_SLICE = 2000

/** Builds a registry of its own; prom-client's global one stays untouched. */
export function createMetrics(overrides: Partial<MetricsOptions>): Metrics {
  const options = { ...DEFAULT_METRICS_OPTIONS, ...overrides }
  // prom-client takes exemplars only on a registry of this type; the text is rendered in exposition.ts either way.
  const registry = new Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>()
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  const processRegistry = new Registry()
  if (options.processMetrics) collectDefaultMetrics({ register: processRegistry })
  const cardinality = new Cardinality(options)
  const instruments = new Map<string, Instrument>()
  const catalogue: Readonly<Record<string, MetricDefinition>> = options.standardNames ? { ...METRICS, ...STANDARD_METRICS } : METRICS
  for (const [name, definition] of Object.entries(catalogue)) instruments.set(name, { definition, metric: instrumentOf(name, definition, registry as unknown as Registry, options.exemplars), series: new Map() })

  const inc = (counter: Counter, labels: Record<string, string>, value: number, traceId: string | undefined): void => {
    if (!options.exemplars) counter.inc(labels, value)
    else if (isTraceId(traceId)) counter.inc({ labels, value, exemplarLabels: { trace_id: traceId } })
    else counter.inc({ labels, value })
  }
  const overflowed = (metric: string, labels: Readonly<Record<string, string>>, now: number): void => {
    const counter = instruments.get('agentopz_series_overflow_total')
    if (counter === undefined || metric === 'agentopz_series_overflow_total') return
    const row = { agent: labels['agent'] ?? labels['gen_ai_agent_name'] ?? '', environment: labels['environment'] ?? '', metric }
    track(counter, row, now, options.maxSeriesPerMetric)
    inc(counter.metric as Counter, row, 1, undefined)
  }
  const fit = (instrument: Instrument, name: string, labels: Readonly<Record<string, string>>, now: number): Record<string, string> => {
    const fitted = cardinality.fit(labels, now)
    let row = fitted.labels
    if (track(instrument, row, now, options.maxSeriesPerMetric)) {
      if (fitted.folded) overflowed(name, row, now)
      return row
    }
    row = Object.fromEntries(Object.keys(row).map((k) => [k, k === 'environment' ? (row[k] ?? '') : OVERFLOW]))
    track(instrument, row, now, Number.POSITIVE_INFINITY)
    overflowed(name, row, now)
    return row
  }
  const observe = (name: string, labels: Readonly<Record<string, string>>, o: Observation, now: number): void => {
    const instrument = instruments.get(name)
    if (instrument === undefined || !Number.isFinite(o.value)) return
    const row = fit(instrument, name, labels, now)
    const histogram = instrument.metric as Histogram
    // prom-client has no weighted observe; weights are bounded (`runs.max_weight`), so this loop is too.
    for (let i = 0; i < Math.min(o.weight, 10_000); i++) {
      if (options.exemplars) histogram.observe({ labels: row, value: o.value, exemplarLabels: i === 0 && isTraceId(o.traceId) ? { trace_id: o.traceId } : {} })
      else histogram.observe(row, o.value)
    }
  }

  const metrics: Metrics = {
    add: (name, labels, value, now, traceId) => {
      const instrument = instruments.get(name)
      if (instrument === undefined || !(value > 0) || !Number.isFinite(value)) return
      const row = fit(instrument, name, labels, now)
      inc(instrument.metric as Counter, row, value, traceId)
    },
    observe,
    observeStandard: observe,
    set: (name, labels, value, now) => {
      const instrument = instruments.get(name)
      if (instrument !== undefined) (instrument.metric as Gauge).set(fit(instrument, name, labels, now), value)
    },
    firstSeen: (labels, now) => {
      const name = 'agentopz_cohort_first_seen_timestamp_seconds'
      const instrument = instruments.get(name)
      if (instrument === undefined) return
      const before = instrument.series.size
      const row = fit(instrument, name, labels, now)
      if (instrument.series.size > before) (instrument.metric as Gauge).set(row, now / 1000)
    },
    gauge: (name, rows) => {
      const instrument = instruments.get(name)
      if (instrument !== undefined) instrument.rows = rows
    },
    expose: async (accept, now) => {
      const format = negotiate(accept)
      const parts: string[] = []
      let rendered = 0
      for (const [name, instrument] of instruments) {
        if (instrument.rows !== undefined) refill(instrument, cardinality, now)
        const { help, type, values } = await instrument.metric.get()
        for (let from = 0; from === 0 || from < values.length; from += RENDER_SLICE) {
          const family: Family = { name, help, type: String(type) as Family['type'], samples: values.slice(from, from + RENDER_SLICE) as readonly Sample[] }
          const text = renderFamily(family, format)
          parts.push(from === 0 ? text : text.slice(text.indexOf('\n', text.indexOf('\n') + 1) + 1))
          rendered += family.samples.length
          if (rendered >= RENDER_SLICE) {
            rendered = 0
            await nextTurn()
          }
        }
      }
      for (const metric of processRegistry.getMetricsAsArray()) {
        const { name, help, type, values } = await (metric as unknown as Counter).get()
        // prom-client has three gauges named like counters, which promtool refuses.
        if (name.endsWith('_total') && String(type) !== 'counter') continue
        parts.push(renderFamily({ name, help, type: String(type) as Family['type'], samples: values as readonly Sample[] }, format))
      }
      if (format === 'openmetrics') parts.push('# EOF\n')
      return { contentType: CONTENT_TYPE[format], body: parts.join('') }
    },
    expire: (now) => {
      const before = now - options.seriesIdleSeconds * 1000
      cardinality.expire(before)
      let dropped = 0
      for (const { metric, series } of instruments.values()) {
        for (const [key, { labels, lastMs }] of series) {
          if (lastMs >= before) continue
          metric.remove(labels)
          series.delete(key)
          dropped++
        }
      }
      return dropped
    },
    seriesCount: () => [...instruments.values()].reduce((n, i) => n + i.series.size, 0),
  }
  metrics.gauge('agentopz_build_info', () => [[{ version: options.version, node_version: process.versions.node }, 1]])
  return metrics
}

function instrumentOf(name: string, d: MetricDefinition, registry: Registry, enableExemplars: boolean): Counter | Gauge | Histogram {
  const common = { name, help: d.help, labelNames: [...d.labels], registers: [registry] }
  if (d.type === 'counter') return new Counter({ ...common, enableExemplars })
  if (d.type === 'gauge') return new Gauge(common)
  return new Histogram({ ...common, buckets: [...(d.buckets ?? [])], enableExemplars })
}

/** Notes that a series is in use; false when it would be one more than `max`. */
function track({ series }: Instrument, labels: Record<string, string>, now: number, max: number): boolean {
  const key = Object.values(labels).join('\0')
  const known = series.get(key)
  if (known !== undefined) known.lastMs = now
  else if (series.size >= max) return false
  else series.set(key, { labels, lastMs: now })
  return true
}

function refill(instrument: Instrument, cardinality: Cardinality, now: number): void {
  const gauge = instrument.metric as Gauge
  gauge.reset()
  const rows = new Map<string, readonly [Record<string, string>, number]>()
  for (const [labels, value] of instrument.rows?.() ?? []) {
    const fitted = cardinality.fit(labels, now).labels
    const key = Object.values(fitted).join('\0')
    // Several agents folded into __overflow__: the largest stands for them.
    rows.set(key, [fitted, Math.max(value, rows.get(key)?.[1] ?? Number.NEGATIVE_INFINITY)])
  }
  for (const [labels, value] of rows.values()) gauge.set(labels, value)
}

/** Runs read from logs have a made-up key instead of a trace id. */
function isTraceId(id: string | undefined): id is string {
  return id !== undefined && id.length === 32
}

export type { MetricName }
