import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { createRelay, DEFAULT_RELAY, type Relay, type RelayEndpoint } from '../../processor/relay.ts'

interface Received {
  readonly path: string
  readonly type: string | undefined
  readonly encoding: string | undefined
  readonly auth: string | undefined
  readonly body: Buffer
}
const servers: Server[] = []
const relays: Relay[] = []
afterEach(async () => {
  await Promise.all(relays.splice(0).map((r) => r.close(0)))
  for (const s of servers.splice(0)) {
    s.closeAllConnections()
    s.close()
  }
})

/** A downstream that answers with `status` for each request in turn, the last one for ever; null never answers. */
async function downstream(...answers: readonly (number | null | readonly [number, string])[]): Promise<{ url: string; got: Received[] }> {
  const got: Received[] = []
  let n = 0
  const server = createServer((request: IncomingMessage, response) => {
    const chunks: Buffer[] = []
    request.on('data', (c: Buffer) => chunks.push(c))
    request.on('end', () => {
      got.push({
        path: request.url ?? '',
        type: request.headers['content-type'],
        encoding: request.headers['content-encoding'],
        auth: request.headers.authorization,
        body: Buffer.concat(chunks),
      })
      const answer = answers[Math.min(n++, answers.length - 1)]
      if (answer === null || answer === undefined) return
      const [status, retryAfter] = typeof answer === 'number' ? [answer, undefined] : answer
      response.writeHead(status, retryAfter === undefined ? {} : { 'retry-after': retryAfter }).end('ok')
    })
  })
  servers.push(server)
  await new Promise<void>((r) => server.listen(0, '127.0.0.1', r))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, got }
}
/** A downstream that answers as it likes; `n` counts from 0. */
async function answering(answer: (response: ServerResponse, body: string, n: number) => void): Promise<string> {
  let n = 0
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('latin1').on('data', (text: string) => (body += text))
    request.on('error', () => undefined)
    request.on('end', () => answer(response, body, n++))
  })
  servers.push(server)
  await new Promise<void>((r) => server.listen(0, '127.0.0.1', r))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
class Log {
  readonly lines: string[] = []
  relay(...endpoints: readonly Partial<RelayEndpoint>[]): Relay {
    const r = createRelay(
      endpoints.map((e, i) => ({ ...DEFAULT_RELAY, name: `e${i}`, url: '', initialBackoffMs: 20, ...e })),
      {
        delivered: (e, s) => this.lines.push(`delivered ${e} ${s}`),
        retried: (e) => this.lines.push(`retried ${e}`),
        dropped: (e, _, why) => this.lines.push(`dropped ${e} ${why}`),
        down: (e) => this.lines.push(`down ${e}`),
        left: (e, { lost, kept }) => this.lines.push(`left ${e} ${lost} lost, ${kept} kept`),
        up: (e) => this.lines.push(`up ${e}`),
      },
    )
    relays.push(r)
    return r
  }
  async until(done: () => boolean): Promise<void> {
    for (let i = 0; i < 1000 && !done(); i++) await new Promise((r) => setTimeout(r, 5))
    expect(done()).toBe(true)
  }
  count(line: string): number {
    return this.lines.filter((l) => l === line).length
  }
}
const BYTES = Buffer.from([0x1f, 0x8b, 1, 2, 3, 0xff])
const TYPE = 'application/x-protobuf'

test('the same bytes, type and encoding reach every endpoint, on the path of the signal', async () => {
  const [a, b] = [await downstream(200), await downstream(200)]
  const log = new Log()
  const r = log.relay({ url: `${a.url}/base/`, headers: { authorization: 'Bearer x' } }, { url: `${b.url}/v1/traces`, signals: ['traces'] })
  r.offer('traces', BYTES, TYPE, 'gzip')
  r.offer('logs', BYTES, 'application/json', 'identity')
  await log.until(() => log.lines.length === 3)
  expect(a.got.map((g) => [g.path, g.type, g.encoding, g.auth, g.body.equals(BYTES)])).toEqual(
    expect.arrayContaining([
      ['/base/v1/traces', TYPE, 'gzip', 'Bearer x', true],
      ['/base/v1/logs', 'application/json', undefined, 'Bearer x', true],
    ]),
  )
  expect(b.got.map((g) => [g.path, g.encoding])).toEqual([['/v1/traces', 'gzip']])
  expect(r.queues().map((q) => [q.bytes, q.requests])).toEqual([
    [0, 0],
    [0, 0],
  ])
})
test('a dead endpoint delays neither the others nor the offer', async () => {
  const alive = await downstream(200)
  const log = new Log()
  const r = log.relay({ url: 'http://127.0.0.1:1' }, { url: alive.url })
  const before = performance.now()
  for (let i = 0; i < 200; i++) r.offer('traces', BYTES, TYPE, 'gzip')
  expect(performance.now() - before).toBeLessThan(500)
  await log.until(() => log.count('delivered e1 traces') === 200)
  expect([log.count('down e0'), r.queues()[0]?.requests]).toEqual([1, 200])
})
test('retryable answers are tried again until it works, told once as down and up', async () => {
  const d = await downstream(503, 429, 502, 504, 200)
  const log = new Log()
  log.relay({ url: d.url, concurrency: 1 }).offer('traces', BYTES, TYPE, 'gzip')
  await log.until(() => log.count('up e0') === 1)
  expect([d.got.length, log.count('retried e0'), log.count('down e0'), log.count('delivered e0 traces')]).toEqual([5, 4, 1, 1])
})
test('Retry-After holds the endpoint', async () => {
  const d = await downstream([503, '1'], 200)
  const log = new Log()
  const before = performance.now()
  log.relay({ url: d.url }).offer('traces', BYTES, TYPE, 'gzip')
  await log.until(() => log.count('delivered e0 traces') === 1)
  expect(performance.now() - before).toBeGreaterThan(950)
})
test('what it will never take is dropped, not retried', async () => {
  const d = await downstream(400)
  const log = new Log()
  log.relay({ url: d.url }).offer('traces', BYTES, TYPE, 'gzip')
  await log.until(() => log.lines.length === 1)
  expect([log.lines, d.got.length]).toEqual([['dropped e0 rejected'], 1])
})
test('a full queue refuses the newest, by bytes and by number', async () => {
  const log = new Log()
  const r = log.relay({ url: 'http://127.0.0.1:1', maxQueueBytes: 10 }, { url: 'http://127.0.0.1:1', maxQueueRequests: 2 })
  for (let i = 0; i < 5; i++) r.offer('traces', BYTES, TYPE, 'gzip')
  expect([log.count('dropped e0 queue_full'), log.count('dropped e1 queue_full')]).toEqual([4, 3])
})
test('a request that waited too long is given up', async () => {
  const log = new Log()
  log.relay({ url: 'http://127.0.0.1:1', maxAgeSeconds: 0.1 }).offer('traces', BYTES, TYPE, 'gzip')
  await log.until(() => log.count('dropped e0 expired') === 1)
})
test('an endpoint that never answers times out and is tried again', async () => {
  const d = await downstream(null, 200)
  const log = new Log()
  log.relay({ url: d.url, timeoutSeconds: 0.2, concurrency: 1 }).offer('traces', BYTES, TYPE, 'gzip')
  await log.until(() => log.count('delivered e0 traces') === 1)
  expect(log.count('retried e0')).toBe(1)
})
test.each([
  // What it answered first counts: it took the request, or it did not.
  [200, 'comes in drops', ['delivered e0 traces']],
  [503, 'comes in drops', ['down e0', 'retried e0', 'delivered e0 traces', 'up e0']],
  [102, 'is always about to come', ['down e0', 'retried e0', 'delivered e0 traces', 'up e0']],
])('an answer of %i that %s does not make an attempt longer', async (status, _, lines) => {
  const url = await answering((response, _body, n) => {
    if (n > 0) return void response.writeHead(200).end()
    if (status > 102) response.writeHead(status)
    const drops = setInterval(() => (status > 102 ? response.write('x') : response.writeProcessing()), 50)
    response.on('close', () => clearInterval(drops))
  })
  const log = new Log()
  const before = performance.now()
  log.relay({ url, timeoutSeconds: 0.3, concurrency: 1 }).offer('traces', BYTES, TYPE, 'gzip')
  await log.until(() => log.lines.length === lines.length)
  expect(log.lines).toEqual(lines)
  expect(performance.now() - before).toBeLessThan(2000)
})
test.each([
  ['a time to answer', { timeoutSeconds: 30 * 86_400 }, [200] as const],
  ['a wait', { maxBackoffMs: 30 * 86_400_000 }, [[503, '99999999']] as const],
])('%s longer than timers can be is the longest they can, not a millisecond', async (_, keys, answers) => {
  const warnings: string[] = []
  const warned = ({ name }: Error): void => void warnings.push(name)
  process.on('warning', warned)
  const log = new Log()
  log.relay({ url: (await downstream(...answers)).url, ...keys }).offer('traces', BYTES, TYPE, 'gzip')
  await log.until(() => log.count('delivered e0 traces') + log.count('retried e0') === 1)
  await new Promise((r) => setTimeout(r, 20))
  process.off('warning', warned)
  expect(warnings).toEqual([])
})
test('a request that the endpoint never takes holds up no other', async () => {
  const url = await answering((response, body) => void response.writeHead(body === 'bad' ? 503 : 200).end())
  const log = new Log()
  const r = log.relay({ url, concurrency: 1, initialBackoffMs: 1, maxBackoffMs: 1 })
  r.offer('logs', Buffer.from('bad'), TYPE, 'identity')
  for (let i = 0; i < 20; i++) r.offer('traces', BYTES, TYPE, 'gzip')
  await log.until(() => log.count('delivered e0 traces') === 20)
  expect(r.queues()[0]?.requests).toBe(1)
})
test('what is too old makes room although younger ones stand before it', async () => {
  const url = await answering((response) => void response.writeHead(503).end())
  const log = new Log()
  const r = log.relay({ url, maxAgeSeconds: 0.5, maxQueueRequests: 2, initialBackoffMs: 20, maxBackoffMs: 20 })
  r.offer('traces', BYTES, TYPE, 'gzip')
  await log.until(() => log.count('retried e0') > 0)
  await new Promise((done) => setTimeout(done, 300))
  r.offer('traces', BYTES, TYPE, 'gzip')
  await log.until(() => log.count('dropped e0 expired') === 1)
  expect(r.queues()[0]?.requests).toBe(1)
})
test.each(['0', '-5', '', 'Thu, 01 Jan 1970 00:00:00 GMT'])('Retry-After of "%s" is no reason to come back sooner', async (retryAfter) => {
  const d = await downstream([503, retryAfter])
  const log = new Log()
  log.relay({ url: d.url, concurrency: 1 }).offer('traces', BYTES, TYPE, 'gzip')
  await new Promise((done) => setTimeout(done, 300))
  // Without a word of the server's it waits for 10 ms at least.
  expect(d.got.length).toBeLessThanOrEqual(31)
})
test('requests that fail together are one failure', async () => {
  let waiting: ServerResponse[] = []
  const url = await answering((response, _body, n) => {
    if (n >= 10) return void response.writeHead(200).end()
    waiting.push(response)
    if (waiting.length < 10) return
    for (const held of waiting) held.writeHead(503).end()
    waiting = []
  })
  const log = new Log()
  const r = log.relay({ url, concurrency: 10, initialBackoffMs: 100, maxBackoffMs: 3_600_000 })
  const before = performance.now()
  for (let i = 0; i < 10; i++) r.offer('traces', BYTES, TYPE, 'gzip')
  await log.until(() => log.count('delivered e0 traces') === 10)
  // As ten failures it would be up to 51 s, 26 in the mean.
  expect(performance.now() - before).toBeLessThan(1000)
  expect([log.count('retried e0'), log.count('down e0'), log.count('up e0')]).toEqual([10, 1, 1])
})
test('closing delivers what waits, and counts what it cannot deliver', async () => {
  const d = await downstream(200)
  const log = new Log()
  const r = log.relay({ url: d.url, concurrency: 1 }, { url: 'http://127.0.0.1:1' })
  for (let i = 0; i < 20; i++) r.offer('traces', BYTES, TYPE, 'gzip')
  await r.close(500)
  expect([log.count('delivered e0 traces'), log.count('dropped e1 shutdown'), r.queues().map((q) => q.bytes)]).toEqual([20, 20, [0, 0]])
  expect(log.lines.filter((l) => l.startsWith('left'))).toEqual(['left e1 20 lost, 0 kept'])
})
test('what is left at the end is told, those under way and those that are kept as well', async () => {
  const d = await downstream(null)
  const log = new Log()
  const r = log.relay({ url: d.url, concurrency: 2 })
  for (let i = 0; i < 5; i++) r.offer('traces', BYTES, TYPE, 'gzip', i < 3 ? 0 : i)
  await log.until(() => d.got.length === 2)
  await r.close(0)
  expect(log.lines.filter((l) => l.startsWith('left'))).toEqual(['left e0 3 lost, 2 kept'])
})
test('a connection that the endpoint closed meanwhile is no failure of the endpoint', async () => {
  const got = new Map<string, number>()
  // Every second request on a connection finds it closed.
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('latin1').on('data', (text: string) => (body += text))
    request.on('end', () => {
      const { socket } = request
      const n = (used.get(socket) ?? 0) + 1
      used.set(socket, n)
      if (n === 2) return void socket.destroy()
      got.set(body, (got.get(body) ?? 0) + 1)
      response.writeHead(200).end()
    })
  })
  const used = new WeakMap<object, number>()
  servers.push(server)
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const log = new Log()
  const r = log.relay({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, concurrency: 1 })
  for (let i = 0; i < 6; i++) r.offer('traces', Buffer.from(String(i)), TYPE, 'identity')
  await log.until(() => log.count('delivered e0 traces') === 6)
  expect([log.count('down e0'), log.count('retried e0'), [...got.values()]]).toEqual([0, 5, [1, 1, 1, 1, 1, 1]])
})
