/**
 * `agentopz up`: a started app → Prometheus with the shipped rules and Alertmanager with the generated routes beside it, until aborted.
 * No person is told of alerts from here (the receivers have no address); they show in Alertmanager's own pages, and as incidents here.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { alertmanagerConfig, type AlertmanagerOptions } from '../../alert-rules/alertmanager.ts'
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
  /** Token that our webhook takes; absent where it asks for none. */
  readonly webhookToken?: string
  /** Told where they listen, so that what asks Prometheus asks this one. */
  readonly found: (services: Services) => void
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
    alertmanager: alertmanagerConfig({ ...webhookTo(app, options), teams: options.teams, urlOf: () => undefined }),
    prometheusPort: options.prometheusPort,
    alertmanagerPort: options.alertmanagerPort,
  })
  try {
    options.found(services)
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

/** Our webhook as a receiver; none where we do not listen. */
export function webhookTo(app: App, options: Pick<UpOptions, 'webhookToken'>): Pick<AlertmanagerOptions, 'webhookUrl' | 'webhookToken'> {
  if (app.ports.listen === 0) return {}
  const token = options.webhookToken === undefined ? {} : { webhookToken: options.webhookToken }
  return { webhookUrl: `http://127.0.0.1:${app.ports.listen}/api/v1/alerts`, ...token }
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
