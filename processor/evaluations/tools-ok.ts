/** Every tool call and retrieval of the run succeeded. Agents often recover from a failed tool, so it is not required by default. */
import { abstain, type Check, fail, pass } from './check.ts'

export const toolsOk: Check = {
  name: 'tools_ok',
  source: 'builtin',
  evaluate: (run) => {
    if (run.toolCalls.length === 0) return abstain('no tool call')
    const isBad = run.toolCalls.some((c) => c.outcome === 'error' || c.outcome === 'blocked')
    return isBad ? fail('a tool call failed or was blocked') : pass('all succeeded')
  },
}
