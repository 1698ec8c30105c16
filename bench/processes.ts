/**
 * `npm run bench:processes`: one process against several on one port (`-- --processes 2,4`): CPU of all its processes per span, and spans
 * per second of the clock. Writes its section of docs/performance.md, unless other mixes, counts or a journal are asked for. Each is a server of its own with its defaults; they take turns, round after round, over the same bodies, gzipped
 * before. The sender is this process, over eight connections, on the same machine: on one with few cores it takes some of them away.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { cpus, tmpdir } from 'node:os'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { bodiesOf } from './wire/bodies.ts'
import { keep, ranOn } from './results.ts'
import { spread, times } from './wire/rounds.ts'
import type { Mix } from './wire/source.ts'

const option = (name: string, otherwise: string): string => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? otherwise : (process.argv[at + 1] ?? otherwise)
}
const COUNTS = [1, ...option('processes', '2').split(',').map(Number)]
const ROUNDS = Number(option('rounds', '5'))
const WARM_UP = Number(option('warm-up', '3'))
const MIX = option('mix', 'genai') as Mix
const JOURNAL = process.argv.includes('--journal')
const SPANS = 512
const BODIES = 48
const CONNECTIONS = 8
const TICK_MICROS = 10_000

interface Server {
  readonly count: number
  readonly port: number
  readonly dir: string
  readonly child: ChildProcess
  readonly agent: Agent
}

function anyPort(): Promise<number> {
  return new Promise((done) => {
    const probe = createServer()
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo
      probe.close(() => done(port))
    })
  })
}

async function start(count: number): Promise<Server> {
  const dir = mkdtempSync(join(tmpdir(), 'agentopz-bench-'))
  const [port, listen] = [await anyPort(), await anyPort()]
  writeFileSync(
    join(dir, 'agentopz.yaml'),
    `receive: { otlp_http: '127.0.0.1:${port}', otlp_grpc: off }\nlisten: 127.0.0.1:${listen}\nstorage: 'sqlite::memory:'\nprocesses: ${count}\nruns: { settle_seconds: 1 }\nlog: { level: error }\n${JOURNAL ? 'journal: journal\n' : ''}`,
  )
  const child = spawn(process.execPath, ['app/cli.ts', 'serve', '--config', join(dir, 'agentopz.yaml')], { stdio: 'inherit' })
  const end = Date.now() + 30_000
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${listen}/-/ready`).catch(() => undefined)
    if (answer?.ok === true) break
    if (Date.now() > end) throw new Error('the server did not become ready')
    await new Promise((r) => setTimeout(r, 50))
  }
  return { count, port, dir, child, agent: new Agent({ keepAlive: true, maxSockets: CONNECTIONS }) }
}

function post({ port, agent }: Server, body: Buffer): Promise<void> {
  return new Promise((done, fail) => {
    const headers = { 'content-type': 'application/x-protobuf', 'content-encoding': 'gzip', 'content-length': body.length }
    const outgoing = request({ host: '127.0.0.1', port, path: '/v1/traces', method: 'POST', headers, agent }, (answer) => {
      answer.resume()
      answer.on('end', () => (answer.statusCode === 200 ? done() : fail(new Error(`the server answered ${answer.statusCode}`))))
    })
    outgoing.on('error', fail)
    outgoing.end(body)
  })
}

/** CPU microseconds of a process and its children so far, from Linux's /proc. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)
  return (Number(fields[11]) + Number(fields[12])) * TICK_MICROS + children.reduce((sum, child) => sum + cpuOf(child), 0)
}

/** One round: every body once. Nanoseconds of CPU per span, and spans per second. */
async function round(server: Server, bodies: readonly Buffer[]): Promise<readonly [cpu: number, rate: number]> {
  const pid = server.child.pid ?? 0
  const left = [...bodies]
  const before = cpuOf(pid)
  const began = performance.now()
  const sender = async (): Promise<void> => {
    for (let body = left.pop(); body !== undefined; body = left.pop()) await post(server, body)
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, sender))
  const seconds = (performance.now() - began) / 1000
  // Runs close and are recorded after they settle: that belongs to their spans.
  await new Promise((r) => setTimeout(r, 2500))
  const spans = bodies.length * SPANS
  return [((cpuOf(pid) - before) * 1000) / spans, spans / seconds]
}

const all = bodiesOf(MIX, SPANS, BODIES * (ROUNDS + WARM_UP)).map((b) => gzipSync(b.protobuf, { level: 6 }))
const servers: Server[] = []
try {
  for (const count of COUNTS) servers.push(await start(count))
  const results = servers.map((): (readonly [number, number])[] => [])
  for (let r = 0; r < ROUNDS + WARM_UP; r++)
    for (const [i, server] of servers.entries()) results[i]?.push(await round(server, all.slice(r * BODIES, (r + 1) * BODIES)))
  const rows = servers.map(({ count }, i) => ({ count, measured: (results[i] ?? []).slice(WARM_UP) }))
  process.stdout.write(
    `${MIX}, ${SPANS} spans a body, ${BODIES * SPANS} spans a round, ${ROUNDS} rounds in turns${JOURNAL ? ', with a journal' : ''}; ${cpus().length} cores, shared with the sender\n`,
  )
  for (const { count, measured } of rows)
    process.stdout.write(
      `processes: ${count}  CPU ns/span ${spread(measured.map((m) => m[0]))}  spans/s ${spread(measured.map((m) => m[1]))}\n`,
    )
  if (process.argv.length === 2) report(rows)
} finally {
  for (const { child, dir, agent } of servers) {
    agent.destroy()
    const gone = new Promise((done) => child.once('exit', done))
    child.kill('SIGTERM')
    await gone
    rmSync(dir, { recursive: true, force: true })
  }
}

/** Writes the section. Costs are against one process in the same round. */
function report(rows: readonly { readonly count: number; readonly measured: readonly (readonly [cpu: number, rate: number])[] }[]): void {
  const [one] = rows
  const [cpuOfOne, rateOfOne] = [0, 1].map((of) => one?.measured.map((m) => m[of] ?? Number.NaN) ?? []) as [number[], number[]]
  keep('processes', {
    title: 'Several processes',
    order: 55,
    command: 'npm run bench:processes',
    intro: [
      `One process against several on one port (docs/processes.md): GenAI traffic, ${SPANS} spans a request over ${CONNECTIONS} connections, no journal, nothing relayed. They take turns over the same requests, ${ROUNDS} rounds of ${BODIES * SPANS} spans after ${WARM_UP} to warm up; runs are closed within their round, which the journal's bench leaves out. CPU is of all processes of a server.`,
    ],
    tables: [
      {
        caption: 'Median (lowest–highest) of the rounds.',
        head: ['processes', 'CPU ns per span', 'of that of one', 'spans a second', 'of those of one'],
        rows: rows.map(({ count, measured }) => {
          const [cpu, rate] = [measured.map((m) => m[0]), measured.map((m) => m[1])]
          return [String(count), spread(cpu), times(cpu, cpuOfOne, 2), spread(rate), times(rate, rateOfOne, 2)]
        }),
      },
    ],
    notes: [
      `The sender shares the ${cpus().length} cores of the machine, with whatever else it does: where no core is free, several processes are slower than one.`,
      'Every request is checked and split where it is received, and what belongs to others is copied to them and checked once more: that is what further processes cost.',
    ],
    ranOn: ranOn(),
  })
}
