/** Decoders for both encodings behind one word; the key table is built once from what the dialects declare. */
import type { Decoder, DecodeLimits, Interest } from './decode.ts'
import { InterestTest } from './interest.ts'
import { countJsonMetrics, decodeJsonLogs, decodeJsonTraces } from './json.ts'
import { KeyTable } from './key-table.ts'
import { countProtobufMetrics, decodeProtobufLogs, decodeProtobufTraces } from './protobuf.ts'

export const DEFAULT_DECODE_LIMITS: DecodeLimits = { maxNesting: 64, maxItems: 200_000 }

/** Builds a decoder. @throws DecodeError from its methods, before anything reached the sink. */
export function createDecoder(interest: Interest, limits: Partial<DecodeLimits> = {}): Decoder {
  const bounds = { ...DEFAULT_DECODE_LIMITS, ...limits }
  const test = new InterestTest(interest)
  const table = new KeyTable(interest.keys, (key) => test.key(key))
  return {
    traces: (body, encoding, sink) => (encoding === 'json' ? decodeJsonTraces(body, test, bounds, sink) : decodeProtobufTraces(body, table, test, bounds, sink)),
    logs: (body, encoding, sink) => (encoding === 'json' ? decodeJsonLogs(body, bounds, sink) : decodeProtobufLogs(body, bounds, sink)),
    metrics: (body, encoding) => (encoding === 'json' ? countJsonMetrics(body, bounds) : countProtobufMetrics(body, bounds)),
  }
}
