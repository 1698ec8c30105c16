/**
 * What triage looks at, as it is gathered from Prometheus: the failing share over time, and counts before and after the onset by everything
 * that could have changed. Counts are increases of counters, so they may be fractions. What could not be asked is in `gaps` and `unknown`.
 */
import type { SliName } from '../model/slis.ts'
import type { Counts } from './compare.ts'
import type { Interval } from './onset.ts'

/** Dimensions of a run's cohort (R13) that point at a cause; agent_version says that something was deployed. */
export const DIMENSIONS = ['prompt_version', 'tools_version', 'model', 'agent_version'] as const
export type Dimension = (typeof DIMENSIONS)[number]

export interface Change {
  readonly before: Counts
  readonly after: Counts
}

/** Runs made with one value of a dimension. */
export interface CohortFact {
  readonly value: string
  readonly runs: { readonly before: number; readonly after: number }
  /** What the SLI counts, of this value; absent where no counter knows both. */
  readonly events?: Change
  /** When the processor first saw it, where it is still known. */
  readonly firstSeenMs?: number
}

/** Calls of one tool. */
export interface ToolFact {
  readonly tool: string
  readonly errors: Change
  readonly empty: Change
  readonly blocked: Change
  /** Where its durations lie on their buckets' scale, as a share (`level` in model/slis.ts). */
  readonly slow: Change
}

/** Distribution of one feature of the inputs, or of one trait of the answers (finish reasons): counts by bucket. */
export interface Distribution {
  readonly feature: string
  readonly buckets: readonly { readonly bucket: string; readonly before: number; readonly after: number }[]
}

/** Mean amount: tokens of a class per model call, seconds per step. */
export interface Mean {
  /** As a reader says it: `output tokens per call`. */
  readonly what: string
  readonly before: { readonly sum: number; readonly count: number }
  readonly after: { readonly sum: number; readonly count: number }
}

/** Kinds of facts that one query tells. */
export type FactKind = 'series' | 'cohorts' | 'tools' | 'inputs' | 'answers'

export interface TriageFacts {
  readonly agent: string
  readonly environment: string
  readonly sli: SliName
  /** Tool of a tool SLI. */
  readonly tool?: string
  readonly series: readonly Interval[]
  /** Variance of the SLI in multiples of chance: as the rules measured it, or else as the series shows it. */
  readonly dispersion: number
  /** How many times shorter than usual all durations are here, as the rules' are: 60 in a drill, where an hour is a minute. 1 when left out. */
  readonly scale?: number
  /** Start of the alert, for when no onset is found. */
  readonly startedMs: number
  readonly nowMs: number
  /** Left out of both, where it is explained already: before is what was before it, and after what came since. */
  readonly explained?: { readonly fromMs: number; readonly toMs: number }
  /** The windows that before and after are counted over. */
  readonly beforeFromMs: number
  readonly splitMs: number
  readonly cohorts: Readonly<Record<Dimension, readonly CohortFact[]>>
  readonly tools: readonly ToolFact[]
  /** Tools that a control has opened, where that is known: since when, and by whom. */
  readonly opened?: readonly { readonly tool: string; readonly atMs: number; readonly by: string }[]
  readonly inputs: readonly Distribution[]
  readonly answers: readonly Distribution[]
  readonly means: readonly Mean[]
  /** PromQL behind each kind of fact, to be run again: the share by dimension, calls by tool. */
  readonly queries: Readonly<Record<string, string>>
  /** What Prometheus was asked for and did not tell: nothing follows from its absence. */
  readonly unknown: readonly FactKind[]
  readonly gaps: readonly string[]
}
