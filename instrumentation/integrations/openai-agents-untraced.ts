/**
 * Runs of the OpenAI Agents SDK whose tracing is off (`tracingDisabled`, `setTracingDisabled(true)`, OPENAI_AGENTS_DISABLE_TRACING): the SDK
 * tells nothing then, but the run is reported and guarded all the same, by its entry `Runner.prototype.run`. Turned off is what goes to OpenAI,
 * most often because there is no key of theirs. Lost are hand-offs and guardrails; agents used as tools are seen.
 */
import { contained, sayOnce } from '../log.ts'
import { runtime } from '../runtime.ts'
import { type AgentCall, enterAgent, inAgent, leaveAgent, type Method, spanOfAgent } from './framework-run.ts'

let isOff = false

/** What the SDK goes by when it is loaded. */
export function isTracingOffAtStart(env: Readonly<Record<string, string | undefined>>): boolean {
  const asked = env['OPENAI_AGENTS_DISABLE_TRACING']
  return env['NODE_ENV'] === 'test' || asked === 'true' || asked === '1'
}

export function setTracingOff(off: boolean): void {
  isOff = off
}

/** Wraps `Runner.prototype.run(agent, input, options)`. */
export function wrapRun(original: Method): Method {
  return function (this: unknown, ...args) {
    const call = contained('openai-agents run', () => open(this, args[0]))
    if (call === undefined) return original.apply(this, args)
    // An async method: it throws nothing but by its promise, which is handed on as it is.
    const result = inAgent(call, () => original.apply(this, args)) as Promise<unknown>
    result.then(
      (value) => contained('openai-agents run', () => leaveWith(call, value)),
      (error: unknown) => leaveAgent(call, error),
    )
    return result
  }
}

function open(runner: unknown, agent: unknown): AgentCall | undefined {
  const { config } = runner as { readonly config?: { readonly tracingDisabled?: boolean } }
  if (!runtime().active || !(isOff || config?.tracingDisabled === true)) return undefined
  sayOnce(
    'openai-agents untraced',
    'info',
    'tracing of @openai/agents is off: runs, model calls and tools are reported and guarded, hand-offs and guardrails are not told',
  )
  const { name } = agent as { readonly name?: unknown }
  const agentName = typeof name === 'string' ? name : ''
  const call = spanOfAgent(enterAgent(agentName), agentName)
  // Hand-offs are tools to the model, but none that are to be inferred.
  call.run.hasToolSpans = true
  return call
}

/** A stream goes on after its run has returned; its promise is one that the SDK has already handled. */
function leaveWith(call: AgentCall, result: unknown): void {
  const { completed } = (result ?? {}) as { readonly completed?: unknown }
  if (!(completed instanceof Promise)) {
    leaveAgent(call)
    return
  }
  completed.then(
    () => leaveAgent(call),
    (error: unknown) => leaveAgent(call, error),
  )
}
