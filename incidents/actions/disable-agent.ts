/** Switches the agent off: its callers get the fallback. By itself only where there is one, and its URL answered when the incident began. */
import { type ActionFile, fits, misfit } from './action.ts'

export const disableAgent: ActionFile = {
  kind: 'disable_agent',
  seenBy: 'containment',
  fits: ({ target, incident: { agent } }, { controls, fallback }) => {
    if (target !== undefined && target !== agent) return misfit(`the incident is about ${agent}, not about ${target}`)
    const off = controls.find((c) => c.control === 'agent')
    if (off !== undefined) return misfit(`${agent} is disabled already (${off.id}, by ${off.actor})`)
    return fits(agent, `disable ${agent}${fallback === undefined ? ', without a fallback' : ''}`)
  },
  alone: ({ incident: { before } }, { fallback }) => [
    { holds: fallback !== undefined, text: fallback === undefined ? 'no fallback is configured' : 'a fallback is configured' },
    ...(before?.fallbackReachable === false ? [{ holds: false, text: "the fallback's URL did not answer when the incident began" }] : []),
  ],
  command: ({ fallback }) => ({ do: 'control', control: 'agent', target: '', ...(fallback === undefined ? {} : { fallback }) }),
}
