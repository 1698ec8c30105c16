/** The commands about playbooks, one line each; their work is in commands/. */
import { type Command, InvalidArgumentError } from 'commander'
import { playbookTest, type PlaybookTestOptions } from './commands/playbook.ts'

/** Adds them. */
export function addPlaybookCommands(program: Command, exit: (code: number) => void): void {
  const playbook = program.command('playbook').description('what is proposed or done about incidents')
  playbook
    .command('test [name]')
    .description('what playbooks would have done about past incidents, and whether that would have been right')
    .option('-c, --config <file>', 'configuration file (default: agentopz.yaml here, when there is one)')
    .option('--since <time>', 'how far to look back', '14d')
    .option('--agent <name>', 'only incidents of this agent')
    .option('--prometheus <url>', 'Prometheus to ask (default: the key prometheus)')
    .option('--timeout <seconds>', 'how long one answer of it may take', seconds, 30)
    .option('--json', 'machine-readable')
    .action(async (name: string | undefined, o: PlaybookTestOptions) => exit(await playbookTest(name, o)))
}

function seconds(text: string): number {
  const n = Number(text)
  if (!Number.isFinite(n) || n <= 0) throw new InvalidArgumentError('write a number of seconds')
  return n
}
