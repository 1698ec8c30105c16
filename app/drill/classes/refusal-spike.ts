/** The provider's filter takes back two of five answers; nothing that the application can see has changed. */
import type { IncidentClass } from '../drill-class.ts'

export const refusalSpike: IncidentClass = {
  kind: 'incident',
  name: 'refusal-spike',
  what: "the provider's content filter takes back two of five answers",
  usualHours: 3,
  alerts: ['AgentRefusalSpike'],
  causes: ['model'],
  action: 'disable_agent',
  inject: async (world) => world.change({ filtered: 0.4 }),
  repair: async (world) => world.change({ filtered: 0 }),
}
