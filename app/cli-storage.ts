/** `agentopz storage copy`; its work is in commands/storage.ts. */
import type { Command } from 'commander'
import { copyCommand } from './commands/storage.ts'

/** Adds it. */
export function addStorageCommands(program: Command, exit: (code: number) => void): void {
  program
    .command('storage')
    .description('what is stored: controls, their audit, releases, incidents, drills')
    .command('copy <from> <to>')
    .description('copy everything into an empty storage, each sqlite:PATH or postgres://USER@HOST/DATABASE; stop agentopz first')
    .option('--json', 'machine-readable')
    .action(async (from: string, to: string, o: { readonly json?: true }) => exit(await copyCommand(from, to, o)))
}
