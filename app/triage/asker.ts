/**
 * Asks Prometheus one question after the other. A query that it refuses is a gap with a name, so that nothing is concluded from its absence;
 * a Prometheus that is down, slow or no Prometheus ends the whole with one error, and is not asked twenty times more.
 */
import type { FactKind } from '../../incidents/facts.ts'
import { type Prometheus, PrometheusError, type Sample } from '../prometheus.ts'

export class Asker {
  readonly #prometheus: Prometheus
  readonly #gaps = new Set<string>()
  readonly #unknown = new Set<FactKind>()

  constructor(prometheus: Prometheus) {
    this.#prometheus = prometheus
  }

  get gaps(): readonly string[] {
    return [...this.#gaps]
  }

  get unknown(): readonly FactKind[] {
    return [...this.#unknown]
  }

  gap(text: string): void {
    this.#gaps.add(text)
  }

  /** Samples that are numbers. @throws PrometheusError when Prometheus does not answer. */
  async all(kind: FactKind, query: string, atMs: number): Promise<readonly Sample[]> {
    return this.#tolerant(kind, async () => {
      const { data, warnings } = await this.#prometheus.instant(query, atMs / 1000)
      this.#warned(warnings)
      return data.filter((s) => Number.isFinite(s.value))
    })
  }

  async one(kind: FactKind, query: string, atMs: number): Promise<number | undefined> {
    const [sample] = await this.all(kind, query, atMs)
    return sample?.value
  }

  /** Values by time in seconds. */
  async points(query: string, fromMs: number, toMs: number, stepSeconds: number): Promise<ReadonlyMap<number, number>> {
    const found = await this.#tolerant('series', async () => {
      const { data, warnings } = await this.#prometheus.range(query, { startSeconds: fromMs / 1000, endSeconds: toMs / 1000, stepSeconds })
      this.#warned(warnings)
      return data.flatMap((s) => s.points)
    })
    return new Map(found.map(([at, value]) => [Math.round(at), value]))
  }

  #warned(warnings: readonly string[]): void {
    for (const w of warnings) this.#gaps.add(`part of the data may be missing: ${w}`)
  }

  async #tolerant<T>(kind: FactKind, ask: () => Promise<readonly T[]>): Promise<readonly T[]> {
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof PrometheusError) || (error.kind !== 'query' && error.kind !== 'too-large')) throw error
      this.#gaps.add(error.message)
      this.#unknown.add(kind)
      return []
    }
  }
}
