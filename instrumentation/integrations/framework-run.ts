/**
 * Runs that a framework opens. The outermost agent around some code is the run; an agent inside it is a sub-agent and shares its limits (R1).
 * `enterAgent` finds or makes the run, `spanOfAgent` gives it a span where the framework emits none, `inAgent` runs the framework's code inside.
 * Frameworks hand out work piece by piece (generators, handlers), so inside and outside are entered per piece and never left open.
 */
import { AGENTOPZ, GEN_AI, GENERAL } from '../../model/semconv.ts'
import { closeRefused } from '../guard-tool.ts'
import { GuardError } from '../guards/guards.ts'
import { contained } from '../log.ts'
import { thrown } from '../model-call.ts'
import { type Attributes, type Context, otel, type Span, SpanKind, SpanStatusCode, tracer } from '../otel.ts'
import type { RunScope } from '../run-scope.ts'
import { fingerprint, runtime } from '../runtime.ts'

export { type Method, patchMethod, throughSteps, watched } from './patching.ts'

export interface AgentCall {
  readonly run: RunScope
  /** The run is this agent's own; false for a sub-agent. */
  readonly isOuter: boolean
  /** What is active inside: the caller's context, and our span where we made one. */
  readonly context: Context
  /** Ours; undefined where the framework makes its own. */
  readonly span: Span | undefined
  ended: boolean
}

/** The run that an agent called here belongs to: that of the agent around it, else a new one of its own. */
export function enterAgent(name: string | undefined): AgentCall {
  const { runs } = runtime()
  const outer = outerRun()
  const run = outer ?? runs.create('explicit', Date.now(), name === undefined || name === '' ? {} : { agent: name })
  return { run, isOuter: outer === undefined, context: otel().context.active(), span: undefined, ended: false }
}

/** The run of the agent around this code: one that was opened as such, or one whose `invoke_agent` span is open in this trace. */
function outerRun(): RunScope | undefined {
  const { runs } = runtime()
  const explicit = runs.explicit
  if (explicit?.kind === 'explicit') return explicit
  const traceId = otel().trace.getActiveSpan()?.spanContext().traceId
  const traced = traceId === undefined ? undefined : runs.knownOfTrace(traceId)
  return traced?.kind === 'trace' && traced.root !== undefined ? traced : undefined
}

/** Gives the call an `invoke_agent` span of ours. */
export function spanOfAgent(call: AgentCall, name: string, attributes: Attributes = {}): AgentCall {
  const span = tracer().startSpan(
    `invoke_agent ${name}`.trim(),
    {
      kind: SpanKind.INTERNAL,
      attributes: {
        [GEN_AI.operation]: 'invoke_agent',
        ...(name === '' ? {} : { [GEN_AI.agentName]: name }),
        [AGENTOPZ.runId]: call.run.id,
        ...attributes,
      },
    },
    call.context,
  )
  if (call.isOuter) adoptRoot(call.run, span)
  return { ...call, span, context: otel().trace.setSpan(call.context, span) }
}

/** Makes a span, ours or the framework's, the root of its run: guards write on it, and the other spans of its trace find the run. */
export function adoptRoot(run: RunScope, span: Span): void {
  run.root = span
  const { traceId } = span.spanContext()
  if (!/^0+$/.test(traceId)) runtime().runs.bindTrace(traceId, run)
}

/** Runs the framework's code inside the agent: its model calls and tools belong to the run, their spans below `context`. */
export function inAgent<T>(call: AgentCall, work: () => T, context: Context = call.context): T {
  const inside = (): T => otel().context.with(context, work)
  return runtime().runs.explicit === call.run ? inside() : runtime().runs.within(call.run, inside)
}

/** The agent is done; `error` is what it failed with. Says so on our span, once. */
export function leaveAgent(call: AgentCall, error?: unknown): void {
  if (call.ended) return
  call.ended = true
  contained('end of an agent', () => {
    const { run, span, isOuter } = call
    if (span === undefined) {
      if (isOuter) run.root = undefined
      return
    }
    if (error !== undefined) {
      const { type, message } = thrown(error)
      span.setAttribute(GENERAL.errorType, type)
      span.setStatus({ code: SpanStatusCode.ERROR, message })
    }
    if (isOuter) {
      if (run.stopped !== undefined) span.setAttribute(AGENTOPZ.stoppedBy, run.stopped.guard)
      span.setAttribute(AGENTOPZ.outcome, run.stopped !== undefined ? 'stopped' : error === undefined ? 'ok' : 'error')
    }
    // The span processor writes release and version on a root while it is one.
    span.end()
    if (isOuter) run.root = undefined
  })
}

/**
 * Asks the guards for a tool that the framework itself reports. Refused, the call gets a span of ours, since the framework never starts it; the
 * error is what the model or the caller is to be told.
 */
export function admitTool(
  name: string,
  args: unknown,
  callId?: string,
): { readonly ended: (failed: boolean) => void } | { readonly error: GuardError } {
  const { runs, guards } = runtime()
  const now = Date.now()
  const { run } = runs.locate(now)
  // None are made from what the model asked for.
  if (run !== undefined) run.hasToolSpans = true
  const agent = run?.agent ?? runs.defaults.agent
  const refusal = guards.admitTool(run, agent, name, now)
  if (refusal === undefined) return { ended: (failed) => guards.toolEnded(agent, name, failed ? 'failure' : 'success', Date.now()) }
  const context = otel().context.active()
  const span = tracer().startSpan(
    `execute_tool ${name}`,
    {
      kind: SpanKind.INTERNAL,
      attributes: {
        [GEN_AI.operation]: 'execute_tool',
        [GEN_AI.toolName]: name,
        [AGENTOPZ.argumentsHash]: fingerprint(textOf(args)),
        ...(callId === undefined ? {} : { [GEN_AI.toolCallId]: callId }),
        ...(run === undefined ? {} : { [AGENTOPZ.runId]: run.id, [AGENTOPZ.step]: run.steps }),
      },
    },
    context,
  )
  closeRefused({ name, agent, run, span, context, refusal })
  return { error: new GuardError(refusal) }
}

function textOf(args: unknown): string {
  try {
    return typeof args === 'string' ? args : (JSON.stringify(args) ?? '')
  } catch {
    // Cyclic: they are all alike.
    return ''
  }
}
