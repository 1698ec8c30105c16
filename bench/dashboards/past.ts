/**
 * A fleet's past, made by the real processor: simulated agents send OTLP over HTTP to an app whose clock is set, minute by minute, and what
 * it exposes is kept as OpenMetrics with those times. Only the clock is false. In: a scenario. Out: files for `promtool tsdb`.
 * Series that nobody asks for are left out, and those only dashboards ask for are kept for the last hours: loading is most of the work.
 */
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { type App, createApp } from '../../app/app.ts'
import { parseConfig } from '../../app/config.ts'
import { AGENTS, seeded, type SimulatedAgent, type Trouble } from '../../app/fleet/sketch.ts'
import { createLog } from '../../app/log.ts'
import { BAD_SPAN, livedRun, type Sent, UNREADABLE } from './life.ts'

export interface Episode {
  readonly agent: string
  readonly trouble: Trouble
  /** Hours before the end. */
  readonly fromHours: number
  readonly toHours: number
}

export interface Scenario {
  /** Where the past ends, Unix seconds; a whole hour. */
  readonly end: number
  readonly days: number
  /** Hours before the end that are kept whole and scraped every minute. */
  readonly wholeHours: number
  /** Multiplies the traffic of the simulated fleet. */
  readonly rate: number
  readonly seed: number
  readonly episodes: readonly Episode[]
  /** Series that are kept for all of the past, by name. */
  readonly keep: (series: string) => boolean
  /** Series that are kept for the last hours. */
  readonly keepLate: (series: string) => boolean
}

export interface Past {
  readonly files: readonly string[]
  /** What the app exposed last, exemplars and all. */
  readonly lastScrape: string
  /** Exemplars of histograms in the last hours: what promtool cannot load. */
  readonly exemplars: readonly Exemplar[]
  readonly runs: number
  readonly samples: number
}

export interface Exemplar {
  readonly series: string
  readonly agent: string
  readonly at: number
  readonly value: number
}

const TARGET = 'job="agentopz",instance="127.0.0.1:9464"'
const MINUTE = 60
/** Steps of the clock where open runs matter, so that few are open at once, as in life. */
const FINE = 15
/** Hours before the end in which part of one agent's calls goes to a model that nobody has a price for. */
const OWN_MODEL_HOURS = 5
/** Runs have settled by then. */
const LATE = 40
const READY_SECONDS = 300
/** promtool holds a file's block in memory; half a day is plenty. */
const FILE_SECONDS = 43_200

const CONFIG = (relay: number): string => `
receive: { otlp_http: '127.0.0.1:0', cors_origins: [] }
listen: 127.0.0.1:0
log: { level: silent }
shutdown: { grace_seconds: 1 }
relay: [{ name: tempo, otlp_http: 'http://127.0.0.1:${relay}', max_age_seconds: 86400, initial_backoff_seconds: 0.05 }]
runs: { remember_seconds: 1800 }
evaluations: { groundedness: { pass_at_least: 0.7 } }
defaults: { quality: 0.95 }
agents:
${AGENTS.map((a) => `  ${a.name}: { team: ${a.team} }`)
  .join('\n')
  .replace(
    '{ team: support }',
    '{ team: support, quality: { target: 0.97 }, cost_usd: { per_run: 0.006 }, steps: { per_run: 10 }, duration_seconds: { per_run: 8 } }',
  )}
`

/** Makes it; `dir` gets the files. The clock of the whole process is false meanwhile. */
export async function makePast(s: Scenario, dir: string): Promise<Past> {
  const now = Date.now
  const random = seeded(s.seed)
  const sink = await traceStore()
  const port = (sink.address() as { port: number }).port
  const loaded = parseConfig(CONFIG(port), 'past.yaml', {})
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'))
  let at = s.end - s.days * 86_400
  // The only thing that is not real.
  Date.now = () => at * 1000
  const app = createApp({ config: loaded.config, dir: loaded.dir, log: createLog(loaded.config.log) })
  try {
    await app.start()
    const recorder = new Recorder(s, dir, app)
    let runs = 0
    let later: readonly { readonly body: object; readonly at: number }[] = []
    while (at < s.end) {
      const late = at >= s.end - s.wholeHours * 3600
      const scrapeEvery = late ? MINUTE : 2 * MINUTE
      const step = late ? FINE : scrapeEvery
      for (let t = 0; t < scrapeEvery; t += step) {
        at += step
        const sent = AGENTS.flatMap((agent) => runsOf(agent, s, at, step, random))
        runs += sent.length
        const due = later.filter((l) => l.at <= at)
        later = [...later.filter((l) => l.at > at), ...sent.flatMap((r) => r.later.map((body) => ({ body, at: at + LATE })))]
        await send(app, [...due.map((l) => l.body), ...sent.flatMap((r) => r.now)])
        app.pipeline.sweep(at * 1000)
        judge(app, sent, at)
      }
      if (late && random() < 0.05) await nuisance(app, at, random)
      // By itself it looks at readiness every few minutes of a clock that is not this one.
      if (late && at % READY_SECONDS === 0) await readinessAsked(app)
      await recorder.scrape(at, late)
    }
    return { ...(await recorder.end()), runs }
  } finally {
    Date.now = now
    await app.stop()
    sink.closeAllConnections()
    sink.close()
  }
}

/** The agent's runs that end in the step before `at`: Poisson, with a day's rhythm. */
function runsOf(agent: SimulatedAgent, s: Scenario, at: number, step: number, random: () => number): readonly Sent[] {
  const hour = (at % 86_400) / 3600
  const rhythm = 0.65 + 0.5 * Math.sin(((hour - 8) / 24) * 2 * Math.PI)
  const mean = (agent.runsPerMinute * s.rate * rhythm * step) / MINUTE
  const hoursLeft = (s.end - at) / 3600
  const trouble = s.episodes.find((e) => e.agent === agent.name && hoursLeft < e.fromHours && hoursLeft >= e.toHours)?.trouble ?? 'none'
  const how = { trouble, ownModel: hoursLeft < OWN_MODEL_HOURS }
  const out: Sent[] = []
  for (let n = poisson(mean, random); n > 0; n--) out.push(livedRun(agent, how, (at - random() * step) * 1000, random))
  return out
}

async function readinessAsked(app: App): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${app.ports.listen}/api/v1/readiness`)
  if (!answer.ok) throw new Error(`readiness: ${answer.status} ${await answer.text()}`)
  await answer.body?.cancel()
}

function poisson(mean: number, random: () => number): number {
  let n = 0
  for (let p = random(); p > Math.exp(-mean); p *= random()) n++
  return n
}

function judge(app: App, sent: readonly Sent[], at: number): void {
  for (const { evaluation, traceId } of sent) if (evaluation !== undefined) app.pipeline.evaluation(evaluation, traceId, '', at * 1000)
}

async function send(app: App, bodies: readonly object[]): Promise<void> {
  if (bodies.length === 0) return
  const resourceSpans = bodies.flatMap((b) => (b as { resourceSpans: readonly object[] }).resourceSpans)
  const status = await post(app, JSON.stringify({ resourceSpans }))
  if (status !== 200) throw new Error(`the processor answered ${status} to the simulated fleet`)
}

async function post(app: App, body: string): Promise<number> {
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`http://127.0.0.1:${app.ports.otlpHttp}/v1/traces`, { method: 'POST', headers, body })
  await answer.arrayBuffer()
  return answer.status
}

/** Requests that cannot be read, and feedback on a run that nobody knows, which is given up on after a while. */
async function nuisance(app: App, at: number, random: () => number): Promise<void> {
  await post(app, UNREADABLE)
  await post(app, BAD_SPAN)
  const nobody = Array.from({ length: 32 }, () => Math.floor(random() * 15 + 1).toString(16)).join('')
  app.pipeline.evaluation({ name: 'user_feedback', label: 'bad', source: 'feedback' }, nobody, '', at * 1000)
}

/** Takes what the relay sends, as a trace store would: now and then it is too busy, and now and then it refuses for good. */
async function traceStore(): Promise<Server> {
  let taken = 0
  const server = createServer((request, response) => {
    taken++
    const status = taken % 997 === 0 ? 400 : taken % 211 === 0 ? 503 : 200
    request.resume().on('end', () => response.writeHead(status).end())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

/** Scrapes the app as Prometheus would and writes what is kept, half a day a file. */
class Recorder {
  readonly #scenario: Scenario
  readonly #dir: string
  readonly #app: App
  #files: string[] = []
  #out: ReturnType<typeof createWriteStream> | undefined
  #fileEnds = 0
  #last = ''
  #samples = 0
  readonly #exemplars = new Map<string, Exemplar>()

  constructor(scenario: Scenario, dir: string, app: App) {
    this.#scenario = scenario
    this.#dir = dir
    this.#app = app
  }

  async scrape(at: number, late: boolean): Promise<void> {
    const began = performance.now()
    const answer = await fetch(`http://127.0.0.1:${this.#app.ports.listen}/metrics`, {
      headers: { accept: 'application/openmetrics-text;version=1.0.0' },
    })
    this.#last = await answer.text()
    const took = (performance.now() - began) / 1000
    const { keep, keepLate } = this.#scenario
    const lines: string[] = []
    let all = 0
    for (const line of this.#last.split('\n')) {
      if (line === '' || line.startsWith('#')) continue
      all++
      const brace = line.indexOf('{')
      const space = line.indexOf(' ')
      const bare = brace < 0 || brace > space
      const name = line.slice(0, bare ? space : brace)
      if (!keep(name) && !(late && keepLate(name))) continue
      const exemplar = line.indexOf(' # {')
      const sample = exemplar < 0 ? line : line.slice(0, exemplar)
      if (late && exemplar > 0 && name.endsWith('_bucket')) this.#note(name, line)
      lines.push(bare ? `${name}{${TARGET}}${sample.slice(space)} ${at}` : `${name}{${TARGET},${sample.slice(brace + 1)} ${at}`)
    }
    lines.push(
      `up{${TARGET}} 1 ${at}`,
      `scrape_duration_seconds{${TARGET}} ${took} ${at}`,
      `scrape_samples_scraped{${TARGET}} ${all} ${at}`,
    )
    this.#samples += lines.length
    await this.#write(lines, at)
  }

  async end(): Promise<Pick<Past, 'files' | 'lastScrape' | 'exemplars' | 'samples'>> {
    await this.#close()
    return { files: this.#files, lastScrape: this.#last, exemplars: [...this.#exemplars.values()], samples: this.#samples }
  }

  /** A bucket shows its last exemplar until it has another: each is noted once. */
  #note(series: string, line: string): void {
    const [, trace = '', value = '', at = ''] = /# \{trace_id="(\w+)"\} (\S+) (\S+)$/.exec(line) ?? []
    const agent = /agent="([^"]*)"/.exec(line)?.[1] ?? ''
    if (trace !== '') this.#exemplars.set(`${series} ${trace}`, { series, agent, at: Number(at), value: Number(value) })
  }

  async #write(lines: readonly string[], at: number): Promise<void> {
    if (at >= this.#fileEnds) {
      await this.#close()
      const file = join(this.#dir, `past-${this.#files.length}.om`)
      this.#files.push(file)
      this.#out = createWriteStream(file)
      this.#fileEnds = (Math.floor(at / FILE_SECONDS) + 1) * FILE_SECONDS
    }
    if (this.#out?.write(`${lines.join('\n')}\n`) === false) await once(this.#out, 'drain')
  }

  async #close(): Promise<void> {
    const out = this.#out
    if (out === undefined) return
    await new Promise<void>((done, fail) => {
      out.once('error', fail)
      out.end('# EOF\n', () => done())
    })
  }
}
