/**
 * Would an action have been right? What became of an incident that nobody acted on then → a verdict with its numbers; pure. History tells two
 * things: whether the runs were well again without it and by when, and whether what the action is against went away with that.
 * Where it tells neither, the verdict is that it cannot be told.
 */
import type { ActionKind } from '../model/incident.ts'
import { clockText, countText, durationText, shareText } from './words.ts'

export interface Afterwards {
  readonly kind: ActionKind
  readonly actedMs: number
  /** By when the runs were well again; absent where they were not by `untilMs`. */
  readonly wellMs?: number
  readonly untilMs: number
  /** Runs that failed between the action that was not taken and then; absent where they cannot be counted. */
  readonly failedRuns?: number
  /** What the action is against: its share when it would have been taken, and once the runs were well, or at the end. */
  readonly suspect?: { readonly name: string; readonly of: string; readonly before: number; readonly after?: number }
}

/** `needless`: it was over by itself soon after. */
export const HINDSIGHTS = ['right', 'wrong', 'needless', 'unknown'] as const
export interface Hindsight {
  readonly verdict: (typeof HINDSIGHTS)[number]
  readonly text: string
}

/** Sooner than this nobody would have acted. */
const SOON_MS = 600_000
/** Of its former share: under it it has gone, over the other one it has stayed. */
const GONE = 0.25
const STAYED = 0.5

export function hindsight(a: Afterwards): Hindsight {
  return a.suspect === undefined ? byTime(a) : bySuspect(a, a.suspect)
}

function bySuspect(a: Afterwards, { name, of, before, after }: NonNullable<Afterwards['suspect']>): Hindsight {
  const rest = `${ended(a)}${meanwhile(a)}`
  if (after === undefined || before <= 0) return { verdict: 'unknown', text: `${rest}; what became of ${name} is not known` }
  const shares = `${shareText(before)} of ${of} then, ${shareText(after)} later`
  const isGone = after <= before * GONE
  if (a.wellMs === undefined)
    return isGone
      ? { verdict: 'wrong', text: `${name} went away (${shares}), and the runs were not well: it was something else` }
      : { verdict: 'unknown', text: `${rest}; ${name} was still there (${shares})` }
  if (isGone) return { verdict: 'right', text: `${name} went away (${shares}), and ${rest}` }
  if (after >= before * STAYED) return { verdict: 'wrong', text: `${rest}, with ${name} still there (${shares}): it was something else` }
  return { verdict: 'unknown', text: `${rest}; ${name} went away in part (${shares})` }
}

/** Of what stops runs: it is right as long as they go on failing. */
function byTime(a: Afterwards): Hindsight {
  const text = `${ended(a)}${meanwhile(a)}`
  if (a.wellMs !== undefined && a.wellMs - a.actedMs <= SOON_MS) return { verdict: 'needless', text }
  if (a.failedRuns === undefined) return { verdict: 'unknown', text: `${text}; how many runs failed is not known` }
  return a.failedRuns >= 1 ? { verdict: 'right', text } : { verdict: 'needless', text: `${text}; no run failed` }
}

function ended({ wellMs, actedMs, untilMs }: Afterwards): string {
  if (wellMs === undefined) return `the runs were not well again by ${clockText(untilMs)} UTC`
  return `the runs were well again by ${clockText(wellMs)} UTC, ${durationText(wellMs - actedMs)} later`
}

function meanwhile({ failedRuns }: Afterwards): string {
  return failedRuns === undefined || failedRuns < 1 ? '' : ` (${countText(failedRuns, 'run')} failed meanwhile)`
}
