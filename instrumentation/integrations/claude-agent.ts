/**
 * Claude Agent SDK. The agent runs in a child process that makes its own model calls: it gets an environment in which it tells of them, below a
 * root span of ours (claude-agent-env.ts), and is watched and stopped from here (claude-agent-session.ts, claude-agent-hooks.ts).
 * The root carries no tokens: they are the child's to tell. What is patched is the export `query`; `startup` gets the environment only.
 */
import { contained } from '../log.ts'
import { runtime } from '../runtime.ts'
import { childEnv } from './claude-agent-env.ts'
import { type Options, openSession, type QueryParams } from './claude-agent-session.ts'
import type { Method } from './framework-run.ts'
import type { Integration } from './integration.ts'

const PATCHED = Symbol.for('agentopz.claude-agent')

export const claudeAgent: Integration = {
  name: 'claude-agent',
  modules: [
    {
      package: '@anthropic-ai/claude-agent-sdk',
      file: /^(sdk|core)\.mjs$/,
      patch: (exports) => {
        const events = Array.isArray(exports['HOOK_EVENTS']) ? (exports['HOOK_EVENTS'] as readonly string[]) : []
        const isReplaced = replace(exports, 'query', (original) => wrapQuery(original, events))
        replace(exports, 'startup', wrapStartup)
        return isReplaced
      },
    },
  ],
}

/** Puts a function in the place of an export, with the name and arity of the one that was there. */
function replace(exports: Record<string, unknown>, name: string, wrap: (original: Method) => Method): boolean {
  const original = exports[name] as (Method & { [PATCHED]?: true }) | undefined
  if (typeof original !== 'function') return false
  if (original[PATCHED] === true) return true
  const wrapped = wrap(original)
  for (const key of ['name', 'length'] as const) Object.defineProperty(wrapped, key, { value: original[key], configurable: true })
  Object.defineProperty(wrapped, PATCHED, { value: true })
  exports[name] = wrapped
  return true
}

/** `query({ prompt, options })` → a Query that is watched, or one that was refused and started no child. */
function wrapQuery(original: Method, events: readonly string[]): Method {
  return function (this: unknown, ...args) {
    const session = contained('claude-agent', () => openSession((args[0] ?? {}) as QueryParams, events))
    if (session === undefined) return original.apply(this, args)
    if (session.refusedQuery !== undefined) return session.refusedQuery
    let query: unknown
    try {
      query = session.inside(() => original.call(this, session.params, ...args.slice(1)))
    } catch (error) {
      contained('claude-agent', () => session.end(error))
      throw error
    }
    contained('claude-agent', () => session.watch(query))
    return query
  }
}

/** `startup({ options })`: the child starts before there is a run, so it tells of its runs itself. */
function wrapStartup(original: Method): Method {
  return function (this: unknown, ...args) {
    const params = (args[0] ?? {}) as { readonly options?: Options }
    const env = contained('claude-agent', () => (runtime().active ? childEnv(params.options?.env) : undefined))
    if (env === undefined) return original.apply(this, args)
    return original.call(this, { ...params, options: { ...params.options, env } }, ...args.slice(1))
  }
}
