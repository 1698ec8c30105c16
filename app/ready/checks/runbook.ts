/** Whether who is paged can read what to do: the agent's own runbook answers, and the shipped ones are there. */
import { runbook as shipped } from '../../runbooks.ts'
import { failed, ok, type ReadinessCheck, weak } from '../check.ts'
import { shownUrl } from '../reach.ts'

export const runbook: ReadinessCheck = {
  name: 'runbook',
  weight: 5,
  look: async ({ agent, agentConfig, world }) => {
    const url = agentConfig.runbook_url
    if (url !== undefined) {
      const { isReached, text } = await world.reach(url)
      const what = `its runbook ${shownUrl(url)} ${text}`
      return isReached ? ok(what) : failed(what, `correct agents.${agent}.runbook_url, or see why it cannot be reached from here`)
    }
    if (shipped('AgentQualityDrop') === undefined)
      return failed('it has no runbook of its own, and the shipped ones are not in this installation', `set agents.${agent}.runbook_url`)
    return weak('it has no runbook of its own; the shipped one of each alert is served at /runbooks', `set agents.${agent}.runbook_url`)
  },
}
