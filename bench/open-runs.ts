/**
 * `npm run bench:runs [-- RUNS]`: what an open run of 8 spans costs in memory, how long a full garbage collection stops everything while so
 * many are open, and what adding and closing them takes. Spans come through the real decoder and dialects, 6400 runs a second of a clock
 * of its own, and stay open as runs do: their agent span has not ended. Writes its section of docs/performance.md at a million runs.
 */
import { createDecoder } from '../processor/decode/index.ts'
import { INTEREST } from '../processor/dialects/index.ts'
import { readSpan } from '../processor/read-span.ts'
import { DEFAULT_RUN_LIMITS, Runs } from '../processor/runs/runs.ts'
import { keep, ranOn } from './results.ts'
import { RUNS_PER_BODY, runBodies, SPANS_PER_RUN } from './state/run-bodies.ts'
import { spread } from './wire/rounds.ts'

const count = Math.ceil(Number(process.argv[2] ?? 1_000_000) / RUNS_PER_BODY) * RUNS_PER_BODY
const RUNS_PER_SECOND = 100 * RUNS_PER_BODY
const { gc } = globalThis
if (gc === undefined) throw new Error('run it by `npm run bench:runs`, or give node the flags --expose-gc --max-old-space-size=16000')

let closed = 0
let calls = 0
const state = new Runs(
  { ...DEFAULT_RUN_LIMITS, maxOpen: count + 1, maxOpenSpans: count * SPANS_PER_RUN + 1 },
  {
    closed: (run) => {
      closed++
      calls += run.modelCalls.length + run.toolCalls.length
    },
    late: () => undefined,
    duplicate: () => undefined,
    linksDropped: () => undefined,
    evaluationsDropped: () => undefined,
    failed: (error) => {
      throw error
    },
  },
  1,
)
const decoder = createDecoder(INTEREST)
const next = runBodies()
/** Memory in use: objects, and the bytes beside the heap that they hold. */
const held = (): number => {
  gc()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
const cpuMs = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

let now = 0
const before = held()
const rssBefore = process.memoryUsage().rss
const cpuBefore = cpuMs()
for (let body = 0; body < count / RUNS_PER_BODY; body++) {
  now = (body * RUNS_PER_BODY * 1000) / RUNS_PER_SECOND
  decoder.traces(next(body), 'protobuf', {
    span: (span) => {
      const { fact } = readSpan(span)
      if (fact !== undefined) state.add(span.traceId, fact, now)
    },
    link: () => undefined,
  })
  if (body % 100 === 99) while (state.sweep(now)) continue
}
const addedMs = cpuMs() - cpuBefore
// Ten seconds later they are quiet: what is closed by then had ended.
now += DEFAULT_RUN_LIMITS.settleMs
while (state.sweep(now)) continue
const bytes = (held() - before) / count
const rss = (process.memoryUsage().rss - rssBefore) / count
const pauses = Array.from({ length: 5 }, () => {
  const at = performance.now()
  gc()
  return performance.now() - at
})
const open = state.openRuns
const start = cpuMs()
now += DEFAULT_RUN_LIMITS.idleMs
while (state.sweep(now)) continue
const closingUs = ((cpuMs() - start) / count) * 1000
if (open !== count || closed !== count || calls !== count * SPANS_PER_RUN)
  throw new Error(`${open} open, ${closed} closed with ${calls} calls, of ${count} runs`)

const addedUs = (addedMs / count / SPANS_PER_RUN) * 1000
process.stdout.write(
  `${count} open runs of ${SPANS_PER_RUN} spans: ${Math.round(bytes)} bytes a run (RSS ${Math.round(rss)}), full collection ${pauses.map(Math.round).join(' ')} ms; ` +
    `decoding and adding ${addedUs.toFixed(2)} µs CPU a span, closing ${closingUs.toFixed(1)} µs CPU a run\n`,
)
if (count >= 1_000_000)
  keep('runs', {
    title: 'Open runs',
    order: 60,
    command: 'npm run bench:runs',
    intro: [
      `A million runs of ${SPANS_PER_RUN} spans (4 model calls, 4 tool calls) are open at once: their agent span has not ended. Everything that the rules need of them is held: span ids, tree, usage, tool calls and their hashes, response ids. Bytes are of the heap and of buffers beside it after a full collection, ten seconds after the last span.`,
    ],
    tables: [
      {
        caption: 'One process.',
        head: ['', 'measured'],
        rows: [
          ['open runs', String(count)],
          ['bytes per open run', String(Math.round(bytes))],
          ['bytes per open run, growth of RSS', String(Math.round(rss))],
          ['full garbage collection, ms', spread(pauses)],
          ['decoding and adding a span, µs CPU', addedUs.toFixed(2)],
          ['closing a run, µs CPU', closingUs.toFixed(1)],
        ],
      },
    ],
    notes: [],
    ranOn: ranOn(),
  })
