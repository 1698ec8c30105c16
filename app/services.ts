/**
 * Prometheus and Alertmanager as child processes, with our rules and our Alertmanager configuration, for `up`, `demo` and tests.
 * Found on PATH under their own or Debian's names; missing ones are told with how to get them, never fatal.
 * Whatever was started is stopped with the parent, also when the parent dies.
 */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { stringify } from 'yaml'
import { alertmanagerConfig, type AlertmanagerConfig } from '../alert-rules/alertmanager.ts'
import { type Child, findProgram, startChild, stopChild, waitReady } from './child-program.ts'
import { freePort } from './free-port.ts'
import { alertmanagerYaml } from './generate-alertmanager.ts'

export interface ServiceOptions {
  /** Where data, configuration and logs of the children go. */
  readonly dir: string
  /** host:port of our /metrics. */
  readonly target: string
  readonly scrapeSeconds: number
  readonly ruleFiles: readonly string[]
  /** Our API, which takes Alertmanager's webhook; absent while there is none. Ignored when `alertmanager` is given. */
  readonly webhookUrl?: string
  /** Routes, inhibition and receivers; without it the generated ones with the default pager, and receivers that tell nobody. */
  readonly alertmanager?: AlertmanagerConfig
  /** Labels that every alert of this Prometheus carries to Alertmanager. */
  readonly alertLabels?: Readonly<Record<string, string>>
  /** How often Prometheus tells Alertmanager again of what still fires. Its own default is a minute. */
  readonly resendSeconds?: number
  readonly prometheusPort: number
  readonly alertmanagerPort: number
}

export interface Services {
  readonly prometheusUrl: string | undefined
  readonly alertmanagerUrl: string | undefined
  /** What to tell the reader: missing programs, other ports. */
  readonly notes: readonly string[]
  stop(): Promise<void>
}

/** What is being started, for whoever has to stop it when a later step fails. */
interface Starting {
  readonly children: Child[]
  readonly notes: string[]
}

const NAMES = { prometheus: ['prometheus'], alertmanager: ['alertmanager', 'prometheus-alertmanager'] } as const

/** Starts what is installed and waits until each answers. */
export async function startServices(options: ServiceOptions): Promise<Services> {
  const starting: Starting = { children: [], notes: [] }
  const { notes } = starting
  mkdirSync(options.dir, { recursive: true })
  const alertmanager = findProgram(NAMES.alertmanager)
  const prometheus = findProgram(NAMES.prometheus)
  const stop = async (): Promise<void> => {
    await Promise.all(starting.children.map(stopChild))
  }
  try {
    const alertmanagerUrl = alertmanager === undefined ? undefined : await startAlertmanager(alertmanager, options, starting)
    const prometheusUrl = prometheus === undefined ? undefined : await startPrometheus(prometheus, options, alertmanagerUrl, starting)
    if (prometheus === undefined) notes.push(missing('Prometheus', 'prometheus'))
    if (alertmanager === undefined) notes.push(missing('Alertmanager', 'prometheus-alertmanager'))
    return { prometheusUrl, alertmanagerUrl, notes, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function missing(what: string, debian: string): string {
  return `${what} is not installed, going on without it. Debian and Ubuntu: apt-get install ${debian} · others: https://prometheus.io/download`
}

async function startAlertmanager(program: string, options: ServiceOptions, starting: Starting): Promise<string> {
  const port = await portFor('Alertmanager', options.alertmanagerPort, starting)
  const file = join(options.dir, 'alertmanager.yml')
  const webhook = options.webhookUrl === undefined ? {} : { webhookUrl: options.webhookUrl }
  const config = options.alertmanager ?? alertmanagerConfig({ teams: [], urlOf: () => undefined, ...webhook })
  // For its owner's eyes: a token of ours may be in it.
  writeFileSync(file, alertmanagerYaml(config), { mode: 0o600 })
  chmodSync(file, 0o600)
  const url = `http://127.0.0.1:${port}`
  const args = [
    `--config.file=${file}`,
    `--storage.path=${join(options.dir, 'alertmanager')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    `--web.external-url=${url}`,
    '--cluster.listen-address=',
    '--log.level=warn',
  ]
  await started(startChild('alertmanager', program, args, options.dir), url, starting)
  return url
}

async function startPrometheus(
  program: string,
  options: ServiceOptions,
  alertmanagerUrl: string | undefined,
  starting: Starting,
): Promise<string> {
  const port = await portFor('Prometheus', options.prometheusPort, starting)
  const url = `http://127.0.0.1:${port}`
  const file = join(options.dir, 'prometheus.yml')
  const every = `${options.scrapeSeconds}s`
  writeFileSync(
    file,
    stringify({
      global: {
        scrape_interval: every,
        evaluation_interval: every,
        ...(options.alertLabels === undefined ? {} : { external_labels: options.alertLabels }),
      },
      rule_files: options.ruleFiles.map((f) => resolve(f)),
      ...(alertmanagerUrl === undefined
        ? {}
        : { alerting: { alertmanagers: [{ static_configs: [{ targets: [new URL(alertmanagerUrl).host] }] }] } }),
      scrape_configs: [
        { job_name: 'agentopz', static_configs: [{ targets: [options.target] }] },
        // AgentopzRulesFailing reads what Prometheus says of its own rules.
        {
          job_name: 'prometheus',
          scrape_interval: `${Math.max(options.scrapeSeconds, 5)}s`,
          static_configs: [{ targets: [new URL(url).host] }],
        },
      ],
    }),
  )
  const args = [
    `--config.file=${file}`,
    `--storage.tsdb.path=${join(options.dir, 'prometheus')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    `--web.external-url=${url}`,
    '--web.enable-lifecycle',
    '--enable-feature=exemplar-storage',
    '--log.level=warn',
    ...(options.resendSeconds === undefined ? [] : [`--rules.alert.resend-delay=${options.resendSeconds}s`]),
  ]
  await started(startChild('prometheus', program, args, options.dir), url, starting)
  return url
}

async function started(child: Child, url: string, starting: Starting): Promise<void> {
  starting.children.push(child)
  await waitReady(url, child)
}

function portFor(what: string, wanted: number, { notes }: Starting): Promise<number> {
  return freePort(wanted, (port) => notes.push(`port ${wanted} is taken, ${what} uses ${port}`))
}
