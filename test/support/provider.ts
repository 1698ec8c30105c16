/**
 * A model provider on 127.0.0.1 that speaks the protocols of OpenAI, Anthropic, Amazon Bedrock, Google, Mistral, Ollama, Cohere and
 * Vercel's AI Gateway, over HTTP/1.1 and HTTP/2. Equal requests get equal answers with known usage; what it answers is in test/conformance/README.md.
 * Records every request. `GET /__mark/NAME` starts a section, `GET /__calls` lists what came, `GET /__reset` forgets it.
 */
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttp2 } from 'node:http2'
import { createServer as createTcp, type AddressInfo, type Socket } from 'node:net'
import { gatewayEmbeddings, gatewayLanguageModel } from './provider/ai-gateway.ts'
import { countTokens, messages } from './provider/anthropic.ts'
import { bedrock } from './provider/bedrock.ts'
import { cohereChat, cohereEmbed } from './provider/cohere.ts'
import { type Call, Exchange, Gone, modelOf } from './provider/exchange.ts'
import { gemini } from './provider/gemini.ts'
import { ollama } from './provider/ollama.ts'
import { chatCompletions, completions, embeddings } from './provider/openai-chat.ts'
import { responses } from './provider/openai-responses.ts'

export type { Call } from './provider/exchange.ts'

export interface Mark {
  readonly name: string
  readonly atMs: number
}

export interface Provider {
  readonly url: string
  /** What came since the start or the last reset, oldest first; the control requests are not in it. */
  readonly calls: readonly Call[]
  readonly marks: readonly Mark[]
  /** Forgets calls, marks and failures that happen once. */
  reset(): void
  close(): Promise<void>
}

type Handler = (x: Exchange, ...found: readonly string[]) => Promise<void>
const ROUTES: readonly (readonly [RegExp, Handler])[] = [
  [/\/chat\/completions$/, chatCompletions],
  [/\/responses$/, responses],
  [/\/completions$/, completions],
  [/\/embeddings$/, embeddings],
  [/\/messages$/, messages],
  [/\/messages\/count_tokens$/, countTokens],
  [/^\/model\/[^/]+\/(converse|converse-stream|invoke|invoke-with-response-stream)$/, bedrock],
  [/\/models\/[^/:]+:(\w+)$/, gemini],
  [/^\/api\/(chat|generate|embed)$/, ollama],
  [/^\/v2\/chat$/, cohereChat],
  [/^\/v2\/embed$/, cohereEmbed],
  [/\/ai\/language-model$/, gatewayLanguageModel],
  [/\/ai\/embedding-model$/, gatewayEmbeddings],
]
const HTTP2_PREFACE = 'PRI * HTTP/2'

/** Starts a provider; `port` 0 takes a free one. */
export async function startProvider(port = 0): Promise<Provider> {
  const state = { calls: [] as Call[], marks: [] as Mark[], counts: new Map<string, number>() }
  const reset = (): void => {
    state.calls.length = 0
    state.marks.length = 0
    state.counts.clear()
  }
  const markName = (): string => state.marks.at(-1)?.name ?? ''
  const count = (what: string): number => {
    const key = `${markName()} ${what}`
    const n = (state.counts.get(key) ?? 0) + 1
    state.counts.set(key, n)
    return n
  }
  const control = (path: string): unknown => {
    if (path.startsWith('/__mark/')) {
      state.marks.push({ name: decodeURIComponent(path.slice(8)), atMs: Date.now() })
      return {}
    }
    if (path === '/__reset') reset()
    return path === '/__calls' ? state.calls : undefined
  }

  const answer = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const atMs = Date.now()
    const path = req.url ?? '/'
    const controlled = control(path)
    if (controlled !== undefined || path === '/__reset') {
      res.writeHead(200, { 'content-type': 'application/json' })
      res.end(JSON.stringify(controlled ?? {}))
      return
    }
    const mark = markName()
    const body = await bodyOf(req)
    const bare = path.replace(/\?.*$/, '')
    const call: Call = {
      mark,
      atMs,
      method: req.method ?? '',
      path,
      model: modelInHeaders(req) ?? modelOf(bare, body),
      headers: req.headers,
      body,
      sent: 0,
      end: 'open',
    }
    state.calls.push(call)
    const x = new Exchange(call, { count }, req, res)
    if (x.isMalformed) return x.json(400, { error: { message: 'the body is not JSON', type: 'invalid_request_error', code: null } })
    for (const [pattern, handle] of ROUTES) {
      const found = pattern.exec(bare)
      if (found !== null && call.method === 'POST') return handle(x, ...found.slice(1))
    }
    await x.json(404, { error: { message: `the provider has no ${call.method} ${path}`, type: 'not_found', code: 'not_found' } })
  }
  const listener = (req: IncomingMessage, res: ServerResponse): void => {
    answer(req, res).catch((error: unknown) => {
      if (error instanceof Gone) return
      console.error(error)
      res.destroy()
    })
  }

  const http1 = createHttp(listener)
  // Longer than any program pauses: a connection that is closed just as it is used again looks like a retry.
  http1.keepAliveTimeout = 120_000
  const http2 = createHttp2((req, res) => listener(req as unknown as IncomingMessage, res as unknown as ServerResponse))
  const sockets = new Set<Socket>()
  const server = createTcp((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    // The first bytes tell which of the two speaks; they are put back for it.
    socket.once('data', (first) => {
      socket.pause()
      socket.unshift(first)
      const wantsHttp2 = first.toString('latin1', 0, HTTP2_PREFACE.length) === HTTP2_PREFACE
      if (wantsHttp2) http2.emit('connection', socket)
      else {
        http1.emit('connection', socket)
        socket.resume()
      }
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls: state.calls,
    marks: state.marks,
    reset,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/** Vercel's gateway is told the model by a header. */
function modelInHeaders({ headers }: IncomingMessage): string | undefined {
  const model = headers['ai-language-model-id'] ?? headers['ai-model-id']
  return typeof model === 'string' ? model : undefined
}

async function bodyOf(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of req) chunks.push(chunk as Buffer)
  } catch {
    throw new Gone()
  }
  return Buffer.concat(chunks).toString()
}
