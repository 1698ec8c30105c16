/** The tools that an answer must rest on were called and answered. */
import { abstain, type Check, fail, pass } from './check.ts'

export const groundedCall: Check = {
  name: 'grounded_call',
  source: 'builtin',
  evaluate: (run, { requiredTools }) => {
    if (requiredTools.length === 0) return abstain('no tool is required')
    const answered = new Set(run.toolCalls.filter((c) => c.outcome === 'ok' || c.outcome === 'empty').map((c) => c.tool))
    const missing = requiredTools.filter((t) => !answered.has(t))
    return missing.length === 0 ? pass('called') : fail(`not called: ${missing.join(', ')}`)
  },
}
