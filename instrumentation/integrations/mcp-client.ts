/**
 * The client's side of MCP: a request → guard, CLIENT span, trace context in `params._meta`, outcome. A refused tool answers with a result that
 * says so (`isError`), which every agent hands to its model; inside a framework's own tool span that span is enriched and no second one made.
 * Outside of every run and trace nothing is sent and no span is made: such a call is no agent's.
 */
import { AGENTOPZ, GEN_AI, GENERAL } from '../../model/semconv.ts'
import { takeAsked } from '../asked-tool.ts'
import { putContent } from '../content.ts'
import { ALLOWED } from '../controls/view.ts'
import { GuardError } from '../guards/guards.ts'
import { refuseToolCall } from '../guards/policy.ts'
import { recordIntervention } from '../interventions.ts'
import { contained } from '../log.ts'
import { activeSpan, type Attributes, type Context, otel, type Span, SpanKind, tracer } from '../otel.ts'
import type { Refusal, RunScope } from '../run-scope.ts'
import { fingerprint, runtime } from '../runtime.ts'
import * as message from './mcp-message.ts'

/** Names that frameworks' own tool spans give the tool. */
const TOOL_NAMES = [GEN_AI.toolName, 'ai.toolCall.name', 'genkit:name'] as const
/** What goes to a server: the trace's own keys, which the protocol reserves in `_meta`, and nothing else. */
const CARRIED = ['traceparent', 'tracestate'] as const

type Request = (this: unknown, ...args: unknown[]) => unknown

interface Open {
  readonly target: message.Target
  readonly agent: string
  readonly run: RunScope | undefined
  /** The span of this call, or the framework's around it. */
  readonly span: Span | undefined
  readonly isOwnSpan: boolean
  readonly context: Context
  readonly refusal: Refusal | undefined
  /** The run is held open until the call ends. */
  readonly isHeld: boolean
}

/** Wraps `Protocol.prototype.request(request, …)`. */
export function wrapRequest(original: Request): Request {
  return function (this: unknown, ...args) {
    const options = message.fields(args.at(-1))
    const open = contained('mcp client', () => openRequest(this, message.fields(args[0])))
    if (open === undefined) return original.apply(this, args)
    if (open.refusal !== undefined) return refused(open, open.refusal, options)
    const sent = contained('mcp client', () => withContext(args[0], open)) ?? args[0]
    let result: unknown
    try {
      result = otel().context.with(open.context, () => original.call(this, sent, ...args.slice(1)))
    } catch (error) {
      contained('mcp client', () => fail(open, error, options))
      throw error
    }
    // Beside the promise, which is handed on as it is: nothing of its timing or class changes.
    Promise.resolve(result).then(
      (value) => contained('mcp client', () => close(open, value)),
      (error: unknown) => contained('mcp client', () => fail(open, error, options)),
    )
    return result
  }
}

function openRequest(protocol: unknown, request: message.Json | undefined): Open | undefined {
  const target = message.targetOf(request?.['method'], request?.['params'])
  if (target === undefined || !runtime().active) return undefined
  const located = runtime().runs.locate(Date.now())
  const tool = target.method === message.CALL_TOOL ? target.name : undefined
  const around = spanOf(located.parent) ?? activeSpan()
  if (tool !== undefined && around !== undefined && isSpanOf(around, tool)) return openWithin(protocol, target, tool, around, located.run)
  const claim = tool === undefined ? claimOf(located.run) : claimTool(target, tool, located.run)
  const parent = located.parent ?? parentOf(claim.run)
  if (parent === undefined) return { ...claim, target, span: undefined, isOwnSpan: false, context: otel().context.active() }
  const span = startSpan(protocol, target, claim, parent)
  return { ...claim, target, span, isOwnSpan: true, context: activated(span) }
}

/** Whose request this is, and what the guards say. */
interface Claim {
  readonly run: RunScope | undefined
  readonly agent: string
  readonly refusal: Refusal | undefined
  readonly isHeld: boolean
  readonly callId?: string
}

const claimOf = (run: RunScope | undefined): Claim => ({
  run,
  agent: run?.agent ?? runtime().runs.defaults.agent,
  refusal: undefined,
  isHeld: false,
})

function claimTool(target: message.Target, tool: string, located: RunScope | undefined): Claim {
  const asked = takeAsked(tool, fingerprint(message.argumentsText(target)), located)
  const claim = claimOf(located ?? asked?.run)
  const refusal = runtime().guards.admitTool(claim.run, claim.agent, tool, Date.now())
  const isHeld = refusal === undefined && hold(claim.run, 1)
  return { ...claim, refusal, isHeld, ...(asked?.callId === undefined ? {} : { callId: asked.callId }) }
}

function startSpan(protocol: unknown, target: message.Target, { run, callId }: Claim, parent: Context): Span {
  const isTool = target.method === message.CALL_TOOL
  const attributes = {
    ...message.attributesOf(target),
    ...connection(protocol),
    ...message.known({
      [GEN_AI.toolCallId]: callId,
      [AGENTOPZ.runId]: run?.id,
      [AGENTOPZ.step]: isTool ? run?.steps : undefined,
    }),
  }
  const span = tracer().startSpan(message.spanName(target), { kind: SpanKind.CLIENT, attributes }, parent)
  if (isTool) {
    // After its start: a tool span that somebody else starts says that tools are reported and need not be inferred. This one speaks for MCP only.
    span.setAttribute(GEN_AI.operation, 'execute_tool')
    putContent(span, GEN_AI.toolArguments, message.argumentsText(target))
  }
  return span
}

/** Inside a framework's span of the same call: its seam has asked the guards, where it has one; an operator's word counts in any case. */
function openWithin(protocol: unknown, target: message.Target, tool: string, span: Span, run: RunScope | undefined): Open {
  const { agent } = claimOf(run)
  span.setAttributes({ [GENERAL.mcpMethod]: target.method, ...connection(protocol) })
  const controls = runtime().guards.controls.tool(agent, tool)
  const refusal = refuseToolCall(undefined, tool, { agent: ALLOWED, byId: ALLOWED, controls, isOpen: false })
  return { target, agent, run, span, isOwnSpan: false, context: activated(span), refusal, isHeld: false }
}

const spanOf = (context: Context | undefined): Span | undefined => (context === undefined ? undefined : otel().trace.getSpan(context))

/** What is active here, with this span. */
const activated = (span: Span): Context => otel().trace.setSpan(otel().context.active(), span)

/** True for a framework's span of the call of this tool; frameworks put the server's name before the tool's. */
function isSpanOf(span: Span, tool: string): boolean {
  if (!span.isRecording()) return false
  const attributes = (span as { readonly attributes?: message.Json }).attributes
  const name = TOOL_NAMES.map((key) => attributes?.[key]).find((value) => typeof value === 'string')
  if (typeof name !== 'string' || attributes?.[GENERAL.mcpMethod] !== undefined) return false
  return name === tool || (name.endsWith(tool) && /[^a-z0-9]$/i.test(name.slice(0, -tool.length)))
}

/** Where this request belongs; undefined outside of every run and trace. */
function parentOf(run: RunScope | undefined): Context | undefined {
  const api = otel()
  const active = api.context.active()
  if (api.trace.getSpanContext(active) !== undefined) return active
  return run?.root === undefined ? undefined : api.trace.setSpan(active, run.root)
}

/** Session and transport of a connection. */
function connection(protocol: unknown): Attributes {
  const transport = (protocol as { readonly transport?: { readonly sessionId?: unknown } } | undefined)?.transport
  const kind = /^(Stdio|StreamableHTTP|SSE|WebSocket)/.exec(transport?.constructor.name ?? '')?.[1]
  return message.known({
    'mcp.session.id': message.idText(transport?.sessionId),
    'network.transport': kind === undefined ? undefined : kind === 'Stdio' ? 'pipe' : 'tcp',
  })
}

/** The request with the trace's context in `_meta`; what the caller put there stays, and wins. */
function withContext(request: unknown, { span, context, target }: Open): unknown {
  if (span === undefined) return request
  const carrier: Record<string, string> = {}
  otel().propagation.inject(context, carrier)
  const carried = CARRIED.flatMap((key) => (carrier[key] === undefined ? [] : [[key, carrier[key]] as const]))
  if (carried.length === 0) return request
  const meta = { ...Object.fromEntries(carried), ...message.fields(target.params['_meta']) }
  return { ...message.fields(request), params: { ...target.params, _meta: meta } }
}

/** A tool under way holds its run open: a model called by the server, through us, must not end it with its answer. */
function hold(run: RunScope | undefined, by: 1 | -1): boolean {
  if (run?.kind !== 'implied') return false
  run.reservedCalls += by
  return true
}

function close({ target, agent, run, span, isOwnSpan, isHeld }: Open, result: unknown): void {
  const failed = message.isToolError(result)
  if (isHeld) hold(run, -1)
  if (isOwnSpan || span === undefined) ended(target, agent, failed ? 'failure' : 'success')
  if (span === undefined) return
  if (isOwnSpan || failed) message.writeResult(span, target, result)
  if (isOwnSpan) span.end()
}

function fail({ target, agent, run, span, isOwnSpan, isHeld }: Open, error: unknown, options: message.Json | undefined): void {
  if (isHeld) hold(run, -1)
  const isCancelled = (options?.['signal'] as AbortSignal | undefined)?.aborted === true
  // A call that its caller gave up says nothing about the tool.
  if ((isOwnSpan || span === undefined) && !isCancelled) ended(target, agent, 'failure')
  if (span === undefined || !isOwnSpan) return
  message.writeFailure(span, error, isCancelled ? 'cancelled' : undefined)
  span.end()
}

function ended({ method, name }: message.Target, agent: string, outcome: 'success' | 'failure'): void {
  if (method === message.CALL_TOOL && name !== undefined) runtime().guards.toolEnded(agent, name, outcome, Date.now())
}

/** What a refused tool answers. A task has no result of that form: there it is an error. */
function refused({ run, span, isOwnSpan }: Open, refusal: Refusal, options: message.Json | undefined): Promise<unknown> {
  contained('mcp client', () => {
    span?.setAttribute(AGENTOPZ.blocked, true)
    recordIntervention(run, refusal, 'tool_error', span)
    if (isOwnSpan) span?.end()
  })
  if (options?.['task'] !== undefined) return Promise.reject(new GuardError(refusal))
  return Promise.resolve({ content: [{ type: 'text', text: refusal.fallback ?? new GuardError(refusal).message }], isError: true })
}
