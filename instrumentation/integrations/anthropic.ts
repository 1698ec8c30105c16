/**
 * Anthropic's SDK. Its own spans (from 0.137, on as soon as a tracer provider is there) are switched off unless the application switched them
 * on: each would be a trace of its own, and a loop over `messages.create` is then one run per call, so that no limit per run ever holds. The
 * fetch layer sees the same calls, knows which belong together, and reports what the SDK leaves out (finish reasons, hashes, the attempt).
 * What is added: the tool breaker and a span around each tool that `toolRunner()` runs.
 */
import { AGENTOPZ, GEN_AI } from '../../model/semconv.ts'
import { closeRefused, closeTool, failTool, type OpenTool, openTool } from '../guard-tool.ts'
import { GuardError } from '../guards/guards.ts'
import { askedKey } from '../implied-runs.ts'
import { contained } from '../log.ts'
import { activeSpan, otel, ROOT_CONTEXT } from '../otel.ts'
import { runtime } from '../runtime.ts'
import type { Integration } from './integration.ts'

/** Read by the SDK when a client is made; an `openTelemetry` option in code goes before it. */
const SWITCH = 'ANTHROPIC_OPEN_TELEMETRY'
const PATCHED = Symbol.for('agentopz.anthropic.tools')

interface Outcome {
  readonly content: unknown
  readonly isError: boolean
}
type RunTool = (tool: { readonly name?: unknown }, input: unknown, context: unknown) => Promise<Outcome>

export const anthropic: Integration = {
  name: 'anthropic',
  start: () => {
    process.env[SWITCH] ??= 'false'
  },
  modules: [
    {
      package: '@anthropic-ai/sdk',
      file: /^lib\/tools\/BetaRunnableTool\.m?js$/,
      patch: (exports) => {
        const original = exports['runRunnableTool'] as (RunTool & { [PATCHED]?: true }) | undefined
        if (typeof original !== 'function' || original[PATCHED] === true) return
        exports['runRunnableTool'] = Object.assign(guarded(original), { [PATCHED]: true })
      },
    },
  ],
}

/** What the SDK runs a tool with: it never rejects, a tool that threw is an outcome with `isError`. */
function guarded(original: RunTool): RunTool {
  return async function runRunnableTool(tool, input, context) {
    const call = contained('anthropic tool', () => open(tool, input, context))
    if (call === undefined) return original(tool, input, context)
    if (call.refusal !== undefined) {
      closeRefused(call)
      return { content: `Error: ${new GuardError(call.refusal).message}`, isError: true }
    }
    const outcome = await otel().context.with(call.context, () => original(tool, input, context))
    contained('anthropic tool', () => {
      if (outcome.isError) failTool(call, { name: 'tool_error', message: '' })
      else closeTool(call, outcome.content)
    })
    return outcome
  }
}

/** Opens the tool's span; undefined where the SDK's own span is there already, or the tool has no name. */
function open(tool: { readonly name?: unknown }, input: unknown, context: unknown): OpenTool | undefined {
  if (!runtime().active || typeof tool.name !== 'string' || isReported()) return undefined
  const { name } = tool
  const { runs } = runtime()
  const id = (context as { toolUse?: { id?: unknown } } | undefined)?.toolUse?.id
  const callId = typeof id === 'string' ? id : ''
  const located = runs.locate(Date.now()).run
  // Between two calls of a loop nothing is active; the call that the model asked for knows its run.
  const run = located ?? runs.byKey(`tool:${callId}`)
  run?.asked.delete(askedKey(callId, name))
  const parent = located === undefined && run?.root !== undefined ? otel().trace.setSpan(ROOT_CONTEXT, run.root) : undefined
  const make = (): OpenTool => openTool(name, input, { ...(callId === '' ? {} : { callId }), ...(parent === undefined ? {} : { parent }) })
  return run === undefined || located !== undefined ? make() : runs.within(run, make)
}

function isReported(): boolean {
  const attributes = (activeSpan() as { attributes?: Readonly<Record<string, unknown>> } | undefined)?.attributes
  return attributes?.[GEN_AI.operation] === 'execute_tool' && attributes[AGENTOPZ.argumentsHash] === undefined
}
