/**
 * kill -9 at random moments under load. The ledger of what was acknowledged and the counters must agree after every restart: nothing
 * acknowledged is lost, nothing is counted twice, and no counter ever goes back. Fifteen kills; 200 in `npm run fault`.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { afterAll, expect, test } from 'vitest'
import { sumOf, until } from '../support/app.ts'
import { continuing } from '../support/continuing.ts'
import { startLedger } from '../support/ledger.ts'
import { fromProtobuf } from '../support/otlp.ts'
import { served } from '../support/served.ts'

const KILLS = Number(process.env['AGENTOPZ_KILLS'] ?? (process.env['AGENTOPZ_FAULT'] === 'long' ? 200 : 15))
const SEED = Number(process.env['AGENTOPZ_SEED'] ?? 1)

/** mulberry32: the moments are random, and can be had again. */
function random(seed: number): () => number {
  let s = seed
  return () => {
    s = (s + 0x6d2b79f5) | 0
    let t = Math.imul(s ^ (s >>> 15), 1 | s)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Traces that arrived downstream: the relay's side of the ledger. */
const arrived = new Set<string>()
let answers = 0
const sink = createServer((request, response) => {
  const parts: Buffer[] = []
  request.on('data', (part: Buffer) => parts.push(part))
  request.on('end', () => {
    // One in seven is told to come back.
    if (answers++ % 7 === 3) return void response.writeHead(503).end()
    const { resourceSpans } = fromProtobuf(gunzipSync(Buffer.concat(parts))) as {
      resourceSpans: { scopeSpans: { spans: { traceId: string; parentSpanId?: string }[] }[] }[]
    }
    for (const r of resourceSpans) for (const s of r.scopeSpans) for (const span of s.spans) arrived.add(span.traceId)
    response.writeHead(200).end()
  })
})
afterAll(async () => {
  const closed = new Promise((done) => sink.close(done))
  sink.closeAllConnections()
  await closed
})

test(`${KILLS} kills under load: 0 acknowledged spans lost, 0 counted twice`, async () => {
  await new Promise<void>((listening) => sink.listen(0, '127.0.0.1', listening))
  const draw = random(SEED)
  const server = await served(
    [
      'journal: { dir: journal, segment_bytes: 50000, snapshot_seconds: 1 }',
      'runs: { settle_seconds: 1 }',
      `relay: [{ otlp_http: 'http://127.0.0.1:${(sink.address() as AddressInfo).port}', initial_backoff_seconds: 0.05, max_backoff_seconds: 0.2, concurrency: 16, max_queue_requests: 1000000, max_queue_bytes: 2000000000 }]`,
      '',
    ].join('\n'),
  )
  const ledger = startLedger(server.otlp, 6, draw)
  const { acknowledged, counts } = ledger
  const lines: string[] = []
  let replayed = 0
  let snapshots = 0
  let last: ReadonlyMap<string, number> = new Map()
  const scrape = async (): Promise<string> => {
    const text = await server.metrics()
    const now = continuing(text)
    const fallen = [...last].filter(([series, value]) => (now.get(series) ?? -1) < value)
    expect(fallen.map(([series, value]) => `${series} fell from ${value} to ${now.get(series) ?? 'nothing'}`)).toEqual([])
    last = now
    return text
  }
  const distinct = (text: string): number => sumOf(text, 'agentopz_spans_received_total') - sumOf(text, 'agentopz_duplicate_spans_total')
  const sleep = (ms: number): Promise<void> => new Promise((r) => setTimeout(r, ms))
  try {
    server.spawn()
    await server.ready()
    for (let kill = 1; kill <= KILLS; kill++) {
      ledger.go()
      // Up to the last moment somebody scrapes: that is what must not be taken back.
      const end = Date.now() + 30 + draw() ** 2 * 2500
      while (Date.now() < end) {
        await scrape()
        await sleep(draw() * 40)
      }
      if (last.size > 0 && (await server.metrics()).includes('agentopz_journal_snapshot_bytes ')) snapshots++
      await server.kill('SIGKILL')
      server.spawn()
      // Now and then once more, while it reads its journal.
      if (draw() < 0.25) {
        await sleep(100 + draw() * 500)
        await server.kill('SIGKILL')
        server.spawn()
      }
      await server.ready()
      replayed += sumOf(await scrape(), 'agentopz_journal_replayed_requests_total')
      await ledger.pause()
      const text = await scrape()
      lines.push(`kill ${kill}: ${acknowledged.spans} spans acknowledged, ${distinct(text)} counted`)
      if (kill % 20 === 0) console.log(lines.at(-1))
      expect(distinct(text), lines.join('\n')).toBe(acknowledged.spans)
      expect(sumOf(text, 'agentopz_journal_damage_total') - sumOf(text, 'agentopz_journal_damage_total', { kind: 'torn_tail' })).toBe(0)
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
    console.log(
      `${lines.at(-1)}; ${counts.batches} batches, ${counts.again} sent again, ${counts.broken} connections broken, ${counts.refused} refused, ${replayed} requests replayed, ${snapshots} kills after a snapshot, ${sumOf(text, 'agentopz_late_spans_total')} spans late, seed ${SEED}\nledger  ${JSON.stringify(acknowledged)}\ncounted ${JSON.stringify(counted)}`,
    )
    expect(counted).toEqual(acknowledged)
    expect(sumOf(text, 'agentopz_run_steps_count')).toBe(acknowledged.runs)
    expect([replayed > 0, snapshots > 0]).toEqual([true, true])
    await until(
      async () => [...ledger.traceIds].every((id) => arrived.has(id)),
      'all that was acknowledged arrives downstream',
      30 + 2 * KILLS,
    )
  } finally {
    await server.end()
  }
}, 3_600_000)
