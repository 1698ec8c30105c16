/**
 * The servers under measurement: agentopz and the Collector, each on one core, each with its own sink to send on to and a page of metrics
 * that is scraped every 15 seconds. CPU and memory are read from /proc, so the same clock judges both.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { freePort } from '../../app/free-port.ts'

const TOP = join(import.meta.dirname, '../..')
const TICK_SECONDS = 0.01

export interface Contender {
  readonly name: string
  /** Starts it on the core, with an endpoint to send on to. */
  start(sinkPort: number, dir: string): Promise<Running>
}

export interface Running {
  readonly pid: number
  readonly port: number
  /** CPU seconds since it started. */
  cpuSeconds(): number
  peakMiB(): number
  rssMiB(): number
  /** Its page of metrics. */
  page(): Promise<string>
  /** Spans that its own metrics say it took. */
  spans(): Promise<number>
  stop(): Promise<void>
}

const SERVER_CORE = '0'
export const LOAD_CORE = '1'

/** `command` on one core where the system can pin. */
export function pinned(core: string, command: readonly string[]): readonly [string, readonly string[]] {
  const [program = '', ...args] = process.platform === 'linux' ? ['taskset', '-c', core, ...command] : command
  return [program, args]
}

/** agentopz as it is started from a configuration file, every default as it comes but what `more` says; from its sources unless it was built. */
export function agentopz(more = '', program = join(TOP, 'app/cli.ts')): Contender {
  return {
    name: 'agentopz',
    start: async (sinkPort, dir) => {
      const [port, page] = [await anyPort(), await anyPort()]
      const config = `receive: { otlp_http: 127.0.0.1:${port}, otlp_grpc: off }
listen: 127.0.0.1:${page}
relay: [{ otlp_http: 'http://127.0.0.1:${sinkPort}' }]
storage: 'sqlite:${join(dir, 'bench.db')}'
${more}`
      const file = join(dir, 'agentopz.yaml')
      writeFileSync(file, config)
      const command = [process.execPath, program, 'serve', '--config', file]
      return running({
        command,
        dir,
        name: 'agentopz',
        port,
        page,
        ready: '/-/ready',
        counter: 'agentopz_spans_received_total',
      })
    },
  }
}

export interface CollectorOptions {
  readonly name: string
  readonly program: string
  readonly compression: 'gzip' | 'none'
  readonly queue: boolean
  readonly gogc?: string
}

/**
 * The Collector: otlp → span_metrics and otlp_http, with the dimensions that our metrics have. Without the key attributes it would keep metrics per
 * instance of a service, which every body here is of another, and fill gigabytes; ours are per agent and environment.
 */
export function collector(o: CollectorOptions): Contender {
  return {
    name: o.name,
    start: async (sinkPort, dir) => {
      const [port, page] = [await anyPort(), await anyPort()]
      const file = join(dir, 'collector.yaml')
      writeFileSync(file, collectorConfig(o, { port, page, sinkPort }))
      const env = { GOMAXPROCS: '1', ...(o.gogc === undefined ? {} : { GOGC: o.gogc }) }
      const command = [o.program, '--config', file]
      return running({
        command,
        dir,
        name: 'collector',
        port,
        page,
        ready: '/metrics',
        env,
        counter: 'traces_span_metrics_calls_total',
      })
    },
  }
}

function collectorConfig(o: CollectorOptions, at: { readonly port: number; readonly page: number; readonly sinkPort: number }): string {
  const dimensions = 'operation.name provider.name request.model response.model agent.name tool.name'
    .split(' ')
    .map((d) => `{ name: gen_ai.${d} }`)
  return `receivers: { otlp: { protocols: { http: { endpoint: '127.0.0.1:${at.port}', max_request_body_size: 67108864 } } } }
connectors:
  span_metrics:
    histogram: { unit: s, explicit: { buckets: [10ms, 20ms, 40ms, 80ms, 160ms, 320ms, 640ms, 1280ms, 2560ms, 5120ms, 10240ms, 20480ms, 40960ms, 81920ms] } }
    dimensions: [${dimensions.join(', ')}, { name: error.type }]
    metrics_flush_interval: 15s
    aggregation_cardinality_limit: 8192
    resource_metrics_key_attributes: [service.name, deployment.environment.name]
exporters:
  otlp_http: { endpoint: 'http://127.0.0.1:${at.sinkPort}', compression: ${o.compression}, sending_queue: { enabled: ${o.queue} }, retry_on_failure: { enabled: false } }
  prometheus: { endpoint: '127.0.0.1:${at.page}', write_timeout: 300s }
service:
  telemetry: { metrics: { level: none }, logs: { level: error } }
  pipelines:
    traces: { receivers: [otlp], exporters: [otlp_http, span_metrics] }
    metrics: { receivers: [span_metrics], exporters: [prometheus] }
`
}

interface Start {
  readonly command: readonly string[]
  readonly dir: string
  readonly name: string
  readonly port: number
  readonly page: number
  readonly ready: string
  /** Of spans that it took. */
  readonly counter: string
  readonly env?: Readonly<Record<string, string>>
}

async function running(s: Start): Promise<Running> {
  const [program, args] = pinned(SERVER_CORE, s.command)
  const log = openSync(join(s.dir, `${s.name}.log`), 'a')
  const child = spawn(program, args, { stdio: ['ignore', log, log], cwd: s.dir, env: { ...process.env, ...s.env } })
  const url = `http://127.0.0.1:${s.page}`
  await ready(child, `${url}${s.ready}`, join(s.dir, `${s.name}.log`))
  const scrape = async (): Promise<string> => (await fetch(`${url}/metrics`)).text()
  const scraping = setInterval(() => void scrape().catch(() => undefined), 15_000)
  const pid = child.pid ?? 0
  return {
    pid,
    port: s.port,
    cpuSeconds: () => cpuSecondsOf(pid),
    peakMiB: () => memoryMiB(pid, 'VmHWM'),
    rssMiB: () => memoryMiB(pid, 'VmRSS'),
    page: scrape,
    spans: async () => sumOf(await scrape(), s.counter),
    stop: async () => {
      clearInterval(scraping)
      const gone = new Promise((done) => child.once('exit', done))
      child.kill('SIGKILL')
      await gone
    },
  }
}

/** All series of a metric together. A label's value may hold braces: a route does. */
export function sumOf(page: string, metric: string): number {
  const values = page.split('\n').flatMap((line) => {
    if (line.startsWith(`${metric} `)) return [line.slice(metric.length + 1)]
    return line.startsWith(`${metric}{`) ? [line.slice(line.lastIndexOf('} ') + 2)] : []
  })
  return values.reduce((sum, value) => sum + Number(value.split(' ', 1)[0]), 0)
}

async function ready(child: ChildProcess, url: string, log: string): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (child.exitCode !== null) break
    try {
      const answer = await fetch(url)
      await answer.text()
      if (answer.ok) return
    } catch {
      // Not listening yet.
    }
    await wait(100)
  }
  child.kill('SIGKILL')
  throw new Error(`the server did not become ready at ${url}; see ${log}`)
}

/** User and system time of a process, its ended threads included. */
export function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_SECONDS
}

function memoryMiB(pid: number, what: 'VmHWM' | 'VmRSS'): number {
  const [, kB] = new RegExp(`${what}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kB ?? Number.NaN) / 1024
}

const anyPort = (): Promise<number> => freePort(0, () => undefined)
