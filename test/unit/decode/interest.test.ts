/** Which spans reach the dialects and which only shape the tree: the same in both encodings. And which spans cannot be taken at all. */
import { describe, expect, test } from 'vitest'
import { GENERAL } from '../../../model/semconv.ts'
import type { Decoded, Interest } from '../../../processor/decode/decode.ts'
import { createDecoder } from '../../../processor/decode/index.ts'
import { KeyTable } from '../../../processor/decode/key-table.ts'
import { INTEREST } from '../../../processor/dialects/index.ts'
import { type Origin, type Otlp, otlp, type SpanSketch, toJson, toProtobuf, TRACE_ID } from '../../support/otlp.ts'
import { placeData } from './reading.ts'

interface Sorted {
  readonly order: readonly string[]
  readonly decoded: Decoded
}

function sorted(request: Otlp, interest: Interest = INTEREST): Sorted {
  const decoder = createDecoder(interest)
  const [first, second] = [
    { body: toProtobuf(request), encoding: 'protobuf' as const },
    { body: toJson(request), encoding: 'json' as const },
  ].map(({ body, encoding }) => {
    const order: string[] = []
    const decoded = decoder.traces(body, encoding, {
      span: (s) => order.push(`span ${s.name}`),
      link: ({ spanId }) => order.push(`link ${spanId}`),
    })
    return { order, decoded }
  })
  expect(first).toEqual(second)
  return first!
}
const isSpan = (span: SpanSketch, origin: Origin = {}, interest?: Interest): boolean =>
  sorted(otlp({ ...origin, spans: [span] }), interest).order[0] === 'span span'

describe('of interest', () => {
  const yes: readonly (readonly [name: string, span: SpanSketch, origin?: Origin])[] = [
    ['a declared key', { attributes: { 'gen_ai.operation.name': 'chat' } }],
    ['a GenAI key that nobody declares', { attributes: { 'gen_ai.brand_new': 1 } }],
    ['among many others', { attributes: { a: 1, 'http.route': '/', 'llm.x': 1, z: 2 } }],
    ['an evaluation event', { events: [{ name: 'gen_ai.evaluation.result' }] }],
    ['a choice event after others', { events: [{ name: 'exception' }, { name: 'gen_ai.choice' }] }],
    ["a dialect's scope", {}, { scope: 'gcp.vertex.agent' }],
    ["a dialect's scope by its prefix", {}, { scope: 'Microsoft.SemanticKernel.Connectors' }],
    ["Claude Code's service", {}, { resource: { 'service.name': 'claude-code' } }],
    ["Codex's service", {}, { resource: { 'service.name': 'codex_cli_rs' } }],
  ]
  for (const [name, span, origin] of yes) test(name, () => expect(isSpan(span, origin)).toBe(true))
  for (const prefix of [
    'openinference.span.kind',
    'traceloop.span.kind',
    'ai.operationId',
    'mcp.method.name',
    'langfuse.x',
    'mlflow.y',
    'genkit:type',
    'gcp.vertex.agent.z',
    'openai.q',
  ]) {
    test(prefix, () => expect(isSpan({ attributes: { [prefix]: 'x' } })).toBe(true))
  }
  test('services of the caller', () => {
    const interest = { ...INTEREST, services: ['my-agent', 'bot-*'] }
    expect(isSpan({}, { resource: { 'service.name': 'bot-7' } }, interest)).toBe(true)
    expect(isSpan({}, { resource: { 'service.name': 'claude-code' } }, interest)).toBe(false)
  })
})

describe('not of interest', () => {
  const no: readonly (readonly [name: string, span: SpanSketch, origin?: Origin])[] = [
    ['no attributes', {}],
    [
      'general keys, declared or not',
      {
        attributes: Object.fromEntries(
          Object.values(GENERAL)
            .filter((k) => !k.startsWith('mcp.'))
            .map((k) => [k, 'x']),
        ),
      },
    ],
    [
      'every declared key without a GenAI prefix',
      {
        attributes: {
          'session.id': 'x',
          'user.id': 'u',
          name: 'n',
          model: 'm',
          tool_name: 't',
          success: true,
          error: 'e',
          input: 'i',
          response: 'r',
        },
      },
    ],
    ['a key that only begins like one', { attributes: { gen_ai: 1, gen: 1, ai: 1, 'aix.y': 1, 'messaging.system': 'kafka', g: 1 } }],
    ['a GenAI word in a value', { attributes: { 'http.url': 'gen_ai.operation.name' } }],
    ['a GenAI key on the resource', {}, { resource: { 'gen_ai.agent.name': 'x' } }],
    ['a GenAI key on an event of another name', { events: [{ name: 'exception', attributes: { 'gen_ai.x': 1 } }] }],
    ["a scope that is longer than a dialect's", {}, { scope: 'gcp.vertex.agent2' }],
    ['no scope name', {}, { scope: '' }],
  ]
  for (const [name, span, origin] of no) test(name, () => expect(isSpan(span, origin)).toBe(false))
})

describe('what reaches the sink', () => {
  test('in the order of the body, links with their place in the tree', () => {
    const request = otlp({
      spans: [
        { name: 'a', attributes: { 'llm.x': 1 } },
        { spanId: '00000000000000bb', parentSpanId: '00000000000000aa', flags: 0x300 },
        { name: 'c', attributes: { 'llm.x': 1 } },
      ],
    })
    expect(sorted(request).order).toEqual(['span a', 'link 00000000000000bb', 'span c'])
    for (const [body, encoding] of [
      [toProtobuf(request), 'protobuf'],
      [toJson(request), 'json'],
    ] as const) {
      const links: unknown[] = []
      createDecoder(INTEREST).traces(body, encoding, { span: () => undefined, link: (place) => links.push(placeData(place)) })
      expect(links).toEqual([[TRACE_ID, '00000000000000bb', '00000000000000aa', 'remote']])
    }
  })
  test('spans of different traces keep their ids', () => {
    const ids = [TRACE_ID, TRACE_ID, `${TRACE_ID.slice(0, 31)}d`, `1${TRACE_ID.slice(1)}`, 'f'.repeat(32), TRACE_ID, `${'0'.repeat(31)}1`]
    const seen: string[] = []
    const body = toProtobuf(otlp({ spans: ids.map((traceId) => ({ traceId })) }))
    createDecoder(INTEREST).traces(body, 'protobuf', { span: () => undefined, link: ({ traceId }) => seen.push(traceId) })
    expect(seen).toEqual(ids)
  })
  test('scope and service hold for their own spans only', () => {
    const parts = [
      otlp({ spans: [{ name: 'a' }], scope: 'genkit-tracer' }),
      otlp({ spans: [{}], scope: 'other' }),
      otlp({ spans: [{ name: 'b' }], resource: { 'service.name': 'claude-code' } }),
      otlp({ spans: [{}] }),
    ]
    const request = { resourceSpans: parts.flatMap((p) => p['resourceSpans'] as Otlp[]) }
    expect(sorted(request).order).toEqual(['span a', 'link 0000000000000001', 'span b', 'link 0000000000000001'])
  })
  test('bad ids are refused by reason and counted in the total; the others are taken', () => {
    const good = { attributes: { 'gen_ai.x': 1 } }
    const spans = [
      { traceId: '0'.repeat(32) },
      { traceId: 'abcd' },
      { traceId: '' },
      { spanId: '0'.repeat(16) },
      { spanId: 'ab' },
      { parentSpanId: 'abcdef' },
      good,
      { ...good, parentSpanId: '0'.repeat(16) },
    ]
    const { order, decoded } = sorted(otlp({ spans }))
    expect(order).toEqual(['span span', 'span span'])
    expect(decoded).toEqual({ total: 8, rejected: { trace_id: 3, span_id: 3 } })
  })
})

describe('the key table', () => {
  const keys = [...INTEREST.keys, '', 'a', 'é', 'gen_ai.usage.cache_read.input_tokens', 'gen_ai.usage.reasoning.output_tokens']
  const table = new KeyTable(keys, ['gen_ai.'])
  const find = (key: string): number => {
    const bytes = Buffer.from(`<<${key}>>`)
    return table.find(bytes, 2, bytes.length - 4)
  }
  test('finds every key where it stands, and gives each its own slot', () => {
    const distinct = new Set(keys)
    expect(table.size).toBe(distinct.size)
    expect(new Set([...distinct].map(find)).size).toBe(distinct.size)
    for (const key of distinct) expect(find(key)).toBe(table.slot(key))
    expect(find('gen_ai.operation.name')).toBeGreaterThanOrEqual(0)
  })
  test('finds no key that differs in one byte', () => {
    for (const key of keys.filter((k) => k !== '')) {
      for (let i = 0; i < key.length; i++) {
        const other = `${key.slice(0, i)}~${key.slice(i + 1)}`
        expect(find(other), other).toBe(-1)
        expect(table.slot(other)).toBe(-1)
      }
      expect(find(`${key}~`)).toBe(-1)
    }
  })
})
