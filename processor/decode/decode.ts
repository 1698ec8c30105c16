/**
 * The words between receivers, decoders and the pipeline: what a decoder is given and what it hands on.
 * A decoder checks the whole body before it hands on the first span, so a refused body changes nothing and may be sent again.
 */
import type { LogRecord, Span } from '../../model/span.ts'
import type { SpanIds } from './span-ids.ts'

export type Encoding = 'protobuf' | 'json'

/** A body that cannot be decoded: the sender's mistake. `offset` is the byte in the uncompressed body. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError'
  readonly offset: number
  constructor(encoding: Encoding, offset: number, what: string) {
    super(`OTLP ${encoding}, byte ${offset}: ${what}`)
    this.offset = offset
  }
}

/** Which spans are worth a view; everything else only shapes the tree. Built once from the dialects. */
export interface Interest {
  readonly keys: readonly string[]
  readonly prefixes: readonly string[]
  readonly scopes: readonly string[]
  /** Values of `service.name` whose every span is of interest, a trailing `*` matches a prefix; default: Claude Code and Codex. */
  readonly services?: readonly string[]
  /** Bits that are gathered from the keys of a span and handed on as `Attributes.marks`; at most 28. */
  readonly marks?: ReadonlyMap<string, number>
}

export interface SpanSink {
  /** A span with an attribute or scope of interest. The view is valid only during the call. */
  span(span: Span): void
  /** Any other span: its place in the tree, valid only during the call. A sink that needs no tree leaves this out. */
  link?(place: SpanIds): void
}

export interface LogSink {
  log(record: LogRecord): void
}

/** Why single spans or records of a decodable body are refused. */
export type RejectReason = 'trace_id' | 'span_id' | 'time'

export interface Decoded {
  /** Spans or records in the body, refused ones included. */
  readonly total: number
  readonly rejected: Readonly<Partial<Record<RejectReason, number>>>
}

export interface DecodeLimits {
  /** Deepest nesting of AnyValue (protobuf) or of JSON. */
  readonly maxNesting: number
  /** Spans or records in one request. */
  readonly maxItems: number
}

export interface Decoder {
  /** @throws DecodeError before anything reached the sink. */
  traces(body: Uint8Array, encoding: Encoding, sink: SpanSink): Decoded
  /** @throws DecodeError before anything reached the sink. */
  logs(body: Uint8Array, encoding: Encoding, sink: LogSink): Decoded
  /** Checks a metrics body and counts its data points; nothing is read. @throws DecodeError */
  metrics(body: Uint8Array, encoding: Encoding): Decoded
}
