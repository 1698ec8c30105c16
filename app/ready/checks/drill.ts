/**
 * Whether the whole chain was tried lately on this agent, and held: the newest drill of each class counts. Drills on a stand-in rehearse
 * the product, not the agent, and are half of it.
 */
import type { ReadinessAnswer } from '../../../incidents/readiness.ts'
import { durationText } from '../../../incidents/words.ts'
import type { DrillRecord } from '../../../model/drill.ts'
import { type About, failed, ok, type ReadinessCheck, weak } from '../check.ts'

export const drill: ReadinessCheck = {
  name: 'drill',
  weight: 5,
  look: async (about) => judge(about, await about.world.drills()),
}

/** `drills` newest first. */
function judge({ agent, environment, world }: About, drills: readonly DrillRecord[]): ReadinessAnswer {
  // One that was interrupted says nothing either way.
  const told = drills.filter((d) => d.outcome !== 'interrupted')
  const own = told.filter((d) => d.agent === agent && (d.environment === '' || d.environment === environment))
  const isStandIn = own.length === 0
  const newest = newestOfEach(isStandIn ? told.filter((d) => d.agent === '') : own)
  const [last] = newest
  if (last === undefined)
    return failed('no drill was ever held: whether the chain from alert to recovery works is not known', 'hold one: agentopz drill all')
  const ageMs = world.now - last.endedMs
  const what = `${newest.length} class${newest.length === 1 ? '' : 'es'} of drills${isStandIn ? ' on a stand-in' : ''}, the last (${last.drill}) ${durationText(ageMs)} ago`
  const missed = newest.filter((d) => d.outcome === 'failed')
  const [worst] = missed
  if (worst !== undefined)
    return failed(
      `${what}: ${missed.map((d) => d.drill).join(', ')} failed: ${worst.misses[0] ?? 'it is not said why'}`,
      `repair that, and hold it again: agentopz drill ${worst.drill}`,
    )
  const maxMs = world.config.readiness.drill_max_age * 1000
  if (ageMs > maxMs) return weak(`${what}, and it should be at most ${durationText(maxMs)}`, 'hold them again: agentopz drill all')
  if (!isStandIn) return ok(`${what}, all passed`)
  return weak(
    `${what}, all passed; none was held on this agent`,
    'rehearse its own rollback and fallback with its callers, and record that: POST /api/v1/drills (docs/readiness.md)',
  )
}

function newestOfEach(drills: readonly DrillRecord[]): readonly DrillRecord[] {
  const seen = new Set<string>()
  return drills.filter((d) => !seen.has(d.drill) && seen.add(d.drill) !== undefined)
}
