/**
 * Vercel AI SDK 5, 6 and 7 where its module can be hooked. In 5 and 6 generateText and its like are given our tracer and guarded tools; in 7 the
 * telemetry integration (vercel-ai-7.ts) does that, and the hook adds what it is not told: the id of a ToolLoopAgent, where the model calls of
 * generateObject belong, and calls whose own integrations would replace ours. Embeddings are left to the fetch layer.
 */
import { contained } from '../log.ts'
import { runtime } from '../runtime.ts'
import { enterAgent, inAgent, patchMethod } from './framework-run.ts'
import type { Integration } from './integration.ts'
import { type Adapted, adaptNew, adaptOld, type Options } from './vercel-ai/adapt.ts'
import { withSlot } from './vercel-ai/operation.ts'

const TEXT = ['generateText', 'streamText'] as const
const OBJECT = ['generateObject', 'streamObject'] as const
const AGENTS = ['ToolLoopAgent', 'Experimental_Agent'] as const
const WRAPPED = Symbol.for('agentopz.vercel-ai')

type Work = (this: unknown, options: Options, ...rest: unknown[]) => unknown

export const vercelAi: Integration = {
  name: 'vercel-ai',
  modules: [
    {
      package: 'ai',
      file: /^dist\/index\.m?js$/,
      patch: (exports, where) => {
        if (typeof exports['generateText'] !== 'function') return false
        const isNew = typeof exports['registerTelemetry'] === 'function'
        for (const name of [...TEXT, ...OBJECT]) {
          const wrapped = wrap(exports[name], name, isNew)
          if (wrapped !== undefined) where.set(name, wrapped)
        }
        for (const name of AGENTS) patchAgent(exports[name], isNew)
        return true
      },
    },
  ],
}

function wrap(exported: unknown, name: string, isNew: boolean): Work | undefined {
  const original = exported as (Work & { [WRAPPED]?: true }) | undefined
  if (typeof original !== 'function' || original[WRAPPED] === true) return undefined
  const isObject = (OBJECT as readonly string[]).includes(name)
  const wrapped: Work = function (options, ...rest) {
    const adapted = runtime().active ? contained(`vercel ai ${name}`, () => adapt(options, isNew)) : undefined
    if (adapted === undefined) return Reflect.apply(original, this, [options, ...rest])
    const work = (): unknown => Reflect.apply(original, this, [adapted.options, ...rest])
    return isNew && isObject ? withSlot(work) : entered(adapted, work)
  }
  for (const key of ['name', 'length'] as const) Object.defineProperty(wrapped, key, { value: original[key], configurable: true })
  Object.defineProperty(wrapped, WRAPPED, { value: true })
  return wrapped
}

function adapt(options: Options, isNew: boolean, agentId?: string): Adapted | undefined {
  if (typeof options !== 'object' || options === null) return undefined
  return isNew ? { options: adaptNew(options, agentId) } : adaptOld(options, agentId)
}

/** Spans that the SDK makes by the application's will find the run that is entered here, under its name. */
function entered({ enters }: Adapted, work: () => unknown): unknown {
  if (enters === undefined) return work()
  const call = contained('vercel ai run', () => enterAgent(enters.name))
  return call === undefined ? work() : inAgent(call, work)
}

/** Agents call the SDK's functions inside the module, past its exports: their options are changed where they prepare them. */
function patchAgent(agent: unknown, isNew: boolean): void {
  const prototype = (agent as { prototype?: Record<string, unknown> } | undefined)?.prototype
  if (prototype === undefined) return
  const prepares = patchMethod(prototype, 'prepareCall', (original) => {
    return async function prepareCall(this: unknown, ...args) {
      const prepared = await (original.apply(this, args) as Promise<Options>)
      return contained('vercel ai agent', () => adapt(prepared, isNew, idOf(this)))?.options ?? prepared
    }
  })
  for (const name of ['generate', 'stream'])
    patchMethod(prototype, name, (original) => {
      return function (this: unknown, ...args) {
        const all = { ...(this as { settings?: Options }).settings, ...(args[0] as Options | undefined) }
        const adapted = isNew && prepares ? undefined : contained('vercel ai agent', () => adapt(all, isNew, idOf(this)))
        if (adapted === undefined) return original.apply(this, args)
        // 5 spreads its settings and then the options into the call.
        return entered(adapted, () => original.apply(this, prepares ? args : [adapted.options, ...args.slice(1)]))
      }
    })
}

/** The agent's own id or name. */
function idOf(agent: unknown): string | undefined {
  const { id, settings } = agent as { readonly id?: unknown; readonly settings?: { readonly id?: unknown; readonly name?: unknown } }
  return [id, settings?.id, settings?.name].find((v): v is string => typeof v === 'string' && v !== '')
}
