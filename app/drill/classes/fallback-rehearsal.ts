/** Nothing is wrong: the agent is switched off as an operator would, its callers must get the fallback, and the model again afterwards. */
import { type Check, type DrillWorld, LOOK_SECONDS, type RehearsalClass, WITHIN_MS } from '../drill-class.ts'
import { percentile } from '../numbers.ts'

export const fallbackRehearsal: RehearsalClass = {
  kind: 'rehearsal',
  name: 'fallback-rehearsal',
  what: 'the agent is switched off and on again; meanwhile its callers must get the fallback',
  usualHours: 0.2,
  rehearse: async (world) => {
    const off = world.now()
    await world.disable('rehearsal of the fallback')
    await world.wait(LOOK_SECONDS)
    const first = answeredBy(world, off, 'fallback')
    const on = world.now()
    await world.enable('end of the rehearsal')
    await world.wait(LOOK_SECONDS)
    return [first, answeredBy(world, on, 'model')]
  },
}

function answeredBy(world: DrillWorld, sinceMs: number, who: 'fallback' | 'model'): Check {
  const runs = world.runsSince(sinceMs)
  const late = runs.filter((r) => r.beganMs > sinceMs + WITHIN_MS)
  const right = late.filter((r) => r.answered === who)
  const first = percentile(
    runs.filter((r) => r.answered === who).map((r) => r.beganMs - sinceMs),
    0,
  )
  if (late.length === 0)
    return { ok: false, text: `nobody called in the ${LOOK_SECONDS} s after the agent was switched ${who === 'model' ? 'on' : 'off'}` }
  return {
    ok: right.length === late.length,
    text: `${right.length} of ${late.length} callers ${WITHIN_MS / 1000} s after it was switched ${who === 'model' ? 'on' : 'off'} or later got ${who === 'model' ? 'the model' : 'the fallback'}${first === undefined ? '' : `; the first of them called ${first} ms after the command`}`,
  }
}
