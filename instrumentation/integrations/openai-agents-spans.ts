/**
 * Traces of the OpenAI Agents SDK → our spans. One run per top-level task (one call of `run()`): its root is the first agent's span and ends
 * with the task; agents after a hand-off and agents used as tools are sub-agents below it. Turns and the SDK's spans of model calls make no span:
 * the fetch layer's is the model call, and where the fetch layer saw none (WebSocket) one is made from what the SDK says.
 */
import { AGENTOPZ, GEN_AI, GENERAL } from '../../model/semconv.ts'
import { BoundedMap } from '../bounded-map.ts'
import { putContent } from '../content.ts'
import { contained } from '../log.ts'
import { type Attributes, type Context, otel, type Span, SpanKind, SpanStatusCode, tracer } from '../otel.ts'
import type { RunScope } from '../run-scope.ts'
import type { Located } from '../runs.ts'
import { fingerprint } from '../runtime.ts'
import { adoptRoot, type AgentCall, enterAgent } from './framework-run.ts'
import { reportUnseenCall } from './openai-agents-calls.ts'

const ALS = Symbol.for('openai.agents.core.asyncLocalStorage')
const MAX_SPANS = 20_000

/** What the SDK's spans and traces say. */
export interface SdkSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string | null
  readonly startedAt: string | null
  readonly endedAt: string | null
  readonly spanData: Readonly<Record<string, unknown>> & { readonly type: string }
  readonly error: SdkError | null
}
interface SdkError {
  readonly message: string
  readonly data?: Readonly<Record<string, unknown>>
}
interface SdkTrace {
  readonly traceId: string
  readonly name: string
  readonly groupId: string | null
}

/** One call of `run()`, as far as the SDK told of it. */
interface Home extends AgentCall {
  readonly startMs: number
  readonly conversation: string | undefined
  root: Span | undefined
  error: SdkError | undefined
  /** SDK spans of it that are known here. */
  readonly spanIds: Set<string>
}

/** What a span of the SDK is here. */
export interface Held {
  readonly home: Home | undefined
  readonly sdk: SdkSpan
  /** Our span for it, or none where it has none of its own. */
  readonly span: Span | undefined
  /** Parent of whatever is below it. */
  readonly context: Context
  /** The fetch layer saw this model call. */
  isSeen: boolean
  /** The tool's guard was asked; `blocked` when it said no. */
  tool: 'unasked' | 'admitted' | 'blocked'
}

const held = new BoundedMap<string, Held>(MAX_SPANS)
const traces = new BoundedMap<string, { readonly home: Home }>(MAX_SPANS)
/** Spans made here, to tell them from spans that the application or another library made inside. */
const ours = new WeakSet<Span>()

/** A tracing processor, as the SDK has it. */
export interface Processor {
  onTraceStart(trace: SdkTrace): Promise<void>
  onTraceEnd(trace: SdkTrace): Promise<void>
  onSpanStart(span: SdkSpan): Promise<void>
  onSpanEnd(span: SdkSpan): Promise<void>
  shutdown(): Promise<void>
  forceFlush(): Promise<void>
}

/** Ours. What goes wrong in it is our bug, and the SDK hears nothing of it. */
export const PROCESSOR: Processor = {
  onTraceStart: async (trace) => contained('openai-agents trace', () => traceStarted(trace)),
  onTraceEnd: async (trace) => contained('openai-agents trace', () => traceEnded(trace)),
  onSpanStart: async (span) => contained('openai-agents span', () => spanStarted(span)),
  onSpanEnd: async (span) => contained('openai-agents span', () => spanEnded(span)),
  shutdown: async () => undefined,
  forceFlush: async () => undefined,
}

/** The SDK's span that is current in the code that runs right now, and what it is here. */
export function currentSpan(): { readonly sdk: SdkSpan; readonly held: Held | undefined } | undefined {
  const storage = (globalThis as { [ALS]?: { getStore(): unknown } })[ALS]
  const store = storage?.getStore() as { readonly active?: boolean; readonly span?: SdkSpan } | undefined
  if (store?.active !== true || store.span === undefined) return undefined
  return { sdk: store.span, held: held.get(store.span.spanId) }
}

/** Locator: the run and the parent of spans for code inside a run of the SDK. */
export function locateRun(): Located | undefined {
  const current = currentSpan()?.held
  if (current?.home === undefined) return undefined
  const { home, sdk } = current
  if (sdk.spanData.type === 'response' || sdk.spanData.type === 'generation') current.isSeen = true
  const root = rootOf(home)
  const active = otel().trace.getActiveSpan()
  // Deeper inside, below a span of somebody else's, what is active knows better.
  const isDeeper =
    active !== undefined &&
    !ours.has(active) &&
    active !== otel().trace.getSpan(home.context) &&
    active.spanContext().traceId === root.spanContext().traceId
  return isDeeper ? { run: home.run } : { run: home.run, parent: contextOf(current) }
}

/** Spans whose parents were made later than they: the root may not have been there yet. */
function contextOf(h: Held): Context {
  return h.home?.root !== undefined && otel().trace.getSpan(h.context) === otel().trace.getSpan(h.home.context)
    ? otel().trace.setSpan(h.context, h.home.root)
    : h.context
}

function traceStarted(trace: SdkTrace): void {
  traces.set(trace.traceId, { home: newHome(Date.now(), trace.groupId ?? undefined) })
}

function newHome(startMs: number, conversation: string | undefined): Home {
  return { ...enterAgent(undefined), startMs, conversation, root: undefined, error: undefined, spanIds: new Set() }
}

function traceEnded({ traceId }: SdkTrace): void {
  const trace = traces.take(traceId)
  if (trace !== undefined) closeHome(trace.home)
}

function spanStarted(sdk: SdkSpan): void {
  const parent = sdk.parentId === null ? undefined : held.get(sdk.parentId)
  const trace = traces.get(sdk.traceId)
  const { type } = sdk.spanData
  // A task is a run of its own unless it is inside one; where the SDK tells of no tasks, the trace is the run.
  const home =
    parent?.home ?? (type === 'task' ? newHome(startOf(sdk), trace?.home.conversation) : type === 'agent' ? trace?.home : undefined)
  const above = parent === undefined ? home?.context : contextOf(parent)
  const base = above ?? trace?.home.context ?? otel().context.active()
  const span = home === undefined ? undefined : startSpan(sdk, home, base)
  const context = span === undefined ? base : otel().trace.setSpan(base, span)
  held.set(sdk.spanId, { home, sdk, span, context, isSeen: false, tool: 'unasked' })
  home?.spanIds.add(sdk.spanId)
}

/** Our span for one of the SDK's, where it has one. The first agent's is the root of the run. */
function startSpan(sdk: SdkSpan, home: Home, parent: Context): Span | undefined {
  const data = sdk.spanData
  const name = text(data['name']) ?? ''
  switch (data.type) {
    case 'agent':
      if (home.root === undefined || !isNamed(home)) return nameRoot(home, name)
      return start(`invoke_agent ${name}`, { [GEN_AI.operation]: 'invoke_agent', [GEN_AI.agentName]: name }, { sdk, home, parent })
    case 'function':
      return start(`execute_tool ${name}`, { [GEN_AI.operation]: 'execute_tool', [GEN_AI.toolName]: name }, { sdk, home, parent })
    case 'handoff':
      return start(`handoff ${text(data['from_agent']) ?? ''}`.trim(), { [GEN_AI.operation]: 'handoff' }, { sdk, home, parent })
    case 'guardrail':
      return start(`guardrail ${name}`, { [GEN_AI.operation]: 'guardrail_check' }, { sdk, home, parent })
    default:
      return undefined
  }
}

function start(name: string, attributes: Attributes, at: { readonly sdk: SdkSpan; readonly home: Home; readonly parent: Context }): Span {
  const more = { ...attributes, [AGENTOPZ.runId]: at.home.run.id }
  const span = tracer().startSpan(name, { kind: SpanKind.INTERNAL, startTime: startOf(at.sdk), attributes: more }, at.parent)
  ours.add(span)
  return span
}

/** The root of the run, opened when something first belongs below it. */
function rootOf(home: Home, name = ''): Span {
  if (home.root !== undefined) return home.root
  const root = tracer().startSpan(
    `invoke_agent ${name}`.trim(),
    {
      kind: SpanKind.INTERNAL,
      startTime: home.startMs,
      attributes: {
        [GEN_AI.operation]: 'invoke_agent',
        [AGENTOPZ.runId]: home.run.id,
        ...(name === '' ? {} : { [GEN_AI.agentName]: name }),
        ...(home.conversation === undefined ? {} : { [GEN_AI.conversationId]: home.conversation }),
      },
    },
    home.context,
  )
  ours.add(root)
  home.root = root
  // The SDK reports every tool and hand-off: none is to be inferred from what the model asked for.
  home.run.hasToolSpans = true
  if (home.isOuter) adoptRoot(home.run, root)
  return root
}

const named = new WeakSet<Home>()
const isNamed = (home: Home): boolean => named.has(home)

function nameRoot(home: Home, name: string): Span {
  const isNew = home.root === undefined
  const root = rootOf(home, name)
  named.add(home)
  if (!isNew && name !== '') {
    root.updateName(`invoke_agent ${name}`)
    root.setAttribute(GEN_AI.agentName, name)
  }
  if (home.isOuter && !home.run.isNamed && name !== '') {
    home.run.agent = name
    home.run.isNamed = true
  }
  return root
}

function spanEnded(sdk: SdkSpan): void {
  const h = held.take(sdk.spanId)
  if (h?.home === undefined) return
  const { home, span } = h
  home.spanIds.delete(sdk.spanId)
  const { type } = sdk.spanData
  if (type === 'task') {
    if (sdk.parentId !== null && held.get(sdk.parentId)?.home === home) return
    closeHome(home, sdk.error)
  } else if (type === 'response' || type === 'generation') {
    if (!h.isSeen && sdk.error === null) reportUnseenCall(sdk, home.run, h.context)
  } else if (span === home.root) home.error = sdk.error ?? home.error
  else if (span !== undefined) endSpan(h, span)
}

function endSpan(h: Held, span: Span): void {
  const { sdk } = h
  if (sdk.spanData.type === 'function') endTool(h, span)
  else if (sdk.spanData.type === 'handoff') endHandoff(sdk, span)
  else if (sdk.error !== null && sdk.spanData.type === 'agent') fail(span, sdk.error)
  span.end(endOf(sdk))
}

function endTool({ sdk, home, tool }: Held, span: Span): void {
  const { input, output } = sdk.spanData
  if (tool === 'unasked' && home !== undefined) {
    // Nobody asked the guards (a bundle has no module to hook): the call counts all the same.
    home.run.steps++
    home.run.toolCalls++
  }
  if (typeof input === 'string' && input !== '') {
    span.setAttribute(AGENTOPZ.argumentsHash, fingerprint(input))
    putContent(span, GEN_AI.toolArguments, input)
  }
  if (tool === 'blocked') return
  if (sdk.error !== null) {
    span.setAttribute(GENERAL.errorType, 'tool_error')
    span.setStatus({ code: SpanStatusCode.ERROR, message: sdk.error.message.slice(0, 256) })
  } else if (tool === 'unasked' && typeof output === 'string') span.setAttribute(AGENTOPZ.resultEmpty, output === '')
  if (typeof output === 'string') putContent(span, GEN_AI.toolResult, output)
}

function endHandoff({ spanData, error }: SdkSpan, span: Span): void {
  const to = text(spanData['to_agent'])
  if (to !== undefined) span.updateName(`handoff ${text(spanData['from_agent']) ?? ''} to ${to}`)
  if (error !== null) fail(span, error)
}

function closeHome(home: Home, failure: SdkError | null = null): void {
  for (const id of home.spanIds) held.delete(id)
  const { root, run } = home
  const error = failure ?? home.error
  if (root === undefined || home.ended) return
  home.ended = true
  if (error !== undefined) fail(root, error)
  if (home.isOuter) {
    if (run.stopped !== undefined) root.setAttribute(AGENTOPZ.stoppedBy, run.stopped.guard)
    root.setAttribute(AGENTOPZ.outcome, outcomeOf(run, error !== undefined))
  }
  root.end()
  if (home.isOuter && run.root === root) run.root = undefined
}

const outcomeOf = (run: RunScope, failed: boolean): string => (run.stopped !== undefined ? 'stopped' : failed ? 'error' : 'ok')

/** The SDK tells of an error as text: `MaxTurnsExceededError: Max turns (3) exceeded`. */
function fail(span: Span, { message, data }: SdkError): void {
  const told = text(data?.['error']) ?? message
  span.setAttribute(GENERAL.errorType, /^([A-Za-z]\w*)(?::|$)/.exec(told)?.[1] ?? 'Error')
  span.setStatus({ code: SpanStatusCode.ERROR, message: told.slice(0, 256) })
}

const startOf = (s: SdkSpan): number => timeOf(s.startedAt)
const endOf = (s: SdkSpan): number => timeOf(s.endedAt)

function timeOf(iso: string | null): number {
  const ms = iso === null ? Number.NaN : Date.parse(iso)
  return Number.isNaN(ms) ? Date.now() : ms
}

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
