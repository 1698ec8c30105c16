/**
 * More than there is room for, at the real doors: a process that is given little memory refuses before it dies, and takes spans again when
 * its runs have closed; a token that floods leaves room for the others, and is counted by its name.
 */
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { startTestApp, sumOf, until } from '../support/app.ts'
import { otlp, toProtobuf } from '../support/otlp.ts'
import { served } from '../support/served.ts'

const hex = (n: number, digits: number): string => n.toString(16).padStart(digits, '0')
let ids = 1
/** A body of runs that are open until they go idle, with much to remember. */
function open(runs: number): Uint8Array {
  const spans = Array.from({ length: runs }, () => {
    const traceId = hex(ids++, 32)
    return Array.from({ length: 16 }, (_, k) => ({
      traceId,
      spanId: hex(ids * 16 + k, 16),
      parentSpanId: hex(ids * 16 + 15, 16),
      attributes: { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'm', 'gen_ai.response.id': `${ids}-${k}-${'r'.repeat(200)}` },
    }))
  })
  return toProtobuf(otlp({ resource: { 'service.name': 'shop' }, spans: spans.flat() }))
}
const PROTOBUF = { 'content-type': 'application/x-protobuf' }
const send = async (url: string, body: Uint8Array, headers: Readonly<Record<string, string>> = {}): Promise<number> =>
  (await fetch(`${url}/v1/traces`, { method: 'POST', body: body as Uint8Array<ArrayBuffer>, headers: { ...PROTOBUF, ...headers } })).status

test('little memory: refused with 503 within the limit, and taken again by itself', async () => {
  const LIMIT = 240
  const server = await served(
    `runs: { settle_seconds: 1, orphan_seconds: 3, idle_seconds: 3, remember_seconds: 3 }\nlimits: { max_memory: ${LIMIT}MiB }\n`,
  )
  server.spawn()
  try {
    await server.ready()
    let worst = 0
    let refused = 0
    for (let n = 0; n < 3000 && refused < 20; n++) {
      const status = await send(server.otlp, open(100))
      expect([200, 503]).toContain(status)
      if (status === 503) refused++
      worst = Math.max(worst, sumOf(await server.metrics(), 'agentopz_memory_used_bytes', { of: 'process' }) / 2 ** 20)
    }
    expect(refused).toBe(20)
    expect(worst).toBeLessThan(LIMIT)
    const text = await server.metrics()
    expect(sumOf(text, 'agentopz_requests_rejected_total', { reason: 'memory' })).toBe(refused)
    expect(sumOf(text, 'agentopz_memory_refusing')).toBe(1)
    expect(sumOf(text, 'agentopz_memory_limit_bytes', { of: 'process' })).toBe(LIMIT * 2 ** 20)
    await until(async () => (await send(server.otlp, open(1))) === 200, 'it takes spans again', 30)
    expect(server.printed).toMatch(/requests are refused until less memory is used.*requests are taken again/s)
  } finally {
    await server.end()
  }
}, 90_000)

test('a token that floods leaves room for others, and is counted by its name', async () => {
  const t = await startTestApp(
    'auth: { tokens: [{ name: flood, role: ingest, token: aaa }, { name: quiet, role: ingest, token: bbb }, { name: r, role: read, token: ccc }] }\nlimits: { max_concurrent_requests: 40 }\n',
  )
  const { hostname, port } = new URL(t.otlp)
  const sockets = Array.from({ length: 40 }, () => {
    const socket = connect(Number(port), hostname).on('error', () => undefined)
    socket.write(
      'POST /v1/traces HTTP/1.1\r\nhost: x\r\nauthorization: Bearer aaa\r\ncontent-type: application/x-protobuf\r\ncontent-length: 100\r\n\r\na',
    )
    socket.resume()
    return socket
  })
  try {
    const refusals = { token: 'flood', reason: 'share' }
    await until(async () => (await t.value('agentopz_token_requests_rejected_total', refusals)) === 20, 'half of it is refused')
    expect(await send(t.otlp, open(1), { authorization: 'Bearer aaa' })).toBe(429)
    for (let n = 0; n < 5; n++) expect(await send(t.otlp, open(1), { authorization: 'Bearer bbb' })).toBe(200)
    const text = await t.metrics()
    expect(sumOf(text, 'agentopz_token_requests_rejected_total', { token: 'quiet' })).toBe(0)
    expect(text).not.toMatch(/aaa|bbb/)
  } finally {
    for (const socket of sockets) socket.destroy()
    await t.app.stop()
  }
}, 30_000)
