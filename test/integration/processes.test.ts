/** Several processes on one port as their senders and Prometheus see them: what one process says, two say. */
import { once } from 'node:events'
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { METRICS, type MetricDefinition } from '../../model/metrics.ts'
import { ownerOfId } from '../../processor/split-owner.ts'
import { sumOf, until } from '../support/app.ts'
import { otlp, toJson, toProtobuf } from '../support/otlp.ts'
import { served, type Served } from '../support/served.ts'

const CAPTURES = join(import.meta.dirname, '../fixtures/captures')
/** One call that two instrumentations report in traces of their own: which of them counts it is decided within a process. */
const TWO_TRACES = 'doublecount-lc-openai.traces.jsonl'
/** Folders where processes have their sockets. */
const socketFolders = (): readonly string[] =>
  readdirSync(tmpdir())
    .filter((name) => name.startsWith('agentopz-'))
    .map((name) => join(tmpdir(), name))
    .filter((folder) => existsSync(join(folder, '0')) && existsSync(join(folder, '1')))
const servers: Served[] = []
afterEach(async () => {
  for (const s of servers.splice(0)) await s.end()
})

async function start(yaml: string): Promise<Served> {
  const server = await served(`runs: { settle_seconds: 1, orphan_seconds: 1, idle_seconds: 2 }\n${yaml}`)
  servers.push(server)
  server.spawn()
  await server.ready()
  return server
}

const post = (server: Served, path: string, body: Uint8Array | string, type = 'application/json'): Promise<Response> =>
  fetch(`${path.startsWith('/v1/') ? server.otlp : server.url}${path}`, { method: 'POST', headers: { 'content-type': type }, body })

/** Everything that follows from what was sent, by series; what hangs on the time or the machine is left out. */
function facts(text: string): ReadonlyMap<string, number> {
  const catalogue: Readonly<Record<string, MetricDefinition>> = METRICS
  const found = new Map<string, number>()
  for (const line of text.split('\n')) {
    const name = /^(\w+)/.exec(line)?.[1] ?? ''
    const family = [name, name.replace(/_(bucket|sum|count)$/, '')].find((n) => n in catalogue) ?? ''
    if (!(family in catalogue) || /timestamp|_processes|_process_|_memory_|inflight|build_info/.test(family)) continue
    found.set(line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1)))
  }
  return found
}

async function afterCaptures(server: Served): Promise<string> {
  for (const name of readdirSync(CAPTURES).filter((f) => f.endsWith('.jsonl') && f !== TWO_TRACES))
    for (const line of readFileSync(join(CAPTURES, name), 'utf8').trim().split('\n')) {
      const answer = await post(server, line.includes('"resourceLogs"') ? '/v1/logs' : '/v1/traces', line)
      expect(answer.status, name).toBe(200)
    }
  await until(async () => sumOf(await server.metrics(), 'agentopz_open_runs') === 0, 'all runs close', 30)
  await new Promise((r) => setTimeout(r, 1500))
  return server.metrics()
}

test('the captures of real SDKs give the metrics of one process', async () => {
  const [one, two, three] = [await start(''), await start('processes: 2'), await start('processes: 3')]
  const expected = facts(await afterCaptures(one))
  expect(expected.size).toBeGreaterThan(1000)
  for (const several of [two, three]) {
    const text = await afterCaptures(several)
    const got = facts(text)
    const differing = [...new Set([...expected.keys(), ...got.keys()])]
      .filter((k) => Math.abs((expected.get(k) ?? Number.NaN) - (got.get(k) ?? Number.NaN)) > 1e-9 || expected.has(k) !== got.has(k))
      .map((k) => `${k}: ${expected.get(k)} in one process, ${got.get(k)} in several`)
    expect(differing).toEqual([])
    const heads = text.split('\n').filter((l) => l.startsWith('# TYPE'))
    expect(new Set(heads).size).toBe(heads.length)
  }
}, 180_000)

const id = (n: number): string => (Math.imul(n, 0x9e3779b1) >>> 0).toString(16).padStart(32, '0')
const ids = Array.from({ length: 20 }, (_, i) => id(i + 1))
const agentSpan = (traceId: string): { traceId: string; attributes: Record<string, string> } => ({
  traceId,
  attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'shop' },
})
const chat = (
  traceId: string,
  responseId: string,
): { traceId: string; spanId: string; parentSpanId: string; attributes: Record<string, string> } => ({
  traceId,
  spanId: '00000000000000c1',
  parentSpanId: '0000000000000001',
  attributes: {
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'openai',
    'gen_ai.request.model': 'gpt-4o',
    'gen_ai.response.id': responseId,
  },
})

describe('two processes', () => {
  test('a request that is wrong changes nothing, and spans that are wrong are told once', async () => {
    const server = await start('processes: 2')
    const good = toProtobuf(otlp({ spans: ids.map(agentSpan) }))
    const broken = good.slice(0, -1)
    expect((await post(server, '/v1/traces', broken, 'application/x-protobuf')).status).toBe(400)
    expect(sumOf(await server.metrics(), 'agentopz_spans_received_total')).toBe(0)
    const some = otlp({ spans: [...ids.map(agentSpan), { ...agentSpan('ab'), spanId: '00000000000000aa' }] })
    const answer = await post(server, '/v1/traces', toJson(some))
    expect(await answer.json()).toEqual({ partialSuccess: { rejectedSpans: '1', errorMessage: '1 with a bad trace_id' } })
    const text = await server.metrics()
    expect([sumOf(text, 'agentopz_spans_received_total'), sumOf(text, 'agentopz_spans_rejected_total')]).toEqual([20, 1])
    expect(sumOf(text, 'agentopz_requests_total', { code: '200' })).toBe(1)
    expect(sumOf(text, 'agentopz_processes', { state: 'up' })).toBe(2)
  })

  test('feedback finds its run by trace, and by response, wherever it is', async () => {
    const server = await start('processes: 2')
    expect(new Set(ids.map((i) => ownerOfId(i, 2)))).toEqual(new Set([0, 1]))
    const spans = ids.flatMap((i) => [{ ...agentSpan(i), spanId: '0000000000000001' }, chat(i, `r-${i}`)])
    expect((await post(server, '/v1/traces', toProtobuf(otlp({ spans })), 'application/x-protobuf')).status).toBe(200)
    for (const i of ids) {
      expect((await post(server, '/api/v1/feedback', JSON.stringify({ trace_id: i, name: 'by_trace', label: 'pass' }))).status).toBe(202)
      expect(
        (await post(server, '/api/v1/feedback', JSON.stringify({ response_id: `r-${i}`, name: 'by_response', label: 'pass' }))).status,
      ).toBe(202)
    }
    await until(async () => sumOf(await server.metrics(), 'agentopz_runs_total') === 20, 'the runs close', 20)
    const text = await server.metrics()
    for (const evaluation of ['by_trace', 'by_response']) expect(sumOf(text, 'agentopz_evaluations_total', { evaluation })).toBe(20)
  })

  test('an evaluation in a trace of its own finds the run it is of', async () => {
    const server = await start('processes: 2')
    const [run = ''] = ids.filter((i) => ownerOfId(i, 2) === 0)
    const [evaluator = ''] = ids.filter((i) => ownerOfId(i, 2) === 1)
    await post(
      server,
      '/v1/traces',
      toProtobuf(otlp({ spans: [{ ...agentSpan(run), spanId: '0000000000000001' }] })),
      'application/x-protobuf',
    )
    const judging = otlp({
      scope: 'openinference.instrumentation.phoenix',
      spans: [
        {
          traceId: evaluator,
          name: 'hallucination',
          attributes: {
            'openinference.span.kind': 'EVALUATOR',
            'annotations.0.annotation.name': 'hallucination',
            'annotations.0.annotation.score': 1,
          },
          links: [{ traceId: run, spanId: '0000000000000001' }],
        },
      ],
    })
    await post(server, '/v1/traces', toProtobuf(judging), 'application/x-protobuf')
    await until(async () => sumOf(await server.metrics(), 'agentopz_runs_total', { agent: 'shop' }) === 1, 'the run closes', 20)
    expect(sumOf(await server.metrics(), 'agentopz_evaluations_total', { agent: 'shop', source: 'external' })).toBe(1)
  })

  test('gRPC is taken in on one port as well, and the folder of the sockets goes with the first process', async () => {
    const before = new Set(socketFolders())
    const server = await start('processes: 2')
    const mine = socketFolders().filter((f) => !before.has(f))
    const body = toProtobuf(otlp({ spans: ids.map(agentSpan) }))
    for (let call = 0; call < 4; call++) {
      const client = connect(`http://${server.grpc}`)
      const stream = client.request({
        ':method': 'POST',
        ':path': '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
        'content-type': 'application/grpc',
        te: 'trailers',
      })
      const head = Buffer.alloc(5)
      head.writeUInt32BE(body.length, 1)
      stream.end(Buffer.concat([head, body]))
      stream.resume()
      const [trailers] = (await once(stream, 'trailers')) as [Record<string, string>]
      expect(trailers['grpc-status']).toBe('0')
      client.close()
    }
    const text = await server.metrics()
    expect(sumOf(text, 'agentopz_requests_total', { protocol: 'grpc', code: '0' })).toBe(4)
    expect(sumOf(text, 'agentopz_spans_received_total') - sumOf(text, 'agentopz_duplicate_spans_total')).toBe(20)
    await server.kill('SIGKILL')
    await until(() => Promise.resolve(mine.every((f) => !existsSync(f))), 'the folder is gone')
  })

  test('a reload reaches every process', async () => {
    const server = await start('processes: 2')
    appendFileSync(join(server.dir, 'agentopz.yaml'), '\nagents: { shop: { steps: { per_run: 1 } } }\n')
    const reloaded = await post(server, '/-/reload', '')
    expect(await reloaded.text()).toBe('reloaded\n')
    const spans = ids.flatMap((i) => [
      { ...agentSpan(i), spanId: '0000000000000001' },
      chat(i, `a-${i}`),
      { ...chat(i, `b-${i}`), spanId: '00000000000000c2' },
    ])
    await post(server, '/v1/traces', toProtobuf(otlp({ spans })), 'application/x-protobuf')
    await until(async () => sumOf(await server.metrics(), 'agentopz_runs_total') === 20, 'the runs close', 20)
    expect(sumOf(await server.metrics(), 'agentopz_run_exceeded_total', { objective: 'steps' })).toBe(20)
  })

  test('another program on the port is an error, as in one process', async () => {
    const first = await start('processes: 2')
    const second = await served('processes: 2')
    servers.push(second)
    const port = new URL(first.otlp).port
    const file = join(second.dir, 'agentopz.yaml')
    writeFileSync(file, readFileSync(file, 'utf8').replace(new URL(second.otlp).port, port))
    second.spawn()
    await expect(second.ready()).rejects.toThrow(`127.0.0.1:${port} is taken`)
  })

  test('the journal of another number of processes is refused, with what to type', async () => {
    const server = await start('processes: 2\njournal: journal')
    await server.kill('SIGTERM')
    const file = join(server.dir, 'agentopz.yaml')
    const yaml = readFileSync(file, 'utf8')
    for (const other of [3, 1]) {
      writeFileSync(file, yaml.replace('processes: 2', `processes: ${other}`))
      server.spawn()
      await expect(server.ready()).rejects.toThrow(
        new RegExp(`was written by 2 processes, and there are to be ${other} now; set processes: 2, or begin a new journal with: mv`),
      )
    }
  })
})
