/**
 * Was it the model? A new responding model is seen. One that was changed behind the same name is not: it is concluded when nothing else changed
 * and the answers themselves are others (finish reasons, tokens per call, seconds per step), never with more than medium confidence.
 */
import type { Comparison } from '../../model/incident.ts'
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

/** Something about the answers that is another than before. */
interface Trait {
  readonly text: string
  /** Past doubt by chance. */
  readonly isSure: boolean
}

export const model: CauseFile = (c) => {
  const announced = versionFindings(c, 'model', 'model')
  if (announced.some((f) => f.verdict === 'cause')) return announced
  const traits = [...counted(c), ...c.facts.means.flatMap(moved)]
  if (traits.length === 0) return announced
  const deployed = freshOf(c, 'agent_version').find((k) => isTimely(c, k))
  const unannounced: Found = {
    cause: 'model',
    verdict: 'cause',
    confidence: deployed === undefined && traits.some((t) => t.isSure) ? 'medium' : 'low',
    basis: 'eliminated',
    subject: 'model behind the same name',
    text:
      `answers are others under the same model name: ${traits.map((t) => t.text).join('; ')}` +
      (traits.some((t) => t.isSure) ? '' : '; so few may be chance') +
      (deployed?.firstSeenMs === undefined
        ? ''
        : `; but agent version ${deployed.value} came at ${clock(deployed.firstSeenMs, c.facts.nowMs)} and may have done it`),
    query: c.facts.queries['answers'] ?? '',
  }
  return [unannounced, ...announced.filter((f) => f.verdict !== 'unchanged')]
}

/**
 * The SLI itself where it is one of the answers, and finish reasons that calls end with more often. They are looked at together and corrected
 * together: where nothing else changed, the trait is all there is to go by, and in a thousand looks one is as good by chance.
 */
function counted(c: Case): readonly Trait[] {
  const rows = corrected([...ownTrait(c), ...c.facts.answers.flatMap((d) => endings(c, d))])
  return rows.flatMap(({ text, isOwn, difference, adjustedP }) => {
    const isSure = adjustedP < SURE
    return isOwn || (isSure && difference >= LEAST_RISE) ? [{ text, isSure }] : []
  })
}

type Row = Comparison & { readonly text: string; readonly isOwn: boolean }

function ownTrait({ facts, rose, before, after }: Case): readonly Row[] {
  if (!rose || !ANSWERS.has(facts.sli)) return []
  return [{ ...compare(before, after, facts.dispersion), isOwn: true, text: `${SLIS[facts.sli].title} ${ratio(before)} → ${ratio(after)}` }]
}

function endings(c: Case, { buckets }: Distribution): readonly Row[] {
  const before = buckets.reduce((n, b) => n + b.before, 0)
  const after = buckets.reduce((n, b) => n + b.after, 0)
  return buckets.map((b) => ({
    ...compare({ bad: b.before, total: before }, { bad: b.after, total: after }, ratioDispersion(c.facts)),
    isOwn: false,
    text: `calls that end with ${b.bucket === '' ? 'no finish reason' : b.bucket} ${percent(b.before / before)} → ${percent(b.after / after)}`,
  }))
}

function amount(n: number): string {
  return n >= 10 ? String(Math.round(n)) : n.toPrecision(2)
}

function moved({ what, before, after }: Mean): readonly Trait[] {
  if (before.count < LEAST_CALLS || after.count < LEAST_CALLS || before.sum <= 0) return []
  const [was, is] = [before.sum / before.count, after.sum / after.count]
  const by = is / was - 1
  if (Math.abs(by) < LEAST_MOVE) return []
  return [{ text: `${what} ${by > 0 ? 'up' : 'down'} ${percent(Math.abs(by))} (${amount(was)} → ${amount(is)})`, isSure: true }]
}
