/**
 * The OTLP messages as far as they are read or checked. Fields that are not listed are skipped by their wire type.
 * Source: opentelemetry-proto v1.9, trace.proto, logs.proto, metrics.proto, common.proto, resource.proto.
 */
import type { Field, FieldType, Schema } from './wire.ts'

type Sketch = Readonly<Record<number, readonly [name: string, type: FieldType, of?: () => Schema]>>

function schema(name: string, sketch: Sketch, nests = false): Schema {
  const fields: (Field | undefined)[] = []
  for (const [number, [field, type, of]] of Object.entries(sketch)) fields[Number(number)] = { name: field, type, ...(of === undefined ? {} : { of }) }
  return { name, fields, nests }
}

const ANY_VALUE: Schema = schema('AnyValue', {
  1: ['string_value', 'string'], 2: ['bool_value', 'varint'], 3: ['int_value', 'varint'], 4: ['double_value', 'fixed64'],
  5: ['array_value', 'message', () => ARRAY], 6: ['kvlist_value', 'message', () => KV_LIST], 7: ['bytes_value', 'bytes'],
}, true)
const KEY_VALUE: Schema = schema('KeyValue', { 1: ['key', 'string'], 2: ['value', 'message', () => ANY_VALUE] }, true)
const ARRAY: Schema = schema('ArrayValue', { 1: ['values', 'message', () => ANY_VALUE] }, true)
const KV_LIST: Schema = schema('KeyValueList', { 1: ['values', 'message', () => KEY_VALUE] }, true)
const ATTRIBUTES = ['attributes', 'message', () => KEY_VALUE] as const

const RESOURCE = schema('Resource', { 1: ATTRIBUTES, 2: ['dropped_attributes_count', 'varint'] })
const SCOPE = schema('InstrumentationScope', { 1: ['name', 'string'], 2: ['version', 'string'], 3: ATTRIBUTES, 4: ['dropped_attributes_count', 'varint'] })
const EVENT = schema('Span.Event', { 1: ['time_unix_nano', 'fixed64'], 2: ['name', 'string'], 3: ATTRIBUTES, 4: ['dropped_attributes_count', 'varint'] })
const LINK = schema('Span.Link', { 1: ['trace_id', 'bytes'], 2: ['span_id', 'bytes'], 3: ['trace_state', 'string'], 4: ATTRIBUTES, 5: ['dropped_attributes_count', 'varint'], 6: ['flags', 'fixed32'] })
const STATUS = schema('Status', { 2: ['message', 'string'], 3: ['code', 'varint'] })
const SPAN = schema('Span', {
  1: ['trace_id', 'bytes'], 2: ['span_id', 'bytes'], 3: ['trace_state', 'string'], 4: ['parent_span_id', 'bytes'], 5: ['name', 'string'], 6: ['kind', 'varint'],
  7: ['start_time_unix_nano', 'fixed64'], 8: ['end_time_unix_nano', 'fixed64'], 9: ATTRIBUTES, 10: ['dropped_attributes_count', 'varint'],
  11: ['events', 'message', () => EVENT], 12: ['dropped_events_count', 'varint'], 13: ['links', 'message', () => LINK], 14: ['dropped_links_count', 'varint'],
  15: ['status', 'message', () => STATUS], 16: ['flags', 'fixed32'],
})
const LOG_RECORD = schema('LogRecord', {
  1: ['time_unix_nano', 'fixed64'], 2: ['severity_number', 'varint'], 3: ['severity_text', 'string'], 5: ['body', 'message', () => ANY_VALUE], 6: ATTRIBUTES,
  7: ['dropped_attributes_count', 'varint'], 8: ['flags', 'fixed32'], 9: ['trace_id', 'bytes'], 10: ['span_id', 'bytes'], 11: ['observed_time_unix_nano', 'fixed64'], 12: ['event_name', 'string'],
})
const POINTS = schema('data', { 1: ['data_points', 'bytes'] })
const METRIC = schema('Metric', {
  1: ['name', 'string'], 2: ['description', 'string'], 3: ['unit', 'string'], 5: ['gauge', 'message', () => POINTS], 7: ['sum', 'message', () => POINTS],
  9: ['histogram', 'message', () => POINTS], 10: ['exponential_histogram', 'message', () => POINTS], 11: ['summary', 'message', () => POINTS],
})

/** Request → per resource → per scope → items: the three signals share their outer shape. */
function request(name: string, item: Schema): Schema {
  const perScope = schema(`Scope${name}`, { 1: ['scope', 'message', () => SCOPE], 2: [name.toLowerCase(), 'message', () => item], 3: ['schema_url', 'string'] })
  const perResource = schema(`Resource${name}`, { 1: ['resource', 'message', () => RESOURCE], 2: [`scope_${name.toLowerCase()}`, 'message', () => perScope], 3: ['schema_url', 'string'] })
  return schema(`Export${name}Request`, { 1: [`resource_${name.toLowerCase()}`, 'message', () => perResource] })
}

export const TRACES_REQUEST = request('Spans', SPAN)
export const LOGS_REQUEST = request('Logs', LOG_RECORD)
export const METRICS_REQUEST = request('Metrics', METRIC)
