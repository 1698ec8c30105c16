/**
 * The body of a request as it comes, of HTTP and gRPC alike. It is read by events: to leave an iteration early would destroy the stream, and
 * with it the answer that says why. What has come is held in `place`, which may end the reading when others need the room.
 */
import type { Readable } from 'node:stream'
import { type Place, Refusal } from './receive.ts'

export interface Reading {
  readonly maxBytes: number
  readonly place: Place
  /** Given a way to end the reading from outside; what it returns is called when there is nothing more to end. */
  readonly watch?: (stop: (why: Refusal) => void) => () => void
}

/** Reads all of it. @throws Refusal `body_too_large`, `overload`, `share`, `slow`, `aborted`, or as `watch` says. */
export function readBody(stream: Readable, { maxBytes, place, watch }: Reading): Promise<Buffer> {
  return new Promise((done, refuse) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const leave = (): void => {
      place.done()
      unwatch?.()
      stream.off('data', take).off('end', end).off('aborted', broken).off('close', broken)
    }
    const stop = (why: unknown): void => {
      leave()
      // What still comes is thrown away, so that the sender gets to read the answer.
      stream.resume()
      refuse(why instanceof Error ? why : new Error(String(why)))
    }
    const take = (chunk: Buffer): void => {
      bytes += chunk.length
      try {
        if (bytes > maxBytes) throw tooLarge(maxBytes)
        place.came(bytes)
        chunks.push(chunk)
      } catch (refusal) {
        stop(refusal)
      }
    }
    const end = (): void => {
      leave()
      done(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, bytes))
    }
    const broken = (): void => stop(new Refusal('aborted', 'the request ended before its body did'))
    const unwatch = watch?.(stop)
    place.awaits(stop)
    stream.on('data', take).on('end', end).on('aborted', broken).on('close', broken)
    // Listened to until the end: an error that nobody hears would end the process.
    stream.on('error', broken)
  })
}

export function tooLarge(max: number): Refusal {
  return new Refusal('body_too_large', `the body is larger than ${max} bytes; send smaller batches or raise limits.max_body_bytes`)
}
