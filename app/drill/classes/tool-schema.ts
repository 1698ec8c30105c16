/** The application is deployed with another argument for a tool; the model often sends the one that it knew. */
import type { IncidentClass } from '../drill-class.ts'

export const toolSchema: IncidentClass = {
  kind: 'incident',
  name: 'tool-schema',
  what: 'a tool asks for another argument, and half of the calls still send the old one',
  usualHours: 3,
  alerts: ['AgentToolFailing', 'AgentQualityDrop'],
  causes: ['tools'],
  action: 'open_tool',
  inject: async (world) => world.change({ toolVersion: 2 }),
  repair: async (world) => world.change({ toolVersion: 1 }),
}
