/** No run arrives any more. What is silent has no failing share, so triage should say that it cannot tell. */
import type { IncidentClass } from '../drill-class.ts'

export const silentAgent: IncidentClass = {
  kind: 'incident',
  name: 'silent-agent',
  what: 'no runs at all, where the configuration expects one every 15 seconds',
  usualHours: 3,
  config: { expect_runs: { every: 15 } },
  alerts: ['AgentSilent'],
  causes: [],
  inject: async (world) => world.change({ runsPerSecond: 0 }),
  repair: async (world) => world.change({ runsPerSecond: 2.5 }),
}
