/**
 * LlamaIndex agent workflows. They emit nothing: a run is a span of ours from the start event to the stop event, tools are spans at the workflow's
 * `callTool`, model calls are the fetch layer's. Each step is a handler of its own that the workflow starts, so a run is found by the state of its
 * context. Where a step fails, the workflow rejects nobody's promise and `run()` never ends: a run that a guard stopped gets the error handed to its
 * stream instead, so that the application's `await` sees it. Everything else fails as it does without us.
 * Source: @llamaindex/workflow 1.1, src/agent/agent-workflow.ts; @llamaindex/workflow-core 1.3, src/core/context.ts.
 */
import { GuardError } from '../guards/guards.ts'
import { closeRefused, closeTool, failTool, openTool } from '../guard-tool.ts'
import { contained } from '../log.ts'
import { otel } from '../otel.ts'
import { type AgentCall, enterAgent, inAgent, leaveAgent, type Method, patchMethod, spanOfAgent } from './framework-run.ts'
import type { Integration } from './integration.ts'

/** What a single agent or a hand-off between agents goes through, in the order of the workflow. */
const STEPS = ['handleInputStep', 'setupAgent', 'runAgentStep', 'parseAgentOutput', 'executeToolCalls', 'processToolResults'] as const
/** The framework's own tool for a hand-off, which is no tool call. */
const HAND_OFF = 'handOff'

interface Running {
  readonly call: AgentCall
  /** Ends the application's stream with an error. */
  fail?: (error: unknown) => void
}
interface WorkflowEvent {
  include(event: unknown): boolean
}
interface WorkflowStream {
  pipeThrough(transform: TransformStream): unknown
}
interface ToolCall {
  readonly toolName: string
  readonly toolKwargs: unknown
  readonly toolId?: string
}

const byState = new WeakMap<object, Running>()
/** Filled by the first step, which `runStream` starts before it returns. */
let starting: { running?: Running } | undefined

export const llamaindex: Integration = {
  name: 'llamaindex',
  modules: [{ package: '@llamaindex/workflow', file: /^dist\/index\.c?js$/, patch }],
}

function patch(exports: Record<string, unknown>): boolean {
  const workflow = (exports['AgentWorkflow'] as { prototype?: object } | undefined)?.prototype
  const stop = exports['stopAgentEvent'] as WorkflowEvent | undefined
  if (workflow === undefined || stop === undefined) return false
  patchMethod(workflow, 'setupWorkflowSteps', (original) => {
    return function setupWorkflowSteps(this: unknown, ...args) {
      const self = this as Record<string, unknown>
      contained('llamaindex steps', () => {
        for (const step of STEPS) {
          const handler = self[step]
          if (typeof handler === 'function')
            self[step] = inRun(handler as Method, { stop, startedBy: step === STEPS[0] ? self : undefined })
        }
      })
      return original.apply(this, args)
    }
  })
  patchMethod(workflow, 'handle', (original) => {
    return function handle(this: unknown, ...args) {
      const [accept, handler, ...rest] = args
      return original.call(this, accept, typeof handler === 'function' ? inRun(handler as Method, { stop }) : handler, ...rest)
    }
  })
  patchMethod(workflow, 'runStream', wrapRunStream)
  return patchMethod(workflow, 'callTool', wrapCallTool)
}

/** A step of the workflow, inside its run. `startedBy` is the workflow, on the step that a run begins with. */
function inRun(handler: Method, how: { readonly stop: WorkflowEvent; readonly startedBy?: Record<string, unknown> | undefined }): Method {
  return async function (this: unknown, ...args) {
    const running = contained('llamaindex run', () => runningOf(args[0], how.startedBy))
    if (running === undefined) return handler.apply(this, args)
    const { call } = running
    try {
      const result = await inAgent(call, () => handler.apply(this, args))
      contained('llamaindex run', () => {
        if (how.stop.include(result)) leaveAgent(call)
      })
      return result
    } catch (error) {
      leaveAgent(call, error)
      if (call.run.stopped === undefined || running.fail === undefined) throw error
      running.fail(error)
      return undefined
    }
  }
}

function runningOf(context: unknown, startedBy: Record<string, unknown> | undefined): Running | undefined {
  const state = (context as { state?: unknown } | undefined)?.state
  if (typeof state !== 'object' || state === null) return undefined
  if (startedBy === undefined) return byState.get(state)
  const name = startedBy['rootAgentName']
  const agent = typeof name === 'string' ? name : ''
  const running: Running = { call: spanOfAgent(enterAgent(agent), agent) }
  // Its tools have spans; none are made from what the model asked for.
  running.call.run.hasToolSpans = true
  byState.set(state, running)
  if (starting !== undefined) starting.running = running
  return running
}

function wrapRunStream(original: Method): Method {
  return function runStream(this: unknown, ...args) {
    const before = starting
    const mine: { running?: Running } = {}
    starting = mine
    let stream: unknown
    try {
      stream = original.apply(this, args)
    } finally {
      starting = before
    }
    const { running } = mine
    return running === undefined ? stream : (contained('llamaindex stream', () => failable(stream as WorkflowStream, running)) ?? stream)
  }
}

/** The same stream, with a way for us to end it with an error. */
function failable(stream: WorkflowStream, running: Running): unknown {
  return stream.pipeThrough(
    new TransformStream({
      start: (controller) => {
        running.fail = (error) => contained('llamaindex stream', () => controller.error(error))
      },
    }),
  )
}

function wrapCallTool(original: Method): Method {
  return async function callTool(this: unknown, ...args) {
    const call = contained('llamaindex tool', () => {
      const { toolName, toolKwargs, toolId } = args[0] as ToolCall
      return toolName === HAND_OFF ? undefined : openTool(toolName, toolKwargs, toolId === undefined ? {} : { callId: toolId })
    })
    if (call === undefined) return original.apply(this, args)
    if (call.refusal !== undefined) {
      closeRefused(call)
      // The workflow makes it the tool's result, marked as an error.
      throw new GuardError(call.refusal)
    }
    try {
      const result = await otel().context.with(call.context, () => original.apply(this, args))
      contained('llamaindex tool', () => closeTool(call, result))
      return result
    } catch (error) {
      contained('llamaindex tool', () => failTool(call, error))
      throw error
    }
  }
}
