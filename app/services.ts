/**
 * Prometheus and Alertmanager as child processes, with the shipped rules, for `up` and `demo`.
 * Found on PATH under their own or Debian's names; missing ones are told with how to get them, never fatal.
 * Whatever was started is stopped with the parent, also when the parent dies.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants, createWriteStream, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { delimiter, join, resolve } from 'node:path'
import { stringify } from 'yaml'

export interface ServiceOptions {
  /** Where data, configuration and logs of the children go. */
  readonly dir: string
  /** host:port of our /metrics. */
  readonly target: string
  readonly scrapeSeconds: number
  readonly ruleFiles: readonly string[]
  /** host:port of our API, which takes Alertmanager's webhook; absent while there is none. */
  readonly webhookUrl?: string
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

const NAMES = { prometheus: ['prometheus'], alertmanager: ['alertmanager', 'prometheus-alertmanager'] } as const

/** Path of an executable on PATH, by any of its names. */
export function findProgram(names: readonly string[], path = process.env['PATH'] ?? ''): string | undefined {
  for (const name of names) {
    for (const dir of path.split(delimiter)) {
      const file = join(dir, name)
      try {
        accessSync(file, constants.X_OK)
        return file
      } catch {
        continue
      }
    }
  }
  return undefined
}

/** Starts what is installed and waits until each answers. */
export async function startServices(options: ServiceOptions): Promise<Services> {
  const notes: string[] = []
  const children: ChildProcess[] = []
  mkdirSync(options.dir, { recursive: true })
  const alertmanager = findProgram(NAMES.alertmanager)
  const prometheus = findProgram(NAMES.prometheus)
  const stop = async (): Promise<void> => {
    await Promise.all(children.map(stopChild))
  }
  try {
    const alertmanagerUrl = alertmanager === undefined ? undefined : await startAlertmanager(alertmanager, options, children, notes)
    const prometheusUrl =
      prometheus === undefined ? undefined : await startPrometheus(prometheus, options, alertmanagerUrl, { children, notes })
    if (prometheus === undefined) notes.push(MISSING('Prometheus', 'prometheus', 'https://prometheus.io/download'))
    if (alertmanager === undefined) notes.push(MISSING('Alertmanager', 'prometheus-alertmanager', 'https://prometheus.io/download'))
    return { prometheusUrl, alertmanagerUrl, notes, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

const MISSING = (what: string, debian: string, url: string): string =>
  `${what} is not installed, going on without it. Debian and Ubuntu: apt-get install ${debian} · others: ${url}`

async function startAlertmanager(program: string, options: ServiceOptions, children: ChildProcess[], notes: string[]): Promise<string> {
  const port = await freePort(options.alertmanagerPort, 'Alertmanager', notes)
  const file = join(options.dir, 'alertmanager.yml')
  const receiver = options.webhookUrl === undefined ? {} : { webhook_configs: [{ url: options.webhookUrl, send_resolved: true }] }
  writeFileSync(
    file,
    stringify({
      route: {
        receiver: 'agentopz',
        group_by: ['alertname', 'agent', 'environment'],
        group_wait: '5s',
        group_interval: '30s',
        repeat_interval: '4h',
      },
      receivers: [{ name: 'agentopz', ...receiver }],
    }),
  )
  children.push(
    startChild(
      'alertmanager',
      program,
      [
        `--config.file=${file}`,
        `--storage.path=${join(options.dir, 'alertmanager')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--cluster.listen-address=',
        '--log.level=warn',
      ],
      options.dir,
    ),
  )
  const url = `http://127.0.0.1:${port}`
  await waitReady(url, children.at(-1), join(options.dir, 'alertmanager.log'))
  return url
}

async function startPrometheus(
  program: string,
  options: ServiceOptions,
  alertmanagerUrl: string | undefined,
  into: { children: ChildProcess[]; notes: string[] },
): Promise<string> {
  const port = await freePort(options.prometheusPort, 'Prometheus', into.notes)
  const file = join(options.dir, 'prometheus.yml')
  const config = {
    global: { scrape_interval: `${options.scrapeSeconds}s`, evaluation_interval: `${options.scrapeSeconds}s` },
    rule_files: options.ruleFiles.map((f) => resolve(f)),
    ...(alertmanagerUrl === undefined
      ? {}
      : { alerting: { alertmanagers: [{ static_configs: [{ targets: [new URL(alertmanagerUrl).host] }] }] } }),
    scrape_configs: [{ job_name: 'agentopz', static_configs: [{ targets: [options.target] }] }],
  }
  writeFileSync(file, stringify(config))
  const args = [
    `--config.file=${file}`,
    `--storage.tsdb.path=${join(options.dir, 'prometheus')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--web.enable-lifecycle',
    '--enable-feature=exemplar-storage',
    '--log.level=warn',
  ]
  into.children.push(startChild('prometheus', program, args, options.dir))
  const url = `http://127.0.0.1:${port}`
  await waitReady(url, into.children.at(-1), join(options.dir, 'prometheus.log'))
  return url
}

function startChild(name: string, program: string, args: readonly string[], dir: string): ChildProcess {
  const log = createWriteStream(join(dir, `${name}.log`))
  // A group of its own: Ctrl-C reaches us first, and we stop the children in order.
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  child.stdout?.pipe(log, { end: false })
  child.stderr?.pipe(log, { end: false })
  child.on('error', () => undefined)
  const kill = (): void => void child.kill('SIGTERM')
  process.once('exit', kill)
  child.once('exit', () => process.off('exit', kill))
  return child
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((done) => child.once('exit', done))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 5000)
  await gone
  clearTimeout(timer)
}

/** The wanted port when it is free, else any free one, with a note. */
async function freePort(wanted: number, what: string, notes: string[]): Promise<number> {
  if (wanted !== 0 && (await isFree(wanted))) return wanted
  const port = await anyPort()
  if (wanted !== 0) notes.push(`port ${wanted} is taken, ${what} uses ${port}`)
  return port
}

function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const probe = createServer()
    probe.once('error', () => done(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => done(true)))
  })
}

function anyPort(): Promise<number> {
  return new Promise((done, fail) => {
    const probe = createServer()
    probe.once('error', fail)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => done(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

async function waitReady(url: string, child: ChildProcess | undefined, log: string): Promise<void> {
  for (let tries = 0; tries < 150; tries++) {
    if (child !== undefined && (child.exitCode !== null || child.signalCode !== null)) throw new Error(`it stopped at once; see ${log}`)
    try {
      const answer = await fetch(`${url}/-/ready`)
      if (answer.ok) return
    } catch {
      // Not listening yet.
    }
    await new Promise((done) => setTimeout(done, 100))
  }
  throw new Error(`${url} did not become ready within 15 s; see ${log}`)
}
