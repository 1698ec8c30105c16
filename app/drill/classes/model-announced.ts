/** The application asks for another model, which says who it is and names no source in a third of its answers. */
import { MODEL, OTHER_MODEL } from '../conditions.ts'
import type { IncidentClass } from '../drill-class.ts'

export const modelAnnounced: IncidentClass = {
  kind: 'incident',
  name: 'model-announced',
  what: 'the application asks for a smaller model, which names no source in two of five answers',
  usualHours: 3,
  alerts: ['AgentQualityDrop', 'AgentVersionRegression'],
  causes: ['model'],
  inject: async (world) => world.change({ model: OTHER_MODEL, careless: 0.4, wordy: 0.6 }),
  repair: async (world) => world.change(WELL),
}

/** As before it. */
const WELL = { model: MODEL, careless: 0.01, wordy: 1 } as const
