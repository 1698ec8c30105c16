/** Shared by serve, up and demo: configuration → a started app, signals → a graceful end. */
import { type App, type AppOptions, createApp, VERSION } from '../app.ts'
import { type Loaded, loadConfig } from '../config.ts'
import type { Config } from '../config-schema.ts'
import { createLog, type Logger } from '../log.ts'
import { SettingsError } from '../settings.ts'
import { printError } from './output.ts'

export interface Started {
  readonly app: App
  readonly log: Logger
  readonly config: Config
  /** Folder that relative paths in it start from. */
  readonly dir: string
  /** Aborts on SIGINT or SIGTERM; a second signal ends the process at once. */
  readonly signal: AbortSignal
}

/** Loads, wires and starts. Returns the exit code when that fails, after saying why. `scale` as in AppOptions. */
export async function startApp(
  file: string | undefined,
  change: (config: Config) => Config = (c) => c,
  scale = 1,
): Promise<Started | 1 | 2> {
  const loaded = loadConfig(file, process.env)
  if (!loaded.ok) return refuse(loaded.problems)
  const config = change(loaded.config)
  const log = createLog(config.log)
  // Before anything is begun that a signal's default action would leave behind: processes, folders, a locked journal.
  const signal = endSignal(log)
  const hangUp = holdingHangUps()
  let app: App
  try {
    const again = (): readonly string[] => reload(app, file, log)
    const reloading = loaded.file === undefined ? {} : { reload: again }
    app = createApp({ config, dir: loaded.dir, log, scale, ...reloading, ...(await dataPathOf(config)) })
  } catch (error) {
    if (error instanceof SettingsError) return refuse(error.problems)
    throw error
  }
  const late = (): void => log.info('it is still starting, and stops after that; a second signal ends it at once')
  signal.addEventListener('abort', late)
  try {
    await app.start()
  } catch (error) {
    printError(`agentopz: ${error instanceof Error ? error.message : String(error)}\n`)
    return 1
  }
  signal.removeEventListener('abort', late)
  hangUp(() => void reload(app, file, log))
  return { app, log, config, dir: loaded.dir, signal }
}

/** Takes SIGHUP from now on; what is given is done for each, and at once if there was one before. */
function holdingHangUps(): (handle: () => void) => void {
  let isWanted = false
  let heard = (): void => void (isWanted = true)
  process.on('SIGHUP', () => heard())
  return (handle) => {
    heard = handle
    if (isWanted) handle()
  }
}

/** In one process nothing of several is loaded. */
async function dataPathOf(config: Config): Promise<Pick<AppOptions, 'dataPath'>> {
  if (config.processes === 1) return {}
  const { createShards, processesOf } = await import('../processes/shards.ts')
  const count = processesOf(config)
  return count === 1 ? {} : { dataPath: (parts) => createShards(parts, { count, version: VERSION }) }
}

function refuse(problems: readonly string[]): 2 {
  for (const p of problems) printError(`${p}\n`)
  return 2
}

function reload(app: App, file: string | undefined, log: Logger): readonly string[] {
  const loaded: Loaded = loadConfig(file, process.env)
  const problems = loaded.ok ? app.apply(loaded.config, loaded.dir) : loaded.problems
  if (!loaded.ok) app.metrics.set('agentopz_config_reload_successful', {}, 0, Date.now())
  if (problems.length === 0) log.info('configuration reloaded; addresses, limits, relays and metrics options change at the next start')
  else log.error({ problems }, 'configuration refused, the old one stays')
  return problems
}

/** Aborts on SIGINT or SIGTERM; a second signal ends the process at once. */
export function endSignal(log?: Logger): AbortSignal {
  const controller = new AbortController()
  const onSignal = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(1)
    log?.debug({ signal: name }, 'stopping')
    controller.abort()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  // npm hands SIGTERM to the shell it runs scripts with, and that dies of it without telling us: without this `kill` of npm would leave us behind.
  const parent = process.ppid
  if (process.env['npm_lifecycle_event'] !== undefined)
    setInterval(() => {
      if (process.ppid !== parent && !controller.signal.aborted) onSignal('SIGTERM')
    }, 500).unref()
  return controller.signal
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) done()
    else signal.addEventListener('abort', () => done(), { once: true })
  })
}
