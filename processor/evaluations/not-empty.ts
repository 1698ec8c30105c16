/** The answer held something: text, a part or a tool call by content, else visible output tokens by usage. */
import { abstain, type Check, fail, finalCall, pass } from './check.ts'

export const notEmpty: Check = {
  name: 'not_empty',
  source: 'builtin',
  evaluate: (run) => {
    const final = finalCall(run)
    if (final === undefined) return abstain('no model call')
    if (final.outcome === 'error') return abstain('the last model call failed')
    if (final.outputEmpty !== undefined) return final.outputEmpty ? fail('no content') : pass('content')
    if (final.finish === 'tool_call') return pass('tool call')
    const visible = run.spend.find((s) => s.spanId === final.spanId)?.usage.output
    if (visible === undefined) return abstain('neither content nor output tokens')
    return visible > 0 ? pass('output tokens') : fail('no visible output token')
  },
}
