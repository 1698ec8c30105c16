/**
 * Guards inside the child of the Claude Agent SDK, through the SDK's own hooks: before a tool runs (breaker, stopped runs: the model reads why),
 * after it (its outcome counts for the breaker), and after a batch of tools, before the next model call (limits: the child is told to stop, and makes no further call).
 * The application's own hooks stay. Added only where there is a control plane: the child asks this process before every tool.
 */
import { AGENTOPZ, GEN_AI } from '../../model/semconv.ts'
import { GuardError } from '../guards/guards.ts'
import { ALLOWED } from '../controls/view.ts'
import { refuseToolCall } from '../guards/policy.ts'
import { recordIntervention } from '../interventions.ts'
import { contained } from '../log.ts'
import { SpanKind, tracer } from '../otel.ts'
import type { Refusal } from '../run-scope.ts'
import { fingerprint, runtime } from '../runtime.ts'
import type { ClaudeRun } from './claude-agent-session.ts'

type Hook = (input: HookInput) => Promise<unknown>
export type Hooks = Readonly<Record<string, readonly unknown[] | undefined>>

interface HookInput {
  readonly tool_name?: string
  readonly tool_input?: unknown
  readonly tool_use_id?: string
}

/** The application's hooks with ours after them; only for events that this version of the SDK knows. */
export function guardHooks(claude: ClaudeRun, given: Hooks | undefined, events: readonly string[]): Hooks {
  const ours: Readonly<Record<string, Hook>> = {
    PreToolUse: (input) => answered(() => before(claude, input)),
    PostToolUse: (input) => answered(() => after(claude, input, 'success')),
    PostToolUseFailure: (input) => answered(() => after(claude, input, 'failure')),
    PostToolBatch: () => answered(() => nextCall(claude)),
  }
  const known = Object.entries(ours).filter(([event]) => events.includes(event))
  return { ...given, ...Object.fromEntries(known.map(([event, hook]) => [event, [...(given?.[event] ?? []), { hooks: [hook] }]])) }
}

/** No answer is `{}`: the child goes on as if there were no hook. */
async function answered(work: () => unknown): Promise<unknown> {
  return contained('claude-agent hook', work) ?? {}
}

function before(claude: ClaudeRun, { tool_name: name, tool_input: input, tool_use_id: callId }: HookInput): unknown {
  if (name === undefined) return undefined
  const { run } = claude
  const { guards } = runtime()
  run.noteCall(name, fingerprint(JSON.stringify(input) ?? ''))
  const refusal = guards.admitTool(run, run.agent, name, Date.now()) ?? refusedByShortName(run.agent, name)
  if (refusal === undefined) return undefined
  // Not this tool alone: the run is over.
  if (refusal.guard !== 'tool_breaker') return over(claude, refusal)
  recordBlocked(claude, refusal, name, callId)
  const permissionDecisionReason = refusal.fallback ?? new GuardError(refusal).message
  return { hookSpecificOutput: { hookEventName: 'PreToolUse', permissionDecision: 'deny', permissionDecisionReason } }
}

/** The child's span of a refused tool does not say so; one of ours with the same call id does. */
function recordBlocked(claude: ClaudeRun, refusal: Refusal, name: string, callId: string | undefined): void {
  const { run, call } = claude
  const attributes = {
    [GEN_AI.operation]: 'execute_tool',
    [GEN_AI.toolName]: name,
    [AGENTOPZ.blocked]: true,
    [AGENTOPZ.runId]: run.id,
    ...(callId === undefined ? {} : { [GEN_AI.toolCallId]: callId }),
  }
  const span = tracer().startSpan(`execute_tool ${name}`, { kind: SpanKind.INTERNAL, attributes }, call.context)
  recordIntervention(run, refusal, 'tool_error', span)
  // The child's span of the call starts only now: they are one call where they overlap.
  claude.hold(span)
}

/** `mcp__weather__get_weather` is `get_weather` to whoever opens a tool. */
function refusedByShortName(agent: string, name: string): Refusal | undefined {
  const short = /^mcp__.+?__(.+)$/.exec(name)?.[1]
  if (short === undefined) return undefined
  const controls = runtime().guards.controls.tool(agent, short)
  return refuseToolCall(undefined, short, { agent: ALLOWED, byId: ALLOWED, controls, isOpen: false })
}

function after({ run }: ClaudeRun, { tool_name: name }: HookInput, outcome: 'success' | 'failure'): void {
  if (name !== undefined) runtime().guards.toolEnded(run.agent, name, outcome, Date.now())
}

/** The child waits for the answer before it calls the model. */
function nextCall(claude: ClaudeRun): unknown {
  claude.release()
  const refusal = claude.admit()
  return refusal === undefined ? undefined : over(claude, refusal)
}

/** Told to stop, the child makes no further call. */
function over(claude: ClaudeRun, refusal: Refusal): unknown {
  claude.stop(refusal)
  return { continue: false, stopReason: new GuardError(refusal).message }
}
