/** The other side of the benchmarks' agents, in a process of its own: answers chat completions at once, takes spans. Prints its address. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ANSWER_BODY } from './load.ts'

const server = createServer((request, response) => {
  const isModel = request.url?.endsWith('/chat/completions') === true
  request.resume().on('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end(isModel ? ANSWER_BODY : '{}'))
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`))
