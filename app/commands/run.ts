/** `agentopz run stop`: one run by its id, or every run that an agent has under way. */
import { given, setControl, type SetOptions } from './control.ts'
import { printError } from './output.ts'
import { typed } from './typed.ts'

export async function runStop(run: string | undefined, o: SetOptions & { readonly agent?: string }): Promise<number> {
  if (run === undefined && o.agent === undefined) {
    printError('agentopz: name the run, or with --agent NAME the agent whose runs all stop\n')
    return 2
  }
  return setControl({ control: 'run', target: run ?? '*', ...given({ agent: o.agent }) }, (c) => typed(`control undo ${c.id}`, o), o)
}
