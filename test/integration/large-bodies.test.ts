/** Requests so large that they are taken in slice by slice: the same spans come of them, refused whole or taken whole, and others are answered meanwhile. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bodiesOf } from '../../bench/wire/bodies.ts'
import { startTestApp, type TestApp, until } from '../support/app.ts'
import { otlp, toProtobuf } from '../support/otlp.ts'

const RUNS = 'runs: { settle_seconds: 3600, orphan_seconds: 3600, idle_seconds: 7200 }\n'
const [first, second] = bodiesOf('content', 3000, 2)
let dir: string
beforeAll(() => void (dir = mkdtempSync(join(tmpdir(), 'agentopz-large-'))))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const post = async (t: TestApp, body: Uint8Array): Promise<number> =>
  (
    await fetch(`${t.otlp}/v1/traces`, {
      method: 'POST',
      body: body as Uint8Array<ArrayBuffer>,
      headers: { 'content-type': 'application/x-protobuf' },
    })
  ).status
/** All that is counted and held of spans. */
const state = async (t: TestApp): Promise<unknown> => [
  t.app.pipeline.runs.openRuns,
  t.app.pipeline.runs.openSpans,
  t.app.pipeline.runs.linkSpans,
  await t.value('agentopz_spans_received_total'),
]
/** What comes of a body that is taken in at once. */
async function atOnce(body: Uint8Array): Promise<unknown> {
  const t = await startTestApp(RUNS)
  try {
    t.app.pipeline.ingest('traces', body, 'protobuf', Date.now())
    return await state(t)
  } finally {
    await t.app.stop()
  }
}

test('the same comes of it as at once, others are answered meanwhile, and a damaged one changes nothing', async () => {
  const t = await startTestApp(RUNS)
  try {
    const damaged = Buffer.concat([first!.protobuf, Buffer.from([0x0a, 0x7f])])
    expect(await post(t, damaged)).toBe(400)
    expect(await state(t)).toEqual([0, 0, 0, 0])
    const done: string[] = []
    await Promise.all([
      post(t, first!.protobuf).then(() => done.push('large')),
      (async () => {
        while (t.app.pipeline.runs.openSpans === 0) await new Promise((r) => setImmediate(r))
        expect(await post(t, toProtobuf(otlp({ spans: [] })))).toBe(200)
        done.push('small')
      })(),
    ])
    expect(done).toEqual(['small', 'large'])
    expect(await state(t)).toEqual(await atOnce(first!.protobuf))
  } finally {
    await t.app.stop()
  }
}, 60_000)

test('with a journal nothing comes between its slices, and it is there after a start', async () => {
  const yaml = `${RUNS}journal: ${join(dir, 'journal')}\n`
  const t = await startTestApp(yaml)
  const bodies = [first!.protobuf, second!.protobuf]
  try {
    expect(await Promise.all(bodies.map((body) => post(t, body)))).toEqual([200, 200])
  } finally {
    await t.app.stop()
  }
  const again = await startTestApp(yaml)
  try {
    expect(again.app.pipeline.runs.openSpans + again.app.pipeline.runs.linkSpans).toBe(6000)
    // What was sent before is known, slice by slice as well.
    expect(await post(again, first!.protobuf)).toBe(200)
    expect(again.app.pipeline.runs.openSpans + again.app.pipeline.runs.linkSpans).toBe(6000)
  } finally {
    await again.app.stop()
  }
}, 60_000)

test('with a journal and a relay a damaged one is refused for good, and a good one relayed once', async () => {
  const got: number[] = []
  const sink = createServer((request, response) => {
    let bytes = 0
    request.on('data', (chunk: Buffer) => (bytes += chunk.length))
    request.on('end', () => {
      got.push(bytes)
      response.end()
    })
  })
  await new Promise<void>((listening) => sink.listen(0, '127.0.0.1', listening))
  const { port } = sink.address() as AddressInfo
  const yaml = `${RUNS}journal: ${join(dir, 'relayed')}\nrelay: [{ otlp_http: 'http://127.0.0.1:${port}' }]\n`
  const t = await startTestApp(yaml)
  try {
    expect(await post(t, Buffer.concat([first!.protobuf, Buffer.from([0x0a, 0x7f])]))).toBe(400)
    expect(await post(t, first!.protobuf)).toBe(200)
    await until(() => Promise.resolve(got.length > 0), 'it is relayed')
    // A tick notes in the journal that it was delivered.
    await new Promise((r) => setTimeout(r, 1500))
  } finally {
    await t.app.stop()
  }
  const again = await startTestApp(yaml)
  try {
    await new Promise((r) => setTimeout(r, 500))
    expect(got).toEqual([first!.protobuf.length])
  } finally {
    await again.app.stop()
    sink.close()
  }
}, 60_000)
