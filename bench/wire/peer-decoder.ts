/**
 * protobufjs 7 behind our own word `Decoder`, so that the whole server can be run on it: decoded objects as span views, attributes put into
 * a Map once per span of interest. Interest is told by the same rule as ours. For the server bench; it checks less than ours does.
 */
import type { Attributes, ParentLocation, Scope, Span, SpanEvent, StatusCode } from '../../model/span.ts'
import type { Decoder, SpanSink } from '../../processor/decode/decode.ts'
import { KINDS, knownEnum, parentLocationOf, STATUS_CODES } from '../../processor/decode/enums.ts'
import { createInterestTest, type InterestTest } from '../../processor/decode/interest.ts'
import { SpanIds } from '../../processor/decode/span-ids.ts'
import { millisBetween, millisOf, type Nanos, nanosOfHalves, NO_TIME } from '../../processor/decode/nanos.ts'
import { attributesOver, firstWith, type Plain } from '../../processor/decode/values.ts'
import { INTEREST } from '../../processor/dialects/index.ts'
import { type PbKeyValue, type PbLong, type PbSpan, type PbValue, TracesRequest } from './peers.ts'

/** A decoder of traces by protobufjs; logs and metrics are not part of the bench. */
export function createPeerDecoder(): Decoder {
  const interest = createInterestTest(INTEREST)
  const none = (): never => {
    throw new Error('the bench sends traces only')
  }
  return { traces: (body, _encoding, sink) => decode(body, interest, sink), logs: none, metrics: none }
}

function decode(body: Uint8Array, interest: InterestTest, sink: SpanSink): { readonly total: number; readonly rejected: object } {
  let total = 0
  for (const { resource, scopeSpans } of TracesRequest.decode(body).resourceSpans) {
    const origin = attributesOf(resource?.attributes ?? [])
    for (const { scope, spans } of scopeSpans) {
      const by: Scope = { name: scope?.name ?? '', version: scope?.version ?? '' }
      const isOwn = interest.scope(by.name) || interest.service(origin.text('service.name'))
      total += spans.length
      for (const fields of spans) hand(new PeerSpan(fields, origin, by), isOwn || isOfInterest(fields, interest), sink)
    }
  }
  return { total, rejected: {} }
}

const place = new SpanIds()

function hand(span: Span, isOfInterest: boolean, sink: SpanSink): void {
  if (isOfInterest) sink.span(span)
  else if (sink.link !== undefined && place.take(span)) sink.link(place)
}

function isOfInterest(span: PbSpan, interest: InterestTest): boolean {
  return span.attributes.some((kv) => interest.key(kv.key)) || span.events.some((e) => interest.event(e.name))
}

function attributesOf(list: readonly PbKeyValue[]): Attributes {
  let byKey: Map<string, PbValue | null | undefined> | undefined
  return attributesOver({
    get: (key) => plainOf((byKey ??= new Map(list.map((kv) => [kv.key, kv.value]))).get(key)),
    keys: (prefix, limit) =>
      firstWith(
        list.map((kv) => kv.key),
        prefix,
        limit,
      ),
  })
}

function plainOf(v: PbValue | null | undefined): Plain {
  if (v === null || v === undefined) return undefined
  if (typeof v.stringValue === 'string') return v.stringValue
  if (typeof v.boolValue === 'boolean') return v.boolValue
  if (typeof v.doubleValue === 'number') return v.doubleValue
  if (typeof v.intValue === 'number') return v.intValue
  if (v.intValue !== null && v.intValue !== undefined) return v.intValue.toNumber()
  if (v.arrayValue) return v.arrayValue.values.map((x) => plainOf(x) ?? null)
  if (v.kvlistValue) return Object.fromEntries(v.kvlistValue.values.map((kv) => [kv.key, plainOf(kv.value) ?? null]))
  return undefined
}

/** The static code leaves absent fields null. */
function hexOf(id: Uint8Array | null): string {
  return id === null ? '' : Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('hex')
}

function nanosOf(t: number | PbLong): Nanos {
  return typeof t === 'number' ? NO_TIME : nanosOfHalves(t.high >>> 0, t.low >>> 0)
}

class PeerSpan implements Span {
  readonly #fields: PbSpan
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly resource: Attributes
  readonly scope: Scope
  #attributes: Attributes | undefined

  constructor(fields: PbSpan, resource: Attributes, scope: Scope) {
    this.#fields = fields
    this.traceId = hexOf(fields.traceId)
    this.spanId = hexOf(fields.spanId)
    this.parentSpanId = hexOf(fields.parentSpanId)
    this.resource = resource
    this.scope = scope
  }
  get attributes(): Attributes {
    return (this.#attributes ??= attributesOf(this.#fields.attributes))
  }
  get parentLocation(): ParentLocation {
    return parentLocationOf(this.#fields.flags ?? 0)
  }
  get traceState(): string {
    return this.#fields.traceState ?? ''
  }
  get name(): string {
    return this.#fields.name
  }
  get kind(): number {
    return knownEnum(this.#fields.kind, KINDS)
  }
  get startMs(): number {
    return millisOf(nanosOf(this.#fields.startTimeUnixNano))
  }
  get durationMs(): number {
    return millisBetween(nanosOf(this.#fields.startTimeUnixNano), nanosOf(this.#fields.endTimeUnixNano))
  }
  get status(): StatusCode {
    return STATUS_CODES[this.#fields.status?.code ?? 0] ?? 'unset'
  }
  get statusMessage(): string {
    return this.#fields.status?.message ?? ''
  }
  links(): readonly { readonly traceId: string; readonly spanId: string }[] {
    return this.#fields.links.map((l) => ({ traceId: hexOf(l.traceId), spanId: hexOf(l.spanId) }))
  }
  events(): readonly SpanEvent[] {
    return this.#fields.events.map((e) => ({
      name: e.name,
      timeMs: millisOf(nanosOf(e.timeUnixNano)),
      attributes: attributesOf(e.attributes),
    }))
  }
}
