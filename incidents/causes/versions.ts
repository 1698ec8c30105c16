/**
 * Was it a new version of something (prompt, tool set, model)? The strongest evidence is side by side: after the onset, runs with the new version
 * against runs without it. If those without are as bad, the new version is ruled out. Where all runs have it, before and after are compared,
 * and the time of the change must fit the onset.
 */
import type { Finding, TriageCause } from '../../model/incident.ts'
import { compare, type Counts, runsNeeded, share } from '../compare.ts'
import type { CohortFact, Dimension } from '../facts.ts'
import { type Case, clock, LEAST_EXPLAINED, LEAST_RISE, LEVEL, percent, ratio, SURE } from './cause.ts'

/** A value is new when hardly a run had it before. */
const NEW_SHARE = 0.05
/** Least runs on either side to compare side by side. */
const LEAST_RUNS = 5
/** How far a change may lie from the onset's interval and still have caused it, as a share of the time since, and at least this long. */
const SLACK_MS = 600_000

const WORDS: Readonly<Record<Exclude<Dimension, 'agent_version'>, string>> = {
  prompt_version: 'prompt version',
  tools_version: 'tool set',
  model: 'model',
}

/** Findings about every new value of a dimension; one `unchanged` when there is none. */
export function versionFindings(c: Case, dimension: Exclude<Dimension, 'agent_version'>, cause: TriageCause): readonly Finding[] {
  const cohorts = c.facts.cohorts[dimension].filter((k) => k.value !== '')
  const query = c.facts.queries[dimension] ?? ''
  const runsBefore = cohorts.reduce((n, k) => n + k.before.total, 0)
  const runsAfter = cohorts.reduce((n, k) => n + k.after.total, 0)
  const fresh = cohorts.filter((k) => k.after.total > 0 && k.before.total <= NEW_SHARE * runsBefore && k.after.total > 0.02 * runsAfter)
  const word = WORDS[dimension]
  if (fresh.length === 0)
    return [
      {
        cause,
        verdict: cohorts.length === 0 ? 'cannot_tell' : 'unchanged',
        confidence: cohorts.length === 0 ? 'low' : 'high',
        subject: word,
        text: cohorts.length === 0 ? `no ${word} is reported, so a change of it cannot be seen` : `no new ${word}`,
        query,
      },
    ]
  return fresh.map((k) => ({ cause, subject: `${word} ${k.value}`, query, ...judged(c, k, cohorts, word) }))
}

type Judged = Pick<Finding, 'verdict' | 'confidence' | 'text' | 'comparison' | 'changedMs' | 'runsNeeded'>

/** One new value with what is needed to judge it. */
interface Suspect {
  readonly c: Case
  readonly k: CohortFact
  readonly name: string
  /** Runs without it since the onset. */
  readonly others: Counts
  readonly changed: { readonly changedMs?: number }
}

function judged(c: Case, k: CohortFact, all: readonly CohortFact[], word: string): Judged {
  const others = sumOf(all.filter((o) => o.value !== k.value).map((o) => o.after))
  const changed = k.firstSeenMs === undefined ? {} : { changedMs: k.firstSeenMs }
  const suspect: Suspect = { c, k, others, changed, name: `${word} ${k.value}` }
  return tooLate(suspect) ?? besideOthers(suspect) ?? againstBefore(suspect)
}

function tooLate({ c: { facts, onset }, k, name, changed }: Suspect): Judged | undefined {
  if (onset === undefined || k.firstSeenMs === undefined || k.firstSeenMs <= onset.toMs + SLACK_MS) return undefined
  const [came, began] = [clock(k.firstSeenMs, facts.nowMs), clock(onset.atMs, facts.nowMs)]
  return {
    verdict: 'ruled_out',
    confidence: 'high',
    ...changed,
    text: `${name} came at ${came}, after it had begun (${began}): too late to be the cause`,
  }
}

/** Runs with it against runs without it at the same time: what else happened then happened to both. */
function besideOthers({ c, k, name, others, changed }: Suspect): Judged | undefined {
  if (others.total < LEAST_RUNS || k.after.total < LEAST_RUNS) return undefined
  const normal = share(c.before)
  const comparison = compare(others, k.after, c.facts.dispersion)
  if (comparison.difference > LEAST_RISE && comparison.p < LEVEL) {
    const explained = c.excess <= 0 ? 1 : (k.after.bad - normal * k.after.total) / c.excess
    if (explained < LEAST_EXPLAINED)
      return {
        verdict: 'ruled_out',
        confidence: 'medium',
        ...changed,
        comparison,
        text: `${name} fails more (${ratio(k.after)} against ${ratio(others)} of the other runs), but makes only ${percent(explained)} of the failures: too small to be the cause`,
      }
    return {
      verdict: 'cause',
      confidence: comparison.p < SURE ? 'high' : 'medium',
      ...changed,
      comparison,
      text: `${name}${seenAt(c, k)} fails in ${ratio(k.after)} runs, runs without it at the same time in ${ratio(others)}`,
    }
  }
  const rose = compare(c.before, others, c.facts.dispersion)
  if (rose.difference <= LEAST_RISE || rose.p >= LEVEL) return undefined
  return {
    verdict: 'ruled_out',
    confidence: 'high',
    ...changed,
    comparison,
    text: `runs without ${name} fail as often (${ratio(others)}; ${ratio(k.after)} with it, ${percent(normal)} before): it is not the cause`,
  }
}

/** Where all runs have it, only before and after can be compared; the time of the change must fit. */
function againstBefore({ c, k, name, others, changed }: Suspect): Judged {
  const { facts, onset } = c
  const normal = share(c.before)
  const comparison = compare(c.before, k.after, facts.dispersion)
  if (comparison.difference > LEAST_RISE && comparison.p < LEVEL) {
    const isTimely =
      onset !== undefined && k.firstSeenMs !== undefined && k.firstSeenMs >= onset.fromMs - SLACK_MS - (facts.nowMs - onset.atMs)
    return {
      verdict: 'cause',
      confidence: isTimely && comparison.p < SURE ? 'high' : 'medium',
      ...changed,
      comparison,
      text: `${name}${seenAt(c, k)} has ${percent(k.after.total / (k.after.total + others.total))} of the runs since then and fails in ${ratio(k.after)}, before it was ${ratio(c.before)}`,
    }
  }
  const feared = Math.min(1, normal + Math.max(2 * LEAST_RISE, share(c.after) - normal))
  const needed = runsNeeded(normal, feared, c.before.total, facts.dispersion)
  if (k.after.total < needed)
    return {
      verdict: 'cannot_tell',
      confidence: 'low',
      ...changed,
      comparison,
      ...(Number.isFinite(needed) ? { runsNeeded: Math.max(1, Math.ceil(needed - k.after.total)) } : {}),
      text: `${name} is new, but has ${Math.round(k.after.total)} runs: too few to tell`,
    }
  return {
    verdict: 'ruled_out',
    confidence: 'medium',
    ...changed,
    comparison,
    text: `${name} is new and fails no more than before (${ratio(k.after)}, before ${ratio(c.before)})`,
  }
}

function seenAt({ facts }: Case, { firstSeenMs }: CohortFact): string {
  return firstSeenMs === undefined ? '' : `, first seen ${clock(firstSeenMs, facts.nowMs)},`
}

function sumOf(counts: readonly Counts[]): Counts {
  return { bad: counts.reduce((n, k) => n + k.bad, 0), total: counts.reduce((n, k) => n + k.total, 0) }
}
