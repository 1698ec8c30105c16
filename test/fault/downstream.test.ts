/**
 * Whatever becomes of those downstream: spans are taken and counted all the same, at the same pace, in bounded memory. Every request that
 * did not get there is counted by reason; what can be tried again is.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { startTestApp, sumOf, type TestApp, until } from '../support/app.ts'
import { startLedger } from '../support/ledger.ts'

const open: { server?: Server; app?: TestApp }[] = []
afterEach(async () => {
  for (const { server, app } of open.splice(0)) {
    server?.closeAllConnections()
    server?.close()
    await app?.app.stop()
  }
})

/** A downstream, and how many requests it took whole and well. */
async function downstream(
  answer: (request: IncomingMessage, response: ServerResponse, n: number) => boolean,
): Promise<{ url: string; took(): number }> {
  let n = 0
  let took = 0
  const server = createServer((request, response) => {
    const at = n++
    request.on('error', () => undefined)
    request.resume()
    request.on('end', () => {
      if (answer(request, response, at)) took++
    })
  })
  open.push({ server })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, took: () => took }
}

/** Sends for a second, and checks that all of it was counted. */
async function under(url: string, keys = ''): Promise<{ app: TestApp; batches: number }> {
  const app = await startTestApp(
    `runs: { settle_seconds: 1 }\nrelay: [{ otlp_http: '${url}', name: down, timeout_seconds: 1, initial_backoff_seconds: 0.02, max_backoff_seconds: 0.1${keys} }]\n`,
  )
  open.push({ app })
  const ledger = startLedger(app.otlp, 2, () => 0.5)
  ledger.go()
  await new Promise((r) => setTimeout(r, 1000))
  await ledger.pause()
  expect([ledger.counts.refused, ledger.counts.broken]).toEqual([0, 0])
  expect(await app.value('agentopz_spans_received_total')).toBe(ledger.acknowledged.spans)
  await until(async () => (await app.value('agentopz_open_runs')) === 0, 'all runs close', 20)
  expect(await app.value('agentopz_runs_total')).toBe(ledger.acknowledged.runs)
  return { app, batches: ledger.counts.batches }
}
const ok = (response: ServerResponse): boolean => {
  response.writeHead(200).end()
  return true
}
const status = (response: ServerResponse, code: number, headers: Record<string, string> = {}): boolean => {
  response.writeHead(code, headers).end()
  return false
}
const empty = (app: TestApp): Promise<void> =>
  until(async () => (await app.value('agentopz_relay_queue_requests')) === 0, 'the queue is empty', 40)

const RECOVERING: readonly { name: string; answer: (response: ServerResponse, n: number, request: IncomingMessage) => boolean }[] = [
  { name: '429 with Retry-After, now and then', answer: (r, n) => (n % 5 === 1 ? status(r, 429, { 'retry-after': '0' }) : ok(r)) },
  { name: '503 now and then', answer: (r, n) => (n % 3 === 1 ? status(r, 503) : ok(r)) },
  { name: 'connections reset now and then', answer: (r, n, request) => (n % 4 === 1 ? (request.socket.resetAndDestroy(), false) : ok(r)) },
  {
    name: 'an answer cut in the middle now and then',
    answer: (r, n, request) =>
      n % 4 === 1 ? (r.writeHead(200, { 'content-length': '100' }), r.write('x'), request.socket.destroySoon(), true) : ok(r),
  },
  { name: 'slow for a while', answer: (r, n) => (n < 4 ? (setTimeout(() => ok(r), 500), true) : ok(r)) },
  { name: 'never answering, for a while', answer: (r, n) => (n < 2 ? false : ok(r)) },
]
for (const { name, answer } of RECOVERING)
  test(`${name}: everything arrives`, async () => {
    const sink = await downstream((request, response, n) => answer(response, n, request))
    const { app, batches } = await under(sink.url)
    await empty(app)
    const text = await app.metrics()
    expect(sumOf(text, 'agentopz_relay_requests_total', { outcome: 'delivered' })).toBe(batches)
    expect(sumOf(text, 'agentopz_relay_dropped_requests_total')).toBe(0)
    expect(sink.took()).toBeGreaterThanOrEqual(batches)
  }, 90_000)

test('partial success is success: what it refused, it would refuse again', async () => {
  const sink = await downstream((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"partialSuccess":{"rejectedSpans":"3","errorMessage":"no"}}')
    return true
  })
  const { app, batches } = await under(sink.url)
  await empty(app)
  expect(await app.value('agentopz_relay_requests_total', { outcome: 'delivered' })).toBe(batches)
}, 60_000)

test('400 for ever: dropped and counted, not tried again', async () => {
  const sink = await downstream((_, response) => status(response, 400))
  const { app, batches } = await under(sink.url)
  await empty(app)
  expect(await app.value('agentopz_relay_dropped_requests_total', { reason: 'rejected' })).toBe(batches)
}, 60_000)

test('dead: the queue fills to its bound, the rest is counted', async () => {
  const { app, batches } = await under('http://127.0.0.1:9', ', max_queue_requests: 10')
  const waiting = await app.value('agentopz_relay_queue_requests')
  expect(waiting).toBeLessThanOrEqual(10)
  expect((await app.value('agentopz_relay_dropped_requests_total', { reason: 'queue_full' })) + waiting).toBe(batches)
}, 60_000)
