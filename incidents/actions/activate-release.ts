/** To one release by its version, published before. For people and for playbooks that name it. */
import { type ActionFile, fits, misfit } from './action.ts'

export const activateRelease: ActionFile = {
  kind: 'activate_release',
  seenBy: 'incident',
  fits: ({ target, incident: { agent } }, { activeRelease, releases }) => {
    if (target === undefined) return misfit('name the release to activate')
    if (releases === undefined || activeRelease === undefined) return misfit('stored releases cannot be read')
    if (!releases.includes(target)) return { fits: false, because: `${agent} has no release ${target}`, unknown: releases }
    if (activeRelease === target) return misfit(`release ${target} is active already`)
    return fits(target, `activate release ${target}${activeRelease === null ? '' : `, which replaces ${activeRelease}`}`)
  },
  command: ({ target }) => ({ do: 'activate', version: target }),
}
