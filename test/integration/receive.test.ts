import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { connect, type Socket } from 'node:net'
import zlib from 'node:zlib'
import grpc from '@grpc/grpc-js'
import { SpanKind } from '@opentelemetry/api'
import { OTLPTraceExporter as GrpcExporter } from '@opentelemetry/exporter-trace-otlp-grpc'
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { OTLPTraceExporter as ProtoExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { BatchSpanProcessor, type SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace'
import { afterEach, describe, expect, test } from 'vitest'
import { DecodeError } from '../../processor/decode/decode.ts'
import { createDecoder } from '../../processor/decode/index.ts'
import { INTEREST } from '../../processor/dialects/index.ts'
import {
  DEFAULT_RECEIVE_LIMITS,
  InflightBytes,
  Place,
  type ReceiveLimits,
  type Receiver,
  type ReceiverParts,
} from '../../processor/receive.ts'
import { startGrpcReceiver } from '../../processor/receive-grpc.ts'
import { startHttpReceiver } from '../../processor/receive-http.ts'
import { otlp, toJson, toProtobuf } from '../support/otlp.ts'

interface World extends ReceiverParts {
  readonly spans: { name: string; model: string | undefined; parent: string }[]
  readonly forwarded: { signal: string; body: Buffer; type: string; encoding: string }[]
  readonly rejected: string[]
  readonly errors: unknown[]
}

const open: Receiver[] = []
afterEach(async () => {
  for (const r of open.splice(0)) await r.close(100)
})

function world(limits: Partial<ReceiveLimits> = {}, maxInflight = 2 ** 28): World {
  const decoder = createDecoder(INTEREST)
  const w: World = {
    spans: [],
    forwarded: [],
    rejected: [],
    errors: [],
    limits: { ...DEFAULT_RECEIVE_LIMITS, ...limits },
    inflight: new InflightBytes(maxInflight, limits.maxConcurrentRequests ?? 256),
    authorise: (header) => header !== 'Bearer wrong',
    ingest: (signal, body, encoding) => {
      const link = (): void => undefined
      const d =
        signal === 'traces'
          ? decoder.traces(body, encoding, {
              link,
              span: (s) => w.spans.push({ name: s.name, model: s.attributes.text('gen_ai.request.model'), parent: s.parentSpanId }),
            })
          : signal === 'logs'
            ? decoder.logs(body, encoding, { log: link })
            : decoder.metrics(body, encoding)
      const rejected = Object.values(d.rejected).reduce((a, b) => a + b, 0)
      return { total: d.total, rejected, message: rejected > 0 ? 'bad ids' : '' }
    },
    forward: (signal, body, type, encoding) => w.forwarded.push({ signal, body: Buffer.from(body), type, encoding }),
    events: { request: () => undefined, rejected: (_, __, reason) => w.rejected.push(reason), internalError: (_, e) => w.errors.push(e) },
  }
  return w
}
async function http(w: World): Promise<{ url: string; port: number }> {
  const r = await startHttpReceiver({ ...w, address: { host: '127.0.0.1', port: 0 }, corsOrigins: ['https://app.example'] })
  open.push(r)
  return { url: `http://127.0.0.1:${r.port}`, port: r.port }
}
async function rpc(w: World): Promise<string> {
  const r = await startGrpcReceiver({ ...w, address: { host: '127.0.0.1', port: 0 } })
  open.push(r)
  return `127.0.0.1:${r.port}`
}
const request = otlp({ spans: [{ name: 'chat m', attributes: { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'm' } }] })
const JSON_TYPE = { 'content-type': 'application/json' }
const PROTO_TYPE = { 'content-type': 'application/x-protobuf' }
const post = (
  url: string,
  body: Uint8Array | string,
  headers: Record<string, string> = PROTO_TYPE,
  path = '/v1/traces',
): Promise<Response> => fetch(url + path, { method: 'POST', body: body as Uint8Array<ArrayBuffer>, headers })

/** What is answered on a connection until the receiver ends it; its sender never closes its side. */
function talk(port: number, first: string | Buffer): { readonly socket: Socket; read: string; readonly ended: Promise<unknown> } {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }).on('error', () => undefined)
  const talk = { socket, read: '', ended: new Promise((done) => socket.once('close', done)) }
  socket.setEncoding('latin1').on('data', (text: string) => (talk.read += text))
  // That the other side is gone is seen by who goes on writing.
  socket.once('end', () => {
    const more = setInterval(() => socket.write('x'), 50)
    socket.once('close', () => clearInterval(more))
  })
  socket.write(first)
  return talk
}

describe('OTLP/HTTP', () => {
  const encodings: readonly (readonly [string, (b: Uint8Array) => Uint8Array])[] = [
    ['identity', (b) => b],
    ['gzip', (b) => zlib.gzipSync(b)],
    ['deflate', (b) => zlib.deflateSync(b)],
    ['zstd', (b) => zlib.zstdCompressSync(b)],
  ]
  for (const [encoding, pack] of encodings) {
    for (const [type, body] of [
      ['application/x-protobuf', toProtobuf(request)],
      ['application/json; charset=utf-8', toJson(request)],
    ] as const) {
      test(`${type}, ${encoding}: taken, and forwarded as it came`, async () => {
        const w = world()
        const { url } = await http(w)
        const sent = pack(body)
        const answer = await post(url, sent, { 'content-type': type, ...(encoding === 'identity' ? {} : { 'content-encoding': encoding }) })
        expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([
          200,
          type.split(';')[0],
          type.startsWith('application/json') ? '{}' : '',
        ])
        expect(w.spans).toEqual([{ name: 'chat m', model: 'm', parent: '' }])
        expect(w.forwarded).toEqual([{ signal: 'traces', body: Buffer.from(sent), type, encoding }])
        expect(w.inflight.bytes).toBe(0)
      })
    }
  }
  test('bare deflate and gzip of several members are understood', async () => {
    const w = world()
    const { url } = await http(w)
    const body = toProtobuf(request)
    expect((await post(url, zlib.deflateRawSync(body), { ...PROTO_TYPE, 'content-encoding': 'deflate' })).status).toBe(200)
    const members = Buffer.concat([zlib.gzipSync(body.subarray(0, 10)), zlib.gzipSync(body.subarray(10))])
    expect((await post(url, members, { ...PROTO_TYPE, 'content-encoding': 'gzip' })).status).toBe(200)
    expect(w.spans).toHaveLength(2)
  })
  test('partial success names what was refused', async () => {
    const { url } = await http(world())
    const bad = otlp({ spans: [{ traceId: '0'.repeat(32) }, {}] })
    const answer = await post(url, toJson(bad), JSON_TYPE)
    expect([answer.status, await answer.json()]).toEqual([200, { partialSuccess: { rejectedSpans: '1', errorMessage: 'bad ids' } }])
    const binary = Buffer.from(await (await post(url, toProtobuf(bad))).arrayBuffer())
    expect(binary).toEqual(Buffer.from([0x0a, 11, 0x08, 1, 0x12, 7, ...Buffer.from('bad ids')]))
  })
  test('logs and metrics are taken', async () => {
    const w = world()
    const { url } = await http(w)
    expect((await post(url, '{"resourceLogs":[]}', JSON_TYPE, '/v1/logs')).status).toBe(200)
    expect((await post(url, new Uint8Array(), PROTO_TYPE, '/v1/metrics')).status).toBe(200)
    expect(w.forwarded.map((f) => f.signal)).toEqual(['logs', 'metrics'])
  })

  type Case = readonly [
    name: string,
    send: (url: string) => Promise<Response>,
    status: number,
    says: RegExp,
    reason: string,
    limits?: Partial<ReceiveLimits>,
  ]
  const cases: readonly Case[] = [
    [
      'a wrong content type',
      (u) => post(u, 'x', { 'content-type': 'text/plain' }),
      415,
      /send application\/x-protobuf or application\/json/,
      'content_type',
    ],
    ['no content type', (u) => fetch(`${u}/v1/traces`, { method: 'POST', body: new Uint8Array([1]) }), 415, /is not OTLP/, 'content_type'],
    [
      'an unknown content encoding',
      (u) => post(u, 'x', { ...PROTO_TYPE, 'content-encoding': 'br' }),
      415,
      /use one of identity, gzip/,
      'content_encoding',
    ],
    [
      'an undecodable body',
      (u) => post(u, Uint8Array.from([10, 100, 1])),
      400,
      /byte 1: a field says 100 bytes, 1 are left/,
      'undecodable',
    ],
    ['broken JSON', (u) => post(u, '{"a":', JSON_TYPE), 400, /OTLP json, byte 5/, 'undecodable'],
    [
      'corrupt gzip',
      (u) => post(u, 'not gzip', { ...PROTO_TYPE, 'content-encoding': 'gzip' }),
      400,
      /not valid gzip/,
      'corrupt_compression',
    ],
    [
      'a body over the limit',
      (u) => post(u, new Uint8Array(2000)),
      413,
      /larger than 1000 bytes/,
      'body_too_large',
      { maxBodyBytes: 1000 },
    ],
    [
      'a body that unpacks over the limit',
      (u) => post(u, zlib.gzipSync(new Uint8Array(5000)), { ...PROTO_TYPE, 'content-encoding': 'gzip' }),
      413,
      /unpacks to more than 4000 bytes/,
      'decompressed_too_large',
      { maxDecompressedBytes: 4000 },
    ],
    ['another path', (u) => post(u, '', PROTO_TYPE, '/'), 404, /OTLP goes to \/v1\/traces/, 'not_found'],
    ['another method', (u) => fetch(`${u}/v1/traces`), 405, /send OTLP with POST/, 'method'],
    ['a wrong token', (u) => post(u, '{}', { ...JSON_TYPE, authorization: 'Bearer wrong' }), 401, /ingest role/, 'unauthorized'],
  ]
  for (const [name, send, status, says, reason, limits] of cases) {
    test(`${name}: ${status}`, async () => {
      const w = world(limits)
      const { url } = await http(w)
      const answer = await send(url)
      expect([answer.status, w.rejected, w.spans.length, w.inflight.bytes]).toEqual([status, [reason], 0, 0])
      expect(await answer.text()).toMatch(says)
      expect((await post(url, '{}', JSON_TYPE)).status).toBe(200)
    })
  }
  test('a gzip bomb stops at the bound, without its memory', async () => {
    const w = world()
    const { url } = await http(w)
    const chunk = Buffer.alloc(2 ** 20)
    const bomb = zlib.gzipSync(Buffer.concat(Array.from({ length: 300 }, () => chunk)))
    const before = process.memoryUsage().rss
    const answer = await post(url, bomb, { ...PROTO_TYPE, 'content-encoding': 'gzip' })
    expect([answer.status, w.rejected]).toEqual([413, ['decompressed_too_large']])
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 2 ** 20)
  })
  test('a body of 64 MiB is taken', async () => {
    const w = world({ maxBodyBytes: 65 * 2 ** 20 })
    const { url } = await http(w)
    const big = otlp({ spans: [{ attributes: { 'gen_ai.x': 'y'.repeat(64 * 2 ** 20 - 400) } }] })
    expect((await post(url, toProtobuf(big))).status).toBe(200)
    expect(w.spans).toHaveLength(1)
  })
  test('overload is refused before the body is read, with Retry-After, and recovers', async () => {
    const w = world({}, 1000)
    const { port, url } = await http(w)
    // A request of which 900 bytes have come, and that never finishes.
    const slow = connect(port, '127.0.0.1')
    slow.write(
      'POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 950\r\n\r\n' + 'a'.repeat(900),
    )
    while (w.inflight.bytes < 900) await new Promise((r) => setTimeout(r, 5))
    const busy = httpRequest(`${url}/v1/traces`, {
      method: 'POST',
      headers: { ...PROTO_TYPE, 'content-length': '500', expect: '100-continue' },
    })
    let continued = false
    busy.on('continue', () => (continued = true))
    busy.flushHeaders()
    const [answer] = (await once(busy, 'response')) as [{ statusCode: number; headers: Record<string, string>; resume(): void }]
    answer.resume()
    busy.destroy()
    expect([answer.statusCode, continued, w.rejected]).toEqual([503, false, ['overload']])
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
    slow.destroy()
    while (w.inflight.bytes > 0) await new Promise((r) => setTimeout(r, 5))
    expect((await post(url, '{}', JSON_TYPE)).status).toBe(200)
  })
  test('who sends a large body and looks late reads all the same why it was refused', async () => {
    const w = { ...world(), memory: () => 'little memory is left' }
    const { port } = await http(w)
    const socket = connect(port, '127.0.0.1').pause()
    let read = ''
    const ended = new Promise((done) => socket.once('close', done).on('error', (error) => (read += error.message)))
    socket.write(`POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${2 ** 24}\r\n\r\n`)
    socket.write(Buffer.alloc(2 ** 24))
    await new Promise((r) => setTimeout(r, 300))
    socket
      .setEncoding('utf8')
      .on('data', (text: string) => (read += text))
      .resume()
    await ended
    expect(read).toMatch(/^HTTP\/1.1 503 .*little memory is left"}$/s)
    expect(read).toMatch(/connection: close/i)
  })
  test('too many requests at once are refused', async () => {
    const w = world({ maxConcurrentRequests: 1 })
    const { port, url } = await http(w)
    const slow = connect(port, '127.0.0.1')
    slow.write('POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{')
    while (w.inflight.bytes < 1) await new Promise((r) => setTimeout(r, 5))
    expect((await post(url, '{}', JSON_TYPE)).status).toBe(503)
    slow.destroy()
  })
  test('without memory nothing is taken in, and then it is again', async () => {
    let full: string | undefined = 'little memory is left'
    const w = { ...world(), memory: () => full }
    const { url } = await http(w)
    const answer = await post(url, '{}', JSON_TYPE)
    expect([answer.status, w.rejected, await answer.json()]).toEqual([503, ['memory'], { code: 14, message: 'little memory is left' }])
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    // Who may not send at all is told so first.
    expect((await post(url, '{}', { ...JSON_TYPE, authorization: 'Bearer wrong' })).status).toBe(401)
    full = undefined
    expect((await post(url, '{}', JSON_TYPE)).status).toBe(200)
  })
  test('what 200 slow senders announce holds nobody up', async () => {
    const w = world({}, 2 ** 20)
    const { port, url } = await http(w)
    const slow = Array.from({ length: 200 }, () => {
      const socket = connect(port, '127.0.0.1').on('error', () => undefined)
      socket.write(`POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${900_000}\r\n\r\n{`)
      return socket
    })
    while (w.inflight.bytes < 200) await new Promise((r) => setTimeout(r, 5))
    expect((await post(url, toProtobuf(request))).status).toBe(200)
    for (const socket of slow) socket.destroy()
    while (w.inflight.bytes > 0) await new Promise((r) => setTimeout(r, 5))
  })
  test('when all places are taken, senders that dawdle lose theirs and are told why', async () => {
    const w = world({ maxConcurrentRequests: 20 })
    const { port, url } = await http(w)
    let told = ''
    const slow = Array.from({ length: 20 }, () => {
      const socket = connect(port, '127.0.0.1').on('error', () => undefined)
      socket.setEncoding('latin1').on('data', (text: string) => (told += text))
      socket.write('POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n')
      return socket
    })
    const drip = setInterval(() => slow.forEach((s) => s.writable && s.write('{')), 100)
    try {
      while (w.inflight.bytes < 20) await new Promise((r) => setTimeout(r, 5))
      expect((await post(url, '{}', JSON_TYPE)).status).toBe(503)
      await new Promise((r) => setTimeout(r, 2100))
      for (let n = 0; n < 5; n++) expect((await post(url, '{}', JSON_TYPE)).status).toBe(200)
      expect(w.rejected).toEqual(['overload', 'slow'])
      while (!told.includes('came too slowly')) await new Promise((r) => setTimeout(r, 5))
      expect(told).toMatch(/^HTTP\/1.1 503 .*retry-after: \d/is)
    } finally {
      clearInterval(drip)
      for (const s of slow) s.destroy()
    }
    while (w.inflight.bytes > 0) await new Promise((r) => setTimeout(r, 5))
  })
  test('a refusal while the body comes is answered', async () => {
    const w = world({ maxBodyBytes: 1000 })
    const { port, url } = await http(w)
    const socket = connect(port, '127.0.0.1').on('error', () => undefined)
    socket.write(
      `POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n7d0\r\n${'a'.repeat(2000)}\r\n`,
    )
    const [answer] = (await once(socket.setEncoding('latin1'), 'data')) as [string]
    expect(answer).toMatch(/^HTTP\/1.1 413 /)
    expect([w.rejected, w.inflight.bytes]).toEqual([['body_too_large'], 0])
    socket.destroy()
    expect((await post(url, '{}', JSON_TYPE)).status).toBe(200)
  })
  const head = (bytes: number, more = ''): string =>
    `POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: ${bytes}\r\n${more}\r\n`
  const whole = (more = ''): Buffer => Buffer.concat([Buffer.from(head(toProtobuf(request).length, more)), toProtobuf(request)])
  const statuses = (read: string): readonly (string | undefined)[] => [...read.matchAll(/HTTP\/1.1 (\d+)/g)].map((m) => m[1])

  test('a body that does not come in time is refused with 408, and what comes of it later is not taken', async () => {
    const w = world({ requestTimeoutSeconds: 1 })
    const { port } = await http(w)
    const { length } = toProtobuf(request)
    const slow = talk(port, Buffer.concat([Buffer.from(head(length)), toProtobuf(request).subarray(0, 10)]))
    while (w.inflight.bytes < 10) await new Promise((r) => setTimeout(r, 5))
    while (!slow.read.includes('in time')) await new Promise((r) => setTimeout(r, 5))
    expect([w.inflight.bytes, w.rejected]).toEqual([0, ['timeout']])
    slow.socket.write(toProtobuf(request).subarray(10))
    await slow.ended
    expect([statuses(slow.read), w.spans.length]).toEqual([['408'], 0])
  })
  const broken: readonly (readonly [string, string | Buffer, string])[] = [
    ['headers that do not come in time', 'POST /v1/traces HTTP/1.1\r\nhost: ', '408'],
    ['too many headers', `POST /v1/traces HTTP/1.1\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`, '431'],
    ['what is no HTTP', 'hello\r\n\r\n', '400'],
    ['a chunk without a length', head(1).replace('content-length: 1', 'transfer-encoding: chunked') + 'x\r\n', '400'],
  ]
  for (const [name, text, status] of broken)
    test(`${name}: ${status}, and the connection ends though its sender does not close it`, async () => {
      const w = world({ requestTimeoutSeconds: 1 })
      const { port } = await http(w)
      const told = talk(port, text)
      await told.ended
      expect([statuses(told.read), w.spans.length, w.inflight.bytes, w.errors]).toEqual([[status], 0, 0, []])
    })
  test('nothing is taken behind an answer that closes the connection', async () => {
    const w = world()
    const { port } = await http(w)
    const refused = talk(port, 'POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: 9\r\n\r\nabc')
    while (!refused.read.includes('is not OTLP')) await new Promise((r) => setTimeout(r, 5))
    refused.socket.write(Buffer.concat([Buffer.from('defghi'), whole()]))
    const closes = talk(port, Buffer.concat([whole('connection: close\r\n'), whole()]))
    await Promise.all([refused.ended, closes.ended])
    expect([statuses(refused.read), statuses(closes.read), w.spans.length]).toEqual([['415'], ['200'], 1])
  })
  test('garbage behind a good request does not take its answer', async () => {
    const w = world()
    const { port } = await http(w)
    const told = talk(port, Buffer.concat([whole(), whole(), Buffer.from('hello\r\n\r\n')]))
    await told.ended
    expect([statuses(told.read), w.spans.length, w.errors]).toEqual([['200', '200'], 2, []])
  })
  const forms: readonly (readonly [string, () => string | Buffer])[] = [
    ['the whole URI as its target', () => whole('connection: close\r\n').toString('latin1').replace(' /v1', ' http://x:1/v1')],
    ['HTTP/1.0 and Expect, which gets no 100', () => whole('expect: 100-continue\r\n').toString('latin1').replace('HTTP/1.1', 'HTTP/1.0')],
    [
      'x-gzip, which is gzip',
      () => {
        const body = zlib.gzipSync(toProtobuf(request))
        return Buffer.concat([Buffer.from(head(body.length, 'content-encoding: X-GZIP\r\nconnection: close\r\n')), body])
      },
    ],
  ]
  for (const [name, text] of forms)
    test(`a request with ${name}, is taken`, async () => {
      const w = world()
      const told = talk((await http(w)).port, Buffer.isBuffer(text()) ? text() : Buffer.from(text() as string, 'latin1'))
      await told.ended
      expect([statuses(told.read), w.spans.length]).toEqual([['200'], 1])
    })
  test('a browser may send from an origin that was configured, and from no other', async () => {
    const { url } = await http(world())
    const ask = (origin: string): Promise<Response> =>
      fetch(`${url}/v1/traces`, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' },
      })
    const good = await ask('https://app.example')
    expect([good.status, good.headers.get('access-control-allow-origin')]).toEqual([204, 'https://app.example'])
    expect((await ask('https://evil.example')).status).toBe(405)
  })
  test('random bytes at the door never break it', async () => {
    const w = world()
    const { port, url } = await http(w)
    for (let i = 0; i < 40; i++) {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => undefined)
      socket.end(Buffer.from(Array.from({ length: 200 }, (_, k) => (i * 131 + k * k * 7) % 256)))
      socket.resume()
      await once(socket, 'close')
      await post(
        url,
        Uint8Array.from({ length: 64 }, (_, k) => (i * 17 + k * 29) % 256),
        i % 2 === 0 ? PROTO_TYPE : JSON_TYPE,
      )
    }
    expect(w.errors).toEqual([])
    expect((await post(url, toProtobuf(request))).status).toBe(200)
  })
})

describe('OTLP/gRPC', () => {
  const PATH = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'
  const bytes = (b: Buffer): Buffer => b
  function call(
    address: string,
    body: Uint8Array,
    path = PATH,
    metadata: Record<string, string> = {},
    options: grpc.ClientOptions = {},
  ): Promise<{ code: number; details: string; body?: Buffer; status?: Buffer }> {
    const client = new grpc.Client(address, grpc.credentials.createInsecure(), options)
    const headers = new grpc.Metadata()
    for (const [k, v] of Object.entries(metadata)) headers.set(k, v)
    return new Promise((done) => {
      client.makeUnaryRequest(path, bytes, bytes, Buffer.from(body), headers, { deadline: Date.now() + 5000 }, (error, answer) => {
        client.close()
        const status = error?.metadata.get('grpc-status-details-bin')[0] as Buffer | undefined
        done(
          error === null
            ? { code: 0, details: '', body: answer as Buffer }
            : { code: error.code, details: error.details, ...(status === undefined ? {} : { status }) },
        )
      })
    })
  }
  test('taken and forwarded as it came, plain and gzip', async () => {
    const w = world()
    const address = await rpc(w)
    const body = toProtobuf(request)
    expect(await call(address, body)).toEqual({ code: 0, details: '', body: Buffer.alloc(0) })
    expect((await call(address, body, PATH, {}, { 'grpc.default_compression_algorithm': 2 })).code).toBe(0)
    expect(w.spans).toHaveLength(2)
    expect(w.forwarded.map((f) => [f.type, f.encoding])).toEqual([
      ['application/x-protobuf', 'identity'],
      ['application/x-protobuf', 'gzip'],
    ])
    expect(Buffer.from(zlib.gunzipSync(w.forwarded[1]!.body))).toEqual(Buffer.from(body))
  })
  test('partial success', async () => {
    const { body } = await call(await rpc(world()), toProtobuf(otlp({ spans: [{ traceId: '0'.repeat(32) }] })))
    expect(body?.toString('latin1')).toContain('bad ids')
  })
  test('errors have the codes of the specification', async () => {
    const w = world({ maxBodyBytes: 1000 })
    const address = await rpc(w)
    expect(await call(address, Uint8Array.from([10, 100, 1]))).toMatchObject({
      code: 3,
      details: 'OTLP protobuf, byte 1: a field says 100 bytes, 1 are left',
    })
    expect((await call(address, new Uint8Array(5000))).code).toBe(8)
    expect((await call(address, new Uint8Array(), '/x.Y/Z')).code).toBe(12)
    expect((await call(address, new Uint8Array(), PATH, { authorization: 'Bearer wrong' })).code).toBe(16)
    expect(w.inflight.bytes).toBe(0)
  })
  test('overload says when to come back', async () => {
    const w = world({}, 2 ** 28)
    new Place(w.inflight).hold(2 ** 28)
    const { code, status } = await call(await rpc(w), toProtobuf(request))
    expect(code).toBe(14)
    expect(status?.toString('latin1')).toContain('google.rpc.RetryInfo')
  })
  test('without memory, or beyond the share of its token, a call is told to come back', async () => {
    const full = { ...world(), memory: () => 'little memory is left' }
    const refused = await call(await rpc(full), toProtobuf(request))
    expect([refused.code, refused.details, full.rejected]).toEqual([8, 'little memory is left', ['memory']])
    expect(refused.status?.toString('latin1')).toContain('google.rpc.RetryInfo')

    const w = { ...world(), inflight: new InflightBytes(1000, 100, () => true), sender: (header: string | undefined) => header }
    new Place(w.inflight, 'Bearer flood').hold(600)
    const address = await rpc(w)
    const body = toProtobuf(request)
    const flood = await call(address, body, PATH, { authorization: 'Bearer flood' })
    expect([flood.code, w.rejected]).toEqual([8, ['share']])
    expect(flood.status?.toString('latin1')).toContain('google.rpc.RetryInfo')
  })
  test('a call that dawdles is ended after its time in all, and its stream with it', async () => {
    const w = world({ requestTimeoutSeconds: 1 })
    const session = connectHttp2(`http://${await rpc(w)}`)
    const stream = session.request({ ':method': 'POST', ':path': PATH, 'content-type': 'application/grpc', te: 'trailers' })
    stream.on('error', () => undefined)
    const drip = setInterval(() => stream.writable && stream.write('a'), 100)
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>]
    stream.resume()
    await once(stream, 'close')
    clearInterval(drip)
    session.destroy()
    expect([headers['grpc-status'], w.rejected, w.inflight.bytes]).toEqual(['4', ['timeout'], 0])
  })
  /** One call over node:http2, so that it may be anything: its status, and its message. */
  async function raw(session: ClientHttp2Session, frame: Uint8Array, headers: Record<string, string> = {}): Promise<readonly unknown[]> {
    const stream = session.request({ ':method': 'POST', ':path': PATH, 'content-type': 'application/grpc', te: 'trailers', ...headers })
    stream.on('error', () => undefined).resume()
    let found: Record<string, unknown> = {}
    for (const event of ['response', 'trailers']) stream.on(event, (more: Record<string, unknown>) => (found = { ...found, ...more }))
    stream.end(frame)
    await new Promise((done) => stream.once('close', done))
    return [found['grpc-status'], found['grpc-message']]
  }
  const framed = (flag: number): Buffer => Buffer.concat([Buffer.from([flag, 0, 0, 0, toProtobuf(request).length]), toProtobuf(request)])
  test('a message that says it is compressed, but not how, is refused as gRPC asks', async () => {
    const w = world()
    const session = connectHttp2(`http://${await rpc(w)}`)
    expect(toProtobuf(request).length).toBeLessThan(256)
    for (const headers of [{}, { 'grpc-encoding': 'identity' }])
      expect(await raw(session, framed(1), headers)).toEqual(['13', expect.stringContaining('compressed')])
    expect(await raw(session, framed(2), { 'grpc-encoding': 'gzip' })).toEqual(['13', expect.stringContaining('0 or 1')])
    expect(await raw(session, framed(0), { 'grpc-encoding': 'gzip', 'content-type': 'Application/gRPC ; x=y' })).toEqual(['0', undefined])
    session.destroy()
    expect([w.spans.length, w.inflight.bytes, w.errors]).toEqual([1, 0, []])
  })
  test('whatever a sender says, its answer fits, and the connection stays for others', async () => {
    const w: World = {
      ...world(),
      ingest: () => {
        throw new DecodeError('protobuf', 0, '\u{20ac}'.repeat(50_000))
      },
    }
    const session = connectHttp2(`http://${await rpc(w)}`)
    expect(await raw(session, framed(1), { 'grpc-encoding': 'x'.repeat(30_000) })).toEqual(['12', expect.stringMatching(/"x{100}" is not/)])
    const [status, message] = await raw(session, framed(0))
    expect(status).toBe('3')
    expect((message as string).length).toBeLessThan(4000)
    expect(session.destroyed).toBe(false)
    session.destroy()
  })

  const http2Frame = (type: number, flags: number, id: number, payload: Buffer = Buffer.alloc(0)): Buffer => {
    const head = Buffer.alloc(9)
    head.writeUIntBE(payload.length, 0, 3)
    head.set([type, flags], 3)
    head.writeUInt32BE(id, 5)
    return Buffer.concat([head, payload])
  }
  const literal = (name: string, value: string): Buffer =>
    Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)])
  const headersOf = (path: string): Buffer =>
    Buffer.concat(
      Object.entries({ ':method': 'POST', ':scheme': 'http', ':path': path, 'content-type': 'application/grpc' }).map(([k, v]) =>
        literal(k, v),
      ),
    )
  const begin = (settings: Buffer = Buffer.alloc(0)): Buffer =>
    Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), http2Frame(4, 0, 0, settings)])
  const slow: readonly (readonly [string, Buffer])[] = [
    ['that says nothing', Buffer.alloc(0)],
    ['with half a preface', Buffer.from('PRI * HT')],
    ['without a call', begin()],
    ['with headers that never end', Buffer.concat([begin(), http2Frame(1, 0, 1, literal(':method', 'POST'))])],
    [
      'that asks for health and never ends its call',
      Buffer.concat([begin(), http2Frame(1, 4, 1, headersOf('/grpc.health.v1.Health/Check'))]),
    ],
    [
      'that does not take its answers',
      Buffer.concat([begin(Buffer.from([0, 4, 0, 0, 0, 0])), http2Frame(1, 4, 1, headersOf(PATH)), http2Frame(0, 1, 1, framed(0))]),
    ],
  ]
  for (const [name, bytes] of slow)
    test(`a connection ${name} ends by itself`, async () => {
      const w = world({ requestTimeoutSeconds: 1, grpcIdleSeconds: 0.2 })
      const { ended } = talk(Number((await rpc(w)).split(':')[1]), bytes)
      await ended
      expect([w.inflight.bytes, w.errors]).toEqual([0, []])
    })
  test('closing does not wait for those who do not close their side, nor longer than it may for a call', async () => {
    const r = await startGrpcReceiver({ ...world(), address: { host: '127.0.0.1', port: 0 } })
    const idle = [begin(), Buffer.alloc(0)].map((bytes) =>
      connect({ port: r.port, host: '127.0.0.1', allowHalfOpen: true })
        .on('error', () => undefined)
        .resume()
        .write(bytes),
    )
    await new Promise((done) => setTimeout(done, 100))
    const began = performance.now()
    await r.close(60_000)
    expect(idle).toHaveLength(2)
    expect(performance.now() - began).toBeLessThan(4000)

    const busy = await startGrpcReceiver({ ...world(), address: { host: '127.0.0.1', port: 0 } })
    const bytes = Buffer.concat([begin(), http2Frame(1, 4, 1, headersOf(PATH))])
    connect({ port: busy.port, host: '127.0.0.1', allowHalfOpen: true })
      .on('error', () => undefined)
      .resume()
      .write(bytes)
    await new Promise((done) => setTimeout(done, 100))
    await busy.close(300)
  })
  test('the health service answers SERVING', async () =>
    expect((await call(await rpc(world()), new Uint8Array(), '/grpc.health.v1.Health/Check')).body).toEqual(Buffer.from([8, 1])))
  test('closing lets calls under way finish', async () => {
    const w = world()
    const r = await startGrpcReceiver({ ...w, address: { host: '127.0.0.1', port: 0 } })
    const calls = Array.from({ length: 5 }, () => call(`127.0.0.1:${r.port}`, toProtobuf(request)))
    await Promise.all(calls)
    await r.close(1000)
    expect(w.spans).toHaveLength(5)
  })
})

describe("the OpenTelemetry JS SDK's own exporters", () => {
  async function emit(exporter: SpanExporter): Promise<void> {
    const provider = new TracerProvider({ spanProcessors: [new BatchSpanProcessor({ exporter })] })
    const tracer = provider.getTracer('test')
    tracer
      .startSpan('chat m', { kind: SpanKind.CLIENT, attributes: { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'm' } })
      .end()
    await provider.forceFlush()
    await provider.shutdown()
  }
  const expected = [{ name: 'chat m', model: 'm', parent: '' }]
  for (const compression of ['none', 'gzip'] as const) {
    test(`HTTP/JSON, ${compression}`, async () => {
      const w = world()
      await emit(new JsonExporter({ url: `${(await http(w)).url}/v1/traces`, compression } as never))
      expect(w.spans).toEqual(expected)
      expect(w.forwarded[0]).toMatchObject({ type: 'application/json', encoding: compression === 'gzip' ? 'gzip' : 'identity' })
    })
    test(`HTTP/protobuf, ${compression}`, async () => {
      const w = world()
      await emit(new ProtoExporter({ url: `${(await http(w)).url}/v1/traces`, compression } as never))
      expect(w.spans).toEqual(expected)
    })
    test(`gRPC, ${compression}`, async () => {
      const w = world()
      await emit(new GrpcExporter({ url: `http://${await rpc(w)}`, compression } as never))
      expect(w.spans).toEqual(expected)
    })
  }
})
