/**
 * One call of generateText, streamText, generateObject or streamObject: an agent's run with an `invoke_agent` span, or a sub-agent inside one.
 * The SDK tells of an end, an abort and an error, but not of a stream that its reader leaves or never reads: such an operation is closed, as
 * incomplete, soon after its last model call was left, when it was idle for long, or at exit.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { AGENTOPZ } from '../../../model/semconv.ts'
import { BoundedMap } from '../../bounded-map.ts'
import type { Ending } from '../../fetch/read-answer.ts'
import { observeCalls } from '../../fetch/fetch.ts'
import { onLastSpans } from '../../lifecycle.ts'
import { contained } from '../../log.ts'
import { thrown } from '../../model-call.ts'
import type { Context } from '../../otel.ts'
import { runtime } from '../../runtime.ts'
import { type AgentCall, enterAgent, inAgent, leaveAgent, spanOfAgent } from '../framework-run.ts'

export interface Operation {
  readonly call: AgentCall
  /** Model calls so far. */
  calls: number
  /** Tools that run right now. */
  tools: number
}

/** What a left stream is given to be told as an end, an abort or an error after all. */
const GRACE_MS = 200
const IDLE_MS = 600_000
const SWEEP_MS = 60_000

const current = new AsyncLocalStorage<Operation>()
/** Where the SDK has no seam around a model call (generateObject of 7): what was opened since the call of the function. */
const slot = new AsyncLocalStorage<{ operation?: Operation }>()
const open = new BoundedMap<Operation, true>(10_000, (_, operation) => abandon(operation))
let isReady = false

/** Opens an operation; its name is the agent's, the default one's where there is none. */
export function openOperation(name: string | undefined): Operation {
  prepare()
  const { settings } = runtime()
  const entered = enterAgent(name)
  const operation: Operation = { call: spanOfAgent(entered, name ?? (entered.isOuter ? (settings.agent ?? '') : '')), calls: 0, tools: 0 }
  open.set(operation, true)
  const place = slot.getStore()
  if (place !== undefined) place.operation = operation
  return operation
}

/** Runs the SDK's code inside the operation. */
export function inOperation<T>(operation: Operation, work: () => T, context: Context = operation.call.context): T {
  return current.run(operation, () => inAgent(operation.call, work, context))
}

/** Runs `work` so that the operation that is opened in it is found by the model calls made in it. */
export function withSlot<T>(work: () => T): T {
  return slot.run({}, work)
}

/** The operation ended, by an error where one is given; an abort leaves it incomplete. */
export function closeOperation(operation: Operation, error?: unknown): void {
  open.delete(operation)
  if (error !== undefined && thrown(error).type === 'cancelled') abandon(operation)
  else leaveAgent(operation.call, error)
}

/** Nobody will tell how it ended. */
export function abandon(operation: Operation): void {
  open.delete(operation)
  const { call } = operation
  if (call.ended) return
  if (call.run.stopped !== undefined || call.span === undefined) {
    leaveAgent(call)
    return
  }
  // No outcome is known; it was over when its last call was.
  call.ended = true
  call.span.setAttribute(AGENTOPZ.incomplete, true)
  call.span.end(call.run.lastActiveMs)
  if (call.isOuter) call.run.root = undefined
}

function prepare(): void {
  if (isReady) return
  isReady = true
  observeCalls(() => {
    const operation = current.getStore() ?? slot.getStore()?.operation
    if (operation === undefined || operation.call.ended) return undefined
    const number = ++operation.calls
    return (ending) => left(operation, number, ending)
  })
  runtime().runs.addLocator(() => {
    const operation = slot.getStore()?.operation
    return operation === undefined || operation.call.ended ? undefined : { run: operation.call.run, parent: operation.call.context }
  })
  setInterval(() => contained('vercel ai sweep', () => sweep(Date.now())), SWEEP_MS).unref()
  onLastSpans(() => sweep(Infinity))
}

/** A model call whose answer nobody took to its end, with nothing after it, was the last one. */
function left(operation: Operation, number: number, ending: Ending): void {
  if (ending === 'complete' || (typeof ending === 'object' && thrown(ending.error).type !== 'cancelled')) return
  const check = (): void => {
    if (operation.calls === number && operation.tools === 0) abandon(operation)
  }
  setTimeout(() => contained('vercel ai left', check), GRACE_MS).unref()
}

function sweep(now: number): void {
  for (const [operation] of open.entries()) {
    const { run } = operation.call
    const isIdle = operation.tools === 0 && run.reservedCalls === 0 && now - run.lastActiveMs > IDLE_MS
    if (isIdle || now === Infinity) abandon(operation)
  }
}

/** True inside `withSlot`. */
export function isSlotted(): boolean {
  return slot.getStore() !== undefined
}
