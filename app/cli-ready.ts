/** `agentopz ready`; its work is in commands/ready.ts. It asks a running `serve` over HTTP. */
import { type Command, InvalidArgumentError } from 'commander'
import { client } from './cli-controls.ts'
import { type ReadyOptions, readyCommand } from './commands/ready.ts'

/** Adds it. */
export function addReadyCommand(program: Command, exit: (code: number) => void): void {
  client(program.command('ready [agent]').description('whether an incident would find agents prepared: a score, and what is wanting'))
    .option('--min-score <n>', 'exit with 1 under it (default: readiness.min_score)', score)
    .action(async (agent: string | undefined, o: ReadyOptions) => exit(await readyCommand(agent, o)))
}

function score(text: string): number {
  const n = Number(text)
  if (text.trim() === '' || !(n >= 0 && n <= 100)) throw new InvalidArgumentError('write a number from 0 to 100')
  return n
}
