/**
 * The OTLP messages as far as they are read or checked. Fields that are not listed are skipped by their wire type.
 * Every listed field number is below 32, so a schema is a few short arrays that the checker indexes.
 * Source: opentelemetry-proto v1.9, trace.proto, logs.proto, metrics.proto, common.proto, resource.proto.
 */

/** Field types; 0 is a field that is not listed. */
export const FIELD = { varint: 1, fixed64: 2, fixed32: 3, string: 4, bytes: 5, message: 6 } as const
/** Wire type by field type. */
export const WIRE_TYPE: readonly number[] = [-1, 0, 1, 5, 2, 2, 2]
export const MAX_FIELDS = 32

export interface Schema {
  readonly name: string
  /** By field number. */
  readonly types: Uint8Array
  readonly names: string[]
  readonly of: (Schema | undefined)[]
  /** An AnyValue: counts against the nesting limit. */
  readonly isValue: boolean
  /** A span, record or data point: counts against the limit of items. */
  readonly isItem: boolean
}

type Scalar = 'varint' | 'fixed64' | 'fixed32' | 'string' | 'bytes'
type Sketch = Readonly<Record<number, readonly [name: string, type: Scalar | Schema]>>

function declare(name: string, mark?: 'value' | 'item'): Schema {
  return { name, types: new Uint8Array(MAX_FIELDS), names: [], of: [], isValue: mark === 'value', isItem: mark === 'item' }
}

function fill(schema: Schema, sketch: Sketch): Schema {
  for (const [number, [name, type]] of Object.entries(sketch)) {
    schema.types[Number(number)] = typeof type === 'string' ? FIELD[type] : FIELD.message
    schema.names[Number(number)] = name
    schema.of[Number(number)] = typeof type === 'string' ? undefined : type
  }
  return schema
}

function message(name: string, sketch: Sketch, mark?: 'value' | 'item'): Schema {
  return fill(declare(name, mark), sketch)
}

// AnyValue holds itself: declared first, filled after its parts.
const ANY_VALUE: Schema = declare('AnyValue', 'value')
const KEY_VALUE = message('KeyValue', { 1: ['key', 'string'], 2: ['value', ANY_VALUE] })
fill(ANY_VALUE, {
  1: ['string_value', 'string'],
  2: ['bool_value', 'varint'],
  3: ['int_value', 'varint'],
  4: ['double_value', 'fixed64'],
  5: ['array_value', message('ArrayValue', { 1: ['values', ANY_VALUE] })],
  6: ['kvlist_value', message('KeyValueList', { 1: ['values', KEY_VALUE] })],
  7: ['bytes_value', 'bytes'],
})

const RESOURCE = message('Resource', { 1: ['attributes', KEY_VALUE], 2: ['dropped_attributes_count', 'varint'] })
const SCOPE = message('InstrumentationScope', {
  1: ['name', 'string'],
  2: ['version', 'string'],
  3: ['attributes', KEY_VALUE],
  4: ['dropped_attributes_count', 'varint'],
})

const EVENT: Schema = message('Span.Event', {
  1: ['time_unix_nano', 'fixed64'],
  2: ['name', 'string'],
  3: ['attributes', KEY_VALUE],
  4: ['dropped_attributes_count', 'varint'],
})
const LINK: Schema = message('Span.Link', {
  1: ['trace_id', 'bytes'],
  2: ['span_id', 'bytes'],
  3: ['trace_state', 'string'],
  4: ['attributes', KEY_VALUE],
  5: ['dropped_attributes_count', 'varint'],
  6: ['flags', 'fixed32'],
})
const STATUS: Schema = message('Status', { 2: ['message', 'string'], 3: ['code', 'varint'] })
export const SPAN: Schema = message(
  'Span',
  {
    1: ['trace_id', 'bytes'],
    2: ['span_id', 'bytes'],
    3: ['trace_state', 'string'],
    4: ['parent_span_id', 'bytes'],
    5: ['name', 'string'],
    6: ['kind', 'varint'],
    7: ['start_time_unix_nano', 'fixed64'],
    8: ['end_time_unix_nano', 'fixed64'],
    9: ['attributes', KEY_VALUE],
    10: ['dropped_attributes_count', 'varint'],
    11: ['events', EVENT],
    12: ['dropped_events_count', 'varint'],
    13: ['links', LINK],
    14: ['dropped_links_count', 'varint'],
    15: ['status', STATUS],
    16: ['flags', 'fixed32'],
  },
  'item',
)

const LOG_RECORD = message(
  'LogRecord',
  {
    1: ['time_unix_nano', 'fixed64'],
    2: ['severity_number', 'varint'],
    3: ['severity_text', 'string'],
    5: ['body', ANY_VALUE],
    6: ['attributes', KEY_VALUE],
    7: ['dropped_attributes_count', 'varint'],
    8: ['flags', 'fixed32'],
    9: ['trace_id', 'bytes'],
    10: ['span_id', 'bytes'],
    11: ['observed_time_unix_nano', 'fixed64'],
    12: ['event_name', 'string'],
  },
  'item',
)

/** Points are counted, not read; of their fields the attributes, which differ in number by kind, are checked. */
const points = (attributes: number): Schema =>
  message('data', { 1: ['data_points', message('DataPoint', { [attributes]: ['attributes', KEY_VALUE] }, 'item')] })
const METRIC = message('Metric', {
  1: ['name', 'string'],
  2: ['description', 'string'],
  3: ['unit', 'string'],
  5: ['gauge', points(7)],
  7: ['sum', points(7)],
  9: ['histogram', points(9)],
  10: ['exponential_histogram', points(1)],
  11: ['summary', points(7)],
})

/** Request → per resource → per scope → items: the three signals share their outer shape. */
function request(signal: string, items: readonly [name: string, item: Schema]): Schema {
  const perScope = message(`Scope${signal}`, { 1: ['scope', SCOPE], 2: items, 3: ['schema_url', 'string'] })
  const perResource = message(`Resource${signal}`, {
    1: ['resource', RESOURCE],
    2: [`scope_${signal.toLowerCase()}`, perScope],
    3: ['schema_url', 'string'],
  })
  return message(`Export${signal}Request`, { 1: [`resource_${signal.toLowerCase()}`, perResource] })
}

export const TRACES_REQUEST: Schema = request('Spans', ['spans', SPAN])
export const LOGS_REQUEST: Schema = request('Logs', ['log_records', LOG_RECORD])
export const METRICS_REQUEST: Schema = request('Metrics', ['metrics', METRIC])
