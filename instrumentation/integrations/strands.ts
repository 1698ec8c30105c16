/**
 * Strands Agents. It makes its own spans (`invoke_agent`, `chat`, `execute_tool`), but only a tool's is active while the tool runs: here the agent's
 * is made active while the agent runs and the model call's while the model is called, so that the fetch layer sees the call as reported and its
 * guards count for the right run. The breaker steps in where the agent executes a tool: the model reads the refusal as the tool's error.
 * Source: @strands-agents/sdk 1.19, src/agent/agent.ts, src/telemetry/tracer.ts, src/tools/executors/executor.ts.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { AGENTOPZ } from '../../model/semconv.ts'
import { GuardError } from '../guards/guards.ts'
import { recordIntervention } from '../interventions.ts'
import { contained, sayOnce } from '../log.ts'
import { activeSpan, type Context, otel, type Span } from '../otel.ts'
import { runtime } from '../runtime.ts'
import { adoptRoot, type AgentCall, enterAgent, inAgent, leaveAgent, patchMethod, throughSteps, watched } from './framework-run.ts'
import type { Integration } from './integration.ts'

/** One agent, graph or swarm at work, and the spans it has open. */
interface Invocation {
  readonly call: AgentCall
  readonly tracer: object | undefined
  agent: Span | undefined
  cycle: Span | undefined
  model: Span | undefined
}

const inside = new AsyncLocalStorage<Invocation>()

interface Tool {
  readonly name: string
  stream(context: unknown): AsyncGenerator<unknown, unknown>
}
interface ToolUse {
  readonly name: string
}

export const strands: Integration = {
  name: 'strands',
  modules: [
    { package: '@strands-agents/sdk', file: /^dist\/src\/agent\/agent\.js$/, patch: (exports) => patchRunner(exports, 'Agent', 'name') },
    { package: '@strands-agents/sdk', file: /^dist\/src\/multiagent\/graph\.js$/, patch: (exports) => patchRunner(exports, 'Graph') },
    { package: '@strands-agents/sdk', file: /^dist\/src\/multiagent\/swarm\.js$/, patch: (exports) => patchRunner(exports, 'Swarm') },
    { package: '@strands-agents/sdk', file: /^dist\/src\/telemetry\/tracer\.js$/, patch: patchTracer },
    { package: '@strands-agents/sdk', file: /^dist\/src\/models\/model\.js$/, patch: patchModel },
    { package: '@strands-agents/sdk', file: /^dist\/src\/tools\/executors\/executor\.js$/, patch: patchTools },
  ],
}

const prototypeOf = (exports: Record<string, unknown>, name: string): object | undefined =>
  (exports[name] as { prototype?: object } | undefined)?.prototype

function expect(found: boolean, what: string): boolean {
  if (!found) sayOnce(`strands:${what}`, 'warn', `this version of @strands-agents/sdk has no ${what}; runs may be counted wrongly`)
  return found
}

/** `stream` is what `invoke` goes through too. A graph or swarm is a run without a name, called after the first agent in it (R2). */
function patchRunner(exports: Record<string, unknown>, name: string, nameKey?: string): boolean {
  if (exports[name] === undefined) return false
  return expect(
    patchMethod(prototypeOf(exports, name), 'stream', (original) => {
      return function stream(this: unknown, ...args) {
        const generator = original.apply(this, args) as AsyncGenerator
        return contained('strands stream', () => asRun(generator, this as Record<string, unknown>, nameKey)) ?? generator
      }
    }),
    `${name}.stream`,
  )
}

function asRun(generator: AsyncGenerator, runner: Record<string, unknown>, nameKey: string | undefined): AsyncGenerator {
  let invocation: Invocation | undefined
  const open = (): Invocation => {
    const name = nameKey === undefined ? undefined : runner[nameKey]
    const tracer = runner['_tracer'] as object | undefined
    const call = enterAgent(typeof name === 'string' ? name : undefined)
    return { call, tracer, agent: undefined, cycle: undefined, model: undefined }
  }
  return throughSteps(generator, (work) => {
    // Opened by the first step: a generator that nobody starts is no run.
    invocation ??= contained('strands invocation', open)
    const now = invocation
    if (now === undefined) return work()
    return watched(
      inAgent(now.call, () => inside.run(now, work), contextOf(now)),
      (step) => {
        if ((step as IteratorResult<unknown>).done === true) leaveAgent(now.call)
      },
      (error) => leaveAgent(now.call, error),
    )
  })
}

function contextOf({ call, agent, cycle }: Invocation): Context {
  const span = cycle ?? agent
  return span === undefined ? call.context : otel().trace.setSpan(call.context, span)
}

/** Learns which spans the framework has open. */
function patchTracer(exports: Record<string, unknown>): boolean {
  const tracer = prototypeOf(exports, 'Tracer')
  if (tracer === undefined) return false
  const note = (method: string, key: 'agent' | 'cycle' | 'model', isRoot = false): boolean =>
    patchMethod(tracer, method, (original) => {
      return function (this: unknown, ...args) {
        const span = original.apply(this, args) as Span | null
        contained('strands span', () => {
          const invocation = inside.getStore()
          if (invocation === undefined || invocation.tracer !== this || span === null) return
          invocation[key] = span
          if (isRoot && invocation.call.isOuter) adoptRoot(invocation.call.run, span)
        })
        return span
      }
    })
  const forget = (method: string, key: 'agent' | 'cycle' | 'model'): boolean =>
    patchMethod(tracer, method, (original) => {
      return function (this: unknown, ...args) {
        contained('strands span', () => {
          const invocation = inside.getStore()
          if (invocation !== undefined && invocation[key] === args[0]) invocation[key] = undefined
        })
        return original.apply(this, args)
      }
    })
  const found = [
    note('startAgentSpan', 'agent', true),
    note('startMultiAgentSpan', 'agent', true),
    note('startAgentLoopSpan', 'cycle'),
    note('startModelInvokeSpan', 'model'),
    forget('endAgentSpan', 'agent'),
    forget('endMultiAgentSpan', 'agent'),
    forget('endAgentLoopSpan', 'cycle'),
    forget('endModelInvokeSpan', 'model'),
  ]
  return expect(found[0] === true && found[3] === true, 'Tracer')
}

/** While the model is called, the call's own span is active: the fetch layer then makes none. */
function patchModel(exports: Record<string, unknown>): boolean {
  if (exports['Model'] === undefined) return false
  return expect(
    patchMethod(prototypeOf(exports, 'Model'), 'streamAggregated', (original) => {
      return function streamAggregated(this: unknown, ...args) {
        const generator = original.apply(this, args) as AsyncGenerator
        const span = inside.getStore()?.model
        if (span === undefined) return generator
        return throughSteps(generator, (work) => otel().context.with(otel().trace.setSpan(otel().context.active(), span), work))
      }
    }),
    'Model.streamAggregated',
  )
}

/** In the place of a refused tool the agent executes one that fails with the refusal: span, hooks and the model's message are the framework's. */
function patchTools(exports: Record<string, unknown>): boolean {
  if (exports['ToolExecutor'] === undefined) return false
  return expect(
    patchMethod(prototypeOf(exports, 'ToolExecutor'), '_executeToolCore', (original) => {
      return function _executeToolCore(this: unknown, ...args) {
        const [options, tool, toolUse, ...rest] = args as [unknown, Tool | undefined, ToolUse, ...unknown[]]
        if (tool === undefined) return original.apply(this, args)
        const admitted = contained('strands tool', () => admittedTool(tool, toolUse.name))
        if (admitted === undefined) return original.apply(this, args)
        const generator = original.call(this, options, admitted.tool, toolUse, ...rest) as AsyncGenerator
        return contained('strands tool', () => judged(generator, admitted.ended)) ?? generator
      }
    }),
    'ToolExecutor._executeToolCore',
  )
}

interface Admitted {
  readonly tool: Tool
  readonly ended: (failed: boolean) => void
}

function admittedTool(tool: Tool, name: string): Admitted {
  const { runs, guards } = runtime()
  const { run } = runs.locate(Date.now())
  const agent = run?.agent ?? runs.defaults.agent
  const refusal = guards.admitTool(run, agent, name, Date.now())
  if (refusal === undefined) return { tool, ended: (failed) => guards.toolEnded(agent, name, failed ? 'failure' : 'success', Date.now()) }
  const stream = (): never => {
    contained('strands refusal', () => {
      const span = activeSpan()
      span?.setAttribute(AGENTOPZ.blocked, true)
      recordIntervention(run, refusal, 'tool_error', span)
    })
    throw new GuardError(refusal)
  }
  return { tool: Object.create(tool, { stream: { value: stream } }) as Tool, ended: () => undefined }
}

/** Tells the breaker how the tool did, from the result that the model gets. */
function judged(generator: AsyncGenerator, ended: (failed: boolean) => void): AsyncGenerator {
  return throughSteps(generator, (work) =>
    watched(
      work(),
      (step) => {
        const { done, value } = step as IteratorResult<unknown, { readonly status?: unknown } | undefined>
        if (done === true) ended((value as { readonly status?: unknown } | undefined)?.status === 'error')
      },
      // What is thrown out of here is an interrupt for a person to answer, not a failure.
      () => ended(false),
    ),
  )
}
