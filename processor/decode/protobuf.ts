/**
 * OTLP/protobuf → span and log views, walking the wire: strings and objects are made only for what a dialect asks for, and a span
 * without any key or scope of interest costs its ids. The whole body is checked (wire.ts) before the first view is handed on.
 * One span view is reused for a whole request: it is valid only during the callback.
 */
import type { Attributes, ParentLocation, Scope, Span, SpanEvent, StatusCode } from '../../model/span.ts'
import { type Decoded, DecodeError, type DecodeLimits, type LogSink, type RejectReason, type SpanSink } from './decode.ts'
import type { InterestTest } from './interest.ts'
import { bodyView, parentLocationOf } from './json.ts'
import type { KeyTable } from './key-table.ts'
import { LOGS_REQUEST, METRICS_REQUEST, TRACES_REQUEST } from './schema.ts'
import { NO_ATTRIBUTES, type Plain, PlainAttributes } from './values.ts'
import { check, Cursor, type Schema } from './wire.ts'

interface Range {
  readonly start: number
  readonly end: number
}

/** One request body with what all its views share. */
class Body {
  readonly buffer: Buffer
  readonly cursor: Cursor
  readonly view: DataView

  constructor(bytes: Uint8Array) {
    this.buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.cursor = new Cursor(this.buffer)
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  text(r: Range): string {
    return this.buffer.toString('utf8', r.start, r.end)
  }
  hex(r: Range): string {
    return this.buffer.toString('hex', r.start, r.end)
  }
  /** Visits the fields of a checked message; `at` is where the value starts, `end` where it ends. */
  fields(range: Range, visit: (field: number, start: number, end: number) => void): void {
    const c = this.cursor
    let pos = range.start
    while (pos < range.end) {
      c.pos = pos
      const tag = c.tag(range.end)
      let start = c.pos
      if ((tag & 7) === 2) {
        const length = c.length(range.end)
        start = c.pos
        pos = start + length
      } else {
        c.skip(tag & 7, range.end)
        pos = c.pos
      }
      visit(tag >>> 3, start, pos)
    }
  }
  varint(start: number, end: number): number {
    this.cursor.pos = start
    return this.cursor.varint(end)
  }
  /** Fixed64 nanoseconds as two halves: a double cannot hold today's date in nanoseconds. */
  millis(start: number): number {
    const high = this.view.getUint32(start + 4, true)
    const low = this.view.getUint32(start, true)
    // 2^32 ns = 4294 ms + 967,296 ns: every part stays exact.
    const rest = high * 967_296 + low
    const whole = Math.floor(rest / 1e6)
    return high * 4294 + whole + (rest - whole * 1e6) / 1e6
  }
  millisBetween(start: number, end: number): number {
    const high = this.view.getUint32(end + 4, true) - this.view.getUint32(start + 4, true)
    const low = this.view.getUint32(end, true) - this.view.getUint32(start, true)
    return (high * 2 ** 32 + low) / 1e6
  }
  plain(range: Range): Plain {
    let value: Plain
    this.fields(range, (field, start, end) => {
      if (field === 1) value = this.text({ start, end })
      else if (field === 2) value = this.varint(start, end) !== 0
      else if (field === 3) {
        this.cursor.pos = start
        value = this.cursor.int64(end)
      } else if (field === 4) value = this.view.getFloat64(start, true)
      else if (field === 5) value = this.list({ start, end })
      else if (field === 6) value = this.map({ start, end })
      else if (field === 7) value = this.buffer.toString('base64', start, end)
    })
    return value
  }
  list(range: Range): Plain {
    const values: Plain[] = []
    this.fields(range, (field, start, end) => {
      if (field === 1) values.push(this.plain({ start, end }) ?? null)
    })
    return values
  }
  map(range: Range): { readonly [key: string]: Plain } {
    const entries: [string, Plain][] = []
    this.fields(range, (field, start, end) => {
      if (field === 1) entries.push(this.keyValue({ start, end }))
    })
    return Object.fromEntries(entries.map(([k, v]) => [k, v ?? null]))
  }
  keyValue(range: Range): [string, Plain] {
    let key = ''
    let value: Plain
    this.fields(range, (field, start, end) => {
      if (field === 1) key = this.text({ start, end })
      else if (field === 2) value = this.plain({ start, end })
    })
    return [key, value]
  }
}

/** Attributes of a resource, event or log record: few and read rarely, so decoded as a whole when first asked. */
class LazyAttributes extends PlainAttributes {
  readonly #body: Body
  readonly #ranges: readonly Range[]
  #values: Map<string, Plain> | undefined

  constructor(body: Body, ranges: readonly Range[]) {
    super()
    this.#body = body
    this.#ranges = ranges
  }
  #all(): Map<string, Plain> {
    return (this.#values ??= new Map(this.#ranges.map((r) => this.#body.keyValue(r))))
  }
  get(key: string): Plain {
    return this.#all().get(key)
  }
  keys(prefix: string, limit: number): readonly string[] {
    return [...this.#all().keys()].filter((k) => k.startsWith(prefix)).slice(0, limit)
  }
}

/** Attributes of the span at hand, by slot of the key table. */
class SpanAttributes extends PlainAttributes {
  readonly #body: Body
  readonly #table: KeyTable
  /** Per slot: the span it was set for, and where its value is. */
  readonly #setFor: Uint32Array
  readonly #start: Int32Array
  readonly #end: Int32Array
  #span = 0
  #all: Range[] = []

  constructor(body: Body, table: KeyTable) {
    super()
    this.#body = body
    this.#table = table
    this.#setFor = new Uint32Array(table.size)
    this.#start = new Int32Array(table.size)
    this.#end = new Int32Array(table.size)
  }

  next(): void {
    this.#span++
    this.#all = []
  }

  /** Notes a KeyValue; true when its key makes the span one of interest. */
  note(range: Range, interest: InterestTest): boolean {
    this.#all.push(range)
    let key: Range = { start: 0, end: 0 }
    let value: Range = { start: 0, end: 0 }
    this.#body.fields(range, (field, start, end) => {
      if (field === 1) key = { start, end }
      else if (field === 2) value = { start, end }
    })
    const slot = this.#table.find(this.#body.buffer, key.start, key.end - key.start)
    if (slot < 0) return startsLikeGenAi(this.#body.buffer, key) && interest.key(this.#body.text(key))
    this.#setFor[slot] = this.#span
    this.#start[slot] = value.start
    this.#end[slot] = value.end
    return this.#table.isOfInterest[slot] === 1
  }

  get(key: string): Plain {
    const slot = this.#table.slot(key)
    if (slot < 0) return this.#search(key)
    if (this.#setFor[slot] !== this.#span) return undefined
    return this.#body.plain({ start: this.#start[slot] ?? 0, end: this.#end[slot] ?? 0 })
  }

  override has(key: string): boolean {
    const slot = this.#table.slot(key)
    return slot < 0 ? super.has(key) : this.#setFor[slot] === this.#span && (this.#end[slot] ?? 0) > (this.#start[slot] ?? 0)
  }

  keys(prefix: string, limit: number): readonly string[] {
    const found = new Set<string>()
    for (const range of this.#all) {
      if (found.size >= limit) break
      const [key] = this.#body.keyValue(range)
      if (key.startsWith(prefix)) found.add(key)
    }
    return [...found]
  }

  /** Keys found through `keys()` are not in the table. */
  #search(key: string): Plain {
    let found: Plain
    for (const range of this.#all) {
      const [k, v] = this.#body.keyValue(range)
      if (k === key) found = v
    }
    return found
  }
}

/** Cheap first look: GenAI prefixes start with one of these letters, most other keys do not. */
function startsLikeGenAi(bytes: Uint8Array, key: Range): boolean {
  if (key.end - key.start < 3) return false
  const c = bytes[key.start]
  return c === 0x67 || c === 0x6c || c === 0x6f || c === 0x74 || c === 0x61 || c === 0x6d || c === 0x63 || c === 0x73 || c === 0x70
}

const STATUS: readonly StatusCode[] = ['unset', 'ok', 'error']
const NOWHERE: Range = { start: 0, end: 0 }

/** The span at hand: offsets only, until somebody asks. */
class WireSpan implements Span {
  readonly #body: Body
  readonly attributes: SpanAttributes
  resource: Attributes = NO_ATTRIBUTES
  scope: Scope = { name: '', version: '' }
  trace: Range = NOWHERE
  id: Range = NOWHERE
  #parent: Range = NOWHERE
  #state: Range = NOWHERE
  #name: Range = NOWHERE
  #status: Range = NOWHERE
  #start = -1
  #end = -1
  #flags = 0
  #events: Range[] = []
  #links: Range[] = []
  kind = 0

  constructor(body: Body, table: KeyTable) {
    this.#body = body
    this.attributes = new SpanAttributes(body, table)
  }

  /** Points the view at a span; true when it is one of interest by its attributes or events. */
  load(range: Range, interest: InterestTest): boolean {
    this.attributes.next()
    this.trace = this.id = this.#parent = this.#state = this.#name = this.#status = NOWHERE
    this.#start = this.#end = -1
    this.#flags = this.kind = 0
    this.#events = []
    this.#links = []
    let isOfInterest = false
    this.#body.fields(range, (field, start, end) => {
      switch (field) {
        case 1: this.trace = { start, end }; break
        case 2: this.id = { start, end }; break
        case 3: this.#state = { start, end }; break
        case 4: this.#parent = { start, end }; break
        case 5: this.#name = { start, end }; break
        case 6: this.kind = this.#body.varint(start, end); break
        case 7: this.#start = start; break
        case 8: this.#end = start; break
        case 9: isOfInterest = this.attributes.note({ start, end }, interest) || isOfInterest; break
        case 11: this.#events.push({ start, end }); break
        case 13: this.#links.push({ start, end }); break
        case 15: this.#status = { start, end }; break
        case 16: this.#flags = this.#body.view.getUint32(start, true); break
      }
    })
    return isOfInterest || this.#events.some((e) => interest.event(this.#eventName(e)))
  }

  get traceId(): string { return this.#body.hex(this.trace) }
  get spanId(): string { return this.#body.hex(this.id) }
  get parentSpanId(): string { return isZero(this.#body.buffer, this.#parent) ? '' : this.#body.hex(this.#parent) }
  get parentLocation(): ParentLocation { return parentLocationOf(this.#flags) }
  get traceState(): string { return this.#body.text(this.#state) }
  get name(): string { return this.#body.text(this.#name) }
  get startMs(): number { return this.#start < 0 ? 0 : this.#body.millis(this.#start) }
  get durationMs(): number { return this.#start < 0 || this.#end < 0 ? 0 : Math.max(0, this.#body.millisBetween(this.#start, this.#end)) }
  get status(): StatusCode {
    let code = 0
    this.#body.fields(this.#status, (field, start, end) => {
      if (field === 3) code = this.#body.varint(start, end)
    })
    return STATUS[code] ?? 'unset'
  }
  get statusMessage(): string {
    let message = NOWHERE
    this.#body.fields(this.#status, (field, start, end) => {
      if (field === 2) message = { start, end }
    })
    return this.#body.text(message)
  }
  #eventName(range: Range): string {
    let name = NOWHERE
    this.#body.fields(range, (field, start, end) => {
      if (field === 2) name = { start, end }
    })
    return this.#body.text(name)
  }
  events(): readonly SpanEvent[] {
    return this.#events.map((range) => {
      const attributes: Range[] = []
      let timeMs = 0
      this.#body.fields(range, (field, start, end) => {
        if (field === 1) timeMs = this.#body.millis(start)
        else if (field === 3) attributes.push({ start, end })
      })
      return { name: this.#eventName(range), timeMs, attributes: new LazyAttributes(this.#body, attributes) }
    })
  }
  links(): readonly { readonly traceId: string; readonly spanId: string }[] {
    return this.#links.map((range) => {
      const link = { traceId: '', spanId: '' }
      this.#body.fields(range, (field, start, end) => {
        if (field === 1) link.traceId = this.#body.hex({ start, end })
        else if (field === 2) link.spanId = this.#body.hex({ start, end })
      })
      return link
    })
  }
}

function isZero(bytes: Uint8Array, range: Range): boolean {
  for (let i = range.start; i < range.end; i++) if (bytes[i] !== 0) return false
  return true
}

/** Checks a body and visits its items with their resource and scope, decoded once each. */
function walk(body: Body, schema: Schema, limits: DecodeLimits, item: (range: Range, resource: Attributes, scope: Scope) => void): number {
  const all = { start: 0, end: body.buffer.length }
  body.cursor.pos = 0
  check(body.cursor, all.end, schema, limits.maxNesting)
  const perScope: { resource: Range; scope: Range; items: Range[] }[] = []
  let total = 0
  body.fields(all, (field, start, end) => {
    if (field !== 1) return
    let resource = NOWHERE
    const scopes: Range[] = []
    body.fields({ start, end }, (f, s, e) => {
      if (f === 1) resource = { start: s, end: e }
      else if (f === 2) scopes.push({ start: s, end: e })
    })
    for (const range of scopes) {
      let scope = NOWHERE
      const items: Range[] = []
      body.fields(range, (f, s, e) => {
        if (f === 1) scope = { start: s, end: e }
        else if (f === 2) items.push({ start: s, end: e })
      })
      total += items.length
      if (total > limits.maxItems) throw new DecodeError('protobuf', range.start, `more than ${limits.maxItems} items in one request`)
      perScope.push({ resource, scope, items })
    }
  })
  let lastRange: Range | undefined
  let resource: Attributes = NO_ATTRIBUTES
  for (const s of perScope) {
    if (s.resource !== lastRange) resource = attributesOf(body, s.resource)
    lastRange = s.resource
    const scope = scopeOf(body, s.scope)
    for (const range of s.items) item(range, resource, scope)
  }
  return total
}

function attributesOf(body: Body, range: Range): Attributes {
  const ranges: Range[] = []
  body.fields(range, (field, start, end) => {
    if (field === 1) ranges.push({ start, end })
  })
  return new LazyAttributes(body, ranges)
}

function scopeOf(body: Body, range: Range): Scope {
  const scope = { name: '', version: '' }
  body.fields(range, (field, start, end) => {
    if (field === 1) scope.name = body.text({ start, end })
    else if (field === 2) scope.version = body.text({ start, end })
  })
  return scope
}

/** Reads a traces request. */
export function decodeProtobufTraces(bytes: Uint8Array, table: KeyTable, interest: InterestTest, limits: DecodeLimits, sink: SpanSink): Decoded {
  const body = new Body(bytes)
  const span = new WireSpan(body, table)
  const rejected: Partial<Record<RejectReason, number>> = {}
  let lastResource: Attributes | undefined
  let lastScope: Scope | undefined
  let isOwnerOfInterest = false
  const total = walk(body, TRACES_REQUEST, limits, (range, resource, scope) => {
    if (resource !== lastResource || scope !== lastScope) isOwnerOfInterest = interest.scope(scope.name) || interest.service(resource.text('service.name'))
    lastResource = resource
    lastScope = scope
    const isOfInterest = span.load(range, interest) || isOwnerOfInterest
    span.resource = resource
    span.scope = scope
    const bad = span.trace.end - span.trace.start !== 16 || isZero(body.buffer, span.trace) ? 'trace_id' : span.id.end - span.id.start !== 8 || isZero(body.buffer, span.id) ? 'span_id' : undefined
    if (bad !== undefined) rejected[bad] = (rejected[bad] ?? 0) + 1
    else if (isOfInterest) sink.span(span)
    else sink.link(span.traceId, span.spanId, span.parentSpanId, span.parentLocation)
  })
  return { total, rejected }
}

/** Reads a logs request. */
export function decodeProtobufLogs(bytes: Uint8Array, limits: DecodeLimits, sink: LogSink): Decoded {
  const body = new Body(bytes)
  const total = walk(body, LOGS_REQUEST, limits, (range, resource, scope) => {
    const attributes: Range[] = []
    const log = { traceId: '', spanId: '', timeMs: 0, observedMs: 0, eventName: '', severity: 0, body: undefined as Plain }
    body.fields(range, (field, start, end) => {
      if (field === 1) log.timeMs = body.millis(start)
      else if (field === 2) log.severity = body.varint(start, end)
      else if (field === 5) log.body = body.plain({ start, end })
      else if (field === 6) attributes.push({ start, end })
      else if (field === 9 && end - start === 16 && !isZero(body.buffer, { start, end })) log.traceId = body.hex({ start, end })
      else if (field === 10 && end - start === 8 && !isZero(body.buffer, { start, end })) log.spanId = body.hex({ start, end })
      else if (field === 11) log.observedMs = body.millis(start)
      else if (field === 12) log.eventName = body.text({ start, end })
    })
    const view = new LazyAttributes(body, attributes)
    sink.log({
      traceId: log.traceId, spanId: log.spanId, timeMs: log.timeMs === 0 ? log.observedMs : log.timeMs, severity: log.severity,
      eventName: log.eventName === '' ? (view.text('event.name') ?? '') : log.eventName, scope, resource, attributes: view, body: bodyView(log.body),
    })
  })
  return { total, rejected: {} }
}

/** Checks a metrics request and counts its data points. */
export function countProtobufMetrics(bytes: Uint8Array, limits: DecodeLimits): Decoded {
  const body = new Body(bytes)
  let points = 0
  walk(body, METRICS_REQUEST, limits, (range) =>
    body.fields(range, (field, start, end) => {
      if (field === 5 || field === 7 || field === 9 || field === 10 || field === 11) {
        body.fields({ start, end }, (f) => {
          if (f === 1) points++
        })
      }
    }),
  )
  return { total: points, rejected: {} }
}
