/**
 * Gauges over the runs now open (R9): a runaway run shows before its root span ever ends.
 * Computed at scrape, at most once a second for the five of them, from the assembled state of each open trace.
 */
import type { Cost, Run, Spend } from '../model/run.ts'
import type { Metrics } from './metrics.ts'
import type { Runs } from './runs/runs.ts'

interface Maxima {
  readonly agent: string
  readonly environment: string
  runs: number
  costUsd: number | undefined
  steps: number
  ageSeconds: number
  streak: number
}

/** Traces assembled anew per scrape; with more open traces changing between scrapes the rest keeps its place for the next one. */
const BUDGET = 20_000

/** Registers the open-run gauges and those of the runs' memory. */
export function openRunGauges(metrics: Metrics, runs: Runs, clock: () => number): void {
  let rows: readonly Maxima[] = []
  let computedAt = Number.NEGATIVE_INFINITY
  const current = (): readonly Maxima[] => {
    const now = clock()
    if (now - computedAt >= 1000 || now < computedAt) {
      rows = maximaOf(runs, now)
      computedAt = now
    }
    return rows
  }
  const per = (value: (m: Maxima) => number | undefined) =>
    function* (): Iterable<readonly [{ agent: string; environment: string }, number]> {
      for (const m of current()) {
        const v = value(m)
        if (v !== undefined) yield [{ agent: m.agent, environment: m.environment }, v]
      }
    }
  metrics.gauge(
    'agentopz_open_runs',
    per((m) => m.runs),
  )
  metrics.gauge(
    'agentopz_open_run_max_cost_usd',
    per((m) => m.costUsd),
  )
  metrics.gauge(
    'agentopz_open_run_max_steps',
    per((m) => m.steps),
  )
  metrics.gauge(
    'agentopz_open_run_max_age_seconds',
    per((m) => m.ageSeconds),
  )
  metrics.gauge(
    'agentopz_open_run_max_streak',
    per((m) => m.streak),
  )
  metrics.gauge('agentopz_open_spans', () => [[{}, runs.openSpans]])
  metrics.gauge('agentopz_pending_link_spans', () => [[{}, runs.linkSpans]])
  metrics.gauge('agentopz_remembered_traces', () => [[{}, runs.rememberedTraces]])
}

function maximaOf(runs: Runs, now: number): readonly Maxima[] {
  const byAgent = new Map<string, Maxima>()
  for (const { agent, environment, openedMs, steps, streak, costUsd } of runs.openViews(BUDGET)) {
    const key = `${agent}\0${environment}`
    let m = byAgent.get(key)
    if (m === undefined) byAgent.set(key, (m = { agent, environment, runs: 0, costUsd: undefined, steps: 0, ageSeconds: 0, streak: 0 }))
    m.runs++
    m.steps = Math.max(m.steps, steps)
    m.ageSeconds = Math.max(m.ageSeconds, (now - openedMs) / 1000)
    m.streak = Math.max(m.streak, streak)
    if (costUsd !== undefined) m.costUsd = Math.max(m.costUsd ?? 0, costUsd)
  }
  return [...byAgent.values()]
}

/** What is known of the cost so far: unpriced calls are left out, so it is a lower bound; unknown when no call is priced. */
export function knownCost(run: Run, price: (spend: Spend) => Cost): number | undefined {
  let sum: number | undefined
  for (const spend of run.spend) {
    const cost = price(spend)
    if (cost.known) sum = (sum ?? 0) + cost.usd
  }
  return sum
}
