/**
 * Reaching LangChain's classes, promises and generators without changing what the application sees of them: values, exceptions and their stacks,
 * who waits for whom. A class that is not there yet (a circular require) is reported as such, and the module is asked again.
 */
import { contained } from '../../log.ts'

/** Status of a refusal's exception: retries of LangChain and LangGraph give up on it at once. */
export const NO_RETRY = 403

/** The prototype of an exported class; undefined while the module is being loaded. */
export function prototypeOf(exports: Readonly<Record<string, unknown>>, name: string): object | undefined {
  return (exports[name] as { prototype?: object } | undefined)?.prototype
}

/**
 * Tells how a promise came out and hands it on. In its own chain and not beside it: an exception's stack is followed through a promise only
 * while the promise has one reader, and LangChain writes the stack of a tool's wrong input into what it tells the model.
 */
export function afterwards<T>(result: Promise<T>, done: (value: T) => void, failed: (error: unknown) => void): Promise<T> {
  return result.then(
    (value) => {
      contained('langchain', () => done(value))
      return value
    },
    (error: unknown) => {
      contained('langchain', () => failed(error))
      throw error
    },
  )
}

/** How an iteration ended: to its end, by an error of its own, or by its reader. */
export type Over = 'done' | 'failed' | 'left'

/** Iterates `inner` by `around`, value by value as the reader asks, and tells how it ended. */
export async function* carried<T>(
  inner: AsyncGenerator<T, unknown>,
  around: <R>(work: () => R) => R,
  over: (how: Over) => void,
): AsyncGenerator<T, unknown> {
  let how: Over = 'failed'
  try {
    for (;;) {
      how = 'failed'
      const step = await around(() => inner.next())
      how = step.done === true ? 'done' : 'left'
      if (step.done === true) return step.value
      yield step.value
    }
  } finally {
    // Before it is told to stop: a graph that is left comes back only when all that it had begun has ended.
    over(how)
    if (how === 'left') await around(() => inner.return(undefined))
  }
}
