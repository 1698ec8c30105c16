/**
 * What comes out of the AWS SDK for Bedrock: answers read, streams watched while the application reads them, and the answers and exceptions that a
 * guard gives instead, in the SDK's own shapes. Nothing is read ahead and no event is held back or changed.
 */
import { hash } from 'node:crypto'
import { BoundedMap } from '../bounded-map.ts'
import { anthropicMessages } from '../fetch/anthropic.ts'
import { converseAnswer, converseEvents } from '../fetch/bedrock-converse.ts'
import { bedrockInvoke } from '../fetch/bedrock-invoke.ts'
import { Answer, type Json, type ModelRequest, object, type Protocol } from '../fetch/protocol.ts'
import type { Ending } from '../fetch/read-answer.ts'
import type { GuardError } from '../guards/guards.ts'
import { contained } from '../log.ts'

/** JSON in a body that is text or bytes, and not longer than so many of them; undefined where it is neither. */
export function jsonOf(body: unknown, max = Infinity): Json | undefined {
  if ((typeof body === 'string' ? body.length : body instanceof Uint8Array ? body.byteLength : 0) > max) return undefined
  const text = typeof body === 'string' ? body : body instanceof Uint8Array ? new TextDecoder().decode(body) : undefined
  try {
    return text === undefined ? undefined : object(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** The value without the bytes in it (images, documents): their hash stands for them, so that equal requests stay equal. */
export function withoutBytes(value: unknown, depth = 0): unknown {
  if (value instanceof Uint8Array) return `sha256:${hash('sha256', value)}`
  if (typeof value !== 'object' || value === null || depth > 32) return value
  if (Array.isArray(value)) return value.map((v) => withoutBytes(v, depth + 1))
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, withoutBytes(v, depth + 1)]))
}

/** How a call ended that the SDK gave up on: an exception of the service is its answer, anything else is an error of the way there. */
export function failureOf(error: unknown): { readonly answer: Answer; readonly ending: Ending; readonly status: number | undefined } {
  const answer = new Answer()
  const e = error as { name?: unknown; message?: unknown; $metadata?: { httpStatusCode?: unknown } } | undefined
  const status = typeof e?.$metadata?.httpStatusCode === 'number' ? e.$metadata.httpStatusCode : undefined
  if (status === undefined) return { answer, ending: { error }, status }
  answer.errorType = typeof e?.name === 'string' ? e.name : 'error'
  answer.errorMessage = typeof e?.message === 'string' ? e.message : undefined
  return { answer, ending: 'complete', status }
}

/**
 * The exception of a refused or aborted call: the SDK's own AccessDeniedException where it has one. `$retryable` is left out: the SDK and those
 * around it take its mere presence for "try again".
 */
export function refusedError(error: GuardError, AccessDenied: unknown): Error {
  const about = { message: `${error.code}: agentopz ${error.message}`, $metadata: { httpStatusCode: 403, attempts: 1, totalRetryDelay: 0 } }
  const made =
    typeof AccessDenied === 'function'
      ? (new (AccessDenied as new (options: object) => Error)(about) as Error)
      : Object.assign(new Error(about.message), { $fault: 'client', $metadata: about.$metadata })
  made.name = 'AccessDeniedException'
  return Object.assign(made, { code: error.code, cause: error })
}

/** The output that ends a run with this text, or undefined where the model's maker has none. */
export function refusedOutput(command: string, request: ModelRequest, text: string): Json | undefined {
  const $metadata = { httpStatusCode: 200, attempts: 1, totalRetryDelay: 0 }
  if (command === 'ConverseCommand') return { ...converseAnswer(text), $metadata }
  if (command === 'ConverseStreamCommand') return { stream: streamOf(converseEvents(text)), $metadata }
  if (command === 'InvokeModelCommand') {
    const whole = bedrockInvoke.fallback?.({ ...request, stream: false }, text)
    return whole === undefined ? undefined : { body: blob(whole.body), contentType: 'application/json', $metadata }
  }
  const events = invokeEvents(request, text)
  if (events === undefined) return undefined
  const chunks = events.map((event) => ({ chunk: { bytes: blob(event) } }))
  return { body: streamOf(chunks), contentType: 'application/json', $metadata }
}

/** The texts of a stream's events, in the form the model's maker has. */
function invokeEvents(request: ModelRequest, text: string): readonly string[] | undefined {
  if (/(^|\.)amazon\.nova/.test(request.model ?? '')) return converseEvents(text).map((event) => JSON.stringify(event))
  if (!/(^|\.)anthropic\./.test(request.model ?? '')) return undefined
  const body = anthropicMessages.fallback?.({ ...request, stream: true }, text)?.body ?? ''
  return body.split('\n').flatMap((line) => (line.startsWith('data: ') ? [line.slice(6)] : []))
}

/** Bytes with the method that the SDK's bodies have. */
function blob(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text)
  return Object.defineProperty(bytes, 'transformToString', {
    value: (encoding = 'utf-8') => Buffer.from(bytes).toString(encoding as 'utf-8'),
  })
}

function streamOf(events: readonly Json[]): AsyncIterable<Json> {
  return {
    async *[Symbol.asyncIterator]() {
      yield* events
    },
  }
}

export interface Watch {
  readonly protocol: Protocol
  /** Called once. */
  readonly end: (answer: Answer, ending: Ending) => void
  /** Aborts what is under way. */
  readonly killed: AbortSignal
  /** What the reader of an aborted stream gets. */
  readonly killedError: () => Error
}

type Events = AsyncIterable<unknown>
type Iterator = AsyncIterator<unknown>

/** Streams that nobody reads end their call when they are collected, or at exit. */
const unread = new FinalizationRegistry<(ending: Ending) => void>((end) => end('cancelled'))
const open = new BoundedMap<(ending: Ending) => void, true>(10_000, (_, end) => end('cancelled'))

/** Ends calls whose streams are not read to their end, for the end of the process. */
export function endOpenStreams(): void {
  for (const [end] of open.entries()) end('cancelled')
}

/** Makes the stream tell what passes through it. It stays the same object. */
export function watchStream(stream: Events, { protocol, end, killed, killedError }: Watch): void {
  const answer = new Answer()
  let isOver = false
  const over = (ending: Ending): void => {
    if (isOver) return
    isOver = true
    open.delete(over)
    end(answer, ending)
  }
  open.set(over, true)
  unread.register(stream, over)
  const iterate = stream[Symbol.asyncIterator]
  const see = (event: unknown): void => {
    contained('bedrock event', () => protocol.event(plain(event), answer))
    if (answer.isLast) over('complete')
  }
  const watched = (source: Iterator): Iterator =>
    Object.create(source, {
      next: { value: (...sent: [] | [unknown]) => stoppable(source.next(...sent), { see, over, answer, killed, killedError }) },
      return: {
        value: (value?: unknown) => {
          over(answer.isComplete ? 'complete' : 'cancelled')
          return source.return?.(value) ?? Promise.resolve({ done: true, value })
        },
      },
      throw: {
        value: (error?: unknown) => {
          over({ error })
          return source.throw?.(error) ?? Promise.reject(error as Error)
        },
      },
      [Symbol.asyncIterator]: {
        value() {
          return this as Iterator
        },
      },
    }) as Iterator
  Object.defineProperty(stream, Symbol.asyncIterator, {
    value: function (this: Events) {
      const source = iterate.call(this)
      return contained('bedrock stream', () => watched(source)) ?? source
    },
    configurable: true,
    writable: true,
  })
}

interface Reading extends Pick<Watch, 'killed' | 'killedError'> {
  see(event: unknown): void
  over(ending: Ending): void
  readonly answer: Answer
}

/** The next event, or the guard's exception when the call is aborted before it comes. */
function stoppable(next: Promise<IteratorResult<unknown>>, r: Reading): Promise<IteratorResult<unknown>> {
  return new Promise((resolve, reject) => {
    const kill = (): void => {
      r.over({ error: r.killed.reason })
      reject(r.killedError())
    }
    if (r.killed.aborted && !r.answer.isLast) return kill()
    r.killed.addEventListener('abort', kill, { once: true })
    next.then(
      (result) => {
        r.killed.removeEventListener('abort', kill)
        if (result.done === true) r.over(r.answer.isComplete ? 'complete' : 'incomplete')
        else r.see(result.value)
        resolve(result)
      },
      (error: unknown) => {
        r.killed.removeEventListener('abort', kill)
        r.over({ error })
        reject(error as Error)
      },
    )
  })
}

/** An event as its JSON has it: the SDK hands out the bytes of a chunk decoded. */
function plain(event: unknown): Json {
  const e = object(event) ?? {}
  const bytes = object(e['chunk'])?.['bytes']
  return bytes instanceof Uint8Array ? (jsonOf(bytes) ?? {}) : e
}
