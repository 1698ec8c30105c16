/**
 * OTLP/JSON → span and log views. The whole request is checked for shape before the first view is handed on.
 * Ids are hex, 64-bit integers decimal strings or numbers, enums numbers or their names; unknown fields are ignored and null is absent.
 * Source: OTLP specification 1.9 "JSON Protobuf Encoding". Shape errors name the path; their offset is 0, JSON.parse keeps none.
 */
import type { Attributes, LogRecord, ParentLocation, Scope, Span, SpanEvent, StatusCode } from '../../model/span.ts'
import { type Decoded, DecodeError, type DecodeLimits, type LogSink, type RejectReason, type SpanSink } from './decode.ts'
import type { InterestTest } from './interest.ts'
import { parseJsonBody } from './json-text.ts'
import { NO_ATTRIBUTES, type Plain, PlainAttributes } from './values.ts'

type Fields = Readonly<Record<string, unknown>>

/** Reads a traces request. */
export function decodeJsonTraces(body: Uint8Array, interest: InterestTest, limits: DecodeLimits, sink: SpanSink): Decoded {
  const items = collect(parseJsonBody(body, limits.maxNesting), ['resourceSpans', 'scopeSpans', 'spans'], limits, checkSpan)
  const rejected: Partial<Record<RejectReason, number>> = {}
  let last: Item | undefined
  let owner = { resource: NO_ATTRIBUTES, scope: { name: '', version: '' }, isOfInterest: false }
  for (const item of items) {
    const { fields } = item
    const bad = badIds(fields)
    if (bad !== undefined) {
      rejected[bad] = (rejected[bad] ?? 0) + 1
      continue
    }
    if (item.scope !== last?.scope || item.resource !== last?.resource) owner = ownerOf(item, interest)
    last = item
    const span = new JsonSpan(fields, owner.resource, owner.scope)
    if (owner.isOfInterest || isOfInterest(fields, interest)) sink.span(span)
    else sink.link(span.traceId, span.spanId, span.parentSpanId, span.parentLocation)
  }
  return { total: items.length, rejected }
}

/** Reads a logs request. */
export function decodeJsonLogs(body: Uint8Array, limits: DecodeLimits, sink: LogSink): Decoded {
  const items = collect(parseJsonBody(body, limits.maxNesting), ['resourceLogs', 'scopeLogs', 'logRecords'], limits, checkLog)
  for (const { fields, resource, scope } of items) {
    const attributes = new JsonAttributes(fields['attributes'])
    sink.log(logOf(fields, attributes, new JsonAttributes(resource['attributes']), scopeOf(scope)))
  }
  return { total: items.length, rejected: {} }
}

/** Counts data points. */
export function countJsonMetrics(body: Uint8Array, limits: DecodeLimits): Decoded {
  let total = 0
  for (const { fields } of collect(parseJsonBody(body, limits.maxNesting), ['resourceMetrics', 'scopeMetrics', 'metrics'], limits, () => undefined)) {
    for (const kind of ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary']) {
      const data = fields[kind]
      if (isFields(data) && Array.isArray(data['dataPoints'])) total += data['dataPoints'].length
    }
  }
  return { total, rejected: {} }
}

interface Item {
  readonly fields: Fields
  readonly scope: Fields
  readonly resource: Fields
}

/** Every item of a request with its scope and resource, all checked. */
function collect(request: unknown, [outer, middle, inner]: readonly [string, string, string], limits: DecodeLimits, check: (f: Fields, path: string) => void): readonly Item[] {
  const items: Item[] = []
  const root = fieldsAt(request, 'the request')
  for (const [r, resourceItems] of listAt(root, outer, '').entries()) {
    const resource = resourceItems['resource'] === undefined || resourceItems['resource'] === null ? {} : fieldsAt(resourceItems['resource'], `${outer}[${r}].resource`)
    checkAttributes(resource['attributes'], `${outer}[${r}].resource.attributes`)
    for (const [s, scopeItems] of listAt(resourceItems, middle, `${outer}[${r}].`).entries()) {
      const path = `${outer}[${r}].${middle}[${s}].`
      const scope = scopeItems['scope'] === undefined || scopeItems['scope'] === null ? {} : fieldsAt(scopeItems['scope'], `${path}scope`)
      for (const [i, fields] of listAt(scopeItems, inner, path).entries()) {
        if (items.length >= limits.maxItems) throw new DecodeError('json', 0, `more than ${limits.maxItems} items in one request`)
        check(fields, `${path}${inner}[${i}]`)
        items.push({ fields, scope, resource })
      }
    }
  }
  return items
}

function isFields(v: unknown): v is Fields {
  return typeof v === 'object' && v !== null && !Array.isArray(v)
}

function fieldsAt(v: unknown, path: string): Fields {
  if (!isFields(v)) throw wrong(path, 'an object', v)
  return v
}

function listAt(parent: Fields, key: string, path: string): readonly Fields[] {
  const list = parent[key]
  if (list === undefined || list === null) return []
  if (!Array.isArray(list)) throw wrong(`${path}${key}`, 'a list', list)
  for (const [i, item] of list.entries()) if (!isFields(item)) throw wrong(`${path}${key}[${i}]`, 'an object', item)
  return list as readonly Fields[]
}

function wrong(path: string, wanted: string, got: unknown): DecodeError {
  const is = got === null ? 'null' : Array.isArray(got) ? 'a list' : typeof got === 'object' ? 'an object' : `a ${typeof got}`
  return new DecodeError('json', 0, `${path} is ${is}, not ${wanted}`)
}

function checkSpan(fields: Fields, path: string): void {
  for (const key of ['traceId', 'spanId', 'parentSpanId']) checkId(fields[key], `${path}.${key}`)
  for (const key of ['startTimeUnixNano', 'endTimeUnixNano']) checkInteger(fields[key], `${path}.${key}`)
  checkString(fields['name'], `${path}.name`)
  checkString(fields['traceState'], `${path}.traceState`)
  checkAttributes(fields['attributes'], `${path}.attributes`)
  for (const [i, event] of listAt(fields, 'events', `${path}.`).entries()) {
    checkString(event['name'], `${path}.events[${i}].name`)
    checkAttributes(event['attributes'], `${path}.events[${i}].attributes`)
  }
  for (const [i, link] of listAt(fields, 'links', `${path}.`).entries()) for (const key of ['traceId', 'spanId']) checkId(link[key], `${path}.links[${i}].${key}`)
}

function checkLog(fields: Fields, path: string): void {
  for (const key of ['traceId', 'spanId']) checkId(fields[key], `${path}.${key}`)
  for (const key of ['timeUnixNano', 'observedTimeUnixNano']) checkInteger(fields[key], `${path}.${key}`)
  checkString(fields['eventName'], `${path}.eventName`)
  checkAttributes(fields['attributes'], `${path}.attributes`)
}

function checkId(v: unknown, path: string): void {
  if (v === undefined || v === null) return
  if (typeof v !== 'string') throw wrong(path, 'a hex string', v)
  if (!/^[0-9a-fA-F]*$/.test(v)) throw new DecodeError('json', 0, `${path} is not hex`)
}

function checkInteger(v: unknown, path: string): void {
  if (v === undefined || v === null || (typeof v === 'number' && Number.isFinite(v)) || (typeof v === 'string' && /^-?\d{1,20}$/.test(v))) return
  throw new DecodeError('json', 0, `${path} is no integer`)
}

function checkString(v: unknown, path: string): void {
  if (v !== undefined && v !== null && typeof v !== 'string') throw wrong(path, 'a string', v)
}

function checkAttributes(v: unknown, path: string): void {
  if (v === undefined || v === null) return
  if (!Array.isArray(v)) throw wrong(path, 'a list of {key, value}', v)
  for (const [i, kv] of v.entries()) {
    if (!isFields(kv) || typeof kv['key'] !== 'string') throw new DecodeError('json', 0, `${path}[${i}] has no key`)
    if (kv['value'] !== undefined && kv['value'] !== null && !isFields(kv['value'])) throw wrong(`${path}[${i}].value`, 'an object such as {"stringValue": "…"}', kv['value'])
    if (isFields(kv['value']) && 'intValue' in kv['value']) checkInteger(kv['value']['intValue'], `${path}[${i}].value.intValue`)
  }
}

function badIds(fields: Fields): RejectReason | undefined {
  const { traceId, spanId } = fields as { traceId?: string; spanId?: string }
  if (traceId === undefined || traceId === null || traceId.length !== 32 || /^0+$/.test(traceId)) return 'trace_id'
  if (spanId === undefined || spanId === null || spanId.length !== 16 || /^0+$/.test(spanId)) return 'span_id'
  return undefined
}

function ownerOf(item: Item, interest: InterestTest): { resource: Attributes; scope: Scope; isOfInterest: boolean } {
  const resource = new JsonAttributes(item.resource['attributes'])
  const scope = scopeOf(item.scope)
  return { resource, scope, isOfInterest: interest.scope(scope.name) || interest.service(resource.text('service.name')) }
}

function scopeOf(scope: Fields): Scope {
  return { name: typeof scope['name'] === 'string' ? scope['name'] : '', version: typeof scope['version'] === 'string' ? scope['version'] : '' }
}

function isOfInterest(fields: Fields, interest: InterestTest): boolean {
  const attributes = (fields['attributes'] ?? []) as readonly { key: string }[]
  if (attributes.some((kv) => interest.key(kv.key))) return true
  const events = (fields['events'] ?? []) as readonly { name?: string }[]
  return events.some((e) => interest.event(e.name ?? ''))
}

/** AnyValue in its JSON form → plain value. Nesting was limited before parsing. */
export function plainOf(value: unknown): Plain {
  if (!isFields(value)) return undefined
  if (typeof value['stringValue'] === 'string') return value['stringValue']
  if (value['intValue'] !== undefined) return Number(value['intValue'])
  if (value['doubleValue'] !== undefined) return Number(value['doubleValue'])
  if (typeof value['boolValue'] === 'boolean') return value['boolValue']
  if (isFields(value['arrayValue'])) {
    const { values } = value['arrayValue']
    return Array.isArray(values) ? values.map((v) => plainOf(v) ?? null) : []
  }
  if (isFields(value['kvlistValue'])) {
    const { values } = value['kvlistValue']
    return Object.fromEntries((Array.isArray(values) ? values : []).filter(isFields).map((kv) => [String(kv['key']), plainOf(kv['value']) ?? null]))
  }
  return typeof value['bytesValue'] === 'string' ? value['bytesValue'] : undefined
}

class JsonAttributes extends PlainAttributes {
  readonly #list: readonly { readonly key: string; readonly value: unknown }[]
  #byKey: Map<string, unknown> | undefined

  constructor(list: unknown) {
    super()
    this.#list = (list ?? []) as readonly { key: string; value: unknown }[]
  }

  get(key: string): Plain {
    this.#byKey ??= new Map(this.#list.map((kv) => [kv.key, kv.value]))
    const value = this.#byKey.get(key)
    return value === undefined ? undefined : plainOf(value)
  }

  keys(prefix: string, limit: number): readonly string[] {
    const found = new Set<string>()
    for (const { key } of this.#list) {
      if (found.size >= limit) break
      if (key.startsWith(prefix)) found.add(key)
    }
    return [...found]
  }
}

const STATUS: Readonly<Record<string, StatusCode>> = { '1': 'ok', '2': 'error', STATUS_CODE_OK: 'ok', STATUS_CODE_ERROR: 'error' }
const KINDS = ['SPAN_KIND_UNSPECIFIED', 'SPAN_KIND_INTERNAL', 'SPAN_KIND_SERVER', 'SPAN_KIND_CLIENT', 'SPAN_KIND_PRODUCER', 'SPAN_KIND_CONSUMER']

/** Where the parent is, from OTLP span flags: bit 8 says that bit 9 is known, bit 9 that the parent is remote. */
export function parentLocationOf(flags: number): ParentLocation {
  return (flags & 0x100) === 0 ? 'unknown' : (flags & 0x200) === 0 ? 'local' : 'remote'
}

/** Nanoseconds as a decimal string or number → milliseconds and the nanoseconds below one, so that differences stay exact. */
function splitNanos(v: unknown): readonly [ms: number, nanos: number] {
  const text = typeof v === 'string' ? v : v === undefined || v === null ? '0' : BigInt(Math.trunc(v as number)).toString()
  return text.length <= 6 ? [0, Number(text)] : [Number(text.slice(0, -6)), Number(text.slice(-6))]
}

class JsonSpan implements Span {
  readonly #fields: Fields
  readonly resource: Attributes
  readonly scope: Scope
  readonly attributes: Attributes

  constructor(fields: Fields, resource: Attributes, scope: Scope) {
    this.#fields = fields
    this.resource = resource
    this.scope = scope
    this.attributes = new JsonAttributes(fields['attributes'])
  }

  #text(key: string): string {
    const v = this.#fields[key]
    return typeof v === 'string' ? v : ''
  }
  get traceId(): string { return this.#text('traceId').toLowerCase() }
  get spanId(): string { return this.#text('spanId').toLowerCase() }
  get parentSpanId(): string {
    const id = this.#text('parentSpanId').toLowerCase()
    return /^0*$/.test(id) ? '' : id
  }
  get parentLocation(): ParentLocation { return parentLocationOf(Number(this.#fields['flags'] ?? 0)) }
  get traceState(): string { return this.#text('traceState') }
  get name(): string { return this.#text('name') }
  get kind(): number {
    const v = this.#fields['kind']
    return typeof v === 'number' ? v : typeof v === 'string' ? Math.max(0, KINDS.indexOf(v)) : 0
  }
  get startMs(): number {
    const [ms, nanos] = splitNanos(this.#fields['startTimeUnixNano'])
    return ms + nanos / 1e6
  }
  get durationMs(): number {
    const [startMs, startNanos] = splitNanos(this.#fields['startTimeUnixNano'])
    const [endMs, endNanos] = splitNanos(this.#fields['endTimeUnixNano'])
    return Math.max(0, endMs - startMs + (endNanos - startNanos) / 1e6)
  }
  get #status(): Fields {
    const v = this.#fields['status']
    return isFields(v) ? v : {}
  }
  get status(): StatusCode { return STATUS[String(this.#status['code'] ?? '')] ?? 'unset' }
  get statusMessage(): string {
    const v = this.#status['message']
    return typeof v === 'string' ? v : ''
  }
  links(): readonly { readonly traceId: string; readonly spanId: string }[] {
    const links = (this.#fields['links'] ?? []) as readonly { traceId?: string; spanId?: string }[]
    return links.map((l) => ({ traceId: (l.traceId ?? '').toLowerCase(), spanId: (l.spanId ?? '').toLowerCase() }))
  }
  events(): readonly SpanEvent[] {
    const events = (this.#fields['events'] ?? []) as readonly Fields[]
    return events.map((e) => {
      const [ms, nanos] = splitNanos(e['timeUnixNano'])
      return { name: typeof e['name'] === 'string' ? e['name'] : '', timeMs: ms + nanos / 1e6, attributes: new JsonAttributes(e['attributes']) }
    })
  }
}

function logOf(fields: Fields, attributes: Attributes, resource: Attributes, scope: Scope): LogRecord {
  const id = (key: string, digits: number): string => {
    const v = fields[key]
    return typeof v === 'string' && v.length === digits && !/^0+$/.test(v) ? v.toLowerCase() : ''
  }
  const [ms, nanos] = splitNanos(fields['timeUnixNano'] ?? fields['observedTimeUnixNano'])
  const eventName = fields['eventName']
  const body = plainOf(fields['body'])
  return {
    traceId: id('traceId', 32), spanId: id('spanId', 16), timeMs: ms + nanos / 1e6,
    eventName: typeof eventName === 'string' && eventName !== '' ? eventName : (attributes.text('event.name') ?? ''),
    severity: typeof fields['severityNumber'] === 'number' ? fields['severityNumber'] : 0,
    scope, resource, attributes, body: bodyView(body),
  }
}

/** A log body as attributes: a map as it is, anything else under the empty key. */
export function bodyView(body: Plain): Attributes {
  if (body === undefined || body === null) return NO_ATTRIBUTES
  return new BodyAttributes(isFields(body) ? (body as Readonly<Record<string, Plain>>) : { '': body })
}

class BodyAttributes extends PlainAttributes {
  readonly #values: Readonly<Record<string, Plain>>
  constructor(values: Readonly<Record<string, Plain>>) {
    super()
    this.#values = values
  }
  get(key: string): Plain {
    return Object.hasOwn(this.#values, key) ? (this.#values[key] ?? undefined) : undefined
  }
  keys(prefix: string, limit: number): readonly string[] {
    return Object.keys(this.#values).filter((k) => k.startsWith(prefix)).slice(0, limit)
  }
}
