/**
 * A history that never happened, in Prometheus: simulated runs of agents → OpenMetrics with old timestamps → TSDB blocks → a real
 * Prometheus on a free port. What was put in is returned beside it, as the truth that measurements are compared with.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { METRICS, type MetricName } from '../../model/metrics.ts'

export interface AgentSketch {
  readonly agent: string
  readonly environment: string
  /** Runs an hour at a time; 0 is none. */
  readonly rate: (seconds: number) => number
  readonly rated: number
  readonly failing: (seconds: number) => number
  readonly toolFailing: number
  /** Share of verdicts of an evaluation from outside that are fail, and of answers that are refusals; none of both when left out. */
  readonly groundednessFailing?: number
  readonly refusing?: number
  /** Median of lognormal sizes. */
  readonly costUsd: number
  readonly durationSeconds: number
  readonly meanSteps: number
}

/** What was put in for one agent: every run with its facts. */
export interface Truth {
  readonly runs: {
    readonly at: number
    readonly verdict: 'pass' | 'fail' | 'unrated'
    readonly cost: number
    readonly steps: number
    readonly duration: number
  }[]
  toolCalls: number
  toolErrors: number
  groundednessFailed: number
  refused: number
}

/** Seconds between samples. On the full minute, so that increases over ten minutes are whole: how Prometheus extrapolates is not tested. */
const STEP = 120

type Cells = Map<number, number>
interface Family {
  readonly name: MetricName
  readonly series: Map<string, Cells>
}

/** Mulberry32: the same seed gives the same history. */
export function random(seed: number): () => number {
  let a = seed
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

export function normal(next: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
}

export function poisson(mean: number, next: () => number): number {
  let n = -1
  for (let left = 1, floor = Math.exp(-mean); left > floor; left *= next()) n++
  return Math.max(0, n)
}

/** Writes TSDB blocks of the agents' runs into `dir/data` and returns what was put in. */
export function writeHistory(
  dir: string,
  agents: readonly AgentSketch[],
  from: number,
  to: number,
  seed: number,
): ReadonlyMap<string, Truth> {
  const families = new Map<MetricName, Family>()
  const next = random(seed)
  const truths = new Map(agents.map((a) => [a.agent, simulate(a, families, { from, to, next })]))
  const file = join(dir, 'history.om')
  writeFileSync(file, '')
  families.set('agentopz_build_info', {
    name: 'agentopz_build_info',
    series: new Map([['version="0.0.0",node_version="24"', new Map([[from, 1]])]]),
  })
  for (const family of families.values()) writeFamily(file, family, from, to)
  appendFileSync(file, '# EOF\n')
  const data = join(dir, 'data')
  mkdirSync(data, { recursive: true })
  const made = spawnSync('promtool', ['tsdb', 'create-blocks-from', 'openmetrics', '--max-block-duration=162h', '-q', file, data], {
    encoding: 'utf8',
  })
  if (made.status !== 0) throw new Error(`promtool: ${made.stderr}${made.stdout}`)
  return truths
}

function simulate(
  a: AgentSketch,
  families: Map<MetricName, Family>,
  { from, to, next }: { from: number; to: number; next: () => number },
): Truth {
  const truth: Truth = { runs: [], toolCalls: 0, toolErrors: 0, groundednessFailed: 0, refused: 0 }
  const who = { agent: a.agent, environment: a.environment }
  const add = (name: MetricName, labels: Record<string, string>, at: number, by = 1): void => {
    const family = families.get(name) ?? { name, series: new Map<string, Cells>() }
    families.set(name, family)
    const key = Object.entries({ ...who, ...labels })
      .map(([k, v]) => `${k}="${escaped(v)}"`)
      .join(',')
    const cells = family.series.get(key) ?? new Map<number, number>()
    family.series.set(key, cells)
    cells.set(at, (cells.get(at) ?? 0) + by)
  }
  const cohort = { agent_version: '1', prompt_version: 'p1', model: 'm', tools_version: 't' }
  // A first failure must be an increase: the processor shows such series at 0 from the start.
  add('agentopz_runs_total', { ...cohort, outcome: 'ok', quality: 'pass' }, from, 0)
  add('agentopz_runs_total', { ...cohort, outcome: 'ok', quality: 'fail' }, from, 0)
  for (let at = from + STEP; at <= to; at += STEP) {
    for (let k = poisson((a.rate(at) * STEP) / 3600, next); k > 0; k--) {
      const quality = next() >= a.rated ? 'unrated' : next() < a.failing(at) ? 'fail' : 'pass'
      const run = {
        at,
        verdict: quality,
        cost: a.costUsd * Math.exp(0.6 * normal(next)),
        steps: 1 + poisson(a.meanSteps - 1, next),
        duration: a.durationSeconds * Math.exp(0.5 * normal(next)),
      } as const
      truth.runs.push(run)
      add('agentopz_runs_total', { ...cohort, outcome: 'ok', quality }, at)
      observe(add, 'agentopz_run_cost_usd', run.cost, at)
      observe(add, 'agentopz_run_steps', run.steps, at)
      observe(add, 'agentopz_run_duration_seconds', run.duration, at)
      const isError = next() < a.toolFailing
      truth.toolCalls++
      if (isError) truth.toolErrors++
      const verdict = (evaluation: string, source: string, failing: number | undefined): boolean => {
        const fails = failing !== undefined && next() < failing
        if (failing !== undefined)
          add('agentopz_evaluations_total', { evaluation, source, verdict: fails ? 'fail' : 'pass', prompt_version: 'p1', model: 'm' }, at)
        return fails
      }
      if (verdict('groundedness', 'external', a.groundednessFailing)) truth.groundednessFailed++
      if (verdict('not_refused', 'builtin', a.refusing)) truth.refused++
      add('agentopz_tool_calls_total', { tool: 'search', outcome: isError ? 'error' : 'ok' }, at)
    }
  }
  return truth
}

type Histogram = 'agentopz_run_cost_usd' | 'agentopz_run_steps' | 'agentopz_run_duration_seconds'

function observe(
  add: (name: MetricName, labels: Record<string, string>, at: number, by?: number) => void,
  name: Histogram,
  value: number,
  at: number,
): void {
  for (const bound of METRICS[name].buckets) add(name, { ' part': '_bucket', le: String(bound) }, at, value <= bound ? 1 : 0)
  add(name, { ' part': '_bucket', le: '+Inf' }, at)
  add(name, { ' part': '_count' }, at)
  add(name, { ' part': '_sum' }, at, value)
}

/** Cumulative samples of each series, one every STEP. */
function writeFamily(file: string, { name, series }: Family, from: number, to: number): void {
  const { type } = METRICS[name]
  appendFileSync(file, `# TYPE ${type === 'counter' ? name.replace(/_total$/, '') : name} ${type}\n`)
  for (const [key, cells] of series) {
    const part = / part="(_\w+)"/.exec(key)?.[1] ?? ''
    const labels = key.replace(/,? part="_\w+"/, '')
    const lines: string[] = []
    let sum = 0
    for (let at = from; at <= to; at += STEP) {
      sum += cells.get(at) ?? 0
      lines.push(`${name}${part}{${labels}} ${sum} ${at}`)
    }
    appendFileSync(file, `${lines.join('\n')}\n`)
  }
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

/** Starts a Prometheus over `dir/data` that scrapes nothing. */
export async function startPrometheus(dir: string): Promise<{ readonly url: string; readonly process: ChildProcess }> {
  const port = await freePort()
  writeFileSync(join(dir, 'prometheus.yml'), '{}\n')
  const url = `http://127.0.0.1:${port}`
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(dir, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(dir, 'data')}`,
      '--storage.tsdb.retention.time=60d',
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ],
    { stdio: 'ignore' },
  )
  for (let i = 0; i < 300; i++) {
    const isReady = await fetch(`${url}/-/ready`).then(
      (r) => r.ok,
      () => false,
    )
    if (isReady) return { url, process: child }
    await new Promise((done) => setTimeout(done, 100))
  }
  child.kill('SIGKILL')
  throw new Error('Prometheus was not ready within 30 s')
}

function freePort(): Promise<number> {
  return new Promise((done) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo
      probe.close(() => done(port))
    })
  })
}
