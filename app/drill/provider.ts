/**
 * A model provider on 127.0.0.1 for drills: OpenAI's chat completions, one path per agent (`/AGENT/v1/chat/completions`). It answers by what the
 * request says (prompt, tools, what was already searched) and by the agent's conditions, with usage. The agent's real
 * SDK cannot tell it from another provider; nothing here is seen by the instrumentation but through the protocol.
 */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Conditions, HEALTHY } from './conditions.ts'
import { answerOf, type Asked } from './model.ts'

export interface DrillProvider {
  readonly url: string
  /** What is wrong with an agent from now on. */
  set(agent: string, conditions: Conditions): void
  close(): Promise<void>
}

/** Short, so that many runs fit into a drill; but long against what a busy machine adds, or every run would take longer whenever it is busy. */
const MEAN_MS = 400
const MAX_BODY = 4_194_304

/** Starts it on a free port. */
export async function startDrillProvider(random: () => number): Promise<DrillProvider> {
  const conditions = new Map<string, Conditions>()
  let count = 0
  const server = createServer((request, response) => {
    const answer = async (): Promise<void> => {
      const agent = decodeURIComponent(/^\/([^/]+)\/v1\/chat\/completions$/.exec(request.url ?? '')?.[1] ?? '')
      const asked = JSON.parse(await bodyOf(request)) as Asked
      const now = conditions.get(agent) ?? HEALTHY
      const { body, slowness } = answerOf(asked, now, random, `chatcmpl-drill-${++count}`)
      await new Promise((done) => setTimeout(done, MEAN_MS * slowness * (0.7 + 0.6 * random())))
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(body))
    }
    answer().catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(400, { 'content-type': 'application/json' })
      response.end(
        JSON.stringify({ error: { message: error instanceof Error ? error.message : String(error), type: 'invalid_request_error' } }),
      )
    })
  })
  server.keepAliveTimeout = 60_000
  await new Promise<void>((done, fail) => {
    server.once('error', fail)
    server.listen(0, '127.0.0.1', done)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    set: (agent, next) => void conditions.set(agent, next),
    close: () =>
      new Promise((done) => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_BODY) throw new Error(`the body is larger than ${MAX_BODY} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
