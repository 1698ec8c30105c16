/**
 * Was it a new version of something (prompt, tool set, model)? The strongest evidence is side by side: after the onset, runs with the new version
 * against runs without it. If those without are as bad, the new version is ruled out. Where all runs have it, before and after are compared, and
 * the time of the change must fit: what came before the onset and ran well is not the cause, nor is what came after. Where no counter knows both
 * the SLI and the version, only the time is left, and that is said.
 */
import type { TriageCause } from '../../model/incident.ts'
import { OVERFLOW } from '../../model/metrics.ts'
import { SLIS } from '../../model/slis.ts'
import { compare, type Counts, runsNeeded, share } from '../compare.ts'
import type { Change, CohortFact, Dimension } from '../facts.ts'
import { sumOf } from '../onset.ts'
import { type Case, clock, type Found, LEAST_EXPLAINED, LEVEL, percent, ratio, SURE } from './cause.ts'

/** A value is new when hardly a run had it before; a deploy an hour before the onset has 1 in 24 of a day's runs. */
const NEW_SHARE = 0.1
const LEAST_SHARE = 0.02
/** Least events on either side to compare side by side. */
const LEAST_EVENTS = 5
/** How far from the onset's interval a change may be first seen and still fit: runs close, and are first seen, some minutes after they begin. */
const SLACK_MS = 600_000

function slackMs({ facts }: Case): number {
  return SLACK_MS / (facts.scale ?? 1)
}

const WORDS: Readonly<Record<Dimension, string>> = {
  prompt_version: 'prompt version',
  tools_version: 'tool set',
  model: 'model',
  agent_version: 'agent version',
}

/** Values of a dimension that hardly a run had before. What overflowed the cardinality limit is no one value. */
export function freshOf(c: Case, dimension: Dimension): readonly CohortFact[] {
  const all = c.facts.cohorts[dimension]
  const before = all.reduce((n, k) => n + k.runs.before, 0)
  const after = all.reduce((n, k) => n + k.runs.after, 0)
  return all.filter(
    ({ value, runs }) =>
      value !== '' && value !== OVERFLOW && runs.after > 0 && runs.before <= NEW_SHARE * before && runs.after > LEAST_SHARE * after,
  )
}

/** Whether a value was first seen when it began. */
export function isTimely(c: Case, { firstSeenMs }: CohortFact): boolean {
  const { onset } = c
  const slack = slackMs(c)
  return onset !== undefined && firstSeenMs !== undefined && firstSeenMs >= onset.fromMs - slack && firstSeenMs <= onset.toMs + slack
}

/** Whether it was first seen after the likeliest beginning, if not after the last possible. */
export function isAfter(c: Case, { firstSeenMs }: CohortFact): boolean {
  return c.onset !== undefined && firstSeenMs !== undefined && firstSeenMs > c.onset.atMs + slackMs(c)
}

/** Findings about every new value of a dimension; one `unchanged` when there is none. */
export function versionFindings(c: Case, dimension: Exclude<Dimension, 'agent_version'>, cause: TriageCause): readonly Found[] {
  const all = c.facts.cohorts[dimension]
  const query = c.facts.queries[dimension] ?? ''
  const word = WORDS[dimension]
  const none = (verdict: 'cannot_tell' | 'unchanged', text: string): readonly Found[] => [
    { cause, verdict, confidence: verdict === 'unchanged' ? 'high' : 'low', subject: word, text, query },
  ]
  if (c.facts.unknown.includes('cohorts')) return none('cannot_tell', `Prometheus did not tell which ${word} the runs had`)
  if (!all.some((k) => k.value !== '')) return none('cannot_tell', `no ${word} is reported, so a change of it cannot be seen`)
  const fresh = freshOf(c, dimension)
  if (fresh.length === 0) return none('unchanged', `no new ${word}`)
  return fresh.map((k) => ({ cause, subject: `${word} ${k.value}`, query, ...judged(c, k, all, word) }))
}

type Judged = Omit<Found, 'cause' | 'subject' | 'query'>

/** One new value with what is needed to judge it. */
interface Suspect {
  readonly c: Case
  readonly k: CohortFact
  readonly name: string
  /** Its share of the runs since the onset. */
  readonly portion: number
  readonly changed: { readonly changedMs?: number }
}

/** … where the SLI is counted by version too. */
interface CountedSuspect extends Suspect {
  readonly own: Change
  /** All before. */
  readonly base: Counts
  /** Runs without it since the onset. */
  readonly others: Counts
}

function judged(c: Case, k: CohortFact, all: readonly CohortFact[], word: string): Judged {
  const suspect: Suspect = {
    c,
    k,
    name: `${word} ${k.value}`,
    portion: k.runs.after / all.reduce((n, o) => n + o.runs.after, 0),
    changed: k.firstSeenMs === undefined ? {} : { changedMs: k.firstSeenMs },
  }
  const late = tooLate(suspect)
  if (late !== undefined) return late
  if (k.events === undefined) return byTime(suspect)
  const events = (which: 'before' | 'after', of: readonly CohortFact[]): Counts =>
    sumOf(of.flatMap((o) => (o.events === undefined ? [] : [o.events[which]])))
  const others = events(
    'after',
    all.filter((o) => o.value !== k.value),
  )
  const counted: CountedSuspect = { ...suspect, own: k.events, base: events('before', all), others }
  return besideOthers(counted) ?? againstBefore(counted)
}

function tooLate({ c, k, name, changed }: Suspect): Judged | undefined {
  const { facts, onset } = c
  if (onset === undefined || k.firstSeenMs === undefined || k.firstSeenMs <= onset.latestMs + slackMs(c)) return undefined
  const [came, began] = [clock(k.firstSeenMs, facts.nowMs), clock(onset.atMs, facts.nowMs)]
  return {
    verdict: 'ruled_out',
    confidence: 'high',
    ...changed,
    text: `${name} came at ${came}, after it had begun (${began}): too late to be the cause`,
  }
}

/**
 * Runs with it against runs without it since the onset: what else happened then happened to both. Where it replaced the others meanwhile, theirs
 * are the earlier ones; an onset estimated much too early counts good runs of before among them.
 */
function besideOthers({ c, k, name, own, base, others, portion, changed }: CountedSuspect): Judged | undefined {
  if (others.total < LEAST_EVENTS || own.after.total < LEAST_EVENTS) return undefined
  const normal = share(base)
  const comparison = compare(others, own.after)
  if (comparison.difference >= c.leastRise && comparison.p < LEVEL) {
    const excess = sumOf([others, own.after]).bad - normal * (others.total + own.after.total)
    const explains = excess <= 0 ? 1 : Math.min(1, (own.after.bad - normal * own.after.total) / excess)
    if (c.rose && explains < LEAST_EXPLAINED)
      return {
        verdict: 'ruled_out',
        confidence: 'medium',
        ...changed,
        comparison,
        text: `${name} fails more (${ratio(own.after)} against ${ratio(others)} of the other runs), but makes only ${percent(Math.max(0, explains))} of the failures beyond normal: too small to be the cause`,
      }
    return {
      verdict: 'cause',
      confidence: comparison.p < SURE ? 'high' : 'medium',
      basis: 'beside',
      explains,
      ...changed,
      comparison,
      text: `${name}${seenAt(c, k)} has ${percent(portion)} of the runs and fails in ${ratio(own.after)}, runs without it since it began in ${ratio(others)}`,
    }
  }
  const rose = compare(base, others, c.facts.dispersion)
  if (rose.difference < c.leastRise || rose.p >= LEVEL) return undefined
  return {
    verdict: 'ruled_out',
    confidence: 'high',
    ...changed,
    comparison,
    text: `runs without ${name} fail as often (${ratio(others)}; ${ratio(own.after)} with it, ${percent(normal)} before): it is not the cause`,
  }
}

/** Where all runs have it, only before and after can be compared; the time of the change must fit. */
function againstBefore(s: CountedSuspect): Judged {
  const { c, k, name, own, base, portion, changed } = s
  const comparison = compare(base, own.after, c.facts.dispersion)
  if (comparison.difference < c.leastRise || comparison.p >= LEVEL) return noWorse(s)
  const turned = compare(own.before, own.after, c.facts.dispersion)
  if (c.onset !== undefined && !isTimely(c, k) && turned.difference >= c.leastRise && turned.p < LEVEL)
    return {
      verdict: 'ruled_out',
      confidence: 'medium',
      ...changed,
      comparison: turned,
      text: `${name}${seenAt(c, k)} ran well at first (${ratio(own.before)} failed before it began, ${ratio(own.after)} since): something else came later`,
    }
  const isSeenThen = isTimely(c, k) && !isAfter(c, k)
  return {
    verdict: 'cause',
    confidence: isSeenThen && comparison.p < SURE ? 'high' : 'medium',
    basis: isSeenThen ? 'timing' : 'near',
    ...changed,
    comparison,
    text: `${name}${seenAt(c, k)} has ${percent(portion)} of the runs since then and fails in ${ratio(own.after)}, before it was ${ratio(base)}`,
  }
}

function noWorse({ c, name, own, base, changed }: CountedSuspect): Judged {
  const comparison = compare(base, own.after, c.facts.dispersion)
  const normal = share(base)
  const feared = Math.max(c.feltRise, c.excess)
  if (comparison.interval[1] >= feared) {
    const needed = runsNeeded(normal, Math.min(1, normal + feared), base.total, c.facts.dispersion)
    return {
      verdict: 'cannot_tell',
      confidence: 'low',
      ...changed,
      comparison,
      ...(Number.isFinite(needed) ? { runsNeeded: Math.max(1, Math.ceil(needed - own.after.total)) } : {}),
      text: `${name} is new, but has ${Math.round(own.after.total)} rated runs (${ratio(own.after)}): too few to tell`,
    }
  }
  return {
    verdict: 'ruled_out',
    confidence: 'medium',
    ...changed,
    comparison,
    text: `${name} is new and fails no more than before (${ratio(own.after)}, before ${ratio(base)})`,
  }
}

/** No counter knows both this SLI and the version: it came when it began, or it did not. */
function byTime({ c, k, name, portion, changed }: Suspect): Judged {
  const what = SLIS[c.facts.sli].title
  if (!c.rose)
    return {
      verdict: 'ruled_out',
      confidence: 'low',
      ...changed,
      text: `${name} is new, and ${what} of all runs together did not move`,
    }
  const seen = `${name}${seenAt(c, k)} has ${percent(portion)} of the runs since then`
  if (c.onset === undefined || k.firstSeenMs === undefined)
    return {
      verdict: 'cannot_tell',
      confidence: 'low',
      ...changed,
      text: `${seen}; ${what} is not counted by ${name}, and the times are not known`,
    }
  // What came too late has gone already: what is left is in time, near it, or before it.
  if (k.firstSeenMs < c.onset.fromMs - slackMs(c))
    return {
      verdict: 'ruled_out',
      confidence: 'medium',
      ...changed,
      text: `${seen}, but came well before the rise, which began about ${clock(c.onset.atMs, c.facts.nowMs)}`,
    }
  return {
    verdict: 'cause',
    confidence: portion >= 0.5 && isTimely(c, k) ? 'medium' : 'low',
    basis: isTimely(c, k) ? 'timing' : 'near',
    ...changed,
    text: `${seen} and came ${isTimely(c, k) ? 'when' : 'about when'} the rise of ${what} began; that is not counted by version, so only the time says so`,
  }
}

function seenAt({ facts }: Case, { firstSeenMs }: CohortFact): string {
  return firstSeenMs === undefined ? '' : `, first seen ${clock(firstSeenMs, facts.nowMs)},`
}
