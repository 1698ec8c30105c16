/** The answer was not blocked by a content filter or a provider guardrail. */
import { abstain, type Check, fail, finalCall, passAs } from './check.ts'

export const notFiltered: Check = {
  name: 'not_filtered',
  source: 'builtin',
  evaluate: (run) => {
    const finish = finalCall(run)?.finish
    if (finish === undefined) return abstain('no finish reason')
    return finish === 'content_filter' ? fail('finish reason content_filter') : passAs(finish)
  },
}
