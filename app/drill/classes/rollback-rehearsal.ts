/** Nothing is wrong: a release is rolled back as an operator would, and the runs after it must carry the one before. */
import { percentile } from '../numbers.ts'
import { type Check, type DrillWorld, LOOK_SECONDS, type RehearsalClass, WITHIN_MS } from '../drill-class.ts'

export const rollbackRehearsal: RehearsalClass = {
  kind: 'rehearsal',
  name: 'rollback-rehearsal',
  what: 'a harmless release is activated and rolled back; the runs after it must carry the one before',
  usualHours: 0.2,
  rehearse: async (world) => {
    const activated = world.now()
    await world.release('2', 'other')
    await world.wait(LOOK_SECONDS)
    const first = followed(world, activated, '2')
    const rolledBack = world.now()
    await world.rollback('rehearsal of a rollback')
    await world.wait(LOOK_SECONDS)
    const second = followed(world, rolledBack, '1')
    const counted = await world.countedSince(rolledBack + WITHIN_MS)
    return [first, second, seenByPrometheus(counted)]
  },
}

function followed(world: DrillWorld, sinceMs: number, release: string): Check {
  const runs = world.runsSince(sinceMs)
  const late = runs.filter((r) => r.beganMs > sinceMs + WITHIN_MS && r.answered === 'model')
  const other = late.filter((r) => r.release !== release)
  const switched = runs.filter((r) => r.release === release).map((r) => r.beganMs - sinceMs)
  const first = percentile(switched, 0)
  if (late.length === 0)
    return { ok: false, text: `no run was answered by the model in the ${LOOK_SECONDS} s after release ${release} was made active` }
  const when = first === undefined ? 'none had it at all' : `the first that had it began ${first} ms after the command`
  return {
    ok: other.length === 0,
    text: `${late.length - other.length} of ${late.length} runs that began ${WITHIN_MS / 1000} s after the command or later had release ${release}; ${when}`,
  }
}

function seenByPrometheus(counted: ReadonlyMap<string, number> | undefined): Check {
  if (counted === undefined)
    return { ok: false, text: 'Prometheus did not answer, so it is not known which release the runs are counted by' }
  const now = counted.get('1') ?? 0
  return { ok: now > 0, text: `Prometheus counts ${Math.round(now)} runs with prompt version 1 after the rollback` }
}
