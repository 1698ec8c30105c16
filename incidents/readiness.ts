/**
 * How ready an agent is for an incident: the answers of the checks → a score from 0 to 100 with the bounds between which it lies. Pure.
 * What could not be asked is unknown: it is left out of the score, counts as failed in the lowest and as well in the highest, so that
 * nobody is told that all is well, or not, because a question got no answer.
 */

/** `weak`: there, but it would not do in every incident; half of its weight. */
export const READINESS_STATES = ['ok', 'weak', 'failed', 'unknown'] as const
export type ReadinessState = (typeof READINESS_STATES)[number]

/** What a check answers. */
export interface ReadinessAnswer {
  readonly state: ReadinessState
  /** One sentence with its numbers. */
  readonly text: string
  /** What to do or type; absent when it is ok. */
  readonly advice?: string
}

export interface ReadinessResult extends ReadinessAnswer {
  readonly check: string
  /** Its part of the score. */
  readonly weight: number
}

export interface ReadinessScore {
  /** Of what is known; absent when nothing is. */
  readonly score?: number
  /** If everything that is unknown were failed, and if it were well. */
  readonly lowest: number
  readonly highest: number
}

/** Value of a state; the value of agentopz_readiness. Unknown has none. */
export const STATE_VALUE = { ok: 1, weak: 0.5, failed: 0 } as const satisfies Record<Exclude<ReadinessState, 'unknown'>, number>

/** Scores, rounded down: 100 means that nothing is wanting. */
export function scoreOf(results: readonly Pick<ReadinessResult, 'state' | 'weight'>[]): ReadinessScore {
  let earned = 0
  let known = 0
  let all = 0
  for (const { state, weight } of results) {
    all += weight
    if (state === 'unknown') continue
    known += weight
    earned += weight * STATE_VALUE[state]
  }
  const percent = (part: number, whole: number): number => (whole === 0 ? 0 : Math.floor((100 * part) / whole))
  return {
    ...(known === 0 ? {} : { score: percent(earned, known) }),
    lowest: percent(earned, all),
    highest: all === 0 ? 100 : percent(earned + all - known, all),
  }
}

/** Whether a score is enough; `unknown` where that depends on what could not be asked. */
export function isEnough({ lowest, highest }: ReadinessScore, least: number): 'yes' | 'no' | 'unknown' {
  if (lowest >= least) return 'yes'
  return highest < least ? 'no' : 'unknown'
}

/** An answer in one word each, for lists that are written by hand. */
export const answers = {
  ok: (text: string): ReadinessAnswer => ({ state: 'ok', text }),
  weak: (text: string, advice: string): ReadinessAnswer => ({ state: 'weak', text, advice }),
  failed: (text: string, advice: string): ReadinessAnswer => ({ state: 'failed', text, advice }),
  unknown: (text: string, advice: string): ReadinessAnswer => ({ state: 'unknown', text, advice }),
} as const
