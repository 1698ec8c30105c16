/**
 * Finished spans → the body of an OTLP/JSON request. Span by span, so that the bytes of one request can be bounded and no batch of long messages
 * holds up the event loop. Written here because the SDK's own serializer takes 75 ms to load and encodes a whole batch at once.
 * Source: opentelemetry-proto 1.9, JSON mapping (ids in hexadecimal, 64-bit numbers as text, bytes in base64).
 */
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import { runtime } from '../runtime.ts'
import { withoutContent } from './without-content.ts'

type Link = ReadableSpan['links'][number]
type TimedEvent = ReadableSpan['events'][number]
type Time = ReadableSpan['startTime']
type Values = Readonly<Record<string, unknown>>

/** Bit of `flags` that says that the next one is meant, and the bit for a parent in another process. */
const HAS_IS_REMOTE = 0x100
const IS_REMOTE = 0x200

/** One span. */
export function spanJson(span: ReadableSpan): string {
  const { traceId, spanId, traceState, traceFlags } = span.spanContext()
  const parent = span.parentSpanContext
  return JSON.stringify({
    traceId,
    spanId,
    ...(parent?.spanId === undefined || parent.spanId === '' ? {} : { parentSpanId: parent.spanId }),
    ...(traceState === undefined ? {} : { traceState: traceState.serialize() }),
    name: span.name,
    kind: span.kind + 1,
    startTimeUnixNano: nanos(span.startTime),
    endTimeUnixNano: nanos(span.endTime),
    attributes: keyValues(shown(span.attributes)),
    droppedAttributesCount: span.droppedAttributesCount,
    events: span.events.map(eventOf),
    droppedEventsCount: span.droppedEventsCount,
    status: span.status,
    links: span.links.map(linkOf),
    droppedLinksCount: span.droppedLinksCount,
    flags: flagsOf(traceFlags, parent?.isRemote),
  })
}

/** The body of a request: spans as `spanJson` wrote them, by the resource and scope they are of. */
export function requestJson(spans: readonly { readonly span: ReadableSpan; readonly json: string }[]): string {
  const resources = new Map<ReadableSpan['resource'], Map<ReadableSpan['instrumentationScope'], string[]>>()
  for (const { span, json } of spans) {
    const scopes = resources.get(span.resource) ?? new Map<ReadableSpan['instrumentationScope'], string[]>()
    resources.set(span.resource, scopes)
    const list = scopes.get(span.instrumentationScope) ?? []
    scopes.set(span.instrumentationScope, list)
    list.push(json)
  }
  const all = [...resources].map(([{ attributes, schemaUrl }, scopes]) => {
    const inside = [...scopes].map(([scope, list]) => {
      const { name, version } = scope
      return `{"scope":${JSON.stringify({ name, version })}${schema(scope.schemaUrl)},"spans":[${list.join(',')}]}`
    })
    const resource = JSON.stringify({ attributes: keyValues(attributes), droppedAttributesCount: 0 })
    return `{"resource":${resource}${schema(schemaUrl)},"scopeSpans":[${inside.join(',')}]}`
  })
  return `{"resourceSpans":[${all.join(',')}]}`
}

const schema = (url: string | undefined): string => (url === undefined || url === '' ? '' : `,"schemaUrl":${JSON.stringify(url)}`)

const flagsOf = (traceFlags: number, isRemote: boolean | undefined): number =>
  (traceFlags & 0xff) | HAS_IS_REMOTE | (isRemote === true ? IS_REMOTE : 0)

/** Whole nanoseconds; the SDK's second part may be rounded up to a full second, or have a fraction. */
function nanos([seconds, rest]: Time): string {
  return String(BigInt(Math.trunc(seconds)) * 1_000_000_000n + BigInt(Math.trunc(rest)))
}

function eventOf({ name, time, attributes, droppedAttributesCount }: TimedEvent): object {
  return {
    timeUnixNano: nanos(time),
    name,
    attributes: keyValues(shown(attributes ?? {}, name)),
    droppedAttributesCount: droppedAttributesCount ?? 0,
  }
}

function linkOf({ context, attributes, droppedAttributesCount }: Link): object {
  return {
    traceId: context.traceId,
    spanId: context.spanId,
    ...(context.traceState === undefined ? {} : { traceState: context.traceState.serialize() }),
    attributes: keyValues(attributes ?? {}),
    droppedAttributesCount: droppedAttributesCount ?? 0,
    flags: flagsOf(context.traceFlags, context.isRemote),
  }
}

const shown = (values: Values, event?: string): Values => (runtime().settings.content ? values : withoutContent(values, event))

const keyValues = (values: Values): readonly object[] => Object.keys(values).map((key) => ({ key, value: anyValue(values[key]) }))

function anyValue(v: unknown): object {
  if (typeof v === 'string') return { stringValue: v }
  if (typeof v === 'boolean') return { boolValue: v }
  // As text, which also keeps whole numbers beyond 2^53 apart for readers that have them.
  if (typeof v === 'number') return Number.isInteger(v) ? { intValue: String(v) } : { doubleValue: Number.isFinite(v) ? v : String(v) }
  if (v instanceof Uint8Array) return { bytesValue: Buffer.from(v.buffer, v.byteOffset, v.byteLength).toString('base64') }
  if (Array.isArray(v)) return { arrayValue: { values: v.map(anyValue) } }
  if (typeof v === 'object' && v !== null) return { kvlistValue: { values: keyValues(v as Values) } }
  return {}
}
