/** A tool answers as if nothing was wrong, and finds nothing: no error anywhere. */
import type { IncidentClass } from '../drill-class.ts'

export const toolEmpty: IncidentClass = {
  kind: 'incident',
  name: 'tool-empty',
  what: 'nine of ten calls of a tool return an empty list, without an error',
  usualHours: 3,
  alerts: ['AgentToolEmpty', 'AgentQualityDrop'],
  causes: ['tools'],
  action: 'open_tool',
  inject: async (world) => world.change({ toolEmpty: 0.9 }),
  repair: async (world) => world.change({ toolEmpty: 0 }),
}
