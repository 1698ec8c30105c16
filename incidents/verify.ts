/**
 * Did it help? Runs that began after an action against the runs before the onset (what is normal) and against those from the onset to the
 * action (what was wrong). Counts in, a verdict out, with its numbers; pure. Recovered is said as soon as the runs after are better than
 * the bad ones for sure and no worse than normal; that it has not helped is said at the stated number of runs, not before, and at twice
 * that number when the runs could be either.
 */
import type { Verification } from '../model/incident.ts'
import { SLIS, type SliName } from '../model/slis.ts'
import { feltRise, leastRise, ratio } from './causes/cause.ts'
import { compare, type Counts } from './compare.ts'
import { clockText, countText, durationText } from './words.ts'

export interface Aftermath {
  readonly sli: SliName
  /** Before the onset. */
  readonly baseline: Counts
  /** From the onset to the action. */
  readonly bad: Counts
  /** Runs that began after the action. */
  readonly after: Counts
  readonly dispersion: number
  /** Runs in which it must have helped. */
  readonly runs: number
}

/** Fewest events that say that it is well. */
const LEAST_EVENTS = 20
/** p below which the runs after are better than the bad ones; and at the stated number of runs, where it is looked at for the last time. */
const SURE = 0.01
const LIKELY = 0.05

/** The verdict on the runs after an action. */
export function verify(a: Aftermath, now: number): Verification {
  const { baseline, bad, after, dispersion, runs, sli } = a
  const seen = Math.round(after.total)
  const comparison = compare(baseline, after, dispersion)
  const say = (verdict: Verification['verdict'], text: string): Verification => ({
    verdict,
    text,
    runsSeen: seen,
    runsNeeded: runs,
    ...(baseline.total > 0 && after.total > 0 ? { comparison } : {}),
    atMs: now,
  })
  const shares = `${SLIS[sli].title}: ${ratio(after)} bad since, ${ratio(bad)} before the action, ${ratio(baseline)} before it began`
  if (seen < Math.min(LEAST_EVENTS, runs))
    return say('waiting', `${countText(Math.min(LEAST_EVENTS, runs) - seen, 'more run')} needed to say anything (${shares})`)
  if (baseline.total === 0) return say('unknown', `cannot tell: there are no counts of what is normal (${shares})`)
  const better = compare(bad, after, dispersion)
  const [least, felt] = [leastRise(sli), feltRise(sli)]
  const isBetter = (level: number): boolean => better.difference < 0 && better.p < level
  const isWorse = comparison.difference >= least && comparison.p < SURE
  const isExcluded = comparison.interval[1] < felt
  if (!isWorse && (isExcluded || (isBetter(SURE) && comparison.difference < least)))
    return say('recovered', `the runs are well again (${shares})`)
  if (seen < runs) return say('waiting', `not well yet, ${countText(runs - seen, 'more run')} to go (${shares})`)
  if (!isWorse && isBetter(LIKELY)) return say('recovered', `the runs are well again (${shares})`)
  if (!isWorse && seen < 2 * runs) return say('waiting', `cannot tell yet, ${countText(2 * runs - seen, 'more run')} to go (${shares})`)
  const inPart = isBetter(SURE)
  const verdict = say('not_recovered', `${inPart ? 'it helped in part only' : 'it did not help'} (${shares})`)
  return inPart ? { ...verdict, inPart } : verdict
}

/** What is known while an agent is disabled. */
export interface Containment {
  readonly disabledMs: number
  /** Runs that began after it and failed; undefined where Prometheus does not say. */
  readonly failed: number | undefined
  /** From when on runs are taken to have begun after it. */
  readonly fromMs: number
  readonly fallback: boolean
}

/** How long nothing must fail. */
const QUIET_MS = 60_000

/** The verdict while an agent is disabled: nothing is well, but nothing fails. */
export function verifyContained({ disabledMs, failed, fromMs, fallback }: Containment, now: number): Verification {
  const say = (verdict: Verification['verdict'], text: string): Verification => ({ verdict, text, runsSeen: 0, runsNeeded: 0, atMs: now })
  const since = `since ${clockText(disabledMs)} UTC`
  if (failed === undefined) return say('unknown', 'cannot tell: Prometheus does not say how many runs fail')
  if (now < fromMs + QUIET_MS)
    return say('waiting', `disabled ${since}; runs that had begun may still end, in ${durationText(fromMs + QUIET_MS - now)} it is known`)
  const failures = countText(failed, 'run')
  if (failed >= 1) return say('not_recovered', `disabled ${since}, and ${failures} failed all the same: not every process of it has guards`)
  return say(
    'contained',
    `disabled ${since}, and no run has failed; ${fallback ? 'callers get the fallback' : 'callers get a refusal, for no fallback is configured'}`,
  )
}

/** Where Prometheus cannot be asked: nothing follows. */
export function unverified(why: string, former: Verification | undefined, runs: number, now: number): Verification {
  return { verdict: 'unknown', text: `cannot tell: ${why}`, runsSeen: former?.runsSeen ?? 0, runsNeeded: runs, atMs: now }
}
