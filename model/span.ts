/**
 * What a span or log record looks like to the dialects, whatever it was decoded from.
 * Views are read-only and valid only while the callback that received them runs: a decoder may reuse them.
 * Three backings implement `Attributes`: offsets into OTLP/protobuf bytes, an OTLP/JSON object, an in-process SDK span.
 */
import type { AttributeKey } from './attribute-key.ts'

/** Typed, forgiving access to attribute values. Every accessor returns `undefined` for a missing or unusable value. */
export interface Attributes {
  /** Marks of all keys that are here, where a decoder gathered them (`Interest.marks`, processor/decode/decode.ts). */
  readonly marks?: number
  has(key: AttributeKey): boolean
  /** String value; numbers and booleans are written out. Arrays and maps give `undefined`. */
  text(key: AttributeKey): string | undefined
  /** Finite number from an int, a double or a numeric string. */
  number(key: AttributeKey): number | undefined
  /** Whole number ≥ 0 from an int, a double or a numeric string; negative (Semantic Kernel's -1), NaN and fractions are unknown. */
  count(key: AttributeKey): number | undefined
  /** Boolean, or the strings "true" and "false" in any case. */
  flag(key: AttributeKey): boolean | undefined
  /** Strings from a real array, a JSON string, a comma-joined string or `[Stop]`; a plain string is a list of one. */
  list(key: AttributeKey): readonly string[] | undefined
  /** The value as plain data: an OTLP map or array is converted, a string is parsed as JSON. Unparsable is `undefined`. */
  json(key: AttributeKey): unknown
  /** The long list that `json` would give, where a backing need not parse all of it; undefined: ask `json`. */
  items?(key: AttributeKey): Items | undefined
  /** `shortHash` of a filled string, where a backing need not read all of it; undefined: ask `text`. */
  hash?(key: AttributeKey): string | undefined
  /** Up to `limit` keys that start with `prefix`, in wire order: for indexed keys (`llm.output_messages.0.…`). Slow; use it behind `has`. */
  keys(prefix: string, limit: number): readonly string[]
}

/** A list as far as a reader needs it; every array is one. What is read of one that came with a span is read before the next span comes. */
export interface Items {
  readonly length: number
  /** From 0 on. */
  at(index: number): unknown
}

export interface Scope {
  readonly name: string
  readonly version: string
}

export interface SpanEvent {
  readonly name: string
  readonly timeMs: number
  readonly attributes: Attributes
}

/** OTLP `Span.SpanKind` numbers. */
export const SPAN_KIND = { unspecified: 0, internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const

export type StatusCode = 'unset' | 'ok' | 'error'

/** Whether the parent lives in another process, from OTLP span flags bits 8 and 9; `unknown` for SDKs that do not set them. */
export type ParentLocation = 'local' | 'remote' | 'unknown'

export interface Span {
  /** 32 lower-case hex digits, never all zero. */
  readonly traceId: string
  /** 16 lower-case hex digits, never all zero. */
  readonly spanId: string
  /** 16 lower-case hex digits, or empty for a root. */
  readonly parentSpanId: string
  readonly parentLocation: ParentLocation
  readonly traceState: string
  readonly name: string
  /** OTLP `Span.SpanKind` number, see `SPAN_KIND`. */
  readonly kind: number
  /** Unix milliseconds, fractional. Its end where the start is unknown, 0 where both are. */
  readonly startMs: number
  /** End − start, computed exactly and clamped at 0. NaN where either is unknown: no histogram takes that. */
  readonly durationMs: number
  readonly status: StatusCode
  readonly statusMessage: string
  readonly scope: Scope
  readonly resource: Attributes
  readonly attributes: Attributes
  /** Span links' (traceId, spanId) pairs, decoded on demand. */
  links(): readonly { readonly traceId: string; readonly spanId: string }[]
  /** Span events, decoded on demand. */
  events(): readonly SpanEvent[]
}

export interface LogRecord {
  /** Hex ids, empty when the record is not tied to a span. */
  readonly traceId: string
  readonly spanId: string
  readonly timeMs: number
  /** OTLP `event_name`, else attribute `event.name`, else empty. */
  readonly eventName: string
  readonly severity: number
  readonly scope: Scope
  readonly resource: Attributes
  readonly attributes: Attributes
  /** The body as `Attributes` when it is a map (key `""` holds a plain string body). */
  readonly body: Attributes
}
