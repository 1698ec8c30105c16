/** Answers are cut off at the token limit, as after a change of the provider's defaults. */
import type { IncidentClass } from '../drill-class.ts'

export const truncation: IncidentClass = {
  kind: 'incident',
  name: 'truncation',
  what: 'two of five answers are cut off',
  usualHours: 3,
  alerts: ['AgentTruncationSpike'],
  causes: ['model'],
  inject: async (world) => world.change({ truncated: 0.4 }),
  repair: async (world) => world.change({ truncated: 0 }),
}
