/** Was it what users ask? The mix of inputs (length, script, language) is another than before. */
import type { Finding } from '../../model/incident.ts'
import { divergence } from '../divergence.ts'
import type { CauseFile } from './cause.ts'

export const input: CauseFile = (c) => {
  const query = c.facts.queries['inputs'] ?? ''
  if (c.facts.inputs.length === 0)
    return [
      { cause: 'input', verdict: 'cannot_tell', confidence: 'low', subject: 'inputs', text: 'no feature of the inputs is reported', query },
    ]
  const moved = c.facts.inputs.flatMap((d): readonly Finding[] => {
    const found = divergence(d, c.facts.dispersion)
    if (!found.isMoved) return []
    return [
      {
        cause: 'input',
        verdict: 'cause',
        confidence: found.size > 0.2 ? 'high' : 'medium',
        subject: `inputs by ${d.feature}`,
        text: `inputs are others by ${d.feature}: ${found.text}`,
        query,
      },
    ]
  })
  if (moved.length > 0) return moved
  return [{ cause: 'input', verdict: 'unchanged', confidence: 'high', subject: 'inputs', text: 'inputs are distributed as before', query }]
}
