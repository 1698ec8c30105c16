/**
 * OpenAI Agents SDK. What the SDK tells of itself comes through a tracing processor of ours, put in by the global symbol that its trace provider
 * is kept under: no patch, and bundles are no hindrance (openai-agents-spans.ts). Model calls are the fetch layer's, told by a locator whose they
 * are. Two module hooks add what the SDK has no seam for: refusing a tool (openai-agents-tools.ts), and runs whose tracing is switched off
 * (openai-agents-untraced.ts). The SDK's own export stays as the application configured it.
 */
import { contained } from '../log.ts'
import { runtime } from '../runtime.ts'
import type { Integration } from './integration.ts'
import { locateRun, PROCESSOR, type Processor } from './openai-agents-spans.ts'
import { wrapInvoke } from './openai-agents-tools.ts'
import { isTracingOffAtStart, setTracingOff, wrapRun } from './openai-agents-untraced.ts'
import { type Method, patchMethod } from './framework-run.ts'

const KEY = Symbol.for('openai.agents.core.traceProvider')

/** What we use of the SDK's trace provider. */
interface TraceProvider {
  registerProcessor(processor: Processor): void
}
const place = globalThis as { [KEY]?: TraceProvider }

const met = new WeakSet<TraceProvider>()

/** Adds our processor to the provider, and sees to it that it stays when the application replaces the list. */
function meet(provider: TraceProvider): void {
  if (typeof provider?.registerProcessor !== 'function' || met.has(provider)) return
  met.add(provider)
  provider.registerProcessor(PROCESSOR)
  // First in the list: the SDK asks the processors one after the other and waits for each.
  replace(
    provider,
    'setProcessors',
    (original) =>
      (processors, ...more) =>
        original([PROCESSOR, ...(processors as Processor[])], ...more),
  )
  setTracingOff(isTracingOffAtStart(process.env))
  replace(provider, 'setDisabled', (original) => (disabled, ...more) => {
    setTracingOff(disabled === true)
    return original(disabled, ...more)
  })
}

/** Puts a function of the object's own before its class's. */
function replace(
  provider: TraceProvider,
  name: string,
  wrap: (original: (...args: unknown[]) => unknown) => (...args: unknown[]) => unknown,
): void {
  const original = (provider as unknown as Record<string, unknown>)[name]
  if (typeof original !== 'function') return
  const value = wrap((...args) => Reflect.apply(original, provider, args) as unknown)
  Object.defineProperty(provider, name, { value, configurable: true, writable: true })
}

export const openaiAgents: Integration = {
  name: 'openai-agents',
  start: () => {
    let current = place[KEY]
    if (current !== undefined) meet(current)
    Object.defineProperty(globalThis, KEY, {
      configurable: true,
      get: () => current,
      set: (provider: TraceProvider) => {
        current = provider
        contained('openai-agents', () => meet(provider))
      },
    })
    runtime().runs.addLocator(locateRun)
  },
  modules: [
    {
      package: '@openai/agents-core',
      file: /^dist\/tool\.m?js$/,
      patch: (exports) => {
        const original = exports['invokeFunctionTool']
        if (typeof original !== 'function') return false
        exports['invokeFunctionTool'] = wrapInvoke(original as Method)
        return true
      },
    },
    {
      package: '@openai/agents-core',
      file: /^dist\/run\.m?js$/,
      patch: (exports) => patchMethod((exports['Runner'] as { readonly prototype: unknown } | undefined)?.prototype, 'run', wrapRun),
    },
  ],
}
