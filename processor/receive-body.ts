/**
 * The body of a request as it comes, of HTTP and gRPC alike. It is read by events: to leave an iteration early would destroy the stream, and
 * with it the answer that says why. What has come is held in `place`, which may end the reading when others need the room.
 */
import type { Readable } from 'node:stream'
import { type Place, Refusal } from './receive.ts'

/** What is smaller is copied, as is what keeps much more memory than it is: HTTP/2 gives views of what was read of the socket. */
const SMALL_BYTES = 4096
const KEPT_FACTOR = 8
const PIECE_BYTES = 16_384

/**
 * What has come of a body, in order. A chunk of one byte that is kept takes 200 to 300 bytes that nobody counts: senders of such ran the heap
 * out with 2.5 MB of body. So small ones are copied one after the other into pieces, of which no more is free than has come.
 */
class Chunks {
  readonly #kept: Buffer[] = []
  #piece = Buffer.alloc(0)
  /** Of the piece, what is not in `#kept` yet, and what is free. */
  #from = 0
  #to = 0
  #bytes = 0

  add(chunk: Buffer): void {
    const { length } = chunk
    this.#bytes += length
    const isLarge = length >= SMALL_BYTES && length * KEPT_FACTOR >= chunk.buffer.byteLength
    // Most bodies are one chunk.
    if (isLarge || this.#bytes === length) {
      this.#endPiece()
      this.#kept.push(chunk)
      return
    }
    if (this.#to + length > this.#piece.length) {
      this.#endPiece()
      this.#piece = Buffer.allocUnsafeSlow(Math.max(length, Math.min(PIECE_BYTES, this.#bytes)))
      this.#from = this.#to = 0
    }
    this.#piece.set(chunk, this.#to)
    this.#to += length
  }

  all(): Buffer {
    this.#endPiece()
    const [first] = this.#kept
    return first !== undefined && this.#kept.length === 1 ? first : Buffer.concat(this.#kept, this.#bytes)
  }

  #endPiece(): void {
    if (this.#to > this.#from) this.#kept.push(this.#piece.subarray(this.#from, this.#to))
    this.#from = this.#to
  }
}

export interface Reading {
  readonly maxBytes: number
  readonly place: Place
  /** Given a way to end the reading from outside; what it returns is called when there is nothing more to end. */
  readonly watch?: (stop: (why: Refusal) => void) => () => void
}

/** Reads all of it. @throws Refusal `body_too_large`, `overload`, `share`, `slow`, `aborted`, or as `watch` says. */
export function readBody(stream: Readable, { maxBytes, place, watch }: Reading): Promise<Buffer> {
  return new Promise((done, refuse) => {
    let chunks = new Chunks()
    let bytes = 0
    const leave = (): void => {
      place.done()
      unwatch?.()
      stream.off('data', take).off('end', end).off('aborted', broken).off('close', broken)
    }
    const stop = (why: unknown): void => {
      leave()
      chunks = new Chunks()
      // What still comes is thrown away, so that the sender gets to read the answer.
      stream.resume()
      refuse(why instanceof Error ? why : new Error(String(why)))
    }
    const take = (chunk: Buffer): void => {
      bytes += chunk.length
      try {
        if (bytes > maxBytes) throw tooLarge(maxBytes)
        place.came(bytes)
        chunks.add(chunk)
      } catch (refusal) {
        stop(refusal)
      }
    }
    const end = (): void => {
      leave()
      done(chunks.all())
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
