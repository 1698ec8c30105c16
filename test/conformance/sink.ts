/** An OTLP/HTTP endpoint that keeps what it is sent as OTLP/JSON: traces and logs, protobuf or JSON, plain or gzip. */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { fromProtobuf, type Otlp } from '../support/otlp.ts'

export interface Received {
  readonly signal: 'traces' | 'logs'
  readonly request: Otlp
}

export interface Sink {
  readonly url: string
  readonly received: readonly Received[]
  reset(): void
  close(): Promise<void>
}

/** Starts a sink on a free port of 127.0.0.1. */
export async function startSink(): Promise<Sink> {
  const received: Received[] = []
  const take = async (req: IncomingMessage): Promise<void> => {
    const signal = req.url?.endsWith('/v1/traces') === true ? 'traces' : req.url?.endsWith('/v1/logs') === true ? 'logs' : undefined
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk as Buffer)
    if (signal === undefined) return
    const raw = Buffer.concat(chunks)
    const body = req.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw
    const isJson = req.headers['content-type']?.includes('json') === true
    received.push({ signal, request: isJson ? (JSON.parse(body.toString()) as Otlp) : fromProtobuf(body, signal) })
  }
  const server = createServer((req, res) => {
    take(req).then(
      () => res.writeHead(200, { 'content-type': 'application/json' }).end('{}'),
      (error: unknown) => res.writeHead(400).end(String(error)),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    reset: () => (received.length = 0),
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
