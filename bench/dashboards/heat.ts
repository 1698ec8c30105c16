/** Cumulative buckets → cells: how many fell between two bounds at a time. Empty bounds at both ends are left out. */
import type { Line } from './frames.ts'

export interface HeatCells {
  readonly cells: readonly { readonly at: number; readonly row: number; readonly count: number }[]
  readonly bounds: readonly { readonly from: number; readonly to: number }[]
  /** The fullest cell. */
  readonly most: number
}

const LEAST = 1e-9

/** Differences between neighbouring buckets, by time. */
export function cellsOf(lines: readonly Line[]): HeatCells {
  const byBound = lines
    .map((l) => ({ to: Number((l.labels['le'] ?? '+Inf').replace('+Inf', 'Infinity')), points: new Map(l.points) }))
    .toSorted((a, b) => a.to - b.to)
  const cells = byBound.flatMap((b, row) =>
    [...b.points].flatMap(([at, v]) => {
      const count = v - (byBound[row - 1]?.points.get(at) ?? 0)
      return count > LEAST ? [{ at, row, count }] : []
    }),
  )
  const rows = cells.map((c) => c.row)
  const first = Math.max(0, Math.min(...rows, byBound.length) - 1)
  const last = Math.min(byBound.length - 1, Math.max(...rows, 0) + 1)
  const bounds = byBound.map((b, at) => ({ from: byBound[at - 1]?.to ?? 0, to: b.to })).slice(first, last + 1)
  return { cells: cells.map((c) => ({ ...c, row: c.row - first })), bounds, most: Math.max(LEAST, ...cells.map((c) => c.count)) }
}
