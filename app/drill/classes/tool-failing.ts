/** A tool throws nine times in ten. The application has an older copy to answer from while the tool's breaker is open. */
import type { IncidentClass } from '../drill-class.ts'

export const toolFailing: IncidentClass = {
  kind: 'incident',
  name: 'tool-failing',
  what: 'nine of ten calls of a tool throw',
  usualHours: 2,
  alerts: ['AgentToolFailing'],
  causes: ['tools'],
  action: 'open_tool',
  inject: async (world) => world.change({ toolFailing: 0.9 }),
  repair: async (world) => world.change({ toolFailing: 0 }),
}
