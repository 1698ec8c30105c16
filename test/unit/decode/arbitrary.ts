/** Random OTLP/JSON requests: every field, any key and value, ids that are missing, short or zero. */
import fc from 'fast-check'
import { INTEREST } from '../../../processor/dialects/index.ts'
import type { Otlp } from '../../support/otlp.ts'

const text = fc.string({ unit: 'binary', maxLength: 80 })
const double = fc.double().map((d) => (Number.isFinite(d) ? d + 0 : String(d)))
const { value } = fc.letrec<{ value: Otlp }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    fc.record({ stringValue: fc.oneof(text, fc.constantFrom('', '12', '-1', 'true', '["a"]', 'a, b', '[Stop]', '{"a":[1]}')) }),
    fc.record({
      intValue: fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.bigInt({ min: -300n, max: 300n })).map(String),
    }),
    fc.record({ doubleValue: double }),
    fc.record({ boolValue: fc.boolean() }),
    fc.record({ bytesValue: fc.uint8Array({ maxLength: 20 }).map((b) => Buffer.from(b).toString('base64')) }),
    fc.constant({}),
    fc.record({ arrayValue: fc.record({ values: fc.array(tie('value'), { maxLength: 4 }) }) }),
    fc.record({ kvlistValue: fc.record({ values: fc.array(fc.record({ key: text, value: tie('value') }), { maxLength: 4 }) }) }),
  ),
}))
const key = fc.oneof(
  fc.constantFrom(...INTEREST.keys),
  fc.constantFrom('gen_ai.new', 'http.route', 'llm.output_messages.0.message.role', ''),
  text,
)
const attributes = fc.array(fc.record({ key, value }), { maxLength: 8 })
const id = (size: number): fc.Arbitrary<string> => {
  const good = fc.uint8Array({ minLength: size, maxLength: size }).map((b) => Buffer.from(b).toString('hex'))
  return fc.oneof(
    { weight: 8, arbitrary: good },
    { weight: 1, arbitrary: fc.constantFrom('', 'ab', '00'.repeat(size), '00'.repeat(size - 1) + '01') },
  )
}
const time = fc
  .oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.bigInt({ min: 1_790_000_000_000_000_000n, max: 1_790_000_000_100_000_000n }))
  .map(String)
const scopeName = fc.oneof(fc.constantFrom('', 'gcp.vertex.agent', 'genkit-tracer', '@opentelemetry/http'), text)
const scope = fc.record({ name: scopeName, version: text, attributes }, { requiredKeys: [] })
const service = fc.constantFrom(
  { key: 'service.name', value: { stringValue: 'claude-code' } },
  { key: 'service.name', value: { stringValue: 'shop' } },
)
const resource = fc.record({ attributes: fc.tuple(attributes, service).map(([a, s]) => [...a, s]) }, { requiredKeys: [] })

const event = fc.record(
  { name: fc.oneof(fc.constantFrom('gen_ai.choice', 'exception'), text), timeUnixNano: time, attributes },
  { requiredKeys: [] },
)
const link = fc.record({ traceId: id(16), spanId: id(8), attributes }, { requiredKeys: [] })
const span = fc.record(
  {
    traceId: id(16),
    spanId: id(8),
    parentSpanId: id(8),
    traceState: text,
    name: text,
    kind: fc.integer({ min: 0, max: 9 }),
    flags: fc.nat(0xffffffff),
    startTimeUnixNano: time,
    endTimeUnixNano: time,
    attributes,
    events: fc.array(event, { maxLength: 3 }),
    links: fc.array(link, { maxLength: 3 }),
    status: fc.record({ code: fc.integer({ min: 0, max: 4 }), message: text }, { requiredKeys: [] }),
    droppedAttributesCount: fc.nat(),
  },
  { requiredKeys: ['traceId', 'spanId'] },
)
const log = fc.record(
  {
    traceId: id(16),
    spanId: id(8),
    timeUnixNano: fc.oneof(fc.constant('0'), time),
    observedTimeUnixNano: time,
    severityNumber: fc.integer({ min: 0, max: 30 }),
    severityText: text,
    eventName: text,
    attributes,
    body: value,
  },
  { requiredKeys: [] },
)

const groups = <T>(scopes: string, items: string, item: fc.Arbitrary<T>): fc.Arbitrary<readonly Otlp[]> => {
  const perScope = fc.record({ scope, [items]: fc.array(item, { maxLength: 4 }) }, { requiredKeys: [items] })
  return fc.array(fc.record({ resource, [scopes]: fc.array(perScope, { maxLength: 3 }) }, { requiredKeys: [scopes] }), { maxLength: 3 })
}

export const tracesRequest: fc.Arbitrary<Otlp> = groups('scopeSpans', 'spans', span).map((resourceSpans) => ({ resourceSpans }))
export const logsRequest: fc.Arbitrary<Otlp> = groups('scopeLogs', 'logRecords', log).map((resourceLogs) => ({ resourceLogs }))
