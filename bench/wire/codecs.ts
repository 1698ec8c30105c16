/**
 * The contenders of the decode bench: each takes a body and feeds the same aggregate with the same thirteen facts of every GenAI span.
 * Peers read attributes in one pass over the decoded list, which is the cheapest way to use what they give.
 */
import { keyNumbers } from '../../model/attribute-key.ts'
import type { Span, SpanEvent } from '../../model/span.ts'
import { createDecoder } from '../../processor/decode/index.ts'
import { INTEREST } from '../../processor/dialects/index.ts'
import { Aggregate, type Seen } from './aggregate.ts'
import type { Body } from './bodies.ts'
import { type PbKeyValue, type PbLong, type PbSpan, type PbTraces, readByPbf, TracesRequest } from './peers.ts'

export const CODECS = [
  'ours',
  'ours, no aggregate',
  'ours, JSON',
  'protobufjs 7',
  'protobufjs 7, no aggregate',
  'pbf, no aggregate',
  'JSON.parse',
  'JSON.parse, no aggregate',
] as const
export type Codec = (typeof CODECS)[number]

/** What takes one body, and what it has counted. */
export interface Contender {
  take(body: Body): void
  readonly aggregate: Aggregate
}

export function contenderOf(codec: Codec): Contender {
  const aggregate = new Aggregate()
  return { aggregate, take: takerOf(codec, aggregate) }
}

// oxlint-disable-next-line complexity -- one case per contender
function takerOf(codec: Codec, aggregate: Aggregate): (body: Body) => void {
  const decoder = createDecoder(INTEREST)
  const sink = { span: (span: Span) => readOurs(span, aggregate) }
  let seen = 0
  switch (codec) {
    case 'ours':
      return ({ protobuf }) => {
        decoder.traces(protobuf, 'protobuf', sink)
        aggregate.close()
      }
    case 'ours, JSON':
      return ({ json }) => {
        decoder.traces(json, 'json', sink)
        aggregate.close()
      }
    case 'ours, no aggregate':
      return ({ protobuf }) => void decoder.traces(protobuf, 'protobuf', { span: () => seen++ })
    case 'protobufjs 7':
      return ({ protobuf }) => {
        readDecoded(TracesRequest.decode(protobuf), aggregate, hexOfBytes)
        aggregate.close()
      }
    case 'protobufjs 7, no aggregate':
      return ({ protobuf }) => void (seen += TracesRequest.decode(protobuf).resourceSpans.length)
    case 'pbf, no aggregate':
      return ({ protobuf }) => void (seen += readByPbf(protobuf).resource_spans.length)
    case 'JSON.parse':
      return ({ json }) => {
        readDecoded(JSON.parse(json.toString()) as PbTraces, aggregate, String)
        aggregate.close()
      }
    case 'JSON.parse, no aggregate':
      return ({ json }) => void (seen += (JSON.parse(json.toString()) as PbTraces).resourceSpans.length)
  }
}

/** As dialects ask: by the numbers that keys have (model/attribute-key.ts). */
const K = keyNumbers({
  operation: 'gen_ai.operation.name',
  response: 'gen_ai.response.model',
  request: 'gen_ai.request.model',
  agent: 'gen_ai.agent.name',
  tool: 'gen_ai.tool.name',
  errorType: 'error.type',
  input: 'gen_ai.usage.input_tokens',
  output: 'gen_ai.usage.output_tokens',
  cacheRead: 'gen_ai.usage.cache_read.input_tokens',
})

function readOurs(span: Span, aggregate: Aggregate): void {
  const a = span.attributes
  const { seen } = aggregate
  seen.traceId = span.traceId
  seen.operation = a.text(K.operation) ?? ''
  seen.model = a.text(K.response) ?? a.text(K.request) ?? ''
  seen.agent = a.text(K.agent) ?? ''
  seen.tool = a.text(K.tool) ?? ''
  seen.errorType = a.text(K.errorType) ?? ''
  seen.input = a.count(K.input) ?? 0
  seen.output = a.count(K.output) ?? 0
  seen.cacheRead = a.count(K.cacheRead) ?? 0
  seen.startMs = span.startMs
  seen.durationMs = span.durationMs
  seen.failed = span.status === 'error'
  seen.evaluations = 0
  for (const e of span.events()) count(e, seen)
  aggregate.take()
}

function count(event: Pick<SpanEvent, 'name'>, seen: Seen): void {
  if (event.name === 'gen_ai.evaluation.result') seen.evaluations++
}

function readDecoded(request: PbTraces, aggregate: Aggregate, idOf: (id: Uint8Array) => string): void {
  for (const { scopeSpans } of request.resourceSpans) {
    for (const { spans } of scopeSpans) for (const span of spans) readDecodedSpan(span, aggregate, idOf)
  }
}

function readDecodedSpan(span: PbSpan, aggregate: Aggregate, idOf: (id: Uint8Array) => string): void {
  const { seen } = aggregate
  seen.operation = seen.model = seen.agent = seen.tool = seen.errorType = ''
  seen.input = seen.output = seen.cacheRead = seen.evaluations = 0
  let requested = ''
  for (const kv of span.attributes) if (kv.key === 'gen_ai.request.model') requested = textOf(kv)
  for (const kv of span.attributes) readAttribute(kv, seen)
  if (seen.operation === '') return
  if (seen.model === '') seen.model = requested
  seen.traceId = idOf(span.traceId)
  seen.startMs = numberOf(span.startTimeUnixNano) / 1e6
  seen.durationMs = (numberOf(span.endTimeUnixNano) - numberOf(span.startTimeUnixNano)) / 1e6
  seen.failed = span.status?.code === 2
  for (const e of span.events) count(e, seen)
  aggregate.take()
}

// oxlint-disable-next-line complexity -- one case per attribute
function readAttribute(kv: PbKeyValue, seen: Seen): void {
  switch (kv.key) {
    case 'gen_ai.operation.name':
      seen.operation = textOf(kv)
      break
    case 'gen_ai.response.model':
      seen.model = textOf(kv)
      break
    case 'gen_ai.agent.name':
      seen.agent = textOf(kv)
      break
    case 'gen_ai.tool.name':
      seen.tool = textOf(kv)
      break
    case 'error.type':
      seen.errorType = textOf(kv)
      break
    case 'gen_ai.usage.input_tokens':
      seen.input = numberOf(kv.value?.intValue)
      break
    case 'gen_ai.usage.output_tokens':
      seen.output = numberOf(kv.value?.intValue)
      break
    case 'gen_ai.usage.cache_read.input_tokens':
      seen.cacheRead = numberOf(kv.value?.intValue)
      break
    default:
  }
}

function textOf(kv: PbKeyValue): string {
  return kv.value?.stringValue ?? ''
}

function numberOf(v: number | string | PbLong | null | undefined): number {
  return typeof v === 'object' && v !== null ? v.toNumber() : Number(v ?? 0)
}

function hexOfBytes(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('hex')
}
