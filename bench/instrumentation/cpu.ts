/**
 * Child: 50 model calls a second, some seconds with the layer and some without, in turns in one process; prints the shares of one core that were
 * used, as JSON. The first part of each turn does not count: there the last one's spans are sent.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { timedCall } from './load.ts'

const [register = '', server = '', turns = '10', seconds = '5'] = process.argv.slice(2)
const url = `${server}/v1/chat/completions`
const PER_SECOND = 50
const WARM_UP = 5000
const SETTLE_SECONDS = 1.5

const bare = globalThis.fetch
await import(register)
const layered = globalThis.fetch
if (layered === bare) throw new Error(`${register} did not put itself around fetch`)

async function run(fetch: typeof bare, forSeconds: number): Promise<void> {
  const began = performance.now()
  for (let n = 0; n < forSeconds * PER_SECOND; n++) {
    const due = began + (n * 1000) / PER_SECOND
    if (due > performance.now()) await sleep(due - performance.now())
    await timedCall(fetch, url, n)
  }
}

async function share(fetch: typeof bare): Promise<number> {
  await run(fetch, SETTLE_SECONDS)
  const before = process.cpuUsage()
  const began = performance.now()
  await run(fetch, Number(seconds))
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000 / (performance.now() - began)
}

// As fast as it goes first: an agent runs for hours, and its code is compiled by then.
for (let n = 0; n < WARM_UP; n++) for (const fetch of [bare, layered]) await timedCall(fetch, url, n)
const seen: { bare: number[]; layered: number[] } = { bare: [], layered: [] }
for (let turn = 0; turn < Number(turns); turn++) {
  const order = turn % 2 === 0 ? (['bare', 'layered'] as const) : (['layered', 'bare'] as const)
  for (const which of order) seen[which].push(await share(which === 'bare' ? bare : layered))
}
process.stdout.write(JSON.stringify(seen))
process.exit()
