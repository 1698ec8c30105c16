/**
 * What comes to the doors that was never an exporter's: bodies damaged in every way in every encoding, bombs, senders that never finish,
 * names made to hurt. 3,000 bodies per encoding; 100,000 in `npm run fault`. A refused body changes nothing, and the door stays open.
 */
import { spawnSync } from 'node:child_process'
import { connect as connectHttp2 } from 'node:http2'
import { Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, sumOf, type TestApp, until } from '../support/app.ts'
import { otlp, type SpanSketch, toJson, toProtobuf } from '../support/otlp.ts'

const IS_LONG = process.env['AGENTOPZ_FAULT'] === 'long'
const MUTANTS = IS_LONG ? 100_000 : 3000
let draws = Number(process.env['AGENTOPZ_SEED'] ?? 1)
function draw(below: number): number {
  draws = (Math.imul(draws, 1_664_525) + 1_013_904_223) >>> 0
  return Math.floor((draws / 2 ** 32) * below)
}

const agent = new Agent({ keepAlive: true, maxSockets: 1 })
interface Answer {
  readonly status: number
  readonly body: string
}
function post(url: string, body: Uint8Array, headers: Readonly<Record<string, string>>): Promise<Answer> {
  return new Promise((done, fail) => {
    const outgoing = request(
      `${url}/v1/traces`,
      { method: 'POST', agent, headers: { ...headers, 'content-length': body.length } },
      (answer) => {
        let text = ''
        answer.setEncoding('latin1').on('data', (part: string) => (text += part))
        answer.on('end', () => done({ status: answer.statusCode ?? 0, body: text }))
      },
    )
    outgoing.on('error', fail)
    outgoing.end(body)
  })
}

const hex = (n: number, digits: number): string => n.toString(16).padStart(digits, '0')
let ids = 1
function run(more: Readonly<Record<string, unknown>> = {}): readonly SpanSketch[] {
  const traceId = hex(ids, 32)
  const span = (k: number): string => hex(ids * 4 + k, 16)
  const spans = [
    { traceId, spanId: span(0), attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'support', ...more } },
    {
      traceId,
      spanId: span(1),
      parentSpanId: span(0),
      status: 'error' as const,
      attributes: {
        'gen_ai.operation.name': 'chat',
        'gen_ai.request.model': 'gpt-4o',
        'gen_ai.usage.input_tokens': 1234,
        'gen_ai.response.finish_reasons': ['stop'],
        'gen_ai.input.messages': [{ role: 'user', parts: [{ type: 'text', content: 'hallo' }] }],
        'app.double': 1.5,
      },
      events: [{ name: 'exception', attributes: { 'exception.type': 'Error' } }],
    },
    {
      traceId,
      spanId: span(2),
      parentSpanId: span(0),
      attributes: { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'search' },
    },
    { traceId, spanId: span(3), parentSpanId: span(2), attributes: { 'http.request.method': 'GET' } },
  ]
  ids++
  return spans
}

/** Bytes changed, cut off, left out, put in, doubled, or set to what lengths and varints are afraid of. */
function mutant(body: Uint8Array): Buffer {
  const bytes = Buffer.from(body)
  for (let n = 1 + draw(3); n > 0; n--) {
    const at = draw(bytes.length)
    const how = draw(8)
    if (how === 0) bytes[at] = draw(256)
    else if (how === 1) bytes[at] = (bytes[at] ?? 0) ^ (1 << draw(8))
    else if (how === 2) return bytes.subarray(0, at)
    else if (how === 3) bytes.fill(0xff, at, Math.min(bytes.length, at + 1 + draw(12)))
    else if (how === 4) bytes.fill(0, at, Math.min(bytes.length, at + 1 + draw(12)))
    else if (how === 5) return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + draw(20))])
    else if (how === 6)
      return Buffer.concat([bytes.subarray(0, at), Buffer.from(Array.from({ length: 1 + draw(20) }, () => draw(256))), bytes.subarray(at)])
    else return Buffer.concat([bytes, bytes.subarray(at)])
  }
  return bytes
}

let t: TestApp
beforeAll(async () => {
  t = await startTestApp(
    'runs: { settle_seconds: 3600, orphan_seconds: 3600, idle_seconds: 7200 }\nlimits: { request_timeout_seconds: 2 }\n',
  )
})
afterAll(async () => {
  agent.destroy()
  await t.app.stop()
})
/** All that a refused body could have changed. */
const held = (): string => JSON.stringify([t.app.pipeline.runs.openRuns, t.app.pipeline.runs.openSpans, t.app.pipeline.runs.linkSpans])

const protobuf = (): Uint8Array => toProtobuf(otlp({ resource: { 'service.name': 'shop' }, spans: [...run(), ...run()] }))
const json = (): Uint8Array => toJson(otlp({ resource: { 'service.name': 'shop' }, spans: [...run(), ...run()] }))
const PROTOBUF = { 'content-type': 'application/x-protobuf' }
const JSON_TYPE = { 'content-type': 'application/json' }
const gzip = { 'content-encoding': 'gzip' }
const WAYS: readonly { name: string; headers: Readonly<Record<string, string>>; readonly make: () => Uint8Array }[] = [
  { name: 'protobuf', headers: PROTOBUF, make: () => mutant(protobuf()) },
  { name: 'protobuf, damaged under gzip', headers: { ...PROTOBUF, ...gzip }, make: () => gzipSync(mutant(protobuf()), { level: 1 }) },
  { name: 'gzip, damaged itself', headers: { ...PROTOBUF, ...gzip }, make: () => mutant(gzipSync(protobuf(), { level: 1 })) },
  { name: 'zstd, damaged itself', headers: { ...PROTOBUF, 'content-encoding': 'zstd' }, make: () => mutant(zstdCompressSync(protobuf())) },
  { name: 'JSON', headers: JSON_TYPE, make: () => mutant(json()) },
  { name: 'JSON, damaged under gzip', headers: { ...JSON_TYPE, ...gzip }, make: () => gzipSync(mutant(json()), { level: 1 }) },
]

describe('damaged bodies', () => {
  for (const { name, headers, make } of WAYS)
    test(`${name}: ${MUTANTS} answered, those refused change nothing`, async () => {
      const seen = new Map<number, number>()
      for (let n = 0; n < MUTANTS; n++) {
        const body = make()
        const before = held()
        const { status } = await post(t.otlp, body, headers)
        seen.set(status, (seen.get(status) ?? 0) + 1)
        if (status === 200) continue
        expect([400, 413], `mutant ${n}: ${Buffer.from(body).toString('hex').slice(0, 400)}`).toContain(status)
        expect(held()).toBe(before)
      }
      expect(seen.get(400)).toBeGreaterThan(MUTANTS / 20)
      expect(await t.value('agentopz_internal_errors_total')).toBe(0)
      const spans = t.app.pipeline.runs.openSpans
      expect((await post(t.otlp, protobuf(), PROTOBUF)).status).toBe(200)
      expect(t.app.pipeline.runs.openSpans).toBe(spans + 8)
    }, 3_600_000)

  test(`gRPC: ${MUTANTS} calls answered with a status`, async () => {
    const session = connectHttp2(`http://${t.grpc}`)
    const call = (frame: Uint8Array): Promise<string> =>
      new Promise((done, fail) => {
        const stream = session.request({
          ':method': 'POST',
          ':path': '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
          'content-type': 'application/grpc',
          te: 'trailers',
        })
        let status = ''
        stream.on('response', (h) => (status = String(h['grpc-status'] ?? status)))
        stream.on('trailers', (h) => (status = String((h as Readonly<Record<string, unknown>>)['grpc-status'])))
        stream.on('error', fail)
        stream.on('close', () => done(status))
        stream.resume()
        stream.end(frame)
      })
    const framed = (body: Uint8Array): Buffer => {
      const head = Buffer.alloc(5)
      head.writeUInt32BE(body.length, 1)
      return Buffer.concat([head, body])
    }
    const codes = new Set<string>()
    for (let n = 0; n < MUTANTS; n++) {
      const before = held()
      const code = await call(draw(4) === 0 ? mutant(framed(protobuf())) : framed(mutant(protobuf())))
      codes.add(code)
      if (code !== '0') expect(held()).toBe(before)
    }
    session.destroy()
    // Taken, undecodable; for a damaged frame its length is wrong, or it says that it is compressed.
    expect([...codes].filter((code) => !['0', '3', '12', '13'].includes(code))).toEqual([])
    expect(codes.has('0') && codes.has('3')).toBe(true)
    expect(await t.value('agentopz_internal_errors_total')).toBe(0)
  }, 3_600_000)
})

describe('bombs', () => {
  const zeros = Buffer.alloc(512 * 2 ** 20)
  const cases = [
    { name: 'gzip of 512 MiB', encoding: 'gzip', body: () => gzipSync(zeros, { level: 9 }) },
    { name: 'zstd of 512 MiB', encoding: 'zstd', body: () => zstdCompressSync(zeros) },
    { name: 'gzip of gzip', encoding: 'gzip', body: () => gzipSync(gzipSync(zeros, { level: 9 })) },
  ]
  for (const { name, encoding, body } of cases)
    test(`${name} is refused within its bound`, async () => {
      const bytes = body()
      const before = process.memoryUsage().rss
      const answers = await Promise.all(Array.from({ length: 4 }, () => post(t.otlp, bytes, { ...PROTOBUF, 'content-encoding': encoding })))
      for (const { status } of answers) expect([400, 413]).toContain(status)
      expect(process.memoryUsage().rss - before).toBeLessThan(700 * 2 ** 20)
      expect((await post(t.otlp, protobuf(), PROTOBUF)).status).toBe(200)
    }, 120_000)
})

describe('senders that never finish', () => {
  test('are cut off in time, and hold nobody up', async () => {
    const { hostname, port } = new URL(t.otlp)
    const sockets: Socket[] = []
    let closed = 0
    for (let n = 0; n < 60; n++) {
      const socket = connect(Number(port), hostname)
      socket.on('error', () => undefined)
      socket.on('close', () => closed++)
      socket.resume()
      // Headers without an end, or a body of which a byte comes now and then.
      socket.write(
        n % 2 === 0
          ? 'POST /v1/traces HTTP/1.1\r\nhost: x\r\nx-a: '
          : 'POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 1000\r\n\r\n',
      )
      sockets.push(socket)
    }
    const drip = setInterval(() => sockets.forEach((s) => s.writable && s.write('a')), 200)
    try {
      for (let n = 0; n < 20; n++) expect((await post(t.otlp, protobuf(), PROTOBUF)).status).toBe(200)
      await until(() => Promise.resolve(closed === 60), 'all are cut off', 60)
      await until(async () => (await t.value('agentopz_inflight_bytes')) === 0, 'nothing is held for them')
    } finally {
      clearInterval(drip)
      for (const s of sockets) s.destroy()
    }
  }, 90_000)
})

describe('names made to hurt', () => {
  const NASTY = [
    '__proto__',
    'constructor',
    'toString',
    'a"b',
    'a\\b',
    'a\nb',
    'a\0b',
    '{x="y"} 1',
    '# HELP x',
    '\ud800',
    '\u202eabc',
    '💥',
    ' ',
    'x'.repeat(100_000),
    "'; DROP TABLE runs; --",
    '../../etc/passwd',
    '<script>',
  ]
  test('become labels that a scraper reads, as many as there may be', async () => {
    const own = await startTestApp('runs: { settle_seconds: 1 }\nmetrics: { max_agents: 50, max_values_per_label: 20 }\n')
    try {
      for (const name of NASTY) {
        const attributes = {
          'gen_ai.agent.name': name,
          'gen_ai.agent.version': name,
          'gen_ai.request.model': name,
          'gen_ai.tool.name': name,
          'gen_ai.provider.name': name,
          [name]: name,
        }
        const [root, ...rest] = run(attributes)
        for (const body of [
          toProtobuf(otlp({ resource: { 'service.name': name, [name]: 1 }, spans: [root!, ...rest] })),
          toJson(otlp({ spans: run(attributes) })),
        ])
          expect((await post(own.otlp, body, body[0] === 0x7b ? JSON_TYPE : PROTOBUF)).status).toBeLessThan(500)
      }
      for (let n = 0; n < 400; n++)
        await post(
          own.otlp,
          toProtobuf(otlp({ spans: run({ 'gen_ai.agent.name': `agent ${n} "\n`, 'gen_ai.request.model': `m${n}` }) })),
          PROTOBUF,
        )
      await until(async () => (await own.value('agentopz_open_runs')) === 0, 'all runs close', 20)
      const text = await own.metrics()
      expect(sumOf(text, 'agentopz_internal_errors_total')).toBe(0)
      const agents = new Set([...text.matchAll(/agentopz_runs_total\{agent="((?:[^"\\]|\\.)*)"/g)].map((m) => m[1]))
      expect(agents.size).toBeLessThanOrEqual(51)
      expect(agents.has('__overflow__')).toBe(true)
      for (const line of text.split('\n'))
        expect(line, line.slice(0, 300)).toMatch(/^$|^# (HELP|TYPE) |^[a-z_0-9]+(\{([a-z_0-9]+="([^"\\\n]|\\[\\"n])*",?)*\})? \S+$/)
      if (spawnSync('promtool', ['--version']).status === 0) {
        const { stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
        expect(stderr).not.toMatch(/error while linting|parse/i)
      }
    } finally {
      await own.app.stop()
    }
  }, 120_000)
})
