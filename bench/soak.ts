/**
 * `npm run soak [-- --minutes 20]`: the server at half of the load it can take, from new traces all the time, for twenty minutes; exit code 1 when its
 * memory is not flat. Flat: over the time after warm-up, the straight line through the resident memory, and that through what the garbage collector
 * leaves of the heap, grow by less than a bound over the whole of it; spans acknowledged, counted and delivered must be equal.
 */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { agentopz, type Running } from './collector/contenders.ts'
import { SPANS_PER_BODY, startReplayer, writeBodies } from './collector/load.ts'
import { keep, ranOn } from './results.ts'

const minutes = numberOf('--minutes', 20)
/** A tenth, and never less than what one garbage collection more or less makes of it. */
const MAX_GROWTH = 0.1
const MIN_GROWTH_MIB = 24
const WARM_UP = 0.3
/** What was acknowledged last may wait in the relay's queue. */
const DELIVERED_SECONDS = 30
const BODIES = 512

const dir = mkdtempSync(join(tmpdir(), 'agentopz-soak-'))
const file = join(dir, 'bodies.bin')
process.stderr.write('preparing bodies …\n')
writeBodies(file, 'genai', BODIES)
const replayer = await startReplayer(file)
// State reaches its full size within the soak, so that what it then still grows by is a leak: closed runs are remembered for a minute.
const RUNS = 'runs: { settle_seconds: 5, idle_seconds: 30, remember_seconds: 60 }\n'

const first = await agentopz(RUNS).start(replayer.sinkPort, dir)
await replayer.run({ port: first.port, from: 0, count: 128 })
const fast = await replayer.run({ port: first.port, from: 128, count: BODIES - 128 })
await first.stop()
const ceiling = fast.sent / fast.seconds
const rate = ceiling / 2
process.stdout.write(`ceiling ${Math.round(ceiling * SPANS_PER_BODY)} spans/s; soaking at half of it for ${minutes} minutes\n`)

const server = await agentopz(RUNS).start(replayer.sinkPort, dir)
const before = (await replayer.run({ port: server.port, from: 0, count: 0 })).sinkRequests
const samples: { readonly minute: number; readonly rssMiB: number; readonly heapMiB: number }[] = []
const began = performance.now()
const elapsed = (): number => (performance.now() - began) / 60_000
let sent = 0
let refused = 0
let heaps: number[] = []
for (let slice = 0; elapsed() < minutes; slice++) {
  const done = await replayer.run({ port: server.port, from: sent, count: Math.ceil(rate * 5), rate, fresh: sent, maxSeconds: 60 })
  sent += done.sent
  refused += done.refused
  heaps.push(await heapMiB(server))
  if (slice % 3 !== 2) continue
  // The lowest of a few is nearest to what is really held.
  const sample = { minute: elapsed(), rssMiB: server.rssMiB(), heapMiB: Math.min(...heaps) }
  heaps = []
  samples.push(sample)
  process.stdout.write(
    `${sample.minute.toFixed(1)} min: RSS ${Math.round(sample.rssMiB)} MiB, heap ${Math.round(sample.heapMiB)} MiB, ${sent * SPANS_PER_BODY} spans\n`,
  )
}
let delivered = 0
for (let second = 0; second < DELIVERED_SECONDS && delivered < sent; second++) {
  await wait(1000)
  delivered = (await replayer.run({ port: server.port, from: 0, count: 0 })).sinkRequests - before
}
const counted = await server.spans()
await server.stop()
replayer.stop()

const lines: { readonly name: string; readonly mean: number; readonly growth: number; readonly bound: number }[] = []
const problems = [
  ...grows(
    'RSS',
    samples.map((s) => [s.minute, s.rssMiB]),
  ),
  ...grows(
    'heap',
    samples.map((s) => [s.minute, s.heapMiB]),
  ),
  ...(refused > 0 ? [`${refused} requests were refused`] : []),
  ...(delivered === sent ? [] : [`${sent} requests were acknowledged and ${delivered} delivered`]),
  ...(counted === sent * SPANS_PER_BODY ? [] : [`${sent * SPANS_PER_BODY} spans were acknowledged and ${counted} counted`]),
]
process.stdout.write(
  `${sent * SPANS_PER_BODY} spans in ${elapsed().toFixed(1)} minutes: ${problems.length === 0 ? 'memory is flat, nothing lost' : problems.join('; ')}\n`,
)
if (minutes >= 20)
  keep('soak', {
    title: 'Soak',
    order: 90,
    command: 'npm run soak',
    intro: [
      `The server takes new traces at half of its ceiling (${Math.round(ceiling * SPANS_PER_BODY)} spans a second on that machine at that time) for ${minutes} minutes, with closed runs remembered for a minute so that its state is as large as it gets. Memory is flat when the straight line through the samples after the first ${WARM_UP * 100} % grows by less than ${MAX_GROWTH * 100} % of the mean, or ${MIN_GROWTH_MIB} MiB.`,
    ],
    tables: [
      {
        caption: 'Over the time after warm-up.',
        head: ['', 'mean, MiB', 'growth, MiB', 'bound, MiB'],
        rows: lines.map((l) => [l.name, l.mean.toFixed(0), l.growth.toFixed(1), l.bound.toFixed(0)]),
      },
    ],
    notes: [
      `${sent * SPANS_PER_BODY} spans were sent: ${problems.length === 0 ? 'all were acknowledged, counted and delivered' : problems.join('; ')}.`,
    ],
    ranOn: ranOn(),
  })
process.exit(problems.length === 0 ? 0 : 1)

/** Says by how much a quantity grew over the time after warm-up, where that is more than it may. */
function grows(name: string, points: readonly (readonly [minute: number, value: number])[]): readonly string[] {
  const settled = points.filter(([minute]) => minute >= minutes * WARM_UP)
  const n = settled.length
  if (n < 5) return [`only ${n} samples of ${name} after warm-up: give it more --minutes`]
  const meanX = settled.reduce((sum, [x]) => sum + x, 0) / n
  const meanY = settled.reduce((sum, [, y]) => sum + y, 0) / n
  const slope =
    settled.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / settled.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
  const growth = slope * minutes * (1 - WARM_UP)
  const bound = Math.max(meanY * MAX_GROWTH, MIN_GROWTH_MIB)
  process.stdout.write(
    `${name}: ${growth.toFixed(1)} MiB over the time after warm-up, at a mean of ${meanY.toFixed(0)} MiB; bound ${bound.toFixed(0)} MiB\n`,
  )
  lines.push({ name, mean: meanY, growth, bound })
  return growth > bound ? [`${name} grew by ${growth.toFixed(0)} MiB`] : []
}

async function heapMiB(running: Running): Promise<number> {
  const page = await running.page()
  return Number(/^nodejs_heap_size_used_bytes (\S+)/m.exec(page)?.[1] ?? Number.NaN) / 2 ** 20
}

function numberOf(flag: string, otherwise: number): number {
  const at = process.argv.indexOf(flag)
  const given = Number(process.argv[at + 1])
  return at >= 0 && given > 0 ? given : otherwise
}
