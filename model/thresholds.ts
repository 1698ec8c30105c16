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

/**
 * A page needs significance in one of these windows, and size (EFFECTS). An agent has some twenty indicators, each looked at every
 * minute, so three standard errors would page all the time; what these bring in false pages is in docs/detection.md.
 */
export const PAGE: Readonly<Record<Exclude<Window, '1d'>, WindowTest>> = {
  '10m': { z: 4.7, n: 6 },
  '30m': { z: 4.6, n: 5 },
  '1h': { z: 4.5, n: 5 },
  '3h': { z: 4.4, n: 5 },
  '6h': { z: 4.3, n: 8 },
}
export type PageWindow = keyof typeof PAGE

/** When a shorter window shows that what the longer one sees is over: under `z` with at least `n` events, or less than `part` of its rise. */
export interface Over {
  readonly window: PageWindow
  readonly z: number
  readonly n: number
  readonly part?: number
}

/** A long window does not page once a shorter one shows that it is over: else the end of an incident would page again. */
export const OVER: Readonly<Record<PageWindow, readonly Over[]>> = {
  '10m': [],
  '30m': [{ window: '10m', z: 0, n: 8 }],
  '1h': [{ window: '30m', z: 1, n: 5 }],
  '3h': [
    { window: '30m', z: 0.5, n: 8 },
    { window: '1h', z: 2.5, n: 8, part: 0.5 },
    { window: '1h', z: 2.1, n: 0 },
  ],
  '6h': [
    { window: '30m', z: 0.5, n: 8 },
    { window: '1h', z: 2.5, n: 8, part: 0.5 },
    { window: '1h', z: 2.1, n: 0 },
    { window: '3h', z: 3.5, n: 0 },
  ],
}

/** A ticket needs less, for longer. */
export const TICKET: Readonly<Record<'6h' | '1d', WindowTest>> = { '6h': { z: 3.7, n: 10 }, '1d': { z: 4, n: 15 } }

export interface Effect {
  /** Rise of the share that a page needs in windows from 30m on, and in the window of 10m. */
  readonly page: number
  readonly page10m: number
  /** Rise that a ticket needs. */
  readonly ticket: number
  /** Standard errors that a page needs beyond PAGE: signals that say less about users than quality does must be surer. */
  readonly surer: number
  /** For sizes: how many times its normal the mean must be, for a page and for a ticket. */
  readonly mean?: number
  readonly meanTicket?: number
}

const OUTCOME: Effect = { page: 0.08, page10m: 0.1, ticket: 0.03, surer: 0.2 }

/** How much a share must move before anybody is told, however certain the move is. */
export const EFFECTS: Readonly<Record<SliName, Effect>> = {
  quality: { page: 0.1, page10m: 0.12, ticket: 0.05, surer: 0 },
  evaluation: { page: 0.1, page10m: 0.12, ticket: 0.05, surer: 0 },
  run_error: OUTCOME,
  refusal: OUTCOME,
  filtered: OUTCOME,
  truncation: OUTCOME,
  empty: OUTCOME,
  loop: OUTCOME,
  tool_error: { page: 0.12, page10m: 0.2, ticket: 0.05, surer: 0.3 },
  tool_empty: { page: 0.25, page10m: 0.3, ticket: 0.1, surer: 0.2 },
  no_tool: { page: 0.3, page10m: 0.4, ticket: 0.15, surer: 0.3 },
  cost: { page: 0, page10m: 0, ticket: 0, surer: 0.2, mean: 1.5, meanTicket: 1.25 },
  steps: { page: 0, page10m: 0, ticket: 0, surer: 0.2, mean: 1.4, meanTicket: 1.2 },
  duration: { page: 0, page10m: 0, ticket: 0, surer: 0.2, mean: 1.6, meanTicket: 1.3 },
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
/** Time that is left to replace a certificate: authorities that renew by themselves do so before, people need two weeks. */
export const CERTIFICATE_SECONDS = 14 * 86_400
