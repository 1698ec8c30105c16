/**
 * Child: what a call takes with the layer and without, in turns in one process, so that both meet the same machine. Once over loopback, once
 * with a stub in the place of the network, where the layer's own time is not lost in the network's. Prints milliseconds as JSON.
 */
import { ANSWER_BODY, quantile, timedCall } from './load.ts'

const [register = '', server = '', calls = '5000'] = process.argv.slice(2)
const network = globalThis.fetch
let isStub = false
const bare: typeof fetch = (input, init) =>
  isStub ? Promise.resolve(new Response(ANSWER_BODY, { headers: { 'content-type': 'application/json' } })) : network(input, init)
globalThis.fetch = bare
await import(register)
const layered = globalThis.fetch
if (layered === bare) throw new Error(`${register} did not put itself around fetch`)

interface Pair {
  readonly bare: number[]
  readonly layered: number[]
}
async function measure(count: number): Promise<Pair> {
  const seen: Pair = { bare: [], layered: [] }
  const url = `${server}/v1/chat/completions`
  for (let n = 0; n < count; n++) {
    const order = n % 2 === 0 ? (['bare', 'layered'] as const) : (['layered', 'bare'] as const)
    for (const which of order) seen[which].push(await timedCall(which === 'bare' ? bare : layered, url, n))
    // Lets the queue of spans do its work, as an agent that waits for its model does.
    if (n % 20 === 0) await new Promise((r) => setTimeout(r, 2))
  }
  return seen
}
function summary({ bare: without, layered: withIt }: Pair): object {
  const of = (share: number): object => ({ bare: quantile(without, share), layered: quantile(withIt, share) })
  return { median: of(0.5), p99: of(0.99) }
}

const result: Record<string, object> = {}
for (const where of ['stub', 'loopback'] as const) {
  isStub = where === 'stub'
  await measure(500)
  result[where] = summary(await measure(Number(calls)))
}
process.stdout.write(JSON.stringify(result))
process.exit()
