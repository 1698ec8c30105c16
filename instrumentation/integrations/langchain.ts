/**
 * LangChain.js and LangGraph, which tell nothing by themselves: a run for every graph or outermost chain, named after its agent, sub-agents for
 * graphs inside, spans of tools and retrievals. Model calls are left to the fetch layer, which finds the run here; those of models that do not
 * use fetch are guarded and reported here (langchain/models.ts). Patched are a handful of methods that every version since 0.3 has.
 */
import { contained } from '../log.ts'
import { runtime } from '../runtime.ts'
import { patchMethod } from './framework-run.ts'
import type { Integration, ModulePatch } from './integration.ts'
import { handler } from './langchain/handler.ts'
import { noteSeen, patchModel } from './langchain/models.ts'
import { carried, prototypeOf } from './langchain/patching.ts'
import { chainLeft, placeOf, type Starting, starting } from './langchain/places.ts'
import { patchRetriever, patchToolLike, patchTools, takeToolMessage } from './langchain/tools.ts'

type Exports = Readonly<Record<string, unknown>>

export const langchain: Integration = {
  name: 'langchain',
  start: () => runtime().runs.addLocator(noteSeen),
  modules: [
    core('callbacks/manager', (exports) => patchManager(exports)),
    core('singletons/async_local_storage/index', (exports) => patchStorage(exports)),
    core('language_models/chat_models', (exports) => patchModel(exports, 'BaseChatModel')),
    core('language_models/llms', (exports) => patchModel(exports, 'BaseLLM')),
    core('messages/tool', takeToolMessage),
    core('tools/index', patchTools),
    core('retrievers/index', (exports) => patchRetriever(exports)),
    core('runnables/base', (exports, path) => {
      if (prototypeOf(exports, 'RunnableSequence') === undefined) return false
      watchStream(prototypeOf(exports, 'RunnableSequence'), '_streamIterator', () => ({}))
      watchStream(prototypeOf(exports, 'Runnable'), '_transformStreamWithConfig', () => ({}))
      return patchToolLike(exports, path)
    }),
    { package: '@langchain/langgraph', file: /^dist\/pregel\/index\.c?js$/, patch: (exports) => patchGraph(exports) },
  ],
}

function core(file: string, patch: (exports: Exports, path: string) => boolean): ModulePatch {
  return {
    package: '@langchain/core',
    file: new RegExp(String.raw`^dist/${file}\.c?js$`),
    patch: (exports, { path }) => patch(exports, path),
  }
}

/** Every callback manager gets our handler; it is what children's managers are made of, so that they know their parent. */
function patchManager(exports: Exports): boolean {
  const manager = exports['CallbackManager']
  if (typeof manager !== 'function') return false
  patchMethod(
    manager,
    '_configureSync',
    (original) =>
      function (this: unknown, ...args) {
        return original.apply(this, contained('langchain manager', () => withHandler(args)) ?? args)
      },
  )
  return true
}

function withHandler([inheritable, ...rest]: readonly unknown[]): unknown[] {
  if (inheritable === undefined || inheritable === null) return [[handler], ...rest]
  if (Array.isArray(inheritable)) return [inheritable.includes(handler) ? inheritable : [...(inheritable as unknown[]), handler], ...rest]
  const manager = inheritable as { handlers?: unknown; copy?: () => { addHandler(h: unknown, inherit: boolean): void } }
  if (!Array.isArray(manager.handlers) || manager.handlers.includes(handler) || typeof manager.copy !== 'function')
    return [inheritable, ...rest]
  const copy = manager.copy()
  copy.addHandler(handler, true)
  return [copy, ...rest]
}

/** The application's own code in nodes, lambdas and tools runs in its place: SDKs called there, and spans made there, belong to the run. */
function patchStorage(exports: Exports): boolean {
  const storage = exports['AsyncLocalStorageProviderSingleton']
  if (typeof storage !== 'object' || storage === null) return false
  patchMethod(
    Object.getPrototypeOf(storage) as object,
    'runWithConfig',
    (original) =>
      function (this: unknown, ...args) {
        const [config, callback, ...rest] = args
        const place = contained('langchain context', () => placeOf((config as { callbacks?: unknown } | undefined)?.callbacks))
        if (place === undefined || typeof callback !== 'function') return original.apply(this, args)
        return original.call(this, config, () => place.within(callback as () => unknown), ...rest)
      },
  )
  return true
}

/** The first run that starts in this stream is its own; it ends when the reader leaves, of which LangChain tells nobody. */
function watchStream(prototype: object | undefined, method: string, about: (self: unknown, args: readonly unknown[]) => Starting): void {
  patchMethod(
    prototype,
    method,
    (original) =>
      function (this: unknown, ...args) {
        const inner = original.apply(this, args) as AsyncGenerator<unknown>
        const start = contained('langchain stream', () => about(this, args))
        if (start === undefined) return inner
        return carried(
          inner,
          (work) => starting.run(start, work),
          (how) => {
            if (how === 'left') contained('langchain stream', () => chainLeft(start))
          },
        )
      },
  )
}

interface Configured {
  readonly configurable?: { readonly thread_id?: unknown }
  readonly signal?: unknown
}

function patchGraph(exports: Exports): boolean {
  const prototype = prototypeOf(exports, 'Pregel')
  if (prototype === undefined) return false
  watchStream(prototype, '_streamIterator', (self, [, options]) => {
    const graph = self as { readonly name?: unknown; readonly config?: Configured }
    const given = options as Configured | undefined
    const thread = given?.configurable?.thread_id ?? graph.config?.configurable?.thread_id
    return {
      graph: {
        name: typeof graph.name === 'string' ? graph.name : undefined,
        thread: typeof thread === 'string' && thread !== '' ? thread : undefined,
        signal: given?.signal instanceof AbortSignal ? given.signal : undefined,
      },
    }
  })
  return true
}
