/**
 * Watches a response's body while the application reads it, however it reads it, without reading a byte of its own: the same object, the same
 * chunks, backpressure, cancellation and errors. Nothing is buffered ahead (high-water mark 0); a body that nobody reads is not read.
 */

/** What becomes of the body; each call at most once but `chunk`. */
export interface BodySink {
  text(whole: string): void
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
}

/** Makes the response tell the sink. Returns the same response. */
export function observeBody(response: Response, sink: BodySink, claim: Claim = { taken: false }): Response {
  const take = (): boolean => {
    if (claim.taken) return false
    claim.taken = true
    return true
  }
  const whole = <T>(read: () => Promise<T>, tell: (value: T) => void): (() => Promise<T>) => {
    return async () => {
      const mine = take()
      try {
        const value = await read()
        if (mine) tell(value)
        return value
      } catch (error) {
        if (mine) sink.failed(error)
        throw error
      }
    }
  }
  const text = response.text.bind(response)
  const methods = {
    text: whole(text, (value) => sink.text(value)),
    // Parsed here from the same text, so that it is parsed once; a SyntaxError is the application's, after the sink saw the text.
    json: async () => JSON.parse(await methods.text()) as unknown,
    arrayBuffer: whole(response.arrayBuffer.bind(response), (value) => sink.text(new TextDecoder().decode(value))),
    blob: whole(response.blob.bind(response), () => sink.end()),
    formData: whole(response.formData.bind(response), () => sink.end()),
    ...('bytes' in response
      ? { bytes: whole(response.bytes.bind(response), (value) => sink.text(new TextDecoder().decode(value as Uint8Array))) }
      : {}),
    clone: () => observeBody(clone(), sink, claim),
  }
  const clone = response.clone.bind(response)
  for (const [name, value] of Object.entries(methods)) Object.defineProperty(response, name, { value, configurable: true, writable: true })
  const source = response.body
  let watched: ReadableStream | undefined
  if (source !== null)
    Object.defineProperty(response, 'body', {
      configurable: true,
      get: () => (watched ??= watchedStream(source, sink, take)),
    })
  return response
}

/** A byte stream that hands on what the source gives, when it is asked for it. */
export function watchedStream(source: ReadableStream<Uint8Array>, sink: BodySink, take: () => boolean): ReadableStream {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  let mine = false
  const begin = (): ReadableStreamDefaultReader<Uint8Array> => {
    if (reader !== undefined) return reader
    mine = take()
    return (reader = source.getReader())
  }
  return new ReadableStream({
    type: 'bytes',
    pull: async (controller) => {
      try {
        const from = begin()
        let read = await from.read()
        while (!read.done && read.value.byteLength === 0) read = await from.read()
        if (read.done) {
          if (mine) sink.end()
          controller.close()
          controller.byobRequest?.respond(0)
          return
        }
        if (mine) sink.chunk(read.value)
        controller.enqueue(read.value as Uint8Array<ArrayBuffer>)
      } catch (error) {
        if (mine) sink.failed(error)
        throw error
      }
    },
    cancel: (reason) => {
      if (reader === undefined) mine = take()
      if (mine) sink.cancelled()
      return (reader ?? source).cancel(reason)
    },
  })
}
