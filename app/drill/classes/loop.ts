/** A new prompt asks to search until certain; two of five runs repeat the same search. */
import type { IncidentClass } from '../drill-class.ts'

export const loop: IncidentClass = {
  kind: 'incident',
  name: 'loop',
  what: 'a release that asks to search until certain: two of five runs repeat one search six times',
  usualHours: 3,
  alerts: ['AgentLooping', 'AgentStepsShift'],
  causes: ['prompt'],
  action: 'rollback_release',
  inject: (world) => world.release('2', 'endless'),
  repair: (world) => world.release('3', 'good'),
}
