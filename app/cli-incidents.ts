/** The commands about incidents, one line each; their work is in commands/. They ask a running `serve` over HTTP. */
import { type Command, InvalidArgumentError } from 'commander'
import { client } from './cli-controls.ts'
import type { ClientOptions } from './commands/control-client.ts'
import {
  type ActOptions,
  incidentAck,
  incidentAct,
  incidentList,
  incidentNote,
  incidentResolve,
  incidentReview,
  incidentShow,
  incidentUndo,
  type ListOptions,
  type NoteOptions,
} from './commands/incident.ts'
import { duration } from './duration.ts'
import { ACTION_KINDS } from '../model/incident.ts'

type Exit = (code: number) => void

/** Adds them. */
export function addIncidentCommands(program: Command, exit: Exit): void {
  const incident = program.command('incident').description('incidents: what alerts were made into, what caused it, what was done')
  client(incident.command('list').description('those that are not resolved, newest first'))
    .option('--all', 'resolved ones too')
    .option('--state <states>', 'only these: open, acknowledged, mitigated, resolved, with commas between')
    .option('--agent <name>', 'only of this agent')
    .option('--since <time>', 'only those opened since: 24h, or a time')
    .action(async (o: ListOptions) => exit(await incidentList(o)))
  client(incident.command('show <id>').description('all of one: alerts, timeline, cause, actions')).action(
    async (id: string, o: ClientOptions) => exit(await incidentShow(id, o)),
  )
  client(incident.command('ack <id>').description('say that you have it')).action(async (id: string, o: ClientOptions) =>
    exit(await incidentAck(id, o)),
  )
  client(incident.command('note <id> <text>').description('add to its timeline'))
    .option('--at <time>', 'when it happened: a time, or how long ago, such as 20m', when)
    .option('--reported', 'somebody noticed the trouble then, by themselves')
    .action(async (id: string, text: string, o: NoteOptions) => exit(await incidentNote(id, text, o)))
  client(incident.command('act <id> [proposal]').description('do what a playbook proposes, or with --do something else'))
    .option('--do <action>', `what: ${ACTION_KINDS.join(', ')}`)
    .option('--target <name>', 'the tool or the release')
    .option('--reason <text>', 'why; it is in the audit')
    .option('--expires <time>', 'when a control lapses: 4h, a time, or never')
    .option('--fallback <text>', 'what answers instead of the agent or the tool')
    .option('--force', 'for a tool that nobody has seen')
    .action(async (id: string, proposal: string | undefined, o: ActOptions) => exit(await incidentAct(id, proposal, o)))
  client(incident.command('undo <id> <action>').description('undo an action'))
    .requiredOption('--reason <text>', 'why; it is in the audit')
    .action(async (id: string, action: string, o: ClientOptions & { readonly reason: string }) => exit(await incidentUndo(id, action, o)))
  client(incident.command('resolve <id>').description('say that it is over, whatever its alerts say'))
    .requiredOption('--reason <text>', 'why; it is in the timeline')
    .action(async (id: string, o: ClientOptions & { readonly reason: string }) => exit(await incidentResolve(id, o)))
  client(incident.command('review <id>').description('its post-incident review, as Markdown')).action(
    async (id: string, o: ClientOptions) => exit(await incidentReview(id, o)),
  )
}

/** A time, or so long ago; as the server takes it. */
function when(text: string): string {
  const ago = /^[\d.]+[smhdw]/.test(text) ? duration.safeParse(text) : undefined
  const ms = ago === undefined ? Date.parse(text) : ago.success ? Date.now() - ago.data * 1000 : Number.NaN
  if (Number.isNaN(ms)) throw new InvalidArgumentError('write a time such as 2026-12-01T08:00:00Z, or how long ago: 20m')
  return new Date(ms).toISOString()
}
