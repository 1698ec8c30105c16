/**
 * Counts on a grid: how many events, and how many bad ones, in each ten minutes of the history; sums over any window of it in one
 * subtraction. A cell that has no sample holds 0 events, which is not a share of 0: whoever divides looks at the total first.
 */

/** Seconds of a cell: the shortest window that pages. */
export const CELL = 600

export interface Grid {
  /** Start of the first cell, Unix seconds. */
  readonly startSeconds: number
  readonly cells: number
}

export interface Counts {
  readonly bad: Float64Array
  readonly total: Float64Array
}

export interface Interval {
  readonly fromSeconds: number
  readonly toSeconds: number
}

export function emptyCells(grid: Grid): Float64Array {
  return new Float64Array(grid.cells)
}

/** Adds points, each stamped with the end of its cell, as Prometheus's increase() is. */
export function addPoints(cells: Float64Array, grid: Grid, points: readonly (readonly [number, number])[]): void {
  for (const [seconds, value] of points) {
    const cell = Math.round((seconds - grid.startSeconds) / CELL) - 1
    if (cell >= 0 && cell < cells.length && Number.isFinite(value)) cells[cell] = (cells[cell] ?? 0) + value
  }
}

/** Running sums: the sum of cells from `a` up to but not `b` is `out[b] - out[a]`. */
export function runningSums(cells: Float64Array): Float64Array {
  const out = new Float64Array(cells.length + 1)
  for (let i = 0; i < cells.length; i++) out[i + 1] = (out[i] ?? 0) + (cells[i] ?? 0)
  return out
}

export function between(sums: Float64Array, from: number, to: number): number {
  return (sums[to] ?? 0) - (sums[Math.max(0, from)] ?? 0)
}

export function total(cells: Float64Array): number {
  let sum = 0
  for (const c of cells) sum += c
  return sum
}

/** Neighbouring marked cells as intervals of time; those at most `gap` unmarked cells apart are one. */
export function intervalsOf(marked: readonly boolean[], grid: Grid, gap = 0): readonly Interval[] {
  const out: { from: number; to: number }[] = []
  for (const [cell, isMarked] of marked.entries()) {
    if (!isMarked) continue
    const last = out.at(-1)
    if (last !== undefined && cell - last.to <= gap) last.to = cell + 1
    else out.push({ from: cell, to: cell + 1 })
  }
  return out.map(({ from, to }) => ({ fromSeconds: grid.startSeconds + from * CELL, toSeconds: grid.startSeconds + to * CELL }))
}

/**
 * Events an hour when the middle one of all events happened: what an office agent does in office hours, not the nights between. Over three
 * hours, because a single busy hour of a quiet agent is chance.
 */
export function usualPerHour(cells: Float64Array): number {
  const sums = runningSums(cells)
  const hour = 3600 / CELL
  const rates: number[] = []
  for (let from = 0; from + hour <= cells.length; from += hour) {
    const first = Math.max(0, from - hour)
    const end = Math.min(cells.length, from + 2 * hour)
    rates.push((between(sums, first, end) * hour) / (end - first))
  }
  rates.sort((a, b) => a - b)
  let left = rates.reduce((s, r) => s + r, 0) / 2
  return rates.find((r) => (left -= r) <= 0) ?? 0
}

/** Intervals that overlap or lie within `gap` seconds of each other, as one. */
export function merged(intervals: readonly Interval[], gap: number): readonly Interval[] {
  const out: Interval[] = []
  for (const next of [...intervals].sort((a, b) => a.fromSeconds - b.fromSeconds)) {
    const last = out.at(-1)
    if (last === undefined || next.fromSeconds > last.toSeconds + gap) out.push(next)
    else out[out.length - 1] = { fromSeconds: last.fromSeconds, toSeconds: Math.max(last.toSeconds, next.toSeconds) }
  }
  return out
}
