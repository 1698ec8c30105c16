/**
 * The tools of an agent, once they are ready for a run, whatever they come from: its own, a memory's, a sub-agent, a workflow, an MCP server.
 * Every call has a span, ours unless Mastra makes one, and asks the breaker first; the model reads a refusal as the tool's error.
 * Results, exceptions and promises are the tool's own.
 */
import { GuardError } from '../../guards/guards.ts'
import { closeRefused, closeTool, failTool, openTool } from '../../guard-tool.ts'
import { contained } from '../../log.ts'
import { otel } from '../../otel.ts'
import { runtime } from '../../runtime.ts'
import { admitTool, watched } from '../framework-run.ts'
import { reportsOfRun } from './reports.ts'

type Execute = (this: unknown, ...args: unknown[]) => unknown
interface Tool {
  execute?: Execute
}

const guarded = new WeakSet<Execute>()

/** Puts the breaker before each of the tools, in place: Mastra knows them by identity. */
export function guardTools(tools: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(tools)) {
    const tool = value as Tool
    const { execute } = tool
    if (typeof execute !== 'function' || guarded.has(execute)) continue
    const wrapped: Execute = function (...args) {
      return called(name, args, () => execute.apply(this, args))
    }
    Object.defineProperty(wrapped, 'length', { value: execute.length })
    guarded.add(wrapped)
    contained('mastra tool', () => {
      tool.execute = wrapped
    })
  }
}

interface Judge {
  readonly refusal?: GuardError
  readonly run?: (work: () => unknown) => unknown
  returned(result: unknown): void
  threw(error: unknown): void
}

function called(name: string, args: readonly unknown[], work: () => unknown): unknown {
  const judge = contained('mastra tool', () => judgeOf(name, args))
  if (judge === undefined) return work()
  if (judge.refusal !== undefined) return Promise.reject(judge.refusal)
  let result: unknown
  try {
    result = judge.run === undefined ? work() : judge.run(work)
  } catch (error) {
    contained('mastra tool', () => judge.threw(error))
    throw error
  }
  if (!(result instanceof Promise)) contained('mastra tool', () => judge.returned(result))
  return watched(
    result,
    (value) => judge.returned(value),
    (error) => judge.threw(error),
  )
}

function judgeOf(name: string, [input, context]: readonly unknown[]): Judge {
  const id = (context as { toolCallId?: unknown } | undefined)?.toolCallId
  const more = typeof id === 'string' ? { callId: id } : {}
  const run = runtime().runs.explicit
  if (run !== undefined && reportsOfRun(run) !== undefined) {
    const admitted = admitTool(name, input, more.callId)
    if ('error' in admitted) return { refusal: admitted.error, returned: () => undefined, threw: () => undefined }
    return { returned: (result) => admitted.ended(isFailure(result)), threw: () => admitted.ended(true) }
  }
  const call = openTool(name, input, more)
  if (call.refusal !== undefined) {
    closeRefused(call)
    return { refusal: new GuardError(call.refusal), returned: () => undefined, threw: () => undefined }
  }
  return {
    run: (work) => otel().context.with(call.context, work),
    returned: (result) => closeTool(call, result, isFailure(result)),
    threw: (error) => failTool(call, error),
  }
}

/** Mastra's answer for arguments that do not fit the tool's schema. */
const isFailure = (result: unknown): boolean =>
  typeof result === 'object' && result !== null && (result as { error?: unknown }).error === true && 'message' in result
