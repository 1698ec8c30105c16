/**
 * Handles of what carries the labels a run was made with: how runs of a cohort ended, thresholds gone over, verdicts of checks.
 * In: names as runs have them. Out: handles with labels in their safe alphabets (R13), made when they are first used.
 * Bounded by who holds them: processor/record-handles.ts.
 */
import type { LabelsOf } from '../model/metrics.ts'
import type { Quality, RunOutcome } from '../model/run.ts'
import { clampValue, safeLabel } from './cardinality.ts'
import type { CheckVerdict } from './evaluations/index.ts'
import { type AgentLabels, branch, type Maker } from './handle-maker.ts'
import type { Counter, Gauge, Histogram } from './handles.ts'

/** How runs commonly end; shown at 0 from a cohort's first run on. */
const EXPECTED = [
  { outcome: 'ok', quality: 'pass' },
  { outcome: 'ok', quality: 'fail' },
  { outcome: 'error', quality: 'fail' },
] as const

interface MadeLabels extends AgentLabels {
  readonly prompt_version: string
  readonly model: string
}

export class MakeHandles {
  readonly #make: Maker
  readonly #labels: MadeLabels
  readonly #cohorts = new Map<string, Map<string, CohortHandles>>()
  readonly #exceeded = new Map<string, Counter>()
  readonly #verdicts = new Map<string, VerdictHandles[]>()
  /** Verdicts of runs come in one order. */
  readonly #inOrder: VerdictHandles[] = []

  constructor(make: Maker, { agent, environment }: AgentLabels, promptVersion: string, model: string) {
    this.#make = make
    this.#labels = { agent, environment, prompt_version: safeLabel(promptVersion), model: safeLabel(model) }
  }

  cohort(agentVersion: string, toolsVersion: string): CohortHandles {
    const of = branch(this.#cohorts, agentVersion)
    let found = of.get(toolsVersion)
    if (found === undefined) {
      const labels = { ...this.#labels, agent_version: safeLabel(agentVersion), tools_version: safeLabel(toolsVersion) }
      of.set(toolsVersion, (found = new CohortHandles(this.#make, labels)))
    }
    return found
  }

  exceeded(objective: 'cost' | 'steps' | 'duration'): Counter {
    let found = this.#exceeded.get(objective)
    if (found === undefined)
      this.#exceeded.set(objective, (found = this.#make.counter('agentopz_run_exceeded_total', { ...this.#labels, objective })))
    return found
  }

  /** `at` is the verdict's place among those of its run. */
  verdict(at: number, evaluation: string, source: CheckVerdict['source']): VerdictHandles {
    const here = this.#inOrder[at]
    if (here !== undefined && here.evaluation === evaluation && here.source === source) return here
    let of = this.#verdicts.get(evaluation)
    if (of === undefined) this.#verdicts.set(evaluation, (of = []))
    let found = of.find((v) => v.source === source)
    if (found === undefined) of.push((found = new VerdictHandles(this.#make, this.#labels, evaluation, source)))
    if (at < 32) this.#inOrder[at] = found
    return found
  }
}

export class CohortHandles {
  readonly #expected: readonly Counter[]
  readonly #firstSeen: readonly Gauge[]
  readonly #make: Maker
  readonly #labels: Omit<LabelsOf<'agentopz_runs_total'>, 'outcome' | 'quality'>
  readonly #ended: { readonly outcome: RunOutcome; readonly quality: Quality; readonly counter: Counter }[] = []
  #startedMs = Number.NaN
  #seenMs = Number.NaN

  constructor(make: Maker, labels: Omit<LabelsOf<'agentopz_runs_total'>, 'outcome' | 'quality'>) {
    this.#make = make
    this.#labels = labels
    this.#expected = EXPECTED.map(({ outcome, quality }) => this.ended(outcome, quality))
    const { agent, environment } = labels
    this.#firstSeen = (['agent_version', 'prompt_version', 'model', 'tools_version'] as const)
      .filter((dimension) => labels[dimension] !== '')
      .map((dimension) =>
        make.gauge('agentopz_cohort_first_seen_timestamp_seconds', { agent, environment, dimension, value: labels[dimension] }),
      )
  }

  /** A cohort's first failure must be an increase, not a new series: Prometheus cannot tell a rate from one sample. */
  start(now: number): void {
    if (now === this.#startedMs) return
    let areShown = true
    for (const counter of this.#expected) areShown = counter.start(now) && areShown
    if (areShown) this.#startedMs = now
  }

  /** Notes when each of its values was first seen. */
  seen(now: number): void {
    if (now === this.#seenMs) return
    let areKept = true
    for (const gauge of this.#firstSeen) areKept = gauge.setOnce(now / 1000, now) && areKept
    if (areKept) this.#seenMs = now
  }

  ended(outcome: RunOutcome, quality: Quality): Counter {
    for (const e of this.#ended) if (e.outcome === outcome && e.quality === quality) return e.counter
    const counter = this.#make.counter('agentopz_runs_total', { ...this.#labels, outcome, quality })
    this.#ended.push({ outcome, quality, counter })
    return counter
  }
}

export class VerdictHandles {
  readonly evaluation: string
  readonly source: CheckVerdict['source']
  readonly #make: Maker
  readonly #labels: MadeLabels
  #pass: Counter | undefined
  #fail: Counter | undefined
  #abstain: Counter | undefined
  #error: Counter | undefined
  #score: Histogram | undefined
  #startedMs = Number.NaN

  // oxlint-disable-next-line max-params -- labels in the order of the tree
  constructor(make: Maker, labels: MadeLabels, evaluation: string, source: CheckVerdict['source']) {
    this.#make = make
    this.#labels = labels
    this.evaluation = evaluation
    this.source = source
  }

  start(now: number): void {
    if (now !== this.#startedMs && this.of('fail').start(now)) this.#startedMs = now
  }

  of(verdict: CheckVerdict['verdict']): Counter {
    switch (verdict) {
      case 'pass':
        return (this.#pass ??= this.#verdict(verdict))
      case 'fail':
        return (this.#fail ??= this.#verdict(verdict))
      case 'abstain':
        return (this.#abstain ??= this.#verdict(verdict))
      case 'error':
        return (this.#error ??= this.#verdict(verdict))
    }
  }

  get score(): Histogram {
    const { agent, environment } = this.#labels
    const { evaluation, source } = this
    return (this.#score ??= this.#make.histogram('agentopz_evaluation_score', { agent, environment, evaluation, source }))
  }

  #verdict(verdict: CheckVerdict['verdict']): Counter {
    const { source } = this
    const evaluation = clampValue('evaluation', this.evaluation)
    return this.#make.counter('agentopz_evaluations_total', { ...this.#labels, evaluation, source, verdict })
  }
}
