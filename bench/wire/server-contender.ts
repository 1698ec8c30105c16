/**
 * One contender of the server bench: `KIND SINK_URL`. Serves OTLP/HTTP on a free port, relays the bytes it received to the sink and keeps
 * runs by all the rules. `begin` answers with its port, `end` closes what is open and answers with CPU microseconds since `begin`.
 * The clock of the runs is its own: two hours pass between rounds, so the same bodies are new runs each time.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { setHeapFlags } from '../../app/heap.ts'
import type { Decoder } from '../../processor/decode/decode.ts'
import { createDecoder } from '../../processor/decode/index.ts'
import { INTEREST } from '../../processor/dialects/index.ts'
import { DEFAULT_SETTINGS } from '../../processor/default-settings.ts'
import { createMetrics } from '../../processor/metrics.ts'
import { createPipeline } from '../../processor/pipeline.ts'
import { DEFAULT_RECEIVE_LIMITS, InflightBytes } from '../../processor/receive.ts'
import { startHttpReceiver } from '../../processor/receive-http.ts'
import { createRelay, DEFAULT_RELAY } from '../../processor/relay.ts'
import { createPeerDecoder } from './peer-decoder.ts'
import { answerMessages } from './rounds.ts'
import type { Kind } from './server-kinds.ts'

// As `agentopz serve` does, whatever decodes.
setHeapFlags()
const [kind, sinkUrl = ''] = process.argv.slice(2) as [Kind?, string?]
const ROUND_MS = 7_200_000
/** Milliseconds that pass on the runs' clock from one request to the next. */
const STEP_MS = 50

const decoder: Decoder = kind === 'protobufjs 7' ? createPeerDecoder() : createDecoder(INTEREST)
const problems: string[] = []
const pipeline = createPipeline(
  decoder,
  createMetrics({}),
  DEFAULT_SETTINGS,
  { internalError: (_, error) => problems.push(String(error)) },
  7,
)
let delivered = 0
let offered = 0
const relay = createRelay([{ ...DEFAULT_RELAY, name: 'sink', url: sinkUrl }], {
  delivered: () => delivered++,
  retried: () => undefined,
  dropped: (_endpoint, _signal, reason) => problems.push(reason),
  down: (_endpoint, why) => problems.push(why),
  up: () => undefined,
})
let now = ROUND_MS

function ingest(body: Uint8Array): { readonly total: number; readonly rejected: number; readonly message: string } {
  now += STEP_MS
  if (kind === 'no decoding') return { total: 0, rejected: 0, message: '' }
  if (kind !== 'ours, decoding alone') {
    const accepted = pipeline.ingest('traces', body, 'protobuf', now)
    pipeline.requestEnded()
    pipeline.sweep(now)
    return accepted
  }
  const { total } = decoder.traces(body, 'protobuf', { span: () => undefined })
  return { total, rejected: 0, message: '' }
}

const receiver = await startHttpReceiver({
  address: { host: '127.0.0.1', port: 0 },
  corsOrigins: [],
  ingest: (_signal, body) => ingest(body),
  forward: (signal, body, type, encoding) => {
    offered++
    relay.offer(signal, body, type, encoding)
  },
  authorise: () => true,
  events: {
    request: () => undefined,
    rejected: (_p, _s, reason) => problems.push(reason),
    internalError: (_, e) => problems.push(String(e)),
  },
  limits: DEFAULT_RECEIVE_LIMITS,
  inflight: new InflightBytes(2 ** 30, 256),
})

let before = process.cpuUsage()
answerMessages(async (message) => {
  if (message === 'begin') {
    before = process.cpuUsage()
    return receiver.port
  }
  while (delivered < offered) await sleep(5)
  now += 60_000
  while (pipeline.sweep(now));
  pipeline.flush(now, 'shutdown')
  const { user, system } = process.cpuUsage(before)
  now = Math.ceil(now / ROUND_MS + 1) * ROUND_MS
  if (problems.length > 0) throw new Error(`the run is void: ${[...new Set(problems)].join(', ')}`)
  return user + system
})
