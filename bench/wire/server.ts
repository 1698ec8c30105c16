/**
 * `npm run bench:server`: the whole path in one process (gzip in, decoded, runs by all rules, checks and prices, metrics, the received bytes
 * relayed), against the same server on protobufjs 7 and against `gunzipSync` of the same bodies. CPU of the server process alone; requests
 * come from this process over eight connections, and it is the sink too. Writes its section of docs/performance.md; `-- --quick` does not.
 */
import { Agent, createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { keep, ranOn, type Table } from '../results.ts'
import { bodiesOf } from './bodies.ts'
import { type Ask, cpuMicros, inTurns, median, spread, times, withContenders } from './rounds.ts'
import { type Kind, KINDS } from './server-kinds.ts'
import { type Mix, MIXES } from './source.ts'

const QUICK = process.argv.includes('--quick')
// It takes the compiler some 300,000 spans to come to rest on the rules.
const ROUNDS = QUICK ? { rounds: 3, warmUp: 1 } : { rounds: 7, warmUp: 6 }
const SPANS = 512
const BODIES: Readonly<Record<Mix, number>> = { genai: 96, content: 16, mixed: 96 }
const CONNECTIONS = 8
const GOALS = { peer: '≥ 5 ×', gunzip: { genai: '≤ 2.0', content: '≤ 1.4', mixed: '≤ 1.5' } } as const

const sink = createServer((incoming, response) => {
  incoming.resume()
  incoming.on('end', () => response.writeHead(200, { 'content-length': 0 }).end())
})
await new Promise<void>((listening) => sink.listen(0, '127.0.0.1', listening))
const sinkUrl = `http://127.0.0.1:${(sink.address() as AddressInfo).port}`
const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })

function post(port: number, body: Buffer): Promise<void> {
  return new Promise((done, fail) => {
    const headers = { 'content-type': 'application/x-protobuf', 'content-encoding': 'gzip', 'content-length': body.length }
    const outgoing = request({ host: '127.0.0.1', port, path: '/v1/traces', method: 'POST', headers, agent }, (answer) => {
      answer.resume()
      answer.on('end', () =>
        answer.statusCode === 200 ? done() : fail(new Error(`the server answered ${answer.statusCode ?? 'nothing'}`)),
      )
    })
    outgoing.on('error', fail)
    outgoing.end(body)
  })
}

/** One round of one server: every body once, in CPU nanoseconds per span. */
async function roundOf(ask: Ask, bodies: readonly Buffer[]): Promise<number> {
  const port = await ask('begin')
  const left = [...bodies]
  const sender = async (): Promise<void> => {
    for (let body = left.pop(); body !== undefined; body = left.pop()) await post(port, body)
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, sender))
  return ((await ask('end')) * 1000) / (bodies.length * SPANS)
}

type Contender = Kind | 'gunzipSync'
const CONTENDERS: readonly Contender[] = [...KINDS, 'gunzipSync']

async function measure(mix: Mix): Promise<ReadonlyMap<Contender, readonly number[]>> {
  const bodies = bodiesOf(mix, SPANS, BODIES[mix]).map((b) => gzipSync(b.protobuf))
  const unpack = (): number => (cpuMicros(() => bodies.forEach((b) => gunzipSync(b))) * 1000) / (bodies.length * SPANS)
  const file = join(import.meta.dirname, 'server-contender.ts')
  const args = KINDS.map((kind) => [kind, sinkUrl])
  const results = await withContenders(file, args, (asks) =>
    inTurns([...asks.map((ask) => () => roundOf(ask, bodies)), () => Promise.resolve(unpack())], ROUNDS),
  )
  return new Map(CONTENDERS.map((name, i) => [name, results[i] ?? []]))
}

const byMix = new Map<Mix, ReadonlyMap<Contender, readonly number[]>>()
for (const mix of MIXES) byMix.set(mix, await measure(mix))
sink.close()
agent.destroy()
const of = (mix: Mix, name: Contender): readonly number[] => byMix.get(mix)?.get(name) ?? []

const cpu: Table = {
  caption: 'CPU nanoseconds per span.',
  head: ['', ...MIXES],
  rows: CONTENDERS.map((name) => [name, ...MIXES.map((mix) => spread(of(mix, name)))]),
}
const parts: Table = {
  caption: 'Where our time goes, as differences of medians: nanoseconds per span.',
  head: ['', ...MIXES],
  rows: [
    ['receive, unpack, relay, answer', ...MIXES.map((mix) => median(of(mix, 'no decoding')).toFixed(0))],
    ['decode', ...MIXES.map((mix) => (median(of(mix, 'ours, decoding alone')) - median(of(mix, 'no decoding'))).toFixed(0))],
    [
      'dialects, runs, checks, prices, metrics',
      ...MIXES.map((mix) => (median(of(mix, 'ours')) - median(of(mix, 'ours, decoding alone'))).toFixed(0)),
    ],
  ],
}
const ratios: Table = {
  caption: 'Ratios.',
  head: ['', ...MIXES],
  rows: [
    ['the same server with protobufjs 7, over ours', ...MIXES.map((mix) => times(of(mix, 'protobufjs 7'), of(mix, 'ours')))],
    ['goal', ...MIXES.map(() => GOALS.peer)],
    ['ours, over `gunzipSync` of the same bodies', ...MIXES.map((mix) => times(of(mix, 'ours'), of(mix, 'gunzipSync'), 2))],
    ['goal', ...MIXES.map((mix) => GOALS.gunzip[mix])],
    ['ours without the rules, over `gunzipSync`', ...MIXES.map((mix) => times(of(mix, 'ours, decoding alone'), of(mix, 'gunzipSync'), 2))],
  ],
}

/** What the rules take, over all else. */
function rulesOver(mix: Mix): number {
  const rest = median(of(mix, 'ours, decoding alone'))
  return (median(of(mix, 'ours')) - rest) / rest
}

if (QUICK) {
  for (const t of [cpu, parts, ratios]) process.stdout.write(`${[t.head, ...t.rows].map((r) => r.join('\t')).join('\n')}\n\n`)
} else {
  keep('server', {
    title: 'The whole server',
    order: 20,
    command: 'npm run bench:server',
    ranOn: ranOn({ protobufjs: '7.6.6 (static code of OpenTelemetry for JavaScript 0.57)' }),
    intro: [
      'OTLP/HTTP with gzip bodies of 512 spans over eight connections; runs by all rules (docs/runs.md), checks, prices and metrics; the received bytes relayed to a sink. Every run is closed within its round. CPU of the server process, garbage collection included.',
    ],
    tables: [cpu, parts, ratios],
    notes: [
      `The goals are missed, and it is the rules that cost it: dialects, runs, checks, prices and metrics take ${MIXES.map((mix) => `${rulesOver(mix).toFixed(1)} (${mix})`).join(', ')} times what receiving and decoding take together; with the other decoder they are as much. The rules win; where to save: docs/decisions/0015-wire-path.md.`,
      'Differences of medians of a few rounds on a busy machine are rough; the decoding bench above is the better word on decoding.',
    ],
  })
}
