/**
 * Genkit. Its spans come by themselves, but through an OpenTelemetry SDK 1.x that it starts when nobody did, whose spans reach nobody: it is told that
 * telemetry is set up. Runs are named by the flow, which Genkit keeps in its own async context; its model action's span is the model call's.
 * The breaker steps in where a tool action is run: the model reads the refusal in the place of the tool's output. Genkit ends a flow when a tool
 * throws, so nothing is thrown there.
 * Source: @genkit-ai/core 1.42, src/tracing.ts, src/tracing/instrumentation.ts, src/action.ts, src/registry.ts.
 */
import type { GuardError } from '../guards/guards.ts'
import { contained } from '../log.ts'
import { otel, type Span } from '../otel.ts'
import type { Located } from '../runs.ts'
import type { RunScope } from '../run-scope.ts'
import { runtime } from '../runtime.ts'
import { admitTool, patchMethod } from './framework-run.ts'
import type { Integration } from './integration.ts'

/** Genkit's globals: set by whichever copy of it came first. */
const INSTRUMENTED = '__GENKIT_TELEMETRY_INSTRUMENTED'
const ASYNC_CONTEXT = '__genkit_AsyncContext'
const SPAN_KEY = 'core.tracing.instrumentation.span'

interface Step {
  readonly metadata?: { readonly name?: string; readonly path?: string }
  readonly labels?: Readonly<Record<string, string>>
}
interface GenkitGlobals {
  [INSTRUMENTED]?: unknown
  [ASYNC_CONTEXT]?: { getStore(key: string): unknown }
}
const globals = globalThis as GenkitGlobals

const SUBTYPE = 'genkit:metadata:subtype'
const MODEL_ACTIONS: ReadonlySet<unknown> = new Set(['model', 'background-model', 'embedder'])
const TOOL_ACTIONS: ReadonlySet<unknown> = new Set(['tool', 'tool.v2'])

export const genkit: Integration = {
  name: 'genkit',
  modules: [{ package: '@genkit-ai/core', file: /^lib\/registry\.m?js$/, patch: patchRegistry }],
  start: () => {
    // The developer UI and Firebase read telemetry through Genkit's own SDK; one that the application configures later replaces ours as ever.
    const { GENKIT_ENV, GENKIT_TELEMETRY_SERVER, ENABLE_FIREBASE_MONITORING } = process.env
    const needsOwn = GENKIT_ENV === 'dev' || GENKIT_TELEMETRY_SERVER !== undefined || ENABLE_FIREBASE_MONITORING === 'true'
    if (!needsOwn) globals[INSTRUMENTED] ??= Promise.resolve()
    runtime().runs.addLocator(locate)
  },
}

const currentStep = (): Step | undefined => globals[ASYNC_CONTEXT]?.getStore(SPAN_KEY) as Step | undefined

function locate(): Located | undefined {
  const step = currentStep()
  const span = otel().trace.getActiveSpan()
  if (step === undefined || span === undefined) return undefined
  const { traceId } = span.spanContext()
  if (/^0+$/.test(traceId)) return undefined
  const run = runtime().runs.ofTrace(traceId, Date.now())
  name(run, step)
  return { run, ...(isModelAction(span) ? { modelCall: span } : {}) }
}

const isModelAction = (span: Span): boolean =>
  MODEL_ACTIONS.has((span as { attributes?: Readonly<Record<string, unknown>> }).attributes?.[SUBTYPE])

/** The outermost step is the run's name, as the processor has it: `/{weatherFlow,t:flow}/{generate,t:util}/…`; a bare `generate` has none. */
function name(run: RunScope, step: Step): void {
  if (run.isNamed) return
  const outermost = /^\/\{([^,}]+),t:(?:flow|action)/.exec(step.metadata?.path ?? '')?.[1]
  if (outermost === undefined) return
  run.agent = outermost
  run.isNamed = true
}

interface Action {
  __action?: { readonly name?: string; readonly actionType?: string }
  run?: (input: unknown, options?: unknown) => Promise<unknown>
}

/** Every tool is registered before it is used, those given to a single `generate` too. */
function patchRegistry(exports: Record<string, unknown>): boolean {
  const registry = (exports['Registry'] as { prototype?: object } | undefined)?.prototype
  return patchMethod(registry, 'registerAction', (original) => {
    return function registerAction(this: unknown, ...args) {
      contained('genkit tool', () => {
        if (TOOL_ACTIONS.has(args[0])) patchTool(args[1] as Action)
      })
      return original.apply(this, args)
    }
  })
}

function patchTool(action: Action): void {
  patchMethod(action, 'run', (original) => {
    return async function (this: unknown, ...args) {
      const call = contained('genkit tool', () => admitTool(toolName(action), args[0]))
      if (call !== undefined && 'error' in call) return refused(action, call.error)
      try {
        const result = await original.apply(this, args)
        contained('genkit tool', () => call?.ended(false))
        return result
      } catch (error) {
        // An interrupt asks a person; the tool did not fail.
        contained('genkit tool', () => call?.ended((error as { name?: unknown } | undefined)?.name !== 'ToolInterruptError'))
        throw error
      }
    }
  })
}

/** Called by the application's own code there is no model to read a text, and what is typed is not answered with something else. */
function refused({ __action: about }: Action, error: GuardError): unknown {
  if (currentStep()?.metadata?.name !== 'generate') throw error
  const output = { error: error.message }
  return { result: about?.actionType === 'tool.v2' ? { output } : output, telemetry: {} }
}

/** The name that the model knows: without the plugin's prefix. */
function toolName({ __action: about }: Action): string {
  const path = about?.name ?? ''
  return path.slice(path.lastIndexOf('/') + 1)
}
