/** Whether there is a release to roll back to: the most frequent mitigation, and the one that takes seconds where it was prepared. */
import { failed, ok, type ReadinessCheck } from '../check.ts'

export const release: ReadinessCheck = {
  name: 'release',
  weight: 10,
  asks: 'Is there a release before the active one to roll back to?',
  look: ({ agent, world }) => {
    const name = JSON.stringify(agent)
    const activations = world.releases(agent)?.activations ?? []
    const [active, former] = [activations.at(-1), activations.at(-2)]
    if (active === undefined)
      return Promise.resolve(
        failed(
          'no release of it is active: its prompt can be rolled back only by deploying',
          `publish what it runs now: agentopz release publish ${name} FILE --activate (docs/controls.md)`,
        ),
      )
    if (former === undefined)
      return Promise.resolve(
        failed(
          `release ${active} is its first: there is none to roll back to`,
          `the next release has one: agentopz release publish ${name} FILE --activate`,
        ),
      )
    return Promise.resolve(ok(`release ${former} can be activated again in place of ${active}: agentopz release rollback ${name}`))
  },
}
