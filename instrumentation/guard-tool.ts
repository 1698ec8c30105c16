/**
 * guardTool(): a tool function with a span, a breaker and a fallback. A refused call throws a `GuardError` whose message a model can read and
 * work around (frameworks hand a tool's error to the model), or returns the tool's own fallback.
 */
import { AGENTOPZ, GEN_AI, GENERAL } from '../model/semconv.ts'
import { putContent } from './content.ts'
import { GuardError } from './guards/guards.ts'
import { recordIntervention } from './interventions.ts'
import { contained } from './log.ts'
import { thrown } from './model-call.ts'
import { type Context, otel, type Span, SpanKind, SpanStatusCode, tracer } from './otel.ts'
import type { Refusal, RunScope } from './run-scope.ts'
import { fingerprint, runtime } from './runtime.ts'

export interface ToolOptions<A extends readonly unknown[], R> {
  /** Answers instead of the tool while it is refused. */
  readonly fallback?: (refusal: Refusal, ...args: A) => R
  /** True for a result that means failure though nothing was thrown; it counts for the breaker and on the span. */
  readonly isFailure?: (result: Awaited<R>) => boolean
}

/** Wraps a tool function; arguments, `this`, result and exceptions are the function's own. */
export function guardTool<A extends readonly unknown[], R>(
  name: string,
  work: (...args: A) => R,
  options: ToolOptions<A, R> = {},
): (...args: A) => R {
  // An async function rejects and does not throw; of another it is known once it returned a promise.
  let isAsync = work.constructor.name === 'AsyncFunction'
  const guarded = function (this: unknown, ...args: A): R {
    if (!runtime().active) return work.call(this, ...args)
    const call = contained('guardTool', () => openTool(name, args.length === 1 ? args[0] : args))
    if (call === undefined) return work.call(this, ...args)
    if (call.refusal !== undefined) {
      closeRefused(call)
      if (options.fallback !== undefined) return options.fallback(call.refusal, ...args)
      const error = new GuardError(call.refusal)
      if (isAsync) return Promise.reject(error) as R
      throw error
    }
    const settle = (result: Awaited<R>): void => {
      const failed = contained('isFailure', () => options.isFailure?.(result)) === true
      contained('guardTool', () => closeTool(call, result, failed))
    }
    let result: R
    try {
      result = otel().context.with(call.context, () => work.call(this, ...args))
    } catch (error) {
      contained('guardTool', () => failTool(call, error))
      throw error
    }
    if (!(result instanceof Promise)) {
      settle(result as Awaited<R>)
      return result
    }
    isAsync = true
    return (result as Promise<Awaited<R>>).then(
      (value) => {
        settle(value)
        return value
      },
      (error: unknown) => {
        contained('guardTool', () => failTool(call, error))
        throw error
      },
    ) as R
  }
  for (const key of ['name', 'length'] as const) Object.defineProperty(guarded, key, { value: work[key], configurable: true })
  return guarded
}

/** A tool call under way, for framework seams that see begin and end apart. */
export interface OpenTool {
  readonly name: string
  readonly agent: string
  readonly run: RunScope | undefined
  readonly span: Span
  readonly context: Context
  readonly refusal: Refusal | undefined
}

/** Opens a tool's span and asks the guards. `parent` is the active context when left out. */
export function openTool(name: string, args: unknown, more: { readonly callId?: string; readonly parent?: Context } = {}): OpenTool {
  const { runs, guards } = runtime()
  const now = Date.now()
  const located = runs.locate(now)
  const { run } = located
  const agent = run?.agent ?? runs.defaults.agent
  const refusal = guards.admitTool(run, agent, name, now)
  if (run !== undefined) run.hasToolSpans = true
  const api = otel()
  const parent = more.parent ?? located.parent ?? api.context.active()
  const text = argumentsText(args)
  const span = tracer().startSpan(
    `execute_tool ${name}`,
    {
      kind: SpanKind.INTERNAL,
      attributes: {
        [GEN_AI.operation]: 'execute_tool',
        [GEN_AI.toolName]: name,
        [AGENTOPZ.argumentsHash]: fingerprint(text),
        ...(more.callId === undefined ? {} : { [GEN_AI.toolCallId]: more.callId }),
        ...(run === undefined ? {} : { [AGENTOPZ.runId]: run.id, [AGENTOPZ.step]: run.steps }),
      },
    },
    parent,
  )
  putContent(span, GEN_AI.toolArguments, text)
  return { name, agent, run, span, context: api.trace.setSpan(parent, span), refusal }
}

/** Ends the span of a refused call: blocked, with the guard's reason. */
export function closeRefused({ span, run, refusal }: OpenTool): void {
  contained('refused tool', () => {
    if (refusal === undefined) return
    span.setAttribute(AGENTOPZ.blocked, true)
    recordIntervention(run, refusal, 'tool_error', span)
    span.end()
  })
}

/** Ends a tool call that returned. */
export function closeTool({ span, agent, name }: OpenTool, result: unknown, failed = false): void {
  runtime().guards.toolEnded(agent, name, failed ? 'failure' : 'success', Date.now())
  if (failed) {
    span.setAttribute(GENERAL.errorType, 'tool_error')
    span.setStatus({ code: SpanStatusCode.ERROR })
  } else span.setAttribute(AGENTOPZ.resultEmpty, isEmpty(result))
  if (result !== undefined) putContent(span, GEN_AI.toolResult, argumentsText(result))
  span.end()
}

/** Ends a tool call that threw. */
export function failTool({ span, agent, name }: OpenTool, error: unknown): void {
  runtime().guards.toolEnded(agent, name, 'failure', Date.now())
  const { type, message } = thrown(error)
  span.setAttribute(GENERAL.errorType, type)
  span.setStatus({ code: SpanStatusCode.ERROR, message })
  span.end()
}

function argumentsText(args: unknown): string {
  if (typeof args === 'string') return args
  try {
    return JSON.stringify(args) ?? ''
  } catch {
    // Cyclic arguments have no text; they are all alike to a loop guard.
    return ''
  }
}

/** Nothing came back: null, "", [] or {}. */
export function isEmpty(result: unknown): boolean {
  if (result === undefined || result === null || result === '') return true
  if (Array.isArray(result)) return result.length === 0
  return typeof result === 'object' && Object.getPrototypeOf(result) === Object.prototype && Object.keys(result).length === 0
}
