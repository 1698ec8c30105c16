/**
 * runAgent(): one run of an agent, declared by the application. Opens the run's span and scope; everything made inside (model calls, tools, runs
 * of sub-agents) belongs to it, and guards count for it. A run inside a run is a sub-agent: it shares the outer run's budget (R1).
 */
import { AGENTOPZ, GEN_AI, GENERAL } from '../model/semconv.ts'
import { thrown } from './model-call.ts'
import { contained } from './log.ts'
import { otel, type Span, SpanKind, SpanStatusCode, tracer } from './otel.ts'
import type { RunScope } from './run-scope.ts'
import { runtime } from './runtime.ts'

export interface RunAgentOptions {
  /** `gen_ai.agent.version`. */
  readonly version?: string
  /** `gen_ai.conversation.id`. */
  readonly conversation?: string
  /** An id of the application's own for the run, to stop it by; made up when left out. */
  readonly id?: string
}

/** What the function that runs the agent is given. */
export interface RunHandle {
  readonly id: string
  /** US dollars so far, of calls whose price is known. */
  readonly costUsd: number
  readonly steps: number
  /** Says that the run failed although nothing was thrown. */
  fail(reason: string): void
}

/** Runs `work` as a run of the agent `name`; returns what it returns and throws what it throws. */
export function runAgent<T>(name: string, options: RunAgentOptions, work: (run: RunHandle) => T): T
export function runAgent<T>(name: string, work: (run: RunHandle) => T): T
export function runAgent<T>(name: string, second: RunAgentOptions | ((run: RunHandle) => T), third?: (run: RunHandle) => T): T {
  const work = typeof second === 'function' ? second : third
  const options = typeof second === 'function' ? {} : second
  if (work === undefined) throw new TypeError('runAgent(name, options, work): work is missing; pass the function that runs the agent')
  const opened = contained('runAgent', () => open(name, options))
  if (opened === undefined) return work({ id: options.id ?? '', costUsd: 0, steps: 0, fail: () => undefined })
  const { run, span, isOuter } = opened
  const handle: RunHandle = {
    id: run.id,
    get costUsd() {
      return run.costUsd
    },
    get steps() {
      return run.steps
    },
    fail: (reason) =>
      contained('runAgent', () => {
        opened.hasFailed = true
        span.setAttribute(GENERAL.errorType, 'agent_failed')
        span.setStatus({ code: SpanStatusCode.ERROR, message: reason.slice(0, 256) })
      }),
  }
  const api = otel()
  const inside = (): T => api.context.with(api.trace.setSpan(api.context.active(), span), () => work(handle))
  const end = (error?: unknown): void => contained('runAgent', () => close(opened, error))
  let result: T
  try {
    result = isOuter ? runtime().runs.within(run, inside) : inside()
  } catch (error) {
    end(error)
    throw error
  }
  if (!isThenable(result)) {
    end()
    return result
  }
  const failed = (error: unknown): never => {
    end(error)
    throw error
  }
  // What follows a plain promise is as good as it, and leaves a rejection unhandled where the application does.
  if (result instanceof Promise && result.constructor === Promise)
    return (result as Promise<unknown>).then((value) => {
      end()
      return value
    }, failed) as T
  // Another kind (an SDK's promise with methods of its own) is handed on as it is.
  result.then(
    () => end(),
    (error: unknown) => end(error),
  )
  return result
}

interface Opened {
  readonly run: RunScope
  readonly span: Span
  readonly isOuter: boolean
  hasFailed: boolean
}

function open(name: string, options: RunAgentOptions): Opened | undefined {
  const { active, runs } = runtime()
  if (!active) return undefined
  const outer = runs.explicit?.kind === 'explicit' ? runs.explicit : undefined
  const run =
    outer ??
    runs.create('explicit', Date.now(), {
      agent: name,
      ...(options.version === undefined ? {} : { version: options.version }),
      ...(options.id === undefined ? {} : { id: options.id }),
    })
  const span = tracer().startSpan(`invoke_agent ${name}`, {
    kind: SpanKind.INTERNAL,
    attributes: {
      [GEN_AI.operation]: 'invoke_agent',
      [GEN_AI.agentName]: name,
      [AGENTOPZ.runId]: run.id,
      ...(options.version === undefined ? {} : { [GEN_AI.agentVersion]: options.version }),
      ...(options.conversation === undefined ? {} : { [GEN_AI.conversationId]: options.conversation }),
    },
  })
  if (outer === undefined) {
    run.root = span
    const { traceId } = span.spanContext()
    if (!/^0+$/.test(traceId)) runs.bindTrace(traceId, run)
  }
  return { run, span, isOuter: outer === undefined, hasFailed: false }
}

function close({ run, span, isOuter, hasFailed }: Opened, error: unknown): void {
  if (error !== undefined) {
    const { type, message } = thrown(error)
    span.setAttribute(GENERAL.errorType, type)
    span.setStatus({ code: SpanStatusCode.ERROR, message })
  }
  if (isOuter) {
    if (run.release !== undefined)
      span.setAttributes({
        [GEN_AI.promptVersion]: run.release,
        ...(run.promptName === undefined ? {} : { [GEN_AI.promptName]: run.promptName }),
      })
    if (run.stopped !== undefined) span.setAttribute(AGENTOPZ.stoppedBy, run.stopped.guard)
    span.setAttribute(AGENTOPZ.outcome, run.stopped !== undefined ? 'stopped' : error === undefined && !hasFailed ? 'ok' : 'error')
    run.root = undefined
  }
  span.end()
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
