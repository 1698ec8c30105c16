/**
 * Words of a review: comparisons (both shares with their counts, the difference with its interval, how likely it is by chance), and what became
 * of actions.
 */
import type { Action, BlastRadius, Comparison } from '../model/incident.ts'
import { md, shareText, timeText } from './words.ts'

/** ` 2 of 100 (2.0 %) before, 30 of 100 (30 %) after …`; empty without one. */
export function comparisonText(c: Comparison | undefined): string {
  if (c === undefined) return ''
  const share = (at: 0 | 1): string =>
    `${Math.round(c.bad[at])} of ${Math.round(c.total[at])}${c.total[at] === 0 ? '' : ` (${shareText(c.bad[at] / c.total[at])})`}`
  const points = (x: number): string => `${x > 0 ? '+' : ''}${(100 * x).toFixed(1)}`
  const p = c.adjustedP ?? c.p
  const chance = p < 0.001 ? 'p < 0.001' : `p = ${p.toFixed(3)}`
  return ` ${share(0)} before, ${share(1)} after: ${points(c.difference)} percentage points (95 % interval ${points(c.interval[0])} to ${points(c.interval[1])}, ${chance}).`
}

/** States of what was not done. */
export const NOT_DONE: ReadonlySet<Action['state']> = new Set(['proposed', 'started', 'withdrawn', 'refused'])

/** Until it was mitigated; nothing while it goes on. */
export function untilText({ untilMs }: BlastRadius): string {
  return untilMs === undefined ? '' : ` until it was mitigated at ${timeText(untilMs)}`
}

/** What became of a proposal that was not taken. */
export const PROPOSED: Readonly<Partial<Record<Action['state'], string>>> = {
  proposed: 'was not taken',
  withdrawn: 'was withdrawn',
  refused: 'was refused',
}

export function becauseText({ because }: Action): string {
  return because === undefined || because === '' ? '' : `: ${md(because)}`
}

export function ended({ state }: Action): string {
  const words: Readonly<Record<Action['state'], string>> = {
    proposed: 'it was proposed',
    started: 'it was begun',
    withdrawn: 'it was no longer called for',
    refused: 'it was refused',
    in_force: 'it is in force',
    verified: 'the runs after it were well again',
    failed: 'the runs after it were not well again',
    undone: 'it was undone',
    lapsed: 'it has lapsed',
  }
  return words[state]
}
