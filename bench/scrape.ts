/**
 * `npm run bench:scrape [-- SERIES [OPEN_RUNS]]`: `/metrics` with 50,000 series over HTTP, and with 50,000 open runs all of which changed since it was
 * scraped last, by another process: how long it takes, how large it is, and the longest time the event loop stood still meanwhile, which is how long a
 * span may have to wait. Series are made by runs, as in a server; open runs by spans. Writes its section of docs/performance.md.
 */
import { execFile } from 'node:child_process'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import { serve } from '@hono/node-server'
import type { Run } from '../model/run.ts'
import { createDecoder } from '../processor/decode/index.ts'
import { DEFAULT_SETTINGS } from '../processor/default-settings.ts'
import { INTEREST } from '../processor/dialects/index.ts'
import { createMetrics } from '../processor/metrics.ts'
import { openRunGauges } from '../processor/open-runs.ts'
import { readSpan } from '../processor/read-span.ts'
import { createRecorder } from '../processor/record.ts'
import { DEFAULT_RUN_LIMITS, Runs } from '../processor/runs/runs.ts'
import { keep, ranOn } from './results.ts'
import { runBodies, SPANS_PER_RUN } from './state/run-bodies.ts'
import { median, spread } from './wire/rounds.ts'

const wanted = Number(process.argv[2] ?? 50_000)
const wantedOpen = Number(process.argv[3] ?? 50_000)
const ROUNDS = 15
/** Open runs are looked at once a second at most. */
const OPEN_EVERY_MS = 1100
const OPEN_LIMITS = { ...DEFAULT_RUN_LIMITS, maxOpen: wantedOpen * 2, maxOpenSpans: wantedOpen * 2 * SPANS_PER_RUN }
const metrics = createMetrics({ maxAgents: 2000 })
const recorder = createRecorder(metrics)
let agents = 0
while (metrics.seriesCount() < wanted)
  recorder.run(runOf(agents++), [], 'pass', { price: () => ({ known: true, usd: 0.012 }), objectives: () => ({}) }, Date.now())
const series = metrics.seriesCount()

/** With open runs beside nothing else: what they add to a scrape. */
const ofOpen = createMetrics({})
const open = openRuns(wantedOpen)
openRunGauges(ofOpen, open, Date.now, DEFAULT_SETTINGS.openRunsMs)

/** As the app answers it, through the same HTTP server. */
const answer = (request: Request): Response => {
  const { contentType, pieces } = (request.url.endsWith('/open') ? ofOpen : metrics).stream(
    request.headers.get('accept') ?? undefined,
    Date.now(),
  )
  return new Response(ReadableStream.from(pieces).pipeThrough(new TextEncoderStream()), { headers: { 'content-type': contentType } })
}
const server = await new Promise<ReturnType<typeof serve>>((done) => {
  const started = serve({ fetch: answer, hostname: '127.0.0.1', port: 0 }, () => done(started))
})
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`
const run = promisify(execFile)

function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

interface Scrape {
  readonly ms: number
  readonly bytes: number
  readonly cpuMs: number
  /** The longest turn of the event loop: by the clock, and what this thread computed in the longest one. */
  readonly stallMs: number
  readonly stallCpuMs: number
}

/** One scrape by curl, while this process looks at the clock as often as it can. */
async function scrape(accept: string, path = ''): Promise<Scrape> {
  let [stallMs, stallCpuMs] = [0, 0]
  let [last, lastCpu] = [performance.now(), threadCpuMs()]
  let isDone = false
  const look = (): void => {
    const at = performance.now()
    const cpu = threadCpuMs()
    stallMs = Math.max(stallMs, at - last)
    stallCpuMs = Math.max(stallCpuMs, cpu - lastCpu)
    last = at
    lastCpu = cpu
    if (!isDone) setImmediate(look)
  }
  setImmediate(look)
  const began = process.cpuUsage()
  const { stdout } = await run('curl', [
    '-sS',
    '--fail',
    '-o',
    '/dev/null',
    '-w',
    '%{time_total} %{size_download}',
    '-H',
    `Accept: ${accept}`,
    `${url}${path}`,
  ])
  isDone = true
  const { user, system } = process.cpuUsage(began)
  const [seconds = 0, bytes = 0] = stdout.split(' ').map(Number)
  return { ms: seconds * 1000, bytes, cpuMs: (user + system) / 1000, stallMs, stallCpuMs }
}

const FORMATS = { text: 'text/plain', OpenMetrics: 'application/openmetrics-text; version=1.0.0' }
const seen: Record<keyof typeof FORMATS, Scrape[]> = { text: [], OpenMetrics: [] }
for (let round = 0; round < ROUNDS + 3; round++)
  for (const format of ['text', 'OpenMetrics'] as const) {
    const scraped = await scrape(FORMATS[format])
    if (round >= 3) seen[format].push(scraped)
  }
const seenOpen: Record<'all changed' | 'none changed', Scrape[]> = { 'all changed': [], 'none changed': [] }
for (let round = 0; round < ROUNDS + 3; round++)
  for (const what of ['all changed', 'none changed'] as const) {
    await wait(OPEN_EVERY_MS)
    // What they show is found anew, as if a span had come for each.
    if (what === 'all changed') open.setLimits(OPEN_LIMITS)
    const scraped = await scrape(FORMATS.text, '/open')
    if (round >= 3) seenOpen[what].push(scraped)
  }
if ([...open.openMaxima()].reduce((sum, { runs }) => sum + runs, 0) !== open.openRuns) throw new Error('not every open run is shown')
server.close()
const rows = (['text', 'OpenMetrics'] as const).map((format) => [
  format,
  ...timesOf(seen[format]).toSpliced(2, 0, (median(seen[format].map((s) => s.bytes)) / 1e6).toFixed(1)),
])
const openRows = (['all changed', 'none changed'] as const).map((what) => [what, ...timesOf(seenOpen[what])])
process.stdout.write(
  `${series} series of ${agents} agents\n${rows.map((r) => `${r[0]}: ${r[1]} ms, ${r[2]} ms CPU, ${r[3]} MB, longest turn ${r[4]} ms CPU, ${r[5]} ms\n`).join('')}`,
)
process.stdout.write(
  `${open.openRuns} open runs\n${openRows.map((r) => `${r[0]}: ${r[1]} ms, ${r[2]} ms CPU, longest turn ${r[3]} ms CPU, ${r[4]} ms\n`).join('')}`,
)
if (wanted >= 50_000 && wantedOpen >= 50_000)
  keep('scrape', {
    title: 'A scrape',
    order: 80,
    command: 'npm run bench:scrape',
    intro: [
      `${series} series (counters and histograms of ${agents} agents) are scraped over HTTP by curl, ${ROUNDS} times in each format.`,
    ],
    tables: [
      {
        caption: 'Median (lowest–highest) of the scrapes.',
        head: ['format', 'ms', 'CPU ms', 'MB', 'longest turn of the event loop, CPU ms', 'by the clock, ms'],
        rows,
      },
      {
        caption: `The same for ${open.openRuns} open runs of ${SPANS_PER_RUN} spans and the gauges that show them, of which every run or none has changed since the last scrape.`,
        head: ['open runs', 'ms', 'CPU ms', 'longest turn of the event loop, CPU ms', 'by the clock, ms'],
        rows: openRows,
      },
    ],
    notes: [
      'The goal is 50 ms for the longest turn. By the clock it includes whatever else the machine did meanwhile, which on a shared machine is most of it.',
    ],
    ranOn: ranOn(),
  })
process.exit(0)

/** ms, CPU ms, longest turn by CPU and by the clock. */
function timesOf(all: readonly Scrape[]): readonly string[] {
  return [
    spread(all.map((s) => s.ms)),
    spread(all.map((s) => s.cpuMs)),
    spread(
      all.map((s) => s.stallCpuMs),
      1,
    ),
    spread(
      all.map((s) => s.stallMs),
      1,
    ),
  ]
}

/** Runs that stay open, packed as those are that wait for their root. */
function openRuns(count: number): Runs {
  const nothing = (): void => undefined
  const runs = new Runs(
    OPEN_LIMITS,
    {
      closed: nothing,
      late: nothing,
      duplicate: nothing,
      linksDropped: nothing,
      evaluationsDropped: nothing,
      failed: nothing,
      costOf: () => 0.012,
    },
    1,
  )
  const decoder = createDecoder(INTEREST)
  const next = runBodies()
  for (let body = 0; runs.openRuns < count; body++) {
    decoder.traces(next(body), 'protobuf', {
      span: (span) => {
        const { fact } = readSpan(span)
        if (fact !== undefined) runs.add(span.traceId, fact, Date.now())
      },
      link: nothing,
    })
    runs.requestEnded()
  }
  return runs
}

function runOf(n: number): Run {
  const at = 1_790_000_000_000
  const models = ['gpt-5-mini', 'claude-sonnet-4-5']
  return {
    traceId: n.toString(16).padStart(32, 'a'),
    rootSpanId: 'b'.repeat(16),
    agent: `agent-${n}`,
    environment: 'production',
    service: 'shop',
    dialect: 'gen_ai',
    startMs: at,
    durationMs: 4000,
    rootEnded: true,
    outcome: 'ok',
    weight: 1,
    cohort: { agentVersion: '1.0', promptVersion: 'v3', model: models[0] ?? '', toolsVersion: 'h:1' },
    modelCalls: models.map((model, i) => ({
      spanId: `${i}`,
      startMs: at,
      durationMs: 900,
      provider: 'openai',
      model,
      outcome: 'ok',
      finish: 'stop',
      failedAttempts: 0,
      own: true,
    })),
    toolCalls: ['search', 'orders'].map((tool, i) => ({
      spanId: `t${i}`,
      startMs: at,
      durationMs: 200,
      tool,
      outcome: 'ok',
      retrieval: false,
    })),
    embeddings: 0,
    spend: models.map((model, i) => ({
      spanId: `${i}`,
      atMs: at,
      provider: 'openai',
      model,
      usage: { input: 3000, cache_read: 1000, output: 200 },
      own: true,
    })),
    conflicts: [],
    interventions: [],
    evaluations: [],
    firstInputTokens: 4000,
    spanIds: ['0', '1'],
  }
}
