/** The provider answers with something else under the same name: longer, slower, and without sources in two of five answers. */
import type { IncidentClass } from '../drill-class.ts'

export const modelUnannounced: IncidentClass = {
  kind: 'incident',
  name: 'model-unannounced',
  what: 'another model answers under the same name: wordier, slower, no source in two of five answers',
  usualHours: 3,
  alerts: ['AgentQualityDrop', 'AgentCostShift', 'AgentDurationShift'],
  causes: ['model'],
  inject: async (world) => world.change({ careless: 0.4, wordy: 2.2 }),
  repair: async (world) => world.change({ careless: 0.01, wordy: 1 }),
}
