/** Stops every run of the agent that has begun; the next ones are admitted. */
import { type ActionFile, fits, misfit } from './action.ts'

export const stopRuns: ActionFile = {
  kind: 'stop_runs',
  seenBy: 'incident',
  fits: ({ target, incident: { agent } }) =>
    target === undefined || target === '*' || target === agent
      ? fits('*', `stop every run of ${agent} that has begun`)
      : misfit(`it stops every run of ${agent}; one run is stopped by agentopz run stop ${target}`),
  command: () => ({ do: 'control', control: 'run', target: '*' }),
}
