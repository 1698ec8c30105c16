/** At least one retrieval of the run found something. */
import { abstain, type Check, fail, pass } from './check.ts'

export const retrievalNotEmpty: Check = {
  name: 'retrieval_not_empty',
  source: 'builtin',
  evaluate: (run) => {
    const known = run.toolCalls.filter((c) => c.retrieval && c.resultEmpty !== undefined)
    if (known.length === 0) return abstain('no retrieval whose result is known')
    return known.some((c) => c.resultEmpty === false) ? pass('something found') : fail('every retrieval came back empty')
  },
}
