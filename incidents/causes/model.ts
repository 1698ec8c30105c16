/**
 * Was it the model? A new responding model is seen. One that was changed behind the same name is not: it is concluded when nothing else changed
 * and the answers themselves are others (finish reasons, tokens per call), never with more than medium confidence.
 */
import type { Finding } from '../../model/incident.ts'
import { divergence } from '../divergence.ts'
import type { Mean } from '../facts.ts'
import { type CauseFile, percent } from './cause.ts'
import { versionFindings } from './versions.ts'

/** Mean tokens per call must move by this much to say that answers are others. */
const LEAST_MOVE = 0.2
const LEAST_CALLS = 20

export const model: CauseFile = (c) => {
  const announced = versionFindings(c, 'model', 'model')
  if (announced.some((f) => f.verdict === 'cause')) return announced
  const traits = [
    ...c.facts.answers.flatMap((d) => {
      const moved = divergence(d, c.facts.dispersion)
      return moved.isMoved ? [`${d.feature} (${moved.text})`] : []
    }),
    ...c.facts.means.flatMap((m) => moved(m)),
  ]
  if (traits.length === 0) return announced
  const unannounced: Finding = {
    cause: 'model',
    verdict: 'cause',
    confidence: 'low',
    subject: 'model behind the same name',
    text: `answers are others under the same model name: ${traits.join('; ')}`,
    query: c.facts.queries['answers'] ?? '',
  }
  return [unannounced, ...announced.filter((f) => f.verdict !== 'unchanged')]
}

function moved({ what, before, after }: Mean): readonly string[] {
  if (before.count < LEAST_CALLS || after.count < LEAST_CALLS || before.sum <= 0) return []
  const [was, is] = [before.sum / before.count, after.sum / after.count]
  const by = is / was - 1
  return Math.abs(by) < LEAST_MOVE
    ? []
    : [`${what} per call ${by > 0 ? 'up' : 'down'} ${percent(Math.abs(by))} (${Math.round(was)} → ${Math.round(is)})`]
}
