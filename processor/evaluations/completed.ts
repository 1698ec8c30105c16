/** The run came to an end of its own: no error, not stopped, not left in the middle of a tool call. */
import { abstain, type Check, fail, finalCall, pass } from './check.ts'

export const completed: Check = {
  name: 'completed',
  source: 'builtin',
  evaluate: (run) => {
    switch (run.outcome) {
      case 'ok':
        return pass('ended')
      case 'error':
        return fail('error')
      case 'stopped':
        return fail(`stopped by ${run.stoppedBy ?? 'a control'}`)
      case 'unknown':
        return abstain('aborted: nothing says how it ended')
      case 'abandoned':
        // A root that is never exported looks like a run that died; only an answer still waiting for its tool tells them apart.
        return finalCall(run)?.finish === 'tool_call' ? fail('left while a tool call was due') : abstain('its root span never came')
    }
  },
}
