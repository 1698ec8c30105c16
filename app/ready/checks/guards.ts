/**
 * Whether a control would reach the agent: guards of the services that its runs came from hold a stream open, here or at another replica,
 * or somebody polls.
 */
import type { ReadinessAnswer } from '../../../incidents/readiness.ts'
import { countText, durationText } from '../../../incidents/words.ts'
import { type About, failed, NOBODY, ok, type ReadinessCheck, unknown, Unanswered, weak, type World } from '../check.ts'

/** Whoever polls asks more often than this. */
const POLLED_MS = 300_000
const SHOWN = 5
const START =
  'start it with guards: node --import agentopz/register (docs/instrumentation.md), or read its flags over OFREP (docs/controls.md)'

export const guards: ReadinessCheck = {
  name: 'guards',
  weight: 10,
  look: async (about) => {
    // While what is stored cannot be read, guards are told nothing: then it is not known either.
    about.world.releases(about.agent)
    const here = judge(about, about.world.guards(), 'here')
    // Not here: perhaps at another replica, which Prometheus knows.
    return here ?? judge(about, await elsewhere(about.world), 'to another replica') ?? otherwise(about)
  },
}

function judge({ agent, world }: About, connected: ReadonlyMap<string, number>, where: string): ReadinessAnswer | undefined {
  const services = new Set(world.services(agent))
  const own = [...connected].filter(([service, n]) => n > 0 && (services.has(service) || service === agent))
  if (own.length === 0) return undefined
  const n = own.reduce((sum, [, count]) => sum + count, 0)
  return ok(`${countText(n, 'guard')} of ${own.map(([service]) => service).join(', ')} ${n === 1 ? 'is' : 'are'} connected ${where}`)
}

async function elsewhere(world: World): Promise<ReadonlyMap<string, number>> {
  try {
    const rows = await world.instant('sum by (service) (agentopz_control_streams)', NOBODY)
    return new Map(rows.map((r) => [r.labels['service'] ?? '', r.value]))
  } catch (error) {
    if (error instanceof Unanswered) return new Map()
    throw error
  }
}

function otherwise({ agent, world }: About): ReadinessAnswer {
  const { pollMs } = world
  if (pollMs !== undefined && world.now - pollMs < POLLED_MS)
    return weak(
      `no guard of it holds a stream; flags were polled ${durationText(world.now - pollMs)} ago, by whom is not known`,
      `let it hold the stream: controls arrive sooner; ${START}`,
    )
  const services = world.services(agent)
  if (services.length === 0)
    return unknown('it has had no run since agentopz started, so where its guards would be is not known', 'wait for a run of it')
  const others = [...world.guards().keys()].filter((s) => s !== '').slice(0, SHOWN)
  return failed(
    `its runs come from ${services.join(', ')}, and no guard of that is connected${others.length === 0 ? '' : ` (of ${others.join(', ')} there are)`}: no control would reach it`,
    START,
  )
}
