/** `agentopz tool open|close`: a tool's breaker, by hand. Open means that calls are refused, as in a circuit. */
import { given, setControl, type SetOptions, undoControls, type UndoOptions } from './control.ts'
import { quoted, typed } from './typed.ts'

export function toolOpen(tool: string, o: SetOptions & { readonly agent?: string }): Promise<number> {
  const undo = (): string => typed(`tool close ${quoted(tool)}${o.agent === undefined ? '' : ` --agent ${quoted(o.agent)}`}`, o)
  return setControl({ control: 'tool', target: tool, ...given({ agent: o.agent }) }, undo, o)
}

/** Without an agent, whatever is open of the tool is closed. */
export function toolClose(tool: string, o: UndoOptions & { readonly agent?: string }): Promise<number> {
  return undoControls(
    `tool ${tool}${o.agent === undefined ? '' : ` of ${o.agent}`}`,
    (c) => c.control === 'tool' && c.target === tool && (o.agent === undefined || c.agent === o.agent),
    o,
  )
}
