/** A new prompt no longer asks for sources, so half of the answers name none. Nothing else changes, and everything answers 200. */
import type { IncidentClass } from '../drill-class.ts'

export const promptRegression: IncidentClass = {
  kind: 'incident',
  name: 'prompt-regression',
  what: 'a release without the sentence that asks for sources: half of the answers name none',
  usualHours: 3,
  alerts: ['AgentQualityDrop', 'AgentVersionRegression'],
  causes: ['prompt'],
  action: 'rollback_release',
  inject: (world) => world.release('2', 'bad'),
  repair: (world) => world.release('3', 'good'),
}
