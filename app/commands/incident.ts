/**
 * `agentopz incident list|show|ack|note|resolve|review`: what a running `serve` knows of incidents, as text or JSON.
 * The shapes here are the answers of HTTP (app/incidents/wire.ts) as far as they are printed.
 */
import { durationText, usdText } from '../../incidents/words.ts'
import { type ClientOptions, CommandFailure, runCommand, sayTable } from './control-client.ts'
import { given, time } from './control.ts'
import { print, say } from './output.ts'
import { typed } from './typed.ts'

export interface IncidentRow {
  readonly id: string
  readonly title: string
  readonly team: string
  readonly state: string
  readonly severity: string
  readonly drill: boolean
  readonly started_at: string
  readonly opened_at: string
  readonly acknowledged_by?: string
  readonly mitigated_at?: string
  readonly resolved_at?: string
  readonly firing: number
  readonly cause?: string
  readonly blast?: {
    readonly since: string
    readonly until?: string
    readonly runs?: number
    readonly failed_runs?: number
    readonly cost_usd?: number
  }
}

interface ActionAnswer {
  readonly id: string
  readonly kind: string
  readonly target: string
  readonly state: string
  readonly actor: string
  readonly reason: string
  readonly because?: string
  readonly expires_at?: string
  readonly verification?: { readonly verdict: string; readonly text: string }
}

interface IncidentAnswer extends Omit<IncidentRow, 'cause'> {
  readonly alerts: readonly { readonly name: string; readonly severity: string; readonly starts_at: string; readonly ends_at?: string }[]
  readonly timeline: readonly { readonly at: string; readonly kind: string; readonly text: string; readonly actor?: string }[]
  readonly triage?: {
    readonly summary: string
    readonly onset?: { readonly at: string }
    readonly findings: readonly { readonly verdict: string; readonly cause: string; readonly confidence: string; readonly text: string }[]
    readonly gaps: readonly string[]
  }
  readonly actions: readonly ActionAnswer[]
  readonly playbooks?: readonly { readonly playbook: string; readonly verdict: string; readonly text: string }[]
}

export interface ListOptions extends ClientOptions {
  readonly all?: boolean
  readonly state?: string
  readonly agent?: string
  readonly since?: string
}
export interface NoteOptions extends ClientOptions {
  readonly at?: string
  readonly reported?: boolean
}

export interface ActOptions extends ClientOptions {
  readonly do?: string
  readonly target?: string
  readonly reason?: string
  readonly expires?: string
  readonly fallback?: string
  readonly force?: boolean
}

const PATH = '/api/v1/incidents'
const pathOf = (id: string, what = ''): string => `${PATH}/${encodeURIComponent(id)}${what}`

export function incidentList(o: ListOptions): Promise<number> {
  const state = o.state ?? (o.all === true ? undefined : 'open,acknowledged,mitigated')
  const query = new URLSearchParams(given({ state, agent: o.agent, since: o.since, limit: 1000 }) as Record<string, string>)
  return runCommand(
    o,
    async (client) =>
      (await client.ask('GET', `${PATH}?${query.toString()}`)) as { readonly incidents: readonly IncidentRow[]; readonly total: number },
    ({ incidents, total }) => {
      if (incidents.length === 0) return say(o.all === true || o.state !== undefined ? 'no such incident' : 'no incident is open')
      sayTable(
        ['id', 'state', 'severity', 'opened', 'by', 'what', 'cause'],
        incidents.map((i) => [
          i.id,
          i.state,
          i.severity,
          time(i.opened_at),
          i.acknowledged_by ?? '',
          `${i.title}${i.drill ? ' (drill)' : ''}`,
          i.cause ?? '',
        ]),
      )
      if (total > incidents.length)
        say(`${total - incidents.length} older ones are not shown; narrow it down with --since, --agent or --state`)
    },
  )
}

export function incidentShow(id: string, o: ClientOptions): Promise<number> {
  return runCommand(
    o,
    async (client) => (await client.ask('GET', pathOf(id))) as IncidentAnswer,
    (i) => show(i, o),
  )
}

export function incidentAck(id: string, o: ClientOptions): Promise<number> {
  return change(id, 'acknowledge', {}, (i) => `${i.acknowledged_by ?? ''} has ${i.id}: ${i.title}`, o)
}

export function incidentNote(id: string, text: string, o: NoteOptions): Promise<number> {
  return change(id, 'note', { text, ...given({ at: o.at, reported: o.reported }) }, (i) => `it is in the timeline of ${i.id}`, o)
}

export function incidentResolve(id: string, o: ClientOptions & { readonly reason: string }): Promise<number> {
  return change(id, 'resolve', { text: o.reason }, (i) => resolvedText(i), o)
}

export function incidentReview(id: string, o: ClientOptions): Promise<number> {
  return runCommand(
    o,
    async (client) => ({ id, markdown: await client.read(pathOf(id, '/review')) }),
    ({ markdown }) => print(markdown.endsWith('\n') ? markdown : `${markdown}\n`),
  )
}

/** Takes a proposal, or with `--do` does what was not proposed. */
export function incidentAct(id: string, proposal: string | undefined, o: ActOptions): Promise<number> {
  const { do: action, target, reason, expires, fallback, force } = o
  return runCommand(
    o,
    async (client) => {
      if ((proposal === undefined) === (action === undefined))
        throw new CommandFailure(`name a proposal of ${id} (${typed(`incident show ${id}`, o)}), or an action with --do; one of the two`, 2)
      if (action !== undefined && reason === undefined) throw new CommandFailure('say why, with --reason', 2)
      const body = { actor: client.actor, ...given({ proposal, action, target, reason, expires, fallback }) }
      return (await client.ask('POST', pathOf(id, `/actions${force === true ? '?force=1' : ''}`), body)) as ActionAnswer
    },
    (a) =>
      say(
        `${a.id} is in force: ${a.kind} ${a.target}${a.expires_at === undefined ? '' : `, until ${time(a.expires_at)}`}; the runs after it are looked at`,
      ),
  )
}

export function incidentUndo(id: string, action: string, o: ClientOptions & { readonly reason: string }): Promise<number> {
  return runCommand(
    o,
    async (client) =>
      (await client.ask('DELETE', pathOf(id, `/actions/${encodeURIComponent(action)}`), {
        actor: client.actor,
        reason: o.reason,
      })) as ActionAnswer,
    (a) => say(`${a.id} (${a.kind} ${a.target}) is ${a.state}`),
  )
}

function change(id: string, what: string, body: object, text: (i: IncidentAnswer) => string, o: ClientOptions): Promise<number> {
  return runCommand(
    o,
    async (client) => (await client.ask('POST', pathOf(id, `/${what}`), { ...body, actor: client.actor })) as IncidentAnswer,
    (i) => say(text(i)),
  )
}

function resolvedText({ id, firing }: IncidentAnswer): string {
  if (firing === 0) return `${id} is resolved`
  return `${id} is resolved; ${firing} of its alerts still ${firing === 1 ? 'fires' : 'fire'}, and only a new one would open it again`
}

function show(i: IncidentAnswer, o: ClientOptions): void {
  say(`${i.id}  ${i.title}${i.drill ? '  (drill)' : ''}`)
  const has = i.acknowledged_by === undefined ? '' : `, ${i.acknowledged_by} has it`
  say(`${i.state}, ${i.severity}, since ${time(i.started_at)}${i.team === '' ? '' : `, team ${i.team}`}${has}`)
  const blast = blastText(i)
  if (blast !== '') say(blast)
  if (i.triage !== undefined) {
    say('')
    say(`cause     ${i.triage.summary}`)
    for (const f of i.triage.findings) say(`  ${f.verdict.replace('_', ' ').padEnd(11)}  ${f.cause} (${f.confidence}): ${f.text}`)
    for (const gap of i.triage.gaps) say(`  missing      ${gap}`)
  }
  for (const a of i.actions.filter((x) => x.state !== 'withdrawn')) sayAction(i.id, a, o)
  const waiting = i.playbooks?.filter((p) => p.verdict === 'waits' || p.verdict === 'does_not_apply') ?? []
  if (waiting.length > 0) say('')
  for (const p of waiting) say(`playbook  ${p.playbook} ${p.verdict === 'waits' ? 'waits' : 'does not apply'}: ${p.text}`)
  say('')
  sayTable(
    ['at', 'what', 'by', ''],
    i.timeline.map((e) => [e.at.slice(0, 19).replace('T', ' '), e.kind.replaceAll('_', ' '), e.actor ?? '', e.text]),
  )
}

function sayAction(incident: string, a: ActionAnswer, o: ClientOptions): void {
  say('')
  const isProposed = a.state === 'proposed'
  say(
    `${isProposed ? 'proposal ' : 'action   '} ${a.id}  ${a.kind} ${a.target}${isProposed ? '' : `: ${a.state.replace('_', ' ')}`}, by ${a.actor}: ${a.reason}`,
  )
  if (isProposed) say(`  take it with: ${typed(`incident act ${incident} ${a.id}`, o)}`)
  if (a.because !== undefined && a.because !== '') say(`  ${isProposed ? 'not done by itself: ' : ''}${a.because}`)
  if (a.verification !== undefined) say(`  ${a.verification.text}`)
}

function blastText({ blast, started_at, mitigated_at, resolved_at }: IncidentAnswer): string {
  const until = Date.parse(blast?.until ?? mitigated_at ?? resolved_at ?? new Date().toISOString())
  const parts = [
    `${durationText(until - Date.parse(blast?.since ?? started_at))}${mitigated_at === undefined && resolved_at === undefined ? ' so far' : ''}`,
    ...(blast?.runs === undefined ? [] : [`${blast.runs} runs`]),
    ...(blast?.failed_runs === undefined ? [] : [`${blast.failed_runs} failed`]),
    ...(blast?.cost_usd === undefined ? [] : [usdText(blast.cost_usd)]),
  ]
  return parts.join(', ')
}
