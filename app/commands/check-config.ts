/** `agentopz check-config [FILE]`. */
import { DEFAULT_FILE, loadConfig } from '../config.ts'
import { pipelineSettings, relayEndpoints, SettingsError } from '../settings.ts'
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
  if (config.auth.tokens.length === 0) say('  auth: none; everybody who can connect may send, read and reload')
  return 0
}

function filesOf(loaded: Extract<ReturnType<typeof loadConfig>, { ok: true }>): readonly string[] {
  try {
    pipelineSettings(loaded.config, loaded.dir)
    return []
  } catch (error) {
    if (error instanceof SettingsError) return error.problems
    throw error
  }
}
