/** Whether there is a release to roll back to: the most frequent mitigation, and the one that takes seconds where it was prepared. */
import { failed, ok, type ReadinessCheck, weak } from '../check.ts'

export const release: ReadinessCheck = {
  name: 'release',
  weight: 10,
  look: async ({ agent, world }) => {
    const name = JSON.stringify(agent)
    const activations = world.releases(agent)?.activations ?? []
    const active = activations.at(-1)
    if (active === undefined)
      return failed(
        'no release of it is active: its prompt can be rolled back only by deploying',
        `publish what it runs now: agentopz release publish ${name} FILE --activate (docs/controls.md)`,
      )
    const choice = await world.rollback(agent)
    if (choice.ok) {
      const text = `rolling back would go from ${choice.from} to ${choice.version}: ${choice.text}`
      return choice.because === 'known_good' ? ok(text) : weak(text, `see what is known of each: agentopz release list ${name}`)
    }
    if (choice.because === 'nothing_before')
      return failed(
        `release ${active} is its first: there is none to roll back to`,
        `the next release has one: agentopz release publish ${name} FILE --activate`,
      )
    return failed(choice.detail, `see what is known of each: agentopz release list ${name}`)
  },
}
