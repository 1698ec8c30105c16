/** One run goes on and on with a growing context, and never ends by itself. All others are well, so no share moves. */
import type { IncidentClass } from '../drill-class.ts'

export const costRunaway: IncidentClass = {
  kind: 'incident',
  name: 'cost-runaway',
  what: 'one run that does not end: its context and its cost grow with every step',
  // The rule knows what the largest open runs reach after twelve hours.
  usualHours: 15,
  knows: 'agent:open_run_max_cost_usd:baseline',
  alerts: ['AgentRunaway'],
  causes: [],
  action: 'stop_runs',
  inject: async (world) => world.change({ isRunaway: true }),
  repair: async (world) => world.change({ isRunaway: false }),
}
