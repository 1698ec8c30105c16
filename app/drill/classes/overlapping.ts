/** Three changes within seconds of each other, which are minutes to the rules: a prompt, a failing tool, another model. */
import { MODEL, OTHER_MODEL } from '../conditions.ts'
import type { IncidentClass } from '../drill-class.ts'

export const overlapping: IncidentClass = {
  kind: 'incident',
  name: 'overlapping',
  what: 'a worse prompt, 15 seconds later a tool that fails half of the time, 10 seconds later a smaller model',
  usualHours: 3,
  alerts: ['AgentQualityDrop', 'AgentToolFailing', 'AgentVersionRegression', 'AgentCostShift', 'AgentDurationShift'],
  causes: ['prompt', 'tools', 'model'],
  namesAll: true,
  helps: ['rollback_release', 'open_tool'],
  inject: async (world) => {
    await world.release('2', 'bad')
    await world.wait(15)
    world.change({ toolFailing: 0.5 })
    await world.wait(10)
    world.change({ model: OTHER_MODEL, careless: 0.4 })
  },
  repair: async (world) => {
    world.change({ toolFailing: 0, model: MODEL, careless: 0.01 })
    await world.release('3', 'good')
  },
}
