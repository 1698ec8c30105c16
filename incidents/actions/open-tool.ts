/** Opens one tool's breaker for the agent: its calls are refused, and the model is told so. The tool is what triage found, or what the alert names. */
import { type ActionFile, fits, misfit, valueOf } from './action.ts'

export const openTool: ActionFile = {
  kind: 'open_tool',
  // Calls of an open tool are refused and count in no indicator of the tool: what shows is how the runs fare without it.
  seenBy: 'runs',
  fits: ({ finding, alert, target: named, incident: { agent } }, { controls }) => {
    const isTool = finding?.subject.startsWith('tool ') === true && !finding.subject.startsWith('tool set ')
    const found = finding === undefined ? alert?.labels['tool'] : isTool ? valueOf(finding) : undefined
    const target = named ?? found
    if (target === undefined || target === '')
      return misfit(finding === undefined ? 'no tool is named' : `${finding.subject} is no single tool that could be opened`)
    const open = controls.find((c) => c.control === 'tool' && c.target === target)
    if (open !== undefined) return misfit(`tool ${target} is open already (${open.id}, by ${open.actor})`)
    return fits(target, `refuse calls of tool ${target} by ${agent}`)
  },
  command: ({ target, fallback }) => ({ do: 'control', control: 'tool', target, ...(fallback === undefined ? {} : { fallback }) }),
}
