/**
 * What one agent's part of /metrics would have shown, minute by minute: increments of counters in, samples out, as a processor exposes
 * them. A series appears with the first use of its group (a cohort's usual outcomes together, a histogram's buckets together), goes when
 * the group is idle for a day, and both that and a restart make it begin at 0 again. Names and labels are checked against the catalogue.
 */
import { METRICS, type LabelsOf, type MetricName, type NameOfType } from '../../../model/metrics.ts'

/** Minutes after which the processor drops what nobody used. */
const IDLE_MINUTES = 1440

interface Group {
  readonly used: Uint8Array
  readonly counters: Map<string, { readonly head: string; readonly increments: Float64Array }>
}

/** One exposed series: `values[minute]`, not a number where it is absent. */
export interface ExposedSeries {
  readonly head: string
  readonly values: Float64Array
}

/** Adds to a series in a minute; beyond the end is ignored. */
export type Add = (minute: number, by?: number) => void

type Without<M extends MetricName> = Omit<LabelsOf<M>, 'agent' | 'environment'>

export class AgentSeries {
  readonly #minutes: number
  readonly #identity: string
  readonly #groups = new Map<string, Group>()
  readonly #histograms: (() => ExposedSeries[])[] = []
  readonly #gauges: ExposedSeries[] = []
  readonly #restarts: readonly number[]

  /** `restarts`: minutes in which the processor started anew. */
  constructor(agent: string, environment: string, minutes: number, restarts: readonly number[]) {
    this.#minutes = minutes
    this.#identity = `agent="${agent}",environment="${environment}"`
    this.#restarts = restarts
  }

  /** A counter. Those of one group appear together, at 0 but for the one that was used. */
  counter<M extends NameOfType<'counter'>>(group: string, name: M, labels: Without<M>): Add {
    const g = this.#group(group)
    const head = this.#head(name, labels)
    const known = g.counters.get(head)
    const increments = known?.increments ?? new Float64Array(this.#minutes)
    if (known === undefined) g.counters.set(head, { head, increments })
    return (minute, by = 1) => {
      if (minute >= this.#minutes) return
      g.used[minute] = 1
      increments[minute] = (increments[minute] ?? 0) + by
    }
  }

  /** A histogram without labels of its own; observes a value in a minute. */
  histogram(name: NameOfType<'histogram'>): (minute: number, value: number) => void {
    const bounds: readonly number[] = METRICS[name].buckets
    const used = new Uint8Array(this.#minutes)
    const sum = new Float64Array(this.#minutes)
    const buckets = Array.from({ length: bounds.length + 1 }, () => new Float64Array(this.#minutes))
    this.#histograms.push(() => this.#exposeHistogram(name, { bounds, used, sum, buckets }))
    return (minute, value) => {
      if (minute >= this.#minutes) return
      const at = bounds.findIndex((bound) => value <= bound)
      const bucket = buckets[at < 0 ? bounds.length : at]
      if (bucket !== undefined) bucket[minute] = (bucket[minute] ?? 0) + 1
      sum[minute] = (sum[minute] ?? 0) + value
      used[minute] = 1
    }
  }

  /** A gauge given whole: not a number where it is absent. */
  gauge<M extends NameOfType<'gauge'>>(name: M, labels: Without<M>, values: Float64Array): void {
    this.#gauges.push({ head: this.#head(name, labels), values })
  }

  expose(): ExposedSeries[] {
    const out = [...this.#gauges]
    for (const { used, counters } of this.#groups.values()) {
      const alive = aliveMinutes(used, this.#restarts)
      for (const { head, increments } of counters.values()) out.push({ head, values: cumulate(increments, alive, /_usd/.test(head)) })
    }
    for (const expose of this.#histograms) out.push(...expose())
    return out
  }

  /**
   * Buckets below anything the agent ever does stay 0 for ever: they are left out, which changes no sum over buckets and saves a third of
   * the samples. The bucket of 0 calls is kept: it is an indicator of its own.
   */
  #exposeHistogram(
    name: NameOfType<'histogram'>,
    h: {
      readonly bounds: readonly number[]
      readonly used: Uint8Array
      readonly sum: Float64Array
      readonly buckets: readonly Float64Array[]
    },
  ): ExposedSeries[] {
    const alive = aliveMinutes(h.used, this.#restarts)
    const upTo = new Float64Array(this.#minutes)
    const out: ExposedSeries[] = []
    for (const [i, bucket] of h.buckets.entries()) {
      for (let m = 0; m < upTo.length; m++) upTo[m] = (upTo[m] ?? 0) + (bucket[m] ?? 0)
      const bound = h.bounds[i]
      if (bound !== undefined && bound !== 0 && upTo.every((n) => n === 0)) continue
      const values = cumulate(upTo, alive, false)
      out.push({ head: this.#head(`${name}_bucket`, { le: bound === undefined ? '+Inf' : float(bound) }), values })
      if (bound === undefined) out.push({ head: this.#head(`${name}_count`, {}), values })
    }
    out.push({ head: this.#head(`${name}_sum`, {}), values: cumulate(h.sum, alive, true) })
    return out
  }

  #group(name: string): Group {
    let g = this.#groups.get(name)
    if (g === undefined) this.#groups.set(name, (g = { used: new Uint8Array(this.#minutes), counters: new Map() }))
    return g
  }

  #head(name: string, labels: object): string {
    const own = Object.entries(labels).map(([label, value]) => `,${label}="${String(value)}"`)
    return `${name}{${this.#identity}${own.join('')}} `
  }
}

/** Bounds are floats in OpenMetrics, and so in Prometheus. */
function float(bound: number): string {
  return Number.isInteger(bound) ? `${bound}.0` : String(bound)
}

/** 0 where absent, 1 where exposed, 2 where it appears and counts from 0 again. */
export function aliveMinutes(used: Uint8Array, restarts: readonly number[]): Uint8Array {
  const out = new Uint8Array(used.length)
  const isRestart = new Set(restarts)
  let lastUse = Number.NEGATIVE_INFINITY
  for (let m = 0; m < used.length; m++) {
    if (isRestart.has(m)) lastUse = Number.NEGATIVE_INFINITY
    const wasAlive = m - lastUse <= IDLE_MINUTES
    if (used[m] === 1) lastUse = m
    if (m - lastUse <= IDLE_MINUTES) out[m] = wasAlive ? 1 : 2
  }
  return out
}

function cumulate(increments: Float64Array, alive: Uint8Array, isAmount: boolean): Float64Array {
  const out = new Float64Array(alive.length)
  let sum = 0
  for (let m = 0; m < alive.length; m++) {
    if (alive[m] === 2) sum = 0
    sum += increments[m] ?? 0
    out[m] = alive[m] === 0 ? Number.NaN : isAmount ? Math.round(sum * 1e6) / 1e6 : sum
  }
  return out
}
