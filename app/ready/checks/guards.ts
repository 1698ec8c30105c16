/** Whether a control would reach the agent: guards of the services that its runs came from hold a stream open, or somebody polls. */
import { countText, durationText } from '../../../incidents/words.ts'
import { failed, ok, type ReadinessCheck, unknown, weak } from '../check.ts'

/** Whoever polls asks more often than this. */
const POLLED_MS = 300_000

export const guards: ReadinessCheck = {
  name: 'guards',
  weight: 10,
  asks: 'Are guards of the services that the runs of this agent come from connected, so that a control would reach it?',
  look: ({ agent, world }) => {
    // Storage first: while it cannot be read, guards are told nothing.
    world.releases(agent)
    const connected = world.guards()
    const services = new Set(world.services(agent))
    const own = [...connected].filter(([service]) => services.has(service) || service === agent)
    const start =
      'start it with guards: node --import agentopz/register (docs/instrumentation.md), or read its flags over OFREP (docs/controls.md)'
    if (own.length > 0) {
      const n = own.reduce((sum, [, count]) => sum + count, 0)
      return Promise.resolve(
        ok(`${countText(n, 'guard')} of ${own.map(([service]) => service).join(', ')} ${n === 1 ? 'is' : 'are'} connected`),
      )
    }
    const { pollMs } = world
    if (pollMs !== undefined && world.now - pollMs < POLLED_MS)
      return Promise.resolve(
        weak(
          `no guard of it holds a stream; flags were polled ${durationText(world.now - pollMs)} ago, by whom is not known`,
          `let it hold the stream: controls arrive sooner; ${start}`,
        ),
      )
    if (services.size === 0)
      return Promise.resolve(
        unknown('it has had no run since agentopz started, so where its guards would be is not known', 'wait for a run of it'),
      )
    const from = `its runs come from ${[...services].join(', ')}`
    const others = [...connected.keys()].filter((s) => s !== '').slice(0, 5)
    return Promise.resolve(
      failed(
        `${from}, and no guard of that is connected${others.length === 0 ? '' : ` (of ${others.join(', ')} there are)`}: no control would reach it`,
        start,
      ),
    )
  },
}
