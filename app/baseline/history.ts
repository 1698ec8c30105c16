/**
 * Prometheus → the history of one agent in one environment, as counts on a grid. Raw metrics of the catalogue only, so it works before
 * any rule is installed; sums over replicas and cohorts happen there, so an agent is a few dozen series here however many it has.
 * Whatever Prometheus warns of ends the measuring: half a history looks like a quiet agent.
 */
import { type Prometheus, select, type SelectMore, type Series, whole } from '../prometheus.ts'
import { addPoints, CELL, type Counts, emptyCells, type Grid } from './counts.ts'

export type SizeName = 'cost' | 'steps' | 'duration'
export type CheckSli = 'refusal' | 'filtered' | 'truncation' | 'empty' | 'loop'

export interface SizeHistory {
  /** bad: share of bucket bounds gone over, added up over runs; total: runs. */
  readonly counts: Counts
  /** Dollars, steps or seconds. */
  readonly sums: Float64Array
  /** Runs under each bound, by hour. */
  readonly hours: ReadonlyMap<number, Float64Array>
}

export interface AgentHistory {
  readonly agent: string
  readonly environment: string
  /** From the hour of the agent's first run in the time asked for. */
  readonly grid: Grid
  readonly watched: readonly boolean[]
  readonly runs: Float64Array
  readonly quality: Counts
  readonly errors: Counts
  readonly checks: ReadonlyMap<CheckSli, Counts>
  /** Evaluations from outside, by name. */
  readonly evaluations: ReadonlyMap<string, Counts>
  readonly toolErrors: ReadonlyMap<string, Counts>
  readonly toolEmpties: ReadonlyMap<string, Counts>
  readonly sizes: ReadonlyMap<SizeName, SizeHistory>
}

export interface AgentName {
  readonly agent: string
  readonly environment: string
}

const HOUR = 3600
const SIZES = { cost: 'agentopz_run_cost_usd', steps: 'agentopz_run_steps', duration: 'agentopz_run_duration_seconds' } as const
const CHECKS: Readonly<Record<string, CheckSli>> = {
  not_refused: 'refusal',
  not_filtered: 'filtered',
  not_truncated: 'truncation',
  not_empty: 'empty',
  no_loop: 'loop',
}

/** Agents that have runs between the times, in order of name. */
export async function agentsIn(prometheus: Prometheus, grid: Grid, environment: string | undefined): Promise<readonly AgentName[]> {
  const found = whole(
    await prometheus.series(select('agentopz_runs_total', { environment }), grid.startSeconds, endOf(grid)),
    prometheus.url,
  )
  const names = new Map<string, AgentName>()
  for (const l of found) {
    const name = { agent: l['agent'] ?? '', environment: l['environment'] ?? '' }
    names.set(JSON.stringify(name), name)
  }
  return [...names.keys()].sort().flatMap((k) => names.get(k) ?? [])
}

/** Whether agentopz itself was scraped between the times. */
export async function isScraped(prometheus: Prometheus, grid: Grid): Promise<boolean> {
  return whole(await prometheus.series(select('agentopz_build_info', {}), grid.startSeconds, endOf(grid)), prometheus.url).length > 0
}

/**
 * Cells in which agentopz was scraped. Told by metrics of few series; by the runs themselves, which are many, only where those are not kept.
 */
export async function watchedCells(prometheus: Prometheus, grid: Grid): Promise<readonly boolean[]> {
  const cells = emptyCells(grid)
  const mark = async (selector: string): Promise<void> => {
    const found = await cellsOf(prometheus, grid, `max(present_over_time(${selector}[${CELL}s]))`)
    for (const s of found) addPoints(cells, grid, s.points)
  }
  await mark(select('agentopz_build_info', {}))
  await mark(select('agentopz_last_run_timestamp_seconds', {}))
  if (cells.every((v) => v === 0)) await mark(select('agentopz_runs_total', {}))
  return [...cells].map((v) => v > 0)
}

/** Reads everything about one agent; undefined when it had no run. */
export async function readHistory(
  prometheus: Prometheus,
  name: AgentName,
  all: { readonly grid: Grid; readonly watched: readonly boolean[] },
): Promise<AgentHistory | undefined> {
  const byOutcome = await cellsOf(prometheus, all.grid, increase('quality, outcome', select('agentopz_runs_total', name)))
  const first = Math.min(...byOutcome.flatMap((s) => s.points.slice(0, 1).map(([t]) => t)))
  if (!Number.isFinite(first)) return undefined
  const startSeconds = Math.max(all.grid.startSeconds, Math.floor((first - CELL) / HOUR) * HOUR)
  const skipped = (startSeconds - all.grid.startSeconds) / CELL
  const grid = { startSeconds, cells: all.grid.cells - skipped }
  const add = (where: (labels: Series['labels']) => boolean): Float64Array => cellsWhere(byOutcome, grid, where)
  const runs = add(() => true)
  const evaluations = await readEvaluations(prometheus, name, grid)
  const tools = await cellsOf(prometheus, grid, increase('tool, outcome', select('agentopz_tool_calls_total', name)))
  const sizes = new Map<SizeName, SizeHistory>()
  for (const size of Object.keys(SIZES) as SizeName[]) sizes.set(size, await readSize(prometheus, name, grid, size))
  return {
    ...name,
    grid,
    watched: all.watched.slice(skipped),
    runs,
    quality: { bad: add((l) => l['quality'] === 'fail'), total: add((l) => l['quality'] === 'pass' || l['quality'] === 'fail') },
    errors: { bad: add((l) => l['outcome'] === 'error'), total: runs },
    ...evaluations,
    toolErrors: countsBy(tools, grid, 'tool', (o) => (o === 'blocked' ? undefined : o === 'error')),
    toolEmpties: countsBy(tools, grid, 'tool', (o) => (o === 'ok' || o === 'empty' ? o === 'empty' : undefined)),
    sizes,
  }
}

async function readEvaluations(prometheus: Prometheus, name: AgentName, grid: Grid): Promise<Pick<AgentHistory, 'checks' | 'evaluations'>> {
  const verdicts = select('agentopz_evaluations_total', name, { also: 'verdict=~"pass|fail"' })
  const series = await cellsOf(prometheus, grid, increase('evaluation, source, verdict', verdicts))
  const isFail = (verdict: string): boolean => verdict === 'fail'
  const of = (isBuiltin: boolean): ReadonlyMap<string, Counts> =>
    countsBy(
      series.filter((s) => (s.labels['source'] === 'builtin') === isBuiltin),
      grid,
      'evaluation',
      isFail,
      'verdict',
    )
  const checks = new Map<CheckSli, Counts>()
  for (const [evaluation, counts] of of(true)) {
    const sli = CHECKS[evaluation]
    if (sli !== undefined) checks.set(sli, counts)
  }
  return { checks, evaluations: of(false) }
}

async function readSize(prometheus: Prometheus, name: AgentName, grid: Grid, size: SizeName): Promise<SizeHistory> {
  const part = (more: SelectMore, as: string): string =>
    `label_replace(${increase('', select(SIZES[size], name, more))}, "part", "${as}", "", "")`
  const query = [part({ part: '_count' }, 'count'), part({ part: '_sum' }, 'sum'), part({ part: '_bucket', also: 'le!="+Inf"' }, 'under')]
  const parts = await cellsOf(prometheus, grid, query.join(' or '))
  const of = (as: string): Float64Array => cellsWhere(parts, grid, (l) => l['part'] === as)
  const range = { startSeconds: grid.startSeconds + HOUR, endSeconds: endOf(grid), stepSeconds: HOUR }
  const buckets = increase('le', select(SIZES[size], name, { part: '_bucket' }), HOUR)
  const hours = new Map<number, Float64Array>()
  for (const s of whole(await prometheus.range(buckets, range), prometheus.url)) {
    const bound = s.labels['le'] === '+Inf' ? Infinity : Number(s.labels['le'])
    const byHour = hours.get(bound) ?? new Float64Array(Math.ceil((grid.cells * CELL) / HOUR))
    for (const [t, v] of s.points) byHour[Math.round((t - grid.startSeconds) / HOUR) - 1] = v
    hours.set(bound, byHour)
  }
  const bounds = [...hours.keys()].filter(Number.isFinite).length
  const total = of('count')
  const under = of('under')
  // Buckets are cumulative: their sum over all bounds is how many bounds the runs stayed under.
  const bad = total.map((n, i) => (bounds === 0 ? 0 : Math.max(0, n - (under[i] ?? 0) / bounds)))
  return { counts: { bad, total }, sums: of('sum'), hours }
}

/** Nothing is no answer's row: zeros are left out to keep answers small. */
function increase(by: string, selector: string, seconds = CELL): string {
  return `sum${by === '' ? '' : ` by (${by})`} (increase(${selector}[${seconds}s])) > 0`
}

async function cellsOf(prometheus: Prometheus, grid: Grid, query: string): Promise<readonly Series[]> {
  const range = { startSeconds: grid.startSeconds + CELL, endSeconds: endOf(grid), stepSeconds: CELL }
  return whole(await prometheus.range(query, range), prometheus.url)
}

function cellsWhere(series: readonly Series[], grid: Grid, where: (labels: Series['labels']) => boolean): Float64Array {
  const cells = emptyCells(grid)
  for (const s of series) if (where(s.labels)) addPoints(cells, grid, s.points)
  return cells
}

/** Counts by a label; `isBad` reads the deciding label: bad, good, or (undefined) not counted. */
function countsBy(
  series: readonly Series[],
  grid: Grid,
  label: 'tool' | 'evaluation',
  isBad: (value: string) => boolean | undefined,
  decides = 'outcome',
): ReadonlyMap<string, Counts> {
  const out = new Map<string, Counts>()
  for (const s of series) {
    const bad = isBad(s.labels[decides] ?? '')
    if (bad === undefined) continue
    const key = s.labels[label] ?? ''
    const counts = out.get(key) ?? { bad: emptyCells(grid), total: emptyCells(grid) }
    out.set(key, counts)
    addPoints(counts.total, grid, s.points)
    if (bad) addPoints(counts.bad, grid, s.points)
  }
  return out
}

export function endOf(grid: Grid): number {
  return grid.startSeconds + grid.cells * CELL
}
