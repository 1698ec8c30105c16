/**
 * Views over checked OTLP/JSON objects: attributes, spans, log records. Nothing is converted until it is asked for.
 * Invariant: the objects passed json-shape.ts, so a field that is present has the type the schema gives it.
 */
import type { Attributes, LogRecord, ParentLocation, Scope, Span, SpanEvent, StatusCode } from '../../model/span.ts'
import { GENERAL } from '../../model/semconv.ts'
import { enumOfJson, KINDS, parentLocationOf, SEVERITY_NUMBERS, STATUS_CODES, STATUSES } from './enums.ts'
import { type Fields, isFields } from './json-shape.ts'
import { isKnown, millisBetween, millisOf, nanosOfJson } from './nanos.ts'
import { attributesOver, bodyView, firstWith, type Plain, type Values } from './values.ts'

interface KeyValue {
  readonly key: string
  readonly value?: unknown
}

/** The list under a key of a checked object; absent is empty. */
export function listOf(of: Fields, key: string): readonly Fields[] {
  return (of[key] ?? []) as readonly Fields[]
}

/** The object under a key of a checked object; absent is empty. */
export function childOf(of: Fields, key: string): Fields {
  return (of[key] ?? {}) as Fields
}

/** The string under a key of a checked object; absent is empty. */
export function stringOf(of: Fields, key: string): string {
  const v = of[key]
  return typeof v === 'string' ? v : ''
}

/** AnyValue in its JSON form → plain value. Of several alternatives set at once (no encoder does it) the first one below counts. */
export function plainOf(value: unknown): Plain {
  if (!isFields(value)) return undefined
  if (typeof value['stringValue'] === 'string') return value['stringValue']
  if (typeof value['boolValue'] === 'boolean') return value['boolValue']
  const number = value['intValue'] ?? value['doubleValue']
  if (number !== undefined && number !== null) return Number(number)
  if (isFields(value['arrayValue'])) return listOf(value['arrayValue'], 'values').map((v) => plainOf(v) ?? null)
  if (isFields(value['kvlistValue']))
    return Object.fromEntries(listOf(value['kvlistValue'], 'values').map((kv) => [stringOf(kv, 'key'), plainOf(kv['value']) ?? null]))
  const bytes = value['bytesValue']
  // Encoders differ in alphabet and padding; one spelling, so that both encodings read alike.
  return typeof bytes === 'string' ? Buffer.from(bytes, 'base64').toString('base64') : undefined
}

/** The attributes of a checked resource, span, event or record. */
export function jsonAttributes(of: Fields): Attributes {
  return attributesOver(jsonValues(of))
}

/** The values behind them. */
export function jsonValues(of: Fields): Values {
  const list = (of['attributes'] ?? []) as readonly KeyValue[]
  let byKey: ReadonlyMap<string, unknown> | undefined
  return {
    get: (key) => plainOf((byKey ??= new Map(list.map((kv) => [kv.key, kv.value]))).get(key)),
    keys: (prefix, limit) =>
      firstWith(
        list.map((kv) => kv.key),
        prefix,
        limit,
      ),
  }
}

/** A well-formed id in lower case; anything else, all zeros included, is empty. */
function idOf(of: Fields, key: string, digits: number): string {
  const id = stringOf(of, key)
  return id.length === digits && !/^0+$/.test(id) ? id.toLowerCase() : ''
}

/** A view over a checked span. */
export class JsonSpan implements Span {
  readonly #fields: Fields
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly resource: Attributes
  readonly scope: Scope
  readonly attributes: Attributes

  constructor(fields: Fields, resource: Attributes, scope: Scope) {
    this.#fields = fields
    this.traceId = idOf(fields, 'traceId', 32)
    this.spanId = idOf(fields, 'spanId', 16)
    this.parentSpanId = idOf(fields, 'parentSpanId', 16)
    this.resource = resource
    this.scope = scope
    this.attributes = jsonAttributes(fields)
  }
  get parentLocation(): ParentLocation {
    return parentLocationOf(Number(this.#fields['flags'] ?? 0))
  }
  get traceState(): string {
    return stringOf(this.#fields, 'traceState')
  }
  get name(): string {
    return stringOf(this.#fields, 'name')
  }
  get kind(): number {
    return enumOfJson(this.#fields['kind'], KINDS)
  }
  get startMs(): number {
    const start = nanosOfJson(this.#fields['startTimeUnixNano'])
    return millisOf(isKnown(start) ? start : nanosOfJson(this.#fields['endTimeUnixNano']))
  }
  get durationMs(): number {
    return millisBetween(nanosOfJson(this.#fields['startTimeUnixNano']), nanosOfJson(this.#fields['endTimeUnixNano']))
  }
  get status(): StatusCode {
    return STATUS_CODES[enumOfJson(childOf(this.#fields, 'status')['code'], STATUSES)] ?? 'unset'
  }
  get statusMessage(): string {
    return stringOf(childOf(this.#fields, 'status'), 'message')
  }
  links(): readonly SpanLink[] {
    return linksOf(listOf(this.#fields, 'links'))
  }
  events(): readonly SpanEvent[] {
    return eventsOf(listOf(this.#fields, 'events'))
  }
}

interface SpanLink {
  readonly traceId: string
  readonly spanId: string
}

/** Checked links of a span. */
export function linksOf(list: readonly Fields[]): readonly SpanLink[] {
  const links = list.map((l) => ({ traceId: idOf(l, 'traceId', 32), spanId: idOf(l, 'spanId', 16) }))
  return links.filter((l) => l.traceId !== '' && l.spanId !== '')
}

/** Checked events of a span. */
export function eventsOf(list: readonly Fields[]): readonly SpanEvent[] {
  return list.map((e) => ({
    name: stringOf(e, 'name'),
    timeMs: millisOf(nanosOfJson(e['timeUnixNano'])),
    attributes: jsonAttributes(e),
  }))
}

/** A view over a checked log record. */
export function jsonLog(fields: Fields, resource: Attributes, scope: Scope): LogRecord {
  const attributes = jsonAttributes(fields)
  const timeMs = millisOf(nanosOfJson(fields['timeUnixNano']))
  const eventName = stringOf(fields, 'eventName')
  return {
    traceId: idOf(fields, 'traceId', 32),
    spanId: idOf(fields, 'spanId', 16),
    timeMs: timeMs === 0 ? millisOf(nanosOfJson(fields['observedTimeUnixNano'])) : timeMs,
    eventName: eventName === '' ? (attributes.text(GENERAL.eventName) ?? '') : eventName,
    severity: enumOfJson(fields['severityNumber'], SEVERITY_NUMBERS),
    scope,
    resource,
    attributes,
    body: bodyView(() => plainOf(fields['body'])),
  }
}
