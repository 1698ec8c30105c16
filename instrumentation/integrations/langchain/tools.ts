/**
 * LangChain's tools and retrievers where they are called: a span around, and the tool breaker before. A refused call that a model asked for gets
 * a tool message with the reason, which the model reads and works around, whatever the graph does about tools that throw; a call that the
 * application makes gets a `GuardError`.
 */
import { AGENTOPZ, GEN_AI, GENERAL } from '../../../model/semconv.ts'
import { putContent } from '../../content.ts'
import { object, string } from '../../fetch/protocol.ts'
import { closeRefused, closeTool, failTool, openTool, type OpenTool } from '../../guard-tool.ts'
import { GuardError } from '../../guards/guards.ts'
import { contained } from '../../log.ts'
import { thrown } from '../../model-call.ts'
import { type Context, otel, type Span, SpanKind, SpanStatusCode, tracer } from '../../otel.ts'
import type { Refusal, RunScope } from '../../run-scope.ts'
import { runtime } from '../../runtime.ts'
import { patchMethod } from '../framework-run.ts'
import { afterwards, NO_RETRY, prototypeOf } from './patching.ts'
import { calling, isBubbleUp, Place, placeOf } from './places.ts'

type ToolMessage = new (fields: Readonly<Record<string, unknown>>) => unknown
/** Class of tool messages of each copy of LangChain, by where it lies. */
const toolMessages = new Map<string, ToolMessage>()

const copyOf = (path: string): string => `${path.slice(0, path.lastIndexOf('/dist/'))} ${path.endsWith('.cjs')}`

/** Takes the class that refused calls are answered with. */
export function takeToolMessage(exports: Readonly<Record<string, unknown>>, path: string): boolean {
  const made = exports['ToolMessage']
  if (typeof made !== 'function') return false
  toolMessages.set(copyOf(path), made as ToolMessage)
  return true
}

/** Patches `StructuredTool`, which all tools come to. */
export function patchTools(exports: Readonly<Record<string, unknown>>, path: string): boolean {
  const prototype = prototypeOf(exports, 'StructuredTool')
  if (prototype === undefined) return false
  patchMethod(
    prototype,
    'call',
    (original) =>
      function (this: unknown, ...args) {
        return called(askedFor(this, args[0], args[1]), copyOf(path), () => original.apply(this, args) as Promise<unknown>)
      },
  )
  return true
}

/** Patches `RunnableToolLike`: a chain that poses as a tool. */
export function patchToolLike(exports: Readonly<Record<string, unknown>>, path: string): boolean {
  const prototype = prototypeOf(exports, 'RunnableToolLike')
  if (prototype === undefined) return false
  patchMethod(
    prototype,
    'invoke',
    (original) =>
      function (this: unknown, ...args) {
        return called(askedFor(this, args[0], args[1]), copyOf(path), () => original.apply(this, args) as Promise<unknown>)
      },
  )
  return true
}

interface Asked {
  readonly name: string
  readonly input: unknown
  readonly callId: string | undefined
  readonly callbacks: unknown
}

/** Name, arguments, call id and callbacks, however the tool is called. */
function askedFor(tool: unknown, input: unknown, config: unknown): Asked {
  const asked = object(input)
  const isCall = asked?.['type'] === 'tool_call'
  const by = object(config)
  const call = isCall ? asked : object(by?.['toolCall'])
  return {
    name: string((tool as { name?: unknown } | undefined)?.name) ?? 'tool',
    input: isCall ? asked['args'] : input,
    callId: string(call?.['id']),
    callbacks: Array.isArray(config) ? config : by?.['name'] === undefined ? by?.['callbacks'] : config,
  }
}

function called(asked: Asked, copy: string, work: () => Promise<unknown>): Promise<unknown> {
  const call = contained('langchain tool', () => opened(asked))
  if (call === undefined) return work()
  if (call === 'loose')
    return afterwards(
      work(),
      () => looseEnded(asked, 'success'),
      () => looseEnded(asked, 'failure'),
    )
  if (call.refusal !== undefined) {
    closeRefused(call)
    return refused(asked, call.refusal, copy)
  }
  const place = new Place(call.context, call.run)
  return afterwards(
    calling.run(place, () => place.within(work)),
    (value) => ended(call, value),
    (error) => (isBubbleUp(error) ? paused(call) : failTool(call, error)),
  )
}

/** What a refused call comes to: a message where a model asked, an exception where the application did. */
function refused({ callId, name }: Asked, refusal: Refusal, copy: string): Promise<unknown> {
  const error = Object.assign(new GuardError(refusal), { status: NO_RETRY })
  const answer = contained('langchain tool', () => {
    const Message = toolMessages.get(copy)
    if (callId === undefined || Message === undefined) return undefined
    return new Message({ status: 'error', content: refusal.fallback ?? error.message, tool_call_id: callId, name })
  })
  return answer === undefined ? Promise.reject(error) : Promise.resolve(answer)
}

/** Opens the call where it belongs. `loose` is one that belongs to nothing and may go ahead: its span would be a run of its own. */
function opened({ name, input, callId, callbacks }: Asked): OpenTool | 'loose' {
  const { runs, guards } = runtime()
  const more = callId === undefined ? {} : { callId }
  const place = placeOf(callbacks)
  place?.open()
  if (place !== undefined) return place.within(() => openTool(name, input, more))
  const now = Date.now()
  const located = runs.locate(now).run
  // A loop over a plain model: its run is known by what the model asked for.
  const run = located ?? (callId === undefined ? undefined : runs.byKey(`tool:${callId}`))
  if (run === undefined && otel().trace.getActiveSpan() === undefined) {
    if (guards.admitTool(undefined, runs.defaults.agent, name, now) === undefined) return 'loose'
    return openTool(name, input, more)
  }
  if (run === undefined || run === located) return openTool(name, input, { ...more, ...parentOf(run) })
  return runs.within(run, () => openTool(name, input, { ...more, ...parentOf(run) }))
}

function looseEnded({ name }: Asked, outcome: 'success' | 'failure'): void {
  const { runs, guards } = runtime()
  guards.toolEnded(runs.defaults.agent, name, outcome, Date.now())
}

/** Below the run's root, where nothing else is active. */
function parentOf(run: RunScope | undefined): { readonly parent?: Context } {
  const api = otel()
  run?.open()
  const active = api.context.active()
  if (run?.root === undefined || api.trace.getSpanContext(active) !== undefined) return {}
  return { parent: api.trace.setSpan(active, run.root) }
}

function ended(call: OpenTool, value: unknown): void {
  const message = object(value)
  const isMessage = message !== undefined && 'tool_call_id' in message
  closeTool(call, isMessage ? message['content'] : value, isMessage && message['status'] === 'error')
}

/** Interrupted for a person: the tool is called anew when the run goes on. */
function paused({ agent, name, span }: OpenTool): void {
  runtime().guards.toolEnded(agent, name, 'success', Date.now())
  span.end()
}

/** Patches `BaseRetriever`. */
export function patchRetriever(exports: Readonly<Record<string, unknown>>): boolean {
  const prototype = prototypeOf(exports, 'BaseRetriever')
  if (prototype === undefined) return false
  patchMethod(
    prototype,
    'invoke',
    (original) =>
      function (this: unknown, ...args) {
        const work = (): Promise<unknown> => original.apply(this, args) as Promise<unknown>
        const span = contained('langchain retriever', () => retrieval(this, args[1]))
        if (span === undefined) return work()
        return afterwards(
          calling.run(span.place, () => span.place.within(work)),
          (documents) => found(span.span, documents),
          (error) => failed(span.span, error),
        )
      },
  )
  return true
}

/** The span of a retrieval; undefined where it belongs to no run. */
function retrieval(retriever: unknown, config: unknown): { readonly span: Span; readonly place: Place } | undefined {
  const outer = placeOf(object(config)?.['callbacks'])
  outer?.open()
  const run = outer?.run ?? runtime().runs.locate(Date.now()).run
  if (run === undefined) return undefined
  run.steps++
  const parent = outer?.context ?? parentOf(run).parent ?? otel().context.active()
  const name = (retriever as { constructor?: { name?: string } }).constructor?.name ?? ''
  const attributes = { [GEN_AI.operation]: 'retrieval', [AGENTOPZ.runId]: run.id, [AGENTOPZ.step]: run.steps }
  const span = tracer().startSpan(`retrieval ${name}`.trim(), { kind: SpanKind.CLIENT, attributes }, parent)
  return { span, place: new Place(otel().trace.setSpan(parent, span), run) }
}

function failed(span: Span, error: unknown): void {
  const { type, message } = thrown(error)
  span.setAttribute(GENERAL.errorType, type)
  span.setStatus({ code: SpanStatusCode.ERROR, message })
  span.end()
}

function found(span: Span, documents: unknown): void {
  if (Array.isArray(documents)) span.setAttribute(AGENTOPZ.resultEmpty, documents.length === 0)
  if (runtime().settings.content)
    contained('langchain retriever', () => putContent(span, GEN_AI.retrievalDocuments, JSON.stringify(documents)))
  span.end()
}
