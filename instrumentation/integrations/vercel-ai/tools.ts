/**
 * Tools of an application as the SDK gets them where it has no seam of its own around a tool: the same objects behind a proxy whose `execute`
 * asks the guards first and, where nobody else does, reports the call. A refusal is thrown: the SDK makes a tool error of it that the model
 * reads, and the loop goes on. Results, preliminary results (async iterables), exceptions and `this` are the tool's own.
 */
import { AGENTOPZ, GEN_AI } from '../../../model/semconv.ts'
import { takeAsked } from '../../asked-tool.ts'
import { closeRefused, closeTool, failTool, type OpenTool, openTool } from '../../guard-tool.ts'
import { GuardError } from '../../guards/guards.ts'
import { recordIntervention } from '../../interventions.ts'
import { contained } from '../../log.ts'
import { activeSpan, otel, type Span, SpanKind, tracer } from '../../otel.ts'
import { fingerprint, runtime } from '../../runtime.ts'

/** `report`: with a span of ours; `guard`: the SDK makes its own, or none is wanted. */
export type ToolMode = 'report' | 'guard'

type Execute = (this: unknown, input: unknown, options?: { readonly toolCallId?: unknown }) => unknown
interface Tool {
  readonly execute?: Execute
}

/** A tool that is running: what ends it. */
interface Running {
  run<T>(work: () => T): T
  ended(result: unknown): void
  failed(error: unknown): void
}

const guarded: Readonly<Record<ToolMode, WeakMap<object, object>>> = { report: new WeakMap(), guard: new WeakMap() }

/** The tools, guarded; anything that is no set of tools as it is. */
export function guardTools(tools: unknown, mode: ToolMode): unknown {
  if (typeof tools !== 'object' || tools === null) return tools
  return Object.fromEntries(Object.entries(tools).map(([name, tool]) => [name, guardOne(name, tool, mode)]))
}

function guardOne(name: string, tool: unknown, mode: ToolMode): unknown {
  if (typeof tool !== 'object' || tool === null || typeof (tool as Tool).execute !== 'function') return tool
  const known = guarded[mode].get(tool)
  if (known !== undefined) return known
  const execute: Execute = function execute(input, options) {
    const original = (tool as Tool).execute as Execute
    const id = options?.toolCallId
    const begun = contained('vercel ai tool', () => begin(name, { input, mode, ...(typeof id === 'string' ? { id } : {}) }))
    if (begun instanceof GuardError) throw begun
    if (begun === undefined) return Reflect.apply(original, tool, [input, options])
    return watched(begun, () => Reflect.apply(original, tool, [input, options]))
  }
  const stand = standIn(tool, execute)
  guarded[mode].set(tool, stand)
  return stand
}

/** The tool with another `execute`; a frozen one cannot be proxied so, and is copied. */
function standIn(tool: object, execute: Execute): object {
  const descriptor = Object.getOwnPropertyDescriptor(tool, 'execute')
  if (descriptor?.configurable === false && descriptor.writable !== true) {
    const all = Object.getOwnPropertyDescriptors(tool)
    return Object.create(Object.getPrototypeOf(tool) as object | null, { ...all, execute: { value: execute, enumerable: true } }) as object
  }
  return new Proxy(tool, { get: (on, key) => (key === 'execute' ? execute : (Reflect.get(on, key, on) as unknown)) })
}

interface Call {
  readonly input: unknown
  readonly mode: ToolMode
  readonly id?: string
}

function begin(name: string, { input, mode, id }: Call): Running | GuardError {
  if (mode === 'report') return reporting(openTool(name, input, id === undefined ? {} : { callId: id }))
  const admitted = admitTool(name, input)
  return admitted instanceof GuardError ? admitted : { run: (work) => work(), ended: () => admitted(false), failed: () => admitted(true) }
}

function reporting(call: OpenTool): Running | GuardError {
  if (call.refusal !== undefined) {
    closeRefused(call)
    return new GuardError(call.refusal)
  }
  return {
    run: (work) => otel().context.with(call.context, work),
    ended: (result) => closeTool(call, result),
    failed: (error) => failTool(call, error),
  }
}

/**
 * Asks the guards for a tool that somebody else reports, or that nobody is to report. A refusal is put on the tool's own span, where one is
 * active; where there is none it gets one, in the run that the model asked for the tool in.
 */
export function admitTool(name: string, input: unknown): GuardError | ((failed: boolean) => void) {
  const { runs, guards } = runtime()
  const now = Date.now()
  const { run } = runs.locate(now)
  const agent = run?.agent ?? runs.defaults.agent
  const refusal = guards.admitTool(run, agent, name, now)
  const span = activeSpan()
  // None are made from what the model asked for.
  if (run !== undefined && isOfTool(span)) run.hasToolSpans = true
  if (refusal === undefined) return (failed) => guards.toolEnded(agent, name, failed ? 'failure' : 'success', Date.now())
  if (isOfTool(span)) {
    span?.setAttribute(AGENTOPZ.blocked, true)
    recordIntervention(run, refusal, 'tool_error', span)
  } else refuseUnseen(name, { agent, run, refusal }, input)
  return new GuardError(refusal)
}

/** What a span is about while it is open; `ai.toolCall` is the name of AI SDK 5 and 6. */
function isOfTool(span: Span | undefined): boolean {
  const { name, attributes } = (span ?? {}) as { readonly name?: string; readonly attributes?: Readonly<Record<string, unknown>> }
  return name === 'ai.toolCall' || attributes?.[GEN_AI.operation] === 'execute_tool'
}

function refuseUnseen(name: string, { agent, run, refusal }: Pick<OpenTool, 'agent' | 'run' | 'refusal'>, input: unknown): void {
  const argumentsHash = fingerprint(typeof input === 'string' ? input : (JSON.stringify(input) ?? ''))
  const asked = run === undefined ? takeAsked(name, argumentsHash, undefined) : undefined
  const owner = run ?? asked?.run
  const api = otel()
  const parent = owner?.root === undefined ? api.context.active() : api.trace.setSpan(api.context.active(), owner.root)
  const attributes = {
    [GEN_AI.operation]: 'execute_tool',
    [GEN_AI.toolName]: name,
    [AGENTOPZ.argumentsHash]: argumentsHash,
    ...(asked?.callId === undefined ? {} : { [GEN_AI.toolCallId]: asked.callId }),
    ...(owner === undefined ? {} : { [AGENTOPZ.runId]: owner.id }),
  }
  const span = tracer().startSpan(`execute_tool ${name}`, { kind: SpanKind.INTERNAL, attributes }, parent)
  closeRefused({ name, agent, run: owner, span, context: parent, refusal })
}

function watched(call: Running, work: () => unknown): unknown {
  const ended = (result: unknown): void => contained('vercel ai tool', () => call.ended(result))
  const failed = (error: unknown): void => contained('vercel ai tool', () => call.failed(error))
  let result: unknown
  try {
    result = call.run(work)
  } catch (error) {
    failed(error)
    throw error
  }
  if (isAsyncIterable(result)) return each(result, { call, ended, failed })
  if (!(result instanceof Promise)) {
    ended(result)
    return result
  }
  result.then(ended, failed)
  return result
}

/** Preliminary results one by one; the last one is the result. */
async function* each(
  results: AsyncIterable<unknown>,
  { call, ended, failed }: { call: Running; ended: (result: unknown) => void; failed: (error: unknown) => void },
): AsyncGenerator<unknown> {
  const iterator = call.run(() => results[Symbol.asyncIterator]())
  let last: unknown
  let isOver = false
  try {
    for (;;) {
      const next = await call.run(() => iterator.next())
      if (next.done === true) break
      last = next.value
      yield last
    }
    isOver = true
    ended(last)
  } catch (error) {
    isOver = true
    failed(error)
    throw error
  } finally {
    if (!isOver) {
      ended(last)
      await iterator.return?.()
    }
  }
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof (value as { [Symbol.asyncIterator]?: unknown } | null | undefined)?.[Symbol.asyncIterator] === 'function'
}
