/** `agentopz agent disable|enable`: the kill switch. */
import { setControl, type SetOptions, undoControls, type UndoOptions } from './control.ts'

export function agentDisable(agent: string, o: SetOptions): Promise<number> {
  return setControl({ control: 'agent', agent }, () => `agentopz agent enable ${agent}`, o)
}

export function agentEnable(agent: string, o: UndoOptions): Promise<number> {
  return undoControls(`agent ${agent}`, (c) => c.control === 'agent' && c.agent === agent, o)
}
