/**
 * OTLP requests for tests: from small sketches to OTLP/JSON, and between OTLP/JSON and protobuf by protobufjs, a decoder and encoder that
 * is not ours. The schema is written out here so that a mistake in processor/decode/schema.ts cannot hide in both.
 * Source: opentelemetry-proto 1.9 (trace, logs, common, resource; of metrics what it takes to count points).
 */
import protobuf from 'protobufjs'

const PROTO = `syntax = "proto3";
message AnyValue {
  oneof value {
    string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4;
    ArrayValue array_value = 5; KeyValueList kvlist_value = 6; bytes bytes_value = 7;
  }
}
message ArrayValue { repeated AnyValue values = 1; }
message KeyValueList { repeated KeyValue values = 1; }
message KeyValue { string key = 1; AnyValue value = 2; }
message Scope { string name = 1; string version = 2; repeated KeyValue attributes = 3; uint32 dropped_attributes_count = 4; }
message EntityRef { string schema_url = 1; string type = 2; repeated string id_keys = 3; repeated string description_keys = 4; }
message Resource { repeated KeyValue attributes = 1; uint32 dropped_attributes_count = 2; repeated EntityRef entity_refs = 3; }

message Traces { repeated ResourceSpans resource_spans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; string schema_url = 3; }
message ScopeSpans { Scope scope = 1; repeated Span spans = 2; string schema_url = 3; }
message Span {
  bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4; fixed32 flags = 16; string name = 5;
  enum SpanKind {
    SPAN_KIND_UNSPECIFIED = 0; SPAN_KIND_INTERNAL = 1; SPAN_KIND_SERVER = 2; SPAN_KIND_CLIENT = 3; SPAN_KIND_PRODUCER = 4; SPAN_KIND_CONSUMER = 5;
  }
  SpanKind kind = 6; fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9;
  uint32 dropped_attributes_count = 10;
  message Event { fixed64 time_unix_nano = 1; string name = 2; repeated KeyValue attributes = 3; uint32 dropped_attributes_count = 4; }
  repeated Event events = 11; uint32 dropped_events_count = 12;
  message Link {
    bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; repeated KeyValue attributes = 4; uint32 dropped_attributes_count = 5;
    fixed32 flags = 6;
  }
  repeated Link links = 13; uint32 dropped_links_count = 14; Status status = 15;
}
message Status {
  string message = 2;
  enum StatusCode { STATUS_CODE_UNSET = 0; STATUS_CODE_OK = 1; STATUS_CODE_ERROR = 2; }
  StatusCode code = 3;
}

message Logs { repeated ResourceLogs resource_logs = 1; }
message ResourceLogs { Resource resource = 1; repeated ScopeLogs scope_logs = 2; string schema_url = 3; }
message ScopeLogs { Scope scope = 1; repeated LogRecord log_records = 2; string schema_url = 3; }
message LogRecord {
  fixed64 time_unix_nano = 1; fixed64 observed_time_unix_nano = 11; int32 severity_number = 2; string severity_text = 3; AnyValue body = 5;
  repeated KeyValue attributes = 6; uint32 dropped_attributes_count = 7; fixed32 flags = 8; bytes trace_id = 9; bytes span_id = 10;
  string event_name = 12;
}

message Metrics { repeated ResourceMetrics resource_metrics = 1; }
message ResourceMetrics { Resource resource = 1; repeated ScopeMetrics scope_metrics = 2; string schema_url = 3; }
message ScopeMetrics { Scope scope = 1; repeated Metric metrics = 2; string schema_url = 3; }
message Metric {
  string name = 1; string description = 2; string unit = 3;
  oneof data { Numbers gauge = 5; Numbers sum = 7; Histogram histogram = 9; Histogram exponential_histogram = 10; Histogram summary = 11; }
}
message Numbers { repeated NumberPoint data_points = 1; int32 aggregation_temporality = 2; bool is_monotonic = 3; }
message NumberPoint {
  repeated KeyValue attributes = 7; fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3;
  oneof value { double as_double = 4; sfixed64 as_int = 6; }
}
message Histogram { repeated HistogramPoint data_points = 1; int32 aggregation_temporality = 2; }
message HistogramPoint { fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3; fixed64 count = 4; double sum = 5; }
`
const root = protobuf.parse(PROTO).root
const TRACES = root.lookupType('Traces')
const LOGS = root.lookupType('Logs')
const METRICS = root.lookupType('Metrics')

/** An OTLP/JSON message. */
export type Otlp = Readonly<Record<string, unknown>>
export type Signal = 'traces' | 'logs' | 'metrics'
const TYPE = { traces: TRACES, logs: LOGS, metrics: METRICS } as const

export const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'

export interface SpanSketch {
  readonly traceId?: string
  readonly spanId?: string
  readonly parentSpanId?: string
  readonly name?: string
  readonly kind?: number
  readonly startMs?: number
  readonly durationMs?: number
  readonly status?: 'ok' | 'error'
  readonly statusMessage?: string
  readonly traceState?: string
  readonly flags?: number
  readonly attributes?: Readonly<Record<string, unknown>>
  readonly events?: readonly { readonly name: string; readonly timeMs?: number; readonly attributes?: Readonly<Record<string, unknown>> }[]
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[]
}

export interface LogSketch {
  readonly traceId?: string
  readonly spanId?: string
  readonly timeMs?: number
  readonly eventName?: string
  readonly severity?: number
  readonly attributes?: Readonly<Record<string, unknown>>
  readonly body?: unknown
}

/** Whose spans or records they are. */
export interface Origin {
  readonly resource?: Readonly<Record<string, unknown>>
  readonly scope?: string | { readonly name: string; readonly version?: string }
}

/** A plain value as an OTLP/JSON AnyValue: whole numbers are ints, others doubles, bytes base64, null an empty value. */
export function anyValue(v: unknown): Otlp {
  if (typeof v === 'string') return { stringValue: v }
  if (typeof v === 'boolean') return { boolValue: v }
  if (typeof v === 'number') {
    if (Number.isSafeInteger(v) && !Object.is(v, -0)) return { intValue: String(v) }
    return { doubleValue: Number.isFinite(v) ? v : String(v) }
  }
  if (v instanceof Uint8Array) return { bytesValue: Buffer.from(v).toString('base64') }
  if (Array.isArray(v)) return { arrayValue: { values: v.map(anyValue) } }
  if (typeof v === 'object' && v !== null) return { kvlistValue: { values: keyValues(v as Record<string, unknown>) } }
  return {}
}

/** A plain object as a list of OTLP/JSON KeyValues. */
export function keyValues(values: Readonly<Record<string, unknown>> = {}): readonly Otlp[] {
  return Object.entries(values).map(([key, v]) => ({ key, value: anyValue(v) }))
}

/** Milliseconds with up to six decimals as decimal nanoseconds. */
export const nanos = (ms: number): string => String(BigInt(Math.floor(ms)) * 1_000_000n + BigInt(Math.round((ms - Math.floor(ms)) * 1e6)))

const scopeOf = (s: Origin['scope']): Otlp => (typeof s === 'object' ? s : { name: s ?? '' })

function spanOf(s: SpanSketch, index: number): Otlp {
  const startMs = s.startMs ?? 1_790_000_000_000
  return {
    traceId: s.traceId ?? TRACE_ID,
    spanId: s.spanId ?? (index + 1).toString(16).padStart(16, '0'),
    ...(s.parentSpanId === undefined ? {} : { parentSpanId: s.parentSpanId }),
    name: s.name ?? 'span',
    kind: s.kind ?? 1,
    startTimeUnixNano: nanos(startMs),
    endTimeUnixNano: nanos(startMs + (s.durationMs ?? 100)),
    attributes: keyValues(s.attributes),
    ...(s.traceState === undefined ? {} : { traceState: s.traceState }),
    ...(s.flags === undefined ? {} : { flags: s.flags }),
    ...(s.status === undefined
      ? {}
      : { status: { code: s.status === 'ok' ? 1 : 2, ...(s.statusMessage === undefined ? {} : { message: s.statusMessage }) } }),
    ...(s.events === undefined
      ? {}
      : { events: s.events.map((e) => ({ name: e.name, timeUnixNano: nanos(e.timeMs ?? startMs), attributes: keyValues(e.attributes) })) }),
    ...(s.links === undefined ? {} : { links: s.links }),
  }
}

/** A traces request of one resource and one scope. Ids, times and names that are left out are filled in. */
export function otlp(request: Origin & { readonly spans: readonly SpanSketch[] }): Otlp {
  const scopeSpans = [{ scope: scopeOf(request.scope), spans: request.spans.map(spanOf) }]
  return { resourceSpans: [{ resource: { attributes: keyValues(request.resource) }, scopeSpans }] }
}

/** A logs request of one resource and one scope. */
export function otlpLogs(request: Origin & { readonly records: readonly LogSketch[] }): Otlp {
  const logRecords = request.records.map((r) => ({
    timeUnixNano: nanos(r.timeMs ?? 1_790_000_000_000),
    severityNumber: r.severity ?? 9,
    attributes: keyValues(r.attributes),
    ...(r.traceId === undefined ? {} : { traceId: r.traceId }),
    ...(r.spanId === undefined ? {} : { spanId: r.spanId }),
    ...(r.eventName === undefined ? {} : { eventName: r.eventName }),
    ...(r.body === undefined ? {} : { body: anyValue(r.body) }),
  }))
  return {
    resourceLogs: [{ resource: { attributes: keyValues(request.resource) }, scopeLogs: [{ scope: scopeOf(request.scope), logRecords }] }],
  }
}

/** An OTLP/JSON request as its JSON bytes. */
export function toJson(request: Otlp): Uint8Array {
  return Buffer.from(JSON.stringify(request))
}

/** An OTLP/JSON traces request as protobuf bytes. */
export function toProtobuf(request: Otlp): Uint8Array {
  return encode('traces', request)
}

/** An OTLP/JSON logs request as protobuf bytes. */
export function logsToProtobuf(request: Otlp): Uint8Array {
  return encode('logs', request)
}

/** An OTLP/JSON metrics request as protobuf bytes. */
export function metricsToProtobuf(request: Otlp): Uint8Array {
  return encode('metrics', request)
}

function encode(signal: Signal, request: Otlp): Uint8Array {
  const type = TYPE[signal]
  return type.encode(type.fromObject(idsToBytes(request) as Record<string, unknown>)).finish()
}

/** Protobuf bytes as an OTLP/JSON request. @throws whatever protobufjs throws. */
export function fromProtobuf(bytes: Uint8Array, signal: Signal = 'traces'): Otlp {
  const type = TYPE[signal]
  return toOtlpJson(type.toObject(type.decode(bytes), { longs: String, enums: Number, arrays: false })) as Otlp
}

const IDS: ReadonlySet<string> = new Set(['traceId', 'spanId', 'parentSpanId'])

function idsToBytes(v: unknown): unknown {
  if (Array.isArray(v)) return v.map(idsToBytes)
  if (typeof v !== 'object' || v === null) return v
  return Object.fromEntries(
    Object.entries(v).map(([key, x]: [string, unknown]) => [
      key,
      IDS.has(key) && typeof x === 'string' ? Buffer.from(x, 'hex') : idsToBytes(x),
    ]),
  )
}

function toOtlpJson(v: unknown, key = ''): unknown {
  if (Array.isArray(v)) return v.map((x) => toOtlpJson(x))
  if (v instanceof Uint8Array) return Buffer.from(v).toString(IDS.has(key) ? 'hex' : 'base64')
  if (typeof v === 'number' && !Number.isFinite(v)) return String(v)
  if (typeof v !== 'object' || v === null) return v
  return Object.fromEntries(Object.entries(v).map(([k, x]: [string, unknown]) => [k, toOtlpJson(x, k)]))
}
