/** A metric's series as they are told to another process. */
import type { Shown } from '../../processor/metrics.ts'
import type { FamilySeries } from './messages.ts'

export function rowsOf({ name, series }: Shown): FamilySeries {
  return [name, Array.from(series.values(), (s) => [s.key, s.value, s.lastMs, s.counts, s.exemplars] as const)]
}
