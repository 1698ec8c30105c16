/**
 * `agentopz up`: a started app → Prometheus with the shipped rules and Alertmanager with the generated routes beside it, until aborted.
 * Nobody is told of alerts from here (the receivers have no address); they show in Alertmanager's own pages.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { alertmanagerConfig } from '../../alert-rules/alertmanager.ts'
import { RULE_FILES } from '../../alert-rules/rules.ts'
import type { App } from '../app.ts'
import { type Services, startServices } from '../services.ts'
import { aborted } from './start.ts'

export interface UpOptions {
  readonly dir: string
  readonly prometheusPort: number
  readonly alertmanagerPort: number
  /** Teams of the configuration, which get routes of their own. */
  readonly teams: readonly string[]
  readonly say: (line: string) => void
  /** Aborts when the operator wants out. */
  readonly signal: AbortSignal
}

/** A file or folder that ships with this version. In the repository sources run as they are; in the package they sit one deeper, in dist. */
export function shipped(path: string): string | undefined {
  const here = fileURLToPath(new URL('.', import.meta.url))
  return [join(here, '../..', path), join(here, '../../..', path)].find((f) => existsSync(f))
}

/** The rule files that ship with this version. */
export function shippedRuleFiles(): readonly string[] {
  return Object.keys(RULE_FILES)
    .map((name) => shipped(`alert-rules/${name}`))
    .filter((file) => file !== undefined)
}

/** Runs `up` until aborted. */
export async function up(app: App, options: UpOptions): Promise<void> {
  const services = await startServices({
    dir: options.dir,
    target: `127.0.0.1:${app.ports.listen}`,
    scrapeSeconds: 15,
    ruleFiles: shippedRuleFiles(),
    alertmanager: alertmanagerConfig({ teams: options.teams, urlOf: () => undefined }),
    prometheusPort: options.prometheusPort,
    alertmanagerPort: options.alertmanagerPort,
  })
  try {
    introduce(app, services, options.say)
    options.say('Point any OpenTelemetry SDK or Collector at the OTLP address. Ctrl-C stops everything that was started here.')
    if (services.prometheusUrl !== undefined)
      options.say(
        'Each agent is held against its own baseline: shares after an hour or two, volumes after a day, times of the week after a week.',
      )
    await aborted(options.signal)
  } finally {
    await services.stop()
  }
}

/** Where everything listens, and what is missing. */
export function introduce(app: App, services: Services, say: (line: string) => void): void {
  say(`agentopz      http://127.0.0.1:${app.ports.listen}/metrics`)
  const grpc = app.ports.otlpGrpc === undefined ? '' : `, 127.0.0.1:${app.ports.otlpGrpc} (gRPC)`
  if (app.ports.otlpHttp !== undefined) say(`OTLP          http://127.0.0.1:${app.ports.otlpHttp} (HTTP)${grpc}`)
  if (services.prometheusUrl !== undefined) say(`Prometheus    ${services.prometheusUrl}`)
  if (services.alertmanagerUrl !== undefined) say(`Alertmanager  ${services.alertmanagerUrl}`)
  for (const note of services.notes) say(`note          ${note}`)
}
