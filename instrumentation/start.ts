/**
 * Sets everything up, in the order that matters: fetch first, because SDKs take hold of it when their client is made; then what needs no module;
 * then module hooks; then the provider; then the controls, whose last known state is on disk. Nothing here throws into the application.
 */
import { isMainThread } from 'node:worker_threads'
import { ControlClient } from './controls/client.ts'
import { tlsFiles } from './export/target.ts'
import { installFetch } from './fetch/fetch.ts'
import { loadPrices } from './guards/prices.ts'
import { installHooks } from './hooks.ts'
import { recordIntervention } from './interventions.ts'
import { INTEGRATIONS } from './integrations/index.ts'
import { installLifecycle } from './lifecycle.ts'
import { contained, say, setLogLevel } from './log.ts'
import { setScopeVersion } from './otel.ts'
import { startProvider } from './provider.ts'
import { runtime } from './runtime.ts'
import { readSettings } from './settings.ts'
import { VERSION } from './version.ts'

export interface StartOptions {
  /** False for an application that adds `createSpanProcessor()` to an SDK of its own: no provider is made. */
  readonly provider?: boolean
}

/** Starts the instrumentation once per process. */
export function start({ provider = true }: StartOptions = {}): void {
  const shared = runtime()
  if (shared.active) return
  const problems: string[] = []
  const settings = readSettings(process.env, (problem) => problems.push(problem))
  shared.settings = settings
  setLogLevel(settings.logLevel)
  for (const problem of problems) say('warn', problem)
  if (settings.disabled) return
  shared.active = true
  setScopeVersion(VERSION)
  shared.runs.setDefaults({
    agent: settings.agent ?? 'unknown_service',
    ...(settings.agentVersion === undefined ? {} : { agentVersion: settings.agentVersion }),
  })
  contained('fetch', installFetch)
  const enabled = INTEGRATIONS.filter((i) => !settings.disabledIntegrations.has(i.name))
  for (const integration of enabled) contained(`integration ${integration.name}`, () => integration.start?.())
  contained('hooks', () => installHooks(enabled))
  contained('provider', () => startProvider(settings, process.env, provider))
  contained('controls', startControls)
  contained('lifecycle', () => installLifecycle(isMainThread))
  say('info', `version ${VERSION} is on for ${settings.agent ?? 'a service without a name; set OTEL_SERVICE_NAME'}`)
}

function startControls(): void {
  const { settings, guards } = runtime()
  if (settings.controlUrl === undefined) return
  const client = new ControlClient({
    url: settings.controlUrl,
    token: settings.token,
    ...(settings.controlUrl.startsWith('https:') ? { tls: tlsFiles(process.env, (problem) => say('warn', problem)) } : {}),
    cacheFile: settings.controlCache,
    coldDeadlineMs: settings.coldDeadlineMs,
    neverHeard: settings.neverHeard,
    service: settings.service,
    environment: settings.environment,
    changed: () => {
      // Limits in US dollars need the price table; nothing else does.
      if (client.text.includes('max_cost')) void loadPrices()
      guards.controlsChanged((run, refusal) => recordIntervention(run, refusal, 'aborted'))
    },
  })
  guards.controls = client
  client.start()
}
