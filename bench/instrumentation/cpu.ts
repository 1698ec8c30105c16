/** Child: 50 model calls a second for a while; prints the share of one core that the process used. Started with and without the layer. */
import { setTimeout as sleep } from 'node:timers/promises'
import { timedCall } from './load.ts'

const [server = '', seconds = '10'] = process.argv.slice(2)
const url = `${server}/v1/chat/completions`
const PER_SECOND = 50
const WARM_UP = 5000

async function run(forSeconds: number): Promise<void> {
  const began = performance.now()
  for (let n = 0; n < forSeconds * PER_SECOND; n++) {
    const due = began + (n * 1000) / PER_SECOND
    if (due > performance.now()) await sleep(due - performance.now())
    await timedCall(fetch, url, n)
  }
}

// As fast as it goes first: an agent runs for hours, and its code is compiled by then.
for (let n = 0; n < WARM_UP; n++) await timedCall(fetch, url, n)
await run(1)
const before = process.cpuUsage()
const began = performance.now()
await run(Number(seconds))
const { user, system } = process.cpuUsage(before)
process.stdout.write(String((user + system) / 1000 / (performance.now() - began)))
process.exit()
