/**
 * Memory of open runs: `node --expose-gc bench/open-runs.ts [runs] [spans per run]`. Spans come through the real decoder and dialects.
 * Prints bytes per open run and per span (heap after a full collection) and the time of closing them all.
 */
import { createDecoder } from '../processor/decode/index.ts'
import { INTEREST } from '../processor/dialects/index.ts'
import { readSpan } from '../processor/read-span.ts'
import { DEFAULT_RUN_LIMITS, Runs } from '../processor/runs/runs.ts'

const count = Number(process.argv[2] ?? 200_000)
const spans = Number(process.argv[3] ?? 8)
let closed = 0
const state = new Runs(
  { ...DEFAULT_RUN_LIMITS, maxOpen: count + 1, maxOpenSpans: count * spans + 1 },
  { closed: () => closed++, late: () => undefined, duplicate: () => undefined, linksDropped: () => undefined },
  1,
)
const decoder = createDecoder(INTEREST)
const attribute = (key: string, value: string | number): object => ({
  key,
  value: typeof value === 'string' ? { stringValue: value } : { intValue: value },
})

function body(run: number): Uint8Array {
  const traceId = `a${run.toString(16).padStart(31, '0')}`
  const list = Array.from({ length: spans }, (_, i) => ({
    traceId,
    spanId: `b${(run * spans + i).toString(16).padStart(15, '0')}`,
    ...(i === 0 ? {} : { parentSpanId: `b${(run * spans).toString(16).padStart(15, '0')}` }),
    startTimeUnixNano: String(1_790_000_000_000_000_000n + BigInt(i) * 1_000_000n),
    endTimeUnixNano: String(1_790_000_001_000_000_000n + BigInt(i) * 1_000_000n),
    attributes:
      i === 0
        ? [attribute('gen_ai.operation.name', 'invoke_agent'), attribute('gen_ai.agent.name', 'support')]
        : i % 2 === 1
          ? [
              attribute('gen_ai.operation.name', 'chat'),
              attribute('gen_ai.request.model', 'gpt-5-mini'),
              attribute('gen_ai.provider.name', 'openai'),
              attribute('gen_ai.usage.input_tokens', 3600),
              attribute('gen_ai.usage.output_tokens', 140),
              attribute('gen_ai.response.id', `resp_${run}_${i}`),
            ]
          : [
              attribute('gen_ai.operation.name', 'execute_tool'),
              attribute('gen_ai.tool.name', 'search'),
              attribute('gen_ai.tool.call.id', `call_${run}_${i}`),
            ],
  }))
  const resource = { attributes: [attribute('service.name', 'shop')] }
  return Buffer.from(JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'x' }, spans: list }] }] }))
}

const heap = (): number => {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}
const before = heap()
for (let r = 0; r < count; r++) {
  decoder.traces(body(r), 'json', {
    span: (span) => {
      const { fact } = readSpan(span)
      if (fact !== undefined) state.add(span.traceId, fact, r)
    },
    link: () => undefined,
  })
}
const bytes = heap() - before
const start = performance.now()
while (state.sweep(1e9)) continue
const ms = performance.now() - start
process.stdout.write(
  `${state.openRuns} open, ${closed} closed of ${count} runs of ${spans} spans: ${Math.round(bytes / count)} bytes a run, ${Math.round(bytes / count / spans)} a span; closing took ${Math.round(ms)} ms (${((ms / count) * 1000).toFixed(1)} µs a run)\n`,
)
