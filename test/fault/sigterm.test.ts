/** SIGTERM under load, again and again: what was acknowledged is counted after the next start, and has reached the relay's endpoint. */
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, expect, test } from 'vitest'
import { sumOf, until } from '../support/app.ts'
import { startLedger } from '../support/ledger.ts'
import { fromProtobuf } from '../support/otlp.ts'
import { served } from '../support/served.ts'

const ENDS = process.env['AGENTOPZ_FAULT'] === 'long' ? 20 : 3

const arrived = new Set<string>()
const sink = createServer((request, response) => {
  const parts: Buffer[] = []
  request.on('data', (part: Buffer) => parts.push(part))
  request.on('end', () => {
    const { resourceSpans } = fromProtobuf(gunzipSync(Buffer.concat(parts))) as {
      resourceSpans: { scopeSpans: { spans: { traceId: string }[] }[] }[]
    }
    for (const r of resourceSpans) for (const s of r.scopeSpans) for (const span of s.spans) arrived.add(span.traceId)
    response.writeHead(200).end()
  })
})
await new Promise<void>((listening) => sink.listen(0, '127.0.0.1', listening))
const relay = `relay: [{ otlp_http: 'http://127.0.0.1:${(sink.address() as AddressInfo).port}' }]\nruns: { settle_seconds: 1 }\n`
afterAll(() => {
  sink.closeAllConnections()
  sink.close()
})

test(`with a journal: ${ENDS} times, counters and ledger agree`, async () => {
  const server = await served(`journal: journal\n${relay}`)
  const ledger = startLedger(server.otlp, 4, () => 0.5)
  try {
    server.spawn()
    await server.ready()
    for (let end = 1; end <= ENDS; end++) {
      ledger.go()
      await new Promise((r) => setTimeout(r, 300 + end * 37))
      const began = Date.now()
      await server.kill('SIGTERM')
      // Senders that go on do not hold it up until the grace (10 s) is over.
      expect(Date.now() - began).toBeLessThan(5000)
      server.spawn()
      await server.ready()
      await ledger.pause()
      const text = await server.metrics()
      expect(sumOf(text, 'agentopz_spans_received_total') - sumOf(text, 'agentopz_duplicate_spans_total')).toBe(ledger.acknowledged.spans)
      // A graceful end leaves nothing to go through again but what came while it ended.
      expect(sumOf(text, 'agentopz_journal_replayed_requests_total')).toBe(0)
    }
    await until(async () => sumOf(await server.metrics(), 'agentopz_open_runs') === 0, 'all runs close', 20)
    expect(sumOf(await server.metrics(), 'agentopz_runs_total')).toBe(ledger.acknowledged.runs)
    await until(async () => [...ledger.traceIds].every((id) => arrived.has(id)), 'all arrives downstream', 20)
  } finally {
    await server.end()
  }
}, 600_000)

test('while it starts SIGHUP waits, and SIGTERM stops it in order after that', async () => {
  const server = await served('processes: 2\njournal: journal\n')
  try {
    server.spawn()
    // From here on it is starting, for as long as processes take to load.
    await until(() => Promise.resolve(existsSync(join(server.dir, 'journal'))), 'it starts', 20)
    process.kill(server.pid, 'SIGHUP')
    await server.kill('SIGTERM')
    expect(server.printed.split('\n').flatMap((line) => /"msg":"([^"]*)"/.exec(line)?.[1] ?? line)).toEqual([
      'it is still starting, and stops after that; a second signal ends it at once',
      'configuration reloaded; addresses, limits, relays and metrics options change at the next start',
      'agentopz is ready',
      'stopping: requests and relays under way are finished first',
      'stopped',
      '',
    ])
  } finally {
    await server.end()
  }
}, 60_000)

test('without a journal: requests under way are answered, and the relay delivers before the end', async () => {
  const server = await served(relay)
  const ledger = startLedger(server.otlp, 4, () => 0.5)
  try {
    server.spawn()
    await server.ready()
    ledger.go()
    await new Promise((r) => setTimeout(r, 700))
    await server.kill('SIGTERM')
    const acknowledged = [...ledger.traceIds]
    expect(acknowledged.length).toBeGreaterThan(10)
    expect(acknowledged.filter((id) => !arrived.has(id))).toEqual([])
    server.spawn()
    await server.ready()
    await ledger.pause()
  } finally {
    await server.end()
  }
}, 120_000)
