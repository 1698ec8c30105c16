/** Users send long letters in place of short questions, and a third of those is answered without a source. */
import type { IncidentClass } from '../drill-class.ts'

export const inputDrift: IncidentClass = {
  kind: 'incident',
  name: 'input-drift',
  what: 'users write long letters in place of short questions; a third of them is answered without a source',
  usualHours: 9,
  alerts: ['AgentQualityDrop', 'AgentInputDrift', 'AgentCostShift'],
  causes: ['input'],
  inject: async (world) => world.change({ inputs: 'other' }),
  repair: async (world) => world.change({ inputs: 'usual' }),
}
