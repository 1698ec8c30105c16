/** Whether the whole chain was tried lately on this agent, and held. A drill on a stand-in rehearses the product, not the agent. */
import type { ReadinessAnswer } from '../../../incidents/readiness.ts'
import { durationText } from '../../../incidents/words.ts'
import type { DrillRecord } from '../../../model/drill.ts'
import { type About, failed, ok, type ReadinessCheck, weak } from '../check.ts'

export const drill: ReadinessCheck = {
  name: 'drill',
  weight: 5,
  asks: 'Was a drill held on this agent not longer ago than readiness.drill_max_age, and did it pass?',
  look: async (about) => judge(about, await about.world.drills()),
}

/** `drills` newest first. */
export function judge({ agent, environment, world }: About, drills: readonly DrillRecord[]): ReadinessAnswer {
  // One that was interrupted says nothing either way.
  const told = drills.filter((d) => d.outcome !== 'interrupted')
  const own = told.find((d) => d.agent === agent && (d.environment === '' || d.environment === environment))
  const last = own ?? told.find((d) => d.agent === '')
  const advice = 'hold one: agentopz drill'
  if (last === undefined) return failed('no drill was ever held: whether the chain from alert to recovery works is not known', advice)
  const ageMs = world.now - last.endedMs
  const what = `the last drill (${last.drill}${own === undefined ? ', on a stand-in' : ''}) was ${durationText(ageMs)} ago`
  if (last.outcome === 'failed')
    return failed(`${what} and failed: ${last.misses[0] ?? 'it is not said why'}`, `repair that, and ${advice}`)
  const maxMs = world.config.readiness.drill_max_age * 1000
  if (ageMs > maxMs) return weak(`${what}, and it should be at most ${durationText(maxMs)}`, advice)
  return own === undefined ? weak(`${what} and passed; none was held on this agent`, advice) : ok(`${what} and passed`)
}
