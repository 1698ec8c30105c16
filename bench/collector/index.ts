/**
 * `npm run bench:collector`: CPU, memory and latency of agentopz and of the OpenTelemetry Collector on the same prepared bodies, one core each,
 * in turns. Writes its section of docs/performance.md; `-- --quick` prints a first impression, `-- genai` leaves the mixed set out. Each
 * measurement is a fresh process that gets every body once, and both must have counted every span they were sent.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { quantile } from '../instrumentation/load.ts'
import { buildAgentopz, buildCollector } from './build.ts'
import { agentopz, collector, type Contender, type Running } from './contenders.ts'
import { type Replayer, SPANS_PER_BODY, startReplayer, writeBodies } from './load.ts'
import type { Done } from './replayer.ts'
import { type Latency, report, type Throughput } from './report.ts'

const QUICK = process.argv.includes('--quick')
/** Those that are named, else both. */
const NAMED = (['genai', 'mixed'] as const).filter((mix) => process.argv.includes(mix))
const MIXES = NAMED.length > 0 ? NAMED : (['genai', 'mixed'] as const)
/** The first spans of a fresh process, which it is compiled by. */
const FIRST = QUICK ? 64 : 192
/** It takes the compiler some 300,000 spans to come to rest on the rules. */
const WARM = QUICK ? 64 : 1024
const COUNT = QUICK ? 256 : 1024
const ROUNDS = QUICK ? 1 : 3
const LATENCY_SECONDS = QUICK ? 5 : 10
/** Runs are closed by then: of the warm-up before anything is measured, of what is measured before it ends. */
const SETTLED_MS = 5000
const SHARES = [0.25, 0.5, 0.75]

const cache = join(import.meta.dirname, '../../.agentopz/bench')
mkdirSync(cache, { recursive: true })
const built = buildCollector(cache)
if (typeof built === 'string') {
  process.stdout.write(`bench:collector ${built}\n`)
  process.exit(0)
}
const { program } = built
const CONTENDERS: readonly Contender[] = [
  // With the default of 10 s runs would close after the measurement.
  agentopz('runs: { settle_seconds: 2 }', buildAgentopz(cache)),
  collector({ name: 'Collector, gzip', program, compression: 'gzip', queue: false }),
  collector({ name: 'Collector, gzip, GOGC=400', program, compression: 'gzip', queue: false, gogc: '400' }),
  collector({ name: 'Collector, none', program, compression: 'none', queue: false }),
]
const dir = mkdtempSync(join(tmpdir(), 'agentopz-collector-'))
const throughput: Throughput[] = []
const latency: Latency[] = []
for (const mix of MIXES) {
  process.stderr.write(`${mix}: preparing ${WARM + COUNT} bodies …\n`)
  const file = join(dir, `${mix}.bin`)
  writeBodies(file, mix, WARM + COUNT)
  const replayer = await startReplayer(file)
  for (let round = 0; round < ROUNDS; round++)
    for (const contender of CONTENDERS) {
      const seen = await ceiling(contender, replayer, round === 0)
      process.stderr.write(
        `${mix} ${contender.name}: ${seen.cpuPerMillion.toFixed(2)} CPU s per million spans, ${Math.round(seen.spansPerSecond)} spans/s, ${Math.round(seen.peakMiB)} MiB\n`,
      )
      throughput.push({ mix, contender: contender.name, ...seen })
    }
  for (const share of SHARES)
    for (const contender of CONTENDERS.filter((c) => !c.name.includes('GOGC'))) {
      const best = Math.max(...throughput.filter((t) => t.mix === mix && t.contender === contender.name).map(sustained))
      const seen = await latencyAt(contender, replayer, (best * share) / SPANS_PER_BODY)
      process.stderr.write(`${mix} ${contender.name} at ${share * 100} %: p50 ${seen.p50.toFixed(1)} ms, p99 ${seen.p99.toFixed(1)} ms\n`)
      latency.push({ mix, contender: contender.name, share, ...seen })
    }
  replayer.stop()
}
rmSync(dir, { recursive: true })
if (QUICK) process.exit(0)
report(throughput, latency, built.go)
process.exit(0)

/** Spans a second that it can go on with: what was answered faster than a core can do it, was put off. */
function sustained({ spansPerSecond, cpuPerMillion }: Throughput): number {
  return Math.min(spansPerSecond, 1e6 / cpuPerMillion)
}

/** All bodies as fast as they are answered. */
async function ceiling(contender: Contender, replayer: Replayer, counts: boolean): Promise<Omit<Throughput, 'mix' | 'contender'>> {
  const server = await contender.start(replayer.sinkPort, dir)
  const start = await arrived(replayer, server)
  const idle = server.cpuSeconds()
  await replayer.run({ port: server.port, from: 0, count: FIRST })
  await arrived(replayer, server, start.sinkRequests + FIRST)
  const first = server.cpuSeconds() - idle
  await replayer.run({ port: server.port, from: FIRST, count: WARM - FIRST })
  const warm = await arrived(replayer, server, start.sinkRequests + WARM)
  await wait(SETTLED_MS)
  const before = server.cpuSeconds()
  const { refused, seconds } = await replayer.run({ port: server.port, from: WARM, count: COUNT })
  const end = await arrived(replayer, server, warm.sinkRequests + COUNT)
  await wait(SETTLED_MS)
  const cpu = server.cpuSeconds() - before
  const delivered = end.sinkRequests - warm.sinkRequests
  if (refused > 0 || delivered !== COUNT)
    throw new Error(`${contender.name}: ${refused} bodies refused, ${delivered} of ${COUNT} arrived at the sink`)
  if (counts) await checkCount(server, contender.name, (WARM + COUNT) * SPANS_PER_BODY)
  const peakMiB = server.peakMiB()
  await server.stop()
  const spans = COUNT * SPANS_PER_BODY
  return {
    cpuPerMillion: (cpu / spans) * 1e6,
    firstCpuPerMillion: (first / (FIRST * SPANS_PER_BODY)) * 1e6,
    spansPerSecond: spans / seconds,
    peakMiB,
    sinkBytes: end.sinkBytes - warm.sinkBytes,
  }
}

/** What the sink has, once it has `wanted`: what a server acknowledged before it delivered it is part of the price. */
async function arrived(replayer: Replayer, server: Running, wanted = 0): Promise<Done> {
  for (let tries = 0; ; tries++) {
    const now = await replayer.run({ port: server.port, from: 0, count: 0 })
    if (now.sinkRequests >= wanted || tries === 200) return now
    await wait(50)
  }
}

/** Both must have counted every span: a server that drops is fast. The Collector shows a new series at 0 first, and its count 15 s later. */
async function checkCount(server: Running, name: string, wanted: number): Promise<void> {
  let seen = 0
  for (let tries = 0; tries < 100; tries++) {
    // A page that breaks off on a busy machine is asked for again.
    seen = await server.spans().catch(() => seen)
    if (seen === wanted) return
    await wait(500)
  }
  throw new Error(`${name} counted ${seen} spans of ${wanted}`)
}

/** Bodies at a steady pace, whether or not the ones before were answered. */
async function latencyAt(
  contender: Contender,
  replayer: Replayer,
  rate: number,
): Promise<{ readonly p50: number; readonly p99: number; readonly sent: number }> {
  const server = await contender.start(replayer.sinkPort, dir)
  await replayer.run({ port: server.port, from: 0, count: WARM })
  await wait(SETTLED_MS)
  const { latencies, sent } = await replayer.run({
    port: server.port,
    from: WARM,
    count: COUNT,
    rate,
    maxSeconds: LATENCY_SECONDS,
    connections: 32,
  })
  await server.stop()
  return { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99), sent }
}
