/** Which samples of a page of metrics must never fall, also over a restart: tests of kills hold each page against the one before. */
import { METRICS, type MetricDefinition } from '../../model/metrics.ts'
import { continues } from '../../processor/metrics-state.ts'

/** The samples that continue over a restart, by series. */
export function continuing(text: string): ReadonlyMap<string, number> {
  const catalogue: Readonly<Record<string, MetricDefinition>> = METRICS
  const samples = new Map<string, number>()
  for (const line of text.split('\n')) {
    const name = /^(agentopz_\w+)/.exec(line)?.[1] ?? ''
    const family = [name, name.replace(/_(bucket|sum|count)$/, '')].find((n) => n in catalogue)
    const definition = family === undefined ? undefined : catalogue[family]
    if (family !== undefined && definition !== undefined && definition.type !== 'gauge' && continues(family, definition))
      samples.set(line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1)))
  }
  return samples
}
