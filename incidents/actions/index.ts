/** Every kind of action: one file and one line here. */
import type { ActionKind } from '../../model/incident.ts'
import type { ActionFile } from './action.ts'
import { activateRelease } from './activate-release.ts'
import { disableAgent } from './disable-agent.ts'
import { openTool } from './open-tool.ts'
import { rollbackRelease } from './rollback-release.ts'
import { stopRuns } from './stop-runs.ts'

export const ACTIONS = {
  rollback_release: rollbackRelease,
  activate_release: activateRelease,
  open_tool: openTool,
  disable_agent: disableAgent,
  stop_runs: stopRuns,
} as const satisfies Record<ActionKind, ActionFile>
