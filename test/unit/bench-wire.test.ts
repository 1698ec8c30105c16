/** The traffic of the wire benches is what its description says, and all contenders read the same of it. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { PAGE, performancePage } from '../../bench/results.ts'
import { bodiesOf } from '../../bench/wire/bodies.ts'
import { contenderOf } from '../../bench/wire/codecs.ts'
import { TracesRequest } from '../../bench/wire/peers.ts'
import { MIXES } from '../../bench/wire/source.ts'
import { trafficOf } from '../../bench/wire/traffic.ts'
import { createDecoder } from '../../processor/decode/index.ts'
import { INTEREST } from '../../processor/dialects/index.ts'

describe.each(MIXES)('%s', (mix) => {
  const [body] = bodiesOf(mix, 512, 1)
  const bytes = body!.protobuf

  test('is the same whenever it is made', () => expect(bodiesOf(mix, 512, 1)[0]!.protobuf.equals(bytes)).toBe(true))

  test('holds the spans it says, in both encodings, by protobufjs and by ours', () => {
    const decoded = TracesRequest.decode(bytes).resourceSpans.flatMap((r) => r.scopeSpans.flatMap((s) => s.spans))
    expect(decoded).toHaveLength(512)
    expect(decoded.filter((s) => s.attributes.some((kv) => kv.key === 'gen_ai.operation.name'))).toHaveLength(body!.genAi)
    for (const [encoding, b] of [['protobuf', bytes] as const, ['json', body!.json] as const]) {
      let genAi = 0
      const { total, rejected } = createDecoder(INTEREST).traces(b, encoding, { span: () => genAi++ })
      expect({ total, rejected, genAi }).toEqual({ total: 512, rejected: {}, genAi: body!.genAi })
    }
  })

  test('all contenders with an aggregate count the same', () => {
    const counted = (['ours', 'ours, JSON', 'protobufjs 7', 'JSON.parse'] as const).map((codec) => {
      const contender = contenderOf(codec)
      contender.take(body!)
      const { spans, runs, input, output, evaluations } = contender.aggregate
      return { spans, runs, input, output, evaluations }
    })
    expect(counted[0]!.spans).toBe(body!.genAi)
    expect(counted[0]!.input).toBeGreaterThan(0)
    for (const c of counted) expect(c).toEqual(counted[0])
  })
})

test('GenAI traffic is runs of eight spans with some twenty attributes each', () => {
  const spans = trafficOf(3, 4096, 'genai').resources.flatMap((r) => r.scopes.flatMap((s) => s.spans))
  const attributes = spans.reduce((n, s) => n + Object.keys(s.attributes).length, 0) / spans.length
  expect(attributes).toBeGreaterThan(19)
  expect(attributes).toBeLessThan(25)
  const perTrace = new Map<string, number>()
  for (const s of spans) perTrace.set(s.traceId.toString('hex'), (perTrace.get(s.traceId.toString('hex')) ?? 0) + 1)
  expect(Math.max(...perTrace.values())).toBe(8)
  const chats = spans.filter((s) => s.attributes['gen_ai.operation.name'] === 'chat').length
  expect(chats / spans.length).toBeCloseTo(0.5, 1)
})

test('docs/performance.md is what the kept results say', () => expect(readFileSync(PAGE, 'utf8')).toBe(performancePage()))
