/**
 * Gauges over the runs now open (R9): a runaway run shows before its root span ever ends.
 * Computed at scrape, at most once a second for the five of them. What changed since the last one is assembled before, in short turns of the event
 * loop: under load that is most of what is open, tens of thousands of traces.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Cost, Run, Spend } from '../model/run.ts'
import type { Metrics } from './metrics.ts'
import type { OpenMaxima, Runs } from './runs/runs.ts'
import { turnMs } from './sweeping.ts'

const ONCE_MS = 1000
const UNFINISHED = 'agentopz_open_runs_unfinished_scrapes_total'

/**
 * Registers the open-run gauges and those of the runs' memory. A scraper waits for ten seconds as a rule: what is not found within `longestMs` is
 * shown as it was, a trace that is new not at all, and the scrape is counted.
 */
export function openRunGauges(metrics: Metrics, runs: Runs, clock: () => number, longestMs: number): void {
  metrics.start(UNFINISHED, {}, clock())
  let rows: readonly OpenMaxima[] = []
  let [foundAt, computedAt] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]
  const isLater = (now: number, than: number): boolean => now - than >= ONCE_MS || now < than
  metrics.beforeScrape(async () => {
    if (!isLater(clock(), foundAt)) return
    if (!(await inTurns(runs.findViews(), longestMs))) metrics.add(UNFINISHED, {}, 1, clock())
    foundAt = clock()
  })
  const current = (): readonly OpenMaxima[] => {
    if (isLater(clock(), computedAt)) {
      rows = [...runs.openMaxima()]
      computedAt = clock()
    }
    return rows
  }
  const per = (value: (m: OpenMaxima) => number | undefined) =>
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
    per((m) => (clock() - m.openedMs) / 1000),
  )
  metrics.gauge(
    'agentopz_open_run_max_streak',
    per((m) => m.streak),
  )
  metrics.gauge('agentopz_open_spans', () => [[{}, runs.openSpans]])
  metrics.gauge('agentopz_pending_link_spans', () => [[{}, runs.linkSpans]])
  metrics.gauge('agentopz_remembered_traces', () => [[{}, runs.rememberedTraces]])
}

/** Goes through the steps for so long at most, false when it did not get to all; others get the event loop between turns, as long as a sweep's. */
async function inTurns(steps: Iterator<undefined>, longestMs: number): Promise<boolean> {
  const began = performance.now()
  let since = began
  while (steps.next().done !== true) {
    if (performance.now() - since < turnMs(since - began)) continue
    await nextTurn()
    since = performance.now()
    if (since - began > longestMs) return false
  }
  return true
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
