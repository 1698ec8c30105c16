/**
 * The SDK's one way into a function tool, `invokeFunctionTool` → the guards are asked before, and what a refused tool is told goes to the model
 * as the tool's own answer; the loop goes on. Where tracing is on the SDK's span of the call gets call id and hashes, else the call gets a span of
 * ours. Tools that are agents, and tools of MCP servers, come this way too.
 */
import { AGENTOPZ, GEN_AI } from '../../model/semconv.ts'
import { closeRefused, closeTool, failTool, isEmpty, openTool, type OpenTool } from '../guard-tool.ts'
import { GuardError } from '../guards/guards.ts'
import { recordIntervention } from '../interventions.ts'
import { contained } from '../log.ts'
import { type Context, otel } from '../otel.ts'
import type { Refusal } from '../run-scope.ts'
import { fingerprint, runtime } from '../runtime.ts'
import type { Method } from './framework-run.ts'
import { currentSpan, type Held, type SdkSpan } from './openai-agents-spans.ts'

/** What the SDK's default `errorFunction` answers in place of a tool that threw: where nothing is traced the only sign of it. */
const DEFAULT_ANSWER = 'An error occurred while running the tool. Please try again.'

interface Invocation {
  readonly tool: { readonly name: string }
  readonly input: unknown
  readonly details?: { readonly toolCall?: { readonly callId?: string } }
}

interface Call {
  readonly context: Context
  readonly refusal: Refusal | undefined
  ended(result: unknown): void
  failed(error: unknown): void
}

/** Wraps `invokeFunctionTool(invocation)`. */
export function wrapInvoke(original: Method): Method {
  const wrapped: Method = function (this: unknown, ...args) {
    const call = contained('openai-agents tool', () => openCall(args[0] as Invocation))
    if (call === undefined) return original.apply(this, args)
    if (call.refusal !== undefined) return Promise.resolve(call.refusal.fallback ?? new GuardError(call.refusal).message)
    // An async function: it throws nothing but by its promise, which is handed on as it is.
    const result = otel().context.with(call.context, () => original.apply(this, args)) as Promise<unknown>
    result.then(
      (value) => contained('openai-agents tool', () => call.ended(value)),
      (error: unknown) => contained('openai-agents tool', () => call.failed(error)),
    )
    return result
  }
  for (const key of ['name', 'length'] as const) Object.defineProperty(wrapped, key, { value: original[key], configurable: true })
  return wrapped
}

function openCall(invocation: Invocation): Call | undefined {
  if (!runtime().active) return undefined
  const current = currentSpan()
  const held = current?.held
  return current === undefined || held?.span === undefined || held.sdk.spanData.type !== 'function'
    ? openUntraced(invocation)
    : openTraced(invocation, current.sdk, held)
}

/** Below the SDK's own span of the call. */
function openTraced({ tool: { name }, input, details }: Invocation, sdk: SdkSpan, held: Held): Call | undefined {
  const { home, span } = held
  if (home === undefined || span === undefined) return undefined
  const { run } = home
  const { guards } = runtime()
  const refusal = guards.admitTool(run, run.agent, name, Date.now())
  held.tool = refusal === undefined ? 'admitted' : 'blocked'
  span.setAttributes({
    [AGENTOPZ.step]: run.steps,
    ...(typeof input === 'string' ? { [AGENTOPZ.argumentsHash]: fingerprint(input) } : {}),
    ...(details?.toolCall?.callId === undefined ? {} : { [GEN_AI.toolCallId]: details.toolCall.callId }),
  })
  if (refusal !== undefined) {
    span.setAttribute(AGENTOPZ.blocked, true)
    recordIntervention(run, refusal, 'tool_error', span)
  }
  const ended = (outcome: 'success' | 'failure'): void => guards.toolEnded(run.agent, name, outcome, Date.now())
  return {
    context: otel().trace.setSpan(otel().context.active(), span),
    refusal,
    ended: (result) => {
      // A tool that threw has an answer too, by its `errorFunction`; the SDK says so on its span.
      const failed = sdk.error !== null
      ended(failed ? 'failure' : 'success')
      if (!failed) span.setAttribute(AGENTOPZ.resultEmpty, isEmpty(result))
    },
    failed: () => ended('failure'),
  }
}

/** Where tracing is off, the call is told of by nobody else. */
function openUntraced({ tool: { name }, input, details }: Invocation): Call {
  const callId = details?.toolCall?.callId
  const open: OpenTool = openTool(name, input, callId === undefined ? {} : { callId })
  if (open.refusal !== undefined) closeRefused(open)
  return {
    context: open.context,
    refusal: open.refusal,
    ended: (result) => closeTool(open, result, result === DEFAULT_ANSWER),
    failed: (error) => failTool(open, error),
  }
}
