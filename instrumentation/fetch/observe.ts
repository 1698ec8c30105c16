/**
 * Watches a response's body while the application reads it, however it reads it, without reading a byte of its own: the same object, the same
 * chunks, backpressure, cancellation and errors. Nothing is buffered ahead (high-water mark 0); a body that nobody reads is not read.
 */
import { isNodeStream, watchedNodeStream } from './observe-node.ts'

/** What becomes of the body; each call at most once but `chunk`. */
export interface BodySink {
  text(whole: string): void
  /** The body as JSON, which the application gets after this: read it now, and change nothing. */
  json(value: unknown): void
  chunk(bytes: Uint8Array): void
  /** The last chunk was read. */
  end(): void
  /** The reader gave up. */
  cancelled(): void
  failed(error: unknown): void
}

/** Only the first reader of a body and its clones is watched: two would be counted twice. */
interface Claim {
  taken: boolean
  /** Our own abort of the call; node-fetch forgets its reason, which is then told in the place of a mere AbortError. */
  readonly abort?: AbortSignal
}

/** Ways to read a body whole: those of fetch, and those that node-fetch adds. */
const READERS = ['text', 'arrayBuffer', 'bytes', 'buffer', 'blob', 'formData', 'textConverted'] as const
type Reader = () => Promise<unknown>

/** Makes the response tell the sink. Returns the same response, one of `globalThis.fetch` or of node-fetch. */
export function observeBody(response: Response, sink: BodySink, how: { readonly abort?: AbortSignal } = {}): Response {
  return observe(response, sink, { taken: false, ...how })
}

function observe(response: Response, sink: BodySink, claim: Claim): Response {
  const take = (): boolean => {
    if (claim.taken) return false
    claim.taken = true
    return true
  }
  let watched: Watched | undefined
  const whole = (read: Reader, told: (value: unknown, sink: BodySink) => void = tell): Reader => {
    return async () => {
      // Whoever holds a reader of the stream holds the body: reading it whole is refused, as it would be.
      if (watched?.isLocked() === true) watched.lock()
      const mine = take()
      try {
        const value = await read()
        if (mine) told(value, sink)
        return value
      } catch (error) {
        if (mine) sink.failed(error)
        throw error
      }
    }
  }
  const methods: Record<string, unknown> = {}
  for (const name of READERS) {
    const read = (response as unknown as Partial<Record<string, Reader>>)[name]
    if (typeof read === 'function') methods[name] = whole(read.bind(response))
  }
  const read = whole(response.text.bind(response), () => undefined) as () => Promise<string>
  methods['json'] = async () => {
    // Whether it is this reader that is told, as `whole` finds it out.
    const mine = !claim.taken
    return parse(await read(), response, mine ? sink : undefined)
  }
  const clone = response.clone.bind(response)
  methods['clone'] = () => {
    if (watched?.isLocked() === true) watched.lock()
    return observe(clone(), sink, claim)
  }
  for (const [name, value] of Object.entries(methods)) Object.defineProperty(response, name, { value, configurable: true, writable: true })
  if (response.body === null || response.body === undefined) return response
  // Asked for anew each time: clone() gives the response another body.
  const body = (): unknown => Reflect.get(Object.getPrototypeOf(response) as object, 'body', response)
  let source: unknown
  const watch = (): unknown => {
    const now = body()
    if (now !== source || watched === undefined) {
      source = now
      watched = isNodeStream(now)
        ? { stream: watchedNodeStream(now, sink, { take, ...claim }), isLocked: () => false, lock: () => undefined }
        : watchedStream(now as ReadableStream<Uint8Array>, sink, take)
    }
    return watched.stream
  }
  Object.defineProperty(response, 'body', { configurable: true, get: watch })
  return response
}

/** A body read whole: its text where that is known without reading it twice. */
function tell(value: unknown, sink: BodySink): void {
  if (typeof value === 'string') sink.text(value)
  else if (value instanceof Uint8Array || value instanceof ArrayBuffer) sink.text(new TextDecoder().decode(value))
  else if (value instanceof Blob)
    // Its bytes are there: reading them again does not touch the response.
    value.text().then(
      (text) => sink.text(text),
      () => sink.end(),
    )
  else sink.end()
}

/** Parsed once, for the sink and the application; the error is the one that this kind of response throws. */
function parse(text: string, response: Response, sink: BodySink | undefined): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    sink?.text(text)
    const Kind = response.constructor as typeof Response
    if (Kind === globalThis.Response) throw error
    return new Kind(text, { url: response.url } as ResponseInit).json()
  }
  sink?.json(value)
  return value
}

type Read = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array>['read']>>

interface Watched {
  readonly stream: unknown
  /** Somebody holds a reader of the stream. */
  isLocked(): boolean
  /** Locks the body itself, as that reader would. */
  lock(): void
}

/** A stream that hands on what the source gives, when it is asked for it; of bytes where the source is one. */
function watchedStream(source: ReadableStream<Uint8Array>, sink: BodySink, take: () => boolean): Watched {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  let mine = false
  const begin = (): ReadableStreamDefaultReader<Uint8Array> => {
    if (reader !== undefined) return reader
    mine = take()
    return (reader = source.getReader())
  }
  const next = async (): Promise<Read> => {
    try {
      const read = await begin().read()
      if (read.done && mine) sink.end()
      if (!read.done && mine && read.value instanceof Uint8Array) sink.chunk(read.value)
      return read
    } catch (error) {
      if (mine) sink.failed(error)
      throw error
    }
  }
  const cancel = (reason: unknown): Promise<void> => {
    if (reader === undefined) mine = take()
    if (mine) sink.cancelled()
    return (reader ?? source).cancel(reason)
  }
  const stream = isOfBytes(source)
    ? new ReadableStream({
        type: 'bytes',
        cancel,
        pull: async (controller) => {
          const { done, value } = await next()
          if (!done) return controller.enqueue(value as Uint8Array<ArrayBuffer>)
          controller.close()
          controller.byobRequest?.respond(0)
        },
      })
    : // Enqueued bytes of a byte stream are taken from their owner; those of another source may be somebody's memory.
      new ReadableStream<Uint8Array>(
        {
          cancel,
          pull: async (controller) => {
            const { done, value } = await next()
            if (done) controller.close()
            else controller.enqueue(value)
          },
        },
        { highWaterMark: 0 },
      )
  return { stream, isLocked: () => stream.locked, lock: () => void begin() }
}

/** True for a stream that reads into a buffer of the reader; only such a stream may be replaced by one that does. */
function isOfBytes(source: ReadableStream<Uint8Array>): boolean {
  if (source.locked) return true
  try {
    source.getReader({ mode: 'byob' }).releaseLock()
    return true
  } catch {
    return false
  }
}
