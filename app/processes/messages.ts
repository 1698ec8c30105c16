/**
 * What the first process and those that have the runs say to each other, over the channel that Node gives a process and its child.
 * Spans do not go this way: peers.ts. Everything is plain data that can be cloned.
 */
import type { ExternalEvaluation } from '../../model/run.ts'
import type { ProcessMetric } from '../../processor/metrics.ts'
import type { Exemplar } from '../../processor/series.ts'
import type { Config } from '../config-schema.ts'

/** Which of how many processes, and the folder where each has its socket. */
export interface ShardPlace {
  readonly index: number
  readonly count: number
  readonly sockets: string
}

export type ToShard =
  | { readonly kind: 'start'; readonly place: ShardPlace; readonly config: Config; readonly dir: string; readonly version: string }
  /** Every process has read its journal: counters continue or begin again. */
  | { readonly kind: 'go'; readonly continues: boolean }
  /** Give a sign of life. */
  | { readonly kind: 'ping' }
  | { readonly kind: 'series'; readonly id: number }
  | { readonly kind: 'evaluation'; readonly id: number; readonly evaluation: SentEvaluation }
  | { readonly kind: 'apply'; readonly config: Config; readonly dir: string }
  /** Take nothing in any more from outside; other processes still send. */
  | { readonly kind: 'drain'; readonly graceMs: number }
  | { readonly kind: 'close' }

export type FromShard =
  /** The journal was read; whether nothing in it is missing. */
  | { readonly kind: 'hello'; readonly isWhole: boolean }
  | { readonly kind: 'ready'; readonly otlpHttp: number | undefined; readonly otlpGrpc: number | undefined }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'series'; readonly id: number; readonly series: readonly FamilySeries[]; readonly last?: readonly ProcessMetric[] }
  | { readonly kind: 'evaluation'; readonly id: number; readonly outcome: Kept; readonly message: string }
  /** Agents and environments that closed a run, and the services they run in, where they were not told before. */
  | {
      readonly kind: 'seen'
      readonly agents: readonly (readonly [agent: string, environment: string])[]
      readonly services: readonly Seen[]
    }
  | { readonly kind: 'drained' | 'closed' | 'pong' }

export interface Seen {
  readonly agent: string
  readonly service: string
}

export interface SentEvaluation {
  readonly evaluation: ExternalEvaluation
  readonly traceId: string
  readonly spanId: string
  /** Only if its run is known here. */
  readonly ifKnown: boolean
}

/** What became of an evaluation: `unknown` where its run is not known, and it was to be taken only then. */
export type Kept = 'taken' | 'unknown' | 'refused'

/** Series of one metric: label values with NUL between them, value, when last touched, observations per bucket, exemplars. */
export type SeriesRow = readonly [
  key: string,
  value: number,
  lastMs: number,
  counts: readonly number[],
  exemplars: readonly (Exemplar | undefined)[],
]
export type FamilySeries = readonly [name: string, rows: readonly SeriesRow[]]
