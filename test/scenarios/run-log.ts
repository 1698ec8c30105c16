/**
 * Runs of one simulated agent, and what Prometheus would have counted of them: the evidence that the response asks for, from the same runs
 * that a scenario makes. The real questions are asked of a real Prometheus in test/integration/response.test.ts.
 */
import type { Evidence } from '../../app/response/evidence.ts'
import { PrometheusError } from '../../app/prometheus.ts'
import type { Counts } from '../../incidents/compare.ts'
import type { CohortFact, ToolFact } from '../../incidents/facts.ts'
import { findOnset, type Interval } from '../../incidents/onset.ts'

export interface LoggedRun {
  readonly atMs: number
  readonly fails: boolean
  readonly prompt: string
  /** How the call of its tool ended. */
  readonly call: 'ok' | 'error' | 'blocked'
  readonly outcome: 'ok' | 'stopped'
}

const DAY = 86_400_000
const STEP = 600_000

export class RunLog {
  readonly runs: LoggedRun[] = []
  readonly tool = 'search'
  isDown = false
  /** Names of alerts that Prometheus fires. */
  readonly firing = new Set<string>()

  readonly evidence: Evidence = {
    facts: (q) => {
      this.#answer()
      const { nowMs, startedMs, explained } = q
      const fromMs = Math.min(startedMs, explained?.fromMs ?? startedMs) - DAY
      const series = this.#series(fromMs, nowMs, q.tool === undefined ? counts : calls).filter(
        (i) => explained === undefined || i.toMs <= explained.fromMs || i.fromMs >= explained.toMs,
      )
      const onsetMs = findOnset(series, 1)?.atMs
      const splitMs = explained?.fromMs ?? onsetMs ?? startedMs
      const windows = [
        [fromMs, splitMs],
        [explained === undefined ? splitMs : Math.max(explained.toMs, onsetMs ?? 0), nowMs],
      ] as const
      return Promise.resolve({
        agent: q.agent,
        environment: q.environment,
        sli: q.sli,
        ...(q.tool === undefined ? {} : { tool: q.tool }),
        series,
        dispersion: 1,
        startedMs,
        nowMs,
        beforeFromMs: fromMs,
        splitMs,
        cohorts: {
          // Calls of tools are not counted by version.
          prompt_version: this.#cohorts(windows).map(({ events, ...k }) => (q.tool === undefined && events ? { ...k, events } : k)),
          tools_version: this.#steady(windows, 't1'),
          model: this.#steady(windows, 'm1'),
          agent_version: this.#steady(windows, '1.0'),
        },
        tools: [this.#tool(windows)],
        inputs: [
          {
            feature: 'script',
            buckets: [{ bucket: 'latin', before: this.#in(...windows[0]).length, after: this.#in(...windows[1]).length }],
          },
        ],
        answers: [],
        means: [],
        queries: { prompt_version: 'Q prompt', tools: 'Q tools', series: 'Q' },
        unknown: [],
        gaps: [],
      })
    },
    volume: ({ startedMs, nowMs }) => {
      this.#answer()
      const runs = this.#in(nowMs - DAY / 24, nowMs).length
      const lastRunMs = this.runs.at(-1)?.atMs
      const usual = this.#in(startedMs - DAY, startedMs).length / 24
      return Promise.resolve({
        ...(lastRunMs === undefined ? {} : { lastRunMs }),
        runs,
        expected: usual,
        others: { running: 0, quiet: [] },
      })
    },
    around: ({ indicator, onsetMs, badFromMs, changedMs, fromMs, nowMs }) => {
      this.#answer()
      const count = indicator.tool === undefined ? counts : calls
      return Promise.resolve({
        baseline: count(this.#in(onsetMs - DAY, onsetMs)),
        bad: count(this.#in(badFromMs, changedMs)),
        after: count(this.#in(fromMs, nowMs)),
      })
    },
    pause: () => Promise.resolve(60_000),
    failed: ({ fromMs, nowMs }) => {
      this.#answer()
      return Promise.resolve(this.#in(fromMs, nowMs).filter((r) => r.fails && r.outcome === 'ok').length)
    },
    fires: ({ alerts }) => {
      this.#answer()
      return Promise.resolve(alerts.some((a) => this.firing.has(a)))
    },
  }

  #answer(): void {
    if (this.isDown) throw new PrometheusError('unreachable', 'Cannot reach Prometheus at http://prometheus: the connection was refused')
  }

  #in(fromMs: number, toMs: number): readonly LoggedRun[] {
    return this.runs.filter((r) => r.atMs >= fromMs && r.atMs < toMs)
  }

  #series(fromMs: number, nowMs: number, count: typeof counts): readonly Interval[] {
    const out: Interval[] = []
    const firstMs = nowMs - Math.floor((nowMs - fromMs) / STEP) * STEP
    for (let at = firstMs; at < nowMs; at += STEP) out.push({ fromMs: at, toMs: at + STEP, ...count(this.#in(at, at + STEP)) })
    return out.filter((i) => i.total > 0)
  }

  #cohorts(windows: Windows): readonly CohortFact[] {
    return [...new Set(this.runs.map((r) => r.prompt))].map((value) => {
      const [before, after] = windows.map((w) => this.#in(...w).filter((r) => r.prompt === value)) as [LoggedRun[], LoggedRun[]]
      const first = this.runs.find((r) => r.prompt === value)?.atMs
      return {
        value,
        runs: { before: before.length, after: after.length },
        events: { before: counts(before), after: counts(after) },
        ...(first === undefined ? {} : { firstSeenMs: first }),
      }
    })
  }

  #steady(windows: Windows, value: string): readonly CohortFact[] {
    const [before, after] = windows.map((w) => this.#in(...w)) as [LoggedRun[], LoggedRun[]]
    return [{ value, runs: { before: before.length, after: after.length }, events: { before: counts(before), after: counts(after) } }]
  }

  #tool(windows: Windows): ToolFact {
    const [before, after] = windows.map((w) => this.#in(...w)) as [LoggedRun[], LoggedRun[]]
    const side = (runs: readonly LoggedRun[], bad: LoggedRun['call'], among: readonly LoggedRun['call'][]): Counts => ({
      bad: runs.filter((r) => r.call === bad).length,
      total: runs.filter((r) => among.includes(r.call)).length,
    })
    const none = { before: { bad: 0, total: before.length }, after: { bad: 0, total: after.length } }
    return {
      tool: this.tool,
      errors: { before: side(before, 'error', ['ok', 'error']), after: side(after, 'error', ['ok', 'error']) },
      empty: none,
      blocked: { before: side(before, 'blocked', ['ok', 'error', 'blocked']), after: side(after, 'blocked', ['ok', 'error', 'blocked']) },
      slow: none,
    }
  }
}

type Windows = readonly [readonly [number, number], readonly [number, number]]

function counts(runs: readonly LoggedRun[]): Counts {
  const rated = runs.filter((r) => r.outcome === 'ok')
  return { bad: rated.filter((r) => r.fails).length, total: rated.length }
}

function calls(runs: readonly LoggedRun[]): Counts {
  const made = runs.filter((r) => r.call !== 'blocked')
  return { bad: made.filter((r) => r.call === 'error').length, total: made.length }
}
