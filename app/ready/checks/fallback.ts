/** Whether something answers while the agent is disabled: without it the kill switch hurts the users, and nobody dares to use it. */
import { failed, ok, type ReadinessCheck } from '../check.ts'
import { isAddress, shownUrl } from '../reach.ts'

export const fallback: ReadinessCheck = {
  name: 'fallback',
  weight: 10,
  look: async ({ agent, agentConfig, world }) => {
    const given = agentConfig.fallback
    if (given === undefined)
      return failed(
        'nothing answers while it is disabled: its users would get an error',
        `set agents.${agent}.fallback to a message or a URL`,
      )
    if (!isAddress(given)) return ok(`a message of ${given.length} characters answers while it is disabled`)
    if (!URL.canParse(given)) return failed('its fallback begins like a URL and is none', `correct agents.${agent}.fallback`)
    const { isReached, text } = await world.reach(given)
    const what = `its fallback ${shownUrl(given)} ${text}`
    return isReached ? ok(what) : failed(what, `see why it cannot be reached from here, or set agents.${agent}.fallback to another`)
  },
}
