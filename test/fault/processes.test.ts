/**
 * Several processes, and kill -9 of one of them, or of the first, at random moments under load. The ledger of what was acknowledged and the
 * merged counters must agree each time: nothing acknowledged is lost, nothing is counted twice, and no total ever goes back.
 */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { afterAll, expect, test } from 'vitest'
import { sumOf, until } from '../support/app.ts'
import { continuing } from '../support/continuing.ts'
import { startLedger } from '../support/ledger.ts'
import { fromProtobuf, otlp, toProtobuf } from '../support/otlp.ts'
import { served, type Served } from '../support/served.ts'

const KILLS = Number(process.env['AGENTOPZ_KILLS'] ?? (process.env['AGENTOPZ_FAULT'] === 'long' ? 60 : 8))

/** Traces that arrived downstream, and how often each body came. */
const arrived = new Set<string>()
const bodies = new Map<string, number>()
const sink = createServer((request, response) => {
  const parts: Buffer[] = []
  request.on('data', (part: Buffer) => parts.push(part))
  request.on('end', () => {
    const body = Buffer.concat(parts)
    bodies.set(body.toString('base64'), (bodies.get(body.toString('base64')) ?? 0) + 1)
    const { resourceSpans } = fromProtobuf(gunzipSync(body)) as {
      resourceSpans: { scopeSpans: { spans: { traceId: string }[] }[] }[]
    }
    for (const r of resourceSpans) for (const s of r.scopeSpans) for (const span of s.spans) arrived.add(span.traceId)
    response.writeHead(200).end()
  })
})
await new Promise<void>((listening) => sink.listen(0, '127.0.0.1', listening))
const relay = `relay: [{ otlp_http: 'http://127.0.0.1:${(sink.address() as AddressInfo).port}' }]`
afterAll(() => {
  sink.closeAllConnections()
  sink.close()
})

/** The processes that share the work. */
function shardsOf(server: Served): readonly number[] {
  return readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)
}

const distinct = (text: string): number => sumOf(text, 'agentopz_spans_received_total') - sumOf(text, 'agentopz_duplicate_spans_total')
/** What is added of several processes' sums is exact but for the last bits. */
const EXACT = 1e-9

test(`${KILLS} kills of processes with a journal: 0 acknowledged spans lost, 0 counted twice`, async () => {
  const server = await served(
    `processes: 2\njournal: { dir: journal, segment_bytes: 50000, snapshot_seconds: 1 }\nruns: { settle_seconds: 1 }\n${relay}`,
  )
  let n = 7
  const ledger = startLedger(server.otlp, 4, () => (n = (n * 16807) % 2147483647) / 2147483647)
  let before: ReadonlyMap<string, number> = new Map()
  const scrape = async (): Promise<string> => {
    const text = await server.metrics()
    const now = continuing(text)
    for (const [series, value] of before) expect(now.get(series) ?? 0, series).toBeGreaterThanOrEqual(value * (1 - EXACT))
    before = now
    return text
  }
  try {
    server.spawn()
    await server.ready()
    for (let kill = 1; kill <= KILLS; kill++) {
      ledger.go()
      await new Promise((r) => setTimeout(r, 100 + ((kill * 137) % 900)))
      if (kill % 2 === 0) await scrape()
      if (kill % 4 === 0) {
        await server.kill('SIGKILL')
        server.spawn()
      } else {
        const shards = shardsOf(server)
        expect(shards.length).toBe(2)
        process.kill(shards[kill % 2] ?? 0, 'SIGKILL')
        await until(async () => (await fetch(`${server.url}/-/ready`)).status === 503, 'it is told that one is not there')
        await scrape()
      }
      await server.ready()
      await ledger.pause()
      expect(distinct(await scrape()), `after kill ${kill}`).toBe(ledger.acknowledged.spans)
    }
    await until(async () => sumOf(await scrape(), 'agentopz_open_runs') === 0, 'all runs close', 30)
    const text = await scrape()
    const counted = {
      spans: distinct(text),
      runs: sumOf(text, 'agentopz_runs_total'),
      modelCalls: sumOf(text, 'agentopz_model_calls_total'),
      toolCalls: sumOf(text, 'agentopz_tool_calls_total'),
      inputTokens: sumOf(text, 'agentopz_tokens_total', { class: 'input' }),
      outputTokens: sumOf(text, 'agentopz_tokens_total', { class: 'output' }),
    }
    console.log(`ledger  ${JSON.stringify(ledger.acknowledged)} ${JSON.stringify(ledger.counts)}\ncounted ${JSON.stringify(counted)}`)
    expect(counted).toEqual(ledger.acknowledged)
    await until(async () => [...ledger.traceIds].every((id) => arrived.has(id)), 'all that was acknowledged arrives downstream', 30)
  } finally {
    await server.end()
  }
}, 3_600_000)

test('without a journal a process takes its open runs with it, and no total goes back', async () => {
  const server = await served('processes: 2\nruns: { settle_seconds: 1 }')
  const ledger = startLedger(server.otlp, 4, () => 0.5)
  try {
    server.spawn()
    await server.ready()
    ledger.go()
    await new Promise((r) => setTimeout(r, 3000))
    await ledger.pause()
    const text = await server.metrics()
    const before = continuing(text)
    expect(sumOf(text, 'agentopz_runs_total')).toBeGreaterThan(0)
    process.kill(shardsOf(server)[0] ?? 0, 'SIGKILL')
    await until(async () => sumOf(await server.metrics(), 'agentopz_process_restarts_total') === 1, 'another takes its place')
    await server.ready()
    ledger.go()
    await new Promise((r) => setTimeout(r, 2000))
    await ledger.pause()
    await until(async () => sumOf(await server.metrics(), 'agentopz_open_runs') === 0, 'all runs close', 30)
    const after = continuing(await server.metrics())
    for (const [series, value] of before) expect(after.get(series) ?? 0, series).toBeGreaterThanOrEqual(value * (1 - EXACT))
    // Nothing twice: the sum of both lives is no more than was acknowledged.
    expect(sumOf(await server.metrics(), 'agentopz_runs_total')).toBeLessThanOrEqual(ledger.acknowledged.runs)
  } finally {
    await server.end()
  }
}, 120_000)

test('one that hangs: scrapes and senders are answered, SIGTERM ends all, and what was acknowledged is still there', async () => {
  const server = await served('processes: 2\njournal: journal\n')
  const send = async (): Promise<number> => {
    const spans = Array.from({ length: 20 }, (_, i) => ({ traceId: `${i}`.padStart(32, 'a'), spanId: `${i}`.padStart(16, 'b') }))
    const body = toProtobuf(otlp({ spans }))
    // A connection of its own, since those that the hanging process has are answered by nobody.
    const headers = { 'content-type': 'application/x-protobuf', connection: 'close' }
    const answer = await fetch(`${server.otlp}/v1/traces`, { method: 'POST', headers, body, signal: AbortSignal.timeout(10_000) })
    return answer.status
  }
  try {
    server.spawn()
    await server.ready()
    expect(await send()).toBe(200)
    process.kill(shardsOf(server)[0] ?? 0, 'SIGSTOP')
    // The first connection may be handed to the one that hangs, which holds on to it; no other is.
    const answers = await Promise.all(Array.from({ length: 4 }, () => send().catch(() => 0)))
    expect(answers.filter((status) => status === 503).length).toBeGreaterThanOrEqual(3)
    const scraped = performance.now()
    await server.metrics()
    expect(performance.now() - scraped).toBeLessThan(5000)
    const ended = performance.now()
    await server.kill('SIGTERM')
    expect(performance.now() - ended).toBeLessThan(18_000)
    server.spawn()
    await server.ready()
    expect(distinct(await server.metrics())).toBe(20)
  } finally {
    await server.end()
  }
}, 120_000)

test('SIGTERM under load: what was acknowledged is counted after the next start, and relayed once', async () => {
  bodies.clear()
  const server = await served(`processes: 2\njournal: journal\nruns: { settle_seconds: 1 }\n${relay}`)
  const ledger = startLedger(server.otlp, 4, () => 0.5)
  try {
    server.spawn()
    await server.ready()
    for (let end = 1; end <= 3; end++) {
      ledger.go()
      await new Promise((r) => setTimeout(r, 400 + end * 37))
      const began = Date.now()
      await server.kill('SIGTERM')
      expect(Date.now() - began).toBeLessThan(5000)
      server.spawn()
      await server.ready()
      await ledger.pause()
      const text = await server.metrics()
      expect(distinct(text)).toBe(ledger.acknowledged.spans)
      // A graceful end leaves nothing to go through again.
      expect(sumOf(text, 'agentopz_journal_replayed_requests_total')).toBe(0)
    }
    await until(async () => sumOf(await server.metrics(), 'agentopz_open_runs') === 0, 'all runs close', 20)
    expect(sumOf(await server.metrics(), 'agentopz_runs_total')).toBe(ledger.acknowledged.runs)
    await until(async () => [...ledger.traceIds].every((id) => arrived.has(id)), 'all arrives downstream', 20)
    // A body comes again only where a connection broke before its sender was answered.
    const repeated = [...bodies.values()].reduce((sum, times) => sum + times - 1, 0)
    expect(repeated).toBeLessThanOrEqual(ledger.counts.broken + ledger.counts.again)
  } finally {
    await server.end()
  }
}, 600_000)
