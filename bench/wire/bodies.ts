/**
 * Traffic → request bodies, in both encodings. Protobuf is written by the serializer that the OpenTelemetry SDK for JavaScript shipped
 * up to 0.57 (protobufjs static code), so that the bytes are an emitter's own; the test reads them back with our decoder and with protobufjs.
 */
import type { Attributes, Mix, SpanSketch, Value } from './source.ts'
import { TracesRequest } from './peers.ts'
import { trafficOf } from './traffic.ts'

export interface Body {
  readonly protobuf: Buffer
  readonly json: Buffer
  readonly spans: number
  readonly genAi: number
}

/** `count` bodies of `spans` spans each, with different ids in each. */
export function bodiesOf(mix: Mix, spans: number, count: number): readonly Body[] {
  return Array.from({ length: count }, (_, i) => bodyOf(i + 1, spans, mix))
}

function bodyOf(seed: number, spans: number, mix: Mix): Body {
  const traffic = trafficOf(seed, spans, mix)
  const write = (how: Writing): object => ({
    resourceSpans: traffic.resources.map((r) => ({
      resource: { attributes: keyValues(r.attributes) },
      scopeSpans: r.scopes.map(({ name, spans: list }) => ({
        scope: { name, version: '0.57.1' },
        spans: list.map((s) => spanOf(s, how)),
      })),
      schemaUrl: 'https://opentelemetry.io/schemas/1.37.0',
    })),
  })
  return {
    protobuf: Buffer.from(TracesRequest.encode(write(WIRE)).finish()),
    json: Buffer.from(JSON.stringify(write(TEXT))),
    spans: traffic.spans,
    genAi: traffic.genAi,
  }
}

/** How the encodings write ids and times. */
interface Writing {
  readonly id: (id: Buffer) => unknown
  readonly time: (ns: bigint) => unknown
}
const TEXT: Writing = { id: (id) => id.toString('hex'), time: String }
const WIRE: Writing = {
  id: (id) => id,
  time: (ns) => ({ low: Number(BigInt.asIntN(32, ns)), high: Number(BigInt.asIntN(32, ns >> 32n)), unsigned: true }),
}

function spanOf(s: SpanSketch, { id, time }: Writing): object {
  return {
    traceId: id(s.traceId),
    spanId: id(s.spanId),
    ...(s.parentSpanId === undefined ? {} : { parentSpanId: id(s.parentSpanId) }),
    flags: 257,
    name: s.name,
    kind: s.kind,
    startTimeUnixNano: time(s.startNs),
    endTimeUnixNano: time(s.endNs),
    attributes: keyValues(s.attributes),
    droppedAttributesCount: 0,
    events: (s.events ?? []).map((e) => ({
      timeUnixNano: time(e.timeNs),
      name: e.name,
      attributes: keyValues(e.attributes),
      droppedAttributesCount: 0,
    })),
    droppedEventsCount: 0,
    status: s.error === undefined ? { code: 0 } : { code: 2, message: s.error },
    links: [],
    droppedLinksCount: 0,
  }
}

function keyValues(attributes: Attributes): readonly object[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }))
}

function anyValue(v: Value): object {
  if (typeof v === 'string') return { stringValue: v }
  if (typeof v === 'boolean') return { boolValue: v }
  if (typeof v === 'number') return { intValue: v }
  if ('double' in v) return { doubleValue: v.double }
  return { arrayValue: { values: v.map(anyValue) } }
}
