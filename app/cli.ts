#!/usr/bin/env node
/**
 * The command line: one line per command here, its work in commands/. Contract: design §6.
 * Exit codes: 0 ok, 1 the thing asked failed, 2 usage or configuration.
 */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { VERSION } from './app.ts'
import { addControlCommands } from './cli-controls.ts'
import { addDrillCommand } from './cli-drill.ts'
import { addIncidentCommands } from './cli-incidents.ts'
import { addPlaybookCommands } from './cli-playbook.ts'
import { addReadyCommand } from './cli-ready.ts'
import { addStorageCommands } from './cli-storage.ts'
import { baselineCommand, type BaselineOptions } from './commands/baseline.ts'
import { checkConfig } from './commands/check-config.ts'
import { conformanceCommand } from './commands/conformance-command.ts'
import { demoCommand, upCommand } from './commands/demo.ts'
import { generate } from './commands/generate.ts'
import { journalInspect } from './commands/journal.ts'
import { print, printError } from './commands/output.ts'
import { replayCommand } from './commands/replay-command.ts'
import { triageCommand, type TriageOptions } from './commands/triage.ts'
import { serveCommand, type ServeOptions } from './commands/serve.ts'

function numberOption(text: string): number {
  const n = Number(text)
  if (!Number.isFinite(n) || n < 0) throw new InvalidArgumentError('write a number of 0 or more')
  return n
}

const configOption = (): Option => new Option('-c, --config <file>', 'configuration file (default: agentopz.yaml here, when there is one)')
const portOption = (what: string, port: number): Option =>
  new Option(`--${what}-port <port>`, `port for ${what}`).argParser(numberOption).default(port)

/** Builds the command line; `exit` takes the code of the command that ran. */
export function createProgram(exit: (code: number) => void): Command {
  const program = new Command('agentopz')
    .description('Incident management for AI agents: OpenTelemetry GenAI spans in, correct run metrics in Prometheus out.')
    .version(VERSION)
    .configureOutput({ writeOut: print, writeErr: printError })
    .showHelpAfterError('(agentopz --help shows the commands)')
    .exitOverride()
    .addHelpText(
      'after',
      '\nExamples:\n  agentopz serve                          receive OTLP on 4318 and 4317, metrics on 9464\n  agentopz demo                           watch an incident happen\n  agentopz check-config agentopz.yaml     every mistake at once\n  agentopz replay traces.jsonl.gz --now   send recorded OTLP/JSON lines as if they happened now\n  agentopz agent disable support-agent --reason "wrong refunds"   the fallback answers from now on\n',
    )
  const command = (spec: string, description: string): Command => program.command(spec).description(description).exitOverride()

  command('serve', 'receive OTLP and expose metrics')
    .addOption(configOption())
    .option('--processes <n>', 'processes that share the work; auto for one per core (default: the key processes)')
    .option('--memory-limit <size>', 'memory of the process: 512MiB, 80%, auto or off (default: the key limits.max_memory)')
    .action(async (o: ServeOptions & { config?: string }) => exit(await serveCommand(o.config, o)))
  command('up', 'serve, with Prometheus and Alertmanager beside it when they are installed')
    .addOption(configOption())
    .addOption(portOption('prometheus', 9090))
    .addOption(portOption('alertmanager', 9093))
    .option('--data <dir>', 'where they keep their data', '.agentopz')
    .action(async (o: { config?: string; prometheusPort: number; alertmanagerPort: number; data: string }) => exit(await upCommand(o)))
  command('demo', 'up, with a simulated fleet of agents and one incident, told as it happens')
    .addOption(configOption())
    .addOption(portOption('prometheus', 9090))
    .addOption(portOption('alertmanager', 9093))
    .option('--data <dir>', 'where they keep their data (default: a temporary folder, removed at the end)')
    .option('--healthy-seconds <n>', 'seconds before the incident', numberOption, 150)
    .option('--seconds <n>', 'end by itself after so long; 0 runs until Ctrl-C', numberOption, 0)
    .option('--seed <n>', 'seed of the simulation', numberOption)
    .action(async (o: Parameters<typeof demoCommand>[0]) => exit(await demoCommand(o)))
  command('check-config [file]', 'validate a configuration; every mistake at once')
    .option('--json', 'machine-readable')
    .action((file: string | undefined, o: { json?: boolean }) => exit(checkConfig(file, o.json === true)))
  command('replay <files...>', 'send recorded OTLP/JSON lines (.gz allowed) to an endpoint')
    .option('--endpoint <url>', 'OTLP/HTTP base URL', 'http://127.0.0.1:4318')
    .option('--speed <factor>', '1 keeps the recorded pace, 10 is ten times as fast, 0 as fast as the endpoint answers', numberOption, 0)
    .option('--now', 'shift times so that the recording ends now')
    .option('--token <token>', 'bearer token with the ingest role (default: AGENTOPZ_TOKEN)')
    .option('--json', 'machine-readable')
    .action(async (files: string[], o: { endpoint: string; speed: number; now?: boolean; token?: string; json?: boolean }) =>
      exit(await replayCommand(files, o)),
    )
  command('baseline', 'measure from Prometheus what is normal per agent and propose objectives as a diff of the configuration')
    .addOption(configOption())
    .option('--since <time>', 'how far to look back', '14d')
    .option('--agent <name...>', 'only these agents')
    .option('--environment <name>', 'only this environment')
    .option('--prometheus <url>', 'Prometheus to ask (default: the key prometheus)')
    .option('--timeout <seconds>', 'how long one answer of it may take', numberOption, 30)
    .option('--write', 'write the configuration; without it nothing is changed')
    .option('--replace', 'propose new values also where yours were set by hand')
    .option('--json', 'machine-readable, with everything that was measured')
    .action(async (o: BaselineOptions) => exit(await baselineCommand(o)))
  command('triage <agent>', 'which of prompt, tools, model and input moved, from Prometheus')
    .addOption(configOption())
    .option('--sli <name>', 'what failed', 'quality')
    .option('--tool <name>', 'tool of tool_error and tool_empty')
    .option('--environment <name>', 'environment of the agent', '')
    .option('--at <time>', 'when it was noticed (default: ten minutes ago)')
    .option('--prometheus <url>', 'Prometheus to ask (default: the key prometheus)')
    .option('--timeout <seconds>', 'how long one answer of it may take', numberOption, 30)
    .option('--json', 'machine-readable')
    .action(async (agent: string, o: TriageOptions) => exit(await triageCommand(agent, o)))
  addControlCommands(program, exit)
  addIncidentCommands(program, exit)
  addPlaybookCommands(program, exit)
  addReadyCommand(program, exit)
  addStorageCommands(program, exit)
  addDrillCommand(program, exit)
  command('conformance <dir>', 'compare the runs derived from OTLP/JSON lines with the truth recorded beside them')
    .option('--golden <file...>', 'further golden files')
    .option('--json', 'machine-readable')
    .action(async (dir: string, o: { golden?: string[]; json?: boolean }) => exit(await conformanceCommand(dir, o)))
  program
    .command('journal')
    .description('the journal of acknowledged requests')
    .command('inspect <dir>')
    .description('what it holds, and what of it is damaged; nothing is changed')
    .option('--json', 'machine-readable')
    .exitOverride()
    .action((dir: string, o: { json?: boolean }) => exit(journalInspect(dir, o.json === true)))
  command('generate', 'write the generated references')
    .option('--check', 'change nothing; exit 1 when a file is not what would be written')
    .action((o: { check?: boolean }) => exit(generate(o.check === true)))
  return program
}

/** Runs the command line and returns the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  let code = 0
  try {
    await createProgram((c) => (code = c)).parseAsync([...argv])
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    printError(`agentopz: ${error instanceof Error ? error.message : String(error)}\n`)
    return 1
  }
  return code
}

if (import.meta.main) process.exitCode = await main(process.argv)
