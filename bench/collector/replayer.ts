/**
 * A process of its own that sends prepared bodies to the server under measurement and takes what that server sends on, so that both
 * contenders meet the same load from the same cheap sender. In: a line of JSON per job on standard input. Out: a line of JSON per job.
 * Every body is sent once in a job: a body that comes twice is a duplicate, which costs a server less than new spans.
 */
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { Sender, startSink } from './http.ts'
import { renewed } from './renew.ts'

export interface Job {
  readonly port: number
  /** First body and number of bodies. */
  readonly from: number
  readonly count: number
  /** Bodies a second; 0 for as fast as they are answered. */
  readonly rate: number
  /** Stops sending after so long, what was begun is finished. */
  readonly maxSeconds: number
  readonly connections: number
  /** Makes every body one that was never sent, by writing this number and those after it over the ids of its traces and responses. */
  readonly fresh?: number
}

export interface Done {
  readonly sent: number
  readonly refused: number
  readonly seconds: number
  /** Milliseconds from the time a body was due to its answer, sorted. */
  readonly latencies: readonly number[]
  /** What arrived at the sink since the replayer started. */
  readonly sinkRequests: number
  readonly sinkBytes: number
}

const [file = '', sinkPort = '0'] = process.argv.slice(2)
const requests = requestsOf(readFileSync(file))
const sink = await startSink(Number(sinkPort))
process.stdout.write(`${JSON.stringify({ bodies: requests.length })}\n`)
for await (const line of createInterface({ input: process.stdin }))
  process.stdout.write(`${JSON.stringify(await run(JSON.parse(line) as Job))}\n`)
process.exit(0)

/** The file is bodies, each after its length in four bytes. */
function requestsOf(bytes: Buffer): readonly Buffer[] {
  const found: Buffer[] = []
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readUInt32LE(at)
    const body = bytes.subarray(at + 4, at + 4 + length)
    const head = `POST /v1/traces HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/x-protobuf\r\ncontent-encoding: gzip\r\ncontent-length: ${length}\r\n\r\n`
    found.push(Buffer.concat([Buffer.from(head), body]))
    at += 4 + length
  }
  return found
}

async function run(job: Job): Promise<Done> {
  const senders = await Promise.all(Array.from({ length: job.connections }, () => open(job.port)))
  const latencies: number[] = []
  let next = 0
  let refused = 0
  const began = performance.now()
  const takeTurns = async (sender: Sender): Promise<void> => {
    while (next < job.count && performance.now() - began < job.maxSeconds * 1000) {
      const at = next++
      const dueMs = job.rate === 0 ? performance.now() : began + (at * 1000) / job.rate
      const early = dueMs - performance.now()
      if (early > 1) await wait(early)
      const request = requests[(job.from + at) % requests.length] as Buffer
      const status = await sender.send(job.fresh === undefined ? request : renewed(request, job.fresh + at))
      latencies.push(performance.now() - dueMs)
      if (status !== 200) refused++
    }
  }
  await Promise.all(senders.map(takeTurns))
  const seconds = (performance.now() - began) / 1000
  for (const sender of senders) sender.close()
  return {
    sent: latencies.length,
    refused,
    seconds,
    latencies: latencies.sort((a, b) => a - b),
    sinkRequests: sink.requests,
    sinkBytes: sink.bytes,
  }
}

async function open(port: number): Promise<Sender> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await new Promise<void>((done, fail) => socket.once('connect', done).once('error', fail))
  return new Sender(socket)
}
