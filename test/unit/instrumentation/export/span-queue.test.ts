/** The queue against a real OTLP/HTTP endpoint that answers as each test says. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { afterEach, describe, expect, test } from 'vitest'
import { SpanQueue } from '../../../../instrumentation/export/span-queue.ts'
import { until } from '../../../support/app.ts'

interface Endpoint {
  readonly url: string
  /** Names of the spans of each request. */
  readonly requests: string[][]
}
type Answer = (response: ServerResponse, nth: number) => void

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

async function endpoint(answer: Answer = (r) => r.end('{}')): Promise<Endpoint> {
  const requests: string[][] = []
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const raw = Buffer.concat(chunks)
    const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw
    requests.push([...body.toString().matchAll(/"name":"(s\d+)"/g)].map((m) => m[1] ?? ''))
    answer(response, requests.length)
  }
  const server = createServer((request, response) => void take(request, response))
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`, requests }
}

const untraced = <T>(work: () => T): T => work()

function queue(
  url: string,
  more: { maxSpans?: number; batchSpans?: number; delayMs?: number; gzip?: boolean; timeoutMs?: number } = {},
): SpanQueue {
  const { maxSpans = 100, batchSpans = 10, delayMs = 20, gzip = false, timeoutMs = 5000 } = more
  return new SpanQueue({
    target: { url, headers: { 'content-type': 'application/json' }, timeoutMs, gzip, tls: {} },
    maxSpans,
    batchSpans,
    delayMs,
    untraced,
  })
}

/** Finished spans named s1, s2 …; `chars` of content on each. */
function spans(count: number, chars = 0): readonly ReadableSpan[] {
  const exporter = new InMemorySpanExporter()
  const tracer = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }).getTracer('t')
  for (let i = 1; i <= count; i++) tracer.startSpan(`s${i}`, { attributes: { content: 'x'.repeat(chars) } }).end()
  return exporter.getFinishedSpans()
}

const names = (from: number, to: number): readonly string[] => Array.from({ length: to - from + 1 }, (_, i) => `s${from + i}`)

describe('sending', () => {
  test('what comes within the delay goes in one request', async () => {
    const { url, requests } = await endpoint()
    const q = queue(url)
    for (const span of spans(3)) q.onEnd(span)
    await until(async () => requests.length > 0, 'a request')
    expect(requests).toEqual([names(1, 3)])
  })
  test('a full batch does not wait; the rest waits for its own delay', async () => {
    const { url, requests } = await endpoint()
    const q = queue(url, { delayMs: 100 })
    for (const span of spans(23)) q.onEnd(span)
    await until(async () => requests.flat().length === 23, 'all spans')
    expect(requests[0]).toEqual(names(1, 10))
    expect(requests.flat()).toEqual(names(1, 23))
  })
  test('a request is closed once it is long, however few spans it holds', async () => {
    const { url, requests } = await endpoint()
    const q = queue(url)
    for (const span of spans(4, 75_000)) q.onEnd(span)
    await q.forceFlush()
    expect(requests).toEqual([names(1, 2), names(3, 4)])
  })
  test('gzip', async () => {
    const { url, requests } = await endpoint()
    const q = queue(url, { gzip: true })
    for (const span of spans(2)) q.onEnd(span)
    await q.forceFlush()
    expect(requests).toEqual([names(1, 2)])
  })
  test('a span that is not sampled is not sent', async () => {
    const { url, requests } = await endpoint()
    const q = queue(url)
    const [span] = spans(1)
    q.onEnd({ ...span!, spanContext: () => ({ ...span!.spanContext(), traceFlags: 0 }) } as ReadableSpan)
    await q.forceFlush()
    expect(requests).toEqual([])
    expect(q.dropped).toBe(0)
  })
})

describe('what goes wrong', () => {
  test('503 is tried again, no sooner than Retry-After says, and nothing is lost or doubled', async () => {
    const times: number[] = []
    const { url, requests } = await endpoint((r, nth) => {
      times.push(performance.now())
      if (nth === 1) r.writeHead(503, { 'retry-after': '0.2' }).end()
      else r.end('{}')
    })
    const q = queue(url)
    for (const span of spans(2)) q.onEnd(span)
    await q.forceFlush()
    expect(requests).toEqual([names(1, 2), names(1, 2)])
    expect(times[1]! - times[0]!).toBeGreaterThanOrEqual(190)
    expect(q.dropped).toBe(0)
  })
  test('400 is not tried again; the spans are counted as dropped', async () => {
    const { url, requests } = await endpoint((r) => r.writeHead(400).end())
    const q = queue(url)
    for (const span of spans(2)) q.onEnd(span)
    await q.forceFlush()
    expect(requests).toHaveLength(1)
    expect(q.dropped).toBe(2)
  })
  test('more than fits is dropped and counted, the newest first; spans under way count', async () => {
    const held: ServerResponse[] = []
    const { url, requests } = await endpoint((r) => held.push(r))
    const q = queue(url, { maxSpans: 12, batchSpans: 5 })
    for (const span of spans(20)) q.onEnd(span)
    expect(q.dropped).toBe(8)
    await until(async () => held.length === 1, 'the first request')
    for (const span of spans(1)) q.onEnd(span)
    expect(q.dropped).toBe(9)
    held[0]!.end()
    await until(async () => requests.length === 2, 'the second request')
    expect(requests.flat()).toEqual(names(1, 10))
  })
  test('a kept connection that the server closed meanwhile costs nothing', async () => {
    const { url, requests } = await endpoint((r) => {
      r.end('{}')
      // Ends the connection once the answer is out, without having announced it.
      setImmediate(() => r.socket?.destroy())
    })
    const q = queue(url)
    for (const span of spans(3)) {
      q.onEnd(span)
      await q.forceFlush()
    }
    expect(requests.flat()).toEqual(names(1, 3))
    expect(q.dropped).toBe(0)
  })
})

describe('the end of the process', () => {
  test('drain sends what there is, in as many requests as it takes', async () => {
    const { url, requests } = await endpoint()
    const q = queue(url, { delayMs: 60_000, batchSpans: 50 })
    for (const span of spans(49)) q.onEnd(span)
    await q.drain(2000)
    expect(requests.flat()).toEqual(names(1, 49))
  })
  test('drain takes one attempt where nobody listens, and then there is nothing left', async () => {
    const { url } = await endpoint()
    closing.splice(0).forEach((close) => close())
    const q = queue(url, { delayMs: 60_000 })
    for (const span of spans(9)) q.onEnd(span)
    const began = performance.now()
    await q.drain(2000)
    expect(performance.now() - began).toBeLessThan(1000)
    expect(q.dropped).toBe(9)
    expect(q.take()).toBeUndefined()
  })
  test('drain cuts a pause between attempts short', async () => {
    const { url, requests } = await endpoint((r, nth) => (nth === 1 ? r.writeHead(503, { 'retry-after': '30' }).end() : r.end('{}')))
    const q = queue(url)
    for (const span of spans(2)) q.onEnd(span)
    await until(async () => requests.length === 1, 'the first attempt')
    await new Promise((r) => setTimeout(r, 50))
    const began = performance.now()
    await q.drain(2000)
    expect(performance.now() - began).toBeLessThan(1000)
    expect(requests).toHaveLength(2)
    expect(q.dropped).toBe(0)
  })
  test('drain gives up at its limit where nothing is answered', async () => {
    const { url } = await endpoint(() => undefined)
    const q = queue(url)
    for (const span of spans(2)) q.onEnd(span)
    const began = performance.now()
    await q.drain(200)
    expect(performance.now() - began).toBeLessThan(1000)
    expect(q.dropped).toBe(2)
    expect(q.take()).toBeUndefined()
  })
  test('take hands over what waits, once', async () => {
    const { url } = await endpoint()
    const q = queue(url, { delayMs: 60_000 })
    for (const span of spans(3)) q.onEnd(span)
    const body = q.take() ?? ''
    expect([...body.matchAll(/"name":"(s\d)"/g)].map((m) => m[1])).toEqual(names(1, 3))
    expect(q.take()).toBeUndefined()
  })
  test('take leaves out what is with the operating system already, and takes what waits for its next attempt', async () => {
    const held: ServerResponse[] = []
    const { url } = await endpoint((r) => held.push(r))
    const q = queue(url, { batchSpans: 2, delayMs: 60_000 })
    for (const span of spans(3)) q.onEnd(span)
    await until(async () => held.length === 1, 'a request under way')
    expect(q.take()).not.toContain('"name":"s1"')

    const refusing = await endpoint((r) => r.writeHead(503, { 'retry-after': '30' }).end())
    const waiting = queue(refusing.url)
    for (const span of spans(1)) waiting.onEnd(span)
    await until(async () => refusing.requests.length === 1, 'an attempt')
    await new Promise((r) => setTimeout(r, 50))
    expect(waiting.take()).toContain('"name":"s1"')
  })
})
