/** `agentopz drill`, its options; the work is in commands/drill.ts. */
import { type Command, InvalidArgumentError } from 'commander'
import { client } from './cli-controls.ts'
import { drillCommand, type DrillCommandOptions } from './commands/drill.ts'

/** Adds it. */
export function addDrillCommand(program: Command, exit: (code: number) => void): void {
  client(
    program
      .command('drill [names...]')
      .description(
        'make incidents on purpose, on agents of its own in a chain of its own, and see what becomes of them; without a name they are listed',
      ),
  )
    .option('--report <file>', 'write everything that was seen to a file, as JSON')
    .option('--keep', 'keep the temporary folder: database, configuration and logs')
    .option('--no-record', 'do not tell a running serve of the results, which agentopz ready reads')
    .option('--at-once <n>', 'drills at the same time; fewer where the machine is busy', whole, 8)
    .option('--seed <n>', "seed of the provider's answers", whole, 1)
    .action(async (names: string[], o: DrillCommandOptions) => exit(await drillCommand(names, o)))
}

function whole(text: string): number {
  const n = Number(text)
  if (!Number.isInteger(n) || n < 0) throw new InvalidArgumentError('write a whole number')
  return n
}
