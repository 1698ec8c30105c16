/**
 * OTLP/HTTP: bytes in by node:http, in the order it happens: path, method, sender, type, encoding, memory, room, body, unpack, decode, answer.
 * Every rung that fails answers the sender at once and returns; nothing is taken from a request that is refused.
 * Source: OTLP specification 1.9, "OTLP/HTTP"; google.rpc.Status is the error body in the request's encoding.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { ENCODINGS, unpackIn } from './body.ts'
import { DecodeError, type Encoding } from './decode/decode.ts'
import { exportResponse, rpcStatus } from './protobuf-write.ts'
import { readBody, tooLarge } from './receive-body.ts'
import {
  type Address,
  admit,
  COME_BACK,
  type Receiver,
  type ReceiverParts,
  Refusal,
  type RequestRejectReason,
  retryAfterSeconds,
  type Signal,
  type IngestResult,
  tlsOptions,
  inTime,
} from './receive.ts'
import { takeIn } from './receive-take.ts'

const PATHS: Readonly<Record<string, Signal>> = { '/v1/traces': 'traces', '/v1/logs': 'logs', '/v1/metrics': 'metrics' }
const REJECTED_FIELD: Readonly<Record<Signal, string>> = {
  traces: 'rejectedSpans',
  logs: 'rejectedLogRecords',
  metrics: 'rejectedDataPoints',
}
const STATUS: Readonly<Record<RequestRejectReason, number>> = {
  unauthorized: 401,
  not_found: 404,
  method: 405,
  content_type: 415,
  content_encoding: 415,
  body_too_large: 413,
  decompressed_too_large: 413,
  corrupt_compression: 400,
  undecodable: 400,
  overload: 503,
  memory: 503,
  share: 429,
  slow: 503,
  aborted: 400,
  timeout: 408,
  framing: 400,
}
/** Statuses of what node:http could not make a request of. */
const CLIENT_ERROR: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
}
const IDLE_CHECK_MS = 100
const HEADERS_MS = 15_000
const LINGER_MS = 2000
/** Connections that get no more answers than those under way (RFC 9112 section 9.6). */
const closing = new WeakSet<object>()
/** The last answer that was begun on a connection. */
const lastOf = new WeakMap<object, ServerResponse>()
/** google.rpc.Code for an HTTP status. */
const RPC_CODE: Readonly<Record<number, number>> = { 400: 3, 401: 16, 404: 5, 405: 12, 408: 4, 413: 8, 415: 3, 429: 8, 500: 13, 503: 14 }

export interface HttpReceiverOptions extends ReceiverParts {
  readonly address: Address
  /** Origins that browsers may send from; none by default. */
  readonly corsOrigins: readonly string[]
}

/** Starts an OTLP/HTTP receiver. @throws when it cannot listen. */
export async function startHttpReceiver(options: HttpReceiverOptions): Promise<Receiver> {
  const requestTimeout = options.limits.requestTimeoutSeconds * 1000
  // Node looks for connections that are late every 30 s unless it is told otherwise: too seldom for the seconds that are configured.
  const headersTimeout = Math.min(HEADERS_MS, requestTimeout)
  const timeouts = {
    // A body that is late is refused by a time of its own (`inTime`), and answered: Node would go on reading it. This is for what is left.
    requestTimeout: headersTimeout + requestTimeout + LINGER_MS,
    headersTimeout,
    keepAliveTimeout: 75_000,
    connectionsCheckingInterval: Math.min(30_000, Math.max(500, requestTimeout / 4)),
  }
  const answered = (request: IncomingMessage, response: ServerResponse): void => {
    const { socket } = request
    if (closing.has(socket)) {
      request.resume()
      return
    }
    lastOf.set(socket, response)
    // A sender that goes on on its connection would hold up the end until the grace is over.
    if (!server.listening) response.shouldKeepAlive = false
    if (!response.shouldKeepAlive) closing.add(socket)
    handle(request, response, options).catch((error: unknown) => {
      options.events.internalError('receive_http', error)
      if (!response.headersSent) answerError(response, 500, 'internal error', 'protobuf')
    })
  }
  const { tls } = options
  const secure: SecureServer | undefined = tls === undefined ? undefined : createSecureServer({ ...timeouts, ...tlsOptions(tls) }, answered)
  secure?.on('tlsClientError', (error) => options.events.handshakeFailed?.('http', error))
  const server: Server | SecureServer = secure ?? createServer(timeouts, answered)
  // Senders that ask first are answered by the same ladder: a refusal comes before the body is sent.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => void server.emit('request', request, response))
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => endConnection(error, socket as Socket))
  await new Promise<void>((listening, failed) => {
    server.once('error', failed)
    server.listen(options.address.port, options.address.host, listening)
  })
  server.on('error', (error) => options.events.internalError('receive_http', error))
  return {
    port: (server.address() as AddressInfo).port,
    ...(secure === undefined ? {} : { secure: (next) => secure.setSecureContext(tlsOptions(next)) }),
    close: async (graceMs) => {
      const closed = new Promise<void>((done) => server.close(() => done()))
      server.closeIdleConnections()
      // A request that was under way leaves its connection open, and Node closes only what is idle now.
      const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS)
      const timer = setTimeout(() => server.closeAllConnections(), graceMs)
      await closed
      clearInterval(idle)
      clearTimeout(timer)
    },
  }
}

/** Ends a connection on which nothing more can be understood, or that was too slow, and says why; its sender may never close its side. */
function endConnection(error: NodeJS.ErrnoException, socket: Socket): void {
  const response = lastOf.get(socket)
  // A request that came whole before that is answered, and may have been taken; nothing is written into an answer.
  if (response !== undefined && !response.writableFinished && (response.req.complete || response.headersSent)) {
    if (!response.headersSent) linger(response.req, response)
    return
  }
  if (!socket.writable) return
  closing.add(socket)
  socket.end(`HTTP/1.1 ${CLIENT_ERROR[error.code ?? ''] ?? '400 Bad Request'}\r\nConnection: close\r\n\r\n`)
  destroyLater(socket)
}

function destroyLater(socket: Socket): void {
  const timer = setTimeout(() => socket.destroy(), LINGER_MS)
  socket.once('close', () => clearTimeout(timer))
}

async function handle(request: IncomingMessage, response: ServerResponse, options: HttpReceiverOptions): Promise<void> {
  if (answerBrowser(request, response, options)) return
  const target = targetOf(request)
  try {
    const result = await take(request, response, target, options)
    if (target.encoding === 'json')
      answer(response, 200, 'application/json', Buffer.from(JSON.stringify(partialSuccess(target.signal, result))))
    else answer(response, 200, 'application/x-protobuf', exportResponse(result.rejected, result.message))
  } catch (error) {
    const refusal = error instanceof DecodeError ? new Refusal('undecodable', error.message) : error
    if (!(refusal instanceof Refusal)) throw error
    refuse(request, response, target, options, refusal)
  }
}

interface Target {
  readonly path: string
  readonly signal: Signal | undefined
  readonly type: string
  readonly encoding: Encoding
}

function targetOf(request: IncomingMessage): Target {
  // Proxies are sent the whole URI, and servers must take it too (RFC 9112 section 3.2.2).
  const path = (request.url ?? '').replace(/^https?:\/\/[^/?]*/i, '').split('?', 1)[0] ?? ''
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
  return {
    path,
    signal: PATHS[path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path],
    type,
    encoding: type === 'application/json' ? 'json' : 'protobuf',
  }
}

/** The ladder: every rung that fails throws a Refusal, and nothing has been taken then. */
async function take(
  request: IncomingMessage,
  response: ServerResponse,
  target: Target,
  options: HttpReceiverOptions,
): Promise<IngestResult> {
  const head = checkHead(request, target, options)
  const { signal, contentEncoding } = head
  const place = admit(options, options.sender?.(request.headers.authorization))
  try {
    place.fits(head.announced)
    // A sender of HTTP/1.0 does not know of it (RFC 9110 section 10.1.1).
    if (request.headers.expect !== undefined && request.httpVersion !== '1.0') response.writeContinue()
    const body = await readBody(request, { maxBytes: options.limits.maxBodyBytes, place, watch: inTime(options.limits) })
    const unpacking = unpackIn(place, body, contentEncoding, options)
    // Not awaited where it is there: the next request unpacks into the same memory.
    const unpacked = unpacking instanceof Promise ? await unpacking : unpacking
    const contentType = request.headers['content-type'] ?? 'application/x-protobuf'
    const result = await takeIn(options, { signal, encoding: target.encoding, unpacked, body, contentType, contentEncoding })
    options.events.request('http', head.signal, '200', body.length)
    return result
  } finally {
    place.leave()
  }
}

function partialSuccess(signal: Signal | undefined, result: IngestResult): object {
  return result.rejected === 0 || signal === undefined
    ? {}
    : { partialSuccess: { [REJECTED_FIELD[signal]]: String(result.rejected), errorMessage: result.message } }
}

function refuse(request: IncomingMessage, response: ServerResponse, target: Target, options: HttpReceiverOptions, refusal: Refusal): void {
  const code = STATUS[refusal.reason]
  const sender = refusal.reason === 'unauthorized' ? undefined : options.sender?.(request.headers.authorization)
  options.events.rejected('http', target.signal ?? 'other', refusal.reason, sender)
  options.events.request('http', target.signal ?? 'other', String(code), 0)
  if (COME_BACK.has(refusal.reason)) response.setHeader('retry-after', String(retryAfterSeconds()))
  if (refusal.reason === 'method') response.setHeader('allow', 'POST')
  if (refusal.reason === 'unauthorized') response.setHeader('www-authenticate', 'Bearer realm="agentopz"')
  if (!request.complete) linger(request, response)
  answerError(response, code, refusal.message, target.encoding)
}

/**
 * Closes the connection behind the answer, in stages (RFC 9112 section 9.6): what still comes of the body is read and thrown away for a while.
 * A socket that is closed with bytes unread is reset, and then its sender sees no answer but a broken pipe.
 */
function linger(request: IncomingMessage, response: ServerResponse): void {
  const { socket } = request
  closing.add(socket)
  response.setHeader('connection', 'close')
  request.resume()
  // Node calls this when the answer was handed to the socket.
  socket.destroySoon = () => {
    socket.end()
    destroyLater(socket)
  }
}

interface Head {
  readonly signal: Signal
  readonly contentEncoding: string
  /** Bytes that Content-Length announces; 0 for chunked bodies. */
  readonly announced: number
}

/** What can be refused before a byte of the body is read. */
function checkHead(request: IncomingMessage, target: Target, options: HttpReceiverOptions): Head {
  const { signal, path, type } = target
  if (signal === undefined)
    throw new Refusal('not_found', `there is nothing at ${path.slice(0, 100)}; OTLP goes to /v1/traces, /v1/logs and /v1/metrics`)
  if (request.method !== 'POST') throw new Refusal('method', `${request.method ?? ''} is not allowed here; send OTLP with POST`)
  if (!options.authorise(request.headers.authorization)) throw new Refusal('unauthorized', 'a bearer token with the ingest role is needed')
  if (type !== 'application/x-protobuf' && type !== 'application/json') {
    throw new Refusal('content_type', `content type "${type.slice(0, 100)}" is not OTLP; send application/x-protobuf or application/json`)
  }
  const named = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase() || 'identity'
  // RFC 9110 section 8.4.1.3.
  const contentEncoding = named === 'x-gzip' ? 'gzip' : named
  if (!ENCODINGS.includes(contentEncoding))
    throw new Refusal(
      'content_encoding',
      `content encoding "${contentEncoding.slice(0, 100)}" is not supported; use one of ${ENCODINGS.join(', ')}`,
    )
  const announced = Number(request.headers['content-length'] ?? 0)
  if (announced > options.limits.maxBodyBytes) throw tooLarge(options.limits.maxBodyBytes)
  return { signal, contentEncoding, announced: Number.isFinite(announced) ? announced : 0 }
}

/** CORS for browser SDKs, only for origins that were configured. True when the request was a preflight and is answered. */
function answerBrowser(request: IncomingMessage, response: ServerResponse, { corsOrigins }: HttpReceiverOptions): boolean {
  const { origin } = request.headers
  const isAllowed = origin !== undefined && (corsOrigins.includes(origin) || corsOrigins.includes('*'))
  if (isAllowed) {
    response.setHeader('access-control-allow-origin', origin)
    response.setHeader('vary', 'origin')
  }
  if (!isAllowed || request.method !== 'OPTIONS') return false
  response.setHeader('access-control-allow-methods', 'POST')
  response.setHeader('access-control-allow-headers', request.headers['access-control-request-headers'] ?? 'content-type')
  response.setHeader('access-control-max-age', '7200')
  response.writeHead(204).end()
  return true
}

function answer(response: ServerResponse, code: number, type: string, body: Buffer): void {
  if (response.destroyed || response.headersSent) return
  response.writeHead(code, { 'content-type': type, 'content-length': body.length })
  response.end(body)
}

function answerError(response: ServerResponse, status: number, message: string, encoding: Encoding): void {
  const code = RPC_CODE[status] ?? 2
  if (encoding === 'json') answer(response, status, 'application/json', Buffer.from(JSON.stringify({ code, message })))
  else answer(response, status, 'application/x-protobuf', rpcStatus(code, message))
}
