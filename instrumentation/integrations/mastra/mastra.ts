/**
 * Mastra. It is silent until the application configures its observability, so an agent's run and its tools are spans of ours and model calls are the
 * fetch layer's. Where Mastra reports by itself there are none of ours beside them (reports.ts); guards count the same either way.
 * A run is over when its stream is, which is learned without reading it.
 * Source: @mastra/core 1.71, src/agent/agent.ts, src/stream/base/output.ts, src/stream/MastraAgentNetworkStream.ts.
 */
import { contained } from '../../log.ts'
import { otel, ROOT_CONTEXT, type Span } from '../../otel.ts'
import type { Located } from '../../runs.ts'
import { runtime } from '../../runtime.ts'
import { type AgentCall, enterAgent, inAgent, leaveAgent, type Method, patchMethod, spanOfAgent, watched } from '../framework-run.ts'
import type { Integration } from '../integration.ts'
import { rememberReports, reportsOf, reportsOfRun } from './reports.ts'
import { guardTools } from './tools.ts'

/** When the run that a result belongs to ends; undefined where it has ended with it. */
type EndOf = (result: unknown) => PromiseLike<unknown> | undefined

/** Methods that run an agent. */
const RUNS: Readonly<Record<string, EndOf>> = {
  generate: () => undefined,
  resumeGenerate: () => undefined,
  stream: streamEnd,
  resumeStream: streamEnd,
  network: networkEnd,
  resumeNetwork: networkEnd,
}

interface Agent {
  readonly name?: unknown
  getMastraInstance?(): unknown
}

export const mastra: Integration = {
  name: 'mastra',
  // The class is in a chunk with a hash in its name, which the entries hand on.
  modules: [{ package: '@mastra/core', file: /^dist\/agent(\/index|-[\w-]+)\.c?js$/, patch }],
  start: () => runtime().runs.addLocator(locate),
}

function patch(exports: Record<string, unknown>): boolean {
  const agents = Object.values(exports).filter((e) => typeof e === 'function' && e.name === 'Agent')
  const prototypes = agents.map((agent) => (agent as unknown as { prototype: object }).prototype).filter((p) => 'convertTools' in p)
  for (const prototype of prototypes) {
    for (const [name, endOf] of Object.entries(RUNS)) patchMethod(prototype, name, (original) => wrapRun(original, endOf))
    patchMethod(prototype, 'convertTools', (original) => {
      return async function convertTools(this: unknown, ...args) {
        const tools = await original.apply(this, args)
        contained('mastra tools', () => guardTools(tools as Readonly<Record<string, unknown>>))
        return tools
      }
    })
  }
  return prototypes.length > 0
}

function wrapRun(original: Method, endOf: EndOf): Method {
  return function (this: unknown, ...args) {
    // Returns at once and calls stream() for every turn: each of those is a run.
    if (isUntilIdle(args[1])) return original.apply(this, args)
    const call = contained('mastra run', () => open(this as Agent, args[1]))
    if (call === undefined) return original.apply(this, args)
    return watched(
      inAgent(call, () => original.apply(this, args)),
      (result) => leaveAtEnd(call, result, endOf(result)),
      (error) => leaveAgent(call, error),
    )
  }
}

const isUntilIdle = (options: unknown): boolean =>
  typeof options === 'object' && options !== null && 'untilIdle' in options && Boolean(options.untilIdle)

function open(agent: Agent, options: unknown): AgentCall {
  const name = typeof agent.name === 'string' ? agent.name : ''
  const call = enterAgent(name)
  // Its tools have spans, Mastra's or ours: none are made from what the model asked for.
  call.run.hasToolSpans = true
  if (call.isOuter) rememberReports(call.run, reportsOf(agent.getMastraInstance?.(), options))
  return reportsOfRun(call.run) === undefined ? spanOfAgent(call, name) : call
}

function leaveAtEnd(call: AgentCall, result: unknown, end: PromiseLike<unknown> | undefined): void {
  if (end === undefined) leaveAgent(call)
  else
    end.then(
      () =>
        leaveAgent(
          call,
          contained('mastra run', () => (result as { readonly error?: unknown }).error),
        ),
      (error: unknown) => leaveAgent(call, error),
    )
}

function streamEnd(result: unknown): PromiseLike<unknown> | undefined {
  const output = result as { _waitUntilFinished?: () => PromiseLike<unknown> } | undefined
  return typeof output?._waitUntilFinished === 'function' ? output._waitUntilFinished() : undefined
}

function networkEnd(result: unknown): PromiseLike<unknown> | undefined {
  return (result as { usage?: PromiseLike<unknown> } | undefined)?.usage
}

/** Of a run that Mastra reports by itself, inner layers report no model calls: the bridge has a span for each, `model_inference`. */
function locate(): Located | undefined {
  const { runs } = runtime()
  const run = runs.explicit
  if (run === undefined || reportsOfRun(run) === undefined) return undefined
  const active = otel().trace.getActiveSpan()
  // The bridge tells what its spans are when they end: until then their trace would be taken for another run.
  const traceId = active?.spanContext().traceId
  if (traceId !== undefined && runs.knownOfTrace(traceId) !== run) runs.bindTrace(traceId, run)
  const modelCall = active ?? nobodysSpan()
  return { run, ...(modelCall === undefined ? {} : { modelCall }) }
}

/** Stands for the span of a call that is reported where we cannot see it. */
function nobodysSpan(): Span | undefined {
  const { trace } = otel()
  return trace.getSpan(trace.setSpanContext(ROOT_CONTEXT, { traceId: '0'.repeat(32), spanId: '0'.repeat(16), traceFlags: 0 }))
}
