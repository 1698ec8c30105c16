/**
 * `npm run bench:journal`: `agentopz serve` with a journal, under each policy of syncing, against the same without one: spans a second over
 * eight connections, CPU per span, how late answers are at half of what it can take, and the time to start after kill -9. All take turns with the
 * same bodies, each time as a fresh process that was warmed up, alone on the machine. Quote the ratios, machines and disks differ. Writes its section
 * of docs/performance.md; `-- --quick` does not.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Replayer, SPANS_PER_BODY, startReplayer, writeBodies } from '../collector/load.ts'
import { quantile } from '../instrumentation/load.ts'
import { keep, ranOn, type Table } from '../results.ts'
import { inTurns, median, ratioOf, spread, times } from '../wire/rounds.ts'
import { Server } from './server.ts'

const QUICK = process.argv.includes('--quick')
const ROUNDS = QUICK ? 1 : 6
/** It takes the compiler some 300,000 spans to come to rest. */
const WARM = QUICK ? 128 : 640
/** Three seconds or more, so that runs which began within them are closed within them. */
const COUNT = QUICK ? 256 : 1024
const LATE_ROUNDS = QUICK ? 1 : 3
const KINDS = ['no journal', 'fsync: always', 'fsync: second', 'fsync: never'] as const
type Kind = (typeof KINDS)[number]
/** A run is closed after a second without a span, not ten: closing is part of the work. */
const SETTLE = 'runs: { settle_seconds: 1 }'

interface Seen {
  readonly perSecond: number
  readonly cpuNs: number
}
const top = mkdtempSync(join(tmpdir(), 'agentopz-bench-journal-'))
let folders = 0
const restart: { ms: number; requests: number; bytes: number }[] = []

/** A fresh process that has seen enough to be compiled, and has nothing more to do. */
async function warm(kind: Kind, replayer: Replayer): Promise<Server> {
  const journal = kind === 'no journal' ? '' : `journal: { dir: journal, ${kind} }\n`
  const server = await Server.start(join(top, String(folders++)), `${SETTLE}\n${journal}`)
  await replayer.run({ port: server.port, from: 0, count: WARM })
  await server.settled()
  return server
}

async function throughput(kind: Kind, replayer: Replayer): Promise<Seen> {
  const server = await warm(kind, replayer)
  const before = server.cpuSeconds()
  const { refused, seconds } = await replayer.run({ port: server.port, from: WARM, count: COUNT })
  if (refused > 0) throw new Error(`${kind}: ${refused} bodies were refused`)
  await server.settled()
  const spans = COUNT * SPANS_PER_BODY
  const seen = { perSecond: spans / seconds, cpuNs: ((server.cpuSeconds() - before) * 1e9) / spans }
  await server.kill()
  if (kind === 'fsync: always') {
    const bytes = server.journalBytes()
    const ms = await server.startAgain()
    restart.push({ ms, bytes, requests: await server.sample('agentopz_journal_replayed_requests_total') })
    await server.kill()
  }
  return seen
}

/** Bodies at a steady pace, whether or not the ones before were answered. */
async function lateness(kind: Kind, replayer: Replayer, perSecond: number): Promise<readonly number[]> {
  const server = await warm(kind, replayer)
  const { latencies } = await replayer.run({
    port: server.port,
    from: WARM,
    count: COUNT,
    rate: perSecond / SPANS_PER_BODY,
    connections: 32,
  })
  await server.kill()
  return [quantile(latencies, 0.5), quantile(latencies, 0.99)]
}

const file = join(top, 'bodies.bin')
writeBodies(file, 'genai', WARM + COUNT)
const replayer = await startReplayer(file)
const cpu = new Map<Kind, number[]>(KINDS.map((k) => [k, []]))
const late = new Map<Kind, (readonly number[])[]>(KINDS.map((k) => [k, []]))
let walls: readonly (readonly number[])[] = []
try {
  walls = await inTurns(
    KINDS.map((kind) => async () => {
      const { perSecond, cpuNs } = await throughput(kind, replayer)
      process.stderr.write(`${kind}: ${Math.round(perSecond)} spans/s, ${Math.round(cpuNs)} ns\n`)
      cpu.get(kind)?.push(cpuNs)
      return perSecond
    }),
    { rounds: ROUNDS, warmUp: 0 },
  )
  const half = median(walls[0] ?? []) / 2
  for (let round = 0; round < LATE_ROUNDS; round++)
    for (const kind of KINDS) {
      const seen = await lateness(kind, replayer, half)
      process.stderr.write(`${kind}: ${seen.map((ms) => ms.toFixed(1)).join(' and ')} ms late\n`)
      late.get(kind)?.push(seen)
    }
} finally {
  replayer.stop()
  rmSync(top, { recursive: true, force: true })
}

const wallOf = (kind: Kind): readonly number[] => walls[KINDS.indexOf(kind)] ?? []
const lateOf = (kind: Kind, which: number): string => spread((late.get(kind) ?? []).map((seen) => seen[which] ?? Number.NaN))
const table: Table = {
  caption: 'GenAI spans in gzip bodies of 512, about 70 kB each, over eight connections.',
  head: ['', 'spans a second', 'of that without a journal', 'CPU ns per span', 'of that without'],
  rows: KINDS.map((kind) => [
    kind,
    spread(wallOf(kind)),
    times(wallOf(kind), wallOf('no journal'), 2),
    spread(cpu.get(kind) ?? []),
    times(cpu.get(kind) ?? [], cpu.get('no journal') ?? [], 2),
  ]),
}
const lateTable: Table = {
  caption: 'At half of the spans a second that the one without a journal takes: milliseconds from when a body was due to its answer.',
  head: ['', 'median', 'p99'],
  rows: KINDS.map((kind) => [kind, lateOf(kind, 0), lateOf(kind, 1)]),
}
const after: Table = {
  caption: 'Start after kill -9 with fsync: always, from the start of the process until it is ready.',
  head: ['milliseconds', 'journal and snapshot on disk, bytes', 'requests gone through'],
  rows: [[spread(restart.map((r) => r.ms)), spread(restart.map((r) => r.bytes)), spread(restart.map((r) => r.requests))]],
}
const kept = ratioOf(wallOf('fsync: always'), wallOf('no journal'))
// Of a core that does nothing else: what was put off until senders were answered is in it.
const keptByCpu = ratioOf(cpu.get('no journal') ?? [], cpu.get('fsync: always') ?? [])
const lost = (of: number): string => `${((1 - of) * 100).toFixed(0)} %`
const lostOf = ({ median: of, low, high }: typeof kept): string => `${lost(of)} (${lost(high)} to ${lost(low)} in single rounds)`
const tables = [table, lateTable, after]
if (QUICK) for (const t of tables) process.stdout.write(`${[t.head, ...t.rows].map((r) => r.join('\t')).join('\n')}\n\n`)
else
  keep('journal', {
    title: 'The journal',
    order: 60,
    command: 'npm run bench:journal',
    ranOn: ranOn({}),
    intro: [
      `The same \`serve\` with and without \`journal\`, nothing relayed. A request is acknowledged when it is written (docs/journal.md). Every measurement is a fresh process, alone on the machine with a cheap sender: ${WARM * SPANS_PER_BODY} spans until it is warm, then ${COUNT * SPANS_PER_BODY} that are measured. A run is closed after a second without a span, not ten, so that closing is within what is measured; CPU is counted until all are closed. A snapshot comes a minute after the start (\`snapshot_seconds\`), which is after the measurement.`,
    ],
    tables,
    notes: [
      `With fsync: always the journal takes ${lostOf(keptByCpu)} of what a core can take, by CPU per span, and ${lostOf(kept)} of the spans a second that were answered, each round held against the one without in its turn (goal: at most 20 %). Spans a second depend on what else the machine does, and closing that is put off is not in them.`,
    ],
  })
