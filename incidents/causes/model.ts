/**
 * Was it the model? A new responding model is seen. One that was changed behind the same name is not: it is concluded when nothing else changed
 * and the answers themselves are others (finish reasons, tokens per call, seconds per step), never with more than medium confidence.
 */
import { SLIS, type SliName } from '../../model/slis.ts'
import { compare, corrected } from '../compare.ts'
import type { Distribution, Mean } from '../facts.ts'
import { type Case, type CauseFile, clock, type Found, percent, ratio, ratioDispersion, SURE } from './cause.ts'
import { freshOf, isTimely, versionFindings } from './versions.ts'

/** A mean per call must move by this much to say that answers are others. */
const LEAST_MOVE = 0.25
const LEAST_CALLS = 50
/** A finish reason must rise by this much of the calls: a run has several, and only the last of them may end otherwise. */
const LEAST_RISE = 0.02
/** SLIs that are traits of the answers themselves. */
const ANSWERS: ReadonlySet<SliName> = new Set<SliName>(['refusal', 'filtered', 'truncation', 'empty'])

export const model: CauseFile = (c) => {
  const announced = versionFindings(c, 'model', 'model')
  if (announced.some((f) => f.verdict === 'cause')) return announced
  const traits = [...ownTrait(c), ...c.facts.answers.flatMap((d) => risen(c, d)), ...c.facts.means.flatMap(moved)]
  if (traits.length === 0) return announced
  const deployed = freshOf(c, 'agent_version').find((k) => isTimely(c, k))
  const unannounced: Found = {
    cause: 'model',
    verdict: 'cause',
    confidence: deployed === undefined ? 'medium' : 'low',
    basis: 'eliminated',
    subject: 'model behind the same name',
    text:
      `answers are others under the same model name: ${traits.join('; ')}` +
      (deployed?.firstSeenMs === undefined
        ? ''
        : `; but agent version ${deployed.value} came at ${clock(deployed.firstSeenMs, c.facts.nowMs)} and may have done it`),
    query: c.facts.queries['answers'] ?? '',
  }
  return [unannounced, ...announced.filter((f) => f.verdict !== 'unchanged')]
}

function ownTrait({ facts, rose, before, after }: Case): readonly string[] {
  return rose && ANSWERS.has(facts.sli) ? [`${SLIS[facts.sli].title} ${ratio(before)} → ${ratio(after)}`] : []
}

/** Finish reasons that calls end with more often. */
function risen(c: Case, { buckets }: Distribution): readonly string[] {
  const before = buckets.reduce((n, b) => n + b.before, 0)
  const after = buckets.reduce((n, b) => n + b.after, 0)
  const rows = buckets.map((b) => ({
    bucket: b.bucket,
    ...compare({ bad: b.before, total: before }, { bad: b.after, total: after }, ratioDispersion(c.facts)),
  }))
  return corrected(rows)
    .filter((r) => r.difference >= LEAST_RISE && r.adjustedP < SURE)
    .map((r) => {
      const [was, is] = r.bad
      return `calls that end with ${r.bucket === '' ? 'no finish reason' : r.bucket} ${percent(was / before)} → ${percent(is / after)}`
    })
}

function amount(n: number): string {
  return n >= 10 ? String(Math.round(n)) : n.toPrecision(2)
}

function moved({ what, before, after }: Mean): readonly string[] {
  if (before.count < LEAST_CALLS || after.count < LEAST_CALLS || before.sum <= 0) return []
  const [was, is] = [before.sum / before.count, after.sum / after.count]
  const by = is / was - 1
  return Math.abs(by) < LEAST_MOVE ? [] : [`${what} ${by > 0 ? 'up' : 'down'} ${percent(Math.abs(by))} (${amount(was)} → ${amount(is)})`]
}
