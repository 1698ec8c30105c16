/**
 * The numbers the shipped rules decide by, once. Rules, `agentopz baseline` (which says what they would have done) and dashboards (which
 * draw them) read this table. Every number was chosen on simulated fleets and reported on others: docs/detection.md.
 */
import type { SliName, Window } from './slis.ts'

export interface WindowTest {
  /** Standard errors above the baseline from which the window is significant. */
  readonly z: number
  /** Fewest events that the window must hold. */
  readonly n: number
}

/** A page needs significance in one of these windows, and size (EFFECTS). */
export const PAGE: Readonly<Record<Exclude<Window, '1d'>, WindowTest>> = {
  '10m': { z: 4.5, n: 6 },
  '30m': { z: 4.4, n: 5 },
  '1h': { z: 4.2, n: 5 },
  '3h': { z: 4.2, n: 5 },
  '6h': { z: 4.2, n: 8 },
}

/** A ticket needs less, for longer. */
export const TICKET: Readonly<Record<'6h' | '1d', WindowTest>> = { '6h': { z: 3.7, n: 10 }, '1d': { z: 4, n: 15 } }

export interface Effect {
  /** Rise of the share that a page needs in windows from 30m on, and in the window of 10m. */
  readonly page: number
  readonly page10m: number
  /** Rise that a ticket needs. */
  readonly ticket: number
  /** For sizes: how many times its normal the mean must be, for a page and for a ticket. */
  readonly mean?: number
  readonly meanTicket?: number
}

const OUTCOME: Effect = { page: 0.08, page10m: 0.1, ticket: 0.03 }

/** How much a share must move before anybody is told, however certain the move is. */
export const EFFECTS: Readonly<Record<SliName, Effect>> = {
  quality: { page: 0.1, page10m: 0.12, ticket: 0.05 },
  evaluation: { page: 0.1, page10m: 0.12, ticket: 0.05 },
  run_error: OUTCOME,
  refusal: OUTCOME,
  filtered: OUTCOME,
  truncation: OUTCOME,
  empty: OUTCOME,
  loop: OUTCOME,
  tool_error: { page: 0.12, page10m: 0.2, ticket: 0.05 },
  tool_empty: { page: 0.25, page10m: 0.3, ticket: 0.1 },
  no_tool: { page: 0.3, page10m: 0.4, ticket: 0.15 },
  cost: { page: 0, page10m: 0, ticket: 0, mean: 1.5, meanTicket: 1.25 },
  steps: { page: 0, page10m: 0, ticket: 0, mean: 1.4, meanTicket: 1.2 },
  duration: { page: 0, page10m: 0, ticket: 0, mean: 1.6, meanTicket: 1.3 },
}

/** Nats of surprise from which silence pages: a silence of chance would be exp(-10) likely. */
export const SILENCE_NATS = 10
/** How many times the largest normal run an open run must be. */
export const RUNAWAY = { cost_usd: 3, steps: 2, age_seconds: 3 } as const
/** Newest cohort against the others: there are few new ones, so less certainty will do. */
export const COHORT = { z: 3.3, newRuns: 8, restRuns: 20, rise: 0.08 } as const
/** Population stability index from which the inputs count as other than before; 0.1 is the usual word for a moderate shift. */
export const DRIFT = { psi: 0.1, runs: 100 } as const
/** Events that a baseline must rest on before any share is compared with it. */
export const BASELINE_EVENTS = 30
