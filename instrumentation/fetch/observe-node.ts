/**
 * Watches a Node stream, the body that node-fetch hands out. A stream can be read in many ways (events, pipe, async iteration), so it is not
 * listened to but led through another one: the same chunks, errors and backpressure, nothing buffered ahead, and nothing read before somebody
 * reads. Leaving the one closes the other.
 */
import { Readable } from 'node:stream'
import type { BodySink } from './observe.ts'

/** True for a stream of Node, by its shape: node-fetch may bring its own. */
export function isNodeStream(body: unknown): body is Readable {
  const b = body as { pipe?: unknown; on?: unknown } | null | undefined
  return typeof b?.pipe === 'function' && typeof b.on === 'function'
}

/** A stream that hands on what the source gives. `abort` is our own abort of the call; its reason is told in the place of an AbortError. */
export function watchedNodeStream(
  source: Readable,
  sink: BodySink,
  { take, abort }: { readonly take: () => boolean; readonly abort?: AbortSignal },
): Readable {
  let hasBegun = false
  let mine = false
  const over = (tell: () => void): void => {
    if (mine) tell()
    mine = false
  }
  const begin = (): void => {
    hasBegun = true
    mine = take()
    source.on('data', (chunk: unknown) => {
      if (mine && chunk instanceof Uint8Array) sink.chunk(chunk)
      if (!watched.push(chunk)) source.pause()
    })
    source.on('end', () => {
      over(() => sink.end())
      watched.push(null)
    })
    source.on('error', (error) => watched.destroy(error))
    // A source that closes before its end, without an error, must not leave its reader waiting.
    source.on('close', () => {
      if (!source.readableEnded) watched.destroy()
    })
  }
  const watched: Readable = new Readable({
    highWaterMark: 0,
    read: () => {
      if (!hasBegun) begin()
      source.resume()
    },
    destroy: (error, done) => {
      if (!hasBegun) mine = take()
      over(() => (error === null ? sink.cancelled() : sink.failed(error)))
      if (!source.destroyed) source.destroy()
      done(error)
    },
  })
  // node-fetch tells of an abort or a cut connection by an event on what it takes for its own stream, which is this one.
  const emit = watched.emit.bind(watched)
  watched.emit = (event: string | symbol, ...args: unknown[]) => {
    if (event !== 'error') return emit(event, ...args)
    const error: unknown = abort?.aborted === true ? abort.reason : args[0]
    over(() => sink.failed(error))
    return emit(event, error)
  }
  // Its own stream has a listener of node-fetch; without one an error would end the process.
  watched.on('error', () => undefined)
  return watched
}
