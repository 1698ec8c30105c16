/**
 * Ways to put code of ours around a framework's without anybody being able to tell: a method keeps its name and arity and is wrapped once, a
 * generator stays the object it was, a rejection that the application does not handle stays unhandled.
 */
import { contained } from '../log.ts'

/**
 * Lets us see how a promise ends. The one returned is the one to hand on: the given one counts as handled from now on, and a rejection that
 * the application does not handle must stay one. What is no promise is handed back as it is.
 */
export function watched<T>(result: T, returned: (value: Awaited<T>) => void, threw: (error: unknown) => void): T {
  if (!(result instanceof Promise)) return result
  const promise = result as Promise<Awaited<T>>
  const passed = (value: Awaited<T>): Awaited<T> => {
    contained('end of a call', () => returned(value))
    return value
  }
  const failed = (error: unknown): void => {
    contained('end of a call', () => threw(error))
  }
  if (promise.constructor !== Promise) {
    // An SDK's promise with methods of its own.
    promise.then(passed, failed)
    return result
  }
  return promise.then(passed, (error: unknown) => {
    failed(error)
    throw error
  }) as T
}

/** Wraps a method in place, once per class: `make` is given the method and returns the one to put there. False where there is no such method. */
export function patchMethod(on: unknown, name: string, make: (original: Method) => Method): boolean {
  const owner = on as Record<string, unknown> | undefined
  const original = owner?.[name] as (Method & { [PATCHED]?: true }) | undefined
  if (owner === undefined || typeof original !== 'function') return false
  if (original[PATCHED] === true) return true
  const wrapped = make(original)
  const descriptor = Object.getOwnPropertyDescriptor(owner, name)
  for (const key of ['name', 'length'] as const) Object.defineProperty(wrapped, key, { value: original[key], configurable: true })
  Object.defineProperty(wrapped, PATCHED, { value: true })
  Object.defineProperty(owner, name, { configurable: true, writable: true, enumerable: descriptor?.enumerable ?? false, value: wrapped })
  return true
}

export type Method = (this: unknown, ...args: unknown[]) => unknown
const PATCHED = Symbol.for('agentopz.patched')

/**
 * Makes every step of a generator run through `step`: the object stays the one the framework made, so whoever looks at it sees no other class.
 */
export function throughSteps<G extends object>(generator: G, step: <T>(work: () => T) => T): G {
  for (const name of ['next', 'return', 'throw'] as const) {
    const original = (generator as Record<string, unknown>)[name]
    if (typeof original !== 'function') continue
    const value = (...args: unknown[]): unknown => step(() => Reflect.apply(original, generator, args) as unknown)
    Object.defineProperty(generator, name, { configurable: true, writable: true, value })
  }
  return generator
}
