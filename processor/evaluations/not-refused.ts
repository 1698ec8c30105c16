/** The model did not refuse, as far as its finish reason or a refusal part of the answer says. Wording is not judged here. */
import { abstain, type Check, fail, finalCall, passAs } from './check.ts'

export const notRefused: Check = {
  name: 'not_refused',
  source: 'builtin',
  evaluate: (run) => {
    const finish = finalCall(run)?.finish
    if (finish === undefined) return abstain('no finish reason')
    return finish === 'refusal' ? fail('finish reason refusal') : passAs(finish)
  },
}
