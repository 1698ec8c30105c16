/**
 * Child: 200 spans a second, each with 10 KB of messages, for a while; prints the longest delay of the event loop in milliseconds. Started with
 * and without the layer, which exports them.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { trace } from '@opentelemetry/api'

const seconds = Number(process.argv[2] ?? 10)
const PER_SECOND = 200
const messages = JSON.stringify(
  Array.from({ length: 10 }, (_, i) => ({ role: 'user', parts: [{ type: 'text', content: `${'a "quoted" word '.repeat(60)}${i}` }] })),
)

async function run(forSeconds: number): Promise<void> {
  const began = performance.now()
  for (let n = 0; n < forSeconds * PER_SECOND; n++) {
    const due = began + (n * 1000) / PER_SECOND
    if (due > performance.now()) await sleep(due - performance.now())
    const attributes = { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'gpt-5', 'gen_ai.input.messages': messages }
    trace.getTracer('bench').startSpan('chat gpt-5', { attributes }).end()
  }
}

await run(2)
const delay = monitorEventLoopDelay({ resolution: 1 })
delay.enable()
await run(seconds)
delay.disable()
process.stdout.write(JSON.stringify({ max: delay.max / 1e6, p99: delay.percentile(99) / 1e6, characters: messages.length }))
process.exit()
