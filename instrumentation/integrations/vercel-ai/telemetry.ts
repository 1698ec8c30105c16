/**
 * Our telemetry integration of AI SDK 7: what the SDK tells of runs and tools becomes spans by the GenAI conventions, model calls run inside
 * their run, and a refused tool throws, of which the SDK makes a tool error that the model reads.
 * Beside another integration that makes OpenTelemetry spans (`@ai-sdk/otel`) no second ones are made: its runs are named and its tools guarded.
 * Source: ai 7.0.173, src/telemetry/telemetry.ts. Observers' errors are swallowed by the SDK, those of `execute…` are the application's.
 */
import { AGENTOPZ, GEN_AI } from '../../../model/semconv.ts'
import { BoundedMap } from '../../bounded-map.ts'
import { closeRefused, closeTool, failTool, type OpenTool, openTool } from '../../guard-tool.ts'
import { GuardError } from '../../guards/guards.ts'
import { contained } from '../../log.ts'
import { otel } from '../../otel.ts'
import { runtime } from '../../runtime.ts'
import { abandon, closeOperation, inOperation, type Operation, openOperation } from './operation.ts'
import { admitTool } from './tools.ts'

/** What we read of the SDK's events; AI SDK 6 calls integrations too, with events that have no `callId`. */
interface Event {
  readonly callId?: unknown
  readonly operationId?: unknown
  readonly functionId?: unknown
  readonly error?: unknown
  readonly timestamp?: unknown
  readonly durableContext?: unknown
  readonly recordInputs?: boolean
  readonly recordOutputs?: boolean
  readonly toolCall?: { readonly toolName?: unknown; readonly toolCallId?: unknown; readonly input?: unknown }
  readonly toolOutput?: { readonly type?: unknown; readonly output?: unknown }
}
type Execution<T> = Event & { readonly execute: () => PromiseLike<T> }

const TEXT: ReadonlySet<unknown> = new Set(['ai.generateText', 'ai.streamText'])
const OBJECT: ReadonlySet<unknown> = new Set(['ai.generateObject', 'ai.streamObject'])

/** A run that is told of: ours, or one whose spans another integration makes. */
interface Known {
  readonly operation: Operation | undefined
  readonly name: string | undefined
  readonly tools: Map<string, OpenTool>
}

export class AgentopzTelemetry {
  readonly #known = new BoundedMap<string, Known>(10_000)
  readonly #isBeside: () => boolean
  readonly #hasSlot: () => boolean

  /** `isBeside`: another integration makes spans; `hasSlot`: the model calls of generateObject find what is opened now. */
  constructor(isBeside: () => boolean, hasSlot: () => boolean) {
    this.#isBeside = isBeside
    this.#hasSlot = hasSlot
  }

  onStart(event: Event): void {
    contained('vercel ai start', () => {
      const { callId, operationId } = event
      const name = typeof event.functionId === 'string' && event.functionId !== '' ? event.functionId : undefined
      // A durable run is told of when it is over, by whichever process ends it: its calls were made elsewhere.
      if (typeof callId !== 'string' || event.timestamp !== undefined || event.durableContext !== undefined) return
      const isSeen = TEXT.has(operationId) || (OBJECT.has(operationId) && this.#hasSlot())
      if (!isSeen) return
      this.#known.set(callId, { operation: this.#isBeside() ? undefined : openOperation(name), name, tools: new Map() })
    })
  }

  onEnd(event: Event): void {
    contained('vercel ai end', () => this.#close(event, closeOperation))
  }

  onAbort(event: Event): void {
    contained('vercel ai abort', () => this.#close(event, abandon))
  }

  onError(event: Event): void {
    contained('vercel ai error', () => this.#close(event, (operation) => closeOperation(operation, event.error ?? event)))
  }

  executeLanguageModelCall<T>({ callId, execute }: Execution<T>): PromiseLike<T> {
    const known = this.#of(callId)
    if (known === undefined) return execute()
    if (known.operation !== undefined) return inOperation(known.operation, execute)
    contained('vercel ai name', () => nameRun(known.name))
    return execute()
  }

  executeTool<T>(event: Execution<T>): PromiseLike<T> {
    const known = this.#of(event.callId)
    const name = event.toolCall?.toolName
    if (known === undefined || typeof name !== 'string') return event.execute()
    const { operation } = known
    return operation === undefined ? guarded(name, event) : this.#reported({ ...known, operation }, name, event)
  }

  /** The result is told apart from the execution, and right after it. */
  onToolExecutionEnd(event: Event): void {
    contained('vercel ai tool', () => {
      const tool = this.#of(event.callId)?.tools
      const id = event.toolCall?.toolCallId
      const call = typeof id === 'string' ? tool?.get(id) : undefined
      if (call === undefined || typeof id !== 'string') return
      tool?.delete(id)
      if (event.recordOutputs === false) endUnseen(call)
      else closeTool(call, event.toolOutput?.output)
    })
  }

  #of(callId: unknown): Known | undefined {
    return typeof callId === 'string' ? this.#known.get(callId) : undefined
  }

  #close(event: Event, close: (operation: Operation) => void): void {
    const known = typeof event.callId === 'string' ? this.#known.take(event.callId) : undefined
    if (known === undefined) return
    for (const call of known.tools.values()) endUnseen(call)
    if (known.operation !== undefined) close(known.operation)
  }

  #reported<T>(known: Known & { readonly operation: Operation }, name: string, event: Execution<T>): PromiseLike<T> {
    const { operation, tools } = known
    const call = contained('vercel ai tool', () => open(operation, name, event))
    if (call === undefined) return event.execute()
    if (call.refusal !== undefined) {
      closeRefused(call)
      return Promise.reject(new GuardError(call.refusal))
    }
    const id = event.toolCall?.toolCallId
    if (typeof id === 'string') tools.set(id, call)
    operation.tools++
    const over = (): void => void operation.tools--
    const failed = (error: unknown): void =>
      contained('vercel ai tool', () => {
        if (typeof id === 'string') tools.delete(id)
        failTool(call, error)
      })
    const result = inOperation(operation, event.execute, call.context)
    result.then(over, (error: unknown) => {
      over()
      failed(error)
    })
    return result
  }
}

function open(operation: Operation, name: string, event: Event): OpenTool {
  const id = event.toolCall?.toolCallId
  // Read before the call is taken for told: where inputs are not to be recorded, the arguments are known from the model's answer.
  const asked = typeof id === 'string' ? operation.call.run.asked.get(id) : undefined
  const call = inOperation(operation, () =>
    openTool(name, event.toolCall?.input, { parent: operation.call.context, ...(typeof id === 'string' ? { callId: id } : {}) }),
  )
  if (event.recordInputs === false && asked !== undefined) call.span.setAttribute(AGENTOPZ.argumentsHash, asked.argumentsHash)
  return call
}

/** A tool whose result is not to be seen, or never came. */
function endUnseen({ agent, name, span }: OpenTool): void {
  runtime().guards.toolEnded(agent, name, 'success', Date.now())
  span.end()
}

/** A tool that another integration reports. */
function guarded<T>(name: string, { toolCall, execute }: Execution<T>): PromiseLike<T> {
  const admitted = contained('vercel ai tool', () => admitTool(name, toolCall?.input))
  if (admitted === undefined) return execute()
  if (admitted instanceof GuardError) return Promise.reject(admitted)
  const result = execute()
  result.then(
    () => contained('vercel ai tool', () => admitted(false)),
    () => contained('vercel ai tool', () => admitted(true)),
  )
  return result
}

/** The run of another integration's spans, found by the trace that is active here. */
function nameRun(name: string | undefined): void {
  const traceId = otel().trace.getActiveSpan()?.spanContext().traceId
  const run = traceId === undefined ? undefined : runtime().runs.knownOfTrace(traceId)
  if (run === undefined || name === undefined || run.isNamed) return
  run.agent = name
  run.isNamed = true
  run.root?.setAttribute(GEN_AI.agentName, name)
}
