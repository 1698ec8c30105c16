/**
 * `npm run bench:journal`: `agentopz serve` with a journal, under each policy of syncing, against the same without one: spans a second over
 * eight connections, CPU per span, and the time to start after kill -9. All take turns with the same bodies; quote the ratios, machines
 * and disks differ. Writes its section of docs/performance.md; `-- --quick` does not.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { freePort } from '../../app/free-port.ts'
import { keep, ranOn, type Table } from '../results.ts'
import { bodiesOf } from '../wire/bodies.ts'
import { inTurns, ratioOf, spread, times } from '../wire/rounds.ts'

const QUICK = process.argv.includes('--quick')
const ROUNDS = QUICK ? { rounds: 3, warmUp: 1 } : { rounds: 9, warmUp: 2 }
const SPANS = 512
const BODIES = 64
const CONNECTIONS = 8
const KINDS = ['no journal', 'fsync: always', 'fsync: second', 'fsync: never'] as const
type Kind = (typeof KINDS)[number]

interface Server {
  readonly dir: string
  readonly http: number
  readonly url: string
  child: ChildProcess
}

const top = mkdtempSync(join(tmpdir(), 'agentopz-bench-journal-'))
const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })

async function prepare(kind: Kind): Promise<Server> {
  const dir = join(top, kind.replaceAll(/\W+/g, '-'))
  mkdirSync(dir)
  const [http, listen] = [await freePort(0, () => undefined), await freePort(0, () => undefined)]
  const journal = kind === 'no journal' ? '' : `journal: { dir: journal, ${kind} }\n`
  writeFileSync(
    join(dir, 'agentopz.yaml'),
    `receive: { otlp_http: '127.0.0.1:${http}', otlp_grpc: 'off' }\nlisten: 127.0.0.1:${listen}\nstorage: 'sqlite::memory:'\nlog: { level: error }\n${journal}`,
  )
  const server = { dir, http, url: `http://127.0.0.1:${listen}`, child: start(dir) }
  await ready(server)
  return server
}

function start(dir: string): ChildProcess {
  const cli = join(import.meta.dirname, '../../app/cli.ts')
  return spawn(process.execPath, [cli, 'serve', '--config', join(dir, 'agentopz.yaml')], { stdio: ['ignore', 'ignore', 'inherit'] })
}

async function ready({ url, child }: Server): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error('serve ended; its error is above')
    if ((await fetch(`${url}/-/ready`).catch(() => undefined))?.ok === true) return
    await new Promise((r) => setTimeout(r, 10))
  }
}

async function sample({ url }: Server, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const lines = text.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}

function post(port: number, body: Buffer): Promise<void> {
  return new Promise((done, fail) => {
    const headers = { 'content-type': 'application/x-protobuf', 'content-encoding': 'gzip', 'content-length': body.length }
    const outgoing = request({ host: '127.0.0.1', port, path: '/v1/traces', method: 'POST', headers, agent }, (answer) => {
      answer.resume()
      answer.on('end', () => (answer.statusCode === 200 ? done() : fail(new Error(`it answered ${answer.statusCode ?? 'nothing'}`))))
    })
    outgoing.on('error', fail)
    outgoing.end(body)
  })
}

/** Milliseconds and CPU seconds for every body once. */
async function roundOf(server: Server, bodies: readonly Buffer[]): Promise<{ readonly ms: number; readonly cpu: number }> {
  const before = await sample(server, 'process_cpu_seconds_total')
  const began = performance.now()
  const left = [...bodies]
  const sender = async (): Promise<void> => {
    for (let body = left.pop(); body !== undefined; body = left.pop()) await post(server.http, body)
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, sender))
  const ms = performance.now() - began
  return { ms, cpu: (await sample(server, 'process_cpu_seconds_total')) - before }
}

const sizeOf = (dir: string): number => readdirSync(dir).reduce((n, name) => n + statSync(join(dir, name)).size, 0)

const all = bodiesOf('genai', SPANS, BODIES * (ROUNDS.rounds + ROUNDS.warmUp)).map((b) => gzipSync(b.protobuf))
const servers = await Promise.all(KINDS.map(prepare))
const cpu = new Map<Kind, number[]>(KINDS.map((k) => [k, []]))
const restart: { ms: number; requests: number; bytes: number }[] = []
let walls: readonly (readonly number[])[] = []
try {
  const rounds = KINDS.map(() => 0)
  walls = await inTurns(
    servers.map((server, i) => async () => {
      const n = rounds[i] ?? 0
      rounds[i] = n + 1
      const { ms, cpu: seconds } = await roundOf(server, all.slice(n * BODIES, (n + 1) * BODIES))
      if (n >= ROUNDS.warmUp) cpu.get(KINDS[i] ?? 'no journal')?.push((seconds * 1e9) / (BODIES * SPANS))
      return (BODIES * SPANS * 1000) / ms
    }),
    ROUNDS,
  )
  const [, journaled] = servers
  if (journaled !== undefined) {
    journaled.child.kill('SIGKILL')
    await new Promise((gone) => journaled.child.once('exit', gone))
    const bytes = sizeOf(join(journaled.dir, 'journal'))
    const began = performance.now()
    journaled.child = start(journaled.dir)
    await ready(journaled)
    restart.push({ ms: performance.now() - began, requests: await sample(journaled, 'agentopz_journal_replayed_requests_total'), bytes })
  }
} finally {
  for (const { child } of servers) child.kill('SIGKILL')
  agent.destroy()
  rmSync(top, { recursive: true, force: true })
}

const wallOf = (kind: Kind): readonly number[] => walls[KINDS.indexOf(kind)] ?? []
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
const after: Table = {
  caption: 'Start after kill -9, from the start of the process until it is ready.',
  head: ['milliseconds', 'journal and snapshot on disk, bytes', 'requests gone through'],
  rows: restart.map((r) => [r.ms.toFixed(0), String(r.bytes), String(r.requests)]),
}
const kept = ratioOf(wallOf('fsync: always'), wallOf('no journal'))
const lost = (of: number): string => `${((1 - of) * 100).toFixed(0)} %`
if (QUICK) for (const t of [table, after]) process.stdout.write(`${[t.head, ...t.rows].map((r) => r.join('\t')).join('\n')}\n\n`)
else
  keep('journal', {
    title: 'The journal',
    order: 60,
    command: 'npm run bench:journal',
    ranOn: ranOn({}),
    intro: [
      'The same `serve` with and without `journal`, nothing relayed. The sender shares the machine. A request is acknowledged when it is written (docs/journal.md).',
    ],
    tables: [table, after],
    notes: [
      `With fsync: always the journal takes ${lost(kept.median)} of the throughput in the median of rounds, each held against the one without in its turn (goal: at most 20 %); in single rounds from ${lost(kept.high)} to ${lost(kept.low)}: what else the machine does weighs more.`,
    ],
  })
