/**
 * The decoders we are measured against. protobufjs 7 as the static code that OpenTelemetry for JavaScript shipped until 0.57 (later releases
 * cannot decode requests), pbf compiled from the schema. Both are given the whole message and keep nothing.
 */
import { createRequire } from 'node:module'
import { PbfReader } from 'pbf'
import root from 'otlp-transformer-0.57/build/src/generated/root.js'

/** What protobufjs makes of a traces request: absent fields read as null from the prototype. */
export interface PbTraces {
  readonly resourceSpans: readonly {
    readonly resource?: { readonly attributes: readonly PbKeyValue[] } | null
    readonly scopeSpans: readonly {
      readonly scope?: { readonly name: string; readonly version: string } | null
      readonly spans: readonly PbSpan[]
    }[]
  }[]
}

export interface PbKeyValue {
  readonly key: string
  readonly value?: PbValue | null
}

/** A 64-bit integer in two halves. */
export interface PbLong {
  readonly low: number
  readonly high: number
  toNumber(): number
}

export interface PbValue {
  readonly stringValue?: string | null
  readonly boolValue?: boolean | null
  readonly intValue?: number | PbLong | null
  readonly doubleValue?: number | null
  readonly arrayValue?: { readonly values: readonly PbValue[] } | null
  readonly kvlistValue?: { readonly values: readonly PbKeyValue[] } | null
}

export interface PbSpan {
  readonly traceId: Uint8Array
  readonly spanId: Uint8Array
  readonly parentSpanId: Uint8Array | null
  readonly traceState: string | null
  readonly flags: number | null
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: number | PbLong
  readonly endTimeUnixNano: number | PbLong
  readonly attributes: readonly PbKeyValue[]
  readonly events: readonly {
    readonly timeUnixNano: number | PbLong
    readonly name: string
    readonly attributes: readonly PbKeyValue[]
  }[]
  readonly links: readonly { readonly traceId: Uint8Array; readonly spanId: Uint8Array }[]
  readonly status?: { readonly code: number; readonly message: string } | null
}

interface StaticType {
  encode(message: object): { finish(): Uint8Array }
  decode(bytes: Uint8Array): PbTraces
}

/** protobufjs 7, static code. */
export const TracesRequest: StaticType = (
  root as unknown as {
    readonly opentelemetry: { readonly proto: { readonly collector: { readonly trace: { readonly v1: Record<string, StaticType> } } } }
  }
).opentelemetry.proto.collector.trace.v1['ExportTraceServiceRequest'] as StaticType

const SCHEMA = `syntax = "proto3";
message AnyValue { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; ArrayValue array_value = 5; KeyValueList kvlist_value = 6; bytes bytes_value = 7; } }
message ArrayValue { repeated AnyValue values = 1; }
message KeyValueList { repeated KeyValue values = 1; }
message KeyValue { string key = 1; AnyValue value = 2; }
message Scope { string name = 1; string version = 2; repeated KeyValue attributes = 3; uint32 dropped_attributes_count = 4; }
message Resource { repeated KeyValue attributes = 1; uint32 dropped_attributes_count = 2; }
message Event { fixed64 time_unix_nano = 1; string name = 2; repeated KeyValue attributes = 3; uint32 dropped_attributes_count = 4; }
message Link { bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; repeated KeyValue attributes = 4; uint32 dropped_attributes_count = 5; fixed32 flags = 6; }
message Status { string message = 2; int32 code = 3; }
message Span { bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4; string name = 5; int32 kind = 6; fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9; uint32 dropped_attributes_count = 10; repeated Event events = 11; uint32 dropped_events_count = 12; repeated Link links = 13; uint32 dropped_links_count = 14; Status status = 15; fixed32 flags = 16; }
message ScopeSpans { Scope scope = 1; repeated Span spans = 2; string schema_url = 3; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; string schema_url = 3; }
message Traces { repeated ResourceSpans resource_spans = 1; }`

// Both come without types.
const load = createRequire(import.meta.url)
const schemas = load('protocol-buffers-schema') as { readonly parse: (text: string) => unknown }
const { compile } = load('pbf/compile') as { readonly compile: (schema: unknown) => unknown }
const compiled = compile(schemas.parse(SCHEMA)) as { readonly readTraces: (pbf: PbfReader) => PbfTraces }

export interface PbfTraces {
  readonly resource_spans: readonly unknown[]
}

/** pbf: every field read into plain objects. */
export function readByPbf(bytes: Uint8Array): PbfTraces {
  return compiled.readTraces(new PbfReader(bytes))
}
