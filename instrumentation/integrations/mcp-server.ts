/**
 * The other side of MCP: a request handler → SERVER span below the caller's, by the trace context in `_meta`. Handlers of clients (sampling,
 * elicitation) are served the same way. Without a caller's context there is no span: a tool called by a program that tells nothing is no run
 * of an agent here.
 */
import { GEN_AI } from '../../model/semconv.ts'
import { contained } from '../log.ts'
import { type Context, otel, ROOT_CONTEXT, type Span, SpanKind, tracer } from '../otel.ts'
import { runtime } from '../runtime.ts'
import * as message from './mcp-message.ts'

type Method = (this: unknown, ...args: unknown[]) => unknown

/** JSON-RPC codes that say that the caller was wrong: no error of the server's. */
const CALLERS_FAULT: ReadonlySet<string> = new Set(['-32700', '-32600', '-32601', '-32602', '-32002'])

interface Served {
  readonly target: message.Target
  readonly span: Span
  readonly context: Context
}

/** Wraps `Protocol.prototype.setRequestHandler(schema or method, …, handler)`. */
export function wrapSetHandler(original: Method): Method {
  return function (this: unknown, ...args) {
    const at = args.findLastIndex((arg) => typeof arg === 'function')
    // The first argument names the request; a schema may be callable.
    if (at < 1) return original.apply(this, args)
    const method = typeof args[0] === 'string' ? args[0] : undefined
    return original.apply(this, args.with(at, wrapHandler(args[at] as Method, method)))
  }
}

function wrapHandler(handler: Method, method: string | undefined): Method {
  return function (this: unknown, ...args) {
    const served = contained('mcp server', () => serve(method, message.fields(args[0]), message.fields(args[1])))
    if (served === undefined) return handler.apply(this, args)
    let result: unknown
    try {
      result = otel().context.with(served.context, () => handler.apply(this, args))
    } catch (error) {
      contained('mcp server', () => fail(served, error))
      throw error
    }
    Promise.resolve(result).then(
      (value) =>
        contained('mcp server', () => {
          message.writeResult(served.span, served.target, value)
          served.span.end()
        }),
      (error: unknown) => contained('mcp server', () => fail(served, error)),
    )
    return result
  }
}

function serve(method: string | undefined, request: message.Json | undefined, extra: message.Json | undefined): Served | undefined {
  if (!runtime().active) return undefined
  // Handlers with schemas of their own are given the parameters alone.
  const params = message.fields(request?.['params']) ?? (method === undefined ? undefined : request)
  const target = message.targetOf(request?.['method'] ?? method, params)
  if (target === undefined) return undefined
  // Version 2 keeps what version 1 says of a request one level below.
  const about = { ...message.fields(extra?.['mcpReq']), ...extra }
  const parent = callersContext(message.fields(about['_meta']) ?? message.fields(params?.['_meta']))
  if (parent === undefined) return undefined
  const attributes = {
    ...message.attributesOf(target),
    ...message.known({
      'jsonrpc.request.id': message.idText(about['requestId'] ?? about['id']),
      'mcp.session.id': message.idText(about['sessionId']),
    }),
  }
  const span = tracer().startSpan(message.spanName(target), { kind: SpanKind.SERVER, attributes }, parent)
  // After its start, as on the client's side: it does not mean that the tools of an agent in this process are reported.
  if (target.method === message.CALL_TOOL) span.setAttribute(GEN_AI.operation, 'execute_tool')
  const api = otel()
  return { target, span, context: api.trace.setSpan(api.context.active(), span) }
}

/** The trace that the caller is in, where it tells. */
function callersContext(meta: message.Json | undefined): Context | undefined {
  if (typeof meta?.['traceparent'] !== 'string') return undefined
  const api = otel()
  const context = api.propagation.extract(ROOT_CONTEXT, meta)
  return api.trace.getSpanContext(context) === undefined ? undefined : context
}

function fail({ span }: Served, error: unknown): void {
  const code = message.codeOf(error)
  if (code !== undefined && CALLERS_FAULT.has(code)) span.setAttribute('rpc.response.status_code', code)
  else message.writeFailure(span, error)
  span.end()
}
