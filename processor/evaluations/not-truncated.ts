/** The answer was not cut off by a token limit. Only the last model call is the answer; earlier ones are steps. */
import { abstain, type Check, fail, finalCall, passAs } from './check.ts'

export const notTruncated: Check = {
  name: 'not_truncated',
  source: 'builtin',
  evaluate: (run) => {
    const finish = finalCall(run)?.finish
    if (finish === undefined) return abstain('no finish reason')
    return finish === 'length' ? fail('finish reason length') : passAs(finish)
  },
}
