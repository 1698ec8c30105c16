/**
 * The messages of an OTLP/JSON request as far as they are read or checked: what json-shape.ts says of them, as tables for the walk.
 * Fields that are not listed hold any value. Log records are checked and not noted. Source: OTLP 1.9, "JSON Protobuf Encoding".
 */
import { AT } from './json-places.ts'

/** What a field holds. Where `at` is −1 it is checked and not noted. */
export const HOLDS = { text: 0, id: 1, time: 2, enum: 3, message: 4, list: 5, attributes: 6, eventName: 7, value: 8 } as const

export interface Field {
  readonly holds: number
  readonly at: number
  /** Of an id: how many hex digits. */
  readonly digits: number
  /** Of a message or of the items of a list. */
  readonly form: Form | undefined
  /** Tells the fields of a message apart: one that comes twice is for the exact way. */
  readonly bit: number
}

export interface Form {
  /** By slot of its name. */
  readonly fields: readonly (Field | undefined)[]
  readonly kind: 'span' | 'resource' | 'scope' | 'resourceSpans' | 'scopeSpans' | 'plain'
}

const WORDS =
  'resourceSpans resource scopeSpans scope spans attributes name version traceId spanId parentSpanId traceState kind flags ' +
  'startTimeUnixNano endTimeUnixNano timeUnixNano status code message events links key value values ' +
  'stringValue intValue doubleValue boolValue bytesValue arrayValue kvlistValue ' +
  'observedTimeUnixNano severityNumber eventName body'
const NAMES: readonly string[] = WORDS.split(' ')
const NAME_BYTES: readonly Buffer[] = NAMES.map((name) => Buffer.from(name))
/** A factor under which no two names have the same hash, and the slot by hash, −1 for none. */
const [FACTOR, SLOTS] = ((): readonly [number, Int8Array] => {
  for (let factor = 1; ; factor += 2) {
    const slots = new Int8Array(256).fill(-1)
    for (const [slot, name] of NAME_BYTES.entries()) slots[hash(name, 0, name.length, factor)] = slot
    if (slots.filter((slot) => slot >= 0).length === NAMES.length) return [factor, slots]
  }
})()

function hash(bytes: Uint8Array, start: number, length: number, factor: number): number {
  const middle = bytes[start + (length >> 1)] as number
  return (Math.imul(length ^ (middle << 5) ^ ((bytes[start] as number) << 12), factor) >>> 7) & 255
}

/** Slot of the field name in [start, end), or −1. */
export function fieldSlot(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start
  if (length === 0) return -1
  const slot = SLOTS[hash(bytes, start, length, FACTOR)] as number
  if (slot < 0) return -1
  const name = NAME_BYTES[slot] as Buffer
  if (name.length !== length) return -1
  for (let i = 0; i < length; i++) if (name[i] !== bytes[start + i]) return -1
  return slot
}

export const SLOT = {
  key: NAMES.indexOf('key'),
  value: NAMES.indexOf('value'),
  string: NAMES.indexOf('stringValue'),
  int: NAMES.indexOf('intValue'),
  double: NAMES.indexOf('doubleValue'),
  bool: NAMES.indexOf('boolValue'),
  bytes: NAMES.indexOf('bytesValue'),
  array: NAMES.indexOf('arrayValue'),
  map: NAMES.indexOf('kvlistValue'),
  values: NAMES.indexOf('values'),
} as const

type Sketch = Readonly<Record<string, Partial<Omit<Field, 'bit'>>>>

function form(kind: Form['kind'], sketch: Sketch): Form {
  const fields = Array.from({ length: NAMES.length }, (): Field | undefined => undefined)
  for (const [i, [name, { holds = HOLDS.text, at = -1, digits = 0, form: of }]] of Object.entries(sketch).entries()) {
    fields[NAMES.indexOf(name)] = { holds, at, digits, form: of, bit: 1 << i }
  }
  return { fields, kind }
}

const text = (at = -1): Partial<Field> => ({ holds: HOLDS.text, at })
const time = (at = -1): Partial<Field> => ({ holds: HOLDS.time, at })
const enumAt = (at: number): Partial<Field> => ({ holds: HOLDS.enum, at })
const id = (digits: number, at = -1): Partial<Field> => ({ holds: HOLDS.id, digits, at })
const message = (of: Form): Partial<Field> => ({ holds: HOLDS.message, form: of })
const list = (of: Form, at = -1): Partial<Field> => ({ holds: HOLDS.list, form: of, at })
const attributes = (at = -1): Partial<Field> => ({ holds: HOLDS.attributes, at })

const EVENT = form('plain', { timeUnixNano: time(), name: { holds: HOLDS.eventName }, attributes: attributes() })
const LINK = form('plain', { traceId: id(32), spanId: id(16) })
const STATUS = form('plain', { code: enumAt(AT.code), message: text(AT.message) })
const SPAN = form('span', {
  traceId: id(32, AT.traceId),
  spanId: id(16, AT.spanId),
  parentSpanId: id(16, AT.parentId),
  traceState: text(AT.state),
  name: text(AT.name),
  kind: enumAt(AT.kind),
  flags: enumAt(AT.flags),
  startTimeUnixNano: time(AT.startTime),
  endTimeUnixNano: time(AT.endTime),
  attributes: attributes(AT.attributes),
  events: list(EVENT, AT.events),
  links: list(LINK, AT.links),
  status: message(STATUS),
})
const LOG = form('plain', {
  traceId: id(32),
  spanId: id(16),
  timeUnixNano: time(),
  observedTimeUnixNano: time(),
  severityNumber: enumAt(-1),
  eventName: text(),
  body: { holds: HOLDS.value },
  attributes: attributes(),
})
const RESOURCE = form('resource', { attributes: attributes() })
const SCOPE = form('scope', { name: text(), version: text(), attributes: attributes() })
const SCOPE_SPANS = form('scopeSpans', { scope: message(SCOPE), spans: list(SPAN) })
const RESOURCE_SPANS = form('resourceSpans', { resource: message(RESOURCE), scopeSpans: list(SCOPE_SPANS) })
export const TRACES: Form = form('plain', { resourceSpans: list(RESOURCE_SPANS) })
/** What a request is made of besides its lists, for who goes through those by himself. */
export const FORMS = {
  traces: { item: SPAN, resource: RESOURCE, scope: SCOPE },
  logs: { item: LOG, resource: RESOURCE, scope: SCOPE },
} as const
