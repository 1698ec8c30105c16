/**
 * `agentopz release publish|list|activate|rollback`. A release file is YAML or JSON: `version`, `prompts` (texts by name), `config`, `model`,
 * each of them optional.
 */
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { type ClientOptions, CommandFailure, runCommand, sayTable } from './control-client.ts'
import { given, time } from './control.ts'
import { say } from './output.ts'
import { quoted, typed } from './typed.ts'

interface ReleaseAnswer {
  readonly agent: string
  readonly version: string
  readonly is_active: boolean
  readonly published_at: string
  readonly actor: string
  readonly prompts: readonly string[]
  readonly config: readonly string[]
  readonly model?: string
  /** Absent where a release was just published. */
  readonly verdict?: string
  readonly verdict_text?: string
  readonly runs?: number | null
  readonly good_share?: number | null
}

interface ActivationAnswer {
  readonly agent: string
  readonly active: string
  readonly former: string | null
  /** Of a rollback: why this one. */
  readonly choice?: { readonly because: string; readonly text: string }
  readonly changes: readonly { readonly path: string; readonly kind: string }[]
  readonly held: readonly { readonly id: string; readonly version: string; readonly environment: string }[]
}

export interface PublishOptions extends ClientOptions {
  readonly activate?: boolean
  readonly releaseVersion?: string
  readonly reason?: string
}

export function releasePublish(agent: string, file: string, o: PublishOptions): Promise<number> {
  return runCommand(
    o,
    async (client) => {
      const body = { ...readRelease(file), ...given({ version: o.releaseVersion, reason: o.reason, activate: o.activate }) }
      return (await client.ask('POST', pathOf(agent), { ...body, actor: client.actor })) as ReleaseAnswer
    },
    (r) => {
      say(`${agent} has release ${r.version}${r.is_active ? ', and it is active' : ''}`)
      if (!r.is_active) say(`activate it: ${typed(`release activate ${quoted(agent)} ${quoted(r.version)}`, o)}`)
    },
  )
}

export function releaseList(agent: string, o: ClientOptions): Promise<number> {
  return runCommand(
    o,
    async (client) => (await client.ask('GET', pathOf(agent))) as { readonly releases: readonly ReleaseAnswer[] },
    ({ releases }) => {
      if (releases.length === 0) say(`no release of ${agent} was published`)
      else
        sayTable(
          ['version', 'active', 'objectives', 'runs', 'good', 'published', 'by', 'model', 'holds'],
          releases.map((r) => [
            r.version,
            r.is_active ? 'yes' : '',
            (r.verdict ?? 'unknown').replaceAll('_', ' '),
            r.runs === null || r.runs === undefined ? '-' : String(r.runs),
            r.good_share === null || r.good_share === undefined ? '-' : `${(Math.floor(r.good_share * 1000 + 1e-9) / 10).toFixed(1)} %`,
            time(r.published_at),
            r.actor,
            r.model ?? '',
            [...r.prompts.map((p) => `prompts.${p}`), ...r.config.map((c) => `config.${c}`)].join(' '),
          ]),
        )
      // Where nothing is known of any of them, for one reason: that Prometheus does not answer.
      const [first] = releases
      if (first?.verdict === 'unknown' && first.verdict_text !== undefined) say(`objectives: ${first.verdict_text}`)
    },
  )
}

export function releaseActivate(agent: string, version: string, o: ClientOptions & { readonly reason?: string }): Promise<number> {
  return move(agent, `${pathOf(agent)}/${encodeURIComponent(version)}/activate`, o)
}

export interface RollbackOptions extends ClientOptions {
  readonly reason?: string
  /** To the one before, whatever is known of it. */
  readonly former?: boolean
}

export function releaseRollback(agent: string, o: RollbackOptions): Promise<number> {
  return move(agent, `${pathOf(agent)}/rollback`, o, { to: o.former === true ? 'former' : undefined })
}

function move(
  agent: string,
  path: string,
  o: ClientOptions & { readonly reason?: string },
  more: Readonly<Record<string, unknown>> = {},
): Promise<number> {
  return runCommand(
    o,
    async (client) =>
      (await client.ask('POST', path, { actor: client.actor, ...given({ reason: o.reason, ...more }) })) as ActivationAnswer,
    (a) => {
      say(`${agent} reads release ${a.active}${a.former === null ? '' : ` instead of ${a.former}`}`)
      if (a.choice !== undefined) say(`  ${a.choice.text}`)
      for (const { path: what, kind } of a.changes) say(`  ${kind} ${what}`)
      for (const h of a.held)
        say(
          `but ${h.id} holds ${h.version}${h.environment === '' ? '' : ` in ${h.environment}`}; let it go: ${typed(`control undo ${h.id}`, o)}`,
        )
    },
  )
}

function readRelease(file: string): object {
  let content: unknown
  try {
    content = parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new CommandFailure(`${file}: ${error instanceof Error ? error.message : String(error)}`, 2)
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content))
    throw new CommandFailure(`${file}: a release is a map of prompts, config and model`, 2)
  return content
}

function pathOf(agent: string): string {
  return `/api/v1/releases/${encodeURIComponent(agent)}`
}
