/**
 * Decoders for both encodings behind one word. The key table is built once from what the dialects declare, so a new dialect costs no
 * change here. Decoders keep no view between requests, only room
 * and short texts that come again.
 */
import { GEN_AI_PREFIXES } from '../../model/semconv.ts'
import type { Decoder, DecodeLimits, Interest } from './decode.ts'
import { createInterestTest } from './interest.ts'
import { countJsonMetrics, createJsonSetup, decodeJsonLogs, decodeJsonTraces } from './json.ts'
import { KeyTable } from './key-table.ts'
import { countProtobufMetrics, createWireSetup, decodeProtobufLogs, decodeProtobufTraces } from './protobuf.ts'

/** Nesting is counted per encoding: one AnyValue in another is one level of protobuf and two or three of JSON. */
export const DEFAULT_DECODE_LIMITS = { maxNesting: { protobuf: 32, json: 100 }, maxItems: 200_000 } as const

/** Builds a decoder. A `maxNesting` given here holds for both encodings; protobuf takes no more than 500, JSON no more than 1500. */
export function createDecoder(interest: Interest, limits: Partial<DecodeLimits> = {}): Decoder {
  const boundsOf = (encoding: 'protobuf' | 'json'): DecodeLimits => ({
    maxNesting: limits.maxNesting ?? DEFAULT_DECODE_LIMITS.maxNesting[encoding],
    maxItems: limits.maxItems ?? DEFAULT_DECODE_LIMITS.maxItems,
  })
  const test = createInterestTest(interest)
  const json = boundsOf('json')
  const table = new KeyTable(interest.keys, GEN_AI_PREFIXES, interest.marks)
  const wire = createWireSetup(table, test, boundsOf('protobuf'))
  const text = createJsonSetup(table, test, json)
  return {
    traces: (body, encoding, sink) => (encoding === 'json' ? decodeJsonTraces(body, text, sink) : decodeProtobufTraces(body, wire, sink)),
    logs: (body, encoding, sink) => (encoding === 'json' ? decodeJsonLogs(body, json, sink) : decodeProtobufLogs(body, wire, sink)),
    metrics: (body, encoding) => (encoding === 'json' ? countJsonMetrics(body, json) : countProtobufMetrics(body, wire)),
  }
}
