/**
 * `agentopz control list|undo`, and what the commands for agents, tools and runs are made of: setting a control, and undoing those that match.
 * The shapes here are the answers of HTTP (app/controls/wire.ts) as far as they are printed.
 */
import { type Client, type ClientOptions, CommandFailure, runCommand, sayTable } from './control-client.ts'
import { say } from './output.ts'
import { typed } from './typed.ts'

export interface ControlAnswer {
  readonly id: string
  readonly control: string
  readonly agent: string
  readonly target: string
  readonly environment: string
  readonly state: string
  readonly reason: string
  readonly actor: string
  readonly created_at: string
  readonly expires_at: string | null
  readonly replaced?: readonly string[]
}

interface AuditAnswer {
  readonly at: string
  readonly action: string
  readonly control: string
  readonly id?: string
  readonly agent: string
  readonly target: string
  readonly environment: string
  readonly reason: string
  readonly actor: string
}

/** An attempt to act that was refused. */
interface RefusedAnswer {
  readonly at: string
  readonly endpoint: string
  readonly status: number
  readonly token: string | null
  readonly address: string | null
  readonly left_out: number
}

export interface SetOptions extends ClientOptions {
  readonly reason: string
  readonly environment?: string
  readonly expires?: string
  readonly fallback?: string
  readonly force?: boolean
}

export interface UndoOptions extends ClientOptions {
  readonly reason?: string
  readonly environment?: string
}

/** Sets a control and says what is in force now, until when, and how to undo it. */
export function setControl(
  about: { readonly control: string; readonly agent?: string; readonly target?: string },
  undo: (c: ControlAnswer) => string,
  o: SetOptions,
  more?: (client: Client, id: string) => Promise<string>,
): Promise<number> {
  const body = { ...about, reason: o.reason, ...given({ environment: o.environment, expires: o.expires, fallback: o.fallback }) }
  const path = `/api/v1/controls${o.force === true ? '?force=1' : ''}`
  return runCommand(
    o,
    async (client) => {
      const control = (await client.ask('POST', path, { ...body, actor: client.actor })) as ControlAnswer
      // The control is in force, whatever more can be said of it.
      const text = await more?.(client, control.id).catch((error: unknown) => (error instanceof Error ? error.message : String(error)))
      return text === undefined ? control : { ...control, note: text }
    },
    (c: ControlAnswer & { readonly note?: string }) => {
      say(`${nameOf(c)} is ${c.state} ${c.expires_at === null ? 'until it is undone' : `until ${time(c.expires_at)}`} (${c.id})`)
      if (c.replaced !== undefined) say(`it takes the place of ${c.replaced.join(', ')}`)
      if (c.note !== undefined) say(c.note)
      say(`undo: ${undo(c)}`)
    },
  )
}

/** Undoes every control that matches; that there is none is a failure, for whoever asks believes otherwise. */
export function undoControls(what: string, matches: (c: ControlAnswer) => boolean, o: UndoOptions): Promise<number> {
  return runCommand(
    o,
    async (client) => {
      const found = (await inForce(client)).filter((c) => matches(c) && (o.environment === undefined || c.environment === o.environment))
      if (found.length === 0)
        throw new CommandFailure(
          `no control in force is about ${what}; see: ${typed('control list', given({ url: o.url, config: o.config }))}`,
        )
      for (const c of found) await undoOne(client, c.id, o.reason ?? 'undone by hand')
      return { undone: found }
    },
    ({ undone }) => undone.forEach((c) => say(`${nameOf(c)} is no longer ${c.state} (${c.id})`)),
  )
}

/** `agentopz control undo`. */
export function controlUndo(id: string, o: UndoOptions): Promise<number> {
  return runCommand(
    o,
    (client) => undoOne(client, id, o.reason ?? 'undone by hand'),
    () => say(`${id} is undone`),
  )
}

/** `agentopz control list`. */
export function controlList(o: ClientOptions & { readonly all?: boolean }): Promise<number> {
  return runCommand(
    o,
    async (client) =>
      (await client.ask('GET', `/api/v1/controls${o.all === true ? '?all=1' : ''}`)) as {
        readonly controls: readonly ControlAnswer[]
        readonly audit?: readonly AuditAnswer[]
        readonly refused?: readonly RefusedAnswer[]
      },
    ({ controls, audit, refused = [] }) => {
      if (controls.length === 0) say('no control is in force')
      else
        sayTable(
          ['id', 'control', 'agent', 'target', 'environment', 'state', 'until', 'by', 'reason'],
          controls.map((c) => [
            c.id,
            c.control,
            c.agent === '' ? 'all' : c.agent,
            c.target,
            c.environment === '' ? 'all' : c.environment,
            c.state,
            c.expires_at === null ? 'undone' : time(c.expires_at),
            c.actor,
            c.reason,
          ]),
        )
      if (audit === undefined) return
      say('')
      sayTable(
        ['at', 'action', 'control', 'agent', 'target', 'environment', 'by', 'reason'],
        audit.map((e) => [time(e.at), e.action, e.control, e.agent, e.target, e.environment, e.actor, e.reason]),
      )
      if (refused.length === 0) return
      say('')
      sayTable(
        ['at', 'refused', 'status', 'token', 'from', 'left out before'],
        refused.map((r) => [time(r.at), r.endpoint, String(r.status), r.token ?? '-', r.address ?? '-', String(r.left_out)]),
      )
    },
  )
}

async function inForce(client: Client): Promise<readonly ControlAnswer[]> {
  return ((await client.ask('GET', '/api/v1/controls')) as { readonly controls: readonly ControlAnswer[] }).controls
}

function undoOne(client: Client, id: string, reason: string): Promise<unknown> {
  return client.ask('DELETE', `/api/v1/controls/${encodeURIComponent(id)}`, { reason, actor: client.actor })
}

/** Without the keys that are not given. */
export function given(all: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(all).filter(([, v]) => v !== undefined))
}

function nameOf(c: ControlAnswer): string {
  const where = c.environment === '' ? '' : ` in ${c.environment}`
  const of = c.agent === '' ? '' : ` of ${c.agent}`
  if (c.control === 'agent') return `agent ${c.agent}${where}`
  if (c.control === 'run' && c.target === '*') return `every run under way${of}${where}`
  return `${c.control} ${c.target}${of}${where}`
}

/** A time as people read it: to the minute, in UTC. */
export function time(iso: string): string {
  return `${iso.slice(0, 16).replace('T', ' ')} UTC`
}
