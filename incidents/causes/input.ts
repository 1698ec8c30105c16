/** Was it what users ask? The mix of inputs (length, script) is another than before. A longer prompt lengthens the first call, too: that is said. */
import { divergence } from '../divergence.ts'
import { type CauseFile, type Found, ratioDispersion } from './cause.ts'
import { freshOf, isAfter } from './versions.ts'

/** Bits from which the inputs have moved so far that little of the old mix is left as it was. */
const FAR = 0.2
/** The feature that prompt and tools are part of. */
const LENGTH = 'tokens'

export const input: CauseFile = (c) => {
  const query = c.facts.queries['inputs'] ?? ''
  const base = { cause: 'input', subject: 'inputs', query } as const
  if (c.facts.unknown.includes('inputs'))
    return [{ ...base, verdict: 'cannot_tell', confidence: 'low', text: 'Prometheus did not tell about the inputs' }]
  if (c.facts.inputs.length === 0)
    return [{ ...base, verdict: 'cannot_tell', confidence: 'low', text: 'no feature of the inputs is reported' }]
  const isRewritten = [...freshOf(c, 'prompt_version'), ...freshOf(c, 'tools_version')].some((k) => !isAfter(c, k))
  const moved = c.facts.inputs.flatMap((d): readonly Found[] => {
    const found = divergence(d, ratioDispersion(c.facts))
    if (!found.isMoved) return []
    const isDoubtful = isRewritten && d.feature === LENGTH
    const text = `inputs are others by ${d.feature}: ${found.text}`
    return [
      {
        ...base,
        verdict: 'cause',
        confidence: isDoubtful ? 'low' : found.size > FAR ? 'high' : 'medium',
        basis: 'moved',
        subject: `inputs by ${d.feature}`,
        text: isDoubtful ? `${text}; a new prompt or tool set makes the first call longer or shorter as well` : text,
      },
    ]
  })
  if (moved.length > 0) return moved
  return [{ ...base, verdict: 'unchanged', confidence: 'high', text: 'inputs are distributed as before' }]
}
