/**
 * The configuration of the drills' own processor, as a file would say it: free ports, times as short as the rules', one entry per drill agent.
 * Pure, so that what a drill is run with can be read in one place.
 */
import { join } from 'node:path'
import { CHECK, FALLBACK } from './conditions.ts'
import { agentOf, type DrillClass } from './drill-class.ts'

/** Team of every drill agent, in all labels. */
export const TEAM = 'drill'
const CHECKS = ['completed', 'not_truncated', 'not_filtered', 'not_refused', 'not_empty', 'no_loop', `external:${CHECK}`]

/** An hour of cool-down is ten seconds here: the drill's next step must not be held up by its first. */
const WHILE = { mode: 'auto', if: { cool_down: 10 }, expires: '1h', verify: { runs: 40, within: '2m', otherwise: 'undo' } }
/** The shipped playbooks, acting by themselves; and an agent whose answers are refused is taken out of service, where it has a fallback. */
const PLAYBOOKS = [
  { name: 'roll-back-prompt', when: { cause: 'prompt' }, do: ['rollback_release'], ...WHILE },
  { name: 'open-failing-tool', when: { cause: 'tools' }, do: ['open_tool'], ...WHILE },
  { name: 'stop-runaway', when: { alerts: ['AgentRunaway'] }, do: ['stop_runs'], ...WHILE },
  { name: 'take-out-of-service', when: { alerts: ['AgentRefusalSpike'] }, do: ['disable_agent'], ...WHILE },
]

/** The configuration for these classes. */
export function drillConfig(classes: readonly DrillClass[], dir: string): object {
  return {
    receive: { otlp_http: '127.0.0.1:0', otlp_grpc: 'off' },
    listen: '127.0.0.1:0',
    storage: `sqlite:${join(dir, 'drill.db')}`,
    runs: { settle_seconds: 1, idle_seconds: 30 },
    incidents: { merge_window: 60, resolve_after: 10, reopen_within: 60, check_every: 3, changes_before: '6m' },
    controls: { default_expiry: '1h' },
    response: { check_every: 2 },
    playbooks: PLAYBOOKS,
    agents: Object.fromEntries(
      classes.map((c) => [agentOf(c), { team: TEAM, quality: { target: 0.95, checks: CHECKS }, fallback: FALLBACK, ...c.config }]),
    ),
    log: { level: 'error' },
    shutdown: { grace_seconds: 1 },
  }
}
