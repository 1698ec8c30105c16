/** `agentopz check-config [FILE]`. */
import { type Role, rolesOf } from '../auth.ts'
import { DEFAULT_FILE, loadConfig } from '../config.ts'
import type { Config } from '../config-schema.ts'
import { isLoopbackHost } from '../controls/local.ts'
import { pipelineSettings, relayEndpoints, SettingsError } from '../settings.ts'
import { loadTls } from '../tls.ts'
import { printError, say } from './output.ts'

/** Validates and tells what would run; returns the exit code. */
export function checkConfig(file: string | undefined, json: boolean): number {
  const loaded = loadConfig(file, process.env)
  const problems = loaded.ok ? filesOf(loaded) : loaded.problems
  if (json) say(JSON.stringify({ file: file ?? DEFAULT_FILE, ok: problems.length === 0, problems }))
  else for (const p of problems) printError(`${p}\n`)
  if (!loaded.ok || problems.length > 0) return 2
  if (json) return 0
  const { config } = loaded
  const at = (a: { host: string; port: number } | undefined): string => (a === undefined ? 'off' : `${a.host}:${a.port}`)
  say(`${loaded.file ?? 'no file, defaults only'}: ok`)
  say(`  OTLP/HTTP ${at(config.receive.otlp_http)} · OTLP/gRPC ${at(config.receive.otlp_grpc)} · metrics ${at(config.listen)}`)
  say(
    `  relays: ${
      relayEndpoints(config)
        .map((r) => `${r.name} (${r.signals.join(', ')})`)
        .join(', ') || 'none'
    }`,
  )
  say(`  agents configured: ${Object.keys(config.agents).join(', ') || 'none; the defaults apply to every agent'}`)
  const tls = loadTls(config.tls, loaded.dir, Date.now())
  if (tls === undefined) say('  tls: none')
  else for (const { certificate, atMs } of tls.expires) say(`  tls: ${certificate} expires ${new Date(atMs).toISOString().slice(0, 10)}`)
  for (const warning of tls?.warnings ?? []) say(`  tls: ${warning}`)
  say(`  auth: ${authText(config)}`)
  return 0
}

const MAY: readonly (readonly [Role, string])[] = [
  ['ingest', 'send'],
  ['read', 'read'],
  ['operate', 'act'],
]

/** Who may do what: a role that no token has is the mistake that is seen too late. */
export function authText(config: Config): string {
  const { tokens, protect_metrics: isProtected } = config.auth
  if (tokens.length === 0) return `none; everybody who can connect may send and read, ${actors(config)}`
  const counts = Object.groupBy(tokens, (t) => t.role)
  const listed = MAY.flatMap(([role]) => {
    const { length = 0 } = counts[role] ?? {}
    return length === 0 ? [] : [tokens.length === 1 ? role : `${length} ${role}`]
  }).join(', ')
  const roles = rolesOf(tokens)
  const nobody = MAY.flatMap(([role, verb]) => (roles.has(role) ? [] : [verb]))
  const missing = nobody.length === 0 ? '' : `; nobody may ${nobody.join(' or ')}`
  return `${tokens.length} token${tokens.length === 1 ? '' : 's'} (${listed})${missing}; /metrics ${isProtected ? 'takes a read token' : 'takes none'}`
}

function actors({ auth, listen }: Config): string {
  const isHere = listen === undefined || isLoopbackHost(listen.host)
  return auth.operate_without_token === 'loopback' && isHere ? 'this machine may act' : 'nobody may act'
}

function filesOf(loaded: Extract<ReturnType<typeof loadConfig>, { ok: true }>): readonly string[] {
  try {
    pipelineSettings(loaded.config, loaded.dir)
    loadTls(loaded.config.tls, loaded.dir, Date.now())
    return []
  } catch (error) {
    if (error instanceof SettingsError) return error.problems
    throw error
  }
}
