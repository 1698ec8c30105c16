/** The commands that control running agents, one line each; their work is in commands/. They ask a running `serve` over HTTP. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { agentDisable, agentEnable } from './commands/agent.ts'
import type { ClientOptions } from './commands/control-client.ts'
import { controlList, controlUndo, type SetOptions, type UndoOptions } from './commands/control.ts'
import {
  releaseActivate,
  releaseList,
  releasePublish,
  releaseRollback,
  type PublishOptions,
  type RollbackOptions,
} from './commands/release.ts'
import { runStop } from './commands/run.ts'
import { toolClose, toolOpen } from './commands/tool.ts'
import { expires } from './controls/wire.ts'

type Exit = (code: number) => void
type OfAgent = { readonly agent?: string }

/** Adds them. */
export function addControlCommands(program: Command, exit: Exit): void {
  const agent = program.command('agent').description('switch an agent off and on')
  setting(agent.command('disable <agent>').description('answer with the fallback instead of calling models'))
    .option('--fallback <text>', 'what answers instead: a message or a URL (default: the one configured)')
    .action(async (name: string, o: SetOptions) => exit(await agentDisable(name, o)))
  undoing(agent.command('enable <agent>').description('undo that')).action(async (name: string, o: UndoOptions) =>
    exit(await agentEnable(name, o)),
  )

  const tool = program.command('tool').description("open a tool's breaker and close it")
  setting(tool.command('open <tool>').description('refuse calls of a tool'))
    .option('--agent <name>', 'only those of this agent')
    .option('--fallback <text>', 'what the model is told instead (default: the one configured)')
    .action(async (name: string, o: SetOptions & OfAgent) => exit(await toolOpen(name, o)))
  undoing(tool.command('close <tool>').description('undo that'))
    .option('--agent <name>', 'only what was opened for this agent')
    .action(async (name: string, o: UndoOptions & OfAgent) => exit(await toolClose(name, o)))

  const run = program.command('run').description('stop runs')
  setting(run.command('stop [run]').description('stop one run, or with --agent alone all that it has under way'))
    .option('--agent <name>', 'the agent')
    .action(async (id: string | undefined, o: SetOptions & OfAgent) => exit(await runStop(id, o)))

  const control = program.command('control').description('controls in force')
  client(control.command('list').description('what is in force'))
    .option('--all', 'and what was done last')
    .action(async (o: ClientOptions & { all?: boolean }) => exit(await controlList(o)))
  undoing(control.command('undo <id>').description('undo one')).action(async (id: string, o: UndoOptions) => exit(await controlUndo(id, o)))

  addReleaseCommands(program, exit)
}

function addReleaseCommands(program: Command, exit: Exit): void {
  const release = program.command('release').description("versions of an agent's prompts and configuration")
  const reason = (): Option => new Option('--reason <text>', 'why')
  client(release.command('publish <agent> <file>').description('publish prompts, config and model from a YAML or JSON file'))
    .option('--activate', 'and activate it')
    .option('--release-version <name>', 'its version (default: the one in the file, else the hash of its content)')
    .addOption(reason())
    .action(async (name: string, file: string, o: PublishOptions) => exit(await releasePublish(name, file, o)))
  client(release.command('list <agent>').description('what was published, which is active, and which met its objectives')).action(
    async (name: string, o: ClientOptions) => exit(await releaseList(name, o)),
  )
  client(release.command('activate <agent> <version>').description('let the agent read this one'))
    .addOption(reason())
    .action(async (name: string, version: string, o: ClientOptions & { reason?: string }) => exit(await releaseActivate(name, version, o)))
  client(
    release
      .command('rollback <agent>')
      .description('back to the last one that met its objectives; where that is not known, to the one before'),
  )
    .option('--former', 'to the one before, whatever is known of it')
    .addOption(reason())
    .action(async (name: string, o: RollbackOptions) => exit(await releaseRollback(name, o)))
}

/** Options of every command that asks a running `serve`. */
export function client(command: Command): Command {
  return command
    .option('-c, --config <file>', 'configuration to take the address from (default: agentopz.yaml here, when there is one)')
    .option('--url <url>', 'where agentopz listens (default: listen of the configuration)')
    .option('--token <token>', 'bearer token (default: AGENTOPZ_TOKEN)')
    .option('--ca-file <file>', 'PEM file with the authority of its certificate (or set NODE_EXTRA_CA_CERTS)')
    .option('--cert-file <file>', 'PEM file with a certificate to show, where tls.client_ca_file asks for one')
    .option('--key-file <file>', 'PEM file with its key')
    .option('--actor <name>', 'who does it (default: you at this host)')
    .option('--json', 'machine-readable')
}

function setting(command: Command): Command {
  return client(command)
    .requiredOption('--reason <text>', 'why; it is in the audit, the metrics and the error that the agent gets')
    .addOption(new Option('--expires <time>', 'when it lapses: 4h, a time, or never (default: controls.default_expiry)').argParser(expiry))
    .option('--environment <name>', 'only in this environment')
    .option('--force', 'take a name that nobody configured and nobody has seen')
}

function undoing(command: Command): Command {
  return client(command).option('--reason <text>', 'why').option('--environment <name>', 'only in this environment')
}

function expiry(text: string): string {
  const parsed = expires.safeParse(text)
  if (!parsed.success) throw new InvalidArgumentError('write a duration such as 4h, a time such as 2026-12-01T08:00:00Z, or never')
  return text
}
