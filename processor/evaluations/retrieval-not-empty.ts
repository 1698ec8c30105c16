/** At least one retrieval of the run found something. */
import { abstain, type Check, fail, pass } from './check.ts'

export const retrievalNotEmpty: Check = {
  name: 'retrieval_not_empty',
  source: 'builtin',
  evaluate: (run) => {
    if (!run.toolCalls.some((c) => c.retrieval && c.resultEmpty !== undefined)) return abstain('no retrieval whose result is known')
    return run.toolCalls.some((c) => c.retrieval && c.resultEmpty === false)
      ? pass('something found')
      : fail('every retrieval came back empty')
  },
}
