/**
 * Makes handles and counts them, so that who keeps them in trees knows how many they are. In: names and labels. Out: handles.
 * Keeps none of them.
 */
import type { LabelsOf, NameOfType } from '../model/metrics.ts'
import type { Counter, Gauge, Histogram } from './handles.ts'
import type { Metrics } from './metrics.ts'

export class Maker {
  count = 0
  readonly #metrics: Metrics

  constructor(metrics: Metrics) {
    this.#metrics = metrics
  }

  counter<M extends NameOfType<'counter'>>(name: M, labels: LabelsOf<M>): Counter {
    this.count++
    return this.#metrics.counter(name, labels)
  }

  histogram<M extends NameOfType<'histogram'>>(name: M, labels: LabelsOf<M>): Histogram {
    this.count++
    return this.#metrics.histogram(name, labels)
  }

  gauge<M extends NameOfType<'gauge'>>(name: M, labels: LabelsOf<M>): Gauge {
    this.count++
    return this.#metrics.settable(name, labels)
  }
}

export interface AgentLabels {
  readonly agent: string
  readonly environment: string
}

/** The map under a key, made if it is new. */
export function branch<T>(of: Map<string, Map<string, T>>, key: string): Map<string, T> {
  let found = of.get(key)
  if (found === undefined) of.set(key, (found = new Map<string, T>()))
  return found
}
