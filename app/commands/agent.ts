/** `agentopz agent disable|enable`: the kill switch. */
import type { Client } from './control-client.ts'
import { setControl, type SetOptions, undoControls, type UndoOptions } from './control.ts'
import { quoted, typed } from './typed.ts'

export function agentDisable(agent: string, o: SetOptions): Promise<number> {
  return setControl(
    { control: 'agent', agent },
    () => typed(`agent enable ${quoted(agent)}`, o),
    o,
    (client, id) => fallbackText(client, id, typed(`agent disable ${quoted(agent)} --fallback TEXT --reason …`, o)),
  )
}

/** What its callers get from now on; asked after the agent is off, so that a fallback that hangs holds nothing up. */
async function fallbackText(client: Client, id: string, another: string): Promise<string> {
  const found = (await client.ask('GET', `/api/v1/controls/${id}/fallback`)) as {
    readonly kind: string
    readonly is_reached?: boolean
    readonly text: string
  }
  const isThere = found.kind === 'message' || found.is_reached === true
  return `fallback: ${found.text}${isThere ? '' : `; give it another: ${another}`}`
}

export function agentEnable(agent: string, o: UndoOptions): Promise<number> {
  return undoControls(`agent ${agent}`, (c) => c.control === 'agent' && c.agent === agent, o)
}
