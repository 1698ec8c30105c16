/**
 * One model call: guard before, span around, facts after. Every adapter that sees a call (fetch layer, node-fetch of old SDKs, Bedrock client)
 * goes through here, so that guards count the same and spans look the same.
 * Names: OpenTelemetry GenAI conventions (semantic-conventions-genai), whole input and output with cached and reasoning tokens inside.
 */
import { AGENTOPZ, GEN_AI, GENERAL } from '../model/semconv.ts'
import { addRequestContent, addAnswerContent } from './content.ts'
import type { Answer, ModelRequest } from './fetch/protocol.ts'
import type { Ending } from './fetch/read-answer.ts'
import { codeOf, GuardError, isRefusal, type Reservation } from './guards/guards.ts'
import { costOf } from './guards/prices.ts'
import { askedKey, endImplied, impliedRun, noteAnswer } from './implied-runs.ts'
import { recordIntervention } from './interventions.ts'
import { endLeft, noteRetry } from './left-calls.ts'
import { contained } from './log.ts'
import { activeSpan, type Attributes, type Context, otel, type Span, SpanKind, SpanStatusCode, tracer } from './otel.ts'
import { isModelCall } from './run-processor.ts'
import type { Refusal, RunScope } from './run-scope.ts'
import { fingerprint, runtime } from './runtime.ts'

/** What an adapter knows of a call before it is made. */
export interface CallFacts {
  readonly provider: string
  readonly request: ModelRequest
  /** Hash of the request's body; equal for a retry and for an identical request. */
  readonly bodyHash: string
  readonly bodyLength: number
  readonly host?: string
  readonly port?: number
  /** Attempt number from 0, where the SDK tells it. */
  readonly attempt?: number
}

/** A call that may go ahead. */
export interface OpenCall {
  readonly run: RunScope
  readonly reservation: Reservation
  readonly span: Span | undefined
  readonly context: Context
  readonly facts: CallFacts
  /** The call's own span is an outer layer's. */
  readonly isInner: boolean
}

/** May this call go ahead? Opens its span when it may; a refusal is on record when it may not. */
export function beginCall(facts: CallFacts, now: number): OpenCall | { readonly refusal: Refusal; readonly run: RunScope } {
  const { runs, guards } = runtime()
  const located = runs.locate(now)
  const active = activeSpan()
  const outer = located.modelCall ?? (isModelCall(active) ? active : undefined)
  const { request } = facts
  const run = located.run ?? impliedRun(facts, now)
  run.open()
  if ((facts.attempt ?? 0) > 0) noteRetry(attemptKey(run, facts))
  inferTools(run, request, located.parent, now)
  const estimate = costOf({ input: Math.ceil(facts.bodyLength / 4), output: facts.request.maxTokens ?? 256 }, facts.provider, [
    facts.request.model,
  ])
  const admitted = guards.admit(run, estimate, request.operation !== 'embeddings', now)
  if (isRefusal(admitted)) return { refusal: admitted, run }
  try {
    return openCall(facts, admitted, outer, located.parent ?? parentOf(run))
  } catch (error) {
    // What was set aside must not stay so, whatever is wrong with the span.
    guards.settle(admitted, 0, now)
    throw error
  }
}

function openCall(facts: CallFacts, reservation: Reservation, outer: Span | undefined, parent: Context): OpenCall {
  const { run } = reservation
  const span = outer === undefined ? startSpan(facts, run, parent) : undefined
  ;(span ?? outer)?.setAttributes(cohortAttributes(facts.request, run))
  const api = otel()
  return {
    run,
    reservation,
    span: span ?? outer,
    context: span === undefined ? api.context.active() : api.trace.setSpan(parent, span),
    facts,
    isInner: span === undefined,
  }
}

/** Context for spans of a run: what is active here, below the run's root where nothing is. */
function parentOf(run: RunScope): Context {
  const api = otel()
  const active = api.context.active()
  if (api.trace.getSpanContext(active) !== undefined) return active
  return run.root === undefined ? active : api.trace.setSpan(active, run.root)
}

function startSpan(facts: CallFacts, run: RunScope, parent: Context): Span {
  const { request, provider, host, port, attempt } = facts
  const attributes: Attributes = {
    [GEN_AI.operation]: request.operation,
    [GEN_AI.provider]: provider,
    [AGENTOPZ.runId]: run.id,
    ...(request.model === undefined ? {} : { [GEN_AI.requestModel]: request.model }),
    ...(run.isNamed && run.agent !== '' ? { [GEN_AI.agentName]: run.agent } : {}),
    ...(request.stream ? { 'gen_ai.request.stream': true } : {}),
    ...(request.maxTokens === undefined ? {} : { 'gen_ai.request.max_tokens': request.maxTokens }),
    ...(request.temperature === undefined ? {} : { 'gen_ai.request.temperature': request.temperature }),
    ...(request.conversation === undefined ? {} : { [GEN_AI.conversationId]: request.conversation }),
    ...(host === undefined ? {} : { [GENERAL.serverAddress]: host }),
    ...(port === undefined ? {} : { 'server.port': port }),
    ...(attempt === undefined || attempt === 0 ? {} : { 'http.request.resend_count': attempt }),
    ...(request.operation === 'embeddings' ? {} : { [AGENTOPZ.step]: run.steps }),
  }
  const span = tracer().startSpan(`${request.operation} ${request.model ?? ''}`.trim(), { kind: SpanKind.CLIENT, attributes }, parent)
  addRequestContent(span, request)
  return span
}

/** Hashes instead of content, and the release: what cohorts are made of. */
function cohortAttributes(request: ModelRequest, run: RunScope): Attributes {
  return {
    ...(request.instructions === undefined ? {} : { [AGENTOPZ.instructionsHash]: fingerprint(request.instructions) }),
    ...(request.tools === undefined ? {} : { [AGENTOPZ.toolsHash]: fingerprint(JSON.stringify(request.tools) ?? '') }),
    ...(run.release === undefined ? {} : { [GEN_AI.promptVersion]: run.release }),
    ...(run.release === undefined || run.promptName === undefined ? {} : { [GEN_AI.promptName]: run.promptName }),
  }
}

/** The call ended: settles the guard, writes the facts, ends the span. `status` is the HTTP status, where there is one. */
export function endCall(call: OpenCall, answer: Answer, ending: Ending, status: number | undefined, now: number): void {
  const { run, facts } = call
  const { guards } = runtime()
  // An abort by the caller is no failure of the model; but the SDK's own time limit aborts in the same way, and a retry may follow.
  const isLeft = typeof ending === 'object' && thrown(ending.error).type === 'cancelled'
  contained('end of a model call', () => {
    const cost = costOf(
      {
        ...(answer.inputTokens === undefined ? {} : { input: answer.inputTokens }),
        ...(answer.outputTokens === undefined ? {} : { output: answer.outputTokens }),
        ...(answer.cacheRead === undefined ? {} : { cacheRead: answer.cacheRead }),
        ...(answer.cacheWrite === undefined ? {} : { cacheWrite: answer.cacheWrite }),
      },
      facts.provider,
      [answer.model, facts.request.model],
    )
    const failed = typeof ending === 'object' || (status !== undefined && status >= 400) || answer.isError
    // A call that failed has cost nothing that anybody could tell: only what was answered is unknown or known.
    guards.settle(call.reservation, failed && !isLeft && cost === undefined ? 0 : cost, now)
    run.failedLast = failed
    run.leftLast = isLeft
    if (!failed) {
      if (guards.watchesLoops(run.agent)) run.noteRequest(facts.bodyHash)
      for (const t of answer.toolCalls) run.noteCall(t.name, fingerprint(t.args))
    }
    noteAnswer(run, facts, answer, failed, now)
  })
  // Where an outer layer made the span, the facts are its own.
  if (!call.isInner && call.span !== undefined) {
    const span = call.span
    contained('span of a model call', () => writeAnswer(span, answer, isLeft ? 'cancelled' : ending, status))
    contained('span end', () => (isLeft && facts.attempt !== undefined ? endLeft(attemptKey(run, facts), span, now) : span.end()))
  }
  contained('implied run', () => endImplied(run, answer, ending, status, now))
}

const attemptKey = (run: RunScope, facts: CallFacts): string => `${run.id} ${facts.bodyHash}`

function writeAnswer(span: Span, answer: Answer, ending: Ending, status: number | undefined): void {
  const put = (key: string, value: string | number | boolean | string[] | undefined): void => {
    if (value !== undefined) span.setAttribute(key, value)
  }
  put(GEN_AI.responseId, answer.id)
  put(GEN_AI.responseModel, answer.model)
  if (answer.finish.length > 0) put(GEN_AI.finishReasons, answer.finish)
  put(GEN_AI.inputTokens, answer.inputTokens)
  put(GEN_AI.outputTokens, answer.outputTokens)
  put(GEN_AI.cacheRead, answer.cacheRead)
  put(GEN_AI.cacheWrite, answer.cacheWrite)
  put(GEN_AI.reasoningTokens, answer.reasoning)
  put(GEN_AI.serviceTier, answer.serviceTier)
  if (status !== undefined && status >= 400) put('http.response.status_code', status)
  if (answer.isComplete) put(AGENTOPZ.outputEmpty, !answer.hasContent)
  addAnswerContent(span, answer)
  const error = errorOf(answer, ending, status)
  if (error !== undefined) {
    put(GENERAL.errorType, error.type)
    span.setStatus({ code: SpanStatusCode.ERROR, message: error.message })
  } else if (ending === 'cancelled' || ending === 'incomplete') put(AGENTOPZ.incomplete, true)
}

/** What went wrong, in the provider's word where it has one. */
function errorOf(answer: Answer, ending: Ending, status: number | undefined): { type: string; message: string } | undefined {
  if (answer.errorType !== undefined) return { type: answer.errorType, message: answer.errorMessage?.slice(0, 256) ?? '' }
  if (typeof ending === 'object') return thrown(ending.error)
  const message = answer.errorMessage?.slice(0, 256) ?? ''
  if (status !== undefined && status >= 400) return { type: String(status), message }
  return answer.isError ? { type: '_OTHER', message } : undefined
}

/** Type and message of an exception; an abort by the caller is `cancelled`. */
export function thrown(error: unknown): { type: string; message: string } {
  if (error instanceof GuardError) return { type: error.code, message: error.message }
  const e = error as { name?: unknown; code?: unknown; message?: unknown; cause?: { code?: unknown } } | undefined
  const message = typeof e?.message === 'string' ? e.message.slice(0, 256) : ''
  if (e?.name === 'AbortError') return { type: 'cancelled', message }
  if (e?.name === 'TimeoutError') return { type: 'timeout', message }
  const code = typeof e?.cause?.code === 'string' ? e.cause.code : typeof e?.code === 'string' ? e.code : undefined
  return { type: code ?? (typeof e?.name === 'string' ? e.name : '_OTHER'), message }
}

/** Puts a refused call on record: on the active span, the run's root, and a span of its own, so that the run is seen to be stopped. */
export function recordRefusedCall(run: RunScope, refusal: Refusal, action: 'fallback' | 'refused', facts: CallFacts): void {
  contained('refused call', () => {
    const active = activeSpan()
    const parent = parentOf(run)
    const span = isModelCall(active)
      ? undefined
      : tracer().startSpan(
          `guard ${refusal.guard}`,
          {
            kind: SpanKind.INTERNAL,
            attributes: {
              // A run that is stopped before its first call would be no run without a call.
              [GEN_AI.operation]: run.root === undefined && run.modelCalls === 0 ? facts.request.operation : 'guardrail_check',
              [AGENTOPZ.runId]: run.id,
              ...(run.isNamed ? { [GEN_AI.agentName]: run.agent } : {}),
            },
          },
          parent,
        )
    recordIntervention(run, refusal, action, span ?? active)
    span?.end()
    endImplied(run, undefined, 'complete', undefined, Date.now())
  })
}

/** The sentence an application finds in the error, and its code. */
export function refusalText(refusal: Refusal): { readonly code: string; readonly message: string } {
  return { code: codeOf(refusal), message: `agentopz ${refusal.guard.replaceAll('_', ' ')}: ${refusal.reason}` }
}

/** Spans of tools that nobody else reports, made from what the model asked for and what this request brings back. */
function inferTools(run: RunScope, request: ModelRequest, located: Context | undefined, now: number): void {
  if (run.asked.size === 0) return
  for (const result of request.toolResults) {
    const asked = run.asked.take(askedKey(result.id, result.name))
    if (asked === undefined || run.hasToolSpans) continue
    run.toolCalls++
    run.steps++
    const span = tracer().startSpan(
      `execute_tool ${asked.name}`,
      {
        kind: SpanKind.INTERNAL,
        startTime: asked.atMs,
        attributes: {
          [GEN_AI.operation]: 'execute_tool',
          [GEN_AI.toolName]: asked.name,
          ...(result.id === '' ? {} : { [GEN_AI.toolCallId]: result.id }),
          [AGENTOPZ.argumentsHash]: asked.argumentsHash,
          [AGENTOPZ.resultEmpty]: /^\s*("")?(null)?(\[\])?(\{\})?\s*$/.test(result.text),
          [AGENTOPZ.inferred]: true,
          [AGENTOPZ.runId]: run.id,
          ...(result.isError ? { [GENERAL.errorType]: 'tool_error' } : {}),
        },
      },
      located ?? parentOf(run),
    )
    if (result.isError) span.setStatus({ code: SpanStatusCode.ERROR })
    span.end(now)
    // Made by us: it does not mean that somebody else reports tools.
    run.hasToolSpans = false
  }
}
