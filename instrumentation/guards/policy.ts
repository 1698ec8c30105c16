/**
 * The policy core: may this model call, this tool call go ahead? Pure decisions over a run's numbers and the controls, each with its reason;
 * the fetch layer, the framework seams and the explicit API all ask here.
 * A limit is checked against what is spent plus what is set aside for calls under way, so a run passes it by at most one call.
 */
import type { Refusal, RunScope } from '../run-scope.ts'
import type { AgentControls, Allowed, ToolControls } from '../controls/view.ts'
import type { SpendWindow } from './spend-window.ts'

/** May the run make another model call? The refusal when not. */
export function refuseModelCall(run: RunScope, agent: AgentControls, byId: Allowed, window: SpendWindow, now: number): Refusal | undefined {
  if (!agent.allowed) return refusal('kill_switch', agent)
  if (!byId.allowed) return refusal('run_stop', byId)
  // A stopped run stays stopped, unless the control that stopped it was taken back.
  if (run.stopped !== undefined && run.stopped.guard !== 'kill_switch' && run.stopped.guard !== 'run_stop') return run.stopped
  const spent = run.costUsd + run.reservedUsd
  if (agent.maxCostUsd !== undefined && spent >= agent.maxCostUsd)
    return { guard: 'cost_guard', cause: 'max_cost_usd', reason: `the run has used ${usd(spent)} of ${usd(agent.maxCostUsd)}` }
  if (agent.costWindow !== undefined) {
    const inWindow = window.spent(agent.costWindow.seconds, now) + window.reservedUsd
    if (inWindow >= agent.costWindow.usd)
      return {
        guard: 'cost_guard',
        cause: 'max_cost_window',
        reason: `runs of ${run.agent} have used ${usd(inWindow)} of ${usd(agent.costWindow.usd)} in ${agent.costWindow.seconds} s`,
      }
  }
  if (agent.maxSteps !== undefined && run.steps >= agent.maxSteps)
    return { guard: 'step_guard', cause: 'max_steps', reason: `the run has made ${run.steps} of ${agent.maxSteps} steps` }
  const limit = agent.maxIdenticalCalls
  if (limit !== undefined && run.streak >= limit)
    return { guard: 'loop_guard', cause: 'identical_calls', reason: `the model asked for the same tool call ${run.streak} times in a row` }
  if (limit !== undefined && run.requestStreak >= limit)
    return { guard: 'loop_guard', cause: 'identical_requests', reason: `the same request was answered ${run.requestStreak} times in a row` }
  return undefined
}

/** What bears on a tool call: the controls of its agent, its run and itself, and whether its own breaker is open. */
export interface ToolQuestion {
  readonly agent: AgentControls
  readonly byId: Allowed
  readonly controls: ToolControls
  readonly isOpen: boolean
}

/** May the run call this tool? The refusal when not. */
export function refuseToolCall(
  run: RunScope | undefined,
  tool: string,
  { agent, byId, controls, isOpen }: ToolQuestion,
): Refusal | undefined {
  if (!controls.allowed) return refusal('tool_breaker', controls)
  if (isOpen)
    return {
      guard: 'tool_breaker',
      cause: 'breaker',
      reason: `${tool} kept failing and is not called for now`,
      ...(controls.fallback === undefined ? {} : { fallback: controls.fallback }),
    }
  if (!agent.allowed) return withoutFallback(refusal('kill_switch', agent))
  if (!byId.allowed) return withoutFallback(refusal('run_stop', byId))
  if (run?.stopped !== undefined) return withoutFallback(run.stopped)
  if (agent.maxSteps !== undefined && run !== undefined && run.steps >= agent.maxSteps + 1)
    return { guard: 'step_guard', cause: 'max_steps', reason: `the run has made ${run.steps} of ${agent.maxSteps} steps` }
  return undefined
}

/** The agent's fallback answers its user, not its model: a refused tool does not get it. */
function withoutFallback({ guard, cause, reason, controlId }: Refusal): Refusal {
  return { guard, cause, reason, ...(controlId === undefined ? {} : { controlId }) }
}

function refusal(guard: Refusal['guard'], a: Allowed): Refusal {
  return {
    guard,
    cause: a.isLost === true ? 'lost' : 'operator',
    reason: a.reason,
    ...(a.controlId === undefined ? {} : { controlId: a.controlId }),
    ...(a.fallback === undefined ? {} : { fallback: a.fallback }),
  }
}

/** Small sums with enough digits to be read: $0.0012, $1.50. */
function usd(amount: number): string {
  return `$${amount < 0.1 ? amount.toPrecision(2) : amount.toFixed(2)}`
}
