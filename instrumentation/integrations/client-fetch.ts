/**
 * Clients of OpenAI's and Anthropic's SDKs that do not send through `globalThis.fetch`: openai 4 has node-fetch of its own (so have those that
 * depend on it, such as @genkit-ai/compat-oai), and every major takes a `fetch` option. The client's fetch gets the fetch layer when it first
 * sends; one that has it already, such as the global one, stays as it is.
 */
import { wrapFetch } from '../fetch/fetch.ts'
import { contained } from '../log.ts'
import type { Integration, ModulePatch } from './integration.ts'

const PATCHED = Symbol.for('agentopz.client-fetch')

type Send = (this: Client, ...args: unknown[]) => unknown
interface Client {
  fetch?: typeof globalThis.fetch
}
interface ClientClass {
  readonly prototype?: { fetchWithTimeout?: Send; [PATCHED]?: true }
}

/** Puts the layer around the fetch of every client of this class; false where the class is not there, or not yet. */
function patch(clientClass: unknown): boolean {
  const prototype = (clientClass as ClientClass | undefined)?.prototype
  const original = prototype?.fetchWithTimeout
  if (prototype === undefined || typeof original !== 'function') return false
  if (Object.hasOwn(prototype, PATCHED)) return true
  prototype[PATCHED] = true
  const wrapped: Send = function fetchWithTimeout(...args) {
    contained('client fetch', () => {
      if (typeof this.fetch === 'function') this.fetch = wrapFetch(this.fetch)
    })
    return original.apply(this, args)
  }
  Object.defineProperty(wrapped, 'length', { value: original.length })
  prototype.fetchWithTimeout = wrapped
  return true
}

/** A file of a package and the class in it that sends. */
function client(name: string, file: RegExp, className: string): ModulePatch {
  return { package: name, file, patch: (exports) => patch(exports[className]) }
}

export const clientFetch: Integration = {
  name: 'client-fetch',
  modules: [
    client('openai', /^core\.m?js$/, 'APIClient'),
    client('openai', /^client\.m?js$/, 'OpenAI'),
    client('@anthropic-ai/sdk', /^core\.m?js$/, 'APIClient'),
    client('@anthropic-ai/sdk', /^client\.m?js$/, 'BaseAnthropic'),
  ],
}
