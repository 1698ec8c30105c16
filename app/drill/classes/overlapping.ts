/** Three changes within seconds of each other, which are minutes to the rules: a prompt, a failing tool, another model under the same name. */
import type { IncidentClass } from '../drill-class.ts'

export const overlapping: IncidentClass = {
  kind: 'incident',
  name: 'overlapping',
  what: 'a worse prompt, 15 seconds later a tool that fails half of the time, 10 seconds later wordier answers without sources',
  usualHours: 3,
  alerts: ['AgentQualityDrop', 'AgentToolFailing', 'AgentVersionRegression', 'AgentCostShift', 'AgentDurationShift'],
  causes: ['prompt', 'tools', 'model'],
  namesAll: true,
  inject: async (world) => {
    await world.release('2', 'bad')
    await world.wait(15)
    world.change({ toolFailing: 0.5 })
    await world.wait(10)
    world.change({ wordy: 2.2, careless: 0.3 })
  },
  repair: async (world) => {
    world.change({ toolFailing: 0, wordy: 1, careless: 0.01 })
    await world.release('3', 'good')
  },
}
