/**
 * What was normal in the history, as the simulator knows it: peers whose rules need a number per agent get it from here (better than they
 * would have in practice), the truth of an incident needs it for complaints. Our own rules never see it.
 */
import type { AgentRecorder } from './record-agent.ts'
import type { SimulatedRun } from './run-model.ts'

export interface Normal {
  readonly runs: number
  /** Share of verdicts that were fail. */
  readonly failRatio: number
  /** Share of runs that their users found bad. */
  readonly badRatio: number
  readonly costUsd: Sizes
  readonly steps: Sizes
  readonly durationSeconds: Sizes
}

export interface Sizes {
  readonly mean: number
  readonly p95: number
  readonly p99: number
  readonly max: number
}

/** Sizes of the runs of the history. */
export class NormalRuns {
  readonly cost: number[] = []
  readonly steps: number[] = []
  readonly duration: number[] = []
  bad = 0

  add(run: SimulatedRun): void {
    this.cost.push(run.costUsd)
    this.steps.push(run.steps)
    this.duration.push(run.durationSeconds)
    if (run.isBadForUser) this.bad++
  }
}

export function normalOf(runs: NormalRuns, recorder: AgentRecorder, historyMinutes: number): Normal {
  const { pass, fail } = recorder.verdictsBefore(historyMinutes)
  return {
    runs: runs.cost.length,
    failRatio: (fail + 0.5) / (pass + fail + 1),
    badRatio: runs.bad / Math.max(1, runs.cost.length),
    costUsd: sizesOf(runs.cost),
    steps: sizesOf(runs.steps),
    durationSeconds: sizesOf(runs.duration),
  }
}

function sizesOf(values: readonly number[]): Sizes {
  const sorted = Float64Array.from(values).toSorted()
  const at = (p: number): number => sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] ?? 0
  return { mean: sorted.reduce((a, b) => a + b, 0) / Math.max(1, sorted.length), p95: at(0.95), p99: at(0.99), max: at(1) }
}
