/**
 * The data path end to end in process: protobuf bodies of 512 GenAI spans (64 runs of 8) through decode, dialects, runs, checks, prices and
 * metrics, with every run closed. `node bench/ingest.ts [bodies]`. Compared with decoding the same bodies by protobufjs alone, in turns,
 * because machines are shared: quote the ratio. Speed is not this version's goal; the number is here so that it cannot get worse unseen.
 */
import protobuf from 'protobufjs'
import { createDecoder } from '../processor/decode/index.ts'
import { INTEREST } from '../processor/dialects/index.ts'
import { DEFAULT_SETTINGS } from '../processor/default-settings.ts'
import { createMetrics } from '../processor/metrics.ts'
import { createPipeline } from '../processor/pipeline.ts'

const bodies = Number(process.argv[2] ?? 200)
const { root } = protobuf.parse(`syntax = "proto3";
message AnyValue { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; } }
message KeyValue { string key = 1; AnyValue value = 2; }
message Resource { repeated KeyValue attributes = 1; }
message Scope { string name = 1; }
message Span { bytes trace_id = 1; bytes span_id = 2; bytes parent_span_id = 4; string name = 5; int32 kind = 6; fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9; fixed32 flags = 16; }
message ScopeSpans { Scope scope = 1; repeated Span spans = 2; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
message Traces { repeated ResourceSpans resource_spans = 1; }`)
const Traces = root.lookupType('Traces')
const text = (key: string, value: string): object => ({ key, value: { stringValue: value } })
const int = (key: string, value: number): object => ({ key, value: { intValue: value } })

function body(n: number): Uint8Array {
  const spans = Array.from({ length: 512 }, (_, i) => {
    const run = n * 64 + (i >> 3)
    const at = i & 7
    const traceId = Buffer.from(`a${run.toString(16).padStart(31, '0')}`, 'hex')
    const id = (k: number): Buffer => Buffer.from(`b${(run * 8 + k).toString(16).padStart(15, '0')}`, 'hex')
    const noise = Array.from({ length: 12 }, (__, k) => text(`app.attribute.${k}`, `value ${k} of span ${i}`))
    const own =
      at === 0
        ? [text('gen_ai.operation.name', 'invoke_agent'), text('gen_ai.agent.name', 'support')]
        : at % 2 === 1
          ? [
              text('gen_ai.operation.name', 'chat'),
              text('gen_ai.provider.name', 'openai'),
              text('gen_ai.request.model', 'gpt-5-mini'),
              text('gen_ai.response.id', `resp_${run}_${at}`),
              int('gen_ai.usage.input_tokens', 3600),
              int('gen_ai.usage.output_tokens', 140),
            ]
          : [
              text('gen_ai.operation.name', 'execute_tool'),
              text('gen_ai.tool.name', 'search'),
              text('gen_ai.tool.call.id', `call_${run}_${at}`),
            ]
    return {
      traceId,
      spanId: id(at),
      ...(at === 0 ? {} : { parentSpanId: id(0) }),
      name: 'span',
      kind: 1,
      flags: 257,
      startTimeUnixNano: 1_790_000_000,
      endTimeUnixNano: 1_790_000_900,
      attributes: [...own, ...noise],
    }
  })
  return Traces.encode(
    Traces.fromObject({
      resourceSpans: [{ resource: { attributes: [text('service.name', 'shop')] }, scopeSpans: [{ scope: { name: 'x' }, spans }] }],
    }),
  ).finish()
}

const pipeline = createPipeline(createDecoder(INTEREST), createMetrics({}), DEFAULT_SETTINGS, {}, 7)
const all = Array.from({ length: bodies }, (_, n) => body(n))
const cpuMicros = (work: () => void): number => {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return user + system
}
let ours = 0
let peer = 0
for (const [n, b] of all.entries()) {
  const warm = n >= bodies / 4
  const a = cpuMicros(() => {
    pipeline.ingest('traces', b, 'protobuf', n * 1000)
    pipeline.requestEnded()
    pipeline.sweep(n * 1000)
  })
  const p = cpuMicros(() => Traces.decode(b))
  if (warm) {
    ours += a
    peer += p
  }
}
pipeline.flush(1e9, 'shutdown')
const spans = (bodies - Math.ceil(bodies / 4)) * 512
process.stdout.write(
  `whole data path ${(ours / spans).toFixed(2)} µs CPU a span; protobufjs decode alone ${(peer / spans).toFixed(2)} µs; ratio ${(ours / peer).toFixed(2)}\n`,
)
