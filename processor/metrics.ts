/**
 * The metric registry: the catalogue's counters, gauges and histograms behind typed words, bounded and without a clock of its own.
 * In: samples with a time. Out: text for a scraper. A sample may be folded or its series expire when idle; it is never dropped.
 * The only file that knows prom-client, which gives the metrics of the Node process: docs/decisions/0005-metrics-registry.md.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { collectDefaultMetrics, type MetricObjectWithValues, type MetricValue, Registry } from 'prom-client'
import { type LabelOf, type LabelsOf, METRICS, type MetricDefinition, type MetricName, type NameOfType } from '../model/metrics.ts'
import { STANDARD_METRICS } from '../model/metrics-standard.ts'
import { Cardinality, DEFAULT_VALUES_PER_LABEL } from './cardinality.ts'
import { boundText, bucketLabels, type Format, labelText, negotiate, numberText, renderHead, renderSeries } from './exposition.ts'
import { type Counter, Exemplars, type Gauge, Handle, type Histogram, isAmount } from './handles.ts'
import { captureSeries, dropCounts, restoreSeries, type SeriesState } from './metrics-state.ts'
import { Family, type FamilyLimits } from './series.ts'

export interface MetricsOptions extends FamilyLimits {
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
  maxAgents: 1000,
  maxEnvironments: 100,
  maxValuesPerLabel: DEFAULT_VALUES_PER_LABEL,
  maxSeriesPerMetric: 20_000,
  seriesIdleSeconds: 86_400,
  standardNames: false,
  exemplars: true,
  version: '',
  processMetrics: false,
}

export type StandardName = keyof typeof STANDARD_METRICS
type StandardLabels<M extends StandardName> = { readonly [L in (typeof STANDARD_METRICS)[M]['labels'][number]]: string }

export interface Metrics {
  /** A metric with its labels filled in, for what is recorded often: processor/handles.ts. */
  counter<M extends NameOfType<'counter'>>(name: M, labels: LabelsOf<M>): Counter
  histogram<M extends NameOfType<'histogram'>>(name: M, labels: LabelsOf<M>): Histogram
  settable<M extends NameOfType<'gauge'>>(name: M, labels: LabelsOf<M>): Gauge
  /** A metric under a standard name; undefined unless standard names are exported. */
  standard<M extends StandardName>(name: M, labels: StandardLabels<M>): Histogram | undefined
  /** Adds to a counter; nothing when `value` is not above 0. `traceId` becomes its exemplar. */
  add<M extends NameOfType<'counter'>>(name: M, labels: LabelsOf<M>, value: number, now: number, traceId?: string): void
  /** Shows a counter at 0 before it first counts: Prometheus takes no increase from a series that begins at 1. */
  start<M extends NameOfType<'counter'>>(name: M, labels: LabelsOf<M>, now: number): void
  /** Observes `value` as often as `weight` says. */
  observe<M extends NameOfType<'histogram'>>(name: M, labels: LabelsOf<M>, value: Observation, now: number): void
  set<M extends NameOfType<'gauge'>>(name: M, labels: LabelsOf<M>, value: number, now: number): void
  /** A gauge computed at scrape: its rows replace all former series. */
  gauge<M extends NameOfType<'gauge'>>(name: M, rows: () => Iterable<readonly [LabelsOf<M>, number]>): void
  /** What is to be done before gauges are computed at scrape, for longer than a turn of the event loop. */
  beforeScrape(step: () => Promise<void>): void
  /** Does it, once for all who wait for it. */
  prepared(now: number): Promise<void>
  /** Text for a scraper, in the format it accepts, piece by piece: the event loop gets its turn between them. */
  stream(accept: string | undefined, now: number): { readonly contentType: string; readonly pieces: AsyncIterable<string> }
  /** Every metric as it is now, computed gauges included: what another process puts together with its own. Call `prepared` before. */
  families(now: number): Iterable<Shown>
  /** prom-client's metrics of this process; none unless they are shown. */
  ofProcess(): Promise<readonly ProcessMetric[]>
  /** The same as one text. */
  expose(accept: string | undefined, now: number): Promise<{ readonly contentType: string; readonly body: string }>
  /** Drops idle series and returns how many. */
  expire(now: number): number
  seriesCount(): number
  /** Grows whenever recorded series are dropped: who keeps handles lets go of them then. */
  readonly seriesDropped: number
  /** The samples that continue over a restart, as they are now: processor/metrics-state.ts. */
  capture(): readonly SeriesState[]
  restore(series: readonly SeriesState[]): void
  /** Lets the counters and histograms that would have continued begin again. */
  beginAgain(): void
  /** Values that a label of a metric has now, bounded and clamped as they are shown. */
  valuesOf<M extends MetricName>(name: M, label: LabelOf<M>): ReadonlySet<string>
}

export interface Observation {
  readonly value: number
  readonly weight: number
  readonly traceId?: string
}

/** A metric with its series, to be rendered. */
export type Shown = Pick<Family, 'name' | 'definition' | 'bounds' | 'series'>

interface ProcessSample {
  /** Where it is another than the metric's: buckets, sum, count. */
  readonly metricName?: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

/** A metric of the Node process as prom-client tells it. */
export interface ProcessMetric {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly values: readonly ProcessSample[]
}

/** Lines rendered at a time: a millisecond or two of work. */
const RENDER_SLICE = 1000
/** Characters given out between two turns of the event loop. */
const PIECE = 2 ** 18
const OVERFLOWED = 'agentopz_series_overflow_total'
/** Gauges that count: rows folded together are added. The others are maxima, times and flags. */
const ADDED = new Set<string>(['agentopz_open_runs', 'agentopz_control_streams', 'agentopz_incidents'] satisfies MetricName[])

/** Builds a registry of its own; prom-client's global one stays untouched. */
export function createMetrics(overrides: Partial<MetricsOptions>): Metrics {
  const options = { ...DEFAULT_METRICS_OPTIONS, ...overrides }
  const processMetrics = options.processMetrics ? new Registry() : undefined
  if (processMetrics !== undefined) collectDefaultMetrics({ register: processMetrics })
  const families = familiesOf(options)
  const exemplars = new Exemplars(options.exemplars)
  const handle = (name: string, labels: Readonly<Record<string, string>>): Handle => {
    const family = families.get(name)
    if (family === undefined) throw new Error(`metrics: ${name} is not exported`)
    return new Handle(family, labels, exemplars)
  }
  let dropped = 0
  const steps: (() => Promise<void>)[] = []
  let preparing: Promise<void> | undefined
  const prepare = async (now: number): Promise<void> => {
    for (const step of steps) await step().catch(() => gaugeFailed(metrics, now))
  }
  const metrics: Metrics = {
    counter: handle,
    histogram: handle,
    settable: handle,
    standard: (name, labels) => (families.has(name) ? handle(name, labels) : undefined),
    // oxlint-disable-next-line max-params -- one call per sample on the hot path, in the order a sample is read
    add: (name, labels, value, now, traceId) => {
      const family = families.get(name)
      if (family === undefined || !isAmount(value)) return
      const series = family.find(labels, now)
      series.value += value
      if (traceId !== undefined) exemplars.put(series, 0, traceId, value, now)
    },
    start: (name, labels, now) => families.get(name)?.start(labels, now),
    observe: (name, labels, { value, weight, traceId }, now) => handle(name, labels).observe(value, weight, now, traceId),
    set: (name, labels, value, now) => {
      const family = families.get(name)
      if (family !== undefined) family.find(labels, now).value = value
    },
    gauge: (name, rows) => {
      const family = families.get(name)
      if (family !== undefined) family.rows = rows
    },
    beforeScrape: (step) => void steps.push(step),
    prepared: (now) => (preparing ??= prepare(now).finally(() => (preparing = undefined))),
    *families(now) {
      for (const family of families.values()) {
        refill(family, metrics, now)
        yield family
      }
    },
    ofProcess: async () => (await processMetrics?.getMetricsAsJSON())?.map(processMetricOf) ?? [],
    stream: (accept, now) => {
      const { format, contentType } = negotiate(accept)
      const pieces = async function* (): AsyncIterable<string> {
        await metrics.prepared(now)
        yield* renderAll(metrics.families(now), () => metrics.ofProcess(), format)
      }
      return { contentType, pieces: pieces() }
    },
    expose: async (accept, now) => {
      const { contentType, pieces } = metrics.stream(accept, now)
      const parts: string[] = []
      for await (const piece of pieces) parts.push(piece)
      return { contentType, body: parts.join('') }
    },
    expire: (now) => {
      let expired = 0
      for (const family of families.values()) expired += family.expire(now - options.seriesIdleSeconds * 1000)
      dropped += expired
      return expired
    },
    valuesOf: (name, label) => {
      const family = families.get(name)
      const at = family?.definition.labels.indexOf(label) ?? -1
      if (family === undefined || at < 0) return new Set<string>()
      return new Set([...family.series.values()].map((series) => series.key.split('\0')[at] ?? ''))
    },
    capture: () => captureSeries(families.values()),
    restore: (series) => restoreSeries(families, series),
    beginAgain: () => {
      dropCounts(families.values())
      dropped++
    },
    get seriesDropped() {
      return dropped
    },
    seriesCount: () => [...families.values()].reduce((n, family) => n + family.series.size, 0),
  }
  metrics.gauge('agentopz_build_info', () => [[{ version: options.version, node_version: process.versions.node }, 1]])
  return metrics
}

function familiesOf(options: MetricsOptions): ReadonlyMap<string, Family> {
  const families = new Map<string, Family>()
  const cardinality = new Cardinality(options)
  const onFold = (metric: string, agent: string, environment: string, now: number): void => {
    const overflowed = families.get(OVERFLOWED)
    // Its own overflow is not counted, for that would not end.
    if (overflowed !== undefined && metric !== OVERFLOWED) overflowed.find({ agent, environment, metric }, now).value++
  }
  const catalogue: Readonly<Record<string, MetricDefinition>> = options.standardNames ? { ...METRICS, ...STANDARD_METRICS } : METRICS
  for (const [name, definition] of Object.entries(catalogue))
    families.set(name, new Family(name, definition, options, { cardinality, onFold }))
  return families
}

function refill(family: Family, metrics: Metrics, now: number): void {
  if (family.rows === undefined) return
  try {
    family.refill(now, ADDED.has(family.name) ? (a, b) => a + b : Math.max)
  } catch {
    gaugeFailed(metrics, now)
  }
}

/** One gauge that cannot be computed must not hide all the others. */
function gaugeFailed(metrics: Metrics, now: number): void {
  metrics.add('agentopz_internal_errors_total', { stage: 'gauge' }, 1, now)
}

/** Text of metrics, piece by piece. */
export async function* renderAll(
  shown: Iterable<Shown>,
  ofProcess: () => Promise<readonly ProcessMetric[]>,
  format: Format,
): AsyncIterable<string> {
  let piece = ''
  for (const family of shown)
    for (const slice of renderFamily(family, format)) {
      piece += slice
      if (piece.length < PIECE) continue
      yield piece
      piece = ''
      await nextTurn()
    }
  piece += renderProcess(await ofProcess(), format)
  yield format === 'openmetrics' ? `${piece}# EOF\n` : piece
}

function* renderFamily(family: Shown, format: Format): Iterable<string> {
  const { name, definition } = family
  if (family.series.size > 0) yield renderHead({ name, ...definition }, format)
  const buckets = definition.type === 'histogram' ? bucketLabels(family.bounds) : []
  let slice: string[] = []
  let lines = 0
  for (const series of family.series.values()) {
    slice.push(renderSeries(name, buckets, series, format))
    lines += buckets.length + 1
    if (lines < RENDER_SLICE) continue
    // Joined at once: a body of a million small strings would keep the garbage collector busy for longer than the rendering takes.
    yield slice.join('')
    slice = []
    lines = 0
  }
  if (slice.length > 0) yield slice.join('')
}

/** The declared type is a numeric enum, the value is the word. */
function processMetricOf({ name, help, type, values }: MetricObjectWithValues<MetricValue<string>>): ProcessMetric {
  return { name, help, type: String(type), values: values as ProcessMetric['values'] }
}

/** prom-client's own metrics as text. Three of its gauges are named like counters, which no tool accepts: they are left out. */
function renderProcess(collected: readonly ProcessMetric[], format: Format): string {
  let out = ''
  for (const { name, help, type: word, values } of collected) {
    if (values.length === 0 || (name.endsWith('_total') && word !== 'counter')) continue
    out += renderHead(
      { name, help, type: word === 'counter' || word === 'gauge' || word === 'histogram' || word === 'summary' ? word : 'unknown' },
      format,
    )
    for (const { labels, value, metricName } of values) {
      const pairs = Object.entries(labels).map(([k, v]) => [k, k === 'le' && v !== '+Inf' ? boundText(Number(v)) : String(v)] as const)
      const text = labelText(
        pairs.map(([k]) => k),
        pairs.map(([, v]) => v),
      )
      out += `${metricName ?? name}${text === '' ? '' : `{${text}}`} ${numberText(value)}\n`
    }
  }
  return out
}
